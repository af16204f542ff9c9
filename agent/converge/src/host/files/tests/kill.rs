//! kill -9 at random moments of the write protocol.

use std::{
    env, fs,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::*;

/// Tells the writer where to write; without it the writer does nothing.
const PLACE: &str = "HOLDFAST_KILL_TEST";
const FILES: usize = 4;
const KILLS: u64 = 60;

/// One of two contents, both long enough for a kill in the middle.
fn content(round: usize) -> String {
    ["old line\n", "a newer line\n"][round % 2].repeat(20_000)
}

/// Not a test: the process that the test below starts and kills.
#[test]
#[ignore = "the helper that `a_kill_at_any_moment_leaves_each_file_whole` starts"]
fn writer() {
    let Ok(place) = env::var(PLACE) else { return };
    let files = Rc::new(Files::new(Tree::host().unwrap()));
    let editor = Editor::new(Rc::clone(&files), Rc::new(Outside::Children));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for round in 0.. {
        let name =
            |kind: &str| -> AbsolutePath { format!("{place}/{kind}{}", round % FILES).parse().unwrap() };
        let (text, path) = (content(round / FILES), name("file"));
        runtime.block_on(editor.write_file(&path, &file(text.as_bytes()), &Expected::Anything)).unwrap();
        editor.make_symlink(&name("link"), &format!("target{}", round % 2), &Expected::Anything).unwrap();
        if round % 3 == 0 {
            editor.remove(&path, &Expected::Anything).unwrap();
        }
        let tree = name("tree");
        editor.make_directory(&tree, &own(0o750), &Expected::Nothing).unwrap();
        let inside = tree.join("inside").unwrap();
        runtime.block_on(editor.write_file(&inside, &file(b"x"), &Expected::Nothing)).unwrap();
        editor.remove_tree(&tree, &Expected::Anything).unwrap();
    }
}

#[test]
fn a_kill_at_any_moment_leaves_each_file_whole() {
    let sandbox = Sandbox::new();
    let (mut left_staged, mut seen) = (0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "host::files::tests::kill::writer", "--ignored", "--quiet"])
            .env(PLACE, sandbox.real("").to_str().unwrap().trim_end_matches('/'))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // From its start-up to deep in its work, in odd steps.
        thread::sleep(Duration::from_micros(4_000 + (kill * 7_919) % 40_000));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "the writer ended by itself");

        let staged = sandbox.names().iter().filter(|name| super::super::stage::is_staged(name)).count();
        left_staged += usize::from(staged > 0);
        for number in 0..FILES {
            match fs::read_to_string(sandbox.real(&format!("file{number}"))) {
                Ok(text) => {
                    assert!(text == content(0) || text == content(1), "torn: {} bytes", text.len());
                    assert_eq!(mode_of(sandbox.real(&format!("file{number}"))), 0o640);
                    seen += 1;
                }
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
            }
            if let Ok(target) = fs::read_link(sandbox.real(&format!("link{number}"))) {
                assert!(["target0", "target1"].contains(&target.to_str().unwrap()));
            }
            let tree = sandbox.path(&format!("tree{number}"));
            if fs::exists(sandbox.real(&format!("tree{number}"))).unwrap() {
                assert_eq!(mode_of(sandbox.real(&format!("tree{number}"))), 0o750);
                sandbox.editor.remove_tree(&tree, &Expected::Anything).unwrap();
            }
        }
        sandbox.editor.sweep(&sandbox.path("x").parent().unwrap()).unwrap();
        assert!(
            !sandbox.names().iter().any(|name| super::super::stage::is_staged(name)),
            "{:?}",
            sandbox.names()
        );
    }
    // The test would prove nothing if every kill had come before or after the work.
    assert!(
        left_staged > 0 && seen > 0,
        "{left_staged} of {KILLS} kills left something staged, {seen} files seen"
    );
}
