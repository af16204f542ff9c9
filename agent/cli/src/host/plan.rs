//! `holdfast plan`: looks, thinks and prints. There is nothing here that could change the host.

use std::path::Path;

use holdfast_agent::{
    applied::Applied,
    revision,
    settings::{Paths, Settings},
};
use holdfast_converge::{
    engine::{self, Scope, Task},
    ledger::Ledger,
    plan::{
        preview::{Intent, Preview},
        render::{self, Tone},
    },
};
use holdfast_schema::{ContentSource, Fleet, HostState, Resolved};
use holdfast_trust::Ratchet;

use crate::{
    Context,
    arguments::host::Plan,
    exit::Exit,
    failure::{Code, Failure},
    host::{look::Host, newest, settings},
    output::Style,
    workstation::{check, work_tree},
};

/// What a plan starts from.
pub(crate) struct Wanted {
    pub(crate) state: HostState,
    pub(crate) contents: Box<dyn ContentSource>,
    /// The revision, for people.
    pub(crate) revision: String,
}

/// What the agent remembers that a plan depends on.
#[derive(Default)]
pub(crate) struct Remembered {
    pub(crate) applied: Option<Applied>,
    pub(crate) ratchet: Option<Ratchet>,
    pub(crate) ledger: Ledger,
}

/// Shows what would change on this host.
pub(crate) fn run(arguments: &Plan, context: &Context) -> Result<Exit, Failure> {
    let paths = settings::paths(&arguments.root);
    let host = Host::at(&arguments.root)?;
    let remembered = remembered(&paths)?;
    let wanted = match (&arguments.from, arguments.newest) {
        (Some(directory), _) => {
            let Some(wanted) = from_work_tree(arguments, directory, &paths, &host, context)? else {
                return Ok(Exit::Problem);
            };
            wanted
        }
        (None, true) => from_server(&paths, remembered.ratchet.as_ref(), &host, context)?,
        (None, false) => in_force(remembered.applied, &paths)?,
    };
    let task = Task {
        state: &wanted.state,
        contents: &*wanted.contents,
        scope: Scope::All,
        whole_but_for: None,
        in_force: false,
        upkeep: None,
        revision: &wanted.revision,
    };
    let preview = host.ask(async |host| engine::plan(&task, host, &remembered.ledger).await);
    if arguments.json {
        context.output.json(&preview)?;
    } else {
        context.output.note(format!("{} at {}", wanted.state.host, wanted.revision))?;
        context.output.line(render::render(&preview, &paint).trim_end())?;
    }
    Ok(exit(&preview, arguments.exit_code))
}

/// What the agent remembers.
pub(crate) fn remembered(paths: &Paths) -> Result<Remembered, Failure> {
    Ok(settings::memory(paths)?.map_or_else(Remembered::default, |memory| Remembered {
        applied: memory.candidate.or(memory.applied),
        ratchet: memory.ratchet,
        ledger: memory.ledger,
    }))
}

/// The revision in force.
pub(crate) fn in_force(applied: Option<Applied>, paths: &Paths) -> Result<Wanted, Failure> {
    let Some(applied) = applied else {
        // That it is not enrolled says more than that nothing was applied.
        settings::load(paths)?;
        return Err(Failure::new(Code::NothingApplied, "there is no revision in force on this host yet"));
    };
    let revision = applied.record.commit.short();
    Ok(Wanted { state: applied.record.state.clone(), contents: Box::new(applied), revision })
}

/// The newest revision on the server, verified.
fn from_server(
    paths: &Paths,
    ratchet: Option<&Ratchet>,
    look: &Host,
    context: &Context,
) -> Result<Wanted, Failure> {
    let settings = settings::load(paths)?;
    let remote = settings::fetcher(paths, &settings);
    let newest = newest::fetch(&remote, &settings, ratchet, context)?;
    let Some((verified, objects)) = newest.verified.filter(|_| newest.refused.is_empty()) else {
        return Err(newest
            .refused
            .first()
            .map_or_else(|| Failure::new(Code::Fetch, "cannot verify what was fetched"), newest::refused));
    };
    let resolved = revision::resolve(&objects, &verified, &settings.host, &look.facts()?);
    let Resolved { state, contents } = resolved.map_err(|problems| {
        problems
            .first()
            .map_or_else(|| Failure::new(Code::Fetch, "cannot resolve what was fetched"), newest::refused)
    })?;
    Ok(Wanted { state, contents: Box::new(contents), revision: newest.tip.short() })
}

/// A work tree that need not be committed; `None` if it has problems, which are printed.
fn from_work_tree(
    arguments: &Plan,
    directory: &Path,
    paths: &Paths,
    look: &Host,
    context: &Context,
) -> Result<Option<Wanted>, Failure> {
    let host = match &arguments.host {
        Some(host) => host.clone(),
        None => Settings::load(paths).map_err(|why| settings::unusable(&why))?.host,
    };
    let root = work_tree::at(&context.directory.join(directory))?;
    let repository = work_tree::read(&root)?;
    match Fleet::new(&repository).resolve(&host, &look.facts()?) {
        Ok(Resolved { state, contents }) => {
            let revision = format!("the work tree {}", root.display());
            Ok(Some(Wanted { state, contents: Box::new(contents), revision }))
        }
        Err(found) => {
            check::show(&found, context)?;
            Ok(None)
        }
    }
}

fn paint(tone: Tone, text: &str) -> String {
    let style = match tone {
        Tone::Heading => Style::Strong,
        Tone::Added => Style::Good,
        Tone::Removed => Style::Bad,
        Tone::Position => Style::Place,
        Tone::Problem => Style::Warning,
        Tone::Faint => Style::Faint,
    };
    style.of(text)
}

/// How the command ends: a plan that would fail is a problem, one that would change something is told if asked.
fn exit(preview: &Preview, told: bool) -> Exit {
    let any =
        |intents: &[Intent]| preview.resources.iter().any(|foreseen| intents.contains(&foreseen.intent));
    if any(&[Intent::Fail, Intent::Hold]) {
        return Exit::Problem;
    }
    let changes = any(&[Intent::Create, Intent::Change, Intent::Remove, Intent::Later]);
    if told && changes { Exit::Differs } else { Exit::Success }
}
