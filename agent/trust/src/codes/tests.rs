#![expect(clippy::disallowed_methods, reason = "reads this crate's own source")]

use std::{collections::BTreeSet, fs, path::Path};

use super::*;

/// Every `"E_…"` in the source but for tests and the table itself.
fn in_source(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" && name != "testing" {
            in_source(&path, codes);
        } else if path.is_file() && !["tests.rs", "codes.rs"].contains(&name) {
            let text = fs::read_to_string(&path).unwrap();
            let literals = text.split('"').filter(|text| text.starts_with("E_"));
            codes.extend(literals.map(str::to_owned));
        }
    }
}

#[test]
fn the_table_has_every_code_and_no_other() {
    let mut codes = BTreeSet::new();
    in_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut codes);
    let table: Vec<_> = CODES.iter().map(|(code, ..)| (*code).to_owned()).collect();
    assert_eq!(table, codes.into_iter().collect::<Vec<_>>(), "sorted, each once");
}

#[test]
fn every_code_is_explained() {
    for (code, meaning, mends) in CODES {
        assert!(meaning.ends_with('.') && mends.ends_with('.'), "{code}");
        assert_eq!(remedy(code), *mends);
    }
    assert_eq!(remedy("E_NO_SUCH"), "");
}
