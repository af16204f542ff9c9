//! An author's side: a fleet repository, its author's key, stock `git` and `ssh-keygen`.
//!
//! The author works as people do: `holdfast init` writes the first files, `git commit -S` signs, `git push` publishes to a
//! bare repository that a Git server may serve.
#![expect(clippy::disallowed_methods, reason = "the harness writes an author's files")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{Command, Output, deb};

/// A fleet repository and whoever may change it.
#[derive(Debug)]
pub struct Fleet {
    folder: tempfile::TempDir,
    bare: PathBuf,
}

impl Fleet {
    /// A new fleet, made by `holdfast init`, committed and pushed to an empty bare repository.
    pub fn new(bare: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a scratch folder")?;
        let fleet = Self { folder, bare: bare.to_owned() };
        fs::create_dir(fleet.folder.path().join("home"))?;
        fs::write(fleet.folder.path().join("home/.gitconfig"), GIT_CONFIG)?;
        fleet.make_key("author")?;
        let (key, work) = (fleet.key("author"), fleet.work());
        let (key, work, bare) = (key.to_string_lossy(), work.to_string_lossy(), bare.to_string_lossy());
        fleet.run(&["git", "config", "--global", "user.signingKey", &key])?;
        fleet.holdfast(&["init", &work])?;
        if !fleet.work().join(".git").exists() {
            fleet.git(&["init", "--quiet"])?;
        }
        fleet.git(&["remote", "add", "origin", &bare])?;
        fleet.commit("fleet: begin")?;
        Ok(fleet)
    }

    /// The author's work tree.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The bare repository that it pushes to.
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    /// A private key; `author`'s is the one that the fleet begins with.
    pub fn key(&self, person: &str) -> PathBuf {
        self.folder.path().join("home").join(person)
    }

    /// Makes a key for one more person.
    pub fn make_key(&self, person: &str) -> Result<()> {
        let key = self.key(person);
        self.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", &key.to_string_lossy()])
            .map(drop)
    }

    /// Writes a file of the work tree.
    pub fn write(&self, path: &str, content: &str) -> Result<()> {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().context("a path without a parent")?)?;
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))
    }

    /// Reads a file of the checkout.
    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.work().join(path)).with_context(|| format!("{path} cannot be read"))
    }

    /// Removes a file of the work tree.
    pub fn remove(&self, path: &str) -> Result<()> {
        fs::remove_file(self.work().join(path)).with_context(|| format!("remove {path}"))
    }

    /// Commits all of the work tree, signed, and pushes it. Gives the commit.
    pub fn commit(&self, message: &str) -> Result<String> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--gpg-sign", "--allow-empty", "--message", message])?;
        self.push()
    }

    /// Writes one file, commits and pushes: the usual change.
    pub fn change(&self, path: &str, content: &str) -> Result<String> {
        self.write(path, content)?;
        self.commit(&format!("change {path}"))
    }

    /// Pushes what is checked out to `main`, whatever is there. Gives the commit.
    pub fn push(&self) -> Result<String> {
        self.git(&["push", "--quiet", "--force", "origin", "HEAD:main"])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    /// The line that introduces the fleet to a host.
    pub fn introduction(&self) -> Result<String> {
        Ok(self
            .command(&[&deb::command()?.to_string_lossy(), "trust", "intro"], &self.work())
            .run()?
            .trim()
            .to_owned())
    }

    /// A file on a host's status branch, such as `status.toml`; `None` before the first status.
    pub fn status(&self, host: &str, file: &str) -> Result<Option<String>> {
        let object = format!("refs/heads/status/{host}:{file}");
        let output = self.command(&["git", "show", &object], &self.bare).output()?;
        Ok((output.code == Some(0)).then(|| output.text()))
    }

    /// Runs `git` in the work tree.
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        let arguments: Vec<_> = ["git"].iter().chain(arguments).copied().collect();
        self.command(&arguments, &self.work()).run()
    }

    /// Runs lines of shell in the work tree; they stop at their first failure.
    pub fn shell(&self, lines: &str) -> Result<String> {
        self.command(&["sh", "-euc", lines], &self.work()).run()
    }

    /// Runs the packaged `holdfast` as the author.
    pub fn holdfast(&self, arguments: &[&str]) -> Result<String> {
        self.output(arguments)?.success()
    }

    /// The same, whatever its exit code.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        let program = deb::command()?;
        let program = program.to_string_lossy();
        let arguments: Vec<_> = [&*program].iter().chain(arguments).copied().collect();
        self.command(&arguments, self.folder.path()).output()
    }

    /// Signs a tag on what is checked out with the key of `person`, and pushes it.
    pub fn tag(&self, person: &str, name: &str, message: &str) -> Result<()> {
        let key = format!("user.signingKey={}", self.key(person).display());
        self.git(&["-c", &key, "tag", "--sign", "--force", "--message", message, name])?;
        self.git(&["push", "--quiet", "--force", "origin", &format!("refs/tags/{name}")]).map(drop)
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        self.command(arguments, self.folder.path()).run()
    }

    /// A program in `folder`, that finds nothing of whoever runs the tests.
    fn command(&self, arguments: &[&str], folder: &Path) -> Command {
        let home = format!("HOME={}", self.folder.path().join("home").display());
        let path = format!("PATH={}", std::env::var("PATH").unwrap_or_default());
        let folder = format!("--chdir={}", folder.display());
        let environment = ["env", "-i", &folder, &home, &path, "GIT_CONFIG_NOSYSTEM=1"];
        Command::new(environment.iter().chain(arguments).copied())
    }
}

const GIT_CONFIG: &str = "[user]
name = Author
email = author@example.org
[init]
defaultBranch = main
[gpg]
format = ssh
[commit]
gpgSign = true
";
