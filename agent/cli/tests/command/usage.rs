//! Help, mistakes in the command line, exit codes, colours.

use crate::scene::Scene;

#[test]
fn help_goes_to_standard_output_and_mistakes_do_not() {
    let scene = Scene::new();
    let help = scene.holdfast(&["--help"]).expect(0);
    assert!(help.out.contains("On a host:") && help.error.is_empty());
    let mistake = scene.holdfast(&["chekc"]).expect(2).says("check");
    assert!(mistake.out.is_empty());
    scene.holdfast(&[]).expect(2).says("Usage");
    scene.holdfast(&["--version"]).expect(0).says(concat!("holdfast ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_failure_has_a_code_and_a_remedy() {
    let scene = Scene::new();
    let failed = scene.holdfast(&["check"]).expect(1).says("[E_NO_REPOSITORY]").says("remedy: ");
    assert!(failed.out.is_empty());
}

#[test]
fn colours_are_for_terminals_or_on_demand() {
    let scene = Scene::new();
    let plain = scene.holdfast(&["explain", "E_READ"]).expect(0);
    assert!(!plain.out.contains('\x1b'));
    let colored = scene.holdfast(&["explain", "E_READ", "--color", "always"]).expect(0);
    assert!(colored.out.contains("\x1b[1mE_READ"));
    // What was asked for on the command line holds whatever the environment says.
    let output = scene
        .command("", env!("CARGO_BIN_EXE_holdfast"))
        .args(["explain", "E_READ", "--color", "always"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(output.stdout.contains(&0x1b));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let scene = Scene::new();
    let mut child = scene
        .command("", env!("CARGO_BIN_EXE_holdfast"))
        .args(["explain", "codes"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn every_code_is_explained() {
    let scene = Scene::new();
    let codes = scene.holdfast(&["explain", "codes", "--json"]).expect(0).json();
    let codes = codes.as_array().unwrap();
    assert!(codes.len() > 10);
    for code in codes.iter().map(|code| code["code"].as_str().unwrap()) {
        scene.holdfast(&["explain", code]).expect(0).says("remedy:");
    }
    scene.holdfast(&["explain", "e_no_repositry"]).expect(1).says("Did you mean E_NO_REPOSITORY?");
}
