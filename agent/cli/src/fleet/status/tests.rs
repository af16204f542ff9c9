//! The table.

use holdfast_schema::{
    Facts,
    status::{
        AgentInfo, PassResult, ResourceOutcome, ResourceStatus, RevisionInfo, Status, StatusProblem, Summary,
    },
};

use super::*;

fn host(name: &str, signature: SignatureState, result: PassResult) -> Host {
    let name: HostName = name.parse().unwrap();
    let status = Status {
        format: 1,
        host: name.clone(),
        time: "2026-11-21T11:58:00Z".into(),
        result,
        agent: AgentInfo { version: "0.1.0".into(), trust_origin: "introduction".into() },
        revision: RevisionInfo {
            trial: None,
            quarantined: None,
            applied: Some("3fa2c1d0000000000000000000000000000000aa".into()),
            branch: "main".into(),
            ..RevisionInfo::default()
        },
        summary: Summary::default(),
        problem: vec![],
        resource: vec![],
        image: vec![],
        facts: Facts::sample(),
    };
    Host {
        name,
        signature,
        status: Some(status),
        unreadable: None,
        position: Position::Newest,
        age_seconds: Some(120),
        silent: false,
    }
}

#[test]
fn the_table_says_what_to_look_at() {
    let mut behind = host("db-1", SignatureState::Good, PassResult::Held);
    behind.position = Position::Behind(3);
    behind.age_seconds = Some(90_000);
    behind.silent = true;
    let status = behind.status.as_mut().unwrap();
    status.problem = vec![StatusProblem {
        code: "E_UNSIGNED".into(),
        message: "commit 9bad000 is not signed".into(),
        remedy: None,
        commit: None,
        at: None,
    }];
    status.resource = vec![ResourceStatus {
        id: "file:/etc/motd".parse().unwrap(),
        outcome: ResourceOutcome::Failed,
        code: Some("E_READ_ONLY".into()),
        message: None,
        by: None,
        remedy: None,
    }];
    let mut absent = host("new-1", SignatureState::Absent, PassResult::Converged);
    (absent.status, absent.position, absent.age_seconds, absent.silent) = (None, Position::None, None, true);
    let mut forged = host("web-2", SignatureState::Forged, PassResult::Converged);
    (forged.status, forged.position, forged.age_seconds, forged.silent) = (None, Position::None, None, true);
    let hosts = [
        behind,
        absent,
        host("web-1", SignatureState::Good, PassResult::Converged),
        forged,
        host("web-3", SignatureState::KeyUnknown, PassResult::Converged),
    ];
    let main: ObjectId = "3fa2c1d0000000000000000000000000000000aa".parse().unwrap();
    let text = lines(&hosts, "main", main).join("\n");
    let text: String = text.chars().filter(|char| !('\u{FDD0}'..='\u{FDD6}').contains(char)).collect();
    insta::assert_snapshot!(text);
}
