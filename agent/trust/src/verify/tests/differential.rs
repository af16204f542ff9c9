//! Stock Git says what it thinks of the same commits: what we verify, it must call good. The other way round there are
//! known cases in which we must be stricter.

use std::collections::BTreeSet;

use super::*;

/// Changes to the text of a commit, by name.
fn mutations(good: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = good.split('\n').collect();
    let mut all = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let word = line.split(' ').next().unwrap_or_default();
        let with = |replacement: &[&str]| {
            let mut changed = lines.clone();
            changed.splice(number..=number, replacement.iter().copied());
            changed.join("\n")
        };
        let name = |what: &str| format!("{what} line {number} {word:?}");
        all.push((name("drop"), with(&[])));
        all.push((name("double"), with(&[line, line])));
        all.push((name("blank after"), with(&[&format!("{line} ")])));
        all.push((name("blank before"), with(&[&format!(" {line}")])));
        all.push((name("header after"), with(&[line, "x-note hello"])));
        if let Some(next) = lines.get(number + 1) {
            let mut changed = lines.clone();
            changed.splice(number..=number + 1, [*next, *line]);
            all.push((name("swap"), changed.join("\n")));
        }
        for at in (0..line.len()).step_by(11) {
            let mut changed = line.to_string().into_bytes();
            changed[at] ^= 1;
            if let Ok(changed) = String::from_utf8(changed) {
                all.push((name(&format!("flip byte {at} of")), with(&[&changed])));
            }
        }
    }
    all
}

#[test]
fn what_we_verify_git_calls_good() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    git.write(".trust/policy.toml", policy());
    git.write(".trust/allowed_signers", line("alice"));
    let a = git.commit(1_700_000_000, "first");
    git.write("file", "content");
    let b = git.commit(1_700_000_060, "second\n\nwith a body");
    let signers = git.path(".trust/allowed_signers");
    let good = String::from_utf8(git.object(ObjectKind::Commit, b).data).unwrap();
    let mut fleet = Fleet::of(git.objects());
    assert_eq!(see(&fleet, a, b), (Some(b), None));

    let mut stricter = BTreeSet::new();
    let mut both = 0;
    for (name, text) in mutations(&good) {
        let id = git.store(ObjectKind::Commit, text.as_bytes());
        assert_eq!(fleet.objects.insert(Object { kind: ObjectKind::Commit, data: text.into() }).unwrap(), id);
        let ours = see(&fleet, a, id).0 == Some(id);
        let theirs = git.calls_good(id, &signers);
        assert!(theirs || !ours, "{name}: we verify what Git does not call good");
        both += u32::from(ours && theirs);
        if theirs && !ours {
            stricter.insert(name);
        }
    }
    assert_eq!(both, 0, "no mutation leaves a revision that is verified");
    // What Git takes beyond that are other ways to write the signature, and nothing else: lines 5 to 9.
    assert!(stricter.contains("blank after line 6 \"\""), "{stricter:#?}");
    let of_signature = |name: &String| (5..=9).any(|line| name.contains(&format!("line {line} \"\"")));
    assert!(stricter.iter().all(of_signature), "{stricter:#?}");
}

/// T2: what Git calls good although nobody signed it.
#[test]
fn git_calls_these_good() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    git.write(".trust/policy.toml", policy());
    git.write(".trust/allowed_signers", line("alice"));
    let a = git.commit(1_700_000_000, "first");
    let b = git.commit(1_700_000_060, "second");
    let good = String::from_utf8(git.object(ObjectKind::Commit, b).data).unwrap();
    let mut fleet = Fleet::of(git.objects());
    let mut by_git = Vec::new();
    for (name, text, _) in super::malleability::variants(&good) {
        let id = git.store(ObjectKind::Commit, text.as_bytes());
        fleet.objects.insert(Object { kind: ObjectKind::Commit, data: text.into() }).unwrap();
        let verified = see(&fleet, a, id).0 == Some(id);
        if git.calls_good(id, &git.path(".trust/allowed_signers")) {
            by_git.push((name, verified));
        } else {
            assert!(!verified, "{name}");
        }
    }
    for (name, verified) in [
        ("as it was", true),
        ("extra header", false),
        ("SHA-256 signature header", false),
        ("signature twice", false),
        ("signature before author", false),
        ("wrapped at 40", true),
        ("all in one line", false),
    ] {
        assert!(by_git.contains(&(name, verified)), "{name}: {by_git:?}");
    }
}

