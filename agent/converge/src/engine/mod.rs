//! One pass: observe → plan → run → observe again → outcome. No effect of its own: whatever happens goes through
//! [`crate::host::Write`], and a dry run is only given a [`crate::host::Read`].
//!
//! # How to call it
//! ```ignore
//! let mut ledger = match stored { Some(bytes) => Ledger::parse(&bytes)?, None => Ledger::default() };
//! let (stopper, stop) = Stopper::new();                       // `stopper.stop()` from a signal handler
//! host.sweep(&engine::directories(&state, &ledger)).await?;   // once in the life of a process
//! let task = Task { state: &state, contents: &contents, scope: Scope::All, revision: "3fa2c1d", whole_but_for: None, in_force: false, upkeep: None };
//! let journal = Journal::new(&mut journal_store, &recorded);  // what earlier passes of the same revision wrote down
//! let report = engine::pass(&task, &host, &mut ledger, &mut store, journal, &stop).await;
//! status.summary = report.summary();                          // and report.result(), report.resources()
//! ```
//! [`pass`] never fails as a whole: what went wrong is in the [`Report`], resource by resource. The futures are not `Send`; run
//! them on a current-thread runtime. [`plan`] is the dry run: it cannot change anything, for it has no `Write`.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    AbsolutePath, ContentSource, HostState, KindName, Resource, ResourceId, Sha256,
    spec::{Spec, UnitSpec},
};
use tracing::Instrument as _;

use crate::{
    host::{Read, Wanted, Write, watch::Culprit},
    journal::Journal,
    kinds,
    ledger::{Ledger, LedgerStore},
    plan::{inventory, order::order},
};

mod barrier;
mod culprits;
mod drift;
mod dry;
mod failure;
mod foresight;
mod keeper;
mod no_undo;
pub(crate) mod outcome;
mod record;
mod run;
mod scan;
mod stop;
mod undo;
mod work;

pub use culprits::culprits;
pub use drift::{concerned, watched};
pub use dry::plan;
pub use failure::{CODES, Failure};
pub use outcome::{Outcome, Report};
pub use stop::{Stop, Stopper};
pub use undo::{Undone, undo};

/// What a pass is to do.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// What the host should be.
    pub state: &'a HostState,
    /// Where the bytes of its contents come from.
    pub contents: &'a dyn ContentSource,
    /// How much of it this pass is about.
    pub scope: Scope<'a>,
    /// The revision that the state is from, for the log.
    pub revision: &'a str,
    /// All or nothing: the pass begins nothing more once a resource has failed that is not among these.
    pub whole_but_for: Option<&'a BTreeSet<ResourceId>>,
    /// Whether the state was in force before this pass, so that nothing leads back behind it.
    pub in_force: bool,
    /// Whether this pass only keeps up what was in force before, and no person asked for it. Then what it has to repair again
    /// and again is left alone for a while, for somebody else wants it otherwise.
    pub upkeep: Option<Upkeep<'a>>,
}

/// A pass that only keeps up what was in force before.
#[derive(Debug, Clone, Copy)]
pub struct Upkeep<'a> {
    /// When it was begun, in seconds since the epoch.
    pub begun: i64,
    /// Who changed what it is about, where that is known.
    pub by: &'a BTreeMap<ResourceId, Culprit>,
}

/// How much of a state a pass is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// All of it, and what Git no longer has.
    All,
    /// Only these. What they need outside of them is taken to be in order, and what they watch is only looked at.
    Only(&'a BTreeSet<ResourceId>),
}

impl Scope<'_> {
    fn holds(self, id: &ResourceId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(id),
        }
    }
}

/// Fingerprints of what units watch.
type Prints = BTreeMap<ResourceId, Sha256>;

/// Makes the host what the state says, as far as `task.scope` goes, and as far as it can be done.
///
/// The ledger is saved through `store` before whatever depends on it, and at the end if the pass learned anything; what will
/// be touched is written to the `journal` first. A pass that finds all in order changes nothing on the host and saves nothing.
///
/// Cancel it through `stop`, not by dropping the future: what was done and not yet written down would be forgotten.
pub async fn pass<H: Write>(
    task: &Task<'_>,
    host: &H,
    ledger: &mut Ledger,
    store: &mut dyn LedgerStore,
    journal: Journal<'_>,
    stop: &Stop,
) -> Report {
    let span = tracing::info_span!("pass", revision = task.revision);
    run(task, host, ledger, store, journal, stop).instrument(span).await
}

async fn run<H: Write>(
    task: &Task<'_>,
    host: &H,
    ledger: &mut Ledger,
    store: &mut dyn LedgerStore,
    journal: Journal<'_>,
    stop: &Stop,
) -> Report {
    let mut keeper = keeper::Keeper::new(ledger, store, journal);
    let prints = scan::scan(task, host, &mut keeper).await;
    let leaving = inventory::leaving(task.state, keeper.ledger());
    let held = inventory::excess(task.state.guard, keeper.ledger(), &leaving).map(Failure::guarded);
    let items = order(task.state, |id| task.scope.holds(id), &leaving, keeper.ledger());
    let report = run::Run::new(task, host, keeper, &items, prints, held, stop).all().await;
    host.finish();
    report
}

/// Asks the host in one go for all that the pass will look at, and no more: of each unit it costs three questions. A failure comes back to whoever asks for what is missing.
async fn prepare(task: &Task<'_>, ledger: &Ledger, host: &impl Read) {
    let mut wanted = Wanted::default();
    let mut want = |id: &ResourceId, name: &str| match id.kind {
        KindName::Package => drop(wanted.packages.insert(name.to_owned())),
        KindName::Unit => drop(name.parse().map(|unit| wanted.units.insert(unit))),
        _ => {}
    };
    for (id, resource) in selected(task) {
        if let Spec::Package(package) = &resource.spec {
            want(id, &package.name);
        } else {
            want(id, &id.name);
        }
    }
    let first = ResourceId::new(KindName::Package, "");
    let leaving = ledger.owned().range(&first..).map(|(id, _)| id);
    for id in leaving.filter(|id| task.scope.holds(id) && !task.state.resources.contains_key(*id)) {
        want(id, &id.name);
    }
    if let Err(error) = host.prepare(&wanted).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "the host could not be asked in one go");
    }
}

/// What the declared units of `scope` watch.
fn watched_by_units<'a>(state: &'a HostState, scope: Scope<'_>) -> BTreeSet<&'a ResourceId> {
    let first = ResourceId::new(KindName::Unit, "");
    let units = state.resources.range(&first..).filter(|(id, _)| scope.holds(id));
    units
        .filter_map(|(_, resource)| if let Spec::Unit(unit) = &resource.spec { Some(unit) } else { None })
        .flat_map(UnitSpec::inputs)
        .collect()
}

/// The declared resources that a task may touch.
fn selected<'a>(task: &Task<'a>) -> impl Iterator<Item = (&'a ResourceId, &'a Resource)> {
    let scope = task.scope;
    task.state.resources.iter().filter(move |(id, _)| scope.holds(id))
}

/// Every directory that holds something declared or owned: where a killed run can have left something half-made.
pub fn directories(state: &HostState, ledger: &Ledger) -> BTreeSet<AbsolutePath> {
    let mut directories = BTreeSet::new();
    let mut add = |path: &AbsolutePath| directories.extend(path.parent());
    for resource in state.resources.values() {
        kinds::claims(&resource.spec, &mut |path, _digest| add(path));
    }
    for entry in ledger.owned().values() {
        entry.marks.iter().for_each(|mark| add(&mark.path));
    }
    directories
}

#[cfg(test)]
mod tests;
