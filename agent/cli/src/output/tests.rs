//! What reaches a terminal.

use super::*;

#[test]
fn a_text_cannot_steer_the_terminal() {
    let hostile = "a\x1b[2Jb\r\u{202e}c\u{9b}d\te\n";
    assert_eq!(plain(hostile, true), "a\\u{1b}[2Jb\\u{d}\\u{202e}c\\u{9b}d\te\n");
    assert_eq!(plain("Grüße, 世界", true), "Grüße, 世界");
}

#[test]
fn styles_are_colours_or_nothing() {
    let text = format!("{} done", Style::Good.of("ok"));
    assert_eq!(plain(&text, true), "\x1b[32mok\x1b[0m done");
    assert_eq!(plain(&text, false), "ok done");
}

#[test]
fn every_style_has_a_mark_of_its_own() {
    for (style, mark, _) in Style::ALL {
        assert_eq!(style.of("x"), format!("{mark}x{END}"));
        assert!(is_mark(mark) && mark != END);
    }
}

#[test]
fn tables_line_up_with_and_without_styles() {
    let rows = [
        vec!["host".into(), "result".into(), "age".into()],
        vec!["web-1".into(), Style::Bad.of("failed"), "2 min".into()],
        vec!["db".into()],
    ];
    let lines: Vec<String> = table(&rows).iter().map(|line| plain(line, false).into_owned()).collect();
    assert_eq!(lines, ["host   result  age", "web-1  failed  2 min", "db"]);
}

#[test]
fn a_failure_shows_its_causes_and_its_remedy() {
    let failure = Failure::new(crate::failure::Code::Read, "read /etc/motd")
        .because(io::Error::other("disk on fire"))
        .remedy_is("put it out");
    assert_eq!(
        plain(&describe(&failure), false),
        "error: read /etc/motd [E_READ]\n  because: disk on fire\n  remedy: put it out"
    );
}
