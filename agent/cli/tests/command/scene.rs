//! A directory of its own, a home of its own, and no environment but what is set here.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Where one test happens.
pub(crate) struct Scene {
    directory: tempfile::TempDir,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("only text is printed");
        Self {
            code: output.status.code().expect("it ends by itself"),
            out: text(output.stdout),
            error: text(output.stderr),
        }
    }

    /// Fails the test unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.error);
        self
    }

    /// Fails the test unless `text` was printed.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let said = format!("{}{}", self.out, self.error);
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
        self
    }

    /// The output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why} in:\n{}", self.out))
    }
}

impl Scene {
    /// An empty directory.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        Self { directory }
    }

    /// The path of something in it.
    pub(crate) fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(inside)
    }

    /// Writes a file, with its directories.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file's text.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// Runs `holdfast` in the scene's directory.
    pub(crate) fn holdfast(&self, arguments: &[&str]) -> Ended {
        self.holdfast_in("", arguments)
    }

    /// Runs `holdfast` in a directory of the scene.
    pub(crate) fn holdfast_in(&self, directory: &str, arguments: &[&str]) -> Ended {
        self.run(directory, env!("CARGO_BIN_EXE_holdfast"), arguments)
    }

    /// Runs stock `git` in a directory of the scene.
    pub(crate) fn git(&self, directory: &str, arguments: &[&str]) -> Ended {
        self.run(directory, "git", arguments)
    }

    /// Runs stock `git` whose hooks find `holdfast`.
    pub(crate) fn git_with_holdfast(&self, directory: &str, arguments: &[&str]) -> Ended {
        let mut path = Path::new(env!("CARGO_BIN_EXE_holdfast")).parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Ended::of(self.command(directory, "git").env("PATH", path).args(arguments).output().unwrap())
    }

    /// Runs a program.
    pub(crate) fn run(&self, directory: &str, program: &str, arguments: &[impl AsRef<OsStr>]) -> Ended {
        let output = self.command(directory, program).args(arguments).output();
        Ended::of(output.unwrap_or_else(|why| panic!("{program}: {why}")))
    }

    /// A program with nothing but the scene's environment.
    pub(crate) fn command(&self, directory: &str, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path(directory))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null());
        command
    }
}
