//! A fetcher in the test's own process, and what it is asked.
#![expect(clippy::disallowed_methods, reason = "tests look at files and clocks")]

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use harness::git_server::{SshServer, WebServer};
use holdfast_git::{Fetcher, Place};
use holdfast_protocol::fetch::{Credential, Failure, Known, Remote, Reply, Request, Secret, Ssh};
use holdfast_trust::{Limits, Object, ObjectId, ObjectKind, stream};
use tempfile::TempDir;

pub(crate) const MAIN: &str = "refs/heads/main";

/// A fetcher and its files.
pub(crate) struct Client {
    fetcher: Fetcher,
    pub(crate) dir: TempDir,
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Got {
    pub(crate) reply: Reply,
    pub(crate) objects: Vec<Object>,
}

impl Client {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        Ok(Self { fetcher: fetcher(&dir), dir })
    }

    /// Forgets its connections, as a fetcher does that has ended since.
    pub(crate) fn restart(&mut self) {
        self.fetcher = fetcher(&self.dir);
    }

    /// Asks as the root service does, over a stream.
    pub(crate) fn ask(&mut self, request: &Request, objects: &[Object]) -> Result<Got> {
        let mut connection = Connection::default();
        holdfast_protocol::frame::write(&mut connection.input, request)?;
        if matches!(request, Request::Push { .. }) {
            write_stream(&mut connection.input, objects)?;
        }
        connection.input.set_position(0);
        self.fetcher.serve(&mut connection)?;
        read_answer(&mut io::Cursor::new(connection.output))
    }

    pub(crate) fn poll(&mut self, remote: &Remote, known: Option<&str>, base: &str) -> Result<Got> {
        self.ask(&poll(remote, known, base)?, &[])
    }

    /// A poll that must bring something: the tip and the objects.
    pub(crate) fn changed(&mut self, remote: &Remote, base: &str) -> Result<(String, Vec<Object>)> {
        match self.poll(remote, None, base)? {
            Got { reply: Reply::Changed { tip, .. }, objects } => Ok((tip.to_string(), objects)),
            other => bail!("{other:?}"),
        }
    }

    /// A poll that must fail.
    pub(crate) fn failure(&mut self, remote: &Remote, base: &str) -> Result<Failure> {
        match self.poll(remote, None, base)?.reply {
            Reply::Failed(failure) => Ok(checked(failure)?),
            other => bail!("{other:?}"),
        }
    }

    pub(crate) fn push(
        &mut self,
        remote: &Remote,
        branch: &str,
        old: Option<&str>,
        new: &Commit,
    ) -> Result<Got> {
        let request = Request::Push {
            remote: remote.clone(),
            reference: format!("refs/heads/{branch}"),
            old: old.map(str::parse).transpose()?,
            new: new.id,
        };
        let got = self.ask(&request, &new.objects)?;
        if let Reply::Failed(failure) = &got.reply {
            checked(failure.clone())?;
        }
        Ok(got)
    }
}

fn fetcher(dir: &TempDir) -> Fetcher {
    let place = Place { mirrors: dir.path().join("mirrors"), private: dir.path().to_owned() };
    Fetcher::new(place)
}

pub(crate) fn poll(remote: &Remote, known: Option<&str>, base: &str) -> Result<Request> {
    Ok(Request::Poll {
        remote: remote.clone(),
        reference: MAIN.to_owned(),
        known: known
            .map(|tip| Ok::<_, anyhow::Error>(Known { tip: tip.parse()?, tags: None }))
            .transpose()?,
        base: base.parse()?,
        at: None,
    })
}

pub(crate) fn write_stream(to: impl Write, objects: &[Object]) -> Result<()> {
    let mut writer = stream::Writer::new(to, &Limits::default())?;
    objects.iter().try_for_each(|object| writer.write(object.kind, &object.data))?;
    writer.finish()?;
    Ok(())
}

