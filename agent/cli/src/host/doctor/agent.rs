//! The services: whether Git answers, the agent runs, and its status reaches the branch.

use std::path::Path;

use holdfast_agent::{
    remote::Remote as _,
    revision,
    settings::{Paths, Settings},
};
use holdfast_protocol::{
    control::Request,
    fetch::{self, Reply},
};
use holdfast_schema::status::PassResult;

use super::Finding;
use crate::{
    Context,
    failure::{Code, Failure},
    host::{agent::Agent, newest, report, settings},
    time::ago,
};

/// Whether the Git server answers, asked as the agent asks.
pub(super) fn git(paths: &Paths, settings: &Settings) -> Finding {
    let request = fetch::Request::Poll {
        remote: settings.fleet.clone(),
        reference: settings.reference(),
        known: None,
        base: settings.introduction.commit,
        at: None,
    };
    match settings::fetcher(paths, settings).exchange(&request, &[], &mut std::io::sink()) {
        Ok(Reply::Changed { tip, .. }) => {
            Finding::ok("git", format!("{} is at {}", settings.branch, tip.short()))
        }
        Ok(Reply::Diverged { tip, .. }) => {
            Finding::fail("git", &newest::refused(&revision::diverged(tip, settings.introduction.commit)))
        }
        Ok(Reply::Failed(failure)) | Err(failure) => Finding::fail("git", &newest::failed(failure)),
        Ok(other) => {
            let failure = Failure::new(Code::Fetch, format!("the fetcher answered a poll with {other:?}"));
            Finding::fail("git", &failure)
        }
    }
}

/// How the agent is, by its own word.
pub(super) fn agent(root: &Path, context: &Context) -> Vec<Finding> {
    let report = match Agent::of(root).ask(&Request::Status, &mut |_| Ok(())) {
        Ok(report) => report,
        Err(failure) => return vec![Finding::fail("agent", &failure)],
    };
    let status = &report.status;
    let told = format!("{}, told {}", report::summary(&status.summary), ago(&status.time, context.now));
    let agent = match status.result {
        PassResult::Converged => Finding::ok("agent", format!("converged: {told}")),
        result => Finding::warning(
            "agent",
            format!("{}: {told}", result.as_str()),
            "`holdfast status` tells what stands in the way.",
        ),
    };
    let branch = match (&report.local.push_failure, &report.local.pushed) {
        (Some(why), _) => {
            let failure =
                Failure::new(Code::StatusNotPushed, format!("the status did not reach its branch: {why}"));
            Finding::fail("status branch", &failure)
        }
        (None, Some(pushed)) => Finding::ok("status branch", format!("pushed at {}", report::short(pushed))),
        (None, None) => Finding::warning(
            "status branch",
            "nothing was pushed yet",
            "Wait for the first pass, or run `holdfast sync`.",
        ),
    };
    vec![agent, branch]
}
