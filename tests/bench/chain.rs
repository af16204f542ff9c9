//! A long chain of signed commits, as hosts that were away for years find it, beside what Git itself takes to check it.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use harness::{
    Command, Fleet, Host,
    git_server::{Pack, Repository},
};
use holdfast_trust::{
    ObjectId, UnixTime,
    identity::Identity,
    sign::{NewCommit, SecretKey},
    tree::{self, Entry, Mode},
};

use crate::{AGENT, mebibytes, milliseconds, row, spent};

const COMMITS: u32 = 10_000;
/// Of how many Git checks the signatures; it takes as long for each.
const SAMPLE: u32 = 500;

/// Puts the chain on `main` and has the running agent follow it.
pub(crate) fn measure(host: &Host, fleet: &Fleet, repository: &Repository) -> Result<()> {
    let tip = make(fleet, repository)?;
    let pid = host.property(AGENT, "MainPID")?;
    // The highest amount of memory from here on; see proc(5).
    host.shell(&format!("echo 5 >/proc/{pid}/clear_refs"))?;
    let (before, start) = (spent(host, &pid)?, Instant::now());
    host.run(&["holdfast", "sync"])?;
    let (own, wall) = (spent(host, &pid)?.saturating_sub(before), start.elapsed());
    let status = host.run(&["holdfast", "status"])?;
    anyhow::ensure!(status.contains(tip.get(..7).unwrap_or_default()), "it did not follow: {status}");
    let memory = host.shell(&format!("sed -n 's/^VmHWM:\\s*\\([0-9]*\\) kB/\\1/p' /proc/{pid}/status"))?;
    let before = spent(host, &pid)?;
    host.run(&["holdfast", "sync"])?;
    let again = spent(host, &pid)?.saturating_sub(before);

    let git = |arguments: &[&str]| -> Result<Duration> {
        let signers = fleet.work().join(".trust/allowed_signers");
        let mut git =
            vec!["git".to_owned(), "-C".into(), repository.path().display().to_string(), "-c".into()];
        git.push(format!("gpg.ssh.allowedSignersFile={}", signers.display()));
        git.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let start = Instant::now();
        Command::new(git).run()?;
        Ok(start.elapsed() * COMMITS / SAMPLE)
    };
    let log = git(&["log", "--show-signature", "--format=%H", &format!("-{SAMPLE}"), &tip])?;
    let list = repository.git(["rev-list", &format!("-{SAMPLE}"), &tip])?;
    let verify = git(&[&["verify-commit"][..], &list.lines().collect::<Vec<_>>()].concat())?;
    row("10,000 new commits: root service (CPU, with its pass)", &milliseconds(own), "2000 ms");
    row("  its memory at most", &mebibytes(memory.trim().parse()?), "64 MiB");
    row("  wall, with the fetch", &milliseconds(wall), "");
    let times = |other: Duration| format!("{:.0} times", other.as_secs_f64() / own.as_secs_f64());
    row("  git log --show-signature (500 of them, counted up)", &milliseconds(log), &times(log));
    row("  git verify-commit (500 of them, counted up)", &milliseconds(verify), &times(verify));
    row("  the poll after it (CPU, with its pass)", &milliseconds(again), "");
    Ok(())
}

/// Ten thousand commits, each with a changed file, signed by the fleet's author. Gives the tip.
fn make(fleet: &Fleet, repository: &Repository) -> Result<String> {
    let key = SecretKey::parse(&fs::read(fleet.key("author"))?)?;
    let begin: ObjectId = repository.tip("main")?.parse()?;
    let time: i64 = repository.git(["log", "-1", "--format=%ct", "main"])?.parse()?;
    let list = repository.git(["ls-tree", "main"])?;
    let mut root = Vec::new();
    for line in list.lines() {
        let (head, name) = line.split_once('\t').context("a line of ls-tree")?;
        let mode = if head.starts_with("040000") { Mode::Directory } else { Mode::File };
        let id: ObjectId = head.rsplit(' ').next().unwrap_or_default().parse()?;
        root.push(Entry { mode, name: name.as_bytes(), id });
    }
    let mut pack = Pack::default();
    let mut tip = begin;
    for number in 0..COMMITS {
        let id = pack.object("blob", format!("{number}\n").as_bytes())?.parse()?;
        let mut entries = root.clone();
        entries.push(Entry { mode: Mode::File, name: b"number", id });
        let tree = pack.object("tree", &tree::make(&mut entries)?.data)?.parse()?;
        let commit = NewCommit {
            tree,
            parents: vec![tip],
            author: Identity::new("Author", "author@example.org", UnixTime::from_seconds(time)),
            message: &format!("Change number {number}\n\nA body of a usual length, which says why.\n"),
        };
        tip = pack.object("commit", &commit.sign(&key)?.data)?.parse()?;
    }
    pack.install(repository)?;
    let tip = tip.to_string();
    repository.git(["update-ref", "refs/heads/main", &tip])?;
    Ok(tip)
}
