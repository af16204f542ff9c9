//! An unchanged branch is one small request, however many branches there are.

use anyhow::Result;
use harness::git_server::{SshServer, WebServer};
use holdfast_protocol::fetch::Reply;

use crate::common::{Client, at, https, measured, ssh};

/// The budget of an unchanged poll, in bytes of TCP payload, both ways.
const BUDGET: u64 = 1500;

#[test]
fn an_unchanged_poll_is_one_small_request_among_10000_branches() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    let tip = repository.commit("main", &[("fleet.toml", b"")])?;
    repository.add_branches(10_000, &tip)?;
    // One whose name goes on where the other's ends.
    repository.commit("main2", &[("other", b"")])?;
    let mut client = Client::new()?;

    let http = at(&server.http_url("fleet.git"));
    for _ in 0..2 {
        let before = server.http().payload();
        assert_eq!(client.poll(&http, Some(&tip), &tip)?.reply, Reply::Unchanged);
        let payload = server.http().payload() - before;
        measured("unchanged poll over http", payload);
        assert!(payload < BUDGET, "{payload} bytes");
    }
    assert_eq!(server.http().connections(), 1);

    let https = https(&server, "fleet.git");
    assert_eq!(client.poll(&https, Some(&tip), &tip)?.reply, Reply::Unchanged);
    let first = server.https().payload();
    measured("unchanged poll over https, first of a connection", first);
    assert_eq!(client.poll(&https, Some(&tip), &tip)?.reply, Reply::Unchanged);
    let next = server.https().payload() - first;
    measured("unchanged poll over https, next of a connection", next);
    assert!(next < BUDGET, "{next} bytes");
    assert_eq!(server.https().connections(), 1);
    Ok(())
}

#[test]
fn a_server_that_wants_discovery_first_gets_it() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    let tip = repository.commit("main", &[("fleet.toml", b"")])?;
    let mut client = Client::new()?;
    // This one speaks the first version of the protocol, which knows no such request.
    let old = at(&server.http_url("old/fleet.git"));
    assert_eq!(client.poll(&old, Some(&tip), &tip)?.reply, Reply::Unchanged);
    Ok(())
}

#[test]
fn ssh_servers_of_both_versions_are_polled() -> Result<()> {
    for modern in [true, false] {
        let server = SshServer::start(modern)?;
        let repository = server.repository("fleet.git")?;
        let tip = repository.commit("main", &[("fleet.toml", b"")])?;
        repository.commit("main2", &[("other", b"")])?;
        repository.add_branches(1000, &tip)?;
        let reply = Client::new()?.poll(&ssh(&server, "fleet.git")?, Some(&tip), &tip)?.reply;
        assert_eq!(reply, Reply::Unchanged, "modern: {modern}");
        let name = format!("unchanged poll over ssh among 1000 branches, modern: {modern}");
        measured(&name, server.relay().payload());
    }
    Ok(())
}

#[test]
fn a_missing_branch_is_told_from_a_missing_repository() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    let tip = repository.commit("main2", &[("fleet.toml", b"")])?;
    let mut client = Client::new()?;
    let remote = https(&server, "fleet.git");
    let failure = client.failure(&remote, &tip)?;
    assert_eq!(failure.code, "E_GIT_NO_BRANCH");
    assert_eq!(
        failure.message,
        format!("cannot fetch refs/heads/main of {}: the repository has no such branch", remote.url)
    );
    assert_eq!(client.failure(&https(&server, "none.git"), &tip)?.code, "E_GIT_NO_REPOSITORY");
    Ok(())
}
