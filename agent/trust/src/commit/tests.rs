use proptest::prelude::*;

use super::*;
use crate::{
    Objects as _,
    headers::HeaderProblem,
    testing::fleet::{Fleet, State, key},
};

const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const PARENT: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
const WHO: &str = "A <a@x> 1 +0000";

/// A commit from its header lines and its message.
fn commit(headers: &[&str], message: &str) -> String {
    format!("{}\n\n{message}", headers.join("\n"))
}

#[test]
fn a_whole_commit() {
    let [tree, parent, author, committer] = [
        format!("tree {TREE}"),
        format!("parent {PARENT}"),
        format!("author {WHO}"),
        format!("committer {WHO}"),
    ];
    let text = commit(
        &[&tree, &parent, &parent, &author, &committer, "encoding ISO-8859-1", "gpgsig one", "  two", " "],
        "subject\n\nbody\n",
    );
    let got = Commit::parse(text.as_bytes()).unwrap();
    assert_eq!(got.tree.to_string(), TREE);
    assert_eq!(got.parents.iter().map(ToString::to_string).collect::<Vec<_>>(), [PARENT, PARENT]);
    assert_eq!(got.author.name, b"A");
    assert_eq!(got.encoding, Some("ISO-8859-1"));
    assert_eq!(got.signature.unwrap(), b"one\n two\n\n");
    assert_eq!(got.message, b"subject\n\nbody\n");
    let unsigned = text.replace("gpgsig one\n  two\n \n", "");
    assert_eq!(got.payload.parts().concat(), unsigned.as_bytes());
    let unsigned = Commit::parse(unsigned.as_bytes()).unwrap();
    assert_eq!(unsigned.signature, None);
    assert_eq!(unsigned.payload.digest(), got.payload.digest());
}

#[test]
fn the_smallest_commit() {
    let text = commit(&[&format!("tree {TREE}"), &format!("author {WHO}"), &format!("committer {WHO}")], "");
    let got = Commit::parse(text.as_bytes()).unwrap();
    assert!(got.parents.is_empty() && got.message.is_empty());
}

