use std::collections::BTreeMap;

use holdfast_schema::status::{PassResult, ResourceOutcome};

use super::one_line;
use crate::{
    engine::{Failure, Outcome, Report},
    host::{HostError, Retry},
    plan::Difference,
    testing::id,
};

fn difference(field: &str, from: &str, to: &str) -> Difference {
    Difference { field: field.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn failure() -> Failure {
    Failure {
        code: "E_IO",
        message: "write /etc/motd: no luck".to_owned(),
        detail: "more".to_owned(),
        remedy: Some("be lucky"),
        retry: Retry::Soon,
    }
}

fn report(outcomes: Vec<(&str, Outcome)>) -> Report {
    let outcomes: BTreeMap<_, _> = outcomes.into_iter().map(|(text, outcome)| (id(text), outcome)).collect();
    Report { outcomes, same: 7, ..Report::default() }
}

#[test]
fn every_outcome_has_its_count_and_its_words() {
    let report = report(vec![
        (
            "file:/a",
            Outcome::Changed(vec![difference("mode", "0600", "0644"), difference("content", "a", "b")]),
        ),
        ("file:/b", Outcome::Removed),
        ("file:/c", Outcome::Released("it was changed since Holdfast wrote it")),
        ("file:/d", Outcome::Differs(vec![difference("mode", "0600", "0644")])),
        ("file:/e", Outcome::Failed(failure())),
        ("file:/f", Outcome::Blocked { by: id("file:/e") }),
        ("file:/g", Outcome::Waiting(failure())),
        ("file:/h", Outcome::Held(failure())),
        ("file:/i", Outcome::Unsupported(failure())),
    ]);
    let summary = report.summary();
    let counts = [summary.same, summary.changed, summary.removed, summary.released, summary.differs];
    assert_eq!(counts, [7, 1, 1, 1, 1]);
    assert_eq!((summary.failed, summary.blocked, summary.waiting), (2, 1, 2));
    let told = report.resources();
    let words: Vec<_> = told.iter().map(|told| (told.outcome, told.message.as_deref())).collect();
    assert_eq!(
        words,
        [
            (ResourceOutcome::Changed, Some("mode: 0600 → 0644; content: a → b")),
            (ResourceOutcome::Removed, None),
            (ResourceOutcome::Released, Some("it was changed since Holdfast wrote it")),
            (ResourceOutcome::Differs, Some("mode: 0600 → 0644")),
            (ResourceOutcome::Failed, Some("write /etc/motd: no luck")),
            (ResourceOutcome::Blocked, Some("needs file:/e")),
            (ResourceOutcome::Waiting, Some("write /etc/motd: no luck")),
            (ResourceOutcome::Held, Some("write /etc/motd: no luck")),
            (ResourceOutcome::Unsupported, Some("write /etc/motd: no luck")),
        ]
    );
    assert_eq!((told[4].code.as_deref(), told[4].remedy.as_deref()), (Some("E_IO"), Some("be lucky")));
    assert_eq!((told[0].code.as_deref(), told[5].code.as_deref()), (None, None));
}

#[test]
fn the_worst_outcome_is_the_result() {
    let result = |outcomes| report(outcomes).result();
    assert_eq!(result(vec![]), PassResult::Converged);
    assert_eq!(result(vec![("file:/a", Outcome::Differs(vec![]))]), PassResult::Converged);
    let waiting = ("file:/a", Outcome::Waiting(failure()));
    assert_eq!(result(vec![waiting.clone()]), PassResult::Waiting);
    assert_eq!(result(vec![waiting, ("file:/b", Outcome::Failed(failure()))]), PassResult::Failed);
    assert_eq!(Report { stopped: true, ..Report::default() }.result(), PassResult::Waiting);
    assert_eq!(Report { unsaved: Some(failure()), ..Report::default() }.result(), PassResult::Failed);
}

#[test]
fn what_a_program_said_stays_on_the_host() {
    let said = || "secret words".to_owned();
    let name = || "x".to_owned();
    for error in [
        HostError::Invalid { path: name(), command: name(), reason: said() },
        HostError::Command { command: name(), reason: said() },
        HostError::Package { package: name(), reason: said() },
        HostError::Unhealthy { unit: name(), reason: said() },
        HostError::Packages {
            failed: [(name(), HostError::Package { package: name(), reason: said() })].into(),
        },
    ] {
        let failure = Failure::from(&error);
        assert!(!failure.message.contains("secret"), "{failure:?}");
    }
}

#[test]
fn messages_are_one_short_line() {
    assert_eq!(one_line("a\nb\u{1b}[31mc"), "a\\nb\\u{1b}[31mc");
    assert_eq!(one_line("ä→ü"), "ä→ü");
    assert_eq!(one_line(&"x".repeat(1000)).chars().count(), 301);
}
