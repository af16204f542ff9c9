use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Whether a name can only be one part of a path and one part of a branch's name.
fn is_one_part(name: &str) -> bool {
    let path = Path::new("/hosts").join(name);
    path.parent() == Some(Path::new("/hosts"))
        && path.file_name().is_some_and(|last| last == name)
        // See git-check-ref-format(1).
        && !name.starts_with(['.', '-'])
        && !name.ends_with('.')
        && name.strip_suffix(".lock").is_none()
        && !["..", "@{", "//"].iter().any(|bad| name.contains(bad))
        && !name.contains(|c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\/".contains(c))
}

#[test]
fn what_leads_elsewhere_is_no_name() {
    for text in [
        "", ".", "..", "../a", "a/../b", "a/b", "/a", "a..b", "a\0", "a\n", "-a", "a.", "a.lock", "A", "ä",
        "a@{1}",
    ] {
        assert!(text.parse::<HostName>().is_err(), "{text:?}");
        assert!(text.parse::<RoleName>().is_err(), "{text:?}");
        assert!(text.parse::<GroupName>().is_err(), "{text:?}");
    }
}

#[test]
fn a_digest_is_hex_digits_alone() {
    let digest = Sha256::of(b"x").to_string();
    assert_eq!(digest.parse::<Sha256>().unwrap(), Sha256::of(b"x"));
    for bad in ["+f".repeat(32), digest.replace('1', "g"), digest.replace('1', ""), format!("{digest}00")] {
        assert!(bad.parse::<Sha256>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn every_name_is_one_part(text in "[a-c0./\\\\~^:@{ _-]{0,8}|.{0,70}") {
        if let Ok(name) = text.parse::<HostName>() {
            prop_assert!(is_one_part(name.as_str()), "{name}");
        }
    }

    #[test]
    fn every_path_is_absolute_and_normal(text in "/?[a-b./]{0,12}|.{0,300}") {
        if let Ok(path) = text.parse::<AbsolutePath>() {
            let parts: std::path::PathBuf = Path::new(path.as_str()).components().collect();
            prop_assert!(path.as_str().starts_with('/') && parts.to_str() == Some(path.as_str()));
            prop_assert!(!path.as_str().split('/').any(|part| part == ".." || part == "."));
        }
    }
}
