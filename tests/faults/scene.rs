//! The stories that faults interrupt: where a host stands, what its fleet wants of it next, and how that ends when nothing
//! goes wrong.
//!
//! A place is what `holdfast try` makes: a host's root, its agent's memory, and the server of its fleet. All that the file
//! kinds can be told is in one of the stories.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use harness::Command;

use crate::{
    check,
    trace::{self, Call, Deed, Verdict},
    tree::{self, Stamps, Tree},
    whole_host::{OVER_SSH, WHOLE_HOST},
};

/// The server's side: another machine, which no power cut of the host reaches.
pub(crate) const SERVER: &str = "fleet.git";
/// The host's root.
pub(crate) const ROOT: &str = "root";
/// Where the agent looks for programs first; what is there is hidden while the stories run.
pub(crate) const PROGRAMS: &str = "/usr/local/sbin";
/// The agent's memory.
pub(crate) const STATE: &str = "agent/state";

const OLD: &str = include_str!("revisions/old.toml");
const NEW: &str = include_str!("revisions/new.toml");
const OWNERS_OLD: &str = include_str!("revisions/owners-old.toml");
const OWNERS_NEW: &str = include_str!("revisions/owners-new.toml");

/// Which agent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vehicle {
    /// `holdfast try`, for which the place's root is the host.
    Try,
    /// The agent of [`crate::whole_host`], which may give files away.
    WholeHost,
    /// The same, which reaches its fleet over ssh.
    OverSsh,
}

/// A story, ready to be interrupted.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) name: &'static str,
    pub(crate) vehicle: Vehicle,
    /// The place before the run.
    pub(crate) before: Tree,
    /// The root after a run without faults.
    pub(crate) root: Tree,
    /// The root after a run without faults and without the new revision: what is left when that is taken back.
    pub(crate) in_force: Tree,
    /// What a run without faults did not so much as touch there.
    pub(crate) untouched: Vec<PathBuf>,
    /// The names in the agent's memory after it.
    pub(crate) memory: Vec<PathBuf>,
    /// How it ended.
    pub(crate) code: i32,
    /// What it ratcheted to, and where it stood before.
    pub(crate) ratchet: String,
    pub(crate) ratchet_before: Option<String>,
    /// The last status on the branch, and the one before.
    pub(crate) result: String,
    pub(crate) told_before: Option<String>,
    /// Every call that it made.
    pub(crate) calls: Vec<Call>,
}

/// How to run the agent, and on what.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    holdfast: PathBuf,
    scratch: PathBuf,
}

impl Bench {
    /// In `scratch`, with the command `holdfast`, and with an `ssh` that finds every server on this machine.
    pub(crate) fn new(holdfast: PathBuf, scratch: &Path) -> Result<Self> {
        let ssh = Path::new(PROGRAMS).join("ssh");
        fs::write(&ssh, "#!/bin/sh\nfor command; do :; done\nexec sh -c \"$command\"\n")?;
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755))?;
        Ok(Self { holdfast, scratch: scratch.to_owned() })
    }

    /// The place that is run on.
    pub(crate) fn place(&self) -> PathBuf {
        self.scratch.join("place")
    }

    /// One pass of the agent.
    pub(crate) fn run(
        &self,
        vehicle: Vehicle,
        judge: &mut dyn FnMut(&Call) -> Verdict,
    ) -> Result<trace::Ended> {
        let place = self.place();
        let command: Vec<OsString> = match vehicle {
            Vehicle::Try => {
                vec![self.holdfast.clone().into(), "try".into(), "--dir".into(), place.clone().into()]
            }
            Vehicle::WholeHost => vec![env::current_exe()?.into(), WHOLE_HOST.into(), place.clone().into()],
            Vehicle::OverSsh => {
                vec![env::current_exe()?.into(), WHOLE_HOST.into(), place.clone().into(), OVER_SSH.into()]
            }
        };
        trace::run(&command, &place, &self.scratch.join("output"), judge)
    }

    /// Every call of one pass that nothing disturbs.
    pub(crate) fn calls(&self, vehicle: Vehicle) -> Result<Vec<Call>> {
        let mut calls = Vec::new();
        self.run(vehicle, &mut |call| {
            calls.push(call.clone());
            Verdict::Go
        })?;
        Ok(calls)
    }

    /// One pass that nothing disturbs.
    fn pass(&self, vehicle: Vehicle) -> Result<()> {
        let ended = self.run(vehicle, &mut |_| Verdict::Go)?;
        ensure!(ended.code == Some(0), "a run without faults ended with {:?}:\n{}", ended.code, ended.output);
        Ok(())
    }

    /// The last status on the branch; `None` if there is none.
    pub(crate) fn told(&self) -> Result<Option<String>> {
        let server = self.place().join(SERVER);
        let object = "refs/heads/status/web-1:status.toml";
        let output = Command::new(["git", "-C", &server.to_string_lossy(), "show", object]).output()?;
        Ok((output.code == Some(0)).then(|| output.text()))
    }

    /// Whether a revision was taken back, and is not tried again until a person says so.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.place().join(STATE).join("quarantine").exists()
    }

    /// Has it tried again; what `holdfast retry` does on a host.
    pub(crate) fn pardon(&self) -> Result<()> {
        for record in ["attempt", "quarantine"] {
            fs::remove_file(self.place().join(STATE).join(record))?;
        }
        Ok(())
    }

    /// Moves the branch on the server without a commit.
    fn move_branch(&self, to: &str) -> Result<()> {
        let server = self.place().join(SERVER);
        let arguments =
            ["git", "-C", &server.to_string_lossy(), "update-ref", "refs/heads/main", to].map(str::to_owned);
        Command::new(arguments).run().map(drop)
    }

    /// Where the agent's ratchet stands; what cannot be read stands nowhere that it should.
    pub(crate) fn ratchet(&self) -> Result<Option<String>> {
        let text = match fs::read_to_string(self.place().join(STATE).join("ratchet")) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let body = text.split_once('\n').map_or("", |(_digest, body)| body);
        let ratchet: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let commit = ratchet.get("commit").and_then(|commit| commit.as_str());
        Ok(Some(commit.unwrap_or("no commit that can be read").to_owned()))
    }
}

