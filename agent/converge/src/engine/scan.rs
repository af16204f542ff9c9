//! What must be known before a pass changes anything: which paths are not there yet, and what running units run with.
//!
//! It touches the host only for what is new, so that a quiet pass does nothing here but compare.

use std::collections::BTreeMap;

use holdfast_schema::{AbsolutePath, KindName, ResourceId, Sha256, spec::Spec, spec::UnitSpec, state::Mode};

use super::{Prints, Task, keeper::Keeper, prepare, selected};
use crate::{
    host::{Look, Node, Read},
    kinds::{
        self, Around, Kind as _, Subject,
        unit::{self, level},
    },
    ledger::{Entry, Ledger, Lesson},
};

/// A change of the ledger that the pass depends on or that can wait.
pub(super) trait Notes {
    fn ledger(&self) -> &Ledger;
    fn learn(&mut self, change: impl FnOnce(&mut Ledger) -> bool);
    fn promise(&mut self, change: impl FnOnce(&mut Ledger) -> bool);
}

impl Notes for Keeper<'_, '_> {
    fn ledger(&self) -> &Ledger {
        Keeper::ledger(self)
    }
    fn learn(&mut self, change: impl FnOnce(&mut Ledger) -> bool) {
        Keeper::learn(self, change);
    }
    fn promise(&mut self, change: impl FnOnce(&mut Ledger) -> bool) {
        Keeper::promise(self, change);
    }
}

/// A dry run notes in a copy.
impl Notes for Ledger {
    fn ledger(&self) -> &Ledger {
        self
    }
    fn learn(&mut self, change: impl FnOnce(&mut Ledger) -> bool) {
        change(self);
    }
    fn promise(&mut self, change: impl FnOnce(&mut Ledger) -> bool) {
        change(self);
    }
}

/// Prepares the host for the questions to come, and notes every claim and every start that is not known yet. Gives what it
/// saw of what units watch.
pub(super) async fn scan(task: &Task<'_>, host: &impl Read, notes: &mut impl Notes) -> Prints {
    prepare(task, notes.ledger(), host).await;
    for claim in claims(task, notes) {
        make_claim(&claim, host, notes).await;
    }
    adopt(task, host, notes).await
}

/// A path that the ledger does not know as it is declared now.
struct Claim {
    id: ResourceId,
    path: AbsolutePath,
    digest: Option<Sha256>,
    /// Whether it is to hold a secret.
    secret: bool,
    /// Who spoke for the path before and is declared no longer.
    heir_of: Option<ResourceId>,
}

fn claims(task: &Task<'_>, notes: &mut impl Notes) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (id, resource) in selected(task) {
        if resource.mode != Mode::Enforce || resource.spec.is_absent() {
            continue;
        }
        let entry = notes.ledger().entry(id);
        let secret = matches!(&resource.spec, Spec::File(file) if file.secret.is_some());
        kinds::claims(&resource.spec, &mut |path, digest| {
            let mark = entry.and_then(|entry| entry.mark(path));
            if !mark.is_some_and(|mark| mark.covers(digest) && (mark.secret || !secret)) {
                claims.push(Claim { id: id.clone(), path: path.clone(), digest, secret, heir_of: None });
            }
        });
        // What is new gets its entry now; what is known keeps the needs that it had until it is in order, for they say what
        // must not go before.
        if entry.is_none() {
            notes.learn(|ledger| ledger.set_needs(id, &resource.needs));
        }
    }
    if !claims.is_empty() {
        name_predecessors(task, notes.ledger(), &mut claims);
    }
    claims
}

fn name_predecessors(task: &Task<'_>, ledger: &Ledger, claims: &mut [Claim]) {
    let undeclared = ledger.owned().iter().filter(|(id, _)| !task.state.resources.contains_key(*id));
    let owners: BTreeMap<&AbsolutePath, &ResourceId> =
        undeclared.flat_map(|(id, entry)| entry.marks.iter().map(move |mark| (&mark.path, id))).collect();
    for claim in claims {
        claim.heir_of = owners.get(&claim.path).map(|id| (*id).clone());
    }
}

async fn make_claim(claim: &Claim, host: &impl Read, notes: &mut impl Notes) {
    let Claim { id, path, digest, secret, heir_of } = claim;
    // A look that fails leaves the claim to the moment before the path is made.
    let Ok(node) = host.node(path, Look::Metadata).await else { return };
    notes.promise(|ledger| {
        let handed = heir_of.as_ref().is_some_and(|from| ledger.hand_over(path, from, id));
        let intended = ledger.intend(id, path, *digest, node == Node::Absent);
        let held = *secret && ledger.hold_secret(id, path);
        intended || held || handed
    });
}

/// Notes what units run with of whose start nothing is known.
async fn adopt(task: &Task<'_>, host: &impl Read, notes: &mut impl Notes) -> Prints {
    let mut prints = Prints::new();
    let first = ResourceId::new(KindName::Unit, "");
    for (id, resource) in task.state.resources.range(&first..) {
        let Spec::Unit(want) = &resource.spec else { continue };
        if resource.mode != Mode::Enforce || resource.spec.is_absent() || !task.scope.holds(id) {
            continue;
        }
        let Ok(now) = host.unit(&want.name).await else { continue };
        let started = notes.ledger().entry(id).and_then(|entry: &Entry| entry.started.as_deref());
        if !level::unknown_start(want, started, &now) {
            continue;
        }
        for input in want.inputs() {
            look_at(task, input, notes.ledger(), host, &mut prints).await;
        }
        if let Some(lesson) = adoption(task, id, want, notes.ledger(), host, &prints).await {
            notes.promise(|ledger| ledger.learn(id, lesson));
        }
    }
    prints
}

async fn adoption(
    task: &Task<'_>,
    id: &ResourceId,
    want: &UnitSpec,
    ledger: &Ledger,
    host: &impl Read,
    prints: &Prints,
) -> Option<Lesson> {
    let around =
        Around { state: task.state, contents: task.contents, ledger, prints, in_force: task.in_force };
    let subject = Subject { id, want: Some(want), entry: ledger.entry(id), around: &around };
    let seen = unit::Unit::observe(&subject, host).await.ok()?;
    Some(level::adoption(&subject, want, &seen))
}

/// Looks at something that a unit watches, without any thought of changing it.
pub(super) async fn look_at(
    task: &Task<'_>,
    id: &ResourceId,
    ledger: &Ledger,
    host: &impl Read,
    prints: &mut Prints,
) {
    if prints.contains_key(id) {
        return;
    }
    let Some(resource) = task.state.resources.get(id) else { return };
    let around =
        Around { state: task.state, contents: task.contents, ledger, prints, in_force: task.in_force };
    if let Ok(verdict) = kinds::examine(id, Some(&resource.spec), true, &around, host).await
        && let Some(print) = verdict.print
    {
        prints.insert(id.clone(), print);
    }
}
