//! `holdfast-agent`: reads its arguments and its configuration, then runs the service.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "before the log is set up there is only the terminal"
)]
#![expect(clippy::disallowed_methods, reason = "main.rs reads the environment")]

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use holdfast_agent::{
    Agent,
    agent::Stop,
    lock::{Lock, LockError},
    remote::FetcherSocket,
    revision::one_line,
    service,
    settings::{Paths, Settings},
    store::Store,
};
use holdfast_converge::host::{LocalHost, watch::Witness};
use holdfast_schema::status::PassResult;
use tracing_subscriber::prelude::*;

const HELP: &str = "\
The root service of Holdfast. systemd runs it; see holdfast-agent(8).

Usage: holdfast-agent [--once [--offline]]

  --once      poll, converge and publish once, then exit: 0 converged, 1 not
  --offline   with --once: converge to the last good revision without asking Git
  --version   print the version
  --help      print this
";

/// sysexits.h: something else has to finish first.
const EXIT_BUSY: u8 = 75;
/// sysexits.h: something is wrong with the configuration.
const EXIT_CONFIG: u8 = 78;

enum Mode {
    Serve,
    Once { offline: bool },
    Probe(Vec<String>),
    Print(&'static str),
}

fn main() -> ExitCode {
    let mode = match arguments() {
        Ok(mode) => mode,
        Err(why) => {
            eprint!("holdfast-agent: {why}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match mode {
        Mode::Print(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Mode::Probe(words) => holdfast_converge::host::probe::main(&words),
        Mode::Serve | Mode::Once { .. } => {
            log();
            // While this is the only thread: the others have the privileges that it has when they begin.
            let witness = match Witness::call() {
                Ok(witness) => witness,
                Err(why) => {
                    tracing::error!("a privilege that is not needed any more could not be given up: {why}");
                    return ExitCode::FAILURE;
                }
            };
            let outcome = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .thread_keep_alive(Duration::from_millis(100))
                .build()
                .context("start the runtime")
                .and_then(|runtime| {
                    let outcome = tokio::task::LocalSet::new().block_on(&runtime, run(&mode, witness));
                    // A thread may still wait for a fetcher that hangs: the process ends all the same.
                    runtime.shutdown_background();
                    outcome
                });
            outcome.unwrap_or_else(|why| {
                tracing::error!("{why:#}");
                ExitCode::FAILURE
            })
        }
    }
}

fn arguments() -> Result<Mode, lexopt::Error> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_env();
    let (mut once, mut offline) = (false, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("once") => once = true,
            Long("offline") => offline = true,
            Long("help") | Short('h') => return Ok(Mode::Print(HELP)),
            Long("version") | Short('V') => {
                return Ok(Mode::Print(concat!("holdfast-agent ", env!("CARGO_PKG_VERSION"), "\n")));
            }
            Value(word) if word == "probe" => {
                let words: Result<_, _> = parser.raw_args()?.map(ValueExt::string).collect();
                return words.map(Mode::Probe);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    if offline && !once {
        return Err("--offline goes with --once".into());
    }
    Ok(if once { Mode::Once { offline } } else { Mode::Serve })
}

async fn run(mode: &Mode, witness: Option<Witness>) -> anyhow::Result<ExitCode> {
    let paths = Paths::installed();
    let configured = Settings::load(&paths).and_then(|settings| Ok((settings, paths.read_host_key()?)));
    let (settings, key) = match configured {
        Ok(configured) => configured,
        Err(why) => {
            tracing::error!(code = why.code(), "{}; {}", one_line(&why), why.remedy());
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    let store = Store::open(&paths.state)?;
    let _lock = match Lock::take(&store.path("lock")) {
        Ok(lock) => lock,
        Err(why @ LockError::Held { .. }) => {
            tracing::error!("{why}");
            return Ok(ExitCode::from(EXIT_BUSY));
        }
        Err(why) => return Err(why.into()),
    };
    // The fetcher gives up by itself before this; the rest is for a fetcher that hangs.
    let patience = Duration::from_secs(u64::from(settings.fleet.total_seconds) + 30);
    let limit = holdfast_trust::Limits::default().total_bytes;
    let remote = Arc::new(FetcherSocket { path: paths.fetch_socket(), patience, limit });
    let host = LocalHost::new(&paths.state).context("reach the host")?;
    let mut agent = Agent::new(paths.clone(), settings, remote, host, key).await?;
    let Mode::Once { offline } = *mode else {
        let listener = service::listen(&paths.control_socket()).context("listen for commands")?;
        agent.listen(witness);
        service::run(agent, listener).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let stop = Stop::never();
    if offline {
        agent.cycle_offline(&stop).await;
    } else {
        agent.cycle(&stop).await;
    }
    let converged = agent.status().is_some_and(|status| status.result == PassResult::Converged);
    Ok(if converged { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// To the journal with its fields where there is one, as text to standard error elsewhere.
fn log() {
    let journal = tracing_journald::layer()
        .ok()
        .filter(|_| std::env::var_os("JOURNAL_STREAM").is_some())
        .map(|layer| {
            layer
                .with_syslog_identifier("holdfast-agent".to_owned())
                .with_field_prefix(Some("HOLDFAST".to_owned()))
        });
    let text = journal
        .is_none()
        .then(|| tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time());
    tracing_subscriber::registry()
        .with(tracing_subscriber::filter::LevelFilter::INFO)
        .with(journal)
        .with(text)
        .init();
}
