//! Too much of everything. The fetcher pays for it, alone; the root service must not notice.
#![expect(clippy::disallowed_methods, reason = "this writes what a server lists")]

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result, ensure};
use harness::git_server::Pack;

use super::history::goes_on;
use crate::{
    last_good::{good, is_out_of_reach, is_refused},
    site::{AGENT, Site},
};

/// What the root service may have had in memory at most, in KiB; see `VmHWM` in proc(5).
const MEMORY: u64 = 64 << 10;

/// The root service as it was before the attack.
struct Root {
    pid: String,
}

impl Root {
    fn of(site: &Site) -> Result<Self> {
        Ok(Self { pid: site.host.property(AGENT, "MainPID")? })
    }

    /// Asserts that it is still the same process, and never needed much.
    fn is_well(&self, site: &Site) -> Result<()> {
        assert_eq!(site.host.property(AGENT, "MainPID")?, self.pid, "the root service died");
        let status = site.host.read_file(&format!("/proc/{}/status", self.pid))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        let peak: u64 = peak.context("no VmHWM")?.trim().parse()?;
        ensure!(peak < MEMORY, "the root service had {peak} KiB in memory");
        Ok(())
    }
}

#[test]
fn a_hundred_thousand_branches_and_tags_are_borne() -> Result<()> {
    let site = good()?;
    let (root, repository) = (Root::of(&site)?, site.repository());
    let tip = repository.tip("main")?;
    let packed = repository.path().join("packed-refs");
    // What says nothing about any commit: branches, and names that begin as approvals do but are no annotated tags.
    let mut list = HEADER.to_owned();
    for name in ["heads/z", "tags/ok/main/light"] {
        (0..50_000).try_for_each(|number| writeln!(list, "{tip} refs/{name}-{number:06}"))?;
    }
    fs::write(&packed, list)?;
    goes_on(&site)?;

    // Approvals, each an annotated tag of its own on the newest commit.
    let tip = repository.tip("main")?;
    let (mut pack, mut list) = (Pack::default(), HEADER.to_owned());
    for number in 0..100_000 {
        let name = format!("ok/main/tag-{number:06}");
        let tag = format!(
            "object {tip}\ntype commit\ntag {name}\ntagger A <a@example.org> 1700000000 +0000\n\nok\n"
        );
        let id = pack.object("tag", tag.as_bytes())?;
        writeln!(list, "{id} refs/tags/{name}\n^{tip}")?;
    }
    pack.install(&repository)?;
    let next = site.fleet.git(&[
        "commit-tree",
        "HEAD^{tree}",
        "-p",
        "HEAD",
        "-m",
        "unsigned, so that tags are asked for",
    ])?;
    site.fleet.git(&["push", "--quiet", "origin", &format!("{}:main", next.trim())])?;
    fs::write(&packed, list.replace(&tip, next.trim()))?;
    is_out_of_reach(&site.host, "E_LIMIT")?;
    root.is_well(&site)?;

    fs::write(&packed, HEADER)?;
    is_refused(&site, "E_UNSIGNED", "")?;
    goes_on(&site)?;
    root.is_well(&site)
}

/// How a file of packed references begins; see gitformat-packed-refs in git-pack-refs(1).
const HEADER: &str = "# pack-refs with: peeled fully-peeled sorted \n";

/// Puts an unsigned commit with such files on `main`, as whoever has the server can.
fn serve(site: &Site, files: &[String]) -> Result<()> {
    let repository = site.repository();
    let entries = files.iter().enumerate().map(|(number, id)| format!("100644 blob {id}\tfile-{number}\n"));
    let tree = repository.git_with(["mktree", "--missing"], entries.collect::<String>())?;
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    let commit = ["commit-tree", &tree, "-p", "refs/heads/main", "-m", "large"];
    let commit = repository.git(who.into_iter().chain(commit))?;
    repository.git(["update-ref", "refs/heads/main", &commit])?;
    Ok(())
}

#[test]
fn files_that_unfold_without_end_are_not_unfolded() -> Result<()> {
    let site = good()?;
    let (root, repository) = (Root::of(&site)?, site.repository());
    let before = repository.tip("main")?;
    let withdraw = || repository.git(["update-ref", "refs/heads/main", &before]);

    // One file of 10 GiB, in a pack of 10 MiB.
    let mut pack = Pack::default();
    let huge = pack.zeros(10 << 10)?;
    pack.install(&repository)?;
    serve(&site, &[huge])?;
    is_out_of_reach(&site.host, "E_LIMIT")?;
    root.is_well(&site)?;
    withdraw()?;

    // A difference of 4 KiB that makes 16 GiB of 16 MiB.
    let mut pack = Pack::default();
    let base = pack.zeros(15)?;
    let bomb = pack.copies(&base, 15 << 20, 1000)?;
    pack.install(&repository)?;
    serve(&site, &[base, bomb])?;
    is_out_of_reach(&site.host, "E_LIMIT")?;
    root.is_well(&site)?;
    withdraw()?;

    // Two thousand of them, none too large by itself: the time for one exchange is over before they are all unfolded.
    site.host.shell("sed -i '1i total_timeout = \"5s\"' /etc/holdfast/agent.toml")?;
    site.host.run(&["systemctl", "reload", AGENT])?;
    let mut pack = Pack::default();
    let base = pack.zeros(15)?;
    let mut many = (0..2000).map(|_| pack.copies(&base, 15 << 20, 14)).collect::<Result<Vec<_>>>()?;
    // The server copies a difference as it is only if what it differs from goes along.
    many.push(base);
    pack.install(&repository)?;
    serve(&site, &many)?;
    is_out_of_reach(&site.host, "E_GIT_TIMEOUT")?;
    root.is_well(&site)?;
    withdraw()?;
    site.host.shell("sed -i 1d /etc/holdfast/agent.toml")?;
    site.host.run(&["systemctl", "reload", AGENT])?;
    goes_on(&site)
}
