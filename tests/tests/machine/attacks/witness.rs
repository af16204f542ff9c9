//! Hosts tell how they are on branches that the server keeps. What it withholds or forges there is seen.

use anyhow::{Context as _, Result};
use harness::{Host, deb};

use super::history::goes_on;
use crate::{
    last_good::{EVIL, GOOD, good, is_refused},
    site::{NAME, STATE, Site},
};

/// The line of `holdfast fleet status` about one host. Something is not in order.
fn seen(site: &Site, host: &str) -> Result<String> {
    let bare = site.fleet.bare().display().to_string();
    let output = site.fleet.output(&["fleet", "status", "--url", &bare])?;
    assert_eq!(output.code, Some(1), "{output}");
    let text = output.text();
    let line = text.lines().find(|line| line.contains(host));
    Ok(line.with_context(|| format!("no {host} in {output}"))?.to_owned())
}

/// The line in a host's own file that says which key its statuses are signed with.
fn status_key(host: &Host) -> Result<String> {
    let key = host.run(&["ssh-keygen", "-y", "-f", "/etc/holdfast/host_key"])?;
    Ok(format!("status_key = \"{}\"\n", key.trim()))
}

/// T19: two signed revisions on one parent, one shown to each host.
#[test]
fn a_split_view_is_seen() -> Result<()> {
    let site = good()?;
    let other = Host::boot("web-2")?;
    other.install_deb(&deb::path()?)?;
    site.server.admit("web-2")?;
    site.fleet.change("hosts/web-2.toml", GOOD)?;
    site.enrol_as(&other, "web-2")?;
    site.fleet.write(STATE, &(status_key(&site.host)? + GOOD))?;
    site.fleet.write("hosts/web-2.toml", &(status_key(&other)? + GOOD))?;
    site.fleet.commit("keys")?;
    site.sync()?.success()?;
    other.run(&["holdfast", "sync"])?;

    site.fleet.commit("as one host is shown it")?;
    site.sync()?.success()?;
    site.fleet.git(&[
        "commit",
        "--quiet",
        "--amend",
        "--allow-empty",
        "--gpg-sign",
        "--message",
        "as the other one is",
    ])?;
    site.fleet.push()?;
    other.run(&["holdfast", "sync"])?;
    let (first, second) = (seen(&site, NAME)?, seen(&site, "web-2")?);
    assert!(first.contains("not on the branch"), "{first}");
    assert!(second.contains("newest") && second.contains("converged"), "{second}");
    // The host notices it too as soon as it is shown what the other one was.
    is_refused(&site, "E_NOT_FAST_FORWARD", "")
}

/// T44: the server lets a host write where another one should, or is asked to by its administrator.
#[test]
fn a_status_that_another_host_forged_is_told_apart() -> Result<()> {
    let site = good()?;
    site.fleet.change(STATE, &(status_key(&site.host)? + GOOD))?;
    site.sync()?.success()?;
    let repository = site.repository();
    let branch = format!("refs/heads/status/{NAME}");
    let own = repository.git(["rev-parse", &branch])?;
    site.fleet.make_key("web-2")?;
    let forge = |text: &str| {
        site.fleet.shell(&format!(
            "git fetch --quiet origin {branch} && git checkout --quiet --detach FETCH_HEAD\n\
             {text}\n\
             git -c user.signingKey={} commit --quiet --all --allow-empty --gpg-sign --message 'all is well'\n\
             git push --quiet --force origin HEAD:{branch} && git checkout --quiet --force main",
            site.fleet.key("web-2").display()
        ))
    };
    forge("sed -i 's/^time = .*/time = \"2030-01-01T00:00:00Z\"/' status.toml")?;
    let line = seen(&site, NAME)?;
    assert!(line.contains("FORGED") && !line.contains("converged"), "{line}");
    // The host goes on, leaves alone what is not its own, and says so.
    site.publish(&(status_key(&site.host)? + GOOD + "# more\n"))?;
    site.host.write_file("/etc/motd", "drift")?;
    let sync = site.sync()?;
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n", "{sync}");
    let status = site.host.output(&["holdfast", "status"])?;
    assert!(status.to_string().contains("which this host's key did not sign"), "{status}");
    repository.git(["update-ref", &branch, &own])?;
    goes_on(&site)
}

/// T43: what a host has on the Git server is tried on everything that is there.
#[test]
fn a_host_s_credential_writes_nothing_but_its_own_status() -> Result<()> {
    let site = good()?;
    let repository = site.repository();
    repository.git(["update-ref", "refs/heads/status/web-2", "refs/heads/main"])?;
    let before = repository.git(["for-each-ref"])?;
    let key = String::from_utf8(site.host.command(&["cat", "/etc/holdfast/host_key"]).output()?.stdout)?;
    site.fleet.write("../host_key", &key)?;
    site.fleet
        .write("../host_key.pub", &site.host.run(&["ssh-keygen", "-y", "-f", "/etc/holdfast/host_key"])?)?;
    site.fleet.write("../ca.pem", site.server.ca())?;
    let url = site.server.https_url(crate::site::REPOSITORY);
    let url = url.replace("https://", &format!("https://{NAME}:{}@", harness::git_server::PASSWORD));
    site.fleet.shell(&format!(
        "chmod 0600 ../host_key\n\
         git checkout --quiet -b evil && printf '%s' '{EVIL}' >{STATE}\n\
         git -c user.signingKey=$PWD/../host_key commit --quiet --all --gpg-sign --message evil\n\
         git remote add host {url} && git config http.sslCAInfo $PWD/../ca.pem"
    ))?;
    for target in [
        "HEAD:refs/heads/main",
        ":refs/heads/main",
        "HEAD:refs/heads/new",
        "HEAD:refs/heads/status/web-2",
        ":refs/heads/status/web-2",
        "HEAD:refs/tags/ok/main/web-1",
        "HEAD:refs/tags/reset/1/web-1",
        "HEAD:refs/tags/stop/main/web-1",
        "HEAD:refs/replace/0123456789012345678901234567890123456789",
        "HEAD:refs/notes/commits",
        "HEAD:refs/heads/status/web-1/below",
    ] {
        let pushed = site.fleet.git(&["push", "--quiet", "--force", "host", target]);
        assert!(pushed.is_err(), "{target} was written");
    }
    assert_eq!(repository.git(["for-each-ref"])?, before);
    // Its own branch it may write.
    site.fleet.git(&["push", "--quiet", "--dry-run", "--force", "host", "HEAD:refs/heads/status/web-1"])?;

    // And where the server lets everything pass, nobody follows a host's key.
    site.fleet.git(&["push", "--quiet", "--force", "origin", "HEAD:main"])?;
    is_refused(&site, "E_KEY_UNKNOWN", "")?;
    site.fleet.git(&["checkout", "--quiet", "--force", "main"])?;
    goes_on(&site)
}
