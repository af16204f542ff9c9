//! What the status branch remembers for the host, and two machines that are one host.
#![expect(clippy::disallowed_methods, reason = "a test damages records")]

use holdfast_schema::status::PassResult;

use super::{
    MOTD, codes, cycle,
    git::{Git, Host},
};
use crate::{memory::Memory, publish::Published, store::Store};

const SECOND: &str = "[file.\"/etc/motd\"]\ncontent = \"second\\n\"\n";
const THIRD: &str = "[file.\"/etc/motd\"]\ncontent = \"third\\n\"\n";

// A ── B    applied; then the machine is put back to when it had applied A, and the server leads it to A
/// Tried: without `look_back` the host is converged at A.
#[tokio::test]
async fn a_restored_snapshot_refuses_what_is_older_than_its_own_status() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let first = git.tip();
    let host = Host::new(&git);
    cycle(&mut host.agent().await).await;
    let snapshot = host.snapshot();
    let second = git.commit(&[("hosts/web-1.toml", SECOND)]);
    assert_eq!(cycle(&mut host.agent().await).await.result, PassResult::Converged);

    host.restore(&snapshot);
    git.reset(first);
    let mut agent = host.agent().await;
    for _ in 0..2 {
        let status = cycle(&mut agent).await;
        assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_NOT_FAST_FORWARD"]));
    }
    // Not to be asked for again and again, nor forgotten at a restart.
    let streams = git.streams();
    drop(agent);
    let mut agent = host.agent().await;
    assert_eq!((codes(&cycle(&mut agent).await), git.streams()), (vec!["E_NOT_FAST_FORWARD"], streams));
    // A fork that leads past it is none either.
    git.commit(&[("hosts/web-1.toml", THIRD)]);
    assert_eq!(codes(&cycle(&mut agent).await), ["E_NOT_FAST_FORWARD"]);
    // The server gives in.
    git.reset(second);
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]));
    assert_eq!(host.read("etc/motd").unwrap(), "second\n");
    assert_eq!(agent.memory().floor, None);
}

/// The same for a host that kept nothing but its key and its introduction.
#[tokio::test]
async fn a_lost_memory_is_no_way_back() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let first = git.tip();
    let host = Host::new(&git);
    git.commit(&[("hosts/web-1.toml", SECOND)]);
    cycle(&mut host.agent().await).await;
    let second = git.tip();
    host.forget();
    git.reset(first);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, codes(&status)), (PassResult::Held, vec!["E_NOT_FAST_FORWARD"]));
    assert_eq!(status.revision.applied, None);
    assert_eq!(host.read("etc/motd").unwrap(), "second\n", "nothing is touched");
    git.reset(second);
    assert_eq!(cycle(&mut agent).await.result, PassResult::Converged);
}

/// An answer that was lost leaves a status on the branch that the host made and does not know of.
#[tokio::test]
async fn a_lost_answer_is_no_other_machine() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    cycle(&mut host.agent().await).await;
    let store = Store::open(host.state()).unwrap();
    let published: Published = store.load("published").unwrap().unwrap();
    store.save("published", &Published { tip: None, status: None, ..published }).unwrap();
    git.commit(&[("hosts/web-1.toml", SECOND)]);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!((status.result, agent.push_failure()), (PassResult::Converged, None));
    assert_eq!(git.published().unwrap().status, status);
}

/// Tried: without the comparison of numbers in `publish` both write in turns for ever.
#[tokio::test]
async fn of_two_machines_with_one_key_one_falls_silent() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    let mut agent = host.agent().await;
    cycle(&mut agent).await;
    let copy = host.copy();
    let mut copied = copy.agent().await;
    git.commit(&[("hosts/web-1.toml", SECOND)]);
    assert_eq!(codes(&cycle(&mut copied).await), Vec::<&str>::new());
    cycle(&mut agent).await;
    let status = cycle(&mut agent).await;
    assert_eq!(codes(&status), ["E_IDENTITY_CLONED"]);
    assert_eq!(host.read("etc/motd").unwrap(), "second\n", "enforcing goes on");
    // Also after a restart; and the other one has the branch for itself.
    drop(agent);
    git.commit(&[("hosts/web-1.toml", THIRD)]);
    let mut agent = host.agent().await;
    assert_eq!(codes(&cycle(&mut agent).await), ["E_IDENTITY_CLONED"]);
    assert_eq!(host.read("etc/motd").unwrap(), "third\n");
    assert_eq!(codes(&cycle(&mut copied).await), Vec::<&str>::new());
    assert_eq!(copied.push_failure(), None);
}

#[tokio::test]
async fn a_memory_that_comes_up_on_another_machine_is_told() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    cycle(&mut host.agent().await).await;
    let pushes = git.pushes();
    host.moves_to("two");
    git.commit(&[("hosts/web-1.toml", SECOND)]);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    assert_eq!((codes(&status), git.pushes()), (vec!["E_IDENTITY_CLONED"], pushes));
    assert_eq!(host.read("etc/motd").unwrap(), "second\n");
    drop(agent);
    host.moves_to("one");
    assert_eq!(codes(&cycle(&mut host.agent().await).await), Vec::<&str>::new());
}

#[tokio::test]
async fn either_copy_of_the_ratchet_is_enough() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let first = git.tip();
    let host = Host::new(&git);
    git.commit(&[("hosts/web-1.toml", SECOND)]);
    cycle(&mut host.agent().await).await;
    git.reset(first);
    let (one, other) = (host.state().join("ratchet"), host.state().join("ratchet.copy"));
    let whole = std::fs::read(&one).unwrap();
    assert_eq!(whole, std::fs::read(&other).unwrap());
    let damage: [&dyn Fn(&std::path::Path); 3] = [
        &|path| std::fs::remove_file(path).unwrap(),
        &|path| std::fs::write(path, &whole[..whole.len() / 2]).unwrap(),
        &|path| std::fs::write(path, [&whole[..200], b"x", &whole[201..]].concat()).unwrap(),
    ];
    for damage in damage {
        for path in [&one, &other] {
            damage(path);
            let mut agent = host.agent().await;
            assert_eq!(codes(&cycle(&mut agent).await), ["E_NOT_FAST_FORWARD"]);
            assert_eq!(std::fs::read(&one).unwrap(), whole);
            std::fs::write(&other, &whole).unwrap();
        }
    }
    // Without either, nobody may go on as if nothing had ever been verified.
    for path in [&one, &other] {
        std::fs::write(path, "rubbish").unwrap();
    }
    assert_eq!(host.start().await.unwrap_err().code(), "E_STORE_DAMAGED");
}

/// Root on the host lets trust begin anew.
#[tokio::test]
async fn after_a_local_reset_an_older_tip_is_taken() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let first = git.tip();
    let host = Host::new(&git);
    git.commit(&[("hosts/web-1.toml", SECOND)]);
    cycle(&mut host.agent().await).await;
    git.reset(first);
    assert_eq!(codes(&cycle(&mut host.agent().await).await), ["E_NOT_FAST_FORWARD"]);
    let mut memory = Memory::recall(Store::open(host.state()).unwrap()).unwrap();
    memory.introduced_anew().unwrap();
    let status = cycle(&mut host.agent().await).await;
    assert_eq!((status.result, status.revision.applied), (PassResult::Converged, Some(first.to_string())));
}
