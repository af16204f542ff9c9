//! Records of other versions of the agent: what the first release writes stays readable, and what a newer one wrote is left
//! to it.
#![expect(clippy::disallowed_methods, reason = "a test puts records in place")]

use std::{fs, path::Path};

use holdfast_schema::Sha256;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    MOTD, codes, cycle,
    git::{Git, Host},
};
use crate::{
    freshness::Freshness,
    memory::Attempt,
    publish::Published,
    store::Store,
    trial::{Phase, Quarantine, Trial},
};

/// All records of an agent whose revision in force says `hello`. A revision after it was taken back, one more is held half
/// applied, somebody stopped what follows, and an operator paused it. They never change.
const FORMAT_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/agent/tests/format-1");

/// A host that was left by the first release, with what the held revision had changed; no server is reached.
fn left_by_the_first_release(git: &Git) -> Host {
    let host = Host::new(git);
    git.unreachable(true);
    for from in [Path::new(FORMAT_1).to_owned(), Path::new(FORMAT_1).join("originals")] {
        let to = host.state().join(from.strip_prefix(FORMAT_1).unwrap());
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
    fs::create_dir(host.path("etc")).unwrap();
    host.write("etc/motd", "third\n");
    host
}

#[tokio::test]
async fn what_the_first_release_left_half_done_is_taken_up() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = left_by_the_first_release(&git);
    let mut agent = host.agent().await;
    let status = cycle(&mut agent).await;
    let told = ["E_HALTED", "E_HELD", "E_VALIDATE", "E_GIT_UNREACHABLE", "E_PAUSED"];
    assert_eq!(codes(&status), told, "{status:#?}");
    assert_eq!((agent.memory().halts.len(), agent.memory().rebuilt), (1, false));
    assert_eq!(agent.memory().freshness.as_ref().map(|fresh| fresh.sequence), Some(7));
    agent.resume().unwrap();
    agent.take_back_by_hand().unwrap();
    let status = cycle(&mut agent).await;
    let told = ["E_HALTED", "E_QUARANTINED", "E_TAKEN_BACK", "E_VALIDATE", "E_GIT_UNREACHABLE"];
    assert_eq!(codes(&status), told, "{status:#?}");
    assert_eq!(host.read("etc/motd").unwrap(), "hello\n");
    assert_eq!(agent.memory().ledger.owned().len(), 1);
}

#[test]
fn what_it_wrote_is_written_as_ever() {
    fn same<T: Serialize + DeserializeOwned>(name: &str) {
        let scratch = tempfile::tempdir().unwrap();
        let record: T = Store::open(FORMAT_1).unwrap().load(name).unwrap().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store.save(name, &record).unwrap();
        let text = |path| fs::read_to_string(path).unwrap();
        assert_eq!(text(store.path(name)), text(Path::new(FORMAT_1).join(name)));
    }
    same::<holdfast_trust::Ratchet>("ratchet");
    same::<holdfast_converge::ledger::Ledger>("ledger");
    same::<holdfast_protocol::control::Pause>("pause");
    same::<Attempt>("attempt");
    same::<Freshness>("freshness");
    same::<Published>("published");
    same::<Quarantine>("quarantine");
    same::<Trial>("trial");
    let trial: Trial = Store::open(FORMAT_1).unwrap().load("trial").unwrap().unwrap();
    assert!(matches!(trial.phase, Phase::Held(_)));
}

/// Makes a record one of format 2, with the digest of its new text. What follows the last brace is no part of that.
fn of_format_2(host: &Host, record: &str) -> String {
    let path = host.state().join(record);
    let old = fs::read_to_string(&path).unwrap();
    let (heading, rest) = old.split_once('\n').unwrap();
    let rest = rest.replacen("\"format\":1", "\"format\":2", 1);
    let (text, _contents) = rest.split_at(rest.rfind('}').unwrap() + 1);
    let new = match heading.split_once(' ') {
        Some((_digest, length)) => format!("{} {length}\n{rest}", Sha256::of(text.as_bytes())),
        None => format!("{}\n{rest}", Sha256::of(text.as_bytes())),
    };
    fs::write(path, &new).unwrap();
    new
}

#[tokio::test]
async fn a_newer_ledger_is_left_to_the_agent_that_wrote_it() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    cycle(&mut host.agent().await).await;
    let newer = of_format_2(&host, "ledger");
    host.write("etc/motd", "drift");
    assert_eq!(host.start().await.unwrap_err().code(), "E_LEDGER_FORMAT");
    assert_eq!(fs::read_to_string(host.state().join("ledger")).unwrap(), newer);
    assert_eq!(host.read("etc/motd").unwrap(), "drift");
}

#[tokio::test]
async fn a_newer_copy_of_the_revision_in_force_is_made_anew_from_git() {
    let git = Git::new(&[("hosts/web-1.toml", MOTD)]);
    let host = Host::new(&git);
    cycle(&mut host.agent().await).await;
    of_format_2(&host, "applied");
    let streams = git.streams();
    let mut agent = host.agent().await;
    assert_eq!(codes(&cycle(&mut agent).await), Vec::<&str>::new());
    assert_eq!(git.streams(), streams + 1);
}
