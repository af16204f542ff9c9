//! Drift between polls: seen when it happens, and repaired whatever else goes on.

use std::{fs::File, io::Write as _, time::Duration};

use tokio::time::timeout;

use super::{
    git::{Git, Host},
    *,
};

const TWO: &str =
    "[file.\"/etc/motd\"]\ncontent = \"hello\\n\"\n[file.\"/srv/app/conf\"]\ncontent = \"app\\n\"\n";

/// A host at its first revision, listening.
pub(super) async fn listening(git: &Git) -> (Host, Agent) {
    let host = Host::new(git);
    let mut agent = host.agent().await;
    agent.listen(None);
    // The trial, and a full pass over what it left.
    cycle(&mut agent).await;
    cycle(&mut agent).await;
    (host, agent)
}

/// Deals with all that is told until nothing more is for a while.
pub(super) async fn mend(agent: &mut Agent) {
    while let Ok(touched) = timeout(Duration::from_millis(500), agent.drifted()).await {
        agent.mend(&touched, &Stop::never()).await;
    }
}

#[tokio::test]
async fn what_changes_is_repaired_when_it_changes_and_told() {
    let git = Git::new(&[("hosts/web-1.toml", TWO)]);
    let (host, mut agent) = listening(&git).await;
    let pushes = git.pushes();

    host.write("etc/motd", "tampered");
    mend(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert!(agent.take_news());
    assert_eq!(git.pushes(), pushes, "nothing is pushed in a hurry");
    agent.publish_news(&Stop::never()).await;
    let told = git.published().unwrap().status;
    assert_eq!((told.summary.changed, told.summary.same), (1, 1));
    assert_eq!(told.resource[0].id.to_string(), "file:/etc/motd");

    // A poll that brings nothing new repeats nothing and looks at nothing.
    let pushes = git.pushes();
    cycle(&mut agent).await;
    assert_eq!(git.pushes(), pushes);
}

#[tokio::test]
async fn only_what_is_concerned_is_looked_at() {
    let git = Git::new(&[("hosts/web-1.toml", TWO)]);
    let (host, mut agent) = listening(&git).await;
    // A writer that does not close its file is not seen.
    let mut unseen = File::create(host.path("srv/app/conf")).unwrap();
    unseen.write_all(b"unseen").unwrap();
    host.write("etc/motd", "tampered");
    mend(&mut agent).await;
    cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert_eq!(host.read("srv/app/conf").unwrap(), "unseen");
    // A person who asks gets all of it.
    agent.ask_for_all();
    let status = cycle(&mut agent).await;
    assert_eq!(host.read("srv/app/conf").unwrap(), "app\n");
    assert_eq!(codes(&status), Vec::<&str>::new(), "nothing was missed that was not asked for");
}

#[tokio::test]
async fn a_full_pass_tells_what_nobody_told() {
    let git = Git::new(&[("hosts/web-1.toml", TWO)]);
    let (host, mut agent) = listening(&git).await;
    agent.settings.full_pass = Duration::ZERO;
    assert_eq!(codes(&cycle(&mut agent).await), Vec::<&str>::new());
    let mut unseen = File::create(host.path("srv/app/conf")).unwrap();
    unseen.write_all(b"unseen").unwrap();
    let status = cycle(&mut agent).await;
    assert_eq!(host.read("srv/app/conf").unwrap(), "app\n");
    assert_eq!(codes(&status), ["E_DRIFT_MISSED"]);
    assert!(status.problem[0].message.contains("file:/srv/app/conf"), "{status:#?}");
    assert!(status.problem[0].remedy.is_some());
    // What was told is none of that.
    host.write("etc/motd", "tampered");
    assert_eq!(codes(&cycle(&mut agent).await), Vec::<&str>::new());
}

#[tokio::test]
async fn a_server_that_hangs_keeps_nobody_from_repairing() {
    let git = Git::new(&[("hosts/web-1.toml", TWO)]);
    let (host, mut agent) = listening(&git).await;
    let (release, hung) = git.hang();
    let motd = host.path("etc/motd");
    let tamper = tokio::task::spawn_blocking(move || {
        std::fs::write(&motd, "tampered").unwrap();
        for _ in 0..500 {
            if std::fs::read_to_string(&motd).unwrap() == "hello\n" {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let mended = std::fs::read_to_string(&motd).unwrap();
        drop(release);
        mended
    });
    cycle(&mut agent).await;
    assert_eq!(tamper.await.unwrap(), "hello\n", "it was repaired while the server hung");
    hung.join().unwrap();
}

#[tokio::test]
async fn a_paused_agent_repairs_nothing_until_it_goes_on() {
    let git = Git::new(&[("hosts/web-1.toml", TWO)]);
    let (host, mut agent) = listening(&git).await;
    agent.pause("work".into(), None).unwrap();
    host.write("etc/motd", "tampered");
    mend(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "tampered");
    agent.resume().unwrap();
    cycle(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
}

#[tokio::test]
async fn a_new_revision_is_watched_from_the_moment_it_is_in_force() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = listening(&git).await;
    git.commit(&[("hosts/web-1.toml", TWO)]);
    cycle(&mut agent).await;
    host.write("srv/app/conf", "tampered");
    mend(&mut agent).await;
    assert_eq!(host.read("srv/app/conf").unwrap(), "app\n");
    // A directory on the way that goes comes back with what is in it.
    std::fs::remove_dir_all(host.path("srv")).unwrap();
    mend(&mut agent).await;
    assert_eq!(host.read("srv/app/conf").unwrap(), "app\n");
}

#[tokio::test]
async fn a_fight_is_seen_right_after_a_person_asked() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = listening(&git).await;
    git.commit(&[("hosts/web-1.toml", TWO)]);
    agent.ask_for_all();
    cycle(&mut agent).await;
    for _ in 0..3 {
        host.write("etc/motd", "theirs");
        mend(&mut agent).await;
        assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    }
    host.write("etc/motd", "theirs");
    mend(&mut agent).await;
    assert_eq!(host.read("etc/motd").unwrap(), "theirs");
    assert_eq!(agent.status().unwrap().resource[0].outcome, ResourceOutcome::Conflict);
}

#[tokio::test]
async fn a_fight_without_a_pause_is_seen() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let (host, mut agent) = listening(&git).await;
    git.commit(&[("hosts/web-1.toml", TWO)]);
    agent.ask_for_all();
    cycle(&mut agent).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    let motd = host.path("etc/motd");
    let other = std::thread::spawn(move || {
        while released.recv_timeout(Duration::from_millis(30))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            std::fs::write(&motd, "theirs").unwrap();
        }
    });
    for _ in 0..20 {
        let touched = timeout(Duration::from_secs(5), agent.drifted()).await.unwrap();
        agent.mend(&touched, &Stop::never()).await;
    }
    drop(release);
    other.join().unwrap();
    assert_eq!(agent.status().unwrap().resource[0].outcome, ResourceOutcome::Conflict);
}
