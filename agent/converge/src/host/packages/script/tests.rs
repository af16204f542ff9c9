use std::collections::{BTreeMap, BTreeSet};

use super::{age, family, stat};

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
