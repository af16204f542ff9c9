//! How a problem looks.

use super::*;

fn shown(problems: &Problems) -> String {
    let text = lines(problems).join("\n");
    text.chars().filter(|char| !('\u{FDD0}'..='\u{FDD6}').contains(char)).collect()
}

fn at(line: u32, column: u32, length: u32, excerpt: &str) -> Location {
    Location { path: "hosts/web-1.toml".into(), line, column, length, excerpt: excerpt.into() }
}

#[test]
fn a_problem_shows_its_line_with_a_caret() {
    let problem = Problem::new("E_UNKNOWN_KEY", "there is no key \"pakage\" here")
        .at(at(12, 2, 6, "[pakage.nginx]"))
        .related("the other place", at(3, 1, 3, "abc"))
        .remedy("write \"package\"");
    insta::assert_snapshot!(shown(&problem.into()));
}

#[test]
fn the_caret_stays_in_the_line_and_under_tabs() {
    let problems = vec![
        Problem::new("E_A", "a").at(at(1, 3, 99, "\t\tß = 1")),
        Problem::new("E_B", "b").at(at(1, 6, 1, "x = [")),
        Problem::new("E_C", "c").at(Location::file("roles/web/files/a")),
    ];
    insta::assert_snapshot!(shown(&problems.into()));
}

#[test]
fn many_hosts_are_counted() {
    let mut problem = Problem::new("E_X", "x");
    problem.hosts = (0..8).map(|n| format!("web-{n}").parse().unwrap()).collect();
    assert!(shown(&problem.into()).contains("on: web-0, web-1, web-2, web-3, web-4, 3 more"));
}

#[test]
fn problems_are_counted_by_file() {
    let (one, two) = (
        Problem::new("E_A", "a").at(at(1, 1, 1, "x")),
        Problem::new("E_B", "b").at(Location::file("fleet.toml")),
    );
    assert_eq!(count(&one.clone().into()), "1 problem in 1 file");
    assert_eq!(count(&vec![one, two].into()), "2 problems in 2 files");
    assert_eq!(count(&Problem::new("E_C", "c").into()), "1 problem");
}
