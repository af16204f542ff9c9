//! A repository of Debian packages made for a test, served to a host from its own disk.
#![expect(clippy::disallowed_methods, reason = "the harness writes packages into a scratch folder")]

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};

use crate::{Command, Host, Package, package::write};

/// Where a repository lies on a host.
const ON_HOST: &str = "/srv/apt";

/// Builds a .deb into a folder.
pub(crate) fn build(package: &Package, into: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("make a scratch folder")?;
    let root = scratch.path();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
    for (path, content, mode) in &package.files {
        write(root, path, content, *mode)?;
    }
    let mut control = format!(
        "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: Test <test@example.org>\n",
        package.name, package.version
    );
    for (name, value) in &package.fields {
        writeln!(control, "{name}: {value}")?;
    }
    control.push_str("Description: made for a test\n");
    write(root, "DEBIAN/control", &control, 0o644)?;
    if !package.conffiles.is_empty() {
        write(root, "DEBIAN/conffiles", &(package.conffiles.join("\n") + "\n"), 0o644)?;
    }
    for (name, lines) in &package.scripts {
        write(root, &format!("DEBIAN/{name}"), &format!("#!/bin/sh\nset -e\n{lines}\n"), 0o755)?;
    }
    let deb = into.join(format!("{}_{}_all.deb", package.name, package.version.replace(':', "%3a")));
    let (root, deb) = (root.to_string_lossy(), deb.to_string_lossy());
    // Without compression: these packages are made and unpacked by the hundred.
    Command::new(["dpkg-deb", "--root-owner-group", "-Znone", "--build", &root, &deb]).run().map(drop)
}

/// A repository.
#[derive(Debug)]
pub struct AptRepository {
    folder: tempfile::TempDir,
}

impl AptRepository {
    /// Builds packages into a new repository.
    pub fn of(packages: &[Package]) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a scratch folder")?;
        for package in packages {
            build(package, folder.path())?;
        }
        let repository = Self { folder };
        repository.index()?;
        Ok(repository)
    }

    /// Adds a package that was built elsewhere.
    pub fn add(&self, deb: &Path) -> Result<()> {
        let name = deb.file_name().context("a .deb without a name")?;
        fs::copy(deb, self.folder.path().join(name)).with_context(|| format!("copy {}", deb.display()))?;
        self.index()
    }

    fn index(&self) -> Result<()> {
        let path = self.folder.path().to_string_lossy();
        let index = Command::new(["dpkg-scanpackages", "--multiversion", &path]).run()?;
        let index = index.replace(&format!("Filename: {path}/"), "Filename: ");
        fs::write(self.folder.path().join("Packages"), index)?;
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755))
            .context("open the repository")
    }

    /// Makes it the only repository that a host knows, in the place of an earlier one.
    pub fn serve_to(&self, host: &Host) -> Result<()> {
        host.run(&["rm", "-rf", ON_HOST])?;
        host.copy(self.folder.path(), ON_HOST)?;
        host.write_file("/etc/apt/sources.list", format!("deb [trusted=yes] file:{ON_HOST} ./\n"))?;
        host.run(&["apt-get", "--quiet", "update"]).map(drop)
    }
}
