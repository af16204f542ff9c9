//! What a commit's own `.trust/` must be.

use super::*;
use crate::tree::{Entry, Mode};

/// a(alice) ── b(alice, with this state), and what a host says of b.
fn second(state: &State) -> (bool, Option<&'static str>, String) {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), state);
    let got = fleet.verify((a, "alice"), None, b, None);
    let (verified, code) = outcome(&got);
    (verified == Some(b), code, got.refused.map_or(String::new(), |refusal| refusal.reason.to_string()))
}

/// T10: both files are judged at every step, whole, whoever signed them.
#[test]
fn a_malformed_file_refuses_the_commit() {
    let cases = [
        (State { policy: String::new(), ..alice() }, ".trust/policy.toml:1:1: missing field `format`"),
        (
            State { policy: policy() + "role = 1\n", ..alice() },
            ".trust/policy.toml:4:8: invalid type: integer",
        ),
        (State { policy: policy() + "leevl = 1\n", ..alice() }, ".trust/policy.toml:4:1: unknown field"),
        (State { signers: String::new(), ..alice() }, ".trust/allowed_signers:1:1: the file lists no key"),
        (
            State { signers: line("alice") + "bob\n", ..alice() },
            ".trust/allowed_signers:2:4: a line is written",
        ),
        (
            State { signers: line("alice") + &line("alice").replace("alice", "bob"), ..alice() },
            ".trust/allowed_signers:2:22: this key is listed",
        ),
    ];
    for (state, want) in cases {
        let (verified, code, reason) = second(&state);
        assert_eq!((verified, code), (false, Some("E_POLICY")), "{reason}");
        assert!(reason.starts_with(want), "{reason}");
    }
}

#[test]
fn another_fleet() {
    // T: a commit cannot take a host to another fleet.
    let other = policy().replace("07", "08");
    assert_eq!(second(&State { policy: other.clone(), ..alice() }).1, Some("E_FLEET"));
    // Nor is a host that was introduced to one fleet content with a whole repository of another.
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &State { policy: other, ..alice() });
    assert_eq!(see(&fleet, a, a), (None, Some("E_FLEET")));
    // Nor does what it kept of one fleet count in another.
    let a = fleet.commit(&[], Some("alice"), &alice());
    let kept = Ratchet { fleet: FleetId::from_bytes([8; 16]), ..ratchet(&fleet, a, a) };
    assert_eq!(see_after(&fleet, a, &kept, a), (None, Some("E_FLEET")));
}

/// T11, the part that needs no intent: a branch can only be deployed as itself.
#[test]
fn another_branch() {
    let production = State { policy: policy().replace("main", "production"), ..alice() };
    assert_eq!(second(&production).1, Some("E_REF"));
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &production);
    assert_eq!(see(&fleet, a, a), (None, Some("E_REF")));
}

#[test]
fn moving_to_another_branch() {
    // a(main) ── b(production)
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(
        &[a],
        Some("alice"),
        &State { policy: policy().replace("main", "production"), ..alice() },
    );
    let kept = ratchet(&fleet, a, a);
    let introduction = Introduction { fleet: fleet_id(), commit: a, key: key("alice").fingerprint() };
    let see = |tip, reference| {
        let limits = &Limits::default();
        let request = Request { reference, ratchet: Some(&kept), ..request(tip, &introduction, limits) };
        outcome(&verify(&fleet.objects, &request))
    };
    assert_eq!(see(b, MAIN), (Some(a), Some("E_REF")), "hosts that stay on main keep what they have");
    assert_eq!(see(b, "refs/heads/production"), (Some(b), None), "hosts that are set to production go on");
    assert_eq!(
        see(a, "refs/heads/production"),
        (Some(a), Some("E_REF")),
        "and say so as long as nothing is there"
    );
}

/// Makes a commit whose root and `.trust/` are as the caller wants.
fn with_tree(
    make: impl FnOnce(&mut Fleet, &mut Vec<Entry<'static>>, &mut Vec<Entry<'static>>),
) -> (bool, Option<&'static str>, String) {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let policy = fleet.blob(&policy());
    let signers = fleet.blob(&line("alice"));
    let mut folder = vec![
        Entry { mode: Mode::File, name: b"policy.toml", id: policy },
        Entry { mode: Mode::File, name: b"allowed_signers", id: signers },
    ];
    let mut root = vec![Entry { mode: Mode::Directory, name: b".trust", id: ObjectId::from_bytes([0; 20]) }];
    make(&mut fleet, &mut root, &mut folder);
    let folder = fleet.tree(&mut folder);
    for entry in &mut root {
        if entry.mode == Mode::Directory {
            entry.id = folder;
        }
    }
    let root = fleet.tree(&mut root);
    let time = fleet.next_time();
    let b = fleet.commit_tree(&[a], root, Some("alice"), time);
    let got = fleet.verify((a, "alice"), None, b, None);
    let (verified, code) = outcome(&got);
    (verified == Some(b), code, got.refused.map_or(String::new(), |refusal| refusal.reason.to_string()))
}

#[test]
fn the_folder_must_be_a_folder_with_two_plain_files() {
    assert!(with_tree(|_, _, _| {}).0, "as it should be");
    let refused = |text: &str| (false, Some("E_POLICY"), text.to_owned());
    assert_eq!(with_tree(|_, root, _| root.clear()), refused("the commit has no folder .trust"));
    for mode in [Mode::File, Mode::Executable, Mode::Symlink, Mode::Submodule] {
        let got = with_tree(|_, root, folder| {
            root[0].mode = mode;
            root[0].id = folder[0].id;
        });
        assert_eq!(got, refused("the commit has no folder .trust"), "{mode:?}");
    }
    for (index, name) in [(0, "policy.toml"), (1, "allowed_signers")] {
        let text = format!("the commit has no plain file .trust/{name}");
        assert_eq!(
            with_tree(|_, _, folder| folder.retain(|entry| entry.name != name.as_bytes())),
            refused(&text)
        );
        for mode in [Mode::Executable, Mode::Symlink, Mode::Submodule, Mode::Directory] {
            assert_eq!(with_tree(|_, _, folder| folder[index].mode = mode), refused(&text), "{mode:?}");
        }
    }
    let got = with_tree(|_, _, folder| folder.push(Entry { name: b"vouchers", ..folder[0] }));
    assert_eq!(got, refused("the folder .trust holds \"vouchers\", which this version does not know"));
}

#[test]
fn the_folder_that_git_sees_is_the_only_one() {
    // `.Trust` is another name, here as in Git.
    let got = with_tree(|_, root, _| root[0].name = b".Trust");
    assert_eq!(got.1, Some("E_POLICY"));
}

#[test]
fn files_that_are_too_large() {
    let long = format!("{}#{}\n", line("alice"), "x".repeat(256 << 10));
    let (verified, code, reason) = second(&State { signers: long, ..alice() });
    assert_eq!((verified, code), (false, Some("E_LIMIT")));
    assert!(reason.starts_with("a file under .trust is too large: bytes: 262"), "{reason}");
}

#[test]
fn symbolic_links_and_submodules_elsewhere_are_not_for_this_crate_to_refuse_but_to_name() {
    let (verified, code, _) = with_tree(|_, root, folder| {
        root.push(Entry { mode: Mode::Symlink, name: b"link", id: folder[0].id });
        root.push(Entry { mode: Mode::Submodule, name: b"submodule", id: folder[0].id });
    });
    assert_eq!((verified, code), (true, None));
    // `walk` and `File::plain_path` name them: see their tests.
}
