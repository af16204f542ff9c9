//! One timeline a kind: converge, quiet, tamper, repair, agent killed, host restarted, removed from Git.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{AptRepository, Host, Package, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::site::{AGENT, Site};

/// What a host should be, how it shows, how somebody spoils it, and what is left when Git no longer says it.
pub(crate) struct Kind<'a> {
    /// The resources in `hosts/NAME.toml`.
    pub(crate) state: &'a str,
    /// Shell that succeeds on a converged host.
    pub(crate) converged: &'static str,
    /// Shell that spoils it.
    pub(crate) tamper: &'static str,
    /// Shell that succeeds once the resources are gone from Git.
    pub(crate) removed: &'static str,
}

impl Kind<'_> {
    pub(crate) fn live(&self, host: Host) -> Result<()> {
        let site = Site::on(host, self.state)?;
        let holds = |shell: &str, when: &str| -> Result<()> {
            site.host.shell(shell).map(drop).with_context(|| format!("{when}, in {:?}", site.status()))
        };
        ensure!(site.sync()?.code == Some(0), "the first pass: {}", site.host.journal(AGENT)?);
        holds(self.converged, "converged")?;
        site.is_quiet().context("after the first pass")?;

        // Nobody asks for it.
        site.host.shell(self.tamper)?;
        wait::until("it is repaired", Duration::from_secs(30), || {
            Ok(site.host.shell(self.converged).is_ok())
        })
        .with_context(|| format!("{:?}", site.status()))?;

        site.host.kill(AGENT)?;
        site.host.shell(self.tamper)?;
        ensure!(site.host.shell(self.converged).is_err(), "tampering changed nothing");
        site.host.run(&["systemctl", "start", AGENT])?;
        site.sync()?.success()?;
        holds(self.converged, "after the agent was killed")?;

        site.host.run(&["systemctl", "stop", AGENT])?;
        site.host.shell(self.tamper)?;
        site.host.reboot()?;
        site.sync()?.success()?;
        holds(self.converged, "after a reboot")?;
        site.is_quiet().context("after a reboot")?;

        let status = site.apply("")?;
        assert_eq!(status.result, PassResult::Converged);
        holds(self.removed, "removed from Git")?;
        site.is_quiet().context("after the removal")
    }
}

#[test]
fn file() -> Result<()> {
    let kind = Kind {
        state: r#"
            [file."/etc/welcome"]
            content = "welcome\n"
            owner = "daemon"
            group = "adm"
            mode = "0640"
        "#,
        converged: r#"[ "$(cat /etc/welcome)" = welcome ] && [ "$(stat -c %U:%G:%a /etc/welcome)" = daemon:adm:640 ]"#,
        tamper: "echo owned >/etc/welcome; chmod 0666 /etc/welcome; chown root /etc/welcome",
        removed: "[ ! -e /etc/welcome ]",
    };
    kind.live(Host::boot("file")?)
}

#[test]
fn directory() -> Result<()> {
    let kind = Kind {
        state: r#"
            [directory."/etc/shop.d"]
            mode = "0750"
            group = "adm"
            purge = true
            [file."/etc/shop.d/10-own"]
            content = "ours"
        "#,
        converged: r#"[ "$(stat -c %G:%a /etc/shop.d)" = adm:750 ] && [ "$(ls /etc/shop.d)" = 10-own ]"#,
        tamper: "touch /etc/shop.d/20-foreign; mkdir -p /etc/shop.d/foreign.d/deep; chmod 0777 /etc/shop.d",
        removed: "[ ! -e /etc/shop.d ]",
    };
    kind.live(Host::boot("directory")?)
}

#[test]
fn symlink() -> Result<()> {
    let kind = Kind {
        state: r#"
            [symlink."/etc/zone"]
            target = "/usr/share/zoneinfo/Europe/Amsterdam"
        "#,
        converged: r#"[ "$(readlink /etc/zone)" = /usr/share/zoneinfo/Europe/Amsterdam ]"#,
        tamper: "ln -sfn /usr/share/zoneinfo/UTC /etc/zone",
        removed: "[ ! -L /etc/zone ]",
    };
    kind.live(Host::boot("symlink")?)
}

#[test]
fn package() -> Result<()> {
    let host = Host::boot("package")?;
    let repository = AptRepository::of(&[
        Package::new("shop", "1.0").depends("shop-data").program("/usr/bin/shop", "#!/bin/sh\necho shop\n"),
        Package::new("shop", "2.0").depends("shop-data").program("/usr/bin/shop", "#!/bin/sh\necho shop\n"),
        Package::new("shop-data", "1.0"),
        Package::new("telnet", "1.0"),
    ])?;
    repository.serve_to(&host)?;
    host.run(&["apt-get", "--yes", "install", "telnet"])?;
    let kind = Kind {
        state: r#"
            [package.shop]
            version = "1.*"
            hold = true
            [package.telnet]
            ensure = "absent"
        "#,
        converged: r#"[ "$(shop)" = shop ] && dpkg-query -W -f '${Version} ${db:Status-Abbrev}' shop | grep -q '^1.0 hi' && ! dpkg-query -W telnet"#,
        tamper: "apt-mark unhold shop; apt-get -y install shop telnet",
        // A package is only released: somebody else may have come to need it.
        removed: "shop",
    };
    kind.live(host)
}

#[test]
fn unit() -> Result<()> {
    let kind = Kind {
        state: r#"
            [unit."tick.service"]
            content = """
            [Service]
            ExecStart=/bin/sleep infinity
            [Install]
            WantedBy=multi-user.target
            """
            enabled = true
            active = true
            [unit."tick.service".drop_ins."10-nice.conf"]
            content = """
            [Service]
            Nice=5
            """
        "#,
        converged: r#"
            systemctl is-active --quiet tick && systemctl is-enabled --quiet tick &&
            [ "$(systemctl show --value -p Nice tick)" = 5 ] && [ "$(systemctl show --value -p NeedDaemonReload tick)" = no ]
        "#,
        tamper: "systemctl disable --now tick; rm /etc/systemd/system/tick.service.d/10-nice.conf",
        removed: "[ ! -e /etc/systemd/system/tick.service ] && [ ! -e /etc/systemd/system/tick.service.d ] && ! systemctl is-active tick",
    };
    kind.live(Host::boot("unit")?)
}

/// What was on the host before is given back as it is now, not removed: nobody knows who else needs it.
#[test]
fn what_was_there_before_is_only_released() -> Result<()> {
    let site = Site::of("[file.\"/etc/motd\"]\ncontent = \"ours\\n\"\n")?;
    site.sync()?.success()?;
    site.apply("")?;
    let told = site.resource("file:/etc/motd")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Released);
    assert_eq!(site.host.read_file("/etc/motd")?, "ours\n");
    site.is_quiet()
}
