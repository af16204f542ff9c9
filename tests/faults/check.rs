//! What must hold whatever went wrong.
//!
//! - I1: each managed path is wholly what it was or wholly what it should become: content, owner, mode.
//! - I2: no temporary file is left after the next run.
//! - I3: the next run reaches the target by itself.
//! - I4: the ratchet is where something was verified, and never goes back.
//! - I5: no status says that all is well when it is not.
//! - I7: nothing that is not managed is touched.
//! - A run that has nothing to do changes nothing, not even for an instant.
//!
//! I6, no secret outside of its place, is looked for as far as I1 and I7 show it: nothing else appears in the root.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use holdfast_schema::status::{PassResult, Status};

use crate::{
    fault::Fault,
    scene::{Bench, ROOT, STATE, Story, names},
    trace::{Call, Deed, Ended},
    tree::{self, Body, Node, Stamps, Tree},
};

/// What was found to be wrong.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<String>);

impl Findings {
    fn add(&mut self, invariant: &str, what: impl AsRef<str>) {
        self.0.push(format!("{invariant}: {}", what.as_ref()));
    }
}

/// Looks at the place right after the fault, with the stamps of the root before it.
pub(crate) fn right_after(story: &Story, bench: &Bench, fault: Fault, stamps: &Stamps) -> Result<Findings> {
    let mut findings = Findings::default();
    let (root, now) = tree::read(&bench.place().join(ROOT))?;
    let before = tree::below(&story.before, ROOT);
    whole(&before, story, &root, &mut findings);
    untouched(story, stamps, &now, &mut findings);

    let ratchet = bench.ratchet()?;
    if ratchet != story.ratchet_before && ratchet.as_ref() != Some(&story.ratchet) {
        findings.add("I4", format!("the ratchet is at {ratchet:?}"));
    }
    // The removal of a staged node is not flushed: after a power cut it may be back until the next run.
    let may_be_back = |path: &Path| matches!(fault, Fault::PowerCut(_)) && is_staged(path);
    let paths = root.keys().chain(story.root.keys());
    let off: Vec<_> =
        paths.filter(|path| root.get(*path) != story.root.get(*path) && !may_be_back(path)).collect();
    for (place, old, new) in [
        ("on the branch", story.told_before.clone(), bench.told()?),
        (
            "in the memory",
            fs_text(&story.before, &format!("{STATE}/status.toml")),
            fs::read_to_string(bench.place().join(STATE).join("status.toml")).ok(),
        ),
    ] {
        if let Some(new) = new.filter(|new| Some(new) != old.as_ref()) {
            honest(place, &new, story, &off, &mut findings);
            if new.contains(&format!("applied = \"{}\"", story.ratchet))
                && ratchet.as_ref() != Some(&story.ratchet)
            {
                findings.add("I4", format!("the status {place} is ahead of the ratchet at {ratchet:?}"));
            }
        }
    }
    Ok(findings)
}

/// Looks at how the agent ended that met with a fault and went on.
pub(crate) fn ending(story: &Story, bench: &Bench, fault: Fault, ended: &Ended) -> Result<Findings> {
    let mut findings = Findings::default();
    if ended.endless {
        findings.add("end", "it does not end");
    } else if fault.is_survived() {
        if !matches!(ended.code, Some(0 | 1)) || ended.output.contains("panicked at") {
            findings.add("end", format!("it ended with {:?}:\n{}", ended.code, ended.output));
        }
        let root = tree::read(&bench.place().join(ROOT))?.0;
        if ended.code == Some(0) && root != story.root {
            findings.add("I5", format!("it ended with success:\n{}", ended.output));
        }
    }
    Ok(findings)
}

/// Looks at the place after one more run without faults, when the new revision was taken back: the other way of all or
/// nothing. Only a fault that the agent met with may lead there.
pub(crate) fn after_quarantine(
    story: &Story,
    bench: &Bench,
    fault: Fault,
    ended: &Ended,
) -> Result<Findings> {
    let mut findings = Findings::default();
    if !fault.is_survived() || ended.code != Some(1) {
        findings.add(
            "I3",
            format!("the revision was taken back, which ended with {:?}:\n{}", ended.code, ended.output),
        );
    }
    let root = tree::read(&bench.place().join(ROOT))?.0;
    differences("I1, taken back", &root, &story.in_force, &mut findings);
    let told = bench.told()?.as_deref().map(Status::from_toml).transpose()?;
    let is_told = told.is_some_and(|status| {
        status.result == PassResult::Held
            && status.problem.iter().any(|problem| problem.code == "E_QUARANTINED")
    });
    if !is_told {
        findings.add("I5", "the branch does not say that the revision was taken back");
    }
    Ok(findings)
}

