//! The directory that `holdfast try` works in: where everything lies, and how it is made.
#![expect(clippy::disallowed_methods, reason = "this module is the room of that directory")]

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_agent::settings::{Paths, Settings};
use holdfast_git::{Fetcher, NewClone, create_bare};
use holdfast_protocol::fetch::{Credential, Remote, Reply, Request};
use holdfast_schema::HostName;
use holdfast_trust::{Introduction, Limits, MemoryObjects, introduce, sign::SecretKey};
use jiff::Timestamp;

use super::objects::{FirstCommit, first_commit};
use crate::{
    arguments::trust::People,
    author::Author,
    failure::{Code, Failure},
    keys, trust,
};

/// The only host of the fleet.
pub(super) const HOST: &str = "web-1";
/// The branch that holds what should be.
const BRANCH: &str = "main";
/// Whoever tries.
const PERSON: (&str, &str) = ("You", "you@example.com");

/// The sample repository: each file's path and text. `STATUS_KEY` stands for the host's public key.
const SAMPLE: [(&str, &str); 8] = [
    ("README.md", include_str!("../../sample/try/README.md")),
    ("fleet.toml", include_str!("../../sample/try/fleet.toml")),
    ("hosts/web-1.toml", include_str!("../../sample/try/hosts/web-1.toml")),
    ("roles/base/role.toml", include_str!("../../sample/try/roles/base/role.toml")),
    ("roles/base/templates/motd", include_str!("../../sample/try/roles/base/templates/motd")),
    ("roles/shop/role.toml", include_str!("../../sample/try/roles/shop/role.toml")),
    ("roles/shop/files/index.html", include_str!("../../sample/try/roles/shop/files/index.html")),
    ("roles/shop/templates/shop.conf", include_str!("../../sample/try/roles/shop/templates/shop.conf")),
];

