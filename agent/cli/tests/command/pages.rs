//! The man pages and completions that packaging installs.

use std::{collections::BTreeSet, fs};

use crate::scene::Scene;

/// Makes them in the scene's directory `out`.
fn generated() -> Scene {
    let scene = Scene::new();
    scene.run("", env!("CARGO_BIN_EXE_holdfast-gen"), &["out"]).expect(0);
    scene
}

#[test]
fn every_command_has_a_page_that_renders_without_a_warning() {
    let scene = generated();
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(scene.path("out/man/man1")).unwrap() {
        let path = entry.unwrap().path();
        names.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        // groff's own view of its input: anything on standard error is a warning.
        let page = scene.run("", "man", &["--warnings", "-l", path.to_str().unwrap()]).expect(0);
        assert_eq!(page.error, "", "{}", path.display());
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"] {
            assert!(page.out.contains(section), "{} has no {section}", path.display());
        }
    }
    for name in
        ["holdfast", "holdfast-try", "holdfast-trust", "holdfast-trust-intro", "holdfast-fleet-status"]
    {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
}

#[test]
fn every_code_has_its_place_on_a_page() {
    let scene = generated();
    let path = scene.path("out/man/man7/holdfast-codes.7");
    let page = scene.run("", "man", &["--warnings", "-l", path.to_str().unwrap()]).expect(0);
    assert_eq!(page.error, "");
    let codes = scene.holdfast(&["explain", "codes", "--json"]).expect(0).json();
    let told = |code: &str| page.out.lines().any(|line| line.split_whitespace().next() == Some(code));
    for code in codes.as_array().unwrap() {
        let code = code["code"].as_str().unwrap();
        assert!(told(code), "{code} is not told");
    }
    assert_eq!(page.out.matches("Remedy:").count(), codes.as_array().unwrap().len());
}

#[test]
fn completions_are_sound_shell_code() {
    let scene = generated();
    scene.run("", "bash", &["-n", "out/bash-completion/completions/holdfast"]).expect(0);
    for (shell, file) in [
        ("zsh", "out/zsh/vendor-completions/_holdfast"),
        ("fish", "out/fish/vendor_completions.d/holdfast.fish"),
    ] {
        assert!(scene.read(file).contains("enrol"), "{file}");
        // These shells are not everywhere; where they are, they judge.
        if scene.command("", shell).arg("--version").output().is_ok() {
            scene.run("", shell, &["-n", file]).expect(0);
        }
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, other) = (generated(), generated());
    for file in ["out/man/man1/holdfast.1", "out/zsh/vendor-completions/_holdfast"] {
        assert_eq!(one.read(file), other.read(file));
    }
}
