//! What a host knows of itself: the only inputs of `when`, and `facts.…` in templates.

use serde::{Deserialize, Serialize};

/// The fixed facts. Templates and `when` see them as `facts.<field>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The kernel's host name (not the fleet's name for the host), without domain.
    pub hostname: String,
    /// `ID` of os-release(5), such as `debian`.
    pub os: String,
    /// The family that the distribution is of: see [`Facts::family`]. Empty when an agent told these facts that knew no families.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub os_family: String,
    /// `VERSION_ID` of os-release(5), such as `12`; empty on rolling distributions.
    pub os_version: String,
    /// `VERSION_CODENAME` of os-release(5), such as `bookworm`; may be empty.
    pub os_codename: String,
    /// The machine's architecture as uname(2) says it, such as `x86_64`.
    pub arch: String,
    /// The kernel's release, such as `6.1.0-28-amd64`.
    pub kernel: String,
    /// What systemd-detect-virt(1) would say: `none`, `kvm`, `docker`, …
    pub virtualization: String,
    /// Online processors.
    pub cpus: u32,
    /// Main memory in MiB.
    pub memory_mib: u64,
}

/// Families of distributions that call their packages alike, each with the `ID`s of os-release(5) that stand for it.
pub(crate) const FAMILIES: [(&str, &[&str]); 3] = [
    ("debian", &["debian", "ubuntu"]),
    ("rhel", &["rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn"]),
    ("suse", &["suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles", "sled"]),
];

impl Facts {
    /// The family of the distribution whose os-release(5) has this `ID` and `ID_LIKE`: `debian`, `rhel` or `suse`; of all
    /// others their own `ID`.
    pub fn family(id: &str, like: &str) -> String {
        let mut names = std::iter::once(id).chain(like.split_whitespace());
        let family = names.find_map(|name| FAMILIES.iter().find(|(_, members)| members.contains(&name)));
        family.map_or(id, |(family, _)| family).to_owned()
    }

    /// A plausible Debian 12 host, for checks where no host is asked.
    pub fn sample() -> Self {
        Self {
            hostname: "sample".into(),
            os: "debian".into(),
            os_family: "debian".into(),
            os_version: "12".into(),
            os_codename: "bookworm".into(),
            arch: "x86_64".into(),
            kernel: "6.1.0-28-amd64".into(),
            virtualization: "kvm".into(),
            cpus: 2,
            memory_mib: 4096,
        }
    }
}
