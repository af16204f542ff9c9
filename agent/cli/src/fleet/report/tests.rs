//! A fleet of status branches, good and bad, in memory.

use holdfast_schema::{
    Facts,
    status::{AgentInfo, RevisionInfo, Summary},
};
use holdfast_trust::{
    MemoryObjects, UnixTime,
    identity::Identity,
    sign::{NewCommit, SecretKey},
    tree,
};

use super::*;

const NOW: &str = "2026-11-21T12:00:00Z";

/// A repository that is being made.
#[derive(Default)]
struct Repo {
    objects: MemoryObjects,
    branches: BTreeMap<HostName, ObjectId>,
}

impl Repo {
    fn add(&mut self, object: Object) -> ObjectId {
        self.objects.insert(object).unwrap()
    }

    fn blob(&mut self, text: &str) -> ObjectId {
        self.add(Object { kind: ObjectKind::Blob, data: text.into() })
    }

    fn tree(&mut self, entries: &[(&str, Mode, ObjectId)]) -> ObjectId {
        let mut entries: Vec<tree::Entry<'_>> = entries
            .iter()
            .map(|(name, mode, id)| tree::Entry { name: name.as_bytes(), mode: *mode, id: *id })
            .collect();
        self.add(tree::make(&mut entries).unwrap())
    }

    fn commit(&mut self, tree: ObjectId, parent: Option<ObjectId>, key: &SecretKey) -> ObjectId {
        let new = NewCommit {
            tree,
            parents: parent.into_iter().collect(),
            author: Identity::new("A", "a@example.com", UnixTime::from_seconds(1_700_000_000)),
            message: "x\n",
        };
        self.add(new.sign(key).unwrap())
    }

    /// A commit of `main` that declares these hosts.
    fn main(&mut self, parent: Option<ObjectId>, hosts: &[(&str, &str)]) -> ObjectId {
        let files: Vec<(String, Mode, ObjectId)> =
            hosts.iter().map(|(name, text)| (format!("{name}.toml"), Mode::File, self.blob(text))).collect();
        let files: Vec<(&str, Mode, ObjectId)> =
            files.iter().map(|(name, mode, id)| (name.as_str(), *mode, *id)).collect();
        let hosts = self.tree(&files);
        let root = self.tree(&[("hosts", Mode::Directory, hosts)]);
        self.commit(root, parent, &key(0))
    }

    /// Makes `tip`'s status branch for `host`, where `status` may speak of anyone.
    fn tell(&mut self, host: &str, status: &Status, key: &SecretKey) -> ObjectId {
        let document = self.blob(&status.to_toml());
        let tree = self.tree(&[("status.toml", Mode::File, document)]);
        let tip = self.commit(tree, None, key);
        self.branches.insert(host.parse().unwrap(), tip);
        tip
    }

