//! Findings in words.

use super::*;

#[test]
fn findings_line_up_and_remedies_stand_below() {
    let failure =
        Failure::coded("E_GIT_AUTH", "the server does not accept the credential", Some("Renew it."));
    let findings = [
        Finding::ok("enrolment", "web-1 follows main"),
        Finding::warning("clock", "not synchronised", "Start a time service."),
        Finding::fail("git", &failure.because("401")),
    ];
    let text = lines(&findings).join("\n");
    let text: String = text.chars().filter(|char| !('\u{FDD0}'..='\u{FDD6}').contains(char)).collect();
    insta::assert_snapshot!(text);
}
