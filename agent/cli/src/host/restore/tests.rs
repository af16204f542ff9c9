//! Finding what was overwritten, and how it is shown.

use holdfast_converge::plan::step::Owned;
use holdfast_schema::{FileMode, Sha256};

use super::*;

fn entry(path: &str, text: &str) -> Overwritten {
    let access = Owned { uid: 0, gid: 4, mode: FileMode::new(0o640) };
    Overwritten {
        time: "2026-11-21T12:00:00Z".into(),
        revision: "3fa2c1d".into(),
        resource: format!("file:{path}").parse().unwrap(),
        path: path.into(),
        was: Was::File { sha256: Sha256::of(text.as_bytes()), size: text.len() as u64, access },
    }
}

#[test]
fn a_path_means_the_newest_and_a_digest_the_very_one() {
    let all = [entry("/etc/a", "one"), entry("/etc/a", "two"), entry("/etc/b", "three")];
    assert_eq!(find(&all, "/etc/a").unwrap(), &all[1]);
    assert_eq!(find(&all, "7692c3ad").unwrap(), &all[0]);
    assert!(find(&all, "769").is_err() && find(&all, "/etc").is_err());
}

#[test]
fn a_line_says_what_to_ask_for() {
    assert_eq!(line(&entry("/etc/a", "one")), "overwrote /etc/a: kept as 7692c3ad (3 bytes, 0:4 0640)");
}
