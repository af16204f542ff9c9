//! Tags that approve commits come along, and cost nothing where nothing waits for them.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use harness::git_server::{Repository, SshServer, WebServer};
use holdfast_protocol::fetch::{Known, Remote, Reply, Request};
use holdfast_trust::{Object, ObjectId, ObjectKind};

use crate::common::{Client, Got, at, https, measured, poll, ssh};

/// What a fetcher needs for a settled poll, both ways, though there are very many tags.
const BUDGET: u64 = 1500;

impl Client {
    /// Polls with what is known; the digest of the tags and the tags' own objects, or `None` if all is as it was.
    fn poll_tags(
        &mut self,
        remote: &Remote,
        known: Option<Known>,
        base: &str,
    ) -> Result<Option<(Known, Vec<String>)>> {
        let mut request = poll(remote, None, base)?;
        let Request::Poll { known: slot, .. } = &mut request else { unreachable!() };
        *slot = known;
        let Got { reply, objects } = self.ask(&request, &[])?;
        match reply {
            Reply::Unchanged => Ok(None),
            Reply::Changed { tip, tags } => Ok(Some((Known { tip, tags: Some(tags) }, names(&objects)))),
            other => bail!("{other:?}"),
        }
    }
}

/// The names of the tags among the objects.
fn names(objects: &[Object]) -> Vec<String> {
    let tags = objects.iter().filter(|object| object.kind == ObjectKind::Tag);
    let mut names: Vec<_> = tags
        .map(|tag| {
            let text = String::from_utf8_lossy(&tag.data).into_owned();
            text.lines().find_map(|line| line.strip_prefix("tag ")).unwrap_or_default().to_owned()
        })
        .collect();
    names.sort();
    names
}

/// Tags `target` as it would arrive from somebody's `git tag -a`.
fn tag(repository: &Repository, name: &str, target: &str) -> Result<()> {
    let text = format!(
        "object {target}\ntype commit\ntag {name}\ntagger A <a@example.com> 1700000000 +0000\n\nok\n"
    );
    let id = repository.git_with(["mktag"], text)?;
    repository.git(["update-ref", &format!("refs/tags/{name}"), &id])?;
    Ok(())
}

fn check(remote: &Remote, repository: &Repository) -> Result<()> {
    let before = repository.commit("main", &[("a", b"0")])?;
    let base = repository.commit("main", &[("a", b"1")])?;
    let tip = repository.commit("main", &[("a", b"2")])?;
    let side = repository.commit_on("side", Some(&base), &[], &[("a", b"3")])?;
    let mut client = Client::new()?;
    let Some((known, tags)) = client.poll_tags(remote, None, &base)? else { bail!("unchanged") };
    assert_eq!(tags, Vec::<String>::new());
    assert_eq!(client.poll_tags(remote, Some(known.clone()), &base)?, None);

    // A tag is pushed and the branch stays where it is.
    tag(repository, "ok/main/bob", &tip)?;
    let Some((known, tags)) = client.poll_tags(remote, Some(known), &base)? else { bail!("unchanged") };
    assert_eq!((known.tip.to_string(), tags), (tip.clone(), vec!["ok/main/bob".to_owned()]));
    assert_eq!(client.poll_tags(remote, Some(known.clone()), &base)?, None);

    // What has nothing to say about what lies between the base and the tip stays where it is.
    tag(repository, "ok/main/old", &before)?;
    tag(repository, "ok/main/side", &side)?;
    tag(repository, "ok/main2/bob", &tip)?;
    tag(repository, "v1", &tip)?;
    repository.git(["tag", "ok/main/lightweight", &tip])?;
    tag(repository, "ok/main/carol", &base)?;
    client.restart();
    let Some((known, tags)) = client.poll_tags(remote, Some(known), &base)? else { bail!("unchanged") };
    assert_eq!(tags, ["ok/main/bob", "ok/main/carol"]);
    // A tag that is withdrawn is gone.
    repository.git(["update-ref", "-d", "refs/tags/ok/main/bob"])?;
    let Some((known, tags)) = client.poll_tags(remote, Some(known), &base)? else { bail!("unchanged") };
    assert_eq!(tags, ["ok/main/carol"]);

    // What is about the branch comes along whatever commit it is on.
    tag(repository, "stop/main/why", &before)?;
    tag(repository, "go/main/why", &side)?;
    tag(repository, "stop/main2/why", &tip)?;
    tag(repository, "beat/main", &before)?;
    let Some((known, tags)) = client.poll_tags(remote, Some(known), &base)? else { bail!("unchanged") };
    assert_eq!(tags, ["beat/main", "go/main/why", "ok/main/carol", "stop/main/why"]);
    for name in ["stop/main/why", "go/main/why", "beat/main"] {
        repository.git(["update-ref", "-d", &format!("refs/tags/{name}")])?;
    }
    let Some((known, _)) = client.poll_tags(remote, Some(known), &base)? else { bail!("unchanged") };

    // As long as nothing waits for a tag, none is looked at.
    tag(repository, "ok/main/dora", &tip)?;
    let settled = Known { tags: None, ..known };
    assert_eq!(client.poll_tags(remote, Some(settled.clone()), &base)?, None);
    let next = repository.commit("main", &[("a", b"4")])?;
    tag(repository, "ok/main/eve", &next)?;
    let Some((known, tags)) = client.poll_tags(remote, Some(settled), &tip)? else { bail!("unchanged") };
    assert_eq!((known.tip.to_string(), tags), (next, vec!["ok/main/dora".into(), "ok/main/eve".into()]));
    Ok(())
}

