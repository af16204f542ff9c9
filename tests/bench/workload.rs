//! The workload W(n): n files of about 1 KiB, 20 packages, 10 units; as a fleet repository and as the floor wants it.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use harness::{AptRepository, Fleet, Package};

/// How many packages there are.
const PACKAGES: u32 = 20;
/// How many units there are.
const UNITS: u32 = 10;

/// W(n).
pub(crate) struct Workload {
    /// How many files there are.
    pub(crate) files: u32,
}

impl Workload {
    fn content(file: u32) -> String {
        let line = format!("# file {file:04} of the workload, a line of sixty-four bytes or so\n");
        line.repeat(16)
    }

    fn mode(file: u32) -> u32 {
        if file.is_multiple_of(2) { 0o644 } else { 0o640 }
    }

    pub(crate) fn unit_text() -> &'static str {
        "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    }

    /// The names of the packages.
    pub(crate) fn packages() -> Vec<String> {
        (1..=PACKAGES).map(|number| format!("bench-{number:02}")).collect()
    }

    /// The names of the units.
    pub(crate) fn units() -> Vec<String> {
        (1..=UNITS).map(|number| format!("bench-{number:02}.service")).collect()
    }

    /// The packages themselves, each with some files and a maintainer script, as packages have.
    pub(crate) fn repository() -> Result<AptRepository> {
        let deb = |name: &String| {
            let deb = Package::new(name, "1.0").script("postinst", "true");
            (0..20)
                .fold(deb, |deb, file| deb.file(&format!("/usr/share/{name}/{file}"), &Self::content(file)))
        };
        AptRepository::of(&Self::packages().iter().map(deb).collect::<Vec<_>>())
    }

    /// Writes it into a fleet as the role `bench` and gives it to the host.
    pub(crate) fn publish(&self, fleet: &Fleet, host: &str) -> Result<()> {
        let mut role = String::from("[directory.\"/etc/bench.d\"]\n");
        for file in 0..self.files {
            let group = if file.is_multiple_of(2) { "root" } else { "adm" };
            write!(
                role,
                "[file.\"/etc/bench.d/f{file:04}\"]\nsource = \"files/f{file:04}\"\nmode = \"{:04o}\"\ngroup = \"{group}\"\n",
                Self::mode(file)
            )?;
            fleet.write(&format!("roles/bench/files/f{file:04}"), &Self::content(file))?;
        }
        for name in Self::packages() {
            writeln!(role, "[package.{name}]")?;
        }
        for name in Self::units() {
            write!(
                role,
                "[unit.\"{name}\"]\ncontent = \"\"\"\n{}\"\"\"\nenabled = true\nactive = true\n",
                Self::unit_text()
            )?;
        }
        fleet.write("roles/bench/role.toml", &role)?;
        fleet.change(&format!("hosts/{host}.toml"), "roles = [\"bench\"]\n")?;
        Ok(())
    }

    /// Writes it below a directory: files by their mode in `even` and `odd`, and `units`.
    pub(crate) fn write_below(&self, directory: &Path) -> Result<()> {
        let write = |path: PathBuf, content: &str, mode: u32| -> Result<()> {
            fs::create_dir_all(path.parent().context("a parent")?)?;
            fs::write(&path, content)?;
            Ok(fs::set_permissions(&path, fs::Permissions::from_mode(mode))?)
        };
        for file in 0..self.files {
            let kind = if file.is_multiple_of(2) { "even" } else { "odd" };
            write(directory.join(format!("{kind}/f{file:04}")), &Self::content(file), Self::mode(file))?;
        }
        for name in Self::units() {
            write(directory.join("units").join(name), Self::unit_text(), 0o644)?;
        }
        Ok(())
    }

    /// The records that `floor.c` compares files with.
    pub(crate) fn floor_records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let mut add = |path: &str, content: &str, mode: u32, group: u32| {
            let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            for number in [size(path.len() + 1), size(content.len()), mode, 0, group] {
                records.extend_from_slice(&number.to_ne_bytes());
            }
            records.extend_from_slice(path.as_bytes());
            records.push(0);
            records.extend_from_slice(content.as_bytes());
        };
        for file in 0..self.files {
            let group = if file.is_multiple_of(2) { 0 } else { 4 };
            add(&format!("/etc/bench.d/f{file:04}"), &Self::content(file), Self::mode(file), group);
        }
        for name in Self::units() {
            add(&format!("/etc/systemd/system/{name}"), Self::unit_text(), 0o644, 0);
        }
        records
    }
}

/// Writes a fleet of this many hosts with ten roles, for `holdfast check`.
pub(crate) fn large_fleet(fleet: &Fleet, hosts: u32) -> Result<()> {
    for role in 0..10 {
        let mut text = String::from("[params.workers]\ntype = \"integer\"\ndefault = 4\n");
        for file in 0..10 {
            write!(
                text,
                "[file.\"/etc/role-{role}/{file}\"]\ntemplate = \"templates/{file}\"\nmode = \"0640\"\n[package.role-{role}-{file}]\n"
            )?;
            let template = format!("workers = {{{{ vars.workers }}}}\n{}", Workload::content(file));
            fleet.write(&format!("roles/role-{role}/templates/{file}"), &template)?;
        }
        fleet.write(&format!("roles/role-{role}/role.toml"), &text)?;
    }
    for host in 0..hosts {
        let roles =
            format!("[\"role-{}\", \"role-{}\", \"role-{}\"]", host % 10, (host + 3) % 10, (host + 7) % 10);
        let text = format!(
            "roles = {roles}\n[vars]\nworkers = {host}\n[file.\"/etc/motd\"]\ncontent = \"host {host}\\n\"\n"
        );
        fleet.write(&format!("hosts/web-{host:04}.toml"), &text)?;
    }
    Ok(())
}