/// Two people with plain Git, and every change to the tag of one of them.
#[test]
fn tags_that_count_are_tags_that_git_calls_good() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    let roles = "[role.root]\npeople = [\"alice\", \"bob\"]\nneed = 2\n[role.deploy]\npeople = [\"alice\", \"bob\"]\nneed = 2\n";
    git.write(".trust/policy.toml", policy() + roles);
    git.write(".trust/allowed_signers", line("alice") + &line("bob"));
    let a = git.commit(1_700_000_000, "first");
    git.write("file", "content");
    let b = git.commit(1_700_000_060, "second");
    git.sign_with("bob", &key("bob"));
    git.run_at(1_700_000_100, &["tag", "-s", "ok/main/second-bob", "-m", "Deploy: main", "HEAD"]);
    let id = git.run(&["rev-parse", "ok/main/second-bob"]).parse().unwrap();
    let good = String::from_utf8(git.object(ObjectKind::Tag, id).data).unwrap();
    let fleet = Fleet::of(git.objects());
    assert_eq!(see(&fleet, a, b), (Some(b), None));

    let signers = git.path(".trust/allowed_signers");
    let without: Vec<Object> = fleet
        .objects
        .iter()
        .map(|(_, object)| object.clone())
        .filter(|object| object.kind != ObjectKind::Tag)
        .collect();
    let mut stricter = BTreeSet::new();
    let more = [
        ("text after the signature".to_owned(), format!("{good}more\n")),
        ("as it was".to_owned(), good.clone()),
    ];
    for (name, text) in mutations(&good).into_iter().chain(more) {
        let id = git.store(ObjectKind::Tag, text.as_bytes());
        let mut fleet = Fleet::default();
        for object in without.iter().cloned().chain([Object { kind: ObjectKind::Tag, data: text.into() }]) {
            fleet.objects.insert(object).unwrap();
        }
        let ours = see(&fleet, a, b).0 == Some(b);
        let theirs = git.calls_tag_good(id, &signers);
        assert!(theirs || !ours, "{name}: we count what Git does not call good");
        assert_eq!(ours, name == "as it was", "{name}");
        if theirs && !ours {
            stricter.insert(name);
        }
    }
    assert!(stricter.contains("text after the signature"), "{stricter:?}");
}

/// T15 and the list of keys, by stock Git.
#[test]
fn an_expired_key_that_goes_back_in_time() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    git.write(".trust/policy.toml", policy());
    let expiring =
        line("alice").replace("namespaces=\"git\"", "namespaces=\"git\",valid-before=\"20231201Z\"");
    git.write(".trust/allowed_signers", expiring + &line("bob"));
    let a = git.commit(1_700_000_000, "first");
    git.sign_with("bob", &key("bob"));
    let b = git.commit(1_710_000_000, "much later");
    git.sign_with("alice", &key("alice"));
    let honest = git.commit(1_710_000_060, "after the key expired");
    git.run(&["reset", "-q", "--hard", &b.to_string()]);
    let back = git.commit(1_700_000_060, "dated back to before");
    let signers = git.path(".trust/allowed_signers");
    let fleet = Fleet::of(git.objects());
    assert!(!git.calls_good(honest, &signers));
    assert_eq!(see(&fleet, a, honest), (Some(b), Some("E_KEY_TIME")));
    assert!(git.calls_good(back, &signers), "Git is taken in");
    assert_eq!(see(&fleet, a, back), (Some(b), Some("E_TIME_ORDER")));
}
