//! Somebody stops a rollout, and others let it go on.

use holdfast_schema::status::PassResult;

use super::{
    MOTD, codes, cycle,
    git::{Git, Host},
};

const PEOPLE: &[&str] = &["bob@example.com"];
const POLICY: &str = "epoch = 1\n\
    [role.root]\npeople = [\"alice@example.com\", \"bob@example.com\"]\nneed = 2\n\
    [role.deploy]\npeople = [\"alice@example.com\", \"bob@example.com\"]\nneed = 1\n";
const CHANGED: &str = "[file.\"/etc/motd\"]\ncontent = \"changed\\n\"\n";

#[tokio::test]
async fn a_stop_holds_what_comes_until_it_is_lifted() {
    let git = Git::with_policy(POLICY, PEOPLE, &[("hosts/web-1.toml", MOTD)]);
    let base = git.tip();
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
    // Nothing new is there to be held, so that nothing is told.
    let stop = git.tag("stop/main/wait", base, "bob@example.com", "the certificate is wrong\n");
    let streams = git.streams();
    assert_eq!((cycle(&mut agent).await.result, git.streams()), (PassResult::Converged, streams));

    let commit = git.commit_saying("change\n", &[("hosts/web-1.toml", CHANGED)]);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_HALTED"]));
    let problem = &status.problem[0];
    for words in ["bob@example.com", "stop/main/wait", "the certificate is wrong"] {
        assert!(problem.message.contains(words), "{problem:?}");
    }
    assert!(problem.remedy.is_some());
    host.write("etc/motd", "drifted");
    assert_eq!(codes(&cycle(&mut agent).await), ["E_HALTED"]);
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");

    // Whoever has the server takes the tag away: what was seen is kept, over a restart too.
    git.forget_tags();
    assert_eq!(codes(&cycle(&mut agent).await), ["E_HALTED"]);
    drop(agent);
    let mut agent = host.agent().await;
    assert_eq!(codes(&cycle(&mut agent).await), ["E_HALTED"]);

    git.tag("go/main/mended", commit, "alice@example.com", &format!("mended\n\nLifts: {stop}\n"));
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]));
    assert_eq!(host.read("etc/motd").unwrap(), "changed\n");
    assert_eq!(agent.memory().halts, []);
}
