//! A host: a container with systemd as PID 1, thrown away at the end of its test.
//!
//! It shares the kernel with the test machine and has all else for itself: init, D-Bus, dpkg, journal, network, cgroups.
#![expect(clippy::disallowed_methods, reason = "the harness takes its settings from the environment")]

mod image;

use std::{
    env,
    hash::{BuildHasher as _, RandomState},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{Command, Manager, Output, docker::docker, docker::run_label, wait};

/// What the container runs before systemd: its cgroup tree and /proc/sys are its own, but Docker mounts them read-only.
/// Outside containers systemd itself lets services see what is mounted later.
const START: &str = "for tree in /sys/fs/cgroup/*/; do
  mountpoint -q $tree && mount -o remount,bind,rw $tree
done
mount -o remount,bind,rw /sys/fs/cgroup
mount -o remount,bind,rw /proc/sys
mount --make-rshared /
exec /lib/systemd/systemd";

/// How long a host may take to boot or to shut down.
const BOOT: Duration = Duration::from_mins(1);

/// A running host: Debian 12, or its userland with another package manager.
#[derive(Debug)]
pub struct Host {
    container: String,
    /// What manages its packages.
    pub manager: Manager,
}

impl Host {
    /// Boots a fresh host of this name and waits until it is up.
    pub fn boot(hostname: &str) -> Result<Self> {
        Self::boot_from(&image::plain()?, hostname, &[])
    }

    /// The same with a Docker engine of its own, which runs when it is up.
    pub fn boot_with_docker(hostname: &str) -> Result<Self> {
        // The engine's layers cannot lie on those of another.
        Self::boot_from(&image::with_docker()?, hostname, &["--volume", "/var/lib/docker"])
    }

    /// The same with these packages of Debian, separated by commas.
    pub fn boot_with(hostname: &str, packages: &str) -> Result<Self> {
        Self::boot_from(&image::with(packages)?, hostname, &[])
    }

    /// The same with another package manager.
    pub fn boot_managed_by(manager: Manager, hostname: &str) -> Result<Self> {
        let image = match manager {
            Manager::Apt => image::plain()?,
            Manager::Dnf => image::of_rpm("rpm,dnf,dnf-plugins-core")?,
            Manager::Zypper => image::of_rpm("rpm,zypper")?,
        };
        let mut host = Self::boot_from(&image, hostname, &[])?;
        host.manager = manager;
        Ok(host)
    }

    fn boot_from(image: &str, hostname: &str, more: &[&str]) -> Result<Self> {
        let container = format!("holdfast-test-{hostname}-{:x}", RandomState::new().hash_one(hostname));
        let label = run_label();
        // `Drop` removes the container even if it never comes up.
        let host = Self { container, manager: Manager::Apt };
        let mut arguments = vec!["run", "--detach", "--name", &host.container, "--hostname", hostname];
        arguments.extend(["--label", &label, "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN"]);
        arguments.extend(["--cap-add", "SYS_PTRACE", "--cap-add", "LINUX_IMMUTABLE"]);
        arguments.extend(["--security-opt", "seccomp=unconfined"]);
        arguments.extend(["--security-opt", "apparmor=unconfined", "--cgroupns", "private"]);
        arguments.extend(["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"]);
        arguments.extend(more);
        arguments.extend([
            "--env",
            "container=docker",
            "--stop-signal",
            "SIGRTMIN+3",
            image,
            "/bin/sh",
            "-c",
            START,
        ]);
        docker(arguments).run().context("start a host")?;
        host.wait_until_up()?;
        Ok(host)
    }

    /// Runs a program on the host, whatever its exit code.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments).output()
    }

    /// Runs a program on the host and gives its standard output; any exit code but 0 is an error.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.command(arguments).run()
    }

    /// Runs a line of shell on the host like [`Self::run`]; it stops at its first failure.
    pub fn shell(&self, line: &str) -> Result<String> {
        self.run(&["sh", "-euc", line])
    }

    /// A program to be run on the host.
    pub fn command(&self, arguments: &[&str]) -> Command {
        docker(["exec", "--interactive", &self.container].iter().chain(arguments).copied())
    }

    /// Writes a file, and the directories above it.
    pub fn write_file(&self, path: &str, content: impl Into<Vec<u8>>) -> Result<()> {
        let script = r#"mkdir -p "$(dirname "$1")" && cat >"$1""#;
        self.command(&["sh", "-c", script, "sh", path]).stdin(content).run().map(drop)
    }

    /// What a file holds, as text.
    pub fn read_file(&self, path: &str) -> Result<String> {
        self.run(&["cat", path])
    }

    /// Whether there is anything at a path, a dangling symbolic link too.
    pub fn has(&self, path: &str) -> Result<bool> {
        Ok(self.output(&["sh", "-c", r#"[ -e "$1" ] || [ -L "$1" ]"#, "sh", path])?.code == Some(0))
    }

    /// Copies a file or a directory of the test machine to the host.
    pub fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let from = from.to_str().context("a path that is not UTF-8")?;
        docker(["cp", "--quiet", from, &format!("{}:{to}", self.container)]).run().map(drop)
    }

    /// What a unit wrote to the journal since the host's first boot.
    pub fn journal(&self, unit: &str) -> Result<String> {
        self.run(&["journalctl", "--no-pager", "--output=cat", "--unit", unit])
    }

    /// A unit's property, as `systemctl show` has it.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        Ok(self.run(&["systemctl", "show", "--value", "--property", name, unit])?.trim().to_owned())
    }

    /// Installs a .deb of the test machine with apt, which also checks what it depends on.
    pub fn install_deb(&self, deb: &Path) -> Result<String> {
        let name = deb.file_name().and_then(|name| name.to_str()).context("a .deb without a name")?;
        let on_host = format!("/var/tmp/{name}");
        self.copy(deb, &on_host)?;
        self.run(&["apt-get", "--yes", "--quiet", "-o", "Dpkg::Use-Pty=0", "install", &on_host])
    }

    /// The version of a package, if it is installed and in order; the release too where the package manager tells it apart.
    pub fn version(&self, name: &str) -> Result<Option<String>> {
        match self.manager {
            Manager::Apt => {
                let state = self.package(name)?;
                let installed = state.strip_prefix("ii ").or_else(|| state.strip_prefix("hi "));
                Ok(installed.map(|version| version.trim().to_owned()))
            }
            Manager::Dnf | Manager::Zypper => {
                let query = ["rpm", "--query", "--queryformat", "%{EVR}\n", name];
                let output = self.output(&query)?;
                Ok((output.code == Some(0)).then(|| output.text().trim().to_owned()))
            }
        }
    }

    /// A package's state and version as dpkg-query has them, such as `ii  1.0-1`; empty for a package it does not know.
    pub fn package(&self, name: &str) -> Result<String> {
        let format = "--showformat=${db:Status-Abbrev} ${Version}";
        Ok(self.output(&["dpkg-query", "--show", format, name])?.text().trim().to_owned())
    }

    /// Shuts the host down in good order and boots it again.
    pub fn reboot(&self) -> Result<()> {
        docker(["restart", "--time", "60", &self.container]).run()?;
        self.wait_until_up()
    }

    /// Kills every process of the host at once and boots it again. What was written stays, also what was not synced.
    pub fn power_cut(&self) -> Result<()> {
        docker(["kill", &self.container]).run()?;
        docker(["start", &self.container]).run()?;
        self.wait_until_up()
    }

    /// Kills a unit's main process with SIGKILL.
    pub fn kill(&self, unit: &str) -> Result<()> {
        self.run(&["systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit]).map(drop)
    }

    /// The host's address on the network of the test machine.
    pub fn address(&self) -> Result<String> {
        let format = "{{.NetworkSettings.IPAddress}}";
        Ok(docker(["inspect", "--format", format, &self.container]).run()?.trim().to_owned())
    }

    /// Makes its engine the first manager of a Swarm, whose networks are none of the test machine's.
    pub fn init_swarm(&self) -> Result<()> {
        let (address, pool) = (self.address()?, "10.77.0.0/16");
        let init = ["docker", "swarm", "init", "--advertise-addr", &address, "--default-addr-pool", pool];
        self.run(&init).map(drop)
    }

    fn wait_until_up(&self) -> Result<()> {
        let mut last = String::new();
        wait::until("a host to boot", BOOT, || {
            // Until PID 1 has made its socket, systemctl fails at once instead of waiting.
            let output = self.output(&["systemctl", "is-system-running", "--wait"])?;
            last = format!("{}{}", output.text(), output.stderr);
            Ok(matches!(output.text().trim(), "running" | "degraded"))
        })
        .with_context(|| format!("the host says: {last}"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if env::var_os("HOLDFAST_TEST_KEEP").is_none() {
            // A container that stays behind disturbs nobody; `tests/run` looks for such ones at its end.
            drop(docker(["rm", "--force", "--volumes", &self.container]).output());
        }
    }
}
