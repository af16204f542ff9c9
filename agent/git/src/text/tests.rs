use std::io;

use super::{chain, one_line, said};

#[test]
fn what_a_server_says_is_one_short_printable_line() {
    for (text, shown) in [
        ("plain", "plain"),
        ("\n  two \r\n\r\nlines\n", "two / lines"),
        ("\u{1b}[31mred\u{1b}[0m and \u{1b}[1;4mbold", "red and bold"),
        ("bell\u{7} tab\tnul\0", "bell tab nul"),
        ("right\u{202e}tfel", "righttfel"),
        ("\u{1b}[", ""),
        ("\u{1b}[ä rest", "rest"),
    ] {
        assert_eq!(one_line(text, 100), shown, "{text:?}");
    }
    assert_eq!(one_line("abcdef", 6), "abcdef");
    assert_eq!(one_line("abcdefg", 6), "abcde…");
    assert_eq!(said(b"\xff\xfe"), "\u{fffd}\u{fffd}");
}

#[test]
fn a_chain_says_nothing_twice() {
    let inner = io::Error::other("disk full");
    assert_eq!(chain(&inner), "disk full");
    let outer = crate::Fault::Mirror { what: "cannot write".to_owned(), source: inner };
    assert_eq!(chain(&outer), "cannot write: disk full");
}
