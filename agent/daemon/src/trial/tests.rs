//! Decisions about revisions on trial.

use holdfast_converge::engine::Failure;
use holdfast_schema::state::{Apply, RemovalGuard};

use super::*;

fn state() -> HostState {
    let (guard, apply) = (RemovalGuard::default(), Apply::default());
    HostState { host: "web-1".parse().unwrap(), resources: [].into(), guard, apply }
}

fn commit() -> ObjectId {
    ObjectId::from_bytes([7; 20])
}

fn failure() -> Failure {
    Failure {
        code: "E_VALIDATE",
        message: "validating failed".to_owned(),
        detail: String::new(),
        remedy: None,
        retry: holdfast_converge::host::Retry::NextRevision,
    }
}

fn report(outcomes: &[(&str, Outcome)]) -> Report {
    let outcomes = outcomes.iter().map(|(id, outcome)| (id.parse().unwrap(), outcome.clone())).collect();
    Report { outcomes, ..Report::default() }
}

#[test]
fn what_a_pass_means() {
    let failed =
        report(&[("file:/etc/a", Outcome::Failed(failure())), ("file:/etc/b", Outcome::Waiting(failure()))]);
    let Judgement::Failed(problems) = judge(&failed, &[].into(), commit()) else { panic!() };
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (problems[0].code.as_str(), problems[0].message.as_str()),
        ("E_VALIDATE", "file:/etc/a: validating failed")
    );
    let tolerated = ["file:/etc/a".parse().unwrap()].into();
    assert_eq!(judge(&failed, &tolerated, commit()), Judgement::NotYet, "the other one still waits");
    let blocked = report(&[("file:/etc/b", Outcome::Blocked { by: "file:/etc/a".parse().unwrap() })]);
    assert!(
        matches!(judge(&blocked, &tolerated, commit()), Judgement::Failed(_)),
        "it is news that it cannot be"
    );
    let waiting = report(&[
        ("package:a", Outcome::Waiting(failure())),
        ("file:/etc/b", Outcome::Blocked { by: "package:a".parse().unwrap() }),
    ]);
    assert_eq!(judge(&waiting, &[].into(), commit()), Judgement::NotYet, "nothing failed");
    let fine = report(&[("file:/etc/a", Outcome::Removed), ("file:/etc/b", Outcome::Differs(Vec::new()))]);
    assert_eq!(judge(&fine, &[].into(), commit()), Judgement::Whole);
    let stopped = Report { stopped: true, ..Report::default() };
    assert_eq!(judge(&stopped, &[].into(), commit()), Judgement::NotYet);
}

#[test]
fn the_time_to_confirm_does_not_run_while_the_host_is_off() {
    let window = Window::open("one", 100, Duration::from_mins(1));
    assert_eq!((window.is_over("one", 159), window.is_over("one", 160)), (Some(false), Some(true)));
    assert_eq!(window.is_over("another", 1000), None);
}

#[test]
fn two_states_are_the_same_wherever_they_are_declared() {
    let (mut one, mut two) = (state(), state());
    assert_eq!(digest(&one), digest(&two));
    two.apply.on_failure = OnFailure::Hold;
    assert_ne!(digest(&one), digest(&two));
    one.apply.on_failure = OnFailure::Hold;
    one.host = "web-2".parse().unwrap();
    assert_eq!(digest(&one), digest(&two));
}

#[test]
fn what_is_the_hosts_matter_is_tried_again_later_and_later() {
    let problem = |code: &str| own(code, String::new(), commit());
    assert!(is_passing(&[problem("E_DISK_FULL"), problem("E_JOURNAL")]));
    assert!(!is_passing(&[problem("E_DISK_FULL"), problem("E_VALIDATE")]));
    assert!(!is_passing(&[]));
    let minutes: Vec<u64> = [1, 2, 3, 7, 40].map(|times| wait(times).as_secs() / 60).into();
    assert_eq!(minutes, [1, 2, 4, 60, 60]);
}
