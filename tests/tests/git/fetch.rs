//! What is fetched: what lies between the base and the tip, whole, from servers of both versions, after any accident.

use anyhow::Result;
use harness::git_server::{Relay, Repository, SshServer, WebServer};
use holdfast_protocol::fetch::{Remote, Reply};

use crate::common::{Client, Got, at, diverged, https, ids, measured, noise, ssh};

/// All objects that the root service needs, as git itself tells them.
fn expected(repository: &Repository, base: &str, tip: &str) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let commits = repository.git(["rev-list", "--first-parent", &format!("{base}..{tip}")])?;
    for commit in commits.split_whitespace() {
        // The directories that it changes, as they were and as they are.
        let parent = format!("{commit}^1");
        for line in repository.git(["diff-tree", "-r", "-t", "--no-abbrev", &parent, commit])?.lines() {
            let [old, new, old_id, new_id, ..] = *line.split(' ').collect::<Vec<_>>() else { continue };
            let sides = [(old.trim_start_matches(':'), old_id), (new, new_id)];
            ids.extend(sides.iter().filter(|(mode, _)| *mode == "040000").map(|(_, id)| (*id).to_owned()));
        }
    }
    for commit in commits.split_whitespace().chain([base]) {
        ids.extend([commit.to_owned(), repository.git(["rev-parse", &format!("{commit}^{{tree}}")])?]);
        let trust =
            repository.git(["ls-tree", "-r", "-t", "--format=%(objectname)", commit, "--", ".trust"])?;
        ids.extend(trust.split_whitespace().map(str::to_owned));
    }
    let all = repository.git(["ls-tree", "-r", "-t", "--format=%(objecttype) %(objectname)", tip])?;
    ids.extend(
        all.lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(kind, _)| *kind != "commit")
            .map(|(_, id)| id.to_owned()),
    );
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// ```text
/// base ── … 40 commits … ── merge ── tip        first parents
///   └── side ─────────────────┘
/// ```
fn history(repository: &Repository) -> Result<(String, String)> {
    let signers = |n: u32| format!("key {}\n", n / 10).into_bytes();
    for n in 0..10 {
        repository.commit("main", &[("old", format!("{n}").repeat(2000).as_bytes())])?;
    }
    let base =
        repository.commit("main", &[(".trust/allowed_signers", &signers(0)), ("hosts/a.toml", b"a")])?;
    repository.git(["branch", "side", &base])?;
    let side = repository.commit("side", &[("side", b"side")])?;
    for n in 0..40 {
        let name = format!("roles/r{n}/files/f");
        repository.commit(
            "main",
            &[(&name, format!("{n}").repeat(100).as_bytes()), (".trust/allowed_signers", &signers(n))],
        )?;
    }
    let main = repository.tip("main")?;
    repository.commit_on("main", Some(&main), &[&side], &[("side", b"side")])?;
    let tip = repository.commit("main", &[("hosts/a.toml", b"b"), ("hosts/b.toml", b"a")])?;
    Ok((base, tip))
}

fn check(remote: &Remote, repository: &Repository, relay: Option<&Relay>) -> Result<()> {
    let (base, tip) = history(repository)?;
    let mut client = Client::new()?;
    let (found, objects) = client.changed(remote, &base)?;
    assert_eq!((&found, ids(&objects)?), (&tip, expected(repository, &base, &tip)?));
    if let Some(relay) = relay {
        measured("first fetch of 52 commits over https", relay.payload());
    }

    // What comes next is added to it, and only that travels.
    let next = repository.commit("main", &[("big", &noise(60_000))])?;
    client.restart();
    assert_eq!(ids(&client.changed(remote, &base)?.1)?, expected(repository, &base, &next)?);
    let last = repository.commit("main", &[("small", b"small")])?;
    let before = relay.map_or(0, Relay::received);
    assert_eq!(ids(&client.changed(remote, &base)?.1)?, expected(repository, &base, &last)?);
    if let Some(relay) = relay {
        let received = relay.received() - before;
        measured("one small commit more over https, received", received);
        assert!(received < 8000, "{received} bytes");
    }

    // The base moves on with what was verified, and may be the tip itself.
    assert_eq!(ids(&client.changed(remote, &tip)?.1)?, expected(repository, &tip, &last)?);
    assert_eq!(ids(&client.changed(remote, &last)?.1)?, expected(repository, &last, &last)?);
    // An older base than ever asks for more history.
    let root = repository.git(["rev-list", "--max-parents=0", "main"])?;
    assert_eq!(ids(&client.changed(remote, &root)?.1)?, expected(repository, &root, &last)?);
    Ok(())
}

