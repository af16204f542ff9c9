//! Writes down what a pass is about to touch, before it touches it.
//!
//! The first change of a pass makes it look ahead at everything that it will probably do, so that one write to the disk serves
//! all of it. What it did not foresee is written down when its turn comes.

use std::collections::BTreeMap;

use holdfast_schema::{
    AbsolutePath, ResourceId, Sha256,
    spec::{Content, SecretReference},
    state::Mode,
};

use super::{Failure, foresight::Foresight, run::Run};
use crate::{
    host::{
        ContainerWas, HostError, Look, NetworkWas, Node, PackageNow, Read, Sealed, ServiceWas, Stat, Write,
        logins, secrets::LARGEST_SEALED,
    },
    journal::{Before, Journal, Record, Target, Was},
    kinds::{self, Around, marks},
    ledger::Ledger,
    plan::{Action, Step, step::Owned},
};

/// A larger file is not kept when it is overwritten, in bytes.
pub(super) const LARGEST_KEPT: u64 = 64 << 20;

/// Of a directory that is removed with all that is in it no more than this many entries are kept.
const MOST_KEPT: usize = 1000;

/// Stands for whatever a watched resource will be: no fingerprint is like it.
pub(super) const WILL_CHANGE: Sha256 = Sha256::from_bytes([0; 32]);

impl<H: Write> Run<'_, '_, H> {
    /// Writes down, durably, what these steps will touch and that they are to be run.
    pub(super) async fn write_down(&mut self, steps: &[&Step]) -> Result<(), Failure> {
        let mut records = Vec::new();
        let mut intents = Vec::new();
        if !self.looked_ahead {
            self.looked_ahead = true;
            for step in self.foresee().await {
                // A transaction is written down with its own moment before it: see below.
                if matches!(step.action, Action::Packages(_)) {
                    continue;
                }
                // Should it not work out, its own turn will tell.
                if look_before(&step, self.host, self.keeper.both(), &mut records).await.is_ok() {
                    intents.push(step);
                }
            }
        }
        for step in steps {
            look_before(step, self.host, self.keeper.both(), &mut records)
                .await
                .map_err(|error| Failure::from(&error))?;
        }
        let more: Vec<Step> =
            steps.iter().filter(|step| !intents.contains(step)).map(|step| (*step).clone()).collect();
        for step in intents.iter().chain(&more) {
            if !self.keeper.journal.intends(step) {
                records.push(self.keeper.journal.intend(step));
            }
        }
        self.append(&records)
    }

    /// Writes down, durably, what a transaction of the package manager changed.
    pub(super) async fn write_down_packages(
        &mut self,
        before: &BTreeMap<String, PackageNow>,
    ) -> Result<(), Failure> {
        let now = self.host.packages().await.map_err(|error| Failure::from(&error))?;
        let changes = difference(before, &now);
        if changes.is_empty() { Ok(()) } else { self.append(&[Record::Packages(changes)]) }
    }

    fn append(&mut self, records: &[Record]) -> Result<(), Failure> {
        self.keeper.journal.append(records).map_err(|error| Failure::unwritten(&error))
    }

    /// What the pass would do from here on, by a look at everything.
    async fn foresee(&self) -> Vec<Step> {
        let foresight = Foresight::new(self.host);
        let mut prints = self.prints.clone();
        let mut steps = Vec::new();
        for item in self.items {
            let left_alone = item.declared.is_some_and(|resource| resource.mode != Mode::Enforce);
            if left_alone || (item.declared.is_none() && self.held.is_some()) {
                continue;
            }
            let around = Around {
                state: self.task.state,
                contents: self.task.contents,
                ledger: self.keeper.ledger(),
                prints: &prints,
                in_force: self.task.in_force,
            };
            let spec = item.declared.map(|resource| &resource.spec);
            let Ok(verdict) = kinds::examine(item.id, spec, false, &around, &foresight).await else {
                continue;
            };
            let Ok(planned) = verdict.plan else { continue };
            if !planned.is_empty() && self.watched.contains(item.id) {
                prints.insert(item.id.clone(), WILL_CHANGE);
            }
            for step in &planned {
                foresight.foresee(&step.action);
            }
            steps.extend(planned);
        }
        steps
    }
}