/// Each line of headers is one that the grammar does not have; what Git says of it is beside the point.
#[test]
#[expect(clippy::too_many_lines, reason = "one long table")]
fn every_other_form_is_refused() {
    let (tree, parent, author, committer) = (
        &*format!("tree {TREE}"),
        &*format!("parent {PARENT}"),
        &*format!("author {WHO}"),
        &*format!("committer {WHO}"),
    );
    let sig = "gpgsig x\n y";
    let cases: &[(&[&str], &str)] = &[
        (&[], "line 1 of the commit should be the header \"tree\" but is \"\""),
        (&[author, committer], "line 1 of the commit should be the header \"tree\" but is \"author\""),
        (
            &[tree, tree, author, committer],
            "line 2 of the commit should be the header \"author\" but is \"tree\"",
        ),
        (
            &[parent, tree, author, committer],
            "line 1 of the commit should be the header \"tree\" but is \"parent\"",
        ),
        (
            &[tree, author, parent, committer],
            "line 3 of the commit should be the header \"committer\" but is \"parent\"",
        ),
        (
            &[tree, author, committer, parent],
            "line 4 of the commit holds the header \"parent\", which has no place there",
        ),
        (&[tree, author], "line 3 of the commit should be the header \"committer\" but is \"\""),
        (
            &[tree, committer, author],
            "line 2 of the commit should be the header \"author\" but is \"committer\"",
        ),
        (
            &[tree, author, author, committer],
            "line 3 of the commit should be the header \"committer\" but is \"author\"",
        ),
        (
            &[tree, author, committer, committer],
            "line 4 of the commit holds the header \"committer\", which has no place there",
        ),
        (
            &[tree, sig, author, committer],
            "line 2 of the commit should be the header \"author\" but is \"gpgsig\"",
        ),
        (
            &[tree, author, committer, sig, sig],
            "line 6 of the commit holds the header \"gpgsig\", which has no place there",
        ),
        (
            &[tree, author, committer, sig, "encoding UTF-8"],
            "line 6 of the commit holds the header \"encoding\", which has no place there",
        ),
        (
            &[tree, author, committer, "encoding A", "encoding B"],
            "line 5 of the commit holds the header \"encoding\", which has no place there",
        ),
        (
            &[tree, author, committer, "encoding"],
            "line 4 of the commit holds the header \"encoding\", which has no place there",
        ),
        (
            &[tree, author, committer, "encoding "],
            "line 4 of the commit has a malformed value in the header \"encoding\"",
        ),
        (
            &[tree, author, committer, "encoding a b"],
            "line 4 of the commit has a malformed value in the header \"encoding\"",
        ),
        (
            &[tree, author, committer, "gpgsig-sha256 x", sig],
            "line 4 of the commit holds the header \"gpgsig-sha256\", which has no place there",
        ),
        (
            &[tree, author, committer, "gpgsig-foo x", sig],
            "line 4 of the commit holds the header \"gpgsig-foo\", which has no place there",
        ),
        (
            &[tree, author, committer, "mergetag object x", sig],
            "line 4 of the commit holds the header \"mergetag\", which has no place there",
        ),
        (
            &[tree, author, committer, sig, "HG:extra x"],
            "line 6 of the commit holds the header \"HG:extra\", which has no place there",
        ),
        (
            &[tree, author, committer, " continued"],
            "line 4 of the commit holds the header \"\", which has no place there",
        ),
        (
            &[&tree.to_uppercase(), author, committer],
            "line 1 of the commit should be the header \"tree\" but is \"TREE\"",
        ),
        (
            &[&format!("{tree} "), author, committer],
            "line 1 of the commit has a malformed value in the header \"tree\"",
        ),
        (
            &[&format!("{tree}\r"), author, committer],
            "line 1 of the commit has a malformed value in the header \"tree\"",
        ),
        (
            &[&tree.replace("tree ", "tree  "), author, committer],
            "line 1 of the commit has a malformed value in the header \"tree\"",
        ),
        (
            &[&tree.replace('4', "A"), author, committer],
            "line 1 of the commit has a malformed value in the header \"tree\"",
        ),
        (
            &[tree, &parent.replace('c', "C"), author, committer],
            "line 2 of the commit has a malformed value in the header \"parent\"",
        ),
        (
            &[tree, "author A", committer],
            "line 2 of the commit has a malformed value in the header \"author\"",
        ),
        (
            &[tree, author, "committer A <a@x> 1"],
            "line 3 of the commit has a malformed value in the header \"committer\"",
        ),
    ];
    for (headers, want) in cases {
        let text = commit(headers, "m\n");
        let got = Commit::parse(text.as_bytes());
        assert_eq!(got.as_ref().map_err(ToString::to_string), Err((*want).to_owned()), "{text}");
    }
}

#[test]
fn a_commit_cannot_end_within_its_headers() {
    let text = commit(
        &[&format!("tree {TREE}"), &format!("author {WHO}"), &format!("committer {WHO}"), "gpgsig x", " y"],
        "",
    );
    for end in 0..text.len() {
        assert!(Commit::parse(&text.as_bytes()[..end]).is_err(), "{end}");
    }
    assert!(Commit::parse(text.as_bytes()).is_ok());
}

#[test]
fn nul_is_refused_wherever_it_is() {
    let text =
        commit(&[&format!("tree {TREE}"), &format!("author {WHO}"), &format!("committer {WHO}")], "ab\n");
    for at in 0..=text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes.insert(at, 0);
        assert!(
            matches!(
                Commit::parse(&bytes),
                Err(CommitError(HeaderError { problem: HeaderProblem::Nul, .. }))
            ),
            "{at}"
        );
    }
    let got = Commit::parse(&[text.as_bytes(), b"\0"].concat()).unwrap_err();
    assert_eq!(got.to_string(), "line 6 of the commit holds a NUL byte");
}

