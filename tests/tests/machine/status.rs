//! The status branch, read with stock Git as a colleague would.

use anyhow::{Context as _, Result, ensure};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::site::{NAME, Site};

#[test]
fn a_status_is_signed_with_the_hosts_own_key_and_reads_well() -> Result<()> {
    let site = Site::of("[file.\"/etc/motd\"]\ncontent = \"hello-canary\\n\"\n")?;
    site.sync()?.success()?;
    let commit = site.fleet.git(&["rev-parse", "HEAD"])?;
    let status = site.status()?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(status.host.to_string(), NAME);
    assert_eq!(status.revision.applied.as_deref(), Some(commit.trim()));
    assert_eq!(status.revision.attempted, status.revision.applied);

    let key = site.host.run(&["ssh-keygen", "-y", "-f", "/etc/holdfast/host_key"])?;
    let signers = site.fleet.work().join("../hosts");
    let signers = signers.to_string_lossy();
    site.fleet.write("../hosts", &format!("{NAME} {key}"))?;
    site.fleet.git(&["fetch", "--quiet", "origin", "status/web-1"])?;
    site.fleet.git(&[
        "-c",
        &format!("gpg.ssh.allowedSignersFile={signers}"),
        "verify-commit",
        "FETCH_HEAD",
    ])?;

    let page = site.fleet.status(NAME, "README.md")?.context("no page for people")?;
    for words in [NAME, commit.get(..7).unwrap_or_default()] {
        ensure!(page.contains(words), "the page says nothing of {words}:\n{page}");
    }
    let all = site.fleet.git(&["log", "--patch", "FETCH_HEAD"])?;
    ensure!(!all.contains("hello-canary"), "a file's content is in the status");
    let subject = site.fleet.git(&["log", "--format=%s", "-1", "FETCH_HEAD"])?;
    ensure!(subject.starts_with("converged "), "{subject}");
    Ok(())
}

#[test]
fn what_is_only_audited_is_told_and_left_alone() -> Result<()> {
    let site = Site::of("[file.\"/etc/motd\"]\ncontent = \"wanted\"\naudit = true\n")?;
    site.host.write_file("/etc/motd", "found")?;
    site.sync()?;
    assert_eq!(site.host.read_file("/etc/motd")?, "found");
    let told = site.resource("file:/etc/motd")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Differs, "{told:?}");
    Ok(())
}

#[test]
fn a_pass_that_would_remove_too_much_is_held() -> Result<()> {
    let file = |file: &u32| format!("[file.\"/etc/many-{file}\"]\ncontent = \"x\"\n");
    let files = |count| (0..count).collect::<Vec<_>>().iter().map(file).collect::<String>();
    let site = Site::of(&files(20))?;
    site.sync()?.success()?;
    site.publish(&files(2))?;
    ensure!(site.sync()?.code != Some(0));
    for file in 0..20 {
        ensure!(site.host.has(&format!("/etc/many-{file}"))?, "it removed /etc/many-{file}");
    }
    let status = site.status()?;
    ensure!(format!("{status:?}").contains("E_REMOVAL_GUARD"), "{status:?}");
    Ok(())
}
