//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};

/// What can be chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// A socket to make; `None` takes the one that systemd made.
    pub(crate) socket: Option<PathBuf>,
    /// How long to wait for another request before ending. Open connections to servers are kept that long too.
    pub(crate) idle: Duration,
}

impl Options {
    /// Reads the arguments after the program's name.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let mut options = Self { socket: None, idle: Duration::from_secs(10) };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            let mut value = || arguments.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--socket" => options.socket = Some(value()?.into()),
                "--idle" => {
                    let value = value()?.to_string_lossy().into_owned();
                    let seconds =
                        value.parse().with_context(|| format!("--idle {value} is no number of seconds"))?;
                    options.idle = Duration::from_secs(seconds);
                }
                _ => bail!("unknown argument {name}; there are --socket PATH and --idle SECONDS"),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests;
