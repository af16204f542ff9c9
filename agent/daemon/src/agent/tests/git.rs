//! A Git server in memory, and a host that follows it.
#![expect(clippy::disallowed_methods, reason = "a test looks into its scratch root")]

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use holdfast_converge::host::LocalHost;
use holdfast_protocol::fetch::{Credential, Failure, Remote as Server, Reply, Request};
use holdfast_schema::status::Status;
use holdfast_trust::{
    Introduction, Limits, MemoryObjects, Object, ObjectId, ObjectKind, Objects as _, UnixTime,
    commit::Commit,
    identity::Identity,
    introduce,
    sign::{NewCommit, NewTag, SecretKey},
    stream,
    tree::{self, Entry, Mode},
};

use crate::{
    Agent,
    agent::StartError,
    ceiling::Ceiling,
    memory::Event,
    remote::Remote,
    settings::{Paths, Settings},
};

pub(super) const FLEET: &str = "6f1c0d2a9b3e4f5061728394a5b6c7d8";

/// The server. Its author is alice, and whoever else a test lets sign.
#[derive(Debug, Clone)]
pub(super) struct Git(Arc<Mutex<Repository>>);

#[derive(Debug, Default)]
struct Repository {
    objects: MemoryObjects,
    references: BTreeMap<String, ObjectId>,
    unreachable: bool,
    unreachable_while: Option<String>,
    pushes: u32,
    streams: u32,
    time: i64,
    /// The tags by their names on the server.
    tags: BTreeMap<String, ObjectId>,
    /// What stands in the policy below its head.
    policy: String,
    /// Who is listed beside alice.
    people: Vec<&'static str>,
}

/// What the status branch holds.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) status: Status,
    pub(super) parents: Vec<ObjectId>,
    pub(super) signed_by_host: bool,
}

fn author() -> SecretKey {
    person("alice@example.com")
}

/// The key that somebody with this name always has.
fn person(name: &str) -> SecretKey {
    let mut seed = [1; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(to, byte)| *to = byte);
    SecretKey::from_seed(&seed)
}

fn host_key() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

