use std::time::Duration;

use super::{Command, TAIL, one_line};
use crate::host::{HostError, clock};

const LIMIT: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "current_thread")]
async fn success_is_silent() {
    assert_eq!(Command::new(&shell("echo fine; echo also >&2"), LIMIT).run().await, Ok(()));
}

#[tokio::test(flavor = "current_thread")]
async fn a_failure_tells_the_end_of_what_was_said() {
    let argv = shell("echo one; echo two >&2; exit 3");
    let failure = Command::new(&argv, LIMIT).run().await.unwrap_err();
    assert_eq!(failure.how, "exit status: 3");
    assert_eq!(failure.said, "one; two");
    assert_eq!(HostError::from(failure).to_string(), "sh failed: exit status: 3: one; two");

    let argv = shell("yes long | head -c 100000; exit 1");
    let failure = Command::new(&argv, LIMIT).run().await.unwrap_err();
    assert!(failure.said.len() <= 2 * TAIL, "{}", failure.said.len());
}

#[tokio::test(flavor = "current_thread")]
async fn there_is_no_input_no_terminal_and_no_inherited_environment() {
    let argv = shell(
        "read line; test -z \"$line\" || exit 1; ! (: </dev/tty) 2>/dev/null || exit 2; env | sort; pwd",
    );
    let output = Command::new(&argv, LIMIT).output(4096).await.unwrap();
    let output = String::from_utf8(output).unwrap();
    let names: Vec<&str> =
        output.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    // PWD, OLDPWD, SHLVL and _ are the shell's own.
    let given: Vec<&str> =
        names.into_iter().filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(given, ["DEBIAN_FRONTEND", "HOME", "LC_ALL", "PATH"]);
    assert!(output.ends_with("/\n"), "{output}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_program_that_hangs_is_ended_with_its_children() {
    let begun = clock::monotonic();
    let argv = shell("sleep 1000 & echo started; sleep 1000");
    let failure = Command::new(&argv, Duration::from_millis(300)).run().await.unwrap_err();
    assert_eq!(failure.how, "not finished after 0.3 s");
    assert_eq!(failure.said, "started");
    assert!(begun.elapsed() < Duration::from_secs(5), "TERM was enough");
}

#[tokio::test(flavor = "current_thread")]
async fn a_child_that_holds_the_pipe_does_not_hold_us() {
    let begun = clock::monotonic();
    let argv = shell("setsid sleep 30 & echo done");
    assert_eq!(Command::new(&argv, LIMIT).output(100).await.unwrap(), b"done\n");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "current_thread")]
async fn output_has_a_limit_and_errors_are_apart() {
    assert_eq!(Command::new(&shell("echo out; echo err >&2"), LIMIT).output(4).await.unwrap(), b"out\n");
    let failure = Command::new(&shell("echo out"), LIMIT).output(3).await.unwrap_err();
    assert_eq!(failure.how, "it wrote more than 3 bytes");
    let failure = Command::new(&shell("echo out; echo err >&2; false"), LIMIT).output(99).await.unwrap_err();
    assert_eq!(failure.said, "err");
}

#[tokio::test(flavor = "current_thread")]
async fn a_missing_program_is_named() {
    let argv = vec!["no-such-program".to_owned()];
    let failure = Command::new(&argv, LIMIT).run().await.unwrap_err();
    assert_eq!(HostError::from(failure).to_string(), "no-such-program failed: there is no such program");
    assert_eq!(Command::new(&[], LIMIT).run().await.unwrap_err().how, "the command is empty");
}

#[test]
fn what_was_said_becomes_one_plain_line() {
    assert_eq!(
        one_line(b"\x1b[1;31merror:\x1b[0m bad\x07\r\n\n  second\tline \xff\n"),
        "error: bad; second line \u{fffd}"
    );
    assert_eq!(one_line(b""), "");
}
