//! Origins in words.

use holdfast_schema::{
    Location,
    explain::{FieldOrigin, Setting},
};

use super::*;

fn setting(value: &str, layer: &str, path: &str, line: u32) -> Setting {
    let at = Location { path: path.into(), line, column: 1, length: 1, excerpt: String::new() };
    Setting { value: value.into(), layer: layer.into(), at }
}

#[test]
fn the_winner_comes_first_and_the_overridden_below() {
    let explanation = Explanation {
        id: "file:/etc/motd".parse().unwrap(),
        applies: true,
        fields: vec![
            FieldOrigin {
                field: "content".into(),
                winner: setting("\"hello\"", "host web-1", "hosts/web-1.toml", 9),
                overridden: vec![setting("\"hi\"", "role base", "roles/base/role.toml", 4)],
            },
            FieldOrigin {
                field: "mode".into(),
                winner: setting("\"0644\"", "role base", "roles/base/role.toml", 5),
                overridden: vec![],
            },
        ],
    };
    let text = lines(&explanation, &"web-1".parse().unwrap()).join("\n");
    let text: String = text.chars().filter(|char| !('\u{FDD0}'..='\u{FDD6}').contains(char)).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn a_long_value_is_cut() {
    assert_eq!(first_line("\"a\""), "\"a\"");
    assert_eq!(first_line("\"\"\"\na\n\"\"\""), "\"\"\"…");
    assert_eq!(first_line(&"x".repeat(60)), format!("{}…", "x".repeat(48)));
}

#[test]
fn every_code_is_found_and_a_near_miss_helps() {
    assert!(codes::all().is_sorted());
    // One of each room.
    for code in [
        "E_NO_REPOSITORY",
        "E_GIT_AUTH",
        "E_TOML",
        "E_UNSIGNED",
        "E_CEILING",
        "E_DISK_FULL",
        "E_NOT_CONVERGED",
    ] {
        assert_eq!(codes::find(code).unwrap().0, code);
    }
    assert_eq!(codes::nearest("E_NO_REPOSITRY"), Some("E_NO_REPOSITORY"));
    assert_eq!(codes::nearest("WHATEVER"), None);
}