    fn hosts(&self, main: ObjectId) -> BTreeMap<String, Host> {
        let sources = Sources {
            objects: &self.objects,
            main,
            branches: self.branches.clone(),
            now: NOW.parse().unwrap(),
            silent_after: SignedDuration::from_hours(24),
        };
        hosts(&sources).unwrap().into_iter().map(|host| (host.name.to_string(), host)).collect()
    }
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn declared(seed: u8) -> String {
    format!("status_key = \"{}\"\n", key(seed).public())
}

fn status(host: &str, applied: Option<ObjectId>, time: &str) -> Status {
    Status {
        format: 1,
        host: host.parse().unwrap(),
        time: time.into(),
        result: PassResult::Converged,
        agent: AgentInfo { version: "0.1.0".into(), trust_origin: "introduction".into() },
        revision: RevisionInfo {
            trial: None,
            quarantined: None,
            applied: applied.map(|id| id.to_string()),
            branch: "main".into(),
            ..RevisionInfo::default()
        },
        summary: Summary::default(),
        problem: vec![],
        resource: vec![],
        image: vec![],
        facts: Facts::sample(),
    }
}

#[test]
fn a_host_in_order_is_at_the_newest_revision_and_signed() {
    let mut fleet = Repo::default();
    let main = fleet.main(None, &[("web-1", &declared(1))]);
    fleet.tell("web-1", &status("web-1", Some(main), "2026-11-21T11:58:00Z"), &key(1));
    let host = &fleet.hosts(main)["web-1"];
    assert!(host.is_in_order());
    assert_eq!((host.position, host.age_seconds), (Position::Newest, Some(120)));
}

// main:  one ── two ── three          web-1 has applied one
#[test]
fn how_far_a_host_is_behind_is_counted_on_the_branch() {
    let mut fleet = Repo::default();
    let one = fleet.main(None, &[("web-1", &declared(1))]);
    let two = fleet.main(Some(one), &[("web-1", &declared(1)), ("a", "")]);
    let three = fleet.main(Some(two), &[("web-1", &declared(1)), ("b", "")]);
    fleet.tell("web-1", &status("web-1", Some(one), NOW), &key(1));
    assert_eq!(fleet.hosts(three)["web-1"].position, Position::Behind(2));
    fleet.tell("web-1", &status("web-1", Some(ObjectId::from_bytes([7; 20])), NOW), &key(1));
    let hosts = fleet.hosts(three);
    assert_eq!(hosts["web-1"].position, Position::Elsewhere);
    // Converged, signed and in time, but led apart.
    assert!(!hosts["web-1"].is_in_order());
    fleet.tell("web-1", &status("web-1", None, NOW), &key(1));
    assert_eq!(fleet.hosts(three)["web-1"].position, Position::None);
}

#[test]
fn a_status_that_is_not_the_host_s_own_is_told_apart() {
    let mut fleet = Repo::default();
    let main = fleet.main(
        None,
        &[
            ("forged", &declared(1)),
            ("copied", &declared(2)),
            ("unsigned", &declared(3)),
            ("keyless", ""),
            ("absent", ""),
        ],
    );
    let told = |host: &str| status(host, Some(main), NOW);
    // Another key than the declared one.
    fleet.tell("forged", &told("forged"), &key(9));
    // The right key, but another host's words: its own branch was copied over.
    fleet.tell("copied", &told("web-1"), &key(2));
    fleet.tell("keyless", &told("keyless"), &key(4));
    fleet.tell("stranger", &told("stranger"), &key(5));
    let signed = fleet.tell("unsigned", &told("unsigned"), &key(3));
    let object = fleet.objects.get(&signed).unwrap().unwrap();
    let text = String::from_utf8(object.data).unwrap();
    let (before, after) = text.split_once("gpgsig").unwrap();
    let (_, message) = after.split_once("\n\n").unwrap();
    let bare = Object { kind: ObjectKind::Commit, data: format!("{before}\n{message}").into() };
    let bare = fleet.add(bare);
    fleet.branches.insert("unsigned".parse().unwrap(), bare);

    let hosts = fleet.hosts(main);
    for (name, expected) in [
        ("forged", SignatureState::Forged),
        ("copied", SignatureState::Forged),
        ("unsigned", SignatureState::Unsigned),
        ("keyless", SignatureState::KeyUnknown),
        ("stranger", SignatureState::HostUnknown),
        ("absent", SignatureState::Absent),
    ] {
        assert_eq!(hosts[name].signature, expected, "{name}");
        assert!(!hosts[name].is_in_order(), "{name}");
    }
    for name in ["forged", "copied", "unsigned"] {
        assert_eq!(hosts[name].status, None, "{name}: what is not the host's word is not shown");
    }
}

#[test]
fn a_host_that_says_nothing_for_long_is_silent() {
    let mut fleet = Repo::default();
    let main = fleet.main(None, &[("web-1", &declared(1))]);
    for (time, silent) in [
        ("2026-11-20T12:00:00Z", false),
        ("2026-11-20T11:59:59Z", true),
        ("2026-11-21T12:05:00Z", false),
        ("yesterday", true),
    ] {
        fleet.tell("web-1", &status("web-1", Some(main), time), &key(1));
        assert_eq!(fleet.hosts(main)["web-1"].silent, silent, "{time}");
    }
}

#[test]
fn a_branch_that_holds_no_status_is_said_so() {
    let mut fleet = Repo::default();
    let main = fleet.main(None, &[("web-1", &declared(1)), ("web-2", &declared(1))]);
    let blob = fleet.blob("x");
    let tree = fleet.tree(&[("README.md", Mode::File, blob)]);
    let empty = fleet.commit(tree, None, &key(1));
    let broken = fleet.tree(&[("status.toml", Mode::File, blob)]);
    let broken = fleet.commit(broken, None, &key(1));
    fleet.branches =
        [("web-1", empty), ("web-2", broken)].map(|(name, tip)| (name.parse().unwrap(), tip)).into();
    let hosts = fleet.hosts(main);
    assert_eq!(hosts["web-1"].unreadable.as_deref(), Some("it holds no status.toml"));
    assert!(hosts["web-2"].unreadable.as_deref().unwrap().contains("cannot read"));
}
