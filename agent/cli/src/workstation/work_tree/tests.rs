//! What is read of a work tree.

use std::os::unix::fs::symlink;

use super::*;

fn named(dir: Option<&Path>) -> WorkTree {
    WorkTree { dir: dir.map(Path::to_owned) }
}

#[test]
fn the_repository_is_found_upwards() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("roles/web/files")).unwrap();
    fs::write(root.path().join("fleet.toml"), "").unwrap();
    let inside = root.path().join("roles/web/files");
    assert_eq!(find(&named(None), &inside).unwrap(), root.path());
    assert_eq!(find(&named(Some(root.path())), Path::new("/")).unwrap(), root.path());
    assert_eq!(find(&named(Some(&inside)), root.path()).unwrap_err().code(), "E_NO_REPOSITORY");
    assert_eq!(find(&named(None), Path::new("/")).unwrap_err().code(), "E_NO_REPOSITORY");
}

#[test]
fn all_is_read_as_a_commit_would_hold_it() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    for folder in [".git/objects", ".trust", ".idea", "roles/web/files/.config", "module/.git"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in [
        ".git/HEAD",
        ".idea/x",
        ".gitignore",
        ".trust/policy.toml",
        "fleet.toml",
        "roles/web/files/.config/a",
        "roles/web/files/run",
        "module/b",
    ] {
        fs::write(at(file), file).unwrap();
    }
    fs::set_permissions(at("roles/web/files/run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/etc/passwd", at("roles/web/link")).unwrap();
    symlink("/", at("everything")).unwrap();

    let entries = entries(root.path(), Hidden::LeftOut).unwrap();
    let seen: Vec<String> = entries
        .iter()
        .map(|(path, entry)| {
            let kind = match entry {
                Entry::File { executable: true, .. } => "executable",
                Entry::File { .. } => "file",
                Entry::Symlink => "symlink",
                Entry::Submodule => "submodule",
            };
            format!("{} {kind}", String::from_utf8_lossy(path))
        })
        .collect();
    assert_eq!(
        seen,
        [
            ".trust/policy.toml file",
            "everything symlink",
            "fleet.toml file",
            "module submodule",
            "roles/web/files/.config/a file",
            "roles/web/files/run executable",
            "roles/web/link symlink",
        ]
    );
}

#[test]
fn a_file_is_read_only_when_it_is_needed() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("fleet.toml"), "").unwrap();
    fs::write(root.path().join("big"), "1234").unwrap();
    let entries = entries(root.path(), Hidden::LeftOut).unwrap();
    fs::remove_file(root.path().join("big")).unwrap();
    let big = &entries[b"big".as_slice()];
    assert!(matches!(big, Entry::File { blob, .. } if blob.size() == 4 && blob.read().is_err()));
}
