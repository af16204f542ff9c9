//! The branch is led elsewhere: back, aside, to another fleet.

use anyhow::Result;
use holdfast_schema::status::PassResult;

use crate::{
    last_good::{EVIL, GOOD, good, is_refused},
    site::{AGENT, STATE, Site},
};

/// Asserts that the next good commit is taken as if nothing had been.
pub(super) fn goes_on(site: &Site) -> Result<()> {
    site.host.write_file("/etc/motd", "drift")?;
    site.fleet.commit("the next good one")?;
    site.sync()?.success()?;
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n");
    assert_eq!(site.status()?.result, PassResult::Converged);
    Ok(())
}

/// T7: each commit that was ever the tip.
#[test]
fn every_older_tip_is_refused() -> Result<()> {
    let site = Site::of(EVIL)?;
    for number in 0..3 {
        site.apply(&format!("{EVIL}# {number}\n"))?;
    }
    site.apply(GOOD)?;
    let all = site.fleet.git(&["rev-list", "--first-parent", "HEAD~1"])?;
    assert_eq!(all.lines().count(), 5, "{all}");
    let newest = site.fleet.git(&["rev-parse", "HEAD"])?;
    for old in all.lines() {
        site.fleet.git(&["push", "--quiet", "--force", "origin", &format!("{old}:main")])?;
        is_refused(&site, "E_NOT_FAST_FORWARD", old.get(..7).unwrap_or_default())?;
    }
    site.fleet.git(&["reset", "--quiet", "--hard", newest.trim()])?;
    goes_on(&site)
}

/// T18: what was refused leaves nothing that keeps the next good commit out.
#[test]
fn an_unsigned_commit_that_is_withdrawn_again_strands_nobody() -> Result<()> {
    let site = good()?;
    let good = site.fleet.git(&["rev-parse", "HEAD"])?;
    site.fleet.write(STATE, EVIL)?;
    site.fleet.git(&["commit", "--quiet", "--all", "--no-gpg-sign", "--message", "no signature"])?;
    site.fleet.push()?;
    is_refused(&site, "E_UNSIGNED", "")?;
    // The agent that starts anew has not taken it in either.
    site.host.run(&["systemctl", "restart", AGENT])?;
    is_refused(&site, "E_UNSIGNED", "")?;
    site.fleet.git(&["reset", "--quiet", "--hard", good.trim()])?;
    site.fleet.push()?;
    site.sync()?.success()?;
    assert_eq!(site.status()?.result, PassResult::Converged);
    goes_on(&site)
}