impl Git {
    /// A server whose `main` is at one signed commit with these files and alice's key.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let git = Self(Arc::default());
        git.locked().time = super::now() - 3600;
        git.commit(files);
        git
    }

    /// The same with more in the policy, and more people who are listed.
    pub(super) fn with_policy(policy: &str, people: &[&'static str], files: &[(&str, &str)]) -> Self {
        let git = Self(Arc::default());
        git.locked().time = super::now() - 3600;
        git.set_policy(policy, people);
        git.commit(files);
        git
    }

    /// What commits hold from now on.
    pub(super) fn set_policy(&self, policy: &str, people: &[&'static str]) {
        let mut server = self.locked();
        policy.clone_into(&mut server.policy);
        people.clone_into(&mut server.people);
    }

    fn locked(&self) -> MutexGuard<'_, Repository> {
        self.0.lock().unwrap()
    }

    /// Adds a signed commit to `main`.
    pub(super) fn commit(&self, files: &[(&str, &str)]) -> ObjectId {
        self.add("a change\n", files, Some(&author()))
    }

    /// Adds a commit without a signature to `main`.
    pub(super) fn commit_unsigned(&self, files: &[(&str, &str)]) -> ObjectId {
        self.add("a change\n", files, None)
    }

    /// Adds a signed commit with this message to `main`.
    pub(super) fn commit_saying(&self, message: &str, files: &[(&str, &str)]) -> ObjectId {
        self.add(message, files, Some(&author()))
    }

    /// Puts `main` to a commit without parents.
    pub(super) fn rewritten(&self, files: &[(&str, &str)]) -> ObjectId {
        self.locked().references.remove("refs/heads/main");
        self.add("the same again\n", files, None)
    }

    /// Removes all tags.
    pub(super) fn forget_tags(&self) {
        self.locked().tags.clear();
    }

    /// Pushes a signed tag and gives its id.
    pub(super) fn tag(&self, name: &str, target: ObjectId, signer: &str, message: &str) -> ObjectId {
        let mut server = self.locked();
        let time = UnixTime::from_seconds(server.time);
        let tagger = Identity::new(signer, signer, time);
        let new = NewTag { target, name, tagger, message };
        let id = server.objects.insert(new.sign(&person(signer)).unwrap()).unwrap();
        server.tags.insert(name.to_owned(), id);
        id
    }

    fn add(&self, message: &str, files: &[(&str, &str)], key: Option<&SecretKey>) -> ObjectId {
        let mut server = self.locked();
        server.time += 1;
        let policy = format!("format = 1\nfleet = \"{FLEET}\"\nref = \"refs/heads/main\"\n{}", server.policy);
        let line = |name: &str| format!("{name} namespaces=\"git\" {}\n", person(name).public());
        let signers: String =
            ["alice@example.com"].iter().chain(&server.people).map(|name| line(name)).collect();
        let mut all: BTreeMap<&str, &str> = files.iter().copied().collect();
        all.insert(".trust/policy.toml", &policy);
        all.insert(".trust/allowed_signers", &signers);
        let new = NewCommit {
            tree: server.tree("", &all),
            parents: server.references.get("refs/heads/main").copied().into_iter().collect(),
            author: Identity::new("Alice", "alice@example.com", UnixTime::from_seconds(server.time)),
            message,
        };
        let mut commit = new.sign(key.unwrap_or(&author())).unwrap();
        if key.is_none() {
            let text = String::from_utf8(commit.data).unwrap();
            let (head, rest) = text.split_once("gpgsig ").unwrap();
            let (_signature, message) = rest.split_once("\n\n").unwrap();
            commit.data = format!("{head}\n{message}").into_bytes();
        }
        let id = server.objects.insert(commit).unwrap();
        server.references.insert("refs/heads/main".into(), id);
        id
    }

    pub(super) fn tip(&self) -> ObjectId {
        self.locked().references["refs/heads/main"]
    }

    pub(super) fn reset(&self, to: ObjectId) {
        self.locked().references.insert("refs/heads/main".into(), to);
    }

    pub(super) fn unreachable(&self, yes: bool) {
        self.locked().unreachable = yes;
    }

    /// Nobody reaches it while there is a file.
    pub(super) fn unreachable_while(&self, path: String) {
        self.locked().unreachable_while = Some(path);
    }

    /// It says nothing until what this gives is dropped.
    pub(super) fn hang(&self) -> (mpsc::Sender<()>, JoinHandle<()>) {
        let (release, released) = mpsc::channel::<()>();
        let (hangs, hung) = mpsc::channel();
        let git = self.clone();
        let thread = std::thread::spawn(move || {
            let _held = git.locked();
            hangs.send(()).unwrap();
            assert!(released.recv().is_err());
        });
        hung.recv().unwrap();
        (release, thread)
    }

    /// How many pushes there were.
    pub(super) fn pushes(&self) -> u32 {
        self.locked().pushes
    }

    /// How often objects were asked for.
    pub(super) fn streams(&self) -> u32 {
        self.locked().streams
    }

    pub(super) fn status_tip(&self) -> Option<ObjectId> {
        self.locked().references.get("refs/heads/status/web-1").copied()
    }

    pub(super) fn write_status_as_somebody_else(&self) -> ObjectId {
        let mut server = self.locked();
        let tree = server.tree("", &BTreeMap::from([("status.toml", "")]));
        let time = UnixTime::from_seconds(server.time);
        let author = Identity::new("web-1", "web-1@example.com", time);
        let new = NewCommit { tree, parents: Vec::new(), author, message: "forged\n" };
        let commit = new.sign(&SecretKey::from_seed(&[9; 32])).unwrap();
        let id = server.objects.insert(commit).unwrap();
        server.references.insert("refs/heads/status/web-1".into(), id);
        id
    }

    pub(super) fn published(&self) -> Option<Published> {
        let tip = self.status_tip()?;
        let server = self.locked();
        let object = server.objects.get(&tip).unwrap().unwrap();
        let commit = Commit::parse(&object.data).unwrap();
        let tree = server.objects.get(&commit.tree).unwrap().unwrap();
        let entries = tree::parse(&tree.data).unwrap();
        let id = tree::find(&entries, "status.toml", Mode::File).unwrap();
        let text = String::from_utf8(server.objects.get(&id).unwrap().unwrap().data).unwrap();
        Some(Published {
            status: Status::from_toml(&text).unwrap(),
            parents: commit.parents.clone(),
            signed_by_host: commit.is_signed_by(host_key().public()),
        })
    }
}

