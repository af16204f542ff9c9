//! Pushes: compare and swap, refusals, lost answers.

use anyhow::Result;
use harness::git_server::{Fault, PASSWORD, Repository, SshServer, USER, WebServer};
use holdfast_protocol::fetch::{Remote, Reply};

use crate::common::{Client, Got, at, basic, commit, https, measured, ssh};

const BRANCH: &str = "status/web-1";

fn moved_to(got: &Got) -> Option<String> {
    match &got.reply {
        Reply::Moved { current } => Some(current.map_or("nowhere".to_owned(), |id| id.to_string())),
        _ => None,
    }
}

fn check(remote: &Remote, repository: &Repository) -> Result<()> {
    let mut client = Client::new()?;
    // An empty repository takes a first branch.
    let first = commit(None, "first")?;
    assert_eq!(client.push(remote, BRANCH, None, &first)?.reply, Reply::Pushed);
    let first_id = first.id.to_string();
    assert_eq!(repository.tip(BRANCH)?, first_id);
    let second = commit(Some(&first_id), "second")?;
    assert_eq!(client.push(remote, BRANCH, Some(&first_id), &second)?.reply, Reply::Pushed);
    let second_id = second.id.to_string();
    assert_eq!(repository.tip(BRANCH)?, second_id);
    repository.git(["fsck", "--strict"])?;

    // The answer to a push may have been lost: once more is as good.
    assert_eq!(client.push(remote, BRANCH, Some(&first_id), &second)?.reply, Reply::Pushed);

    // Somebody else was there: nothing is overwritten, and the other's commit comes back.
    let third = commit(Some(&first_id), "third")?;
    let got = client.push(remote, BRANCH, Some(&first_id), &third)?;
    assert_eq!(moved_to(&got), Some(second_id.clone()));
    assert_eq!(got.objects, second.objects.get(2..).unwrap_or_default());
    let got = client.push(remote, BRANCH, None, &third)?;
    assert_eq!(moved_to(&got), Some(second_id.clone()));
    assert_eq!(repository.tip(BRANCH)?, second_id);

    // A branch that is gone.
    repository.git(["update-ref", "-d", &format!("refs/heads/{BRANCH}")])?;
    let got = client.push(remote, BRANCH, Some(&second_id), &third)?;
    assert_eq!((moved_to(&got), got.objects), (Some("nowhere".to_owned()), vec![]));
    Ok(())
}

#[test]
fn over_https() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("private/fleet.git")?;
    check(&Remote { credential: basic(USER, PASSWORD), ..https(&server, "private/fleet.git") }, &repository)
}

#[test]
fn over_http_to_a_server_that_takes_pushes_from_everybody() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    check(&at(&server.http_url("old/fleet.git")), &repository)
}

#[test]
fn over_ssh() -> Result<()> {
    let server = SshServer::start(true)?;
    let repository = server.repository("fleet.git")?;
    check(&ssh(&server, "fleet.git")?, &repository)
}

#[test]
fn to_this_machine() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let repository = Repository::make(dir.path().join("fleet.git"))?;
    check(&at(&repository.path().display().to_string()), &repository)
}

#[test]
fn a_push_is_one_small_request_among_10000_branches() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("private/fleet.git")?;
    let tip = repository.commit("main", &[("fleet.toml", b"")])?;
    repository.add_branches(10_000, &tip)?;
    let remote = Remote { credential: basic(USER, PASSWORD), ..https(&server, "private/fleet.git") };
    let mut client = Client::new()?;
    let first = commit(None, "first")?;
    assert_eq!(client.push(&remote, BRANCH, None, &first)?.reply, Reply::Pushed);
    let payload = server.https().payload();
    measured("push over https, first of a connection", payload);
    assert!(payload < 5000, "{payload} bytes");
    let second = commit(Some(&first.id.to_string()), "second")?;
    assert_eq!(client.push(&remote, BRANCH, Some(&first.id.to_string()), &second)?.reply, Reply::Pushed);
    measured("push over https, next of a connection", server.https().payload() - payload);
    Ok(())
}