/// The author and Bob, of whom two must agree to who may do what, and one to all else.
const TEAM: &str = "intent = \"required\"
epoch = 1
[role.root]
people = [\"author@example.org\", \"bob@example.org\"]
need = 2
[role.deploy]
people = [\"author@example.org\", \"bob@example.org\"]
need = 1
";

/// T11: Bob signed it, on a branch of his own, and never meant it to be deployed.
#[test]
fn work_in_progress_that_is_moved_onto_main_is_refused() -> Result<()> {
    let site = good()?;
    let fleet = &site.fleet;
    fleet.make_key("bob")?;
    fleet.shell(&format!(
        "echo 'bob@example.org namespaces=\"git\" '$(cat {}.pub) >>.trust/allowed_signers\n\
         cat >>.trust/policy.toml <<'END'\n{TEAM}END\n",
        fleet.key("bob").display()
    ))?;
    fleet.commit("a team")?;
    is_refused(&site, "E_THRESHOLD", "")?;
    fleet.tag("bob", "ok/main/team", "yes")?;
    site.sync()?.success()?;

    let key = format!("user.signingKey={}", fleet.key("bob").display());
    fleet.write(STATE, EVIL)?;
    fleet.git(&[
        "-c",
        &key,
        "commit",
        "--quiet",
        "--all",
        "--gpg-sign",
        "--message",
        "try it\n\nDeploy: wip",
    ])?;
    fleet.git(&["push", "--quiet", "origin", "HEAD:wip"])?;
    site.sync()?.success()?;
    fleet.push()?;
    is_refused(&site, "E_INTENT", "")?;
    // Nor does it help to say yes to it for another branch, and to call that one for this.
    fleet.tag("bob", "ok/wip/try", "looks fine")?;
    let tag = fleet.git(&["rev-parse", "ok/wip/try"])?;
    site.repository().git(["update-ref", "refs/tags/ok/main/try", tag.trim()])?;
    is_refused(&site, "E_INTENT", "")?;

    fleet.write(STATE, GOOD)?;
    fleet.git(&["reset", "--quiet", "--soft", "HEAD~1"])?;
    fleet.git(&[
        "commit",
        "--quiet",
        "--all",
        "--allow-empty",
        "--gpg-sign",
        "--message",
        "good\n\nDeploy: main",
    ])?;
    fleet.push()?;
    site.sync()?.success()?;
    assert_eq!(site.status()?.result, PassResult::Converged);
    Ok(())
}

/// The brake, and who may let it go.
#[test]
fn a_rollout_that_somebody_stopped_is_held() -> Result<()> {
    let site = good()?;
    let fleet = &site.fleet;
    fleet.tag("author", "stop/main/certificate", "the certificate is wrong")?;
    site.sync()?.success()?;
    site.publish(EVIL)?;
    is_refused(&site, "E_HALTED", "the certificate is wrong")?;
    // Whoever has the server cannot make it forgotten.
    let stop = fleet.git(&["rev-parse", "stop/main/certificate"])?;
    fleet.git(&["push", "--quiet", "origin", ":refs/tags/stop/main/certificate"])?;
    site.host.run(&["systemctl", "restart", AGENT])?;
    is_refused(&site, "E_HALTED", "author@example.org")?;
    fleet.change(STATE, GOOD)?;
    is_refused(&site, "E_HALTED", "")?;
    fleet.tag("author", "go/main/mended", &format!("mended\n\nLifts: {stop}"))?;
    site.sync()?.success()?;
    assert_eq!(site.status()?.result, PassResult::Converged);
    goes_on(&site)
}

/// The same people's other fleet, at the same address: a repository of its own, or one that began as this one.
#[test]
fn another_fleet_of_the_same_people_is_refused() -> Result<()> {
    let site = good()?;
    let good = site.fleet.git(&["rev-parse", "HEAD"])?;
    let other = "sed -i 's/^fleet = .*/fleet = \"0123456789abcdef0123456789abcdef\"/' .trust/policy.toml";
    site.fleet.shell(other)?;
    site.fleet.change(STATE, EVIL)?;
    is_refused(&site, "E_FLEET", "0123456789abcdef")?;

    site.fleet.git(&["checkout", "--quiet", "--orphan", "other"])?;
    site.fleet.commit("another fleet")?;
    is_refused(&site, "E_NOT_FAST_FORWARD", "")?;
    // Even a host that has lost all it knew is not introduced to it.
    site.host.shell(&format!(
        "systemctl stop {AGENT} && rm -r /var/lib/holdfast && systemctl start {AGENT} && echo drift >/etc/motd"
    ))?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert!(sync.to_string().contains("E_NOT_FAST_FORWARD"), "{sync}");
    assert_eq!(site.host.read_file("/etc/motd")?, "drift\n");

    site.fleet.git(&["checkout", "--quiet", "--force", good.trim()])?;
    goes_on(&site)
}

/// T20: a restored machine, and a server that shows it the revision of then.
#[test]
fn a_host_without_its_memory_is_not_led_back() -> Result<()> {
    let site = Site::of(EVIL)?;
    site.sync()?.success()?;
    let old = site.fleet.git(&["rev-parse", "HEAD"])?;
    site.apply(GOOD)?;
    site.host.shell(&format!("systemctl stop {AGENT} && rm -r /var/lib/holdfast"))?;
    site.fleet.git(&["push", "--quiet", "--force", "origin", &format!("{}:main", old.trim())])?;
    site.host.run(&["systemctl", "start", AGENT])?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n", "{sync}");
    let problems = site.status()?.problem;
    let told = problems.iter().any(|told| told.code == "E_NOT_FAST_FORWARD" && told.remedy.is_some());
    assert!(told, "{problems:?}");
    goes_on(&site)
}
