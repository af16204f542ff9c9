use proptest::prelude::*;

use super::*;
use crate::{
    sshsig::Signature,
    testing::{fleet::key, git::Git},
};

const HEADERS: &str = "object ce013625030ba8dba906f756967f9e9ca394464a\ntype commit\ntag ok/main/x\n\
                       tagger A <a@x> 1 +0000\n";

fn text(message: &str) -> String {
    format!("{HEADERS}\n{message}")
}

#[test]
fn a_tag_by_stock_git() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    let commit = git.commit(1_700_000_000, "first");
    for (name, message) in [("ok/main/1", "fine by me"), ("ok/main/2", "with\n\na body\n\nVouch: abc")] {
        git.run_at(1_700_000_100, &["tag", "-s", name, "-m", message, &commit.to_string()]);
        let id = git.run(&["rev-parse", name]).parse().unwrap();
        let object = git.object(ObjectKind::Tag, id);
        let tag = Tag::parse(&object.data).unwrap();
        assert_eq!((tag.target, tag.kind, tag.name), (commit, ObjectKind::Commit, name));
        assert_eq!((tag.tagger.name, tag.tagger.time.seconds()), (&b"alice"[..], 1_700_000_100));
        assert_eq!(tag.message, format!("{message}\n").as_bytes());
        let signature = Signature::parse(tag.signature.unwrap()).unwrap();
        assert_eq!(signature.key, *key("alice").public());
        assert_eq!(signature.verify(&tag.payload), Ok(()));
    }
    git.run(&["tag", "-a", "unsigned", "-m", "x"]);
    let id = git.run(&["rev-parse", "unsigned"]).parse().unwrap();
    assert!(Tag::parse(&git.object(ObjectKind::Tag, id).data).unwrap().signature.is_none());
}

#[test]
fn every_other_form_is_refused() {
    let good = text("m\n");
    assert!(Tag::parse(good.as_bytes()).is_ok());
    for (from, to, want) in [
        ("object ce", "object CE", "line 1 of the tag has a malformed value in the header \"object\""),
        ("object", "Object", "line 1 of the tag should be the header \"object\" but is \"Object\""),
        ("type commit", "type Commit", "line 2 of the tag has a malformed value in the header \"type\""),
        ("type commit\n", "", "line 2 of the tag should be the header \"type\" but is \"tag\""),
        ("tag ok", "tag ok ", "line 3 of the tag has a malformed value in the header \"tag\""),
        ("ok/main/x", "", "line 3 of the tag has a malformed value in the header \"tag\""),
        ("ok/main/x", "ok/main..x", "line 3 of the tag has a malformed value in the header \"tag\""),
        ("ok/main/x", "ok//x", "line 3 of the tag has a malformed value in the header \"tag\""),
        ("ok/main/x", "ok/../x", "line 3 of the tag has a malformed value in the header \"tag\""),
        ("ok/main/x", "ok/main/é", "line 3 of the tag has a malformed value in the header \"tag\""),
        ("+0000", "+00", "line 4 of the tag has a malformed value in the header \"tagger\""),
        ("tagger A <a@x> 1 +0000\n", "", "line 4 of the tag should be the header \"tagger\" but is \"\""),
        (
            "+0000\n",
            "+0000\ngpgsig x\n",
            "line 5 of the tag holds the header \"gpgsig\", which has no place there",
        ),
        (
            "+0000\n",
            "+0000\ntagger A <a@x> 1 +0000\n",
            "line 5 of the tag holds the header \"tagger\", which has no place there",
        ),
        ("m\n", "m\0\n", "line 6 of the tag holds a NUL byte"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert_eq!(Tag::parse(bad.as_bytes()).map_err(|why| why.to_string()), Err(want.to_owned()));
    }
    for end in 0..HEADERS.len() {
        assert!(Tag::parse(&good.as_bytes()[..end]).is_err());
    }
}

/// T12 and what Git itself calls good: text after the signature.
#[test]
fn the_signature_is_the_last_thing_and_the_only_one() {
    let body = text("fine by me\n");
    let armour = key("alice").sign(&Payload::new(body.as_bytes(), b""));
    let verdict = |text: &str| {
        let tag = Tag::parse(text.as_bytes()).unwrap();
        Signature::parse(tag.signature.unwrap_or_default())
            .and_then(|signature| signature.verify(&tag.payload))
            .is_ok()
    };
    assert!(verdict(&format!("{body}{armour}")));
    for bad in [
        body.clone(),
        format!("{body}{armour}trailing"),
        format!("{body}{armour}\n"),
        format!("{body}\n{armour}"),
        format!("{body}{armour}{armour}"),
        format!("{body}{armour}text\n{armour}"),
        format!("{body} {armour}"),
        body.clone() + &armour.replace("\n-----END", "\n\n-----END"),
        body.replace("fine", "bad") + &armour,
        body.replace("ok/main/x", "ok/prod/x") + &armour,
    ] {
        assert!(!verdict(&bad), "{bad}");
    }
    // A BEGIN line within the message is not part of what was signed.
    let confusing = text("-----BEGIN SSH SIGNATURE-----\nfoo\n");
    let armour = key("alice").sign(&Payload::new(confusing.as_bytes(), b""));
    assert!(!verdict(&format!("{confusing}{armour}")));
}

proptest! {
    #[test]
    fn any_message_without_a_begin_line_comes_back(message in "[ -~\n]{0,60}", signed: bool) {
        prop_assume!(!message.contains("-----BEGIN "));
        let mut data = text(&format!("{message}\n"));
        let armour = key("alice").sign(&Payload::new(data.as_bytes(), b""));
        if signed {
            data.push_str(&armour);
        }
        let tag = Tag::parse(data.as_bytes()).unwrap();
        let want = format!("{message}\n");
        prop_assert_eq!(tag.message, want.as_bytes());
        prop_assert_eq!(tag.signature, signed.then_some(armour.as_bytes()));
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        drop(Tag::parse(&bytes));
        drop(Tag::parse(&[HEADERS.as_bytes(), &bytes].concat()));
    }
}