#[test]
fn of_many_pushes_at_once_one_succeeds() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("private/fleet.git")?;
    let remote = Remote { credential: basic(USER, PASSWORD), ..https(&server, "private/fleet.git") };
    let first = commit(None, "first")?;
    assert_eq!(Client::new()?.push(&remote, BRANCH, None, &first)?.reply, Reply::Pushed);
    let old = first.id.to_string();
    let replies = std::thread::scope(|scope| {
        let pushes: Vec<_> = (0..6)
            .map(|n| {
                let (remote, old) = (&remote, &old);
                scope.spawn(move || -> Result<Reply> {
                    let next = commit(Some(old), &format!("try {n}"))?;
                    Ok(Client::new()?.push(remote, BRANCH, Some(old), &next)?.reply)
                })
            })
            .collect();
        pushes.into_iter().map(|push| push.join().expect("no panic")).collect::<Result<Vec<_>>>()
    })?;
    let won = replies.iter().filter(|reply| **reply == Reply::Pushed).count();
    let lost = replies.iter().filter(|reply| matches!(reply, Reply::Moved { current: Some(_) })).count();
    assert_eq!((won, lost), (1, 5), "{replies:?}");
    repository.git(["fsck", "--strict"])?;
    Ok(())
}

/// Lets each host write its own status branch, and nothing else.
const OWN_BRANCH_ONLY: &str = "#!/bin/sh\n\
    [ \"$1\" = \"refs/heads/status/$REMOTE_USER\" ] && exit 0\n\
    printf '\\033[31m%s may not write %s\\007\\n' \"$REMOTE_USER\" \"$1\" >&2\nexit 1\n";

#[test]
fn a_host_may_write_its_own_branch_only() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("private/fleet.git")?;
    repository.hook("update", OWN_BRANCH_ONLY)?;
    let remote = Remote { credential: basic(USER, PASSWORD), ..https(&server, "private/fleet.git") };
    let mut client = Client::new()?;
    let new = commit(None, "first")?;
    assert_eq!(client.push(&remote, BRANCH, None, &new)?.reply, Reply::Pushed);
    let Reply::Failed(failure) = client.push(&remote, "status/web-2", None, &new)?.reply else {
        unreachable!()
    };
    assert_eq!(failure.code, "E_GIT_PUSH_REFUSED");
    assert_eq!(
        failure.message,
        format!(
            "cannot push refs/heads/status/web-2 to {}: the server refuses it: hook declined (server: \
             web-1 may not write refs/heads/status/web-2 / error: hook declined to update \
             refs/heads/status/web-2)",
            remote.url
        )
    );
    assert!(repository.tip("status/web-2").is_err());
    Ok(())
}

#[test]
fn a_server_that_takes_no_pushes_says_so() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("private/fleet.git")?;
    repository.git(["config", "http.receivepack", "false"])?;
    let remote = Remote { credential: basic(USER, PASSWORD), ..https(&server, "private/fleet.git") };
    let Reply::Failed(failure) = Client::new()?.push(&remote, BRANCH, None, &commit(None, "x")?)?.reply
    else {
        unreachable!()
    };
    assert_eq!(failure.code, "E_GIT_AUTH");
    Ok(())
}

#[test]
fn a_commit_without_its_parent_is_refused() -> Result<()> {
    let server = WebServer::start()?;
    server.repository("private/fleet.git")?;
    let remote = Remote { credential: basic(USER, PASSWORD), ..https(&server, "private/fleet.git") };
    let orphan = commit(Some(&"1".repeat(40)), "x")?;
    let Reply::Failed(failure) = Client::new()?.push(&remote, BRANCH, None, &orphan)?.reply else {
        unreachable!()
    };
    assert_eq!(failure.code, "E_GIT_PUSH_REFUSED");
    assert!(failure.message.contains("missing necessary objects"), "{failure}");
    Ok(())
}

#[test]
fn a_lost_answer_is_found_out() -> Result<()> {
    let server = WebServer::start()?;
    let repository = server.repository("fleet.git")?;
    repository.git(["config", "http.receivepack", "true"])?;
    let remote = at(&server.http_url("old/fleet.git"));
    let mut client = Client::new()?;
    let new = commit(None, "first")?;
    // The request arrives, the answer does not; nor does that to the question where the branch is.
    server.http().set_fault(Fault::Cut(0));
    let Reply::Failed(failure) = client.push(&remote, BRANCH, None, &new)?.reply else { unreachable!() };
    assert_eq!(failure.code, "E_GIT_UNREACHABLE");
    server.http().set_fault(Fault::None);
    assert_eq!(client.push(&remote, BRANCH, None, &new)?.reply, Reply::Pushed);
    assert_eq!(repository.tip(BRANCH)?, new.id.to_string());
    Ok(())
}
