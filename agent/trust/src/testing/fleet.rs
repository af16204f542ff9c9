//! Fleet repositories in memory, made commit by commit, with everything that can be wrong with one.

use sha2::{Digest as _, Sha256};

use crate::{
    FleetId, Introduction, Limits, MemoryObjects, Object, ObjectId, ObjectKind, Ratchet, Request, UnixTime,
    Verification,
    identity::Identity,
    payload::Payload,
    sign::{NewCommit, SecretKey},
    tree::{self, Entry, Mode},
    verify,
};

/// Where the clock stands when a test begins.
pub(crate) const START: i64 = 1_700_000_000;
pub(crate) const MAIN: &str = "refs/heads/main";

/// The key that this name always has.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(&Sha256::digest(name).into())
}

pub(crate) fn fleet_id() -> FleetId {
    FleetId::from_bytes([7; 16])
}

/// A line of `allowed_signers` for that name's key.
pub(crate) fn line(name: &str) -> String {
    format!("{name} namespaces=\"git\" {}\n", key(name).public())
}

pub(crate) fn policy() -> String {
    format!("format = 1\nfleet = \"{}\"\nref = \"{MAIN}\"\n", fleet_id())
}

/// What a host is asked that has nothing but its introduction: where it starts in every test.
pub(crate) fn request<'a>(tip: ObjectId, introduction: &'a Introduction, limits: &'a Limits) -> Request<'a> {
    Request {
        tip,
        reference: MAIN,
        introduction,
        ratchet: None,
        floor: None,
        halts: &[],
        clock: None,
        limits,
    }
}

/// What a commit holds.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) policy: String,
    pub(crate) signers: String,
    /// One more file, so that commits differ.
    pub(crate) file: String,
    /// And one that rules can be about.
    pub(crate) database: String,
}

impl State {
    /// These people may sign.
    pub(crate) fn of(people: &[&str]) -> Self {
        Self {
            policy: policy(),
            signers: people.iter().map(|name| line(name)).collect(),
            file: String::new(),
            database: String::new(),
        }
    }

    /// The policy goes on with this.
    pub(crate) fn with_policy(self, more: &str) -> Self {
        Self { policy: policy() + more, ..self }
    }

    /// With another content of the file.
    pub(crate) fn with_file(&self, file: &str) -> Self {
        Self { file: file.to_owned(), ..self.clone() }
    }
}

/// A repository under construction.
#[derive(Default)]
pub(crate) struct Fleet {
    pub(crate) objects: MemoryObjects,
    commits: i64,
}

impl Fleet {
    /// What a real repository holds.
    pub(crate) fn of(objects: MemoryObjects) -> Self {
        Self { objects, commits: 0 }
    }

    pub(crate) fn blob(&mut self, content: &str) -> ObjectId {
        self.objects.insert(Object { kind: ObjectKind::Blob, data: content.into() }).unwrap()
    }