/// An author's work tree in the place, and the host's root.
struct Author<'a>(&'a Bench);

impl Author<'_> {
    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.0.place().join("work").join(path);
        fs::create_dir_all(path.parent().context("a path without a parent")?)?;
        Ok(fs::write(path, text)?)
    }

    fn git(&self, arguments: &[&str]) -> Result<String> {
        let work = self.0.place().join("work");
        let command = ["git", "-C", &work.to_string_lossy()].map(str::to_owned);
        Command::new(command.into_iter().chain(arguments.iter().map(|argument| (*argument).to_owned()))).run()
    }

    /// Commits what the host should be, and pushes it. Gives the commit.
    fn publish(&self, revision: &str, signed: bool) -> Result<String> {
        let host = fs::read_to_string(self.0.place().join("work/hosts/web-1.toml"))?;
        let key = host.lines().find(|line| line.starts_with("status_key")).context("a host without a key")?;
        self.write("hosts/web-1.toml", &format!("{key}\n\n{revision}"))?;
        self.git(&["add", "--all"])?;
        let sign = if signed { "--gpg-sign" } else { "--no-gpg-sign" };
        self.git(&["commit", "--quiet", sign, "--allow-empty", "--message", "a revision"])?;
        self.git(&["push", "--quiet"])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }
}

/// What a person puts on a host.
struct Person<'a>(&'a Bench);

impl Person<'_> {
    fn path(&self, path: &str) -> PathBuf {
        self.0.place().join(ROOT).join(path)
    }

    fn write(&self, path: &str, text: &str, mode: u32) -> Result<()> {
        let path = self.path(path);
        fs::create_dir_all(path.parent().context("a path without a parent")?)?;
        fs::write(&path, text)?;
        Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
    }

    fn link(&self, path: &str, target: &str) -> Result<()> {
        Ok(symlink(target, self.path(path))?)
    }

    /// What no revision speaks of.
    fn canaries(&self) -> Result<()> {
        self.write("etc/app/unmanaged", "mine\n", 0o640)?;
        self.write("etc/app/.holdfast-mine", "no staged name\n", 0o600)?;
        self.write("srv/other/deep/canary", "mine too\n", 0o4755)?;
        self.link("srv/other/out", "../../etc")?;
        // Was here before Holdfast.
        self.write("etc/app/found", "by hand\n", 0o600)
    }

    /// What a purge takes.
    fn litter(&self) -> Result<()> {
        self.write("srv/purged/litter", "x\n", 0o644)?;
        self.write("srv/purged/sub/deep/litter", "x\n", 0o600)?;
        self.link("srv/purged/link", "../other")
    }
}

