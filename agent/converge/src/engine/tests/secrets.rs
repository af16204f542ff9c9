//! Files that hold secrets: put in place, kept, changed, taken back, removed; and never told.

use std::{fmt::Write as _, rc::Rc};

use holdfast_schema::{FileMode, Sha256};
use holdfast_secrets::{Envelope, Identity};

use crate::{
    engine::{Outcome, undo},
    host::{
        fake::FakeHost,
        faulty::{MemoryJournal, MemoryStore},
        secrets::Secrets,
    },
    journal::{Before, Was},
    plan::render,
    testing::{AsSpec as _, Scene, block_on, envelope, id, shorts},
};

const KEY: &str = "/etc/key";
const FILE: &str = "file:/etc/key";
const FIRST: &str = "canary-first-5f1c";
const SECOND: &str = "canary-second-9b2e";
const BY_HAND: &str = "canary-by-hand-77aa";

/// A host that can read what is encrypted to its key, and everything that is kept of it.
struct World {
    scene: Scene,
    host: FakeHost,
    identity: Identity,
    store: MemoryStore,
    journal: MemoryJournal,
    told: String,
}

impl World {
    fn new() -> Self {
        let (identity, host) = (Identity::generate().unwrap(), FakeHost::new());
        let same = Identity::parse(&identity.print()).unwrap();
        host.inner().secrets = Rc::new(Secrets::held_by(same));
        let (scene, store, journal) = (Scene::new(), MemoryStore::default(), MemoryJournal::default());
        Self { scene, host, identity, store, journal, told: String::new() }
    }

    fn hold(&mut self, text: &str) {
        self.hold_in(&envelope("db", &[FILE]), text);
    }

    fn hold_in(&mut self, envelope: &Envelope, text: &str) {
        self.scene.secret_file(KEY, envelope, text, self.identity.recipient());
    }

    /// A dry run and a pass; what the pass did, in short, and how it ended for the file.
    fn pass(&mut self) -> (String, Option<Outcome>) {
        let preview = self.scene.plan(&self.host, &self.store.ledger());
        self.told.push_str(&render::render(&preview, &|_, text| text.to_owned()));
        let mut ledger = self.store.ledger();
        let report = self.scene.pass_and_record(&self.host, &mut ledger, &mut self.store, &mut self.journal);
        let done = self.host.take_done();
        write!(self.told, "{report:?} {:?} {done:?}", report.resources()).unwrap();
        (shorts(&done).join("; "), report.outcomes.get(&id(FILE)).cloned())
    }

    fn did(&mut self) -> String {
        self.pass().0
    }

    fn content(&self) -> String {
        String::from_utf8(self.host.inner().content(KEY).unwrap().to_vec()).unwrap()
    }

    /// Everything that was said or kept tells none of them, nor their digests.
    fn tells_nothing(&self) {
        let kept: Vec<u8> =
            self.journal.kept.iter().flat_map(|(_, blob)| blob.read().unwrap().to_vec()).collect();
        let all = format!(
            "{} {:?} {} {}",
            self.told,
            self.journal.records,
            String::from_utf8_lossy(self.store.stored.as_ref().unwrap()),
            String::from_utf8_lossy(&kept)
        );
        for secret in [FIRST, SECOND, BY_HAND] {
            assert!(!all.contains(secret), "{all}");
            assert!(!all.contains(&Sha256::of(secret.as_bytes()).to_string()), "{all}");
        }
    }
}

#[test]
fn a_secret_is_put_in_place_kept_and_changed() {
    let mut world = World::new();
    world.hold(FIRST);
    assert_eq!(world.did(), "write secret db to /etc/key");
    assert_eq!(world.content(), FIRST);
    assert_eq!(world.did(), "");

    // Encrypted anew, to other keys too, it is the same secret.
    world.hold(FIRST);
    assert_eq!(world.did(), "");

    world.hold_in(&Envelope { generation: 2, ..envelope("db", &[FILE]) }, SECOND);
    assert_eq!(world.did(), "write secret db to /etc/key");
    assert_eq!(world.content(), SECOND);
    assert!(world.told.contains("secret db (gen 2)"), "{}", world.told);

    // Tampered with.
    world.host.inner().file(KEY, BY_HAND.as_bytes());
    world.host.inner().access(KEY, 0, 0, 0o600);
    assert_eq!(world.did(), "write secret db to /etc/key");
    world.host.inner().access(KEY, 0, 0, 0o644);
    assert_eq!(world.did(), "access /etc/key 0:0 0600");
    assert_eq!((world.content().as_str(), world.did().as_str()), (SECOND, ""));
    world.tells_nothing();
}

