use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("holdfast")).unwrap();
    (directory, store)
}

#[test]
fn a_record_comes_back_as_it_was_saved() {
    let (_directory, store) = store();
    assert_eq!(store.load::<Vec<u32>>("numbers").unwrap(), None);
    store.save("numbers", &vec![1, 2]).unwrap();
    store.save("numbers", &vec![3]).unwrap();
    assert_eq!(store.load::<Vec<u32>>("numbers").unwrap(), Some(vec![3]));
}

#[test]
fn a_sweep_takes_what_was_never_finished_and_nothing_else() {
    let (_directory, store) = store();
    store.save("numbers", &1).unwrap();
    store.append("log", "line", 0).unwrap();
    store.append("log", "line", 0).unwrap();
    store.scratch("numbers.new").unwrap();
    store.sweep().unwrap();
    let mut names: Vec<_> =
        fs::read_dir(store.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["log", "log.old", "numbers"]);
}

#[test]
fn a_damaged_record_is_never_believed() {
    let (_directory, store) = store();
    store.save("numbers", &vec![1, 2, 3]).unwrap();
    let whole = fs::read(store.path("numbers")).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(store.path("numbers"), &flipped).unwrap();
        assert!(store.load::<Vec<u32>>("numbers").is_err(), "byte {at} flipped");
        fs::write(store.path("numbers"), &whole[..at]).unwrap();
        assert!(store.load::<Vec<u32>>("numbers").is_err(), "cut at byte {at}");
    }
}

#[test]
fn a_failed_replacement_leaves_the_old_file() {
    let (_directory, store) = store();
    store.replace("file", |file| file.write_all(b"old")).unwrap();
    let failed = store.replace("file", |file| {
        file.write_all(b"ne")?;
        Err(io::ErrorKind::StorageFull.into())
    });
    assert_eq!(failed.unwrap_err().code(), "E_DISK_FULL");
    assert_eq!(fs::read(store.path("file")).unwrap(), b"old");
}

#[test]
fn a_log_is_bounded_by_twice_its_limit() {
    let (_directory, store) = store();
    for n in 0..1000 {
        store.append("log", &format!("line {n}"), 1000).unwrap();
    }
    let length = |name| fs::metadata(store.path(name)).unwrap().len();
    assert!(length("log") <= 1010 && length("log.old") <= 1010);
    assert!(fs::read_to_string(store.path("log")).unwrap().ends_with("line 999\n"));
}

#[test]
fn nobody_else_may_read_the_directory_or_its_records() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, store) = store();
    store.save("numbers", &1).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(store.path("numbers")), 0o600);
    assert_eq!(mode(store.path("")), 0o700);
}
