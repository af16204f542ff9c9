use std::{cell::RefCell, rc::Rc};

use super::*;

fn blob(text: &str) -> Object {
    Object { kind: ObjectKind::Blob, data: text.into() }
}

fn stream(objects: &[Object]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Limits::default()).unwrap();
    for object in objects {
        writer.write(object.kind, &object.data).unwrap();
    }
    writer.finish().unwrap()
}

/// A file that two hands hold.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl ReadAt for Shared {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.borrow().read_at(buffer, offset)
    }
}

impl Write for &Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn both_stores_hold_the_same() {
    let long: String = "x".repeat(200_000);
    let objects =
        [blob("one"), blob(""), blob(&long), Object { kind: ObjectKind::Tree, data: vec![] }, blob("one")];
    let bytes = stream(&objects);
    let memory = MemoryObjects::read(&bytes[..], &Limits::default()).unwrap();
    let opened = IndexedObjects::open(bytes.clone(), &Limits::default()).unwrap();
    let received = IndexedObjects::receive(&bytes[..], Shared::default(), &Limits::default()).unwrap();
    assert_eq!(*received.file.0.borrow(), bytes, "received is byte for byte what was sent");
    assert_eq!((memory.iter().count(), opened.len(), received.len()), (4, 4, 4));
    for object in objects {
        let id = object.id().unwrap();
        assert_eq!(memory.get(&id).unwrap().as_ref(), Some(&object));
        assert_eq!(opened.get(&id).unwrap().as_ref(), Some(&object));
        assert_eq!(received.get(&id).unwrap().as_ref(), Some(&object));
    }
    let absent = blob("absent").id().unwrap();
    assert!(memory.get(&absent).unwrap().is_none());
    assert!(opened.get(&absent).unwrap().is_none());
}

#[test]
fn a_real_file_is_opened_from_its_first_byte_and_must_end_with_the_stream() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&stream(&[blob("one")])).unwrap();
    // The position is at the end now.
    let store = IndexedObjects::open(file.try_clone().unwrap(), &Limits::default()).unwrap();
    assert!(store.get(&blob("one").id().unwrap()).unwrap().is_some());
    file.write_all(b"more").unwrap();
    let got = IndexedObjects::open(file, &Limits::default());
    assert!(matches!(got, Err(StoreError::Stream(StreamError::Trailing { .. }))));
}

#[test]
fn a_file_that_changes_underneath_is_an_error_at_every_byte() {
    let object = blob("twelve bytes");
    let id = object.id().unwrap();
    let file = Shared::default();
    let store = IndexedObjects::receive(&stream(&[object])[..], file.clone(), &Limits::default()).unwrap();
    for at in 13..25 {
        file.0.borrow_mut()[at] ^= 1;
        assert!(matches!(store.get(&id), Err(StoreError::Changed { .. })), "{at}");
        file.0.borrow_mut()[at] ^= 1;
    }
    assert!(store.get(&id).unwrap().is_some());
    file.0.borrow_mut().truncate(20);
    assert!(matches!(store.get(&id), Err(StoreError::Read { .. })));
}

#[test]
fn a_broken_stream_makes_no_store() {
    let bytes = stream(&[blob("one"), blob("two")]);
    for end in 0..bytes.len() {
        assert!(MemoryObjects::read(&bytes[..end], &Limits::default()).is_err());
        assert!(IndexedObjects::open(bytes[..end].to_vec(), &Limits::default()).is_err());
        assert!(IndexedObjects::receive(&bytes[..end], Shared::default(), &Limits::default()).is_err());
    }
}

#[test]
fn a_full_disk_is_a_write_error() {
    struct Full;
    impl ReadAt for Full {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }
    }
    impl Write for &Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let bytes = stream(&[blob(&"x".repeat(100_000))]);
    let got = IndexedObjects::receive(&bytes[..], Full, &Limits::default()).err().unwrap();
    assert!(matches!(got, StoreError::Stream(StreamError::Write(_))), "{got}");
}
