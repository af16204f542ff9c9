use holdfast_trust::ObjectId;

use super::{Listing, Query};

fn id(byte: u8) -> ObjectId {
    ObjectId::from_bytes([byte; 20])
}

#[test]
fn only_what_was_asked_for_is_taken() {
    let query = Query { reference: "refs/heads/main", tags: true };
    let mut listing = Listing::default();
    for (name, target) in [
        ("refs/heads/main", None),
        ("refs/heads/main2", None),
        ("refs/tags/ok/main/bob", Some(id(9))),
        ("refs/tags/ok/main/lightweight", None),
        ("refs/tags/ok/main2/bob", Some(id(9))),
        ("refs/tags/ok/prod/bob", Some(id(9))),
        ("refs/tags/reset/4/bob", Some(id(8))),
        ("refs/tags/stop/main/why", Some(id(7))),
        ("refs/tags/stop/prod/why", Some(id(7))),
        ("refs/tags/go/main/why", Some(id(7))),
        ("refs/tags/beat/main", Some(id(7))),
        ("refs/tags/v1", Some(id(9))),
    ] {
        listing.take(&query, name, id(1), target);
    }
    assert_eq!(listing.tip, Some(id(1)));
    let names: Vec<_> = listing.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "refs/tags/ok/main/bob",
            "refs/tags/reset/4/bob",
            "refs/tags/stop/main/why",
            "refs/tags/go/main/why",
            "refs/tags/beat/main"
        ]
    );
    assert_eq!(listing.resets(), [id(8)]);
}

#[test]
fn a_branch_alone_is_one_prefix() {
    let query = Query { reference: "refs/heads/main", tags: false };
    assert_eq!(query.prefixes(), ["refs/heads/main"]);
    let query = Query { tags: true, ..query };
    assert_eq!(
        query.prefixes(),
        [
            "refs/heads/main",
            "refs/tags/ok/main/",
            "refs/tags/stop/main/",
            "refs/tags/go/main/",
            "refs/tags/beat/main",
            "refs/tags/reset/"
        ]
    );
}

#[test]
fn the_digest_is_of_names_and_ids_in_any_order() {
    let query = Query { reference: "refs/heads/main", tags: true };
    let digest = |tags: &[(&str, u8)]| {
        let mut listing = Listing::default();
        for (name, byte) in tags {
            listing.take(&query, &format!("refs/tags/ok/main/{name}"), id(*byte), Some(id(7)));
        }
        listing.tags_digest().unwrap()
    };
    assert_eq!(digest(&[("a", 1), ("b", 2)]), digest(&[("b", 2), ("a", 1)]));
    assert_ne!(digest(&[("a", 1)]), digest(&[("a", 2)]));
    assert_ne!(digest(&[("a", 1)]), digest(&[("b", 1)]));
    assert_ne!(digest(&[]), digest(&[("a", 1)]));
}
