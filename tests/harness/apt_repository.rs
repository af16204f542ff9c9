//! A package repository with small packages made for a test, served to a host from its own disk.
#![expect(clippy::disallowed_methods, reason = "the harness writes packages into a scratch folder")]

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};

use crate::{Command, Host};

/// Where a repository lies on a host.
const ON_HOST: &str = "/srv/apt";

/// A Debian package, described.
#[derive(Debug, Clone)]
pub struct Deb {
    name: String,
    version: String,
    fields: Vec<(&'static str, String)>,
    files: Vec<(String, String, u32)>,
    scripts: Vec<(&'static str, String)>,
    conffiles: Vec<String>,
}

impl Deb {
    /// A package that holds nothing yet.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            fields: Vec::new(),
            files: Vec::new(),
            scripts: Vec::new(),
            conffiles: Vec::new(),
        }
    }

    /// Adds a control field, such as `Depends`.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Makes it depend on others, as the `Depends` field has it.
    #[must_use]
    pub fn depends(self, on: &str) -> Self {
        self.field("Depends", on)
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.into(), content.into(), 0o644));
        self
    }

    /// Adds a program.
    #[must_use]
    pub fn program(mut self, path: &str, script: &str) -> Self {
        self.files.push((path.into(), script.into(), 0o755));
        self
    }

    /// Adds a configuration file that dpkg keeps when its administrator has changed it.
    #[must_use]
    pub fn conffile(mut self, path: &str, content: &str) -> Self {
        self.conffiles.push(path.into());
        self.file(path, content)
    }

    /// Adds a maintainer script (`preinst`, `postinst`, `prerm`, `postrm`): lines of shell, run under `set -e`.
    #[must_use]
    pub fn script(mut self, name: &'static str, lines: &str) -> Self {
        self.scripts.push((name, lines.into()));
        self
    }

    /// Builds the .deb into a folder.
    pub fn build(&self, into: &Path) -> Result<()> {
        let scratch = tempfile::tempdir().context("make a scratch folder")?;
        let root = scratch.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        for (path, content, mode) in &self.files {
            write(root, path, content, *mode)?;
        }
        let mut control = format!(
            "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: Test <test@example.org>\n",
            self.name, self.version
        );
        for (name, value) in &self.fields {
            writeln!(control, "{name}: {value}")?;
        }
        control.push_str("Description: made for a test\n");
        write(root, "DEBIAN/control", &control, 0o644)?;
        if !self.conffiles.is_empty() {
            write(root, "DEBIAN/conffiles", &(self.conffiles.join("\n") + "\n"), 0o644)?;
        }
        for (name, lines) in &self.scripts {
            write(root, &format!("DEBIAN/{name}"), &format!("#!/bin/sh\nset -e\n{lines}\n"), 0o755)?;
        }
        let deb = into.join(format!("{}_{}_all.deb", self.name, self.version.replace(':', "%3a")));
        let (root, deb) = (root.to_string_lossy(), deb.to_string_lossy());
        // Without compression: these packages are made and unpacked by the hundred.
        Command::new(["dpkg-deb", "--root-owner-group", "-Znone", "--build", &root, &deb]).run().map(drop)
    }
}

/// A repository of such packages.
#[derive(Debug)]
pub struct AptRepository {
    folder: tempfile::TempDir,
}

impl AptRepository {
    /// Builds packages into a new repository.
    pub fn of(debs: &[Deb]) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a scratch folder")?;
        for deb in debs {
            deb.build(folder.path())?;
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

fn write(root: &Path, path: &str, content: &str, mode: u32) -> Result<()> {
    let path = root.join(path.trim_start_matches('/'));
    let parent = path.parent().context("a path without a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}
