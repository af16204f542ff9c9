//! To the journal with fields where there is one, else as text to standard error.

use std::io;

use tracing_subscriber::{filter::LevelFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging.
pub(crate) fn start(to_journal: bool) {
    let journal = to_journal.then(tracing_journald::layer).and_then(Result::ok);
    let journal = journal.map(|layer| layer.with_field_prefix(Some("HOLDFAST".to_owned())));
    let text =
        journal.is_none().then(|| fmt::layer().with_writer(io::stderr).with_ansi(false).with_target(false));
    tracing_subscriber::registry().with(LevelFilter::INFO).with(journal).with(text).init();
}
