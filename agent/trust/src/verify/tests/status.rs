//! Commits by one certain key, such as hosts' status.

use super::*;

#[test]
fn only_the_one_key_counts() {
    let mut fleet = Fleet::default();
    let mut commit = |signer| {
        let id = fleet.commit(&[], signer, &alice());
        fleet.objects.get(&id).unwrap().unwrap()
    };
    let good = commit(Some("web-1"));
    let host = *key("web-1").public();
    let read = signed_by(&good, &host).unwrap();
    assert_eq!(read, Commit::parse(&good.data).unwrap());
    let code = |object: &Object| signed_by(object, &host).unwrap_err().code();
    assert_eq!(code(&commit(Some("web-2"))), "E_KEY_UNKNOWN");
    assert_eq!(code(&commit(None)), "E_UNSIGNED");
    assert_eq!(code(&Object { kind: ObjectKind::Tag, ..good.clone() }), "E_COMMIT_GRAMMAR");
    for at in 0..good.data.len() {
        let mut changed = good.clone();
        changed.data[at] ^= 1;
        assert!(signed_by(&changed, &host).is_err(), "{at}");
    }
}
