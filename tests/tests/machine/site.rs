//! A fleet, its Git server and one enrolled host: where most tests begin.

use anyhow::{Context as _, Result, ensure};
use harness::{
    Fleet, Host, Output, docker,
    git_server::{PASSWORD, Repository, USER, WebServer},
};
use holdfast_schema::status::{ResourceStatus, Status, Summary};

/// The agent's unit.
pub(crate) const AGENT: &str = "holdfast-agent.service";

/// The host's name in the fleet, and its user's name on the Git server.
pub(crate) const NAME: &str = USER;
pub(crate) const STATE: &str = "hosts/web-1.toml";
pub(crate) const REPOSITORY: &str = "private/fleet.git";
/// The hook that lets a host write its own status branch and nothing else.
const UPDATE: &str = "#!/bin/sh
# The author pushes on the server's own disk and so has no user there.
[ -z \"$REMOTE_USER\" ] || [ \"$1\" = \"refs/heads/status/$REMOTE_USER\" ] && exit 0
echo \"$REMOTE_USER may not write $1\" >&2
exit 1
";

/// The part of `holdfast sync --json` that is looked at here.
#[derive(serde::Deserialize)]
struct Pass {
    status: Status,
}

/// One host and all that it needs to converge.
pub(crate) struct Site {
    pub(crate) fleet: Fleet,
    pub(crate) server: WebServer,
    pub(crate) host: Host,
}

impl Site {
    /// Boots a host, installs the package and enrols it in a new fleet that says `state` of it.
    pub(crate) fn of(state: &str) -> Result<Self> {
        Self::on(Host::boot("web-1")?, state)
    }

    /// The same on a host that was prepared before.
    pub(crate) fn on(host: Host, state: &str) -> Result<Self> {
        Self::at(WebServer::start_for_hosts(&docker::gateway()?)?, host, state)
    }

    /// The same with a Git server of its own.
    pub(crate) fn at(server: WebServer, host: Host, state: &str) -> Result<Self> {
        let site = Self::unenrolled(server, host, state)?;
        site.enrol()?;
        Ok(site)
    }

    /// All but the enrolment.
    pub(crate) fn unenrolled(server: WebServer, host: Host, state: &str) -> Result<Self> {
        let repository = server.repository(REPOSITORY)?;
        // What a fleet's server must enforce: a host writes its own status and nothing else.
        repository.hook("update", UPDATE)?;
        let fleet = Fleet::new(repository.path())?;
        fleet.change(STATE, state)?;
        host.manager.install_holdfast(&host)?;
        Ok(Self { fleet, server, host })
    }

    /// Enrols the host, which starts the agent.
    pub(crate) fn enrol(&self) -> Result<()> {
        self.enrol_as(&self.host, NAME).map(drop)
    }

    /// Enrols a host as `name`, which is its user's name on the Git server too. Gives what the command says.
    pub(crate) fn enrol_as(&self, host: &Host, name: &str) -> Result<String> {
        host.write_file("/root/password", PASSWORD)?;
        host.write_file("/root/ca.pem", self.server.ca())?;
        host.run(&["chmod", "0600", "/root/password"])?;
        let introduction = self.fleet.introduction()?;
        let url = self.server.https_url(REPOSITORY);
        let mut command = vec!["holdfast", "enrol", &introduction, &url, "--host", name, "--yes"];
        command.extend(["--user", name, "--password-file", "/root/password", "--ca", "/root/ca.pem"]);
        host.run(&command)
    }

    /// The fleet repository on the server's own disk.
    pub(crate) fn repository(&self) -> Repository {
        Repository::at(self.fleet.bare())
    }

    /// Commits a new state of the host and has the agent converge to it.
    pub(crate) fn apply(&self, state: &str) -> Result<Status> {
        self.publish(state)?;
        self.sync()?.success()?;
        self.status()
    }

    /// Commits a new state of the host without telling the agent.
    pub(crate) fn publish(&self, state: &str) -> Result<String> {
        self.fleet.change(STATE, state)
    }

    /// Has the agent poll and converge now, whatever comes of it.
    pub(crate) fn sync(&self) -> Result<Output> {
        self.host.output(&["holdfast", "sync"])
    }

    /// The status that the host last wrote to its branch, its signature checked by stock Git.
    pub(crate) fn status(&self) -> Result<Status> {
        let text = self.fleet.status(NAME, "status.toml")?.context("the host has written no status yet")?;
        toml::from_str(&text).with_context(|| format!("read a status:\n{text}"))
    }

    /// What the last status says of one resource; `None` if it is simply in order.
    pub(crate) fn resource(&self, id: &str) -> Result<Option<ResourceStatus>> {
        Ok(self.status()?.resource.into_iter().find(|resource| resource.id.to_string() == id))
    }

    /// Asserts that one more pass changes nothing. The status branch is not asked: such a pass has no news for it.
    pub(crate) fn is_quiet(&self) -> Result<()> {
        let plan = self.host.run(&["holdfast", "plan"]).context("something is left to do")?;
        let sync = self.host.output(&["holdfast", "sync", "--json"])?;
        ensure!(sync.code == Some(0), "{plan}\n{sync}");
        let pass: Pass = serde_json::from_slice(&sync.stdout).with_context(|| format!("read {sync}"))?;
        let Summary { changed, removed, .. } = pass.status.summary;
        ensure!(changed == 0 && removed == 0, "a second pass changed something: {:?}", pass.status);
        Ok(())
    }
}
