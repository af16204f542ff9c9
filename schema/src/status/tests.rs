use proptest::prelude::*;

use super::*;

fn status() -> Status {
    Status {
        format: 1,
        host: "web-1".parse().unwrap(),
        time: "2026-11-21T10:00:00Z".into(),
        result: PassResult::Converged,
        agent: AgentInfo { version: "0.1.0".into(), trust_origin: "introduction".into() },
        revision: RevisionInfo {
            trial: None,
            quarantined: None,
            attempted: Some("3fa2c1d8e9f0a1b2c3d4e5f60718293a4b5c6d7e".into()),
            applied: Some("3fa2c1d8e9f0a1b2c3d4e5f60718293a4b5c6d7e".into()),
            signer: Some("alice@example.com".into()),
            branch: "main".into(),
        },
        summary: Summary { same: 40, changed: 2, ..Summary::default() },
        problem: vec![],
        resource: vec![ResourceStatus {
            id: "file:/etc/motd".parse().unwrap(),
            outcome: ResourceOutcome::Changed,
            code: None,
            message: Some("content, mode 0600 -> 0644".into()),
            by: None,
            remedy: None,
        }],
        image: vec![PinnedImage {
            id: "container:shop".parse().unwrap(),
            image: "shop:1@sha256:0123…".into(),
        }],
        facts: Facts::sample(),
    }
}

/// The same host on a bad day, with texts that strangers wrote.
fn bad_day() -> Status {
    let mut status = status();
    status.result = PassResult::Held;
    status.revision.attempted = Some("aaaaaaabbbbbbbcccccccdddddddeeeeeeefffff".into());
    status.agent.trust_origin = "tofu".into();
    status.summary =
        Summary { same: 36, failed: 2, blocked: 1, waiting: 1, differs: 1, ..Summary::default() };
    status.problem.push(StatusProblem {
        code: "E_UNSIGNED".into(),
        message: "commit aaaaaaa by @mallory <m@evil.test> is not signed\u{1b}[2J\u{202e}; see https://evil.test #1".into(),
        remedy: Some("sign it: git commit --amend -S".into()),
        commit: Some("aaaaaaabbbbbbbcccccccdddddddeeeeeeefffff".into()),
        at: Some("hosts/web-1.toml:3:1".into()),
    });
    let resource =
        |id: &str, outcome, code: Option<&str>, message: &str, remedy: Option<&str>| ResourceStatus {
            id: id.parse().unwrap(),
            outcome,
            code: code.map(Into::into),
            message: Some(message.into()),
            by: None,
            remedy: remedy.map(Into::into),
        };
    status.resource = vec![
        resource("file:/etc/a|b`c", ResourceOutcome::Differs, None, "content", None),
        resource(
            "package:nginx",
            ResourceOutcome::Waiting,
            Some("E_APT_LOCK"),
            "the lock is held by unattended-upgrades (pid 812)",
            None,
        ),
        resource(
            "unit:shop.service",
            ResourceOutcome::Failed,
            Some("E_UNIT_FAILED"),
            "*exited* with code 1\n| x | <script>alert(1)</script>",
            Some("journalctl -u shop.service"),
        ),
        resource("unit:web.service", ResourceOutcome::Blocked, None, "unit:shop.service failed", None),
    ];
    status
}

#[test]
fn the_document_is_plain() {
    insta::assert_snapshot!(status().to_toml());
    insta::assert_snapshot!("the_document_of_a_bad_day", bad_day().to_toml());
}

#[test]
fn the_page_reads_well() {
    insta::assert_snapshot!(status().readme());
    insta::assert_snapshot!("the_page_of_a_bad_day", bad_day().readme());
}

