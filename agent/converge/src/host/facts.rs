//! What the host is: the fixed facts of [`Facts`].
#![expect(clippy::disallowed_methods, reason = "the room that reads what the system says of itself")]

use std::{collections::HashMap, fs, io, path::Path};

use holdfast_schema::Facts;
use nix::{
    sys::utsname::uname,
    unistd::{SysconfVar, sysconf},
};

use super::{HostError, systemd::Systemd};

#[cfg(test)]
mod tests;

/// Reads the facts. Without `systemd`, or when it does not answer, virtualization is told from what else there is.
pub(super) async fn read(systemd: Option<&Systemd>) -> Result<Facts, HostError> {
    let release = match text("/etc/os-release") {
        Err(HostError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            text("/usr/lib/os-release")
        }
        release => release,
    }?;
    let release = parse_os_release(&release);
    let field = |name: &str| release.get(name).cloned().unwrap_or_default();
    let failed = |tried: &str, source: io::Error| HostError::Io { tried: tried.to_owned(), source };
    let kernel = uname().map_err(|errno| failed("ask for the kernel's name", errno.into()))?;
    let said = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    let hostname = said(kernel.nodename());
    let cpus = sysconf(SysconfVar::_NPROCESSORS_ONLN);
    let cpus = cpus.map_err(|errno| failed("count the processors", errno.into()))?;
    let virtualization = match systemd {
        Some(systemd) => systemd.virtualization().await.ok(),
        None => None,
    };
    let os = match field("ID") {
        id if id.is_empty() => "linux".to_owned(),
        id => id,
    };
    Ok(Facts {
        hostname: hostname.split('.').next().unwrap_or_default().to_owned(),
        os_family: Facts::family(&os, &field("ID_LIKE")),
        os,
        os_version: field("VERSION_ID"),
        os_codename: field("VERSION_CODENAME"),
        arch: said(kernel.machine()),
        kernel: said(kernel.release()),
        virtualization: virtualization.unwrap_or_else(|| guess_virtualization(Path::new("/"))),
        cpus: cpus.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        memory_mib: parse_memory(&text("/proc/meminfo")?).unwrap_or_default(),
    })
}

fn text(path: &str) -> Result<String, HostError> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(source) => Err(HostError::Io { tried: format!("read {path}"), source }),
    }
}

/// The fields of os-release(5): assignments as a shell would read them, without any expansion.
fn parse_os_release(text: &str) -> HashMap<String, String> {
    let assignments = text.lines().filter_map(|line| line.trim().split_once('='));
    assignments
        .filter(|(name, _)| !name.starts_with('#'))
        .map(|(name, value)| (name.to_owned(), unquote(value)))
        .collect()
}

fn unquote(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None | Some('"'), '\\') => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

/// `MemTotal` of `proc_meminfo(5)`, in MiB.
fn parse_memory(text: &str) -> Option<u64> {
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

/// What machines call themselves, and systemd's word for it.
const VENDORS: [(&str, &str); 7] = [
    ("KVM", "kvm"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VirtualBox", "oracle"),
    ("Xen", "xen"),
    ("Amazon EC2", "amazon"),
    ("Microsoft Corporation", "microsoft"),
];

/// The commonest answers of systemd-detect-virt(1), for a host that systemd does not run.
fn guess_virtualization(root: &Path) -> String {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    if root.join(".dockerenv").exists() {
        return "docker".to_owned();
    }
    if root.join("run/.containerenv").exists() {
        return "podman".to_owned();
    }
    let environment = read("proc/1/environ");
    if let Some(container) = environment.split('\0').find_map(|entry| entry.strip_prefix("container="))
        && !container.is_empty()
    {
        return container.to_owned();
    }
    let vendor = read("sys/class/dmi/id/sys_vendor") + &read("sys/class/dmi/id/product_name");
    if let Some((_, name)) = VENDORS.iter().find(|(mark, _)| vendor.contains(mark)) {
        return (*name).to_owned();
    }
    let hypervisor = read("proc/cpuinfo").split_whitespace().any(|flag| flag == "hypervisor");
    if hypervisor { "vm-other" } else { "none" }.to_owned()
}
