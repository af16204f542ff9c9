//! Whole cycles over a scratch root, with the Git side in memory. Each test draws the branch above what it asserts:
//! `A` is the introduced commit, a commit in brackets is not signed.
#![expect(clippy::disallowed_methods, reason = "a test looks into its scratch root")]

mod beat;
mod ceiling;
mod drift;
mod formats;
mod four_eyes;
mod git;
mod halt;
mod identity;
mod model;
mod tampering;
mod trials;

use holdfast_schema::status::{PassResult, ResourceOutcome};

use self::git::{Git, Host};
use super::*;

const MOTD: &str = "[file.\"/etc/motd\"]\ncontent = \"hello\\n\"\n";

async fn cycle(agent: &mut Agent) -> Status {
    Box::pin(agent.cycle(&Stop::never())).await;
    agent.status().unwrap().clone()
}

fn codes(status: &Status) -> Vec<&str> {
    status.problem.iter().map(|problem| problem.code.as_str()).collect()
}

#[tokio::test]
async fn a_signed_revision_is_applied_and_its_status_published() {
    // A   main
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!(status.result, PassResult::Converged, "{status:#?}");
    assert_eq!(status.revision.applied, Some(git.tip().to_string()));
    assert_eq!(status.revision.attempted, Some(git.tip().to_string()));
    assert_eq!(status.revision.signer.as_deref(), Some("alice@example.com"));
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    let published = git.published().unwrap();
    assert_eq!(published.status, status);
    assert_eq!(published.parents, []);
    assert!(published.signed_by_host);
}

#[tokio::test]
async fn a_quiet_cycle_publishes_nothing_and_asks_only_whether_the_branch_moved() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let (pushes, streams) = (git.pushes(), git.streams());
    cycle(&mut agent).await;
    assert_eq!((git.pushes(), git.streams()), (pushes, streams));
    // Nor does a restart fetch or verify anything again.
    drop(agent);
    cycle(&mut host.agent().await).await;
    assert_eq!((git.pushes(), git.streams()), (pushes, streams));
}

#[tokio::test]
async fn drift_is_repaired_and_told() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let first = git.status_tip().unwrap();
    host.write("etc/motd", "tampered");
    let status = cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert_eq!(status.resource[0].outcome, ResourceOutcome::Changed);
    assert_eq!(git.published().unwrap().parents, [first]);
}

#[tokio::test]
async fn an_unsigned_commit_changes_nothing_and_the_good_one_before_it_is_applied() {
    // A ── B ── [C]   main
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let good = git.commit(&[("hosts/web-1.toml", &MOTD.replace("hello", "good"))]);
    let bad = git.commit_unsigned(&[("hosts/web-1.toml", &MOTD.replace("hello", "bad"))]);
    let status = cycle(&mut agent).await;
    assert_eq!(status.result, PassResult::Held);
    assert_eq!(codes(&status), ["E_UNSIGNED"]);
    assert_eq!(status.problem[0].commit, Some(bad.to_string()));
    assert_eq!(status.revision.attempted, Some(bad.to_string()));
    assert_eq!(status.revision.applied, Some(good.to_string()));
    assert_eq!(host.read("etc/motd").unwrap(), "good\n");
    // The next cycle neither forgets the refusal nor fetches it again, and still repairs drift.
    let streams = git.streams();
    host.write("etc/motd", "tampered");
    let status = cycle(&mut agent).await;
    assert_eq!((codes(&status), git.streams()), (vec!["E_UNSIGNED"], streams));
    assert_eq!(host.read("etc/motd").unwrap(), "good\n");
}

#[tokio::test]
async fn a_branch_that_goes_back_or_is_rewritten_is_refused() {
    // A ── B   main, then A   main, then A ── C   main
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let first = git.tip();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    let second = git.commit(&[("hosts/web-1.toml", &MOTD.replace("hello", "second"))]);
    cycle(&mut agent).await;
    git.reset(first);
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_NOT_FAST_FORWARD"]);
    assert_eq!(status.revision.applied, Some(second.to_string()));
    git.commit(&[("hosts/web-1.toml", &MOTD.replace("hello", "rewritten"))]);
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_NOT_FAST_FORWARD"]);
    assert_eq!(host.read("etc/motd").unwrap(), "second\n");
}

#[tokio::test]
async fn a_revision_with_mistakes_is_refused_whole_and_a_newer_one_heals() {
    // A ── B (bad TOML) ── C   main
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let good = git.tip();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    git.commit(&[("hosts/web-1.toml", &format!("{MOTD}\n[file.\"/etc/other\"]\ncontnet = \"x\"\n"))]);
    let status = cycle(&mut agent).await;
    assert_eq!(status.result, PassResult::Held);
    assert!(codes(&status).contains(&"E_UNKNOWN_KEY"), "{status:#?}");
    assert_eq!(status.problem[0].at.as_deref(), Some("hosts/web-1.toml:5:1"));
    assert_eq!(status.revision.applied, Some(good.to_string()));
    assert!(host.read("etc/other").is_none());
    git.commit(&[("hosts/web-1.toml", &MOTD.replace("hello", "healed"))]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]));
    assert_eq!(host.read("etc/motd").unwrap(), "healed\n");
}

