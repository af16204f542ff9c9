use super::*;

#[test]
fn the_second_is_told_who_has_it_and_gets_it_when_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let first = Lock::take(&path).unwrap();
    let LockError::Held { holder } = Lock::take(&path).unwrap_err() else { panic!("taken twice") };
    assert_eq!(holder, Some(std::process::id()));
    drop(first);
    Lock::take(&path).unwrap();
}
