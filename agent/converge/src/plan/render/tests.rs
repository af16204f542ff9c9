use super::{LARGEST_DIFF, Tone, compare, render};
use crate::{
    host::fake::FakeHost,
    ledger::Ledger,
    plan::preview::{Diff, Preview},
    testing::{AsSpec as _, Scene},
};

#[test]
fn diffs() {
    let text = |old: Option<&[u8]>, new: &[u8]| match compare("/etc/x", old, new) {
        Diff::Text(text) => text,
        Diff::Hidden(why) => format!("({why})"),
    };
    let new = "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1 @@\n+a\n";
    assert_eq!(text(None, b"a\n"), new);
    let changed = "--- /etc/x\n+++ /etc/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";
    assert_eq!(text(Some(b"a\nb\n"), b"a\nc\n"), changed);
    let cut = "--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n";
    assert_eq!(text(Some(b"a"), b"a\n"), cut);
    assert_eq!(text(Some(b"\xff"), b"a\n"), "(not a text: 1 bytes → 2 bytes)");
    assert_eq!(text(None, b"a\0b"), "(not a text: 3 bytes)");
    let large = vec![b'x'; usize::try_from(LARGEST_DIFF).unwrap() + 1];
    assert_eq!(text(Some(&large), b"a\n"), "(too large for a diff: more than 131072 bytes → 2 bytes)");
}

#[test]
fn contents_cannot_speak_to_the_terminal() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/x", "a\u{1b}]0;title\u{7}\r\n\tb\u{9b}31m\n");
    let text = render(&scene.plan(&host, &Ledger::default()), &super::plain);
    assert!(text.contains("+a\\u{1b}]0;title\\u{7}"), "{text}");
    assert!(text.contains("+\tb\\u{9b}31m"), "{text}");
    assert!(text.chars().all(|character| !character.is_control() || "\n\t".contains(character)));
}

#[test]
fn every_toned_line_goes_through_the_paint() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().file("/etc/a", b"one\n");
    scene.file("/etc/a", "two\n");
    scene.file("/etc/b", "x").as_file().access.owner = "nobody-here".to_owned();
    let preview = scene.plan(&host, &Ledger::default());
    let painted = render(&preview, &|tone, text| format!("<{tone:?}>{text}"));
    for tone in [Tone::Heading, Tone::Added, Tone::Removed, Tone::Position, Tone::Problem, Tone::Faint] {
        assert!(painted.contains(&format!("<{tone:?}>")), "{tone:?} is missing in\n{painted}");
    }
    assert_eq!(render(&Preview::default(), &super::plain), "Nothing to do: 0 in order.\n");
}
