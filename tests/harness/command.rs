//! Programs of the test machine, run to their end within a time limit.
#![expect(clippy::disallowed_methods, reason = "the harness starts processes")]

use std::{fmt, io::Write as _, process, process::Stdio, thread, time::Duration};

use anyhow::{Context as _, Result, bail};

/// One run of a program.
#[derive(Debug, Clone)]
pub struct Command {
    arguments: Vec<String>,
    stdin: Vec<u8>,
    limit: Duration,
}

impl Command {
    /// A program with its arguments, with nothing on its standard input and two minutes to end.
    pub fn new<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { arguments, stdin: Vec::new(), limit: Duration::from_mins(2) }
    }

    /// Gives the program these bytes on its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Ends the program when it takes longer.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it, whatever its exit code.
    pub fn output(&self) -> Result<Output> {
        let mut child = process::Command::new("timeout")
            .arg("--kill-after=5")
            .arg(self.limit.as_secs().to_string())
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {self}"))?;
        let mut stdin = child.stdin.take().context("a child without standard input")?;
        let output = thread::scope(|scope| {
            // A program may end without reading all that it was given: its exit code says whether that is an error.
            scope.spawn(move || drop(stdin.write_all(&self.stdin)));
            child.wait_with_output()
        })
        .with_context(|| format!("wait for {self}"))?;
        Ok(Output {
            command: self.to_string(),
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it and gives its standard output; any exit code but 0 is an error.
    pub fn run(&self) -> Result<String> {
        self.output()?.success()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arguments.join(" "))
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    command: String,
    /// The exit code; 124 when the time limit ended it, `None` when a signal did.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Output {
    /// Its standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard output if it ended with exit code 0, else an error with all that it said.
    pub fn success(self) -> Result<String> {
        if self.code == Some(0) {
            return Ok(self.text());
        }
        bail!("{self}");
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(124) => write!(f, "{} took too long", self.command)?,
            Some(code) => write!(f, "{} ended with exit code {code}", self.command)?,
            None => write!(f, "{} was ended by a signal", self.command)?,
        }
        write!(f, "\n{}{}", self.text(), self.stderr)
    }
}
