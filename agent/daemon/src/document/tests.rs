use holdfast_schema::{KindName, ResourceId};

use super::*;

fn parts(host: &HostName) -> Parts<'_> {
    Parts {
        host,
        time: "2026-11-21T10:00:00Z".into(),
        trust_origin: "introduction",
        revision: RevisionInfo { branch: "main".into(), ..RevisionInfo::default() },
        problems: Vec::new(),
        summary: Summary::default(),
        resources: Vec::new(),
        images: Vec::new(),
        pause: None,
        facts: Facts::sample(),
    }
}

fn stands_in_the_way() -> StatusProblem {
    let code = "E_UNSIGNED".to_owned();
    StatusProblem { code, message: "unsigned".into(), remedy: None, commit: None, at: None }
}

fn resource(outcome: ResourceOutcome) -> ResourceStatus {
    let id = ResourceId::new(KindName::File, "/etc/motd");
    ResourceStatus { id, outcome, code: None, message: None, by: None, remedy: None }
}

fn pause() -> Pause {
    Pause { reason: "maintenance".into(), since: "2026-11-21T09:00:00Z".into(), until: None }
}

#[test]
fn the_result_is_what_asks_most_for_a_look() {
    let host = "web-1".parse().unwrap();
    let failed = Summary { failed: 1, waiting: 1, ..Summary::default() };
    let waiting = Summary { waiting: 1, ..Summary::default() };
    let pause = pause();
    let table = [
        (Summary::default(), vec![], None, PassResult::Converged),
        (waiting, vec![], None, PassResult::Waiting),
        (Summary { blocked: 1, ..waiting }, vec![], None, PassResult::Waiting),
        (Summary { blocked: 1, ..failed }, vec![], None, PassResult::Failed),
        (waiting, vec![stands_in_the_way()], None, PassResult::Held),
        (failed, vec![stands_in_the_way()], None, PassResult::Failed),
        (failed, vec![], Some(&pause), PassResult::Paused),
    ];
    for (summary, problems, pause, expected) in table {
        let status = status(Parts { problems, summary, pause, ..parts(&host) });
        assert_eq!(status.result, expected);
    }
}

#[test]
fn a_pause_says_why_and_how_it_ends() {
    let host = "web-1".parse().unwrap();
    let pause = pause();
    let status = status(Parts { pause: Some(&pause), ..parts(&host) });
    assert_eq!(status.problem[0].message, "paused since 2026-11-21T09:00:00Z: maintenance");
    assert!(status.problem[0].remedy.as_ref().unwrap().contains("holdfast resume"));
}

#[test]
fn a_quiet_pass_after_a_change_tells_nothing_more() {
    let host = "web-1".parse().unwrap();
    let quiet = status(parts(&host));
    let changed = status(Parts { resources: vec![resource(ResourceOutcome::Changed)], ..parts(&host) });
    let failing = status(Parts { resources: vec![resource(ResourceOutcome::Failed)], ..parts(&host) });
    let later = Status { time: "2026-11-21T11:00:00Z".into(), ..quiet.clone() };
    assert!(!tells_more(&quiet, &later));
    assert!(tells_more(&quiet, &changed));
    assert!(tells_more(&changed, &changed), "each change is told");
    assert!(!tells_more(&changed, &quiet));
    assert!(tells_more(&quiet, &failing));
    assert!(!tells_more(&failing, &failing));
    assert!(tells_more(&failing, &quiet));
}
