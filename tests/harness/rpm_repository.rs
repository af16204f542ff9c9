//! A repository of rpms made for a test, served to a host from its own disk.
#![expect(clippy::disallowed_methods, reason = "the harness writes packages into a scratch folder")]

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};

use crate::{Command, Host, Manager, Package, package::write};

/// Where a repository lies on a host.
const ON_HOST: &str = "/srv/rpm";

/// The release of every package made here.
pub(crate) const RELEASE: &str = "1";

/// A repository.
#[derive(Debug)]
pub struct RpmRepository {
    folder: tempfile::TempDir,
}

impl RpmRepository {
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
    pub fn add(&self, rpm: &Path) -> Result<()> {
        let name = rpm.file_name().context("an .rpm without a name")?;
        fs::copy(rpm, self.folder.path().join(name)).with_context(|| format!("copy {}", rpm.display()))?;
        self.index()
    }

    fn index(&self) -> Result<()> {
        Command::new(["createrepo_c", "--quiet", &self.folder.path().to_string_lossy()]).run()?;
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755))
            .context("open the repository")
    }

    /// Makes it the only repository that a host knows, in the place of an earlier one.
    pub fn serve_to(&self, host: &Host) -> Result<()> {
        host.run(&["rm", "-rf", ON_HOST])?;
        host.copy(self.folder.path(), ON_HOST)?;
        let source = format!("[test]\nname=test\nbaseurl=file://{ON_HOST}\nenabled=1\ngpgcheck=0\n");
        let (path, refresh): (_, &[&str]) = match host.manager {
            Manager::Zypper => {
                ("/etc/zypp/repos.d/test.repo", &["zypper", "--non-interactive", "refresh", "--force"])
            }
            Manager::Apt | Manager::Dnf => ("/etc/yum.repos.d/test.repo", &["dnf", "--refresh", "makecache"]),
        };
        host.write_file(path, source)?;
        host.run(refresh).map(drop)
    }
}

/// Builds an .rpm into a folder.
pub(crate) fn build(package: &Package, into: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("make a scratch folder")?;
    let (root, mut listed) = (scratch.path().join("root"), String::new());
    fs::create_dir(&root)?;
    for (path, content, mode) in &package.files {
        write(&root, path, content, *mode)?;
        let config = if package.conffiles.contains(path) { "%config(noreplace) " } else { "" };
        writeln!(listed, "{config}{path}")?;
    }
    let mut spec = format!(
        "%global __os_install_post %{{nil}}\n%global _binary_payload w0.gzdio\nAutoReqProv: no\nName: {}\nVersion: {}\n\
         Release: {RELEASE}\nSummary: made for a test\nLicense: MIT\nBuildArch: noarch\n",
        package.name, package.version
    );
    for (name, value) in &package.fields {
        let name = if *name == "Depends" { "Requires" } else { name };
        writeln!(spec, "{name}: {value}")?;
    }
    write!(spec, "%description\nmade for a test\n%install\ncp -a {}/. %{{buildroot}}/\n", root.display())?;
    for (name, lines) in &package.scripts {
        let name = match *name {
            "preinst" => "pre",
            "postinst" => "post",
            "prerm" => "preun",
            "postrm" => "postun",
            other => other,
        };
        write!(spec, "%{name}\nset -e\n{}\n", lines.replace('%', "%%"))?;
    }
    write!(spec, "%files\n{listed}")?;
    let path = scratch.path().join("package.spec");
    fs::write(&path, spec)?;
    let folder = format!("_topdir {}", scratch.path().join("build").display());
    let rpms = format!("_rpmdir {}", into.display());
    let path = path.to_string_lossy();
    Command::new(["rpmbuild", "-bb", "--quiet", "--define", &folder, "--define", &rpms, &path])
        .run()
        .map(drop)
}