#[test]
fn a_thousand_that_share_a_reason_are_shown_as_one() {
    let mut status = status();
    let told = |id: String, outcome, message: &str| ResourceStatus {
        id: id.parse().unwrap(),
        outcome,
        code: None,
        message: Some(message.to_owned()),
        by: None,
        remedy: None,
    };
    let blocked = |name| told(name, ResourceOutcome::Blocked, "needs directory:/etc/app");
    status.resource = (1000..2000).map(|number| blocked(format!("file:/etc/app/{number}"))).collect();
    status.resource.push(told("directory:/etc/app".to_owned(), ResourceOutcome::Failed, "it is full"));
    let waits = |name: &str| told(name.to_owned(), ResourceOutcome::Waiting, "the lock is held");
    status.resource.extend(["package:a", "package:b", "package:c", "package:d"].map(waits));
    let shown: Vec<_> = status.alike().iter().map(|group| (group.ids.len(), group.named().1)).collect();
    assert_eq!(shown, [(1, 0), (1000, 997), (4, 0)]);
    let page = status.readme();
    assert!(page.contains("| `file:/etc/app/1000`<br>`file:/etc/app/1001`<br>`file:/etc/app/1002`<br>and 997 more | blocked |"), "{page}");
    // A thousand of which each has something else to tell are cut.
    for (number, resource) in status.resource.iter_mut().enumerate() {
        resource.message = Some(number.to_string());
    }
    assert!(status.readme().contains("… and 805 more in"), "{}", status.readme());
}

#[test]
fn the_page_of_a_new_host() {
    let mut status = status();
    status.revision = RevisionInfo { branch: "main".into(), ..RevisionInfo::default() };
    status.result = PassResult::Paused;
    status.summary = Summary::default();
    status.resource.clear();
    insta::assert_snapshot!(status.readme());
    assert_eq!(status.subject(), "paused: nothing to do");
}

#[test]
fn the_subject_says_what_happened() {
    assert_eq!(status().subject(), "converged 3fa2c1d: 2 changed");
    assert_eq!(bad_day().subject(), "held 3fa2c1d: E_UNSIGNED, 2 failed, 1 blocked, 1 waiting, 1 differs");
    let mut quiet = status();
    quiet.summary.changed = 0;
    assert_eq!(quiet.subject(), "converged 3fa2c1d: nothing to do");
}

#[test]
fn other_formats_and_bombs_are_refused() {
    let text = status().to_toml();
    assert!(matches!(
        Status::from_toml(&text.replace("format = 1", "format = 2\nnew = true")),
        Err(StatusError::Format(2))
    ));
    assert!(matches!(Status::from_toml(&"a".repeat(2 << 20)), Err(StatusError::TooLong(_))));
    assert!(matches!(Status::from_toml("hello"), Err(StatusError::Malformed(_))));
    assert!(matches!(Status::from_toml("format = 1"), Err(StatusError::Malformed(_))));
    let nested = format!("format = 1\na = {}", "[".repeat(100_000));
    assert!(matches!(Status::from_toml(&nested), Err(StatusError::Malformed(_))));
}

fn strange() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '"', '\\', '\n', '\r', '\t', '\0', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}',
        '\u{feff}', '`', '|', '<', '@', 'é', '\'', '#',
    ]);
    prop::collection::vec(prop_oneof![special, any::<char>()], 0..40)
        .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn whatever_is_in_it_the_document_is_safe_and_nothing_is_lost(one in strange(), two in strange(), name in strange()) {
        let mut status = bad_day();
        status.problem[0].message = one.clone();
        status.problem[0].remedy = Some(two.clone());
        status.resource[0].message = Some(two);
        status.facts.kernel = one;
        if !name.is_empty() {
            status.resource[0].id = crate::ResourceId::new(crate::KindName::File, name);
        }
        let text = status.to_toml();
        let line = text.replace('\n', "");
        prop_assert_eq!(text::escape(&line), line.as_str());
        prop_assert_eq!(Status::from_toml(&text).unwrap(), status.clone());
        let page = status.readme();
        let line = page.replace('\n', "");
        prop_assert_eq!(text::escape(&line), line.as_str());
        prop_assert!(!page.contains("<script"));
    }
}
