//! The definitions are sound and complete.

use std::collections::BTreeSet;

use super::*;

/// Every command without subcommands of its own, by its full name.
fn leaves(command: &clap::Command, prefix: &str) -> Vec<(String, clap::Command)> {
    command
        .get_subcommands()
        .flat_map(|sub| {
            let name = format!("{prefix}{}", sub.get_name());
            if sub.has_subcommands() { leaves(sub, &format!("{name} ")) } else { vec![(name, sub.clone())] }
        })
        .collect()
}

#[test]
fn clap_finds_no_fault() {
    command().debug_assert();
}

#[test]
fn every_command_is_in_just_one_group() {
    let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let command = definitions();
    let defined: BTreeSet<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), defined);
    assert_eq!(grouped.len(), defined.len(), "a command is listed twice");
}

#[test]
fn every_command_says_what_it_does() {
    for (name, command) in leaves(&definitions(), "") {
        let about = command.get_about().unwrap_or_else(|| panic!("{name} has no help")).to_string();
        assert!(!about.ends_with('.') && about.len() <= 72, "{name}: {about:?}");
        assert!(command.get_long_about().is_some(), "{name} has no long help");
        for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
            assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
        }
    }
}

#[test]
fn examples_are_command_lines_that_parse() {
    let mut seen = 0;
    for (name, leaf) in leaves(&definitions(), "") {
        let Some(examples) = leaf.get_after_long_help().map(ToString::to_string) else { continue };
        let joined = examples.replace("\\\n", " ");
        for line in joined.lines().filter(|line| line.starts_with("  ") && !line.starts_with("      ")) {
            let line = line.rsplit("&& ").next().and_then(|line| line.split(" | ").next()).unwrap();
            let line =
                line.trim().trim_start_matches("sudo ").replace("\"$(holdfast trust intro)\"", "intro1");
            if line.contains('…') && !line.contains("intro1.6f1c…") {
                continue; // only a hint
            }
            let line = line.replace('"', "");
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[0], "holdfast", "{name}: {line}");
            let words = if line.contains("--reason") {
                // The one example whose quotes matter.
                let reason = words.iter().position(|word| *word == "--reason").unwrap();
                let until = words.iter().position(|word| *word == "--until").unwrap();
                let mut kept = words[..=reason].to_vec();
                kept.push("reason");
                kept.extend(&words[until..]);
                kept
            } else {
                words
            };
            command().try_get_matches_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} examples were found");
}

#[test]
fn durations_need_a_unit() {
    use std::time::Duration;
    assert_eq!(host::duration("90m"), Ok(Duration::from_mins(90)));
    assert_eq!(host::duration("7d"), Ok(Duration::from_hours(7 * 24)));
    for wrong in ["", "m", "90", "1.5h", "-1h", "5ü", "4294967296s"] {
        assert!(host::duration(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_main_help_reads_well() {
    insta::assert_snapshot!(command().render_help().to_string());
}

#[test]
fn the_long_help_reads_well() {
    let mut command = command();
    let render = command.find_subcommand_mut("render").unwrap();
    insta::assert_snapshot!(render.render_long_help().to_string());
}
