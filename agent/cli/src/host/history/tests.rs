//! Lines of the history.

use super::*;

#[test]
fn a_line_that_was_cut_is_passed_over() {
    let event = Event { time: "2026-11-21T12:00:00Z".into(), subject: "converged".into(), lines: vec![] };
    let line = serde_json::to_string(&event).unwrap();
    let text = format!("{line}\n{line}\n{}", line.get(..10).unwrap());
    assert_eq!(parse(&text), [event.clone(), event]);
}
