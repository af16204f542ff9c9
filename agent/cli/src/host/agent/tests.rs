//! The conversation over the control socket, with a socket of our own at the other end.
#![expect(clippy::disallowed_methods, reason = "a socket of its own needs a directory")]

use std::{fs, os::unix::net::UnixListener, thread};

use holdfast_schema::Facts;

use super::*;

/// A status document that says `result`.
fn document(result: &str) -> String {
    let facts = toml::to_string(&Facts::sample()).unwrap();
    format!(
        "format = 1\nhost = \"web-1\"\ntime = \"2026-11-21T10:00:00Z\"\nresult = \"{result}\"\n\
         [agent]\nversion = \"0.1.0\"\ntrust_origin = \"introduction\"\n[revision]\nbranch = \"main\"\n\
         [summary]\nsame = 3\nchanged = 0\nremoved = 0\ndiffers = 0\nfailed = 0\nblocked = 0\nwaiting = 0\n\
         [facts]\n{facts}"
    )
}

/// Answers one request with `replies` and hangs up; gives what was asked.
fn asked(replies: Vec<Reply>) -> (Request, Result<Report, Failure>, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("run/holdfast")).unwrap();
    let listener = UnixListener::bind(root.path().join("run/holdfast/control.sock")).unwrap();
    let agent = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let request = frame::read(&mut socket).unwrap();
        for reply in &replies {
            frame::write(&mut socket, reply).unwrap();
        }
        request
    });
    let mut lines = Vec::new();
    let answer = Agent::of(root.path()).ask(&Request::Sync, &mut |line| {
        lines.push(line.to_owned());
        Ok(())
    });
    (agent.join().unwrap(), answer, lines)
}

#[test]
fn progress_comes_before_the_status() {
    let progress = |line: &str| Reply::Progress { line: line.to_owned() };
    let status = Reply::Status { document: document("converged"), local: Local::default() };
    let (request, answer, lines) =
        asked(vec![progress("fetched 3fa2c1d"), progress("file:/etc/motd changed"), status]);
    assert_eq!(request, Request::Sync);
    assert_eq!(lines, ["fetched 3fa2c1d", "file:/etc/motd changed"]);
    assert_eq!(answer.unwrap().status.summary.same, 3);
}

#[test]
fn a_failure_keeps_its_code_and_remedy() {
    let reply = Reply::Failed { code: "E_X".into(), message: "no".into(), remedy: Some("yes".into()) };
    let failure = asked(vec![reply]).1.unwrap_err();
    assert_eq!((failure.code(), failure.to_string().as_str(), failure.remedy()), ("E_X", "no", Some("yes")));
}

#[test]
fn an_agent_that_hangs_up_is_said_so() {
    assert_eq!(asked(vec![]).1.unwrap_err().code(), "E_AGENT_SILENT");
}

#[test]
fn an_agent_that_is_not_there_is_said_so() {
    let root = tempfile::tempdir().unwrap();
    let failure = Agent::of(root.path()).ask(&Request::Status, &mut |_| Ok(())).unwrap_err();
    assert_eq!(failure.code(), "E_AGENT_GONE");
}

#[test]
fn before_the_first_pass_there_is_nothing_to_tell() {
    let status = Reply::Status { document: String::new(), local: Local::default() };
    let failure = asked(vec![status]).1.unwrap_err();
    assert_eq!((failure.code(), failure.exit()), ("E_NO_STATUS", crate::exit::Exit::Busy));
}

#[test]
fn a_document_that_is_none_is_refused() {
    let status = Reply::Status { document: "nonsense".into(), local: Local::default() };
    assert_eq!(asked(vec![status]).1.unwrap_err().code(), "E_STATUS_UNREADABLE");
}
