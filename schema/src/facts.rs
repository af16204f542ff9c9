//! What a host knows of itself: the only inputs of `when`, and `facts.…` in templates.

use serde::{Deserialize, Serialize};

/// The fixed facts. Templates and `when` see them as `facts.<field>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The kernel's host name (not the fleet's name for the host), without domain.
    pub hostname: String,
    /// `ID` of os-release(5), such as `debian`.
    pub os: String,
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

impl Facts {
    /// A plausible Debian 12 host, for checks where no host is asked.
    pub fn sample() -> Self {
        Self {
            hostname: "sample".into(),
            os: "debian".into(),
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
