use std::io::{self, Read};

use super::Counted;
use crate::{limits, reason::Reason};

/// Reads a pack that says that it has so many objects, a few bytes at a time.
fn read(objects: u32, piece: usize) -> (io::Result<usize>, Reason) {
    let reason = Reason::default();
    let pack = [&b"PACK\0\0\0\x02"[..], &objects.to_be_bytes(), b"rest"].concat();
    let mut counted = Counted { inner: &*pack, seen: Vec::new(), reason: &reason };
    let mut read = 0;
    loop {
        match counted.read(&mut vec![0; piece]) {
            Ok(0) => return (Ok(read), reason),
            Ok(more) => read += more,
            Err(error) => return (Err(error), reason),
        }
    }
}

#[test]
fn a_pack_of_too_many_objects_is_not_read_beyond_its_head() {
    for piece in [1, 5, 11, 12, 100] {
        assert_eq!(read(limits::PACK_OBJECTS, piece).0.unwrap(), 16);
        let (result, reason) = read(limits::PACK_OBJECTS + 1, piece);
        let fault = reason.of(&result.unwrap_err());
        assert_eq!(fault.code(), "E_LIMIT");
        assert_eq!(fault.to_string(), "the server sends 1000001 objects, and a host takes 1000000 at most");
    }
}
