use proptest::prelude::*;

use super::*;
use crate::testing::git::Git;

const ID: [u8; 20] = [0xab; 20];

/// A tree of entries as they are given, in no order but theirs.
fn raw(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    for (mode, name) in entries {
        data.extend_from_slice(mode.as_bytes());
        data.push(b' ');
        data.extend_from_slice(name);
        data.push(0);
        data.extend_from_slice(&ID);
    }
    data
}

fn error(entries: &[(&str, &[u8])]) -> String {
    parse(&raw(entries)).unwrap_err().to_string()
}

#[test]
fn a_tree_by_stock_git_parses() {
    let git = Git::new();
    for path in ["a", "a.b", "a0", "b/c/d", "b-", "b0", "näme"] {
        git.write(path, path);
    }
    git.run(&["add", "-A"]);
    git.run(&["update-index", "--chmod=+x", "a0"]);
    let id = git.run(&["write-tree"]).parse().unwrap();
    let object = git.object(ObjectKind::Tree, id);
    let entries = parse(&object.data).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| String::from_utf8_lossy(entry.name)).collect();
    // `b` is a directory and stands where `b/` would.
    assert_eq!(names, ["a", "a.b", "a0", "b-", "b", "b0", "näme"]);
    assert_eq!(entries[2].mode, Mode::Executable);
    assert_eq!(entries[4].mode, Mode::Directory);
    let mut shuffled: Vec<_> = entries.iter().rev().copied().collect();
    assert_eq!(make(&mut shuffled).unwrap(), object, "we write what Git writes");
    assert_eq!(find(&entries, "b", Mode::Directory), Some(entries[4].id));
    assert_eq!(find(&entries, "b", Mode::File), None);
}

#[test]
fn all_five_modes_and_no_other() {
    let good = [
        ("100644", Mode::File),
        ("100755", Mode::Executable),
        ("120000", Mode::Symlink),
        ("40000", Mode::Directory),
        ("160000", Mode::Submodule),
    ];
    for (text, mode) in good {
        assert_eq!(parse(&raw(&[(text, b"x")])).unwrap()[0].mode, mode);
    }
    for bad in ["040000", "100664", "100600", "0100644", "644", "100645", "", "+100644", "10064४"] {
        assert_eq!(error(&[(bad, b"x")]), format!("\"x\" has the mode {bad:?}, which Git does not write"));
    }
}

#[test]
fn dangerous_names() {
    for bad in [&b""[..], b".", b"..", b".git", b".GIT", b".Git", b"a/b", b"/", &[b'x'; 256]] {
        assert!(matches!(parse(&raw(&[("100644", bad)])), Err(TreeError::Name { .. })), "{bad:?}");
    }
    for fine in [&b".gitignore"[..], b"...", b".git ", b"\xff", b"a\nb", &[b'x'; 255]] {
        assert!(parse(&raw(&[("100644", fine)])).is_ok(), "{fine:?}");
    }
}

#[test]
fn order_and_duplicates() {
    let file = |name: &'static str| ("100644", name.as_bytes());
    assert_eq!(error(&[file("b"), file("a")]), "the name \"a\" is out of order");
    assert_eq!(error(&[file("a"), file("a")]), "the name \"a\" comes twice");
    assert_eq!(error(&[file("a"), ("40000", &b"a"[..])]), "the name \"a\" comes twice");
    assert_eq!(error(&[file("a"), file("a.b"), ("40000", &b"a"[..])]), "the name \"a\" comes twice");
    assert_eq!(error(&[("40000", &b"a"[..]), file("a.b")]), "the name \"a.b\" is out of order");
    assert!(parse(&raw(&[file("a.b"), ("40000", &b"a"[..]), file("a0")])).is_ok());
}

#[test]
fn every_truncation_is_an_error() {
    let data = raw(&[("100644", b"a"), ("40000", b"b")]);
    let whole = raw(&[("100644", b"a")]).len();
    for end in 1..data.len() {
        assert_eq!(parse(&data[..end]).is_ok(), end == whole, "{end}");
    }
    assert_eq!(
        parse(&data[..whole + 3]).unwrap_err().to_string(),
        format!("the directory listing is damaged at byte {whole}")
    );
}

proptest! {
    #[test]
    fn what_is_made_parses(names in prop::collection::hash_set("[a-z.0-9-]{1,4}", 0..30), modes: Vec<u8>) {
        let mode = |index: usize| Mode::ALL[usize::from(modes.get(index).copied().unwrap_or(0)) % 5];
        let mut entries: Vec<_> = names
            .iter()
            .filter(|name| !matches!(name.as_str(), "." | ".." | ".git"))
            .enumerate()
            .map(|(index, name)| Entry { mode: mode(index), name: name.as_bytes(), id: ObjectId::from_bytes(ID) })
            .collect();
        let object = make(&mut entries).unwrap();
        prop_assert_eq!(parse(&object.data).unwrap(), entries);
    }

    /// What is accepted is what we would write of it.
    #[test]
    fn what_parses_is_canonical(pieces in prop::collection::vec(
        (prop::sample::select(vec!["100644", "40000", "120000", "040000"]), "[a-c.]{0,2}"), 0..4)) {
        let pieces: Vec<_> = pieces.iter().map(|(mode, name)| (*mode, name.as_bytes())).collect();
        let data = raw(&pieces);
        if let Ok(mut entries) = parse(&data) {
            prop_assert_eq!(make(&mut entries).unwrap().data, data);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        drop(parse(&bytes));
    }
}
