//! `holdfast try`: the whole loop in one directory, with nothing installed and no root rights.
//!
//! Everything is real but the place: the agent is the one that runs on hosts, its Git server is a bare repository, its `/`
//! is a directory. Only the fetcher runs in the same process instead of behind a socket.

mod guide;
mod objects;
mod place;

use std::sync::Arc;

use holdfast_agent::{
    Agent,
    agent::Stop,
    lock::{Lock, LockError},
    store::Store,
};
use holdfast_converge::host::LocalHost;
use holdfast_protocol::control::{Local, Reply};
use holdfast_schema::status::PassResult;

use crate::{
    Context,
    arguments::workstation::Try,
    exit::Exit,
    failure::{Code, Failure},
    host::{agent::Report, look, report},
    in_process::InProcess,
    output::{self, Style},
    stock_git,
};

use self::place::Place;

/// Makes everything if it is not there, and does one pass.
pub(crate) fn run(arguments: &Try, context: &Context) -> Result<Exit, Failure> {
    let place = Place::at(&context.directory.join(&arguments.dir));
    let again = format!("{} try --dir {}", context.program, arguments.dir.display());
    let first = !place.is_made();
    if first {
        place.make(context.now, &plain(&guide::ideas(&place, &again)))?;
        print(context, &guide::layout(&place))?;
    }
    let (report, steps) = converge(&place)?;
    for step in &steps {
        context.output.line(Style::Faint.of(step))?;
    }
    if !steps.is_empty() {
        context.output.line("")?;
    }
    print(context, &report::ending(&report, context.now))?;
    context.output.line("")?;
    if report.status.problem.iter().any(|problem| problem.code == "E_UNSIGNED") {
        print(context, &guide::after_unsigned(&place))?;
    } else if first {
        print(context, &guide::ideas(&place, &again))?;
    } else {
        context.output.line(format!("{} has more to try", place.ideas().display()))?;
    }
    let missing: Vec<&str> =
        ["git", "ssh-keygen"].into_iter().filter(|program| !stock_git::is_installed(program)).collect();
    print(context, guide::missing(&missing).as_slice())?;
    let good = report.status.result == PassResult::Converged && report.local.push_failure.is_none();
    Ok(if good { Exit::Success } else { Exit::Problem })
}

/// Lines without any style, for a file.
fn plain(lines: &[String]) -> String {
    lines.iter().map(|line| output::without_styles(line) + "\n").collect()
}

fn print(context: &Context, lines: &[String]) -> Result<(), Failure> {
    Ok(lines.iter().try_for_each(|line| context.output.line(line))?)
}

/// One cycle of the agent: what came of it, and what it did step by step.
fn converge(place: &Place) -> Result<(Report, Vec<String>), Failure> {
    let fail = |what: &str| Failure::new(Code::Try, format!("cannot {what}"));
    let store = Store::open(place.state()).map_err(|why| fail("open the agent's memory").because(why))?;
    let _lock = Lock::take(&store.path("lock")).map_err(|why| match why {
        LockError::Held { .. } => Failure::new(Code::Busy, why.to_string()).busy(),
        why @ LockError::Io { .. } => fail("lock the agent's memory").because(why),
    })?;
    let settings = place.settings()?;
    let key = place.host_key()?;
    let host = LocalHost::scratch(&place.root()).map_err(|why| fail("open the scratch root").because(why))?;
    let remote = Arc::new(InProcess::new(place.fetcher()));
    tokio::task::LocalSet::new().block_on(&look::runtime()?, async {
        let mut agent = Agent::new(place.paths(), settings, remote, host, key)
            .await
            .map_err(|why| fail("read the agent's memory").because(why))?;
        let (sender, mut progress) = tokio::sync::mpsc::unbounded_channel();
        agent.tell_progress_to(Some(sender));
        agent.cycle(&Stop::never()).await;
        agent.tell_progress_to(None);
        let mut steps = Vec::new();
        while let Ok(reply) = progress.try_recv() {
            if let Reply::Progress { line } = reply {
                steps.push(line);
            }
        }
        let status = agent.status().cloned().ok_or_else(|| fail("tell how the pass went"))?;
        let local = Local {
            pushed: agent.memory().published.tip.map(|tip| tip.to_string()),
            push_failure: agent.push_failure().map(str::to_owned),
            ..Local::default()
        };
        Ok((Report { status, local }, steps))
    })
}