/// What is different, by name: from what to what.
pub(super) fn difference(
    before: &BTreeMap<String, PackageNow>,
    now: &BTreeMap<String, PackageNow>,
) -> BTreeMap<String, (PackageNow, PackageNow)> {
    let state = |map: &BTreeMap<String, PackageNow>, name: &String| {
        map.get(name).cloned().unwrap_or(PackageNow::Absent)
    };
    let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
    names
        .map(|name| (name.clone(), (state(before, name), state(now, name))))
        .filter(|(_, (from, to))| from != to)
        .collect()
}

/// Adds what a step will touch to `records`, unless it was written down before.
async fn look_before(
    step: &Step,
    host: &impl Read,
    (ledger, journal): (&Ledger, &mut Journal<'_>),
    records: &mut Vec<Record>,
) -> Result<(), HostError> {
    let Some(target) = Target::of(&step.action) else { return Ok(()) };
    match &target {
        Target::Path(path) => {
            let secret = matches!(
                step.action,
                Action::WriteSecret { .. } | Action::SetLogin { .. } | Action::RemoveLogin { .. }
            ) || path.as_str() == logins::PATH;
            before_path(&step.resource, (path, secret), host, (ledger, journal), records).await
        }
        Target::Tree(path) => {
            if journal.touched(&target).is_none() {
                before_tree(&step.resource, path, host, (ledger, journal), records).await?;
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Unit(unit) => {
            if journal.touched(&target).is_none() {
                let was = host.unit(unit).await?;
                records.push(Record::Before(Before::Unit { unit: unit.clone(), was }));
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Network(name) => {
            if journal.touched(&target).is_none() {
                let now = host.network(name).await?;
                let was = now.as_ref().map(|now| NetworkWas::of(name, now));
                records.push(Record::Before(Before::Network { name: name.clone(), was }));
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Container(name) => {
            if journal.touched(&target).is_none() {
                let was = match host.container(name).await? {
                    Some(now) => Some(Box::new(ContainerWas::of(&*host.inspect(&now).await?))),
                    None => None,
                };
                records.push(Record::Before(Before::Container { name: name.clone(), was }));
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Service(name) => {
            if journal.touched(&target).is_none() {
                let was = host.services().await?.get(name).map(|now| Box::new(ServiceWas::of(now)));
                records.push(Record::Before(Before::Service { name: name.clone(), was }));
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Node(name) => {
            if journal.touched(&target).is_none() {
                if let Some(now) = host.swarm().await?.nodes.get(name) {
                    let was = now.spec.clone();
                    records.push(Record::Before(Before::Node { name: name.clone(), was }));
                }
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Key(key) => {
            if let (Action::TrustKey { file, .. } | Action::DistrustKey { file, .. }, None) =
                (&step.action, journal.touched(&target))
            {
                let trusted = matches!(host.package(key).await?, PackageNow::Installed { .. });
                let (key, file) = (key.clone(), file.clone());
                records.push(Record::Before(Before::Key { key, file, trusted }));
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Repository(name) => {
            if journal.touched(&target).is_none() {
                records.push(Record::Before(Before::Repository { name: name.clone() }));
                journal.touch(target, None);
            }
            Ok(())
        }
        Target::Packages => {
            if journal.touched(&target).is_none() {
                records.push(Record::Before(Before::Packages { was: host.packages().await? }));
                journal.touch(target, None);
            }
            Ok(())
        }
    }
}

/// `secret` tells that a secret will be there.
async fn before_path(
    resource: &ResourceId,
    (path, secret): (&AbsolutePath, bool),
    host: &impl Read,
    (ledger, journal): (&Ledger, &mut Journal<'_>),
    records: &mut Vec<Record>,
) -> Result<(), HostError> {
    let target = Target::Path(path.clone());
    let known = journal.touched(&target);
    // Of what may be a secret nothing is kept that could be read, not even a digest.
    let secret = secret || ledger.holds_secret(resource, path);
    let node = host.node(path, if secret { Look::Keyed } else { Look::Content }).await?;
    let ours = || marks::is_as_left(ledger.entry(resource), path, &node);
    if known.is_some_and(|seen| seen.is_still(stat(&node))) || (known.is_some() && ours()) {
        return Ok(());
    }
    let was = what_is_there(path, &node, secret, host, journal).await?;
    let worth_keeping = matches!(was, Was::File { .. } | Was::Secret { .. } | Was::Symlink { .. });
    let before = Before::Path { resource: resource.clone(), path: path.clone(), was };
    if known.is_none() {
        records.push(Record::Before(before));
    } else if worth_keeping {
        records.push(Record::Overwritten(before));
    }
    journal.touch(target, stat(&node));
    Ok(())
}

/// A directory with all that is in it; too much is not kept at all.
async fn before_tree(
    resource: &ResourceId,
    root: &AbsolutePath,
    host: &impl Read,
    (ledger, journal): (&Ledger, &mut Journal<'_>),
    records: &mut Vec<Record>,
) -> Result<(), HostError> {
    match tree(root, host).await? {
        Ok(paths) => {
            for path in paths {
                before_path(resource, (&path, false), host, (ledger, journal), records).await?;
            }
        }
        Err(what) => {
            let was = Was::NotKept { what };
            let before = Before::Path { resource: resource.clone(), path: root.clone(), was };
            journal.touch(Target::Path(root.clone()), None);
            records.push(Record::Before(before));
        }
    }
    Ok(())
}

/// A directory and all that is in it, each directory before what is in it; or why that is not kept.
pub(super) async fn tree(
    root: &AbsolutePath,
    host: &impl Read,
) -> Result<Result<Vec<AbsolutePath>, String>, HostError> {
    let mut paths = vec![root.clone()];
    let mut next = 0;
    while let Some(directory) = paths.get(next).cloned() {
        next += 1;
        if !matches!(host.node(&directory, Look::Metadata).await?, Node::Directory { .. }) {
            continue;
        }
        for entry in host.entries(&directory).await? {
            let inside = directory.join(&entry.name).ok().filter(|_| entry.plain && paths.len() < MOST_KEPT);
            let Some(inside) = inside else {
                let what =
                    format!("a directory with more than {MOST_KEPT} entries or with names that are no text");
                return Ok(Err(what));
            };
            paths.push(inside);
        }
    }
    Ok(Ok(paths))
}

/// What a file is called that is too large to be kept.
pub(super) fn large_file(size: u64) -> String {
    format!("a file of {size} bytes")
}

/// What is at a path, its bytes kept.
async fn what_is_there(
    path: &AbsolutePath,
    node: &Node,
    secret: bool,
    host: &impl Read,
    journal: &mut Journal<'_>,
) -> Result<Was, HostError> {
    let mut keep = |bytes: &[u8]| {
        let failed = |source| HostError::Io { tried: format!("keep what {path} holds"), source };
        journal.keep(bytes).map_err(failed)
    };
    let changed = || Was::NotKept { what: "a file that changed while it was read".to_owned() };
    Ok(match node {
        Node::Absent => Was::Absent,
        Node::Directory { stat } => Was::Directory { access: access(stat) },
        Node::Symlink { target, .. } => Was::Symlink { target: target.clone() },
        Node::Other { what } => Was::NotKept { what: (*what).to_owned() },
        Node::File { stat, .. } if secret && stat.size > LARGEST_SEALED => {
            Was::NotKept { what: large_file(stat.size) }
        }
        Node::File { stat, .. } if stat.size > LARGEST_KEPT => Was::NotKept { what: large_file(stat.size) },
        Node::File { stat, .. } if secret => match host.sealed(path, LARGEST_SEALED).await? {
            None => changed(),
            Some(Sealed { name, bytes, digest }) => {
                let sealed = Content { sha256: keep(&bytes)?, size: bytes.len() as u64 };
                Was::Secret { kept: SecretReference { name, sealed }, digest, access: access(stat) }
            }
        },
        Node::File { stat, .. } => match host.bytes(path, LARGEST_KEPT).await? {
            None => changed(),
            Some(bytes) => {
                let sha256 = keep(&bytes)?;
                Was::File { sha256, size: bytes.len() as u64, access: access(stat) }
            }
        },
    })
}

fn access(stat: &Stat) -> Owned {
    Owned { uid: stat.uid, gid: stat.gid, mode: stat.mode }
}

fn stat(node: &Node) -> Option<Stat> {
    match node {
        Node::File { stat, .. } | Node::Directory { stat } | Node::Symlink { stat, .. } => Some(*stat),
        Node::Absent | Node::Other { .. } => None,
    }
}
