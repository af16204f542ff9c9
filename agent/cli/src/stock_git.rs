//! Runs the `git` that an author has, with the author's own configuration.
//!
//! Only for what changes an author's repository or asks the author's configuration. Objects are read without it, and hosts
//! never need it.
#![expect(clippy::disallowed_methods, reason = "the one place of the command that starts git")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::failure::{Code, Failure};

/// Whether there is such a program to run.
pub(crate) fn is_installed(program: &str) -> bool {
    // ssh-keygen knows no --version, and fails; that it starts is enough.
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Git in one directory.
#[derive(Debug, Clone)]
pub(crate) struct StockGit {
    directory: PathBuf,
}

impl StockGit {
    /// Git as if it was started in `directory`.
    pub(crate) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// A setting of the author's, such as `user.email`; `None` if it is not set or there is no git.
    pub(crate) fn config(&self, key: &str) -> Option<String> {
        let output = self.output(&["config", "--get", key]).ok().filter(|output| output.status.success())?;
        let value = String::from_utf8(output.stdout).ok()?;
        Some(value.trim_end_matches('\n').to_owned()).filter(|value| !value.is_empty())
    }

    /// A setting that is a path, with `~` resolved.
    pub(crate) fn config_path(&self, key: &str) -> Option<String> {
        let output = self.output(&["config", "--get", "--type=path", key]).ok()?;
        let value = output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()?;
        Some(value.trim_end_matches('\n').to_owned()).filter(|value| !value.is_empty())
    }

    /// Runs one command; its last words are in the failure.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        self.ask(arguments).map(drop)
    }

    /// Runs one command and gives what it prints, without the last line feed; its last words are in the failure.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<String, Failure> {
        let tried = || format!("cannot run `git {}` in {}", arguments.join(" "), self.directory.display());
        let output = self.output(arguments).map_err(|why| Failure::new(Code::Git, tried()).because(why))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.trim().lines().last().unwrap_or("it said nothing").to_owned();
        Err(Failure::new(Code::Git, tried()).because(last))
    }

    fn output(&self, arguments: &[&str]) -> std::io::Result<Output> {
        Command::new("git").arg("-C").arg(&self.directory).args(arguments).stdin(Stdio::null()).output()
    }
}
