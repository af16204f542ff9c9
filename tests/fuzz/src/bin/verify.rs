//! A whole history of which one object is the input: nothing may be believed that the right people did not sign.
#![no_main]

use std::sync::OnceLock;

use holdfast_trust::{
    FleetId, Introduction, Limits, MemoryObjects, Object, ObjectId, ObjectKind, Objects as _, PayloadDigest, Request,
    UnixTime,
    commit::Commit,
    identity::Identity,
    sign::{NewCommit, NewTag, SecretKey},
    tree::{self, Entry, Mode},
    verify,
};

const MAIN: &str = "refs/heads/main";

struct Fleet {
    objects: Vec<Object>,
    introduction: Introduction,
    /// What the people of the fleet did sign: two of two for each.
    signed: Vec<PayloadDigest>,
}

fn key(byte: u8) -> SecretKey {
    SecretKey::from_seed(&[byte; 32])
}

fn fleet() -> &'static Fleet {
    static FLEET: OnceLock<Fleet> = OnceLock::new();
    FLEET.get_or_init(|| {
        let mut objects = Vec::new();
        let mut add = |object: Object| {
            let id = object.id().expect("no collision");
            objects.push(object);
            id
        };
        let fleet = FleetId::from_bytes([7; 16]);
        let policy = format!(
            "format = 1\nfleet = \"{fleet}\"\nref = \"{MAIN}\"\nepoch = 1\n\
             [role.root]\npeople = [\"a\", \"b\"]\nneed = 2\n[role.deploy]\npeople = [\"a\", \"b\"]\nneed = 2\n"
        );
        let line = |name: &str, byte| format!("{name} namespaces=\"git\" {}\n", key(byte).public());
        let signers = line("a", 1) + &line("b", 2);
        let mut blob = |text: &str| add(Object { kind: ObjectKind::Blob, data: text.into() });
        let (policy, signers, file) = (blob(&policy), blob(&signers), blob("x"));
        let folder = tree::make(&mut [
            Entry { mode: Mode::File, name: b"policy.toml", id: policy },
            Entry { mode: Mode::File, name: b"allowed_signers", id: signers },
        ]);
        let folder = add(folder.expect("a tree"));
        let root = tree::make(&mut [
            Entry { mode: Mode::Directory, name: b".trust", id: folder },
            Entry { mode: Mode::File, name: b"file", id: file },
        ]);
        let tree = add(root.expect("a tree"));
        let mut commit = |parents: Vec<ObjectId>, seconds| {
            let author = Identity::new("A", "a@example.com", UnixTime::from_seconds(seconds));
            let new = NewCommit { tree, parents, author, message: "m\n" };
            let object = new.sign(&key(1)).expect("a commit");
            let digest = Commit::parse(&object.data).expect("a commit").payload.digest();
            (add(object), digest)
        };
        let (first, _) = commit(Vec::new(), 1_700_000_000);
        let (second, digest) = commit(vec![first], 1_700_000_060);
        let tagger = Identity::new("B", "b@example.com", UnixTime::from_seconds(1_700_000_060));
        let tag = NewTag { target: second, name: "ok/main/b", tagger, message: "ok\n" };
        add(tag.sign(&key(2)).expect("a tag"));
        let introduction = Introduction { fleet, commit: first, key: key(1).fingerprint() };
        let first = objects.iter().find(|object| object.id().ok() == Some(first)).map(|object| {
            Commit::parse(&object.data).expect("a commit").payload.digest()
        });
        Fleet { objects, introduction, signed: first.into_iter().chain([digest]).collect() }
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let fleet = fleet();
    let Some((&kind, data)) = data.split_first() else { return };
    let kind = ObjectKind::ALL[usize::from(kind % 4)];
    let mut objects = MemoryObjects::new();
    for object in &fleet.objects {
        objects.insert(object.clone()).expect("no collision");
    }
    let Ok(id) = objects.insert(Object { kind, data: data.to_vec() }) else { return };
    // The input is the branch's tip, or one more tag on what is there.
    let tips = fleet.objects.iter().filter(|object| object.kind == ObjectKind::Commit).filter_map(|object| object.id().ok());
    for tip in tips.chain([id]) {
        let request = Request {
            tip,
            reference: MAIN,
            introduction: &fleet.introduction,
            ratchet: None,
            floor: None,
            halts: &[],
            clock: None,
            limits: &Limits::default(),
        };
        if let Some(verified) = verify(&objects, &request).verified {
            assert!(fleet.signed.contains(&verified.payload()), "{} is believed", verified.commit());
            assert!(objects.get(&verified.commit()).is_ok());
        }
    }
});