/// The directory.
#[derive(Debug, Clone)]
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn at(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// The Git server's side.
    pub(super) fn fleet(&self) -> PathBuf {
        self.0.join("fleet.git")
    }

    /// The author's clone.
    pub(super) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// The scratch root.
    pub(super) fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// What to look at and to try.
    pub(super) fn ideas(&self) -> PathBuf {
        self.0.join("README.txt")
    }

    /// The private key that the author signs with; its public half lies beside it.
    pub(super) fn author_key(&self) -> PathBuf {
        self.0.join("author_key")
    }

    /// The author's and the host's public keys, for stock Git.
    fn allowed_signers(&self) -> PathBuf {
        self.0.join("allowed_signers")
    }

    /// The agent's memory.
    pub(super) fn state(&self) -> PathBuf {
        self.0.join("agent/state")
    }

    /// Where an agent in this place has its files.
    pub(super) fn paths(&self) -> Paths {
        Paths { config: self.0.join("agent"), state: self.state(), run: self.0.join("agent/run") }
    }

    /// Where the fetcher keeps its files.
    pub(super) fn fetcher(&self) -> holdfast_git::Place {
        let fetcher = self.0.join("agent/fetcher");
        holdfast_git::Place { mirrors: fetcher.clone(), private: fetcher }
    }

    /// Whether everything was made before: the introduction is written last.
    pub(super) fn is_made(&self) -> bool {
        self.paths().introduction().is_file()
    }

    /// Makes everything, with `ideas` in a file beside it.
    pub(super) fn make(&self, now: Timestamp, ideas: &str) -> Result<(), Failure> {
        let occupied = fs::read_dir(&self.0).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            let message = format!("{} is not empty, and `holdfast try` did not make it", self.0.display());
            return Err(Failure::new(Code::Occupied, message)
                .remedy_is("Name another directory with --dir, or remove it."));
        }
        let write = |path: &Path| {
            let path = path.to_owned();
            move |why| Failure::write(&path, why)
        };
        for directory in [self.root(), self.state(), self.fetcher().private] {
            fs::create_dir_all(&directory).map_err(write(&directory))?;
        }
        let (author, host) = (keys::new()?, keys::new()?);
        let key_file = self.author_key();
        secret_file(&key_file, &author.print(PERSON.1)).map_err(write(&key_file))?;
        let public_file = key_file.with_extension("pub");
        fs::write(&public_file, format!("{} {}\n", author.public(), PERSON.1))
            .map_err(write(&public_file))?;
        let host_file = self.paths().host_key();
        secret_file(&host_file, &host.print(HOST)).map_err(write(&host_file))?;
        let signers = [(PERSON.1, &author), (HOST, &host)]
            .map(|(name, key)| format!("{name} namespaces=\"git\" {}\n", key.public()))
            .concat();
        fs::write(self.allowed_signers(), signers).map_err(write(&self.allowed_signers()))?;

        fs::write(self.ideas(), ideas).map_err(write(&self.ideas()))?;

        let first = self.first_commit(&author, &host, now)?;
        let introduction = introduction(&first)?;
        self.make_repositories(&first)?;
        let path = self.paths().introduction();
        fs::write(&path, format!("{introduction}\n")).map_err(write(&path))
    }

    fn first_commit(
        &self,
        author: &SecretKey,
        host: &SecretKey,
        now: Timestamp,
    ) -> Result<FirstCommit, Failure> {
        let status_key = format!("{} {HOST}", host.public());
        let mut files: Vec<(String, String)> = SAMPLE
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.replace("STATUS_KEY", &status_key)))
            .collect();
        let person = Author {
            person: PERSON.1.to_owned(),
            key: author.public().to_owned(),
            signing_key: self.author_key().display().to_string(),
        };
        files.extend(trust::init::documents(&person, &People::default(), &self.0)?);
        first_commit(&files, PERSON, now.as_second(), author)
            .map_err(|why| Failure::new(Code::Try, "cannot make the first commit").because(why))
    }

    /// The bare repository with the first commit pushed to it, and the author's clone.
    fn make_repositories(&self, first: &FirstCommit) -> Result<(), Failure> {
        let fail = |what: &str| Failure::new(Code::Try, format!("cannot make {what}"));
        let signers = self.allowed_signers().display().to_string();
        let checking = [("gpg.format", "ssh"), ("gpg.ssh.allowedSignersFile", signers.as_str())];
        create_bare(&self.fleet(), BRANCH, &checking)
            .map_err(|why| fail("the bare repository").because(why))?;
        let push = Request::Push {
            remote: self.remote(),
            reference: format!("refs/heads/{BRANCH}"),
            old: None,
            new: first.id,
        };
        match Fetcher::new(self.fetcher()).answer(&push, &first.objects).reply {
            Reply::Pushed => {}
            Reply::Failed(failure) => return Err(fail("the first push").because(failure)),
            other => return Err(fail("the first push").because(format!("the answer was {other:?}"))),
        }
        let key = self.author_key().display().to_string();
        let config = [
            ("user.name", PERSON.0),
            ("user.email", PERSON.1),
            ("gpg.format", "ssh"),
            ("gpg.ssh.allowedSignersFile", signers.as_str()),
            ("user.signingKey", key.as_str()),
        ];
        let clone = NewClone {
            directory: &self.work(),
            origin: &self.fleet().display().to_string(),
            branch: BRANCH,
            tip: first.id,
            objects: &first.objects,
            config: &config,
        };
        clone.create().map_err(|why| fail("the author's clone").because(why))
    }

    fn remote(&self) -> Remote {
        Remote {
            fresh: false,
            url: self.fleet().display().to_string(),
            credential: Credential::None,
            ca: None,
            proxy: None,
            ssh: None,
            stall_seconds: 30,
            total_seconds: 120,
        }
    }

    /// What `agent.toml` says on a host.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let path = self.paths().introduction();
        let text = fs::read_to_string(&path).map_err(|why| Failure::read(&path, why))?;
        let introduction: Introduction = text.trim().parse().map_err(|why| damaged(&path).because(why))?;
        let host: HostName = HOST.parse().map_err(|why| damaged(&path).because(why))?;
        Ok(Settings {
            status_branch: format!("status/{host}"),
            host,
            fleet: self.remote(),
            branch: BRANCH.to_owned(),
            status: self.remote(),
            poll: Duration::from_mins(1),
            full_pass: Duration::from_hours(1),
            heartbeat: Duration::from_hours(6),
            introduction,
            trust_origin: "introduction".to_owned(),
            ceiling: holdfast_agent::ceiling::Ceiling::default(),
            machine: None,
        })
    }

    /// The key that the host signs its status with.
    pub(super) fn host_key(&self) -> Result<SecretKey, Failure> {
        let path = self.paths().host_key();
        let text = fs::read(&path).map_err(|why| Failure::read(&path, why))?;
        SecretKey::parse(&text).map_err(|why| damaged(&path).because(why))
    }
}

fn damaged(path: &Path) -> Failure {
    Failure::new(Code::Try, format!("cannot use {}", path.display()))
}

/// The line that introduces the fleet at its first commit.
fn introduction(first: &FirstCommit) -> Result<Introduction, Failure> {
    let mut objects = MemoryObjects::new();
    for object in &first.objects {
        objects
            .insert(object.clone())
            .map_err(|why| Failure::new(Code::Try, "cannot introduce the fleet").because(why))?;
    }
    introduce(&objects, first.id, &format!("refs/heads/{BRANCH}"), &Limits::default())
        .map_err(|refusal| trust::refused(&refusal))
}

/// Writes a new file that only its owner can read.
fn secret_file(path: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