impl Repository {
    /// The tree of all files below `folder`, which is empty or ends in a slash.
    fn tree(&mut self, folder: &str, files: &BTreeMap<&str, &str>) -> ObjectId {
        let mut children: BTreeMap<String, (Mode, ObjectId)> = BTreeMap::new();
        for (path, text) in files.iter().filter_map(|(path, text)| Some((path.strip_prefix(folder)?, text))) {
            if let Some((name, _)) = path.split_once('/') {
                if !children.contains_key(name) {
                    let id = self.tree(&format!("{folder}{name}/"), files);
                    children.insert(name.to_owned(), (Mode::Directory, id));
                }
            } else {
                let blob = Object { kind: ObjectKind::Blob, data: text.as_bytes().to_vec() };
                children.insert(path.to_owned(), (Mode::File, self.objects.insert(blob).unwrap()));
            }
        }
        let mut entries: Vec<_> =
            children.iter().map(|(name, &(mode, id))| Entry { name: name.as_bytes(), mode, id }).collect();
        self.objects.insert(tree::make(&mut entries).unwrap()).unwrap()
    }
}

impl Remote for Git {
    fn exchange(
        &self,
        request: &Request,
        objects: &[Object],
        mut received: &mut dyn Write,
    ) -> Result<Reply, Failure> {
        let mut server = self.locked();
        let cut_off = server.unreachable_while.as_ref().is_some_and(|path| std::fs::exists(path).unwrap());
        if server.unreachable || cut_off {
            let (code, message) = ("E_GIT_UNREACHABLE".into(), "reach git.example.com: timed out".into());
            return Ok(Reply::Failed(Failure { code, message, remedy: None }));
        }
        match request {
            Request::Poll { reference, known, .. } => {
                let Some(&tip) = server.references.get(reference) else {
                    let (code, message) = ("E_GIT_NO_BRANCH".into(), "there is no such branch".into());
                    return Ok(Reply::Failed(Failure { code, message, remedy: None }));
                };
                let tags = format!("{:?}", server.tags);
                if known.as_ref().is_some_and(|known| {
                    known.tip == tip && known.tags.as_ref().is_none_or(|known| *known == tags)
                }) {
                    return Ok(Reply::Unchanged);
                }
                server.streams += u32::from(reference == "refs/heads/main");
                let mut stream = stream::Writer::new(&mut received, &Limits::default()).unwrap();
                let listed = |id: &ObjectId| server.tags.values().any(|tag| tag == id);
                let sent = |id: &ObjectId, object: &Object| object.kind != ObjectKind::Tag || listed(id);
                for (_, object) in server.objects.iter().filter(|(id, object)| sent(id, object)) {
                    stream.write(object.kind, &object.data).unwrap();
                }
                stream.finish().unwrap();
                Ok(Reply::Changed { tip, tags })
            }
            Request::Push { reference, old, new, .. } => {
                let current = server.references.get(reference).copied();
                if current != *old {
                    let commit = current.and_then(|id| server.objects.get(&id).unwrap());
                    let mut stream = stream::Writer::new(&mut received, &Limits::default()).unwrap();
                    if let Some(object) = commit {
                        stream.write(object.kind, &object.data).unwrap();
                    }
                    stream.finish().unwrap();
                    return Ok(Reply::Moved { current });
                }
                for object in objects {
                    server.objects.insert(object.clone()).unwrap();
                }
                server.pushes += 1;
                server.references.insert(reference.clone(), *new);
                Ok(Reply::Pushed)
            }
        }
    }
}

