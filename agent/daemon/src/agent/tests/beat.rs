//! A policy wants to hear again and again that the branch is the newest.

use holdfast_converge::host::clock;

use super::{
    MOTD, codes, cycle,
    git::{Git, Host},
};

const POLICY: &str = "epoch = 1\n\
    [role.root]\npeople = [\"alice@example.com\"]\nneed = 1\n\
    [role.deploy]\npeople = [\"alice@example.com\"]\nneed = 1\n\
    [role.beat]\npeople = [\"bob@example.com\"]\n";
const CHANGED: &str = "[file.\"/etc/motd\"]\ncontent = \"changed\\n\"\n";

#[tokio::test]
async fn a_stale_beat_is_told_and_stops_nothing() {
    let git = Git::with_policy(POLICY, &["bob@example.com"], &[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    // What this machine's clock is worth decides whether anything is said; the words have tests of their own.
    let stale = if clock::is_synchronised() == Some(true) { vec!["E_STALE"] } else { vec![] };
    assert_eq!(codes(&cycle(&mut agent).await), stale);
    assert_eq!(agent.memory().freshness.as_ref().map(|fresh| fresh.sequence), Some(0));

    // A beat comes along though the branch stays where it is, and one that is over is stale.
    let until = |year: &str, tip| format!("beat\n\nTip: {tip}\nSeq: 7\nUntil: {year}\n");
    let tip = git.tip();
    git.tag("beat/main", tip, "bob@example.com", &until("2023-11-15T00:00:00Z", tip));
    assert_eq!(codes(&cycle(&mut agent).await), stale);
    let heard = agent.memory().freshness.clone().unwrap();
    assert_eq!((heard.sequence, heard.until.unwrap().to_string().as_str()), (7, "2023-11-15T00:00:00Z"));
    drop(agent);
    let mut agent = host.agent().await;
    assert_eq!(agent.memory().freshness, Some(heard));

    // New revisions are taken up all the same.
    git.commit_saying("change\n", &[("hosts/web-1.toml", CHANGED)]);
    assert_eq!(codes(&cycle(&mut agent).await), stale);
    assert_eq!(host.read("etc/motd").unwrap(), "changed\n");
    host.write("etc/motd", "drifted");
    cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "changed\n");

    // Nor is anything told any more once the policy wants nothing of it.
    git.set_policy(
        &POLICY
            .replace("epoch = 1", "epoch = 2")
            .replace("[role.beat]\npeople = [\"bob@example.com\"]\n", ""),
        &["bob@example.com"],
    );
    git.commit_saying("no beat\n", &[("hosts/web-1.toml", CHANGED)]);
    assert_eq!(codes(&cycle(&mut agent).await), Vec::<&str>::new());
    assert_eq!(agent.memory().freshness, None);
}
