use proptest::prelude::*;

use super::*;

fn small() -> Limits {
    Limits {
        objects: 3,
        total_bytes: 100,
        blob_bytes: 50,
        tree_bytes: 40,
        commit_bytes: 30,
        tag_bytes: 20,
        ..Limits::default()
    }
}

fn stream(objects: &[(ObjectKind, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Limits::default()).unwrap();
    for (kind, data) in objects {
        writer.write(*kind, data).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Object>, StreamError> {
    let mut reader = Reader::new(bytes, limits)?;
    let objects = reader.by_ref().collect::<Result<_, _>>()?;
    reader.expect_end()?;
    Ok(objects)
}

#[test]
fn the_layout_is_as_documented() {
    let bytes = stream(&[(ObjectKind::Blob, b"ab"), (ObjectKind::Commit, b"")]);
    assert_eq!(bytes, b"hfobj\0\0\x01\x03\0\0\0\x02ab\x01\0\0\0\0\0\0\0\0\x02");
    assert_eq!(stream(&[]), b"hfobj\0\0\x01\0\0\0\0\0");
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = stream(&[(ObjectKind::Blob, b"some data"), (ObjectKind::Tag, b"x")]);
    for end in 0..bytes.len() {
        let got = read(&bytes[..end], &Limits::default());
        assert!(matches!(got, Err(StreamError::Truncated { .. })), "{end}: {got:?}");
    }
    assert_eq!(read(&bytes, &Limits::default()).unwrap().len(), 2);
}

#[test]
fn what_follows_the_end_is_left_alone_but_can_be_refused() {
    let mut bytes = stream(&[(ObjectKind::Blob, b"x")]);
    bytes.push(b'!');
    assert!(matches!(read(&bytes, &Limits::default()), Err(StreamError::Trailing { at: 19 })));
    let mut reader = Reader::new(&bytes[..], &Limits::default()).unwrap();
    assert_eq!(reader.by_ref().count(), 1);
    assert!(reader.next_object().unwrap().is_none());
    assert_eq!(reader.into_inner(), b"!");
}

#[test]
fn malformed_streams() {
    let limits = Limits::default();
    assert!(matches!(read(b"HTTP/1.1 400 Bad Request\r\n", &limits), Err(StreamError::Magic)));
    assert!(matches!(read(b"hfobj\0\0\x02\0\0\0\0\0", &limits), Err(StreamError::Magic)));
    assert!(matches!(read(b"hfobj\0\0\x01\x05\0\0\0\0", &limits), Err(StreamError::Kind { kind: 5, at: 8 })));
    assert!(matches!(
        read(b"hfobj\0\0\x01\x01\0\0\0\0\0\0\0\0\x02", &limits),
        Err(StreamError::Count { said: 2, found: 1 })
    ));
}

#[test]
fn limits_hold_before_any_byte_is_read() {
    use ObjectKind::{Blob, Commit, Tag, Tree};
    for (kind, limit) in [(Blob, 50), (Tree, 40), (Commit, 30), (Tag, 20)] {
        assert!(read(&stream(&[(kind, &vec![0; limit])]), &small()).is_ok());
        let mut header_only = b"hfobj\0\0\x01".to_vec();
        header_only.push(kind_byte(kind));
        header_only.extend_from_slice(&u32::try_from(limit + 1).unwrap().to_be_bytes());
        let got = read(&header_only, &small()).unwrap_err();
        assert!(matches!(&got, StreamError::Limit(e) if e.limit == limit as u64), "{got}");
        assert_eq!(got.code(), "E_LIMIT");
    }
    let four: [(ObjectKind, &[u8]); 4] = [(Blob, b""); 4];
    let got = read(&stream(&four), &small()).unwrap_err();
    assert_eq!(got.to_string(), "the object stream is too large: objects: 4 is over the limit of 3");
    let total: [(ObjectKind, &[u8]); 3] = [(Blob, &[0; 50]), (Blob, &[1; 50]), (Blob, &[2; 1])];
    let got = read(&stream(&total), &small()).unwrap_err();
    assert_eq!(
        got.to_string(),
        "the object stream is too large: bytes of all objects: 101 is over the limit of 100"
    );
    // The widest length that a header can say costs nothing.
    assert!(matches!(
        read(b"hfobj\0\0\x01\x03\xff\xff\xff\xff", &Limits::default()),
        Err(StreamError::Limit(_))
    ));
}

#[test]
fn a_writer_refuses_what_a_reader_would() {
    let mut writer = Writer::new(Vec::new(), &small()).unwrap();
    assert!(matches!(writer.write(ObjectKind::Blob, &[0; 51]), Err(StreamError::Limit(_))));
    writer.write(ObjectKind::Blob, &[0; 50]).unwrap();
    let bytes = writer.finish().unwrap();
    assert_eq!(read(&bytes, &small()).unwrap().len(), 1, "the refused object left no trace");
}

#[test]
fn a_failing_source_ends_the_iteration() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable cut"))
        }
    }
    let bytes = stream(&[(ObjectKind::Blob, b"x")]);
    let from = bytes[..14].chain(Failing);
    let mut reader = Reader::new(from, &Limits::default()).unwrap();
    assert!(reader.next().unwrap().is_ok());
    assert!(matches!(reader.next(), Some(Err(StreamError::Read(_)))));
    assert!(reader.next().is_none());
}

fn kind() -> impl Strategy<Value = ObjectKind> {
    prop::sample::select(vec![ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag])
}

proptest! {
    #[test]
    fn what_is_written_is_read(objects in prop::collection::vec((kind(), any::<Vec<u8>>()), 0..20)) {
        let written: Vec<_> = objects.iter().map(|(kind, data)| (*kind, &data[..])).collect();
        let got = read(&stream(&written), &Limits::default()).unwrap();
        let want: Vec<_> = objects.into_iter().map(|(kind, data)| Object { kind, data }).collect();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn long_objects_come_in_pieces(length in 0..300_000_usize) {
        let data: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
        let got = read(&stream(&[(ObjectKind::Blob, &data)]), &Limits::default()).unwrap();
        prop_assert_eq!(&got[0].data, &data);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, records: bool) {
        let mut input = if records { MAGIC.to_vec() } else { Vec::new() };
        input.extend_from_slice(&bytes);
        drop(read(&input, &small()));
    }

    #[test]
    fn a_changed_byte_is_seen_or_is_data(at in 0..40_usize, to: u8) {
        let mut bytes = stream(&[(ObjectKind::Blob, b"some data"), (ObjectKind::Tag, b"xyz")]);
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(objects) = read(&bytes, &Limits::default()) {
            prop_assert_eq!(objects.len(), 2);
        }
    }
}
