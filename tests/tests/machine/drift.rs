//! Drift on a real host: seen when it happens and repaired without anybody asking, whatever way it came about.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{Host, Manager, Package, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

mod culprits;
mod kinds;
mod storms;

with_every_manager! {
    a_package_that_somebody_removed_or_moved_is_put_back,
}

/// How long a repair may take in a test: machines are slow at times.
const SOON: Duration = Duration::from_secs(20);

const STATE: &str = r#"
    [file."/etc/app/conf"]
    content = "ours\n"
    [directory."/etc/app"]
    [symlink."/etc/app/link"]
    target = "conf"
    [unit."app.service"]
    content = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    enabled = true
    active = true
    restart_on = ["file:/etc/app/conf"]
"#;

const IN_ORDER: &str = "[ \"$(cat /etc/app/conf)\" = ours ] && [ ! -L /etc/app/conf ] && \
    [ \"$(stat -c %U:%a /etc/app/conf)\" = root:644 ] && [ \"$(readlink /etc/app/link)\" = conf ] && \
    systemctl --quiet is-active app && systemctl --quiet is-enabled app && \
    [ \"$(systemctl show --value --property=NeedDaemonReload app)\" = no ] && \
    ! grep --quiet theirs /etc/systemd/system/app.service";

fn converged() -> Result<Site> {
    let site = Site::of(STATE)?;
    site.sync()?.success()?;
    site.host.shell(IN_ORDER)?;
    Ok(site)
}

/// Spoils a host in one way, and waits until it is in order again.
fn is_repaired(host: &Host, way: &str) -> Result<()> {
    // Each way is a repair of its own, and no fight.
    host.run(&["holdfast", "sync"])?;
    host.shell(way).with_context(|| way.to_owned())?;
    wait::until("it is in order again", SOON, || Ok(host.shell(IN_ORDER).is_ok()))
        .with_context(|| way.to_owned())
}

#[test]
fn files_links_and_directories_come_back_whatever_way_they_were_changed() -> Result<()> {
    let site = converged()?;
    for way in [
        "echo theirs >/etc/app/conf",
        "sed -i s/ours/theirs/ /etc/app/conf",
        "echo theirs >/etc/app/x && mv /etc/app/x /etc/app/conf",
        "echo theirs >/tmp/x && cp /tmp/x /etc/app/conf",
        "truncate --size=0 /etc/app/conf",
        "chmod 0666 /etc/app/conf",
        "chown daemon /etc/app/conf",
        "rm /etc/app/conf",
        "ln -sfn elsewhere /etc/app/link",
        "mv /etc/app /etc/gone",
        "rm -r /etc/app",
        "mkdir /etc/other && mv /etc/app /etc/old && mv /etc/other /etc/app",
    ] {
        is_repaired(&site.host, way)?;
    }
    // What was overwritten is kept.
    let history = site.host.run(&["holdfast", "history"])?;
    ensure!(history.contains("overwrote /etc/app/conf"), "{history}");
    Ok(())
}

/// With the editors that people have; nano's keys are those of "save" and "quit".
#[test]
fn what_editors_write_is_seen() -> Result<()> {
    let site = Site::on(Host::boot_with("edited", "vim-tiny,nano,attr")?, STATE)?;
    site.sync()?.success()?;
    let vim = |options: &str| {
        format!("vim.tiny -es -u NONE -c 'set {options}' -c '%s/ours/theirs/' -c wq /etc/app/conf")
    };
    let ways = [
        vim("nobackup nowritebackup"),
        vim("writebackup backupcopy=no"),
        vim("backup backupcopy=yes"),
        r"printf 'theirs\023\030' | TERM=xterm script --quiet --command 'nano --saveonexit /etc/app/conf' /dev/null".to_owned(),
    ];
    for way in &ways {
        is_repaired(&site.host, way)?;
    }
    // What nothing declares is nobody's business, and wakes the agent for no more than a look.
    let passes = || -> Result<usize> { Ok(site.host.journal(AGENT)?.matches(" changed: ").count()) };
    let before = passes()?;
    site.host.shell(
        "setfattr --name=user.x --value=y /etc/app/conf
         for n in 1 2 3; do echo line >>/etc/app/log; mv /etc/app/log /etc/app/log.$n; done",
    )?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(passes()? == before, "something was repaired");
    site.host.shell(IN_ORDER).map(drop)
}

