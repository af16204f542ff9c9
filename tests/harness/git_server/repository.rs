//! Bare repositories, made with the stock `git`.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::Command;

/// A bare repository.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Makes an empty one at `path`.
    pub fn make(path: impl Into<PathBuf>) -> Result<Self> {
        let this = Self { path: path.into() };
        let path = this.path.display().to_string();
        Command::new(["git", "init", "--quiet", "--bare", "--initial-branch=main", &path]).run()?;
        this.git(["config", "http.receivepack", "true"])?;
        Ok(this)
    }

    /// One that is there already.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git in it and gives what it says, without the last line break.
    pub fn git<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        self.git_with(arguments, "")
    }

    /// The same with something on its standard input.
    pub fn git_with<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        input: impl Into<Vec<u8>>,
    ) -> Result<String> {
        let path = self.path.display().to_string();
        // Nothing of this machine's settings; see git(1).
        let environment =
            ["env", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "git", "--git-dir", &path];
        let mut command: Vec<_> = environment.map(str::to_owned).to_vec();
        command.extend(arguments.into_iter().map(str::to_owned));
        Ok(Command::new(command).stdin(input).run()?.trim_end().to_owned())
    }

    /// Where a branch is.
    pub fn tip(&self, branch: &str) -> Result<String> {
        self.git(["rev-parse", "--verify", &format!("refs/heads/{branch}")])
    }

    /// Adds a commit with these files changed to `branch`, which may be a new one, and gives its id.
    pub fn commit(&self, branch: &str, files: &[(&str, &[u8])]) -> Result<String> {
        let from = self.tip(branch).ok();
        self.commit_on(branch, from.as_deref(), &[], files)
    }

    /// Adds a commit with these parents; the files are those of the first one, with changes.
    pub fn commit_on(
        &self,
        branch: &str,
        from: Option<&str>,
        merged: &[&str],
        files: &[(&str, &[u8])],
    ) -> Result<String> {
        let mut stream = Vec::new();
        let mut head = format!("commit refs/heads/{branch}\ncommitter A <a@example.com> 1700000000 +0000\n");
        let message = format!("change {} files", files.len());
        writeln!(head, "data {}\n{message}", message.len())?;
        from.iter().try_for_each(|from| writeln!(head, "from {from}"))?;
        merged.iter().try_for_each(|parent| writeln!(head, "merge {parent}"))?;
        stream.extend_from_slice(head.as_bytes());
        for (path, data) in files {
            stream.extend_from_slice(format!("M 100644 inline {path}\ndata {}\n", data.len()).as_bytes());
            stream.extend_from_slice(data);
            stream.push(b'\n');
        }
        self.git_with(["fast-import", "--quiet", "--force"], stream)?;
        self.tip(branch)
    }

    /// Gives it `count` more branches at `id`, packed as a server keeps them.
    pub fn add_branches(&self, count: usize, id: &str) -> Result<()> {
        let mut updates = String::new();
        for number in 0..count {
            writeln!(updates, "create refs/heads/status/host-{number:05} {id}")?;
        }
        self.git_with(["update-ref", "--stdin"], updates)?;
        self.git(["pack-refs", "--all"])?;
        Ok(())
    }

    /// Installs a hook; see githooks(5).
    pub fn hook(&self, name: &str, script: &str) -> Result<()> {
        let path = self.path.join("hooks").join(name);
        fs::write(&path, script).with_context(|| format!("write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }
}
