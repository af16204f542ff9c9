//! Stock Git and OpenSSH in a temporary directory, cut off from whatever the machine is set up with.

#![expect(clippy::disallowed_methods, reason = "the tests run real programs on real files")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{MemoryObjects, Object, ObjectId, ObjectKind, sign::SecretKey};

/// A repository, and the keys that its people have.
pub(crate) struct Git {
    home: tempfile::TempDir,
}

impl Git {
    /// An empty repository with SSH signing set up.
    pub(crate) fn new() -> Self {
        let git = Self { home: tempfile::tempdir().unwrap() };
        git.run(&["init", "-q", "-b", "main", "."]);
        git.run(&["config", "gpg.format", "ssh"]);
        git
    }

    /// A path in the work tree.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Writes a file of the work tree.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a private key where `sign_with` and ssh-keygen find it, and returns its path.
    pub(crate) fn key(&self, name: &str, key: &SecretKey) -> PathBuf {
        let path = self.path(&format!(".git/{name}"));
        fs::write(&path, key.print(name).as_bytes()).unwrap();
        fs::write(path.with_extension("pub"), format!("{} {name}\n", key.public())).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, mode).unwrap();
        path
    }

    /// Lets `git commit -S` sign with this key.
    pub(crate) fn sign_with(&self, name: &str, key: &SecretKey) {
        let path = self.key(name, key);
        self.run(&["config", "user.signingkey", path.to_str().unwrap()]);
        self.run(&["config", "user.name", name]);
        self.run(&["config", "user.email", &format!("{name}@example.com")]);
    }

    /// Runs git and returns what it printed. The date of what it makes is `$date` seconds after the epoch.
    pub(crate) fn run_at(&self, seconds: i64, arguments: &[&str]) -> String {
        let output = output(self.command("git", seconds).args(arguments), b"");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.run_at(1_000_000_000, arguments)
    }

    /// Runs any program here with this input.
    pub(crate) fn program(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        output(self.command(program, 1_000_000_000).args(arguments), input)
    }

    /// Adds everything and makes a signed commit.
    pub(crate) fn commit(&self, seconds: i64, message: &str) -> ObjectId {
        self.run(&["add", "-A"]);
        self.run_at(seconds, &["commit", "-q", "-S", "--allow-empty", "-m", message]);
        self.head()
    }

    pub(crate) fn head(&self) -> ObjectId {
        self.run(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    /// Stores an object, whatever it holds.
    pub(crate) fn store(&self, kind: ObjectKind, data: &[u8]) -> ObjectId {
        let output =
            self.program("git", &["hash-object", "-t", kind.as_str(), "-w", "--literally", "--stdin"], data);
        String::from_utf8(output.stdout).unwrap().trim_end().parse().unwrap()
    }

    pub(crate) fn object(&self, kind: ObjectKind, id: ObjectId) -> Object {
        let output = self.program("git", &["cat-file", kind.as_str(), &id.to_string()], b"");
        assert!(output.status.success());
        Object { kind, data: output.stdout }
    }

    /// Everything in the repository.
    pub(crate) fn objects(&self) -> MemoryObjects {
        let mut objects = MemoryObjects::new();
        let list =
            self.run(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"]);
        for line in list.lines() {
            let (id, kind) = line.split_once(' ').unwrap();
            let kinds = [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag];
            let kind = kinds.into_iter().find(|known| known.as_str() == kind).unwrap();
            let id = id.parse().unwrap();
            assert_eq!(objects.insert(self.object(kind, id)).unwrap(), id);
        }
        objects
    }

    /// Whether stock Git calls the commit good, by this list of keys.
    pub(crate) fn calls_good(&self, id: ObjectId, signers: &Path) -> bool {
        self.verifies("verify-commit", id, signers)
    }

    /// Whether stock Git calls the tag good, by this list of keys.
    pub(crate) fn calls_tag_good(&self, id: ObjectId, signers: &Path) -> bool {
        self.verifies("verify-tag", id, signers)
    }

    fn verifies(&self, command: &str, id: ObjectId, signers: &Path) -> bool {
        let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        self.program("git", &["-c", &signers, command, &id.to_string()], b"").status.success()
    }

    fn command(&self, program: &str, seconds: i64) -> Command {
        let mut command = Command::new(program);
        let date = format!("{seconds} +0000");
        command
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date);
        command
    }
}

fn output(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("{command:?} cannot be run: {why}; install git and openssh-client"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}
