//! `holdfast doctor`: looks at all that the agent needs, one by one, and changes nothing.

use serde::Serialize;

use crate::{
    Context,
    arguments::host::Doctor,
    exit::Exit,
    failure::Failure,
    output::{Style, table},
};

mod agent;
mod place;
mod system;

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    /// How it is.
    verdict: Verdict,
    /// What was found, in one line.
    message: String,
    /// The stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// It may become a problem, or could not be told.
    Warning,
    /// It keeps the host from converging, or others from knowing.
    Fail,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, message: message.into(), code: None, remedy: None }
    }

    fn warning(check: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { check, verdict: Verdict::Warning, message: message.into(), code: None, remedy }
    }

    fn fail(check: &'static str, failure: &Failure) -> Self {
        let causes = std::iter::successors(std::error::Error::source(failure), |error| error.source());
        let message =
            std::iter::once(failure.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>();
        Self {
            check,
            verdict: Verdict::Fail,
            message: message.join(": "),
            code: Some(failure.code().to_owned()),
            remedy: failure.remedy().map(str::to_owned),
        }
    }
}

/// Looks for whatever keeps this host from converging.
pub(crate) fn run(arguments: &Doctor, context: &Context) -> Result<Exit, Failure> {
    let findings = examine(arguments, context);
    if arguments.json {
        context.output.json(&findings)?;
    } else {
        for line in lines(&findings) {
            context.output.line(line)?;
        }
    }
    let fails = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if fails { Exit::Problem } else { Exit::Success })
}

fn examine(arguments: &Doctor, context: &Context) -> Vec<Finding> {
    let paths = super::settings::paths(&arguments.root);
    let settings = holdfast_agent::settings::Settings::load(&paths);
    let mut findings = vec![place::enrolment(&settings)];
    if settings.is_ok() {
        findings.push(place::host_key(&paths));
    }
    findings.push(place::memory(&paths));
    findings.extend(place::space(&paths));
    findings.push(system::clock());
    findings.extend(system::managers(&arguments.root));
    if let Ok(settings) = &settings {
        findings.push(agent::git(&paths, settings));
        findings.extend(agent::agent(&arguments.root, context));
    }
    findings
}

fn lines(findings: &[Finding]) -> Vec<String> {
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            let verdict = match finding.verdict {
                Verdict::Ok => Style::Good.of("ok"),
                Verdict::Warning => Style::Warning.of("warning"),
                Verdict::Fail => Style::Bad.of("FAIL"),
            };
            let code = finding.code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
            vec![verdict, finding.check.to_owned(), format!("{}{code}", finding.message)]
        })
        .collect();
    let mut lines = Vec::new();
    for (line, finding) in table(&rows).into_iter().zip(findings) {
        lines.push(line);
        lines.extend(
            finding.remedy.iter().map(|remedy| format!("         {} {remedy}", Style::Good.of("remedy:"))),
        );
    }
    lines
}

#[cfg(test)]
mod tests;
