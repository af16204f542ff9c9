//! `holdfast secret rekey`

use std::collections::BTreeSet;

use super::fleet::{self, WorkTreeSecrets};
use crate::{Context, arguments::secret::Rekey, exit::Exit, failure::Failure};

/// Encrypts secrets to those who may read them now.
pub(crate) fn run(arguments: &Rekey, context: &Context) -> Result<Exit, Failure> {
    let mut work_tree = WorkTreeSecrets::find(&arguments.work_tree, context)?;
    let identity = fleet::identity(&context.directory.join(&arguments.identity))?;
    let secrets = work_tree.secrets(context)?;
    let names: BTreeSet<_> = if arguments.names.is_empty() {
        fleet::stale(&secrets)
    } else {
        arguments.names.iter().cloned().collect()
    };
    // All of them are read before the first is written.
    let mut opened = Vec::new();
    for name in &names {
        opened.push(work_tree.open(name, &identity)?);
    }
    for (envelope, secret) in &opened {
        let keys = work_tree.seal(envelope, secret, context)?;
        context.output.line(format!("encrypted {} to {keys} keys", envelope.name))?;
    }
    if opened.is_empty() {
        context.output.line("every secret is encrypted to the right keys")?;
    } else {
        context.output.note(
            "who could read one of these before can still read what Git had then: if somebody may not any more, change the \
             secret itself with `holdfast secret edit`",
        )?;
    }
    Ok(Exit::Success)
}