pub(crate) fn read_answer(mut from: impl Read) -> Result<Got> {
    let reply: Reply = holdfast_protocol::frame::read(&mut from)?;
    let mut objects = Vec::new();
    if matches!(reply, Reply::Changed { .. } | Reply::Moved { .. }) {
        let mut reader = stream::Reader::new(&mut from, &Limits::default())?;
        while let Some(object) = reader.next_object()? {
            objects.push(object);
        }
    }
    let mut rest = Vec::new();
    from.read_to_end(&mut rest)?;
    ensure!(rest.is_empty(), "{} bytes follow the answer", rest.len());
    Ok(Got { reply, objects })
}

/// Every failure is one line with a known code, and holds nothing that is secret in any test.
fn checked(failure: Failure) -> Result<Failure> {
    ensure!(holdfast_git::CODES.iter().any(|(code, ..)| *code == failure.code), "unknown code: {failure:?}");
    ensure!(failure.remedy.is_some(), "no remedy: {failure:?}");
    ensure!(!failure.message.contains('\n'), "more than one line: {failure:?}");
    ensure!(!format!("{failure:?}").contains("canary"), "a secret in {failure:?}");
    Ok(failure)
}

#[derive(Default)]
struct Connection {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}
impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A remote without credentials.
pub(crate) fn at(url: &str) -> Remote {
    Remote {
        fresh: false,
        url: url.to_owned(),
        credential: Credential::None,
        ca: None,
        proxy: None,
        ssh: None,
        stall_seconds: 20,
        total_seconds: 60,
    }
}

pub(crate) fn https(server: &WebServer, name: &str) -> Remote {
    Remote { ca: Some(server.ca().to_owned()), ..at(&server.https_url(name)) }
}

pub(crate) fn basic(user: &str, password: &str) -> Credential {
    Credential::Basic { user: user.to_owned(), password: Secret::new(password.to_owned()) }
}

pub(crate) fn ssh(server: &SshServer, name: &str) -> Result<Remote> {
    let ssh = Ssh { key: Secret::new(server.client_key()?), known_hosts: server.known_hosts()? };
    Ok(Remote { ssh: Some(ssh), ..at(&server.url(name)) })
}

/// A commit that is not on any server yet.
pub(crate) struct Commit {
    pub(crate) id: ObjectId,
    pub(crate) objects: Vec<Object>,
}

/// A commit with one file.
pub(crate) fn commit(parent: Option<&str>, text: &str) -> Result<Commit> {
    let blob = Object { kind: ObjectKind::Blob, data: text.as_bytes().to_vec() };
    let tree = Object {
        kind: ObjectKind::Tree,
        data: [b"100644 status.toml\0".as_slice(), blob.id()?.as_bytes()].concat(),
    };
    let parent = parent.map_or(String::new(), |id| format!("parent {id}\n"));
    let who = "web-1 <web-1@example.com> 1700000000 +0000";
    let data = format!("tree {}\n{parent}author {who}\ncommitter {who}\n\n{text}\n", tree.id()?).into_bytes();
    let commit = Object { kind: ObjectKind::Commit, data };
    Ok(Commit { id: commit.id()?, objects: vec![blob, tree, commit] })
}

/// The ids of objects, to compare with what git says.
pub(crate) fn ids(objects: &[Object]) -> Result<Vec<String>> {
    let ids = objects.iter().map(|object| Ok(object.id()?.to_string()));
    let mut ids = ids.collect::<Result<Vec<_>>>()?;
    ids.sort();
    Ok(ids)
}

/// Where the branch is, by an answer to a poll that found no way to it.
pub(crate) fn diverged(got: &Got) -> Option<String> {
    match &got.reply {
        Reply::Diverged { tip, .. } => Some(tip.to_string()),
        _ => None,
    }
}

/// Says what was measured: `cargo test -- --nocapture` shows it.
#[expect(clippy::print_stdout, reason = "the numbers are for whoever runs the tests")]
pub(crate) fn measured(what: &str, amount: u64) {
    println!("measured: {what}: {amount} bytes");
}

/// Bytes that hardly compress.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        // Marsaglia's xorshift32.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Runs `work` and says how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// All files below a directory.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
