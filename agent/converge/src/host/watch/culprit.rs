//! Who a process is, and for whom it works.
#![expect(clippy::disallowed_methods, reason = "part of the room that listens to the host: reads /proc")]

use std::{fmt, fs, os::unix::fs::MetadataExt as _};

/// Nobody logged in to start it: see `proc_pid_loginuid(5)`.
const NO_LOGIN: u32 = u32::MAX;

/// Who changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// The name of the program's process, which is its own choice.
    pub program: String,
    /// The process.
    pub pid: u32,
    /// Who logged in and started it, even by way of sudo(8); or else as whom it runs, unless that is root.
    pub user: Option<String>,
    /// The unit that it belongs to, such as `puppet.service` or `session-3.scope`.
    pub unit: Option<String>,
}

impl Culprit {
    /// Asks the kernel; `None` if the process is gone.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let read = |what: &str| fs::read_to_string(format!("/proc/{pid}/{what}")).ok();
        let program = Self::program_of(pid)?;
        let login = read("loginuid").and_then(|uid| uid.trim().parse().ok()).filter(|uid| *uid != NO_LOGIN);
        let works_as = || fs::metadata(format!("/proc/{pid}")).ok().map(|process| process.uid());
        let user = login.or_else(|| works_as().filter(|uid| *uid != 0)).map(name_of);
        let unit = read("cgroup").and_then(|groups| unit_in(&groups));
        Some(Self { program, pid, user, unit })
    }

    /// The name of a process; `None` if it is gone.
    pub(super) fn program_of(pid: u32) -> Option<String> {
        Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
    }

    /// The directory that a process is in.
    pub(super) fn directory_of(pid: u32) -> Option<String> {
        fs::read_link(format!("/proc/{pid}/cwd")).ok()?.into_os_string().into_string().ok()
    }

    /// What a process was told when it began, without its own name.
    pub(super) fn words_of(pid: u32) -> Vec<String> {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = words.split(|byte| *byte == 0).skip(1);
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.program)?;
        for known in [&self.user, &self.unit].into_iter().flatten() {
            write!(f, "{known}, ")?;
        }
        write!(f, "pid {})", self.pid)
    }
}

/// A user's name. Directories over the network are not asked: it is not worth to wait for them.
fn name_of(uid: u32) -> String {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let mut known = accounts.lines().map(|line| line.split(':'));
    let name = known.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {number}"))
}

/// The innermost unit in what /proc/PID/cgroup says: see systemd.unit(5).
fn unit_in(groups: &str) -> Option<String> {
    let ours = groups.lines().find_map(|line| {
        line.strip_prefix("0::").or(line.split_once("name=systemd:").map(|(_, path)| path))
    })?;
    let is_unit =
        |name: &&str| [".service", ".scope", ".socket", ".mount"].iter().any(|end| name.ends_with(end));
    ours.rsplit('/').find(is_unit).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_who_it_is() {
        let me = Culprit::of(std::process::id()).unwrap();
        assert!(!me.program.is_empty());
        assert_eq!(Culprit::of(u32::MAX), None);
    }

    #[test]
    fn units_are_found_in_both_versions_of_control_groups() {
        let of = |groups| unit_in(groups);
        assert_eq!(of("0::/system.slice/puppet.service\n").as_deref(), Some("puppet.service"));
        assert_eq!(
            of("0::/user.slice/user-1000.slice/session-3.scope\n").as_deref(),
            Some("session-3.scope")
        );
        assert_eq!(
            of("2:cpu:/x\n1:name=systemd:/system.slice/cron.service\n").as_deref(),
            Some("cron.service")
        );
        assert_eq!(of("0::/system.slice/docker-1.scope/x\n").as_deref(), Some("docker-1.scope"));
        assert_eq!(of("0::/\n"), None);
    }

    #[test]
    fn what_is_known_is_told() {
        let mut culprit = Culprit { program: "vim".to_owned(), pid: 812, user: None, unit: None };
        assert_eq!(culprit.to_string(), "vim (pid 812)");
        culprit.user = Some("alice".to_owned());
        culprit.unit = Some("session-3.scope".to_owned());
        assert_eq!(culprit.to_string(), "vim (alice, session-3.scope, pid 812)");
    }
}
