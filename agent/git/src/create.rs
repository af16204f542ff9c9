//! Makes new repositories without a `git` program, for `holdfast try`: a bare one, and an author's clone of it.

#![expect(clippy::disallowed_methods, reason = "this module makes repositories")]

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use gix_object::Write as _;
use holdfast_trust::{MemoryObjects, Object, ObjectId, Objects as _, commit::Commit, tree::Mode};

use crate::ids;

/// Makes an empty bare repository whose `HEAD` is `branch`, with settings such as `("gpg.format", "ssh")`.
///
/// # Errors
/// Whatever the file system says; `AlreadyExists` if something is there.
pub fn create_bare(directory: &Path, branch: &str, config: &[(&str, &str)]) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::create_dir(directory)?;
    let fixed = [("core.repositoryformatversion", "0"), ("core.filemode", "true"), ("core.bare", "true")];
    let config: String = fixed.iter().chain(config).map(|(key, value)| setting(key, value)).collect();
    skeleton(directory, branch, &config)
}

/// A clone to be made.
pub struct NewClone<'a> {
    /// The directory of its work tree, which must not be there yet.
    pub directory: &'a Path,
    /// What `origin` is, as an address or a path.
    pub origin: &'a str,
    /// The branch that is checked out, such as `main`.
    pub branch: &'a str,
    /// Where the branch is.
    pub tip: ObjectId,
    /// The commit at `tip` and all that it needs.
    pub objects: &'a [Object],
    /// The clone's own settings, such as `("user.email", "you@example.com")`.
    pub config: &'a [(&'a str, &'a str)],
}

impl NewClone<'_> {
    /// Makes it, with its work tree and an index that fits, as `git clone` would.
    ///
    /// # Errors
    /// Whatever the file system says; `AlreadyExists` if something is there, `InvalidData` if `objects` do not fit `tip`.
    pub fn create(&self) -> io::Result<()> {
        fs::create_dir(self.directory)?;
        let git_dir = self.directory.join(".git");
        fs::create_dir(&git_dir)?;
        skeleton(&git_dir, self.branch, &self.config_text())?;
        let store = gix_odb::loose::Store::at(git_dir.join("objects"), gix_hash::Kind::Sha1);
        let mut objects = MemoryObjects::new();
        for object in self.objects {
            store
                .write_buf(ids::kind_to_git(object.kind), &object.data)
                .map_err(|why| io::Error::other(crate::text::chain(&why)))?;
            objects.insert(object.clone()).map_err(io::Error::other)?;
        }
        for reference in
            [format!("refs/heads/{}", self.branch), format!("refs/remotes/origin/{}", self.branch)]
        {
            let path = git_dir.join(reference);
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, format!("{}\n", self.tip))?;
        }
        let entries = self.check_out(&objects)?;
        fs::write(git_dir.join("index"), index(entries)?)
    }

    fn config_text(&self) -> String {
        let fixed = [
            ("core.repositoryformatversion", "0"),
            ("core.filemode", "true"),
            ("core.bare", "false"),
            ("remote.origin.url", self.origin),
            ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
        ];
        let remote = format!("branch.{}.remote", self.branch);
        let merge = (format!("branch.{}.merge", self.branch), format!("refs/heads/{}", self.branch));
        let tracking = [(remote.as_str(), "origin"), (merge.0.as_str(), merge.1.as_str())];
        fixed.iter().chain(&tracking).chain(self.config).map(|(key, value)| setting(key, value)).collect()
    }

    /// Writes the files of the tip; gives what the index must say of them.
    fn check_out(&self, objects: &MemoryObjects) -> io::Result<Vec<IndexEntry>> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let get = |id: &ObjectId| {
            let found = objects.get(id).map_err(io::Error::other)?;
            found.ok_or_else(|| invalid(format!("object {id} is missing")))
        };
        let tip = get(&self.tip)?;
        let commit = Commit::parse(&tip.data).map_err(|why| invalid(why.to_string()))?;
        let files = holdfast_trust::walk(objects, commit.tree, &holdfast_trust::Limits::default());
        let mut entries = Vec::new();
        for file in files.map_err(|why| invalid(why.to_string()))? {
            let inside = file.plain_path().map_err(|why| invalid(why.to_string()))?;
            let executable = file.mode == Mode::Executable;
            let path = self.directory.join(inside);
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let mut written = File::create_new(&path)?;
            written.write_all(&get(&file.id)?.data)?;
            if executable {
                written.set_permissions(fs::Permissions::from_mode(0o755))?;
            }
            let metadata = written.metadata()?;
            entries.push(IndexEntry { path: inside.to_owned(), id: file.id, executable, metadata });
        }
        Ok(entries)
    }
}

/// The files and directories that every repository has; see gitrepository-layout(5).
fn skeleton(git_dir: &Path, branch: &str, config: &str) -> io::Result<()> {
    for directory in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        fs::create_dir_all(git_dir.join(directory))?;
    }
    fs::write(git_dir.join("HEAD"), format!("ref: refs/heads/{branch}\n"))?;
    fs::write(git_dir.join("config"), config)
}

/// One setting as its own section; see git-config(1), SYNTAX.
fn setting(key: &str, value: &str) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let (section, name) = key.rsplit_once('.').unwrap_or((key, ""));
    let section = match section.split_once('.') {
        Some((section, subsection)) => format!("{section} \"{}\"", quoted(subsection)),
        None => section.to_owned(),
    };
    format!("[{section}]\n\t{name} = \"{}\"\n", quoted(value))
}

/// What the index says of one file.
struct IndexEntry {
    path: String,
    id: ObjectId,
    executable: bool,
    metadata: fs::Metadata,
}

/// An index of version 2; see gitformat-index(5).
fn index(mut entries: Vec<IndexEntry>) -> io::Result<Vec<u8>> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let count = u32::try_from(entries.len()).map_err(io::Error::other)?;
    let mut bytes = b"DIRC".to_vec();
    bytes.extend([2_u32, count].into_iter().flat_map(u32::to_be_bytes));
    for IndexEntry { path, id, executable, metadata } in &entries {
        let start = bytes.len();
        let mode = if *executable { 0o100_755 } else { 0o100_644 };
        // The format has 32 bits for each of these; Git, too, keeps only the low ones.
        let low = |wide: u64| u32::try_from(wide & u64::from(u32::MAX)).unwrap_or_default();
        let time = |time: i64| low(time.cast_unsigned());
        let fields = [
            time(metadata.ctime()),
            time(metadata.ctime_nsec()),
            time(metadata.mtime()),
            time(metadata.mtime_nsec()),
            low(metadata.dev()),
            low(metadata.ino()),
            mode,
            metadata.uid(),
            metadata.gid(),
            low(metadata.size()),
        ];
        bytes.extend(fields.into_iter().flat_map(u32::to_be_bytes));
        bytes.extend_from_slice(id.as_bytes());
        let length = u16::try_from(path.len()).unwrap_or(u16::MAX).min(0xFFF);
        bytes.extend(length.to_be_bytes());
        bytes.extend_from_slice(path.as_bytes());
        // One to eight NULs, up to a multiple of eight bytes.
        let padding = 8 - (bytes.len() - start) % 8;
        bytes.extend(std::iter::repeat_n(0, padding));
    }
    let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
    hasher.update(&bytes);
    let checksum = hasher.try_finalize().map_err(|collision| io::Error::other(collision.to_string()))?;
    bytes.extend_from_slice(checksum.as_slice());
    Ok(bytes)
}

#[cfg(test)]
mod tests;