/// Prepares every story of which `wanted` says so.
pub(crate) fn prepare(bench: &Bench, wanted: impl Fn(&str) -> bool) -> Result<Vec<Story>> {
    tree::remove(&bench.place())?;
    bench.pass(Vehicle::Try)?;
    let (author, person) = (Author(bench), Person(bench));
    author.git(&["rm", "-rq", "roles"])?;
    author.write("fleet.toml", "[guard]\nmax_removal_percent = 100\n")?;
    author.write("files/large", &"a line of a large file\n".repeat(20_000))?;
    let mut stories = Vec::new();
    let mut tell = |name: &'static str, vehicle: Vehicle, code: i32| -> Result<()> {
        if wanted(name) {
            stories.push(story(bench, name, vehicle, code)?);
        }
        Ok(())
    };

    // A host that knows nothing, with a person's files on it.
    author.publish(OLD, true)?;
    tree::remove(&bench.place().join(STATE))?;
    tree::remove(&bench.place().join(ROOT))?;
    fs::create_dir(bench.place().join(ROOT))?;
    Command::new([
        "git",
        "-C",
        &bench.place().join(SERVER).to_string_lossy(),
        "update-ref",
        "-d",
        "refs/heads/status/web-1",
    ])
    .run()?;
    person.canaries()?;
    person.litter()?;
    tell("first", Vehicle::Try, 0)?;

    // It gets another revision.
    bench.pass(Vehicle::Try)?;
    fs::write(person.path("etc/app/seed"), "what the application made of it\n")?;
    person.litter()?;
    author.publish(NEW, true)?;
    tell("change", Vehicle::Try, 0)?;

    // Somebody changes things behind the agent's back.
    bench.pass(Vehicle::Try)?;
    person.litter()?;
    fs::write(person.path("etc/app/content"), "tampered\n")?;
    fs::set_permissions(person.path("etc/app/mode"), fs::Permissions::from_mode(0o666))?;
    fs::remove_file(person.path("etc/app/large"))?;
    fs::remove_file(person.path("etc/app/link"))?;
    person.link("etc/app/link", "elsewhere")?;
    fs::remove_dir_all(person.path("srv/fresh"))?;
    fs::remove_file(person.path("etc/app/now-a-link"))?;
    tell("drift", Vehicle::Try, 0)?;

    // A good revision, and on top of it one that nobody signed.
    bench.pass(Vehicle::Try)?;
    author.publish(OLD, true)?;
    let good = author.git(&["rev-parse", "HEAD"])?;
    author.publish(NEW, false)?;
    tell("refused", Vehicle::Try, 1)?;

    // Everything leaves.
    author.git(&["reset", "--quiet", "--hard", good.trim()])?;
    author.git(&["push", "--quiet", "--force"])?;
    bench.pass(Vehicle::Try)?;
    author.publish("", true)?;
    tell("removal", Vehicle::Try, 0)?;

    // Things change hands.
    bench.pass(Vehicle::Try)?;
    let below_root = |revision: &str| revision.replace("ROOT", &person.path("").to_string_lossy());
    author.publish(&below_root(OWNERS_OLD), true)?;
    bench.pass(Vehicle::WholeHost)?;
    chown(person.path("own/tampered"), Some(65534), Some(65534))?;
    author.publish(&below_root(OWNERS_NEW), true)?;
    tell("owners", Vehicle::WholeHost, 0)?;

    // And back, from a server that is somewhere else: the fetcher has a copy, and adds to it.
    bench.pass(Vehicle::OverSsh)?;
    author.publish(&below_root(OWNERS_OLD), true)?;
    tell("fetch", Vehicle::OverSsh, 0)?;
    Ok(stories)
}

/// Runs the story of the place as it stands once, without faults, and puts the place back.
fn story(bench: &Bench, name: &'static str, vehicle: Vehicle, code: i32) -> Result<Story> {
    let place = bench.place();
    let (before, _) = tree::read(&place)?;
    // Nobody works there any more.
    let story_before: Tree = before
        .iter()
        .filter(|(path, _)| !path.starts_with("work/"))
        .map(|(path, node)| (path.clone(), node.clone()))
        .collect();
    let (ratchet_before, told_before) = (bench.ratchet()?, bench.told()?);
    let in_force = match &ratchet_before {
        // There is none yet, so nothing is kept up.
        None => tree::below(&before, ROOT),
        Some(old) => {
            bench.move_branch(old)?;
            bench.pass(vehicle)?;
            let (root, _) = tree::read(&place.join(ROOT))?;
            tree::write(&before, &place)?;
            root
        }
    };
    let stamps_before = tree::read(&place.join(ROOT))?.1;
    let mut calls = Vec::new();
    let ended = bench.run(vehicle, &mut |call| {
        calls.push(call.clone());
        Verdict::Go
    })?;
    ensure!(
        ended.code == Some(code),
        "{name} ended with {:?} without a fault:\n{}",
        ended.code,
        ended.output
    );
    let (root, stamps) = tree::read(&place.join(ROOT))?;
    let story = Story {
        name,
        vehicle,
        before: story_before,
        untouched: same(&stamps_before, &stamps),
        root,
        in_force,
        memory: names(&place.join(STATE))?,
        code,
        ratchet: bench.ratchet()?.context("no ratchet after a run without faults")?,
        ratchet_before,
        told_before,
        result: bench.told()?.context("no status after a run without faults")?,
        calls,
    };
    ensure!(story.calls.iter().any(|call| call.deed == Deed::Flush), "{name} flushed nothing");
    let quiet = check::quiet(&bench.calls(vehicle)?);
    ensure!(quiet.0.is_empty(), "after {name} without a fault: {quiet:?}");
    tree::write(&before, &place)?;
    Ok(story)
}

/// The paths whose stamps are the same.
fn same(one: &Stamps, other: &Stamps) -> Vec<PathBuf> {
    one.iter().filter(|(path, stamp)| other.get(*path) == Some(stamp)).map(|(path, _)| path.clone()).collect()
}

/// The names in a directory.
pub(crate) fn names(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().into());
    }
    names.sort();
    Ok(names)
}