/// A host's status, of which one key is known.
#[test]
fn one_certain_key_signed_it_or_not() {
    let mut fleet = Fleet::default();
    let mut commit = |signer| {
        let id = fleet.commit(&[], signer, &State::of(&["alice"]));
        fleet.objects.get(&id).unwrap().unwrap().data
    };
    let host = key("web-1");
    let is_good = |data: &[u8]| Commit::parse(data).is_ok_and(|commit| commit.is_signed_by(host.public()));
    let good = commit(Some("web-1"));
    assert!(is_good(&good));
    assert!(!is_good(&commit(Some("web-2"))));
    assert!(!is_good(&commit(None)));
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(!is_good(&changed), "{at}");
    }
}

#[test]
fn parents_of_a_malformed_commit() {
    let malformed = format!("tree {TREE}\nparent {PARENT}\nparent {TREE}\nmergetag x\n");
    assert_eq!(parents(malformed.as_bytes()).len(), 2);
    assert!(parents(format!("tree {TREE}\ntree {TREE}\nparent {PARENT}\n").as_bytes()).is_empty());
    assert!(parents(b"").is_empty());
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("tree {TREE}")),
        Just(format!("parent {PARENT}")),
        Just(format!("author {WHO}")),
        Just(format!("committer {WHO}")),
        Just("encoding UTF-8".to_owned()),
        Just("gpgsig x".to_owned()),
        Just(" y".to_owned()),
        Just(String::new()),
        "[ -~]{0,12}",
    ]
}

proptest! {
    /// Whatever is accepted is exactly its parts, in order, and nothing more.
    #[test]
    fn what_parses_is_nothing_but_its_parts(lines in prop::collection::vec(line(), 0..9)) {
        let text = lines.join("\n");
        if let Ok(commit) = Commit::parse(text.as_bytes()) {
            let mut again = format!("tree {}\n", commit.tree).into_bytes();
            for parent in &commit.parents {
                again.extend_from_slice(format!("parent {parent}\n").as_bytes());
            }
            again.extend_from_slice(b"author ");
            commit.author.print(&mut again);
            again.extend_from_slice(b"\ncommitter ");
            commit.committer.print(&mut again);
            again.push(b'\n');
            if let Some(encoding) = commit.encoding {
                again.extend_from_slice(format!("encoding {encoding}\n").as_bytes());
            }
            let payload = [&again[..], b"\n", commit.message].concat();
            if let Some(signature) = &commit.signature {
                let folded = String::from_utf8_lossy(signature).trim_end_matches('\n').replace('\n', "\n ");
                again.extend_from_slice(format!("gpgsig {folded}\n").as_bytes());
            }
            again.push(b'\n');
            again.extend_from_slice(commit.message);
            // A signature may end in empty lines, which `trim_end_matches` took.
            if !text.contains("\n \n") {
                prop_assert_eq!(String::from_utf8(again).unwrap(), text.clone());
            }
            prop_assert_eq!(commit.payload.parts().concat(), payload);
        }
    }

    /// The generator above must often make good commits, or it proves nothing.
    #[test]
    fn good_commits_parse(parents in 0..4_usize, signed: bool, message in "[ -~\n]{0,40}") {
        let mut lines = vec![format!("tree {TREE}")];
        lines.extend(std::iter::repeat_n(format!("parent {PARENT}"), parents));
        lines.extend([format!("author {WHO}"), format!("committer {WHO}")]);
        if signed {
            lines.push("gpgsig a\n b".to_owned());
        }
        let text = format!("{}\n\n{message}", lines.join("\n"));
        let commit = Commit::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(commit.parents.len(), parents);
        prop_assert_eq!(super::parents(text.as_bytes()), commit.parents);
        prop_assert_eq!(commit.message, message.as_bytes());
        prop_assert_eq!(commit.signature.is_some(), signed);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        drop(Commit::parse(&bytes));
        drop(super::parents(&bytes));
    }
}
