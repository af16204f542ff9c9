//! Writes new files for an author, and never over anything.
#![expect(clippy::disallowed_methods, reason = "this module is the room that writes an author's new files")]

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use crate::failure::{Code, Failure};

/// Writes each file, named by its path below `root`. If any is there already, nothing is written.
pub(crate) fn write_new(root: &Path, files: &[(String, String)]) -> Result<(), Failure> {
    if let Some((name, _)) = files.iter().find(|(name, _)| root.join(name).symlink_metadata().is_ok()) {
        return Err(Failure::new(Code::Occupied, format!("{} exists already", root.join(name).display())));
    }
    for (name, text) in files {
        let path = root.join(name);
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            // Never through a link or over a file that appeared meanwhile.
            fs::File::create_new(&path)?.write_all(text.as_bytes())
        };
        write().map_err(|why| Failure::write(&path, why))?;
    }
    Ok(())
}

/// The same for programs.
pub(crate) fn write_new_programs(root: &Path, files: &[(String, String)]) -> Result<(), Failure> {
    write_new(root, files)?;
    for (name, _) in files {
        let path = root.join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(|why| Failure::write(&path, why))?;
    }
    Ok(())
}