    pub(crate) fn tree(&mut self, entries: &mut [Entry<'_>]) -> ObjectId {
        self.objects.insert(tree::make(entries).unwrap()).unwrap()
    }

    pub(crate) fn state(&mut self, state: &State) -> ObjectId {
        let policy = self.blob(&state.policy);
        let signers = self.blob(&state.signers);
        let file = self.blob(&state.file);
        let database = self.blob(&state.database);
        let entry = |name: &'static str, mode, id| Entry { mode, name: name.as_bytes(), id };
        let folder = self.tree(&mut [
            entry("policy.toml", Mode::File, policy),
            entry("allowed_signers", Mode::File, signers),
        ]);
        let hosts = self.tree(&mut [entry("db-1.toml", Mode::File, database)]);
        self.tree(&mut [
            entry(".trust", Mode::Directory, folder),
            entry("file", Mode::File, file),
            entry("hosts", Mode::Directory, hosts),
        ])
    }

    /// The moment of the next commit: one minute after the one before.
    pub(crate) fn next_time(&mut self) -> UnixTime {
        self.commits += 1;
        UnixTime::from_seconds(START + 60 * self.commits)
    }

    /// Adds a commit of this tree.
    pub(crate) fn commit_tree(
        &mut self,
        parents: &[ObjectId],
        tree: ObjectId,
        signer: Option<&str>,
        time: UnixTime,
    ) -> ObjectId {
        let message = format!("commit {}\n", self.commits);
        self.commit_with(parents, tree, signer, time, &message)
    }

    /// Adds a commit of this state with this message.
    pub(crate) fn commit_saying(
        &mut self,
        parents: &[ObjectId],
        signer: Option<&str>,
        state: &State,
        message: &str,
    ) -> ObjectId {
        let tree = self.state(state);
        let time = self.next_time();
        self.commit_with(parents, tree, signer, time, message)
    }

    fn commit_with(
        &mut self,
        parents: &[ObjectId],
        tree: ObjectId,
        signer: Option<&str>,
        time: UnixTime,
        message: &str,
    ) -> ObjectId {
        let name = signer.unwrap_or("nobody");
        let author = Identity::new(name, "someone@example.com", time);
        let commit = NewCommit { tree, parents: parents.to_vec(), author, message };
        let object = match signer {
            Some(name) => commit.sign(&key(name)).unwrap(),
            None => unsigned(&commit.sign(&key(name)).unwrap()),
        };
        self.objects.insert(object).unwrap()
    }

    /// Adds a commit of this state.
    pub(crate) fn commit(&mut self, parents: &[ObjectId], signer: Option<&str>, state: &State) -> ObjectId {
        let tree = self.state(state);
        let time = self.next_time();
        self.commit_tree(parents, tree, signer, time)
    }

    /// Adds a tag with this name and message on a commit, made in the minute of the newest commit.
    pub(crate) fn tag(&mut self, name: &str, target: ObjectId, signer: &str, message: &str) -> ObjectId {
        let time = UnixTime::from_seconds(START + 60 * self.commits);
        let object = tag(name, target, "commit", time, message, signer);
        self.objects.insert(object).unwrap()
    }

    /// What a host says whose status branch knows of `floor`.
    pub(crate) fn verify_above(
        &self,
        (introduced, signer): (ObjectId, &str),
        ratchet: Option<&Ratchet>,
        floor: Option<ObjectId>,
        tip: ObjectId,
    ) -> Verification {
        let introduction =
            Introduction { fleet: fleet_id(), commit: introduced, key: key(signer).fingerprint() };
        let limits = &Limits::default();
        let request = Request { ratchet, floor, ..request(tip, &introduction, limits) };
        verify(&self.objects, &request)
    }

    /// What a host says that was introduced at this commit by `signer`.
    pub(crate) fn verify(
        &self,
        (introduced, signer): (ObjectId, &str),
        ratchet: Option<&Ratchet>,
        tip: ObjectId,
        clock: Option<UnixTime>,
    ) -> Verification {
        let introduction =
            Introduction { fleet: fleet_id(), commit: introduced, key: key(signer).fingerprint() };
        let limits = &Limits::default();
        let request = Request { ratchet, clock, ..request(tip, &introduction, limits) };
        verify(&self.objects, &request)
    }
}

/// A signed tag.
pub(crate) fn tag(
    name: &str,
    target: ObjectId,
    kind: &str,
    time: UnixTime,
    message: &str,
    signer: &str,
) -> Object {
    let seconds = time.seconds();
    let mut text = format!(
        "object {target}\ntype {kind}\ntag {name}\ntagger {signer} <x@example.com> {seconds} +0000\n\n{message}\n"
    );
    let signature = key(signer).sign(&Payload::new(text.as_bytes(), b""));
    text.push_str(&signature);
    Object { kind: ObjectKind::Tag, data: text.into() }
}

/// The commit without its signature.
pub(crate) fn unsigned(object: &Object) -> Object {
    let text = String::from_utf8(object.data.clone()).unwrap();
    let (before, rest) = text.split_once("gpgsig ").unwrap();
    let (_, after) = rest.split_once("-----END SSH SIGNATURE-----\n").unwrap();
    Object { kind: object.kind, data: format!("{before}{after}").into() }
}

/// In short: the verified commit and the code of the refusal.
pub(crate) fn outcome(verification: &Verification) -> (Option<ObjectId>, Option<&'static str>) {
    let Verification { verified, refused, .. } = verification;
    (verified.as_ref().map(crate::Verified::commit), refused.as_ref().map(crate::Refusal::code))
}