#[test]
fn what_was_overwritten_is_kept_for_this_host_alone_and_put_back() {
    let mut world = World::new();
    world.host.inner().file(KEY, BY_HAND.as_bytes());
    world.host.inner().access(KEY, 33, 4, 0o640);
    world.hold(FIRST);
    assert_eq!(world.did(), "write secret db to /etc/key");
    let is_sealed = |before: &Before| matches!(before, Before::Path { was: Was::Secret { .. }, .. });
    assert!(world.journal.recorded().befores.iter().any(is_sealed), "{:?}", world.journal.records);
    world.tells_nothing();

    for _ in 0..2 {
        let undone = block_on(undo(&world.journal.recorded(), &world.journal.kept, &world.host));
        assert!(undone.left.is_empty(), "{undone:?}");
        let picture = world.host.inner().picture();
        assert_eq!(world.content(), BY_HAND);
        assert!(picture[KEY].contains("0640"), "{}", picture[KEY]);
    }
}

#[test]
fn a_secret_that_is_not_declared_any_more_is_removed_and_can_be_put_back() {
    let mut world = World::new();
    world.hold(FIRST);
    world.did();
    world.journal = MemoryJournal::default();
    world.scene.drop(FILE);
    assert_eq!(world.did(), "remove /etc/key");
    assert!(world.store.ledger().owned().is_empty());
    world.tells_nothing();
    let undone = block_on(undo(&world.journal.recorded(), &world.journal.kept, &world.host));
    assert!(undone.left.is_empty(), "{undone:?}");
    assert_eq!(world.content(), FIRST);

    // What somebody else wrote there meanwhile stays.
    let mut world = World::new();
    world.hold(FIRST);
    world.did();
    world.scene.drop(FILE);
    world.host.inner().file(KEY, BY_HAND.as_bytes());
    assert_eq!(world.did(), "");
    world.tells_nothing();
}

#[test]
fn a_file_becomes_a_secret_and_a_secret_a_file() {
    let mut world = World::new();
    world.scene.file(KEY, "public");
    assert_eq!(world.did(), "write /etc/key");
    world.hold(FIRST);
    assert_eq!(world.did(), "write secret db to /etc/key");
    world.scene.file(KEY, "public again");
    assert_eq!(world.did(), "write /etc/key");
    world.tells_nothing();
    assert_eq!(world.did(), "");
    world.scene.drop(FILE);
    assert_eq!(world.did(), "remove /etc/key");
}

#[test]
fn a_secret_goes_nowhere_but_where_it_may() {
    let refused = |prepare: &dyn Fn(&mut World), why: &str| {
        let mut world = World::new();
        prepare(&mut world);
        let (done, outcome) = world.pass();
        let Some(Outcome::Failed(failure)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((done.as_str(), failure.code), ("", "E_SECRET"));
        assert!(failure.detail.contains(why), "{}", failure.detail);
        assert!(failure.remedy.is_some());
        assert!(world.host.inner().content(KEY).is_none());
    };
    let elsewhere = envelope("db", &["file:/etc/other", "secret:db"]);
    refused(
        &|world| world.hold_in(&elsewhere, FIRST),
        "it may not go to file:/etc/key, only to file:/etc/other, secret:db",
    );
    refused(
        &|world| {
            world.hold(FIRST);
            world.scene.get(FILE).as_file().access.mode = FileMode::new(0o640);
        },
        "the file would have mode 0640, and it may have 0600 at most",
    );
    refused(
        &|world| {
            world.hold(FIRST);
            world.scene.get(FILE).as_file().access.owner = "www-data".to_owned();
        },
        "the file would belong to www-data:root, and it may only belong to root:root",
    );
    refused(
        &|world| {
            world.hold(FIRST);
            world.scene.get(FILE).as_file().secret.as_mut().unwrap().name = "web".parse().unwrap();
        },
        "the secret web cannot be used: it was encrypted under the name db",
    );
    refused(
        &|world| {
            let other = Identity::generate().unwrap().recipient();
            world.scene.secret_file(KEY, &envelope("db", &[FILE]), FIRST, other);
        },
        "it is not encrypted to this key",
    );
    refused(
        &|world| {
            world.hold(FIRST);
            let sealed = world.scene.contents.add(b"age-encryption.org/v1\n".to_vec());
            world.scene.get(FILE).as_file().secret.as_mut().unwrap().sealed = sealed;
        },
        "its header is malformed",
    );
}

/// Whatever planned it: the last hand before the disk looks again.
#[test]
fn no_action_puts_a_secret_elsewhere() {
    use crate::{
        host::{Expected, Write as _},
        plan::{Action, step::Owned},
        testing::path,
    };
    let mut world = World::new();
    let secret = world.scene.seal(&envelope("db", &[FILE]), FIRST, world.identity.recipient());
    let access = Owned { uid: 0, gid: 0, mode: FileMode::new(0o600) };
    let write = |at: &str| Action::WriteSecret {
        path: path(at),
        secret: secret.clone(),
        digest: Sha256::of(b""),
        access,
        validate: None,
    };
    let run = |action: &Action| block_on(world.host.run(action, &Expected::Nothing, &world.scene.contents));
    assert_eq!(run(&write("/etc/motd")).unwrap_err().code(), "E_SECRET");
    assert!(run(&write(KEY)).is_ok());
}