/// The agent in a user namespace of its own, in which the kernel lets it watch only a few directories.
#[test]
fn what_cannot_be_watched_is_told_and_repaired_at_the_next_poll() -> Result<()> {
    const LIMITED: &str = "[Service]\nRestrictNamespaces=no\nProtectKernelTunables=no\nSystemCallFilter=\n\
        CapabilityBoundingSet=~\nExecStart=\nExecStart=/usr/bin/unshare --user --map-root-user sh -c \
        'echo 9 >/proc/sys/user/max_inotify_watches; exec /usr/libexec/holdfast/holdfast-agent'\n";
    let declare =
        |n: u32| format!("[file.\"/srv/{n}/file\"]\ncontent = \"ours\\n\"\n[directory.\"/srv/{n}\"]\n");
    let files = (0..20).map(declare).collect::<Vec<_>>().concat();
    let site = Site::of(&files)?;
    site.sync()?.success()?;
    let host = &site.host;
    host.write_file("/etc/systemd/system/holdfast-agent.service.d/limited.conf", LIMITED)?;
    host.shell("systemctl daemon-reload; systemctl restart holdfast-agent")?;
    let told = |site: &Site| -> Result<Option<String>> {
        let problem = site.status()?.problem.into_iter().find(|problem| problem.code == "E_UNWATCHED");
        Ok(problem.map(|problem| problem.message))
    };
    wait::until("the status tells what is not watched", SOON, || Ok(told(&site)?.is_some()))?;
    let message = told(&site)?.unwrap_or_default();
    ensure!(message.contains("fs.inotify.max_user_watches"), "{message}");
    host.shell("for n in $(seq 0 19); do echo theirs >/srv/$n/file; done")?;
    site.sync()?;
    host.shell("[ $(cat /srv/*/file | grep --count ours) = 20 ]")?;
    // Somebody raises the limit.
    let pid = host.property(AGENT, "MainPID")?;
    let raise = "echo 1000 >/proc/sys/user/max_inotify_watches";
    host.run(&["nsenter", "--user", "--target", &pid, "sh", "-c", raise])?;
    site.sync()?;
    wait::until("all is watched again", SOON, || Ok(told(&site)?.is_none()))?;
    host.shell("echo theirs >/srv/19/file")?;
    wait::until("it is in order again", SOON, || Ok(host.shell("grep --quiet ours /srv/19/file").is_ok()))
}

#[test]
fn a_mount_over_a_file_is_seen_and_so_is_its_end() -> Result<()> {
    let site = converged()?;
    site.host.shell("echo theirs >/tmp/x; mount --bind /tmp/x /etc/app/conf")?;
    wait::until("the status tells of the mount", SOON, || {
        let told = site.resource("file:/etc/app/conf")?;
        Ok(told.is_some_and(|told| told.outcome == ResourceOutcome::Failed))
    })?;
    site.host.run(&["umount", "/etc/app/conf"])?;
    wait::until("it is in order again", SOON, || Ok(site.status()?.result == PassResult::Converged))
}

#[test]
fn units_come_back_whatever_way_they_were_changed() -> Result<()> {
    let site = converged()?;
    for way in [
        "systemctl stop app",
        "systemctl kill --signal=KILL app",
        "systemctl disable app",
        "rm /etc/systemd/system/multi-user.target.wants/app.service",
        "systemctl mask --runtime app && systemctl stop app && systemctl unmask --runtime app",
        "sed -i s/infinity/theirs/ /etc/systemd/system/app.service",
        "rm /etc/systemd/system/app.service && systemctl daemon-reload",
    ] {
        is_repaired(&site.host, way)?;
    }
    Ok(())
}

fn a_package_that_somebody_removed_or_moved_is_put_back(manager: Manager) -> Result<()> {
    let packages = [Package::new("shop", "1.0"), Package::new("shop", "2.0"), Package::new("other", "1.0")];
    let site = Site::on(manager.boot("packages", &packages)?, "[package.shop]\nversion = \"1.0*\"\n")?;
    site.sync()?.success()?;
    let host = &site.host;
    let by_hand = match manager {
        Manager::Apt => "dpkg --remove shop",
        Manager::Dnf | Manager::Zypper => "rpm --erase shop",
    };
    for way in [by_hand, &manager.remove(&["shop"]).join(" "), &manager.install(&["shop"]).join(" ")] {
        // Each way is a repair of its own, and no fight.
        site.sync()?;
        host.shell(way).with_context(|| way.to_owned())?;
        wait::until("it is in order again", SOON, || {
            Ok(host.version("shop")? == Some(manager.version("1.0")))
        })
        .with_context(|| way.to_owned())?;
    }
    // What nobody has declared is nobody's business.
    site.sync()?;
    let before = manager.transactions(host)?;
    host.run(&manager.install(&["other"]))?;
    std::thread::sleep(Duration::from_secs(3));
    ensure!(manager.transactions(host)? == before + 1, "something was repaired");
    site.is_quiet()
}

#[test]
fn listening_goes_on_after_the_bus_or_the_manager_came_anew() -> Result<()> {
    let site = converged()?;
    for trouble in ["systemctl restart dbus", "systemctl daemon-reexec"] {
        site.host.shell(trouble)?;
        std::thread::sleep(Duration::from_secs(3));
        is_repaired(&site.host, "systemctl stop app").context(trouble)?;
        is_repaired(&site.host, "echo theirs >/etc/app/conf").context(trouble)?;
    }
    Ok(())
}

#[test]
fn what_drifts_while_no_agent_runs_is_repaired_at_its_start() -> Result<()> {
    let site = converged()?;
    site.host.run(&["systemctl", "stop", AGENT])?;
    site.host.shell("echo theirs >/etc/app/conf; systemctl disable --now app; rm /etc/app/link")?;
    site.host.run(&["systemctl", "start", AGENT])?;
    wait::until("it is in order again", SOON, || Ok(site.host.shell(IN_ORDER).is_ok()))
}
