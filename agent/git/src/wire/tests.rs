use proptest::prelude::*;

use super::{Advertisement, Packet, Query, Report, list_request, read_list, read_packet, write_packet};

const MAIN: Query<'static> = Query { reference: "refs/heads/main", tags: false };

const ID: &str = "1234567890123456789012345678901234567890";

fn packets(lines: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        write_packet(&mut bytes, line);
    }
    bytes.extend_from_slice(b"0000");
    bytes
}

#[test]
fn packets_end_where_their_length_says() {
    let mut bytes: &[u8] = b"0006ab0004000000010002";
    let mut read = || read_packet(&mut bytes).unwrap();
    assert_eq!(read(), Some(Packet::Data(b"ab".to_vec())));
    assert_eq!(read(), Some(Packet::Data(Vec::new())));
    assert_eq!(read(), Some(Packet::Flush));
    assert_eq!(read(), Some(Packet::Delimiter));
    assert_eq!(read(), Some(Packet::ResponseEnd));
    assert_eq!(read(), None);
    for broken in [&b"0003"[..], b"000", b"0006a", b"zzzz", b"+005a", b"fff5", b"\xff\xff\xff\xff"] {
        assert!(read_packet(broken).is_err(), "{broken:?}");
    }
}

#[test]
fn a_list_is_asked_for_in_one_message() {
    let request = String::from_utf8(list_request(&MAIN, "git/x")).unwrap();
    assert_eq!(request, "0014command=ls-refs\n0010agent=git/x\n0001001fref-prefix refs/heads/main\n0000");
}

#[test]
fn tags_are_listed_with_what_they_tag() {
    let query = Query { tags: true, ..MAIN };
    let request = String::from_utf8(list_request(&query, "git/x")).unwrap();
    assert_eq!(
        request,
        "0014command=ls-refs\n0010agent=git/x\n00010009peel\n001fref-prefix refs/heads/main\n\
         0022ref-prefix refs/tags/ok/main/\n0024ref-prefix refs/tags/stop/main/\n0022ref-prefix refs/tags/go/main/\n0023ref-prefix refs/tags/beat/main\n0020ref-prefix refs/tags/reset/\n0000"
    );
    let target = "2".repeat(40);
    let lines = [
        format!("{ID} refs/heads/main\n"),
        format!("{ID} refs/tags/ok/main/a peeled:{target}\n"),
        format!("{ID} refs/tags/ok/main/lightweight\n"),
    ];
    let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
    let listing = read_list(&*packets(&lines), &query).unwrap();
    assert_eq!(listing.tip.unwrap().to_string(), ID);
    assert_eq!(listing.tags.len(), 1);
    assert_eq!(listing.tags[0].target.to_string(), target);
    let bad = format!("{ID} refs/tags/ok/main/a peeled:{}\n", "z".repeat(40));
    assert!(read_list(&*packets(&[bad.as_bytes()]), &query).is_err());
}

#[test]
fn only_the_branch_itself_is_found() {
    let line = |name: &str| format!("{ID} {name}\n").into_bytes();
    let find = |lines: &[&[u8]]| {
        read_list(&*packets(lines), &MAIN).map(|listing| listing.tip.map(|id| id.to_string()))
    };
    assert_eq!(find(&[]).unwrap(), None);
    assert_eq!(find(&[&line("refs/heads/main2"), &line("refs/heads/main/x")]).unwrap(), None);
    let attributes = line("refs/heads/main symref-target:refs/heads/x");
    assert_eq!(find(&[&line("refs/heads/main2"), &attributes]).unwrap(), Some(ID.to_owned()));
    assert!(find(&[b"ERR no\n"]).is_err());
    assert!(find(&[b"unborn HEAD\n"]).is_err());
    assert!(read_list(&b""[..], &MAIN).is_err());
    assert!(read_list(&b"0001"[..], &MAIN).is_err());
}

#[test]
fn an_advertisement_tells_what_the_server_can_do() {
    let first = format!("{ID} refs/heads/main\0report-status side-band-64k agent=git/2");
    let bytes = packets(&[b"version 1\n", first.as_bytes(), b"another line"]);
    let server = Advertisement::read(&*bytes).unwrap();
    assert!(server.can("report-status") && server.can("side-band-64k") && !server.can("side-band"));
    for broken in
        [packets(&[]), packets(&[b"ERR no such thing"]), packets(&[b"no capabilities"]), b"0001".to_vec()]
    {
        assert!(Advertisement::read(&*broken).is_err(), "{broken:?}");
    }
}

fn report(inner: &[&[u8]], said: &[u8]) -> Result<(), String> {
    let inner = [&[1], &*packets(inner)].concat();
    let report =
        Report::read(&*packets(&[&[&[2], said].concat(), &inner])).map_err(|error| error.to_string())?;
    report.verdict("refs/heads/a")
}

#[test]
fn a_push_has_succeeded_only_if_the_branch_is_said_to_have_moved() {
    assert_eq!(report(&[b"unpack ok\n", b"ok refs/heads/a\n"], b""), Ok(()));
    let refused = |inner: &[&[u8]], said: &[u8]| report(inner, said).unwrap_err();
    assert_eq!(refused(&[b"unpack ok\n", b"ng refs/heads/a hook declined\n"], b""), "hook declined");
    assert_eq!(refused(&[b"unpack ok\n", b"ng refs/heads/a\n"], b""), "no reason given");
    assert_eq!(refused(&[b"unpack ok\n", b"ok refs/heads/b\n"], b""), "it says nothing about the branch");
    assert_eq!(refused(&[b"unpack disk full\n", b"ok refs/heads/a\n"], b""), "disk full");
    assert_eq!(refused(&[b"ok refs/heads/a\n"], b""), "it does not say that it took the objects");
    assert_eq!(refused(&[], b""), "it does not say that it took the objects");
    let said = b"\x1b[31mno,\x1b[0m\r\nnever\x07\n";
    assert_eq!(refused(&[b"unpack ok\n", b"ng refs/heads/a no\n"], said), "no (server: no, / never)");
    assert!(refused(&[b"what is this\n"], b"").contains("does not speak Git's protocol"));
    assert!(Report::read(&b"0009\x04hallo"[..]).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, lines: Vec<Vec<u8>>) {
        let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
        for bytes in [bytes, packets(&lines), packets(&[&[&[1], &*packets(&lines)].concat()])] {
            drop(read_list(&*bytes, &MAIN));
            drop(Advertisement::read(&*bytes));
            drop(Report::read(&*bytes));
        }
    }
}