#[test]
fn over_https() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    check(&https(&server, "fleet.git"), &repository, Some(server.https()))
}

#[test]
fn over_http_with_the_first_version_of_the_protocol() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    check(&at(&server.http_url("old/fleet.git")), &repository, None)
}

#[test]
fn over_ssh() -> Result<()> {
    let server = SshServer::start(true)?;
    let repository = server.repository("fleet.git")?;
    check(&ssh(&server, "fleet.git")?, &repository, None)
}

#[test]
fn over_ssh_with_the_first_version_of_the_protocol() -> Result<()> {
    let server = SshServer::start(false)?;
    let repository = server.repository("a fleet's.git")?;
    let mut remote = ssh(&server, "fleet.git")?;
    remote.url = server.url("a%20fleet's.git");
    check(&remote, &repository, None)
}

#[test]
fn from_this_machine() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let repository = Repository::make(dir.path().join("path.git"))?;
    check(&at(&repository.path().display().to_string()), &repository, None)?;
    let repository = Repository::make(dir.path().join("url.git"))?;
    check(&at(&format!("file://{}", repository.path().display())), &repository, None)
}

#[test]
fn a_first_fetch_takes_only_what_follows_the_base() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    // Bytes that do not compress, below the base.
    repository.commit("main", &[("noise", &noise(500_000))])?;
    let base = repository.commit("main", &[("noise", b"")])?;
    let tip = repository.commit("main", &[("hosts/a.toml", b"a")])?;
    let (_, objects) = Client::new()?.changed(&https(&server, "fleet.git"), &base)?;
    assert_eq!(ids(&objects)?, expected(&repository, &base, &tip)?);
    assert!(server.https().received() < 10_000, "{} bytes", server.https().received());
    Ok(())
}

#[test]
fn a_rewritten_history_is_refused_again_and_again_without_another_fetch() -> Result<()> {
    // root ── base ── tip
    //    └── other                 where the branch is after the rewrite
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    let root = repository.commit("main", &[("a", b"1")])?;
    let base = repository.commit("main", &[("a", b"2")])?;
    let remote = https(&server, "fleet.git");
    let mut client = Client::new()?;
    client.changed(&remote, &base)?;
    let other = repository.commit_on("main", Some(&root), &[], &[("a", b"3")])?;
    for _ in 0..2 {
        assert_eq!(diverged(&client.poll(&remote, None, &base)?), Some(other.clone()));
    }
    // Nor is a commit that never was there.
    assert_eq!(diverged(&client.poll(&remote, None, &"1".repeat(40))?), Some(other.clone()));
    // Nor one that is only reached by a second parent.
    let foxtrot = repository.commit_on("main", Some(&other), &[&base], &[("a", b"4")])?;
    assert_eq!(diverged(&client.poll(&remote, None, &base)?), Some(foxtrot));
    // It is put right.
    let merge = repository.commit_on("main", Some(&base), &[&other], &[("a", b"5")])?;
    assert_eq!(client.changed(&remote, &base)?.0, merge);
    Ok(())
}

#[test]
fn the_whole_tree_of_an_older_commit_can_be_asked_for() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    let base = repository.commit("main", &[("a", b"1")])?;
    let middle = repository.commit("main", &[("a", b"2")])?;
    let tip = repository.commit("main", &[("a", b"3")])?;
    let mut request = crate::common::poll(&https(&server, "fleet.git"), None, &base)?;
    let holdfast_protocol::fetch::Request::Poll { at, .. } = &mut request else { unreachable!() };
    *at = Some(middle.parse()?);
    let Got { reply, objects } = Client::new()?.ask(&request, &[])?;
    assert!(matches!(reply, Reply::Changed { tip: found, .. } if found.to_string() == tip));
    let blobs: Vec<_> = objects.iter().filter(|o| o.kind == holdfast_trust::ObjectKind::Blob).collect();
    assert_eq!(blobs.iter().map(|blob| blob.data.as_slice()).collect::<Vec<_>>(), [b"2"]);
    Ok(())
}
