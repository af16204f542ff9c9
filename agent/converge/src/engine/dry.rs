//! The dry run: the same looks and the same thoughts as a pass, and nothing to act with.

use holdfast_schema::state::Mode;

use super::{
    Failure, Prints, Task, failure, foresight::Foresight, no_undo, record::WILL_CHANGE, scan,
    watched_by_units,
};
use crate::{
    host::{HostError, Read},
    kinds::{self, Around, Fate, Refusal, Verdict},
    ledger::Ledger,
    plan::{
        Action, Preview, Step, inventory,
        order::{Item, order},
        preview::{Change, Diff, Foreseen, Intent, Problem},
        render,
    },
};

/// Says what [`super::pass`] would do, and changes nothing.
pub async fn plan<H: Read>(task: &Task<'_>, host: &H, ledger: &Ledger) -> Preview {
    // What a pass would write down first, written down in a copy.
    let mut ledger = ledger.clone();
    let mut prints = scan::scan(task, host, &mut ledger).await;
    let leaving = inventory::leaving(task.state, &ledger);
    let held = inventory::excess(task.state.guard, &ledger, &leaving).map(Failure::guarded);
    let items = order(task.state, |id| task.scope.holds(id), &leaving, &ledger);
    let watched = watched_by_units(task.state, task.scope);
    let foresight = Foresight::new(host);
    let mut preview = Preview::default();
    let mut unsettled = vec![false; items.len()];
    for (at, item) in items.iter().enumerate() {
        let needs_unsettled = item.needs.iter().any(|need| unsettled.get(*need) == Some(&true));
        let print = watched.contains(item.id);
        let foreseen = match (&held, item.declared) {
            (Some(held), None) => Some(problem(item, Intent::Hold, held.clone())),
            _ => foresee(task, item, print, needs_unsettled, &ledger, &mut prints, &foresight).await,
        };
        if let Some(Foreseen { intent: Intent::Remove | Intent::Release, .. }) = &foreseen {
            ledger.forget(item.id);
        }
        let changes = match &foreseen {
            Some(foreseen) => !matches!(foreseen.intent, Intent::Audit | Intent::Adopt | Intent::Release),
            None => false,
        };
        if let Some(unsettled) = unsettled.get_mut(at) {
            *unsettled = changes || needs_unsettled;
        }
        match foreseen {
            Some(foreseen) => preview.resources.push(foreseen),
            None if item.declared.is_some() => preview.same += 1,
            None => {}
        }
    }
    no_undo::tell_packages(&foresight.leaving_packages(), &mut preview, host).await;
    host.finish();
    preview
}

async fn foresee(
    task: &Task<'_>,
    item: &Item<'_>,
    print: bool,
    needs_unsettled: bool,
    ledger: &Ledger,
    prints: &mut Prints,
    host: &Foresight<'_, impl Read>,
) -> Option<Foreseen> {
    let spec = item.declared.map(|resource| &resource.spec);
    if let Some(holdfast_schema::spec::Spec::Unit(unit)) = spec {
        for input in unit.inputs() {
            scan::look_at(task, input, ledger, host, prints).await;
        }
    }
    let around =
        Around { state: task.state, contents: task.contents, ledger, prints, in_force: task.in_force };
    let verdict = kinds::examine(item.id, spec, print, &around, host).await;
    let failed = |failure: Failure| {
        let intent = if needs_unsettled { Intent::Later } else { Intent::Fail };
        problem(item, intent, failure)
    };
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(error) => return Some(failed(Failure::from(&error))),
    };
    let Verdict { plan, fate, found, print, .. } = verdict;
    let steps = match plan {
        Ok(steps) => steps,
        // As far as this host is concerned, nothing would happen.
        Err(Refusal::Elsewhere { .. }) => return None,
        Err(refusal) => return Some(failed(Failure::from(&refusal))),
    };
    let mode = item.declared.map(|resource| resource.mode).unwrap_or_default();
    if let Some(print) = print {
        let print = if steps.is_empty() || mode != Mode::Enforce { print } else { WILL_CHANGE };
        prints.insert(item.id.clone(), print);
    }
    if steps.is_empty() {
        let Some(Fate::Released(why)) = fate else { return None };
        let why = Problem { code: None, message: why.to_owned(), remedy: None };
        let id = item.id.clone();
        return Some(Foreseen {
            id,
            intent: Intent::Release,
            changes: Vec::new(),
            problem: Some(why),
            found: None,
        });
    }
    let intent = match item.declared {
        None => Intent::Remove,
        Some(_) if mode == Mode::Audit => Intent::Audit,
        Some(_) if mode == Mode::Adopt => Intent::Adopt,
        Some(_) if creates(&steps) => Intent::Create,
        Some(_) => Intent::Change,
    };
    let mut changes = Vec::with_capacity(steps.len());
    for step in steps {
        let diff = diff(task, &step, ledger, host).await;
        let no_undo = no_undo::of_step(&step, host).await;
        host.foresee(&step.action);
        changes.push(Change { because: step.because, disrupts: step.disrupts, no_undo, diff });
    }
    Some(Foreseen { id: item.id.clone(), intent, changes, problem: None, found })
}

fn problem(item: &Item<'_>, intent: Intent, failure: Failure) -> Foreseen {
    let Failure { code, detail, remedy, .. } = failure;
    let problem = Some(Problem { code: Some(code), message: detail, remedy });
    Foreseen { id: item.id.clone(), intent, changes: Vec::new(), problem, found: None }
}

/// Whether the first step makes something where nothing is.
fn creates(steps: &[Step]) -> bool {
    let nothing = |from: &str| matches!(from, "none" | "not installed");
    steps.first().is_some_and(|step| nothing(&step.because.from))
}

/// What a step would change in a file.
async fn diff(task: &Task<'_>, step: &Step, ledger: &Ledger, host: &impl Read) -> Option<Diff> {
    let hidden = || Some(Diff::Hidden("the content is a secret".to_owned()));
    let (path, content) = match &step.action {
        Action::WriteSecret { .. } | Action::WriteFile { sensitive: true, .. } => return hidden(),
        Action::WriteFile { path, content, .. } => (path, content),
        _ => return None,
    };
    if ledger.holds_secret(&step.resource, path) {
        return hidden();
    }
    // One byte more than is shown tells that there is more.
    let limit = render::LARGEST_DIFF + 1;
    if content.size >= limit {
        return Some(Diff::Hidden(format!("too large for a diff: {} bytes", content.size)));
    }
    let failed = |error: &dyn std::error::Error| Some(Diff::Hidden(failure::chain(error)));
    let new = match task.contents.content(&content.sha256) {
        Ok(new) => new,
        Err(error) => return failed(&error),
    };
    let old: Result<_, HostError> = host.bytes(path, limit).await;
    match old {
        Ok(old) => Some(render::compare(path.as_str(), old.as_deref(), &new)),
        Err(error) => failed(&error),
    }
}
