//! Writes a resolved state's files below a directory, for people and tools to look at.
#![expect(clippy::disallowed_methods, reason = "writes files where the user asks for them")]

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use holdfast_schema::{
    ContentSource as _, Contents, FileMode, HostState,
    spec::{Content, Ensure, Spec},
};

use crate::failure::{Code, Failure};

/// Writes everything that lies at a path; says how many things that was.
///
/// The directory must be new or empty, and links come last: so nothing is ever written through a link to somewhere else.
pub(crate) fn below(directory: &Path, state: &HostState, contents: &Contents) -> Result<usize, Failure> {
    fs::create_dir_all(directory).map_err(|why| Failure::write(directory, why))?;
    let occupied = fs::read_dir(directory).map_err(|why| Failure::read(directory, why))?.next().is_some();
    if occupied {
        let message = format!("{} is not empty", directory.display());
        return Err(Failure::new(Code::Occupied, message));
    }
    let specs = || state.resources.values().map(|resource| &resource.spec);
    let mut written = 0;
    for spec in specs() {
        match spec {
            Spec::Directory(it) if it.ensure == Ensure::Present => {
                let path = inside(directory, it.path.as_str());
                fs::create_dir_all(&path).map_err(|why| Failure::write(&path, why))?;
                written += 1;
            }
            Spec::File(it) => {
                if let Some(content) = it.content.filter(|_| it.ensure == Ensure::Present) {
                    file(&inside(directory, it.path.as_str()), content, it.access.mode, contents)?;
                    written += 1;
                }
            }
            Spec::Unit(it) if it.ensure == Ensure::Present => {
                let unit = inside(directory, "/etc/systemd/system").join(it.name.as_str());
                if let Some(content) = it.content {
                    file(&unit, content, FileMode::new(0o644), contents)?;
                    written += 1;
                }
                for (name, content) in &it.drop_ins {
                    let drop_in = unit.with_file_name(format!("{}.d", it.name)).join(name);
                    file(&drop_in, *content, FileMode::new(0o644), contents)?;
                    written += 1;
                }
            }
            _ => {}
        }
    }
    for spec in specs() {
        if let Spec::Symlink(it) = spec
            && it.ensure == Ensure::Present
        {
            let path = inside(directory, it.path.as_str());
            parent(&path)
                .and_then(|()| symlink(&it.target, &path))
                .map_err(|why| Failure::write(&path, why))?;
            written += 1;
        }
    }
    Ok(written)
}

/// The absolute `path` of the host, below `directory`.
fn inside(directory: &Path, path: &str) -> PathBuf {
    directory.join(path.trim_start_matches('/'))
}

fn file(path: &Path, content: Content, mode: FileMode, contents: &Contents) -> Result<(), Failure> {
    let write = || {
        let bytes = contents.content(&content.sha256)?;
        parent(path)?;
        fs::write(path, &bytes)?;
        // As the state says, but never set-uid here, and always readable for whoever asked.
        fs::set_permissions(path, fs::Permissions::from_mode(u32::from(mode.bits() & 0o777) | 0o400))
    };
    write().map_err(|why| Failure::write(path, why))
}

fn parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
