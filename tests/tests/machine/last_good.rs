//! A host that has a good state, and keeps it whatever comes after.

use anyhow::{Context as _, Result};
use harness::Host;
use holdfast_schema::status::PassResult;

use crate::site::Site;

/// A state with one file.
pub(crate) const GOOD: &str = "[file.\"/etc/motd\"]\ncontent = \"good\\n\"\n";
/// The same file as an attacker wants it.
pub(crate) const EVIL: &str = "[file.\"/etc/motd\"]\ncontent = \"evil\\n\"\n";

/// A host that has converged to [`GOOD`].
pub(crate) fn good() -> Result<Site> {
    let site = Site::of(GOOD)?;
    site.sync()?.success()?;
    Ok(site)
}

/// Asserts that the newest revision is refused with `code`, and that the last good one is in force: drift is repaired.
pub(crate) fn is_refused(site: &Site, code: &str, message: &str) -> Result<()> {
    site.host.write_file("/etc/motd", "drift")?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n");
    let status = site.status()?;
    assert_eq!(status.result, PassResult::Held, "{status:?}");
    assert_ne!(status.revision.attempted, status.revision.applied);
    let problem = status.problem.iter().find(|problem| problem.code == code);
    let problem = problem.with_context(|| format!("no {code} in {:?}", status.problem))?;
    assert!(
        problem.message.contains(message) || problem.at.as_deref().is_some_and(|at| at.contains(message)),
        "{problem:?}"
    );
    assert!(problem.remedy.is_some(), "no remedy: {problem:?}");
    Ok(())
}

/// Asserts that the agent says `code` of the Git server and keeps the last good state up meanwhile.
pub(crate) fn is_out_of_reach(host: &Host, code: &str) -> Result<()> {
    host.write_file("/etc/motd", "drift")?;
    let sync = host.output(&["holdfast", "sync"])?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert!(sync.to_string().contains(code) && sync.to_string().contains("remedy:"), "{sync}");
    assert_eq!(host.read_file("/etc/motd")?, "good\n");
    let status = host.output(&["holdfast", "status"])?;
    assert!(status.to_string().contains(code), "{status}");
    Ok(())
}