/// A host called web-1 with a scratch root.
pub(super) struct Host {
    directory: tempfile::TempDir,
    git: Git,
    introduction: Introduction,
    memory: Cell<u32>,
    machine: RefCell<String>,
    pub(super) ceiling: RefCell<Ceiling>,
}

impl Host {
    pub(super) fn new(git: &Git) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("root")).unwrap();
        let tip = git.tip();
        let introduction =
            introduce(&git.locked().objects, tip, "refs/heads/main", &Limits::default()).unwrap();
        Self {
            directory,
            git: git.clone(),
            introduction,
            memory: Cell::new(0),
            machine: RefCell::new("one".into()),
            ceiling: RefCell::default(),
        }
    }

    /// The agent as it is after a start.
    pub(super) async fn agent(&self) -> Agent {
        self.start().await.unwrap()
    }

    /// Starts it, which may fail.
    pub(super) async fn start(&self) -> Result<Agent, StartError> {
        let paths = Paths {
            config: self.directory.path().join("config"),
            state: self.directory.path().join(format!("state-{}", self.memory.get())),
            run: self.directory.path().join("run"),
        };
        let server = Server {
            fresh: false,
            url: "memory".into(),
            credential: Credential::None,
            ca: None,
            proxy: None,
            ssh: None,
            stall_seconds: 1,
            total_seconds: 1,
        };
        let settings = Settings {
            host: "web-1".parse().unwrap(),
            fleet: server.clone(),
            branch: "main".into(),
            status: server,
            status_branch: "status/web-1".into(),
            poll: Duration::from_mins(1),
            full_pass: Duration::from_hours(1),
            heartbeat: Duration::from_hours(1),
            introduction: self.introduction.clone(),
            trust_origin: "introduction".into(),
            ceiling: self.ceiling.borrow().clone(),
            machine: Some(self.machine.borrow().clone()),
        };
        let host = LocalHost::scratch(&self.root()).unwrap();
        Agent::new(paths, settings, Arc::new(self.git.clone()), host, host_key()).await
    }

    /// Loses everything that the agent remembers.
    pub(super) fn forget(&self) {
        self.memory.set(self.memory.get() + 1);
    }

    /// Comes up on another machine.
    pub(super) fn moves_to(&self, machine: &str) {
        machine.clone_into(&mut self.machine.borrow_mut());
    }

    /// A second machine with the same name, key and memory.
    pub(super) fn copy(&self) -> Self {
        let copy = Self {
            directory: tempfile::tempdir().unwrap(),
            git: self.git.clone(),
            introduction: self.introduction.clone(),
            memory: Cell::new(0),
            machine: self.machine.clone(),
            ceiling: self.ceiling.clone(),
        };
        std::fs::create_dir(copy.root()).unwrap();
        std::fs::create_dir(copy.state()).unwrap();
        for (path, bytes) in self.snapshot() {
            std::fs::write(copy.state().join(path.file_name().unwrap()), bytes).unwrap();
        }
        copy
    }

    /// Where the agent remembers.
    pub(super) fn state(&self) -> PathBuf {
        self.directory.path().join(format!("state-{}", self.memory.get()))
    }

    /// Keeps a copy of all that is remembered, and gives back what puts the host back there.
    pub(super) fn snapshot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = std::fs::read_dir(self.state()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    /// Puts the memory back to a snapshot.
    pub(super) fn restore(&self, snapshot: &[(PathBuf, Vec<u8>)]) {
        std::fs::remove_dir_all(self.state()).unwrap();
        std::fs::create_dir(self.state()).unwrap();
        for (path, bytes) in snapshot {
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Where a path of the host really is.
    pub(super) fn path(&self, path: &str) -> String {
        self.root().join(path).to_string_lossy().into_owned()
    }

    /// Spoils a record.
    pub(super) fn damage(&self, record: &str) {
        std::fs::write(self.state().join(record), "damaged").unwrap();
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root().join(path)).ok()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.root().join(path), text).unwrap();
    }

    pub(super) fn history(&self) -> Vec<Event> {
        let path = self.directory.path().join(format!("state-{}/history.jsonl", self.memory.get()));
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