#[test]
fn over_https() -> Result<()> {
    let server = WebServer::start()?;
    check(&https(&server, "fleet.git"), &server.repository("fleet.git")?)
}

#[test]
fn over_http_with_the_first_version_of_the_protocol() -> Result<()> {
    let server = WebServer::start()?;
    check(&at(&server.http_url("old/fleet.git")), &server.repository("fleet.git")?)
}

#[test]
fn over_ssh_of_both_versions() -> Result<()> {
    for modern in [true, false] {
        let server = SshServer::start(modern)?;
        check(&ssh(&server, "fleet.git")?, &server.repository("fleet.git")?)?;
    }
    Ok(())
}

#[test]
fn from_this_machine() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let repository = Repository::make(dir.path().join("fleet.git"))?;
    check(&at(&repository.path().display().to_string()), &repository)
}

/// A rewritten branch begins where a reset leads to; without the reset there is no way.
#[test]
fn a_reset_is_a_place_to_begin_at() -> Result<()> {
    for local in [true, false] {
        let server = WebServer::start()?;
        let repository = server.repository("fleet.git")?;
        let remote =
            if local { at(&repository.path().display().to_string()) } else { https(&server, "fleet.git") };
        let base = repository.commit("main", &[("a", b"1")])?;
        let mut client = Client::new()?;
        assert!(client.poll_tags(&remote, None, &base)?.is_some());
        let new = repository.commit_on("main", None, &[], &[("a", b"2")])?;
        let tip = repository.commit("main", &[("a", b"3")])?;
        let request = poll(&remote, None, &base)?;
        assert!(matches!(client.ask(&request, &[])?.reply, Reply::Diverged { .. }));
        tag(&repository, "reset/2/alice", &new)?;
        let Got { reply, objects } = client.ask(&request, &[])?;
        assert!(matches!(reply, Reply::Changed { tip: found, .. } if found.to_string() == tip), "{reply:?}");
        assert_eq!(names(&objects), ["reset/2/alice"]);
        let new: ObjectId = new.parse()?;
        assert!(objects.iter().any(|object| object.id() == Ok(new)));
    }
    Ok(())
}

#[test]
fn a_settled_poll_stays_small_among_10000_tags() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    let tip = repository.commit("main", &[("a", b"1")])?;
    tag(&repository, "ok/main/one", &tip)?;
    let id = repository.git(["rev-parse", "refs/tags/ok/main/one"])?;
    let mut updates = String::new();
    for number in 0..10_000 {
        writeln!(updates, "create refs/tags/ok/main/{number:05} {id}")?;
    }
    repository.git_with(["update-ref", "--stdin"], updates)?;
    repository.git(["pack-refs", "--all"])?;
    let http = at(&server.http_url("fleet.git"));
    let mut client = Client::new()?;
    assert_eq!(client.poll(&http, Some(&tip), &tip)?.reply, Reply::Unchanged);
    let payload = server.http().payload();
    measured("settled poll over http among 10,000 tags", payload);
    assert!(payload < BUDGET, "{payload} bytes");
    // Somebody waits for approval, and everything is listed; the one tag comes once.
    let Some((known, tags)) = client.poll_tags(&http, None, &tip)? else { bail!("unchanged") };
    assert_eq!(tags, ["ok/main/one"]);
    let before = server.http().payload();
    assert_eq!(client.poll_tags(&http, Some(known), &tip)?, None);
    measured("waiting poll over http among 10,000 tags", server.http().payload() - before);
    Ok(())
}

#[test]
fn from_nowhere_nothing_is_fetched() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    repository.commit("main", &[("a", &crate::common::noise(100_000))])?;
    let tip = repository.commit("main", &[("b", b"1")])?;
    let got = Client::new()?.poll(&at(&server.http_url("fleet.git")), None, &"0".repeat(40))?;
    assert_eq!(crate::common::diverged(&got), Some(tip));
    assert!(server.http().payload() < 3000, "{} bytes", server.http().payload());
    Ok(())
}