/// Looks at the place after one more run, without faults.
pub(crate) fn after_next_run(
    story: &Story,
    bench: &Bench,
    ended: &Ended,
    stamps: &Stamps,
) -> Result<Findings> {
    let mut findings = Findings::default();
    if ended.code != Some(story.code) {
        findings.add("I3", format!("the next run ended with {:?}:\n{}", ended.code, ended.output));
    }
    let (root, now) = tree::read(&bench.place().join(ROOT))?;
    differences("I3", &root, &story.root, &mut findings);
    untouched(story, stamps, &now, &mut findings);
    // A copy that stays behind would take the host back, were the other one lost.
    let memory = bench.place().join(STATE);
    if fs::read(memory.join("ratchet.copy")).ok() != fs::read(memory.join("ratchet")).ok() {
        findings.add("I4", "the copy of the ratchet is not what the ratchet is");
    }
    for name in names(&memory)? {
        // What was overwritten is kept for people, also when it was put back.
        if !story.memory.contains(&name)
            && !["originals", "overwritten.jsonl"].iter().any(|kept| name == Path::new(kept))
        {
            findings.add("I2", format!("{} is left in the memory", name.display()));
        }
    }
    for path in
        ["state/originals/new", "fetcher", "private"].map(|name| bench.place().join("agent").join(name))
    {
        leavings(&path, &mut findings)?;
    }
    let ratchet = bench.ratchet()?;
    if ratchet.as_ref() != Some(&story.ratchet) {
        findings.add("I4", format!("the ratchet is at {ratchet:?} after the next run"));
    }
    let (want, told) = (Status::from_toml(&story.result)?, bench.told()?);
    match told.as_deref().map(Status::from_toml).transpose()? {
        Some(status)
            if status.result == want.result
                && status.revision == want.revision
                && status.problem == want.problem => {}
        status => {
            let said = status.map(|status| (status.result, status.revision, status.problem));
            findings.add("I5", format!("after the next run the branch says {said:?}"));
        }
    }
    Ok(findings)
}

/// Looks at what a run did that had nothing to do: it may open its lock, and ask the server.
pub(crate) fn quiet(calls: &[Call]) -> Findings {
    let mut findings = Findings::default();
    let (lock, connection) = (Path::new(STATE).join("lock"), Path::new("agent/private"));
    for call in calls {
        let is_lock = call.deed == Deed::Open && call.touches == [lock.as_path()];
        let is_poll = call.touches.iter().all(|path| path.starts_with(connection));
        if !is_lock && !is_poll {
            findings.add("quiet", format!("with nothing to do, {} {:?}", call.name, call.touches));
        }
    }
    findings
}

/// I2, of what the fetcher keeps.
fn leavings(path: &Path, findings: &mut Findings) -> Result<()> {
    if path.is_file() {
        findings.add("I2", format!("{} is left", path.display()));
    } else if path.is_dir() {
        tree::walk(path, &mut |path, _| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("ssh-")
                || name.trim_start_matches('.').starts_with("tmp")
                || name.ends_with(".lock")
                || name.ends_with(".new")
            {
                findings.add("I2", format!("{} is left", path.display()));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Whatever is not as it should be; a temporary file is I2's.
fn differences(invariant: &str, root: &Tree, should: &Tree, findings: &mut Findings) {
    let paths: BTreeSet<_> = root.keys().chain(should.keys()).collect();
    for path in paths.into_iter().filter(|path| root.get(*path) != should.get(*path)) {
        let invariant = if is_staged(path) { "I2" } else { invariant };
        let (is, want) = (tree::describe(root.get(path)), tree::describe(should.get(path)));
        findings.add(invariant, format!("{} is {is} instead of {want}", path.display()));
    }
}

/// I1.
fn whole(before: &Tree, story: &Story, root: &Tree, findings: &mut Findings) {
    let paths: BTreeSet<_> = before.keys().chain(story.root.keys()).chain(root.keys()).collect();
    for path in paths {
        let (was, is, should) = (before.get(path), root.get(path), story.root.get(path));
        if is == was || is == should || is == story.in_force.get(path) || is_staged(path) {
            continue;
        }
        // What makes place for another kind of thing is gone in between.
        let changes_kind =
            |was: &Body, should: &Body| matches!(was, Body::Directory) != matches!(should, Body::Directory);
        if let (Some(was), None, Some(should)) = (was, is, should)
            && changes_kind(&was.body, &should.body)
        {
            continue;
        }
        if let (Some(was), Some(is), Some(should)) = (was, is, should)
            && is_changing_hands(was, is, should)
        {
            continue;
        }
        let [was, is, should] = [was, is, should].map(tree::describe);
        findings.add("I1", format!("{} is {is}, neither {was} nor {should}", path.display()));
    }
}

/// Owner and mode of what stays in its place cannot change in one call. In between nobody has a right that they have neither
/// before nor after.
fn is_changing_hands(was: &Node, is: &Node, should: &Node) -> bool {
    let is_one_of = |owner| owner == was.owner || owner == should.owner;
    was.body == should.body
        && is.body == was.body
        && was.owner != should.owner
        && is_one_of(is.owner)
        && is.mode & !(was.mode & should.mode) == 0
}

/// I7.
fn untouched(story: &Story, before: &Stamps, now: &Stamps, findings: &mut Findings) {
    for path in &story.untouched {
        if before.get(path) != now.get(path) {
            findings.add("I7", format!("{} was touched", path.display()));
        }
    }
}

/// I5.
fn honest(place: &str, text: &str, story: &Story, off: &[&PathBuf], findings: &mut Findings) {
    match Status::from_toml(text) {
        Ok(status) => {
            let claims = status.result == PassResult::Converged
                && status.revision.applied.as_ref() == Some(&story.ratchet);
            if claims && !off.is_empty() {
                findings.add("I5", format!("the status {place} says that all is well, but not so {off:?}"));
            }
        }
        Err(why) => findings.add("I5", format!("the status {place} cannot be read: {why}")),
    }
}

/// Whether a path is, or is below, something under a staged name.
fn is_staged(path: &Path) -> bool {
    path.iter().any(|name| {
        let name = name.to_string_lossy();
        name.strip_prefix(".holdfast-")
            .is_some_and(|rest| rest.bytes().take(16).filter(u8::is_ascii_hexdigit).count() == 16)
    })
}

fn fs_text(tree: &Tree, path: &str) -> Option<String> {
    match &tree.get(Path::new(path))?.body {
        Body::File(bytes) => String::from_utf8(bytes.clone()).ok(),
        Body::Directory | Body::Symlink(_) => None,
    }
}