#[tokio::test]
async fn without_git_the_last_good_state_stays_in_force_across_a_restart() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    cycle(&mut host.agent().await).await;
    git.unreachable(true);
    host.write("etc/motd", "tampered");
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_GIT_UNREACHABLE"]);
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    // The change that nobody could be told of is told as soon as Git answers.
    git.unreachable(false);
    let status = cycle(&mut agent).await;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(git.published().unwrap().status.summary.changed, 1);
}

#[tokio::test]
async fn however_long_git_is_away_nothing_piles_up() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    git.unreachable(true);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_GIT_UNREACHABLE"]);
    let memory = host.snapshot();
    for _ in 0..90 {
        assert_eq!(codes(&cycle(&mut agent).await), ["E_GIT_UNREACHABLE"]);
    }
    assert!(host.snapshot() == memory, "something is written down again and again");
    host.write("etc/motd", "tampered");
    cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
}

#[tokio::test]
async fn a_name_on_the_host_that_is_no_text_is_told_in_plain_letters() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::PathBuf};
    let purged = "[apply]\non_failure = \"continue\"\n[directory.\"/etc/own\"]\npurge = true\n";
    let git = Git::new(&[("hosts/web-1.toml", purged)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let own = PathBuf::from(host.path("etc/own"));
    for (name, told) in
        [(&b"not-\xff-text"[..], r"not-\xff-text"), (b"two\nlines", r"two\nlines"), (b"\x1b[2J", r"\x1b[2J")]
    {
        std::fs::write(own.join(OsStr::from_bytes(name)), "").unwrap();
        // One that is text, however it is spelled, is dealt with beside it.
        host.write("etc/own/cafe\u{301}", "");
        let status = cycle(&mut agent).await;
        let problem = &status.resource[0];
        assert_eq!(problem.code.as_deref(), Some("E_FOREIGN_NAME"), "{problem:?}");
        assert!(problem.message.as_ref().unwrap().ends_with(told), "{problem:?}");
        assert_eq!(host.read("etc/own/cafe\u{301}"), None);
        assert!(!host.history().iter().flat_map(|event| &event.lines).any(|line| line.contains('\n')));
        std::fs::remove_file(own.join(OsStr::from_bytes(name))).unwrap();
    }
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
}

#[tokio::test]
async fn a_host_that_lost_its_memory_goes_on_with_its_own_status_branch() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    cycle(&mut host.agent().await).await;
    let before = git.status_tip().unwrap();
    host.forget();
    cycle(&mut host.agent().await).await;
    assert_eq!(git.published().unwrap().parents, [before]);
}

#[tokio::test]
async fn a_status_branch_that_somebody_else_wrote_is_left_alone() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let foreign = git.write_status_as_somebody_else();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!(status.result, PassResult::Converged, "converging goes on");
    assert_eq!(git.status_tip(), Some(foreign));
    assert!(agent.push_failure().unwrap().contains("did not sign"), "{:?}", agent.push_failure());
}

#[tokio::test]
async fn a_paused_agent_leaves_the_host_alone_and_says_so() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    agent.pause("maintenance".into(), None).unwrap();
    host.write("etc/motd", "by hand");
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Paused, vec!["E_PAUSED"]));
    assert_eq!(host.read("etc/motd").unwrap(), "by hand");
    // Also across a restart.
    drop(agent);
    let mut agent = host.agent().await;
    assert_eq!(cycle(&mut agent).await.result, PassResult::Paused);
    agent.resume().unwrap();
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
}

#[tokio::test]
async fn a_pause_ends_by_itself_and_cannot_end_in_the_past() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    assert!(agent.pause("late".into(), Some("2020-01-01T00:00:00Z".into())).is_err());
    assert!(agent.pause("odd".into(), Some("tomorrow".into())).is_err());
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
    agent.pause("short".into(), Some(rfc3339(now() + 1))).unwrap();
    assert_eq!(cycle(&mut agent).await.result, PassResult::Paused);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
}

#[tokio::test]
async fn a_host_without_a_file_of_its_own_is_held() {
    let git = Git::new(&[("hosts/web-2.toml", MOTD)]);
    let host = Host::new(&git);
    let status = cycle(&mut host.agent().await).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_HOST_MISSING"]));
    assert_eq!(status.revision.applied, None::<String>);
    assert_eq!(git.published().unwrap().status.result, PassResult::Held);
}

#[tokio::test]
async fn the_history_tells_of_changes_and_refusals_only() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    for _ in 0..3 {
        cycle(&mut agent).await;
    }
    git.commit_unsigned(&[("hosts/web-1.toml", MOTD)]);
    for _ in 0..3 {
        cycle(&mut agent).await;
    }
    let history = host.history();
    let subjects: Vec<_> = history.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(history[0].lines[0].starts_with("file:/etc/motd changed"), "{history:?}");
}
