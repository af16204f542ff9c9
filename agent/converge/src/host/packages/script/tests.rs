use std::collections::{BTreeMap, BTreeSet};

use super::{age, family, stat, tell};

#[test]
fn a_script_is_told_by_its_path() {
    let of = |path, said| tell(path, said).map(|(package, name)| (package.unwrap_or_default(), name));
    let told = |package: &str, name: &str| Some((package.to_owned(), name.to_owned()));
    assert_eq!(of("/var/lib/dpkg/info/nginx.postinst", ""), told("nginx", "postinst"));
    assert_eq!(of("/var/lib/dpkg/info/libfoo2.1:amd64.prerm", ""), told("libfoo2.1", "prerm"));
    let said =
        "Preparing to unpack .../one_1_all.deb ...\nPreparing to unpack .../1-two_2_all.deb ...\nUnpacking\n";
    let unpacked = "/var/lib/dpkg/tmp.ci/preinst";
    assert_eq!(of(unpacked, "Preparing to unpack /srv/two_2_all.deb ...\n"), told("two", "preinst"));
    assert!(of(unpacked, said).is_some_and(|(package, _)| package.ends_with("two")));
    assert_eq!(of(unpacked, ""), told("", "preinst"));
}

#[test]
fn a_family_is_a_process_and_all_that_came_from_it() {
    let parents = BTreeMap::from([(10, 1), (11, 10), (12, 11), (13, 1), (14, 13)]);
    assert_eq!(family(10, &parents), BTreeSet::from([10, 11, 12]));
}

#[test]
fn this_process_runs_and_has_a_parent() {
    let pid = i32::try_from(std::process::id()).unwrap();
    assert_eq!(stat(pid, 4), Some(i64::from(std::os::unix::process::parent_id())));
    assert!(age(pid).is_some_and(|age| age.as_secs() < 86_400));
    assert_eq!(age(i32::MAX), None);
}
