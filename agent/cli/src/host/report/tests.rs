//! A report in words.

use holdfast_protocol::control::Pause;
use holdfast_schema::{
    Facts,
    status::{AgentInfo, RevisionInfo},
};

use super::*;

fn status() -> Status {
    Status {
        format: 1,
        host: "web-1".parse().unwrap(),
        time: "2026-11-21T11:58:00Z".into(),
        result: PassResult::Converged,
        agent: AgentInfo { version: "0.1.0".into(), trust_origin: "introduction".into() },
        revision: RevisionInfo {
            trial: None,
            quarantined: None,
            attempted: Some("3fa2c1d0000000000000000000000000000000aa".into()),
            applied: Some("3fa2c1d0000000000000000000000000000000aa".into()),
            signer: Some("alice@example.com".into()),
            branch: "main".into(),
        },
        summary: Summary { same: 12, changed: 2, ..Summary::default() },
        problem: vec![],
        resource: vec![],
        image: vec![],
        facts: Facts::sample(),
    }
}

fn shown(status: Status, local: Local) -> String {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let text = lines(&Report { status, local }, now).join("\n");
    // Styles are marks here; they are another test's business.
    text.chars().filter(|char| !('\u{FDD0}'..='\u{FDD6}').contains(char)).collect()
}

#[test]
fn a_host_in_order_is_told_in_few_lines() {
    let local = Local {
        next_poll: Some("2026-11-21T12:00:40Z".into()),
        pushed: Some("77aa00b0000000000000000000000000000000aa".into()),
        ..Local::default()
    };
    insta::assert_snapshot!(shown(status(), local));
}

#[test]
fn a_host_in_trouble_says_what_and_why() {
    let mut status = status();
    status.result = PassResult::Held;
    status.revision.attempted = Some("9bad0000000000000000000000000000000000aa".into());
    status.summary.failed = 1;
    status.problem = vec![StatusProblem {
        code: "E_UNSIGNED".into(),
        message: "commit 9bad000 is not signed".into(),
        remedy: Some("sign it and push again".into()),
        commit: Some("9bad0000000000000000000000000000000000aa".into()),
        at: Some("hosts/web-1.toml:3:1".into()),
    }];
    status.resource = vec![
        ResourceStatus {
            id: "file:/etc/motd".parse().unwrap(),
            outcome: ResourceOutcome::Failed,
            code: Some("E_READ_ONLY".into()),
            message: Some("write /etc/motd".into()),
            by: None,
            remedy: Some("remount the filesystem read-write".into()),
        },
        ResourceStatus {
            id: "file:/etc/issue".parse().unwrap(),
            outcome: ResourceOutcome::Changed,
            code: None,
            message: None,
            by: Some("vim (alice, session-3.scope, pid 812)".into()),
            remedy: None,
        },
    ];
    let blocked = |number: u32| ResourceStatus {
        id: format!("file:/srv/app/{number}").parse().unwrap(),
        outcome: ResourceOutcome::Blocked,
        code: None,
        message: Some("needs directory:/srv/app".into()),
        by: None,
        remedy: None,
    };
    status.resource.extend((1..=1000).map(blocked));
    let local = Local {
        push_failure: Some("git.example.com does not answer".into()),
        paused: Some(Pause {
            reason: "restoring the database".into(),
            since: "2026-11-21T11:00:00Z".into(),
            until: Some("2026-11-21T14:00:00Z".into()),
        }),
        ..Local::default()
    };
    insta::assert_snapshot!(shown(status, local));
}
