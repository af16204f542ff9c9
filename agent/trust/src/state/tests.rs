use super::{StateError, check_state, state};
use crate::{
    Limits, ObjectId, Verified,
    introduction::Introduction,
    testing::{
        fleet::{Fleet, State, fleet_id, key, request},
        git::Git,
    },
    verify,
};

/// The same as a person can compute it with Git and coreutils, in a work tree.
const SCRIPT: &str = r#"
git ls-tree -r -z --format='%(objectmode) %(objecttype) %(objectname) %(path)' HEAD |
while IFS=' ' read -r -d '' mode type id path; do
    if [ "$type" = commit ]; then printf %s "$id"; else git cat-file blob "$id"; fi >bytes
    printf '%s %s %s %s\n' "$mode" "$path" "$(wc -c <bytes)" "$(sha256sum <bytes | cut -d' ' -f1)"
done | LC_ALL=C sort -t' ' -k2 >list
rm bytes
sha256sum <list | cut -d' ' -f1
"#;

#[test]
fn stock_tools_compute_the_same() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    for (path, text) in [("a", "1"), ("a.b", ""), ("a0", "x\n"), ("b/c", "2"), ("b/d/e", "3"), ("b-", "4")] {
        git.write(path, text);
    }
    git.run(&["update-index", "--add", "--cacheinfo", &format!("160000,{},module", "1".repeat(40))]);
    let run = git.program("sh", &["-c", "mkdir module && ln -s target link && chmod +x a0"], b"");
    assert!(run.status.success());
    let commit = git.commit(1_700_000_000, "state");
    let tree: ObjectId = git.run(&["rev-parse", &format!("{commit}^{{tree}}")]).parse().unwrap();
    let script = git.program("bash", &["-c", SCRIPT], b"");
    let wanted = String::from_utf8(script.stdout).unwrap();
    assert_eq!(state(&git.objects(), tree, &Limits::default()).unwrap(), wanted.trim());
}

/// a ── b, whose message ends with this line.
fn signed(fleet: &mut Fleet, line: &str) -> Verified {
    let people = State::of(&["alice", "bob"]);
    let a = fleet.commit(&[], Some("alice"), &people);
    let message = format!("change\n\n{line}\n");
    let b = fleet.commit_saying(&[a], Some("alice"), &people.with_file("x"), &message);
    verified(fleet, a, b)
}

fn verified(fleet: &Fleet, first: ObjectId, tip: ObjectId) -> Verified {
    let introduction = Introduction { fleet: fleet_id(), commit: first, key: key("alice").fingerprint() };
    let limits = Limits::default();
    let request = request(tip, &introduction, &limits);
    let got = verify(&fleet.objects, &request);
    assert!(got.refused.is_none(), "{:?}", got.refused);
    got.verified.unwrap()
}

fn digest(fleet: &mut Fleet, file: &str) -> String {
    let tree = fleet.state(&State::of(&["alice", "bob"]).with_file(file));
    state(&fleet.objects, tree, &Limits::default()).unwrap()
}

/// Tried: without the comparison in `check_state` the second assertion fails.
#[test]
fn what_is_signed_must_be_what_is_there() {
    let mut fleet = Fleet::default();
    let right = digest(&mut fleet, "x");
    let verified = signed(&mut fleet, &format!("State-SHA256: {right}"));
    check_state(&fleet.objects, &verified, &Limits::default()).unwrap();

    for wrong in [digest(&mut fleet, "y"), right.to_uppercase(), "none".to_owned(), String::new()] {
        let mut fleet = Fleet::default();
        let verified = signed(&mut fleet, &format!("State-SHA256: {wrong}"));
        let why = check_state(&fleet.objects, &verified, &Limits::default()).unwrap_err();
        assert_eq!(why.code(), "E_STATE", "{wrong}");
        assert!(matches!(why, StateError::Differs { said, is } if said == wrong && is == right));
    }
}

#[test]
fn who_says_nothing_is_not_asked() {
    let mut fleet = Fleet::default();
    let verified = signed(&mut fleet, "Reviewed-by: bob");
    // Not even that there are files.
    check_state(&crate::MemoryObjects::new(), &verified, &Limits::default()).unwrap();
}

#[test]
fn a_tag_says_it_too_and_is_heard_only_if_it_counts() {
    for (signer, want) in [("bob", Some("E_STATE")), ("mallory", None)] {
        let mut fleet = Fleet::default();
        let people = State::of(&["alice", "bob"]);
        let a = fleet.commit(&[], Some("alice"), &people);
        let b = fleet.commit(&[a], Some("alice"), &people.with_file("x"));
        let wrong = digest(&mut fleet, "y");
        fleet.tag("ok/main/1", b, signer, &format!("ok\n\nState-SHA256: {wrong}"));
        let verified = verified(&fleet, a, b);
        let got = check_state(&fleet.objects, &verified, &Limits::default());
        assert_eq!(got.err().map(|why| why.code()), want, "{signer}");
        // What was said is kept, for the day on which the files are looked at again.
        assert_eq!(verified.ratchet().states, verified.states().iter().cloned().collect::<Vec<_>>());
    }
}

#[test]
fn a_missing_file_is_told() {
    let mut fleet = Fleet::default();
    let right = digest(&mut fleet, "x");
    let verified = signed(&mut fleet, &format!("State-SHA256: {right}"));
    let why = check_state(&crate::MemoryObjects::new(), &verified, &Limits::default()).unwrap_err();
    assert_eq!(why.code(), "E_OBJECT_MISSING");
}
