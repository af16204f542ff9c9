//! Two people agree by nothing but Git: what a host does while one of them is missing.

use holdfast_schema::status::PassResult;

use super::{
    MOTD, codes, cycle,
    git::{Git, Host},
};

const TEAM: &[&str] = &["bob@example.com", "carol@example.com"];
const FOUR_EYES: &str = "epoch = 1\nintent = \"required\"\n\
    [role.root]\npeople = [\"alice@example.com\", \"bob@example.com\", \"carol@example.com\"]\nneed = 2\n\
    [role.deploy]\npeople = [\"alice@example.com\", \"bob@example.com\", \"carol@example.com\"]\nneed = 2\n";
const CHANGED: &str = "[file.\"/etc/motd\"]\ncontent = \"changed\\n\"\n";
/// Which branch it is for, a tag says by its name.
const OK: &str = "fine by me\n";

fn fleet() -> Git {
    Git::with_policy(FOUR_EYES, TEAM, &[("hosts/web-1.toml", MOTD)])
}

#[tokio::test]
async fn a_commit_waits_for_the_second_pair_of_eyes_and_goes_on_when_the_tag_is_pushed() {
    let git = fleet();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
    let commit = git.commit_saying("change\n\nDeploy: main\n", &[("hosts/web-1.toml", CHANGED)]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_THRESHOLD"]));
    assert!(
        status.problem[0].message.contains("2 of alice@example.com, bob@example.com, carol@example.com"),
        "{status:#?}"
    );
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    // Drift is repaired meanwhile, and nothing is fetched again while nothing is new.
    host.write("etc/motd", "drifted");
    let streams = git.streams();
    let status = cycle(&mut agent).await;
    assert_eq!((codes(&status), git.streams()), (vec!["E_THRESHOLD"], streams));
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");

    git.tag("ok/main/bob", commit, "bob@example.com", OK);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]));
    assert_eq!(status.revision.signer.as_deref(), Some("alice@example.com, bob@example.com"));
    assert_eq!(host.read("etc/motd").unwrap(), "changed\n");
    // Once it is verified, no tag is waited for, and what happens to it does not matter.
    let streams = git.streams();
    git.forget_tags();
    assert_eq!((codes(&cycle(&mut agent).await), git.streams()), (vec![], streams));
    drop(agent);
    assert_eq!((codes(&cycle(&mut host.agent().await).await), git.streams()), (vec![], streams));
}

/// What does not count as a second pair of eyes.
#[tokio::test]
async fn tags_that_count_for_nothing_leave_the_commit_waiting() {
    let git = fleet();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let commit = git.commit_saying("change\n\nDeploy: main\n", &[("hosts/web-1.toml", CHANGED)]);
    for (name, signer, message) in [
        ("ok/main/alice", "alice@example.com", OK), // the author once more
        ("ok/main/mallory", "mallory@example.com", OK), // nobody who is listed
        ("ok/prod/bob", "bob@example.com", OK),     // for another branch
    ] {
        git.tag(name, commit, signer, message);
        let status = cycle(&mut agent).await;
        assert_eq!(codes(&status), ["E_THRESHOLD"], "{name}");
    }
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
}

/// The squash button: nobody signed the commit, and two people vouch for it.
#[tokio::test]
async fn two_people_vouch_for_what_a_forge_merged() {
    let git = fleet();
    let base = git.tip();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    git.commit_unsigned(&[("hosts/web-1.toml", "[file.\"/etc/motd\"]\ncontent = \"first\\n\"\n")]);
    let tip = git.commit_unsigned(&[("hosts/web-1.toml", CHANGED)]);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_UNSIGNED"]);
    let vouch = format!("looked at it all\n\nDeploy: main\nVouch: {base}\n");
    git.tag("ok/main/2026-11-21.1", tip, "bob@example.com", &vouch);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_UNSIGNED"], "one is not enough");
    git.tag("ok/main/2026-11-21.2", tip, "carol@example.com", &vouch);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]));
    assert_eq!(host.read("etc/motd").unwrap(), "changed\n");
}

/// A signed message says what the files are, and the server hands out something else: SHA-1 would have to be broken for
/// that, so here the message is wrong instead.
#[tokio::test]
async fn files_that_are_not_what_was_signed_are_not_applied() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let wrong = format!("change\n\nState-SHA256: {}\n", "0".repeat(64));
    git.commit_saying(&wrong, &[("hosts/web-1.toml", CHANGED)]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_STATE"]));
    assert!(status.problem[0].remedy.is_some());
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    // It stays so after a restart, when only the ratchet knows what was signed.
    drop(agent);
    let mut agent = host.agent().await;
    assert_eq!(codes(&cycle(&mut agent).await), ["E_STATE"]);
    git.commit_saying("change\n", &[("hosts/web-1.toml", CHANGED)]);
    assert_eq!(codes(&cycle(&mut agent).await), Vec::<&str>::new());
    assert_eq!(host.read("etc/motd").unwrap(), "changed\n");
}

/// The history is rewritten: two people say so in tags, and every host goes on there.
#[tokio::test]
async fn a_reset_by_two_people_leads_to_a_rewritten_history() {
    let git = fleet();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let old = git.tip();
    git.set_policy(&FOUR_EYES.replace("epoch = 1", "epoch = 2"), TEAM);
    let new = git.rewritten(&[("hosts/web-1.toml", CHANGED)]);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_NOT_FAST_FORWARD"]);
    let message = format!("the password is out\n\nFleet: {}\nFrom: {old}\n", super::git::FLEET);
    git.tag("reset/2/alice", new, "alice@example.com", &message);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_THRESHOLD"]);
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    git.tag("reset/2/bob", new, "bob@example.com", &message);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]));
    assert_eq!(status.revision.applied, Some(new.to_string()));
    assert_eq!(host.read("etc/motd").unwrap(), "changed\n");
    // There is no way back.
    git.reset(old);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_NOT_FAST_FORWARD"]);
}

/// A commit that only needs one more word is not forgotten when the next one is pushed on top of it.
#[tokio::test]
async fn approvals_arrive_in_any_order() {
    let git = fleet();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let first = git.commit_saying("one\n\nDeploy: main\n", &[("hosts/web-1.toml", CHANGED)]);
    let second = git.commit_saying("two\n\nDeploy: main\n", &[("hosts/web-1.toml", MOTD)]);
    git.tag("ok/main/2", second, "bob@example.com", OK);
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_THRESHOLD"]);
    assert_eq!(status.problem[0].commit, Some(first.to_string()), "the first one to mend");
    git.tag("ok/main/1", first, "carol@example.com", OK);
    let status = cycle(&mut agent).await;
    assert_eq!(status.revision.applied, Some(second.to_string()));
}
