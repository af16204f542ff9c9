//! Keys that a killed fetcher left behind.
#![expect(clippy::disallowed_methods, reason = "this module removes files of ours")]

use std::{fs, io, path::Path};

/// Empties the directory that ssh keys are kept in for the time of a connection.
pub(crate) fn sweep(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ssh-") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
