use std::io;

use holdfast_protocol::fetch::{Credential, Remote, Secret};

use super::{CODES, Fault, GitError, Task, failure};

fn remote() -> Remote {
    Remote {
        fresh: false,
        url: "https://host/a.git".to_owned(),
        credential: Credential::Basic {
            user: "web-1".to_owned(),
            password: Secret::new("canary1".to_owned()),
        },
        ca: None,
        proxy: Some(Secret::new("http://me:canary2@proxy:3128".to_owned())),
        ssh: None,
        stall_seconds: 1,
        total_seconds: 1,
    }
}

fn error(fault: Fault) -> GitError {
    GitError {
        task: Task::Push,
        reference: "refs/heads/a".to_owned(),
        url: "https://host/a.git".to_owned(),
        fault,
    }
}

fn every_fault() -> Vec<Fault> {
    let text = || "why".to_owned();
    vec![
        Fault::Address(text()),
        Fault::Unreachable(text()),
        Fault::Timeout(text()),
        Fault::Authentication(text()),
        Fault::Tls(text()),
        Fault::HostKey(text()),
        Fault::Ssh(io::ErrorKind::NotFound.into()),
        Fault::NoRepository(text()),
        Fault::NoBranch,
        Fault::Redirect(text()),
        Fault::Protocol(text()),
        Fault::PushRefused(text()),
        Fault::Limit(text()),
        Fault::Mirror { what: text(), source: io::ErrorKind::StorageFull.into() },
        Fault::Damaged(text()),
    ]
}

#[test]
fn every_code_is_in_the_list_once_and_nothing_else_is() {
    let mut codes: Vec<_> = every_fault().iter().map(Fault::code).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut listed: Vec<_> = CODES.iter().map(|(code, ..)| *code).collect();
    listed.sort_unstable();
    assert_eq!(codes, listed);
    for (code, meaning, remedy) in CODES {
        assert!(code.starts_with("E_") && meaning.ends_with('.') && remedy.ends_with('.'), "{code}");
        assert!(!meaning.contains("  ") && !remedy.contains("  "), "{code}");
    }
}

#[test]
fn a_failure_says_all_on_one_line() {
    let full = Fault::Mirror {
        what: "the local copy can not be written".to_owned(),
        source: io::Error::other("disk\nfull"),
    };
    let failure = failure(&error(full), &remote());
    assert_eq!(
        failure.message,
        "cannot push refs/heads/a to https://host/a.git: the local copy can not be written: disk / full"
    );
    assert_eq!(failure.code, "E_GIT_MIRROR");
    assert!(failure.remedy.is_some());
}

#[test]
fn what_a_server_sends_back_of_a_secret_is_not_shown() {
    let basic = "d2ViLTE6Y2FuYXJ5MQ==";
    let said = format!("you sent canary1, {basic}, http://me:canary2@proxy:3128 and canary2");
    let failed = failure(&error(Fault::PushRefused(said)), &remote());
    assert_eq!(
        failed.message,
        "cannot push refs/heads/a to https://host/a.git: the server refuses it: you sent …, …, … and …"
    );
    let bearer =
        Remote { credential: Credential::Bearer { token: Secret::new("canary3".to_owned()) }, ..remote() };
    assert!(!failure(&error(Fault::Protocol("canary3".to_owned())), &bearer).message.contains("canary"));
}
