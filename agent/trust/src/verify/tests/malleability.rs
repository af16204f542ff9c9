//! Commits that somebody without a key can make from a signed one.

use super::*;

/// The variants of one good commit that stock Git was found to call good, and more.
pub(super) fn variants(good: &str) -> Vec<(&'static str, String, Option<&'static str>)> {
    let (headers, message) = good.split_once("\n\n").unwrap();
    let (before, signature) = headers.split_once("gpgsig ").unwrap();
    let lines: Vec<&str> = before.lines().collect();
    let base64: String =
        signature.lines().filter(|line| !line.contains("-----")).map(str::trim_start).collect();
    let wrap = |width: usize| {
        let lines: Vec<_> = base64.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
        let folded = lines.join("\n ");
        format!(
            "{before}gpgsig -----BEGIN SSH SIGNATURE-----\n {folded}\n -----END SSH SIGNATURE-----\n\n{message}"
        )
    };
    let grammar = Some("E_COMMIT_GRAMMAR");
    let format = Some("E_SIG_FORMAT");
    let tree = lines[0];
    vec![
        ("as it was", good.to_owned(), None),
        ("extra header", good.replace("gpgsig ", "gpgsig-foo junk\n more\ngpgsig "), grammar),
        ("SHA-256 signature header", good.replace("gpgsig ", "gpgsig-sha256 junk\ngpgsig "), grammar),
        ("signature twice", format!("{headers}\ngpgsig {signature}\n\n{message}"), grammar),
        (
            "signature before author",
            format!("{tree}\ngpgsig {signature}\n{}\n\n{message}", lines[1..].join("\n")),
            grammar,
        ),
        ("tree twice, same", format!("{tree}\n{good}"), grammar),
        (
            "tree twice, other first",
            format!("tree {}\n{good}", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
            grammar,
        ),
        (
            "tree twice, other second",
            good.replacen('\n', "\ntree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n", 1),
            grammar,
        ),
        ("mergetag", good.replace("gpgsig ", "mergetag object x\ngpgsig "), grammar),
        ("text after NUL", format!("{good}\0hidden\n"), grammar),
        ("empty line in the signature", good.replace("\n -----END", "\n \n -----END"), format),
        ("blank before a line", good.replace("\n -----END", "\n  -----END"), format),
        ("blank after a line", good.replace("SIGNATURE-----\n ", "SIGNATURE----- \n "), format),
        ("carriage returns", good.replace("SIGNATURE-----\n", "SIGNATURE-----\r\n"), format),
        (
            "text after the signature",
            good.replace("END SSH SIGNATURE-----", "END SSH SIGNATURE-----\n x"),
            format,
        ),
        ("uneven lines", good.replacen("U1NIU0lH", "U1NI\n U0lH", 1), format),
        ("padding within", wrap(70).replace("=\n", "==\n"), format),
        ("wrapped at 40", wrap(40), None),
        ("wrapped at 64", wrap(64), None),
        ("wrapped at 76", wrap(76), None),
        ("wrapped at 77", wrap(77), format),
        ("all in one line", wrap(1000), format),
        (
            "unsigned",
            unsigned(&Object { kind: ObjectKind::Commit, data: good.into() })
                .data
                .try_into()
                .unwrap_or_default(),
            Some("E_UNSIGNED"),
        ),
    ]
}

/// T2: each variant is refused, or is the same revision.
#[test]
fn every_variant_is_refused_or_the_same_revision() {
    // a ── b      and b' in the place of b
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), &alice());
    let good = String::from_utf8(fleet.objects.get(&b).unwrap().unwrap().data).unwrap();
    let revision = ratchet(&fleet, a, b);
    let mut twins = 0;
    for (name, text, code) in variants(&good) {
        assert_eq!(text == good, name == "as it was", "{name} changes nothing");
        let variant = fleet.objects.insert(Object { kind: ObjectKind::Commit, data: text.into() }).unwrap();
        let got = fleet.verify((a, "alice"), None, variant, None);
        // Where the parent cannot be told, nothing on the way back to it can be either.
        let unknown_parent = got.verified.is_none();
        assert!(
            !unknown_parent
                || [
                    "tree twice, same",
                    "tree twice, other first",
                    "tree twice, other second",
                    "signature before author"
                ]
                .contains(&name),
            "{name}"
        );
        assert_eq!(outcome(&got).1, code, "{name}");
        if code.is_none() {
            assert_eq!(got.verified.unwrap().payload(), revision.payload, "{name}");
            twins += 1;
        } else if let Some(verified) = got.verified {
            assert_eq!(verified.commit(), a, "{name}");
        }
    }
    assert_eq!(twins, 4);
}

/// A host that has seen one twin goes on with the other, in whatever order a server serves them.
#[test]
fn a_twin_strands_nobody() {
    // a ── b ── c        b' is b with another id
    //  └── b' ── c'
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), &alice());
    let good = String::from_utf8(fleet.objects.get(&b).unwrap().unwrap().data).unwrap();
    for (name, text, code) in variants(&good) {
        let twin = fleet.objects.insert(Object { kind: ObjectKind::Commit, data: text.into() }).unwrap();
        let next = fleet.commit(&[b], Some("alice"), &alice());
        let next_of_twin = fleet.commit(&[twin], Some("alice"), &alice());
        let kept = ratchet(&fleet, a, b);
        if code.is_none() {
            assert_eq!(see_after(&fleet, a, &kept, twin), (Some(twin), None), "{name}");
            assert_eq!(see_after(&fleet, a, &kept, next_of_twin), (Some(next_of_twin), None), "{name}");
            let kept = ratchet(&fleet, a, twin);
            assert_eq!(kept.payload, ratchet(&fleet, a, b).payload);
            assert_eq!(see_after(&fleet, a, &kept, b), (Some(b), None), "{name}");
            assert_eq!(see_after(&fleet, a, &kept, next), (Some(next), None), "{name}");
        }
    }
}

/// A payload twin without its signature is what the host has verified already, so it may stand for it; but a host that has
/// not verified it does not take it.
#[test]
fn what_was_verified_needs_no_second_signature() {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), &alice());
    let bare = unsigned(&fleet.objects.get(&b).unwrap().unwrap());
    let bare = fleet.objects.insert(bare).unwrap();
    let kept = ratchet(&fleet, a, b);
    assert_eq!(see_after(&fleet, a, &kept, bare), (Some(bare), None));
    assert_eq!(see(&fleet, a, bare), (Some(a), Some("E_UNSIGNED")));
}

/// T1: every bit of a good commit matters, but for the way in which its signature is written.
#[test]
fn a_changed_bit_is_never_another_revision() {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), &alice());
    let good = fleet.objects.get(&b).unwrap().unwrap();
    for at in 0..good.data.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed.data[at] ^= 1 << bit;
            let changed = fleet.objects.insert(changed).unwrap();
            let (verified, code) = see(&fleet, a, changed);
            assert!(verified != Some(changed), "byte {at}, bit {bit} is verified");
            assert!(code.is_some());
        }
    }
}

#[test]
fn dropped_and_doubled_bytes() {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), &alice());
    let good = fleet.objects.get(&b).unwrap().unwrap();
    for at in 0..good.data.len() {
        let byte = good.data[at];
        for change in [None, Some([byte, byte]), Some([byte, b'\n']), Some([byte, b' '])] {
            let mut changed = good.clone();
            changed.data.splice(at..=at, change.into_iter().flatten());
            let changed = fleet.objects.insert(changed).unwrap();
            assert!(see(&fleet, a, changed).0 != Some(changed), "byte {at}: {change:?}");
        }
    }
}
