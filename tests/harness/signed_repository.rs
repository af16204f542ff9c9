//! Keys of package sources, and repositories that are signed with them, laid down on a host's own disk.
#![expect(clippy::disallowed_methods, reason = "the harness writes repositories into a scratch folder")]

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};

use crate::{Command, Host, Manager, Package, apt_repository, rpm_repository};

/// A key that packages and their lists are signed with.
#[derive(Debug)]
pub struct SigningKey {
    /// Where `gpg` keeps it.
    home: tempfile::TempDir,
}

impl SigningKey {
    /// Makes a new one.
    pub fn new(name: &str) -> Result<Self> {
        let home = tempfile::tempdir().context("make a scratch folder")?;
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700))?;
        let key = Self { home };
        let make = ["--passphrase", "", "--quick-generate-key", name, "rsa2048", "sign", "never"];
        key.gpg(&make).run()?;
        Ok(key)
    }

    /// The public key in ASCII armour.
    pub fn public(&self) -> Result<String> {
        self.gpg(&["--armor", "--export"]).run()
    }

    fn gpg(&self, arguments: &[&str]) -> Command {
        let home = self.home.path().to_string_lossy().into_owned();
        let gpg = ["gpg", "--homedir", &home, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"];
        Command::new(gpg.iter().chain(arguments).copied())
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        // gpg leaves an agent behind, which would keep the folder busy.
        let home = self.home.path().to_string_lossy().into_owned();
        let _ended = Command::new(["gpgconf", "--homedir", &home, "--kill", "all"]).output();
    }
}

/// A repository on a host, apart from the one that the host begins with.
#[derive(Debug)]
pub struct SignedRepository<'a> {
    /// What the host has.
    pub manager: Manager,
    /// The packages in it.
    pub packages: &'a [Package],
    /// What it is signed with.
    pub key: &'a SigningKey,
    /// The last day on which its lists are valid, if there is one: such as `2001-01-01`. Only apt knows of it.
    pub valid_until: Option<&'a str>,
}

impl SignedRepository<'_> {
    /// Puts it at `path` of a host, in the place of what was there.
    pub fn serve_to(&self, host: &Host, path: &str) -> Result<()> {
        let scratch = tempfile::tempdir().context("make a scratch folder")?;
        let root = scratch.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        match self.manager {
            Manager::Apt => self.deb(root)?,
            Manager::Dnf | Manager::Zypper => self.rpm(root)?,
        }
        host.run(&["rm", "-rf", path])?;
        host.copy(root, path)
    }

    /// One suite, `stable`, with one component, `main`.
    fn deb(&self, root: &Path) -> Result<()> {
        let pool = root.join("pool");
        fs::create_dir(&pool)?;
        for package in self.packages {
            apt_repository::build(package, &pool)?;
        }
        let suite = root.join("dists/stable");
        let lists = suite.join("main/binary-amd64");
        fs::create_dir_all(&lists)?;
        let pool = pool.to_string_lossy();
        let index = Command::new(["dpkg-scanpackages", "--multiversion", &pool]).run()?;
        let index = index.replace(&format!("Filename: {pool}/"), "Filename: pool/");
        fs::write(lists.join("Packages"), &index)?;
        let digest = Command::new(["sha256sum", &lists.join("Packages").to_string_lossy()]).run()?;
        let digest = digest.split_whitespace().next().context("no digest")?;
        let date = |day: &str| Command::new(["date", "--utc", "--rfc-email", "--date", day]).run();
        let mut release = format!(
            "Origin: test\nSuite: stable\nCodename: stable\nArchitectures: amd64\nComponents: main\nDate: {}",
            date("2 days ago")?
        );
        if let Some(day) = self.valid_until {
            write!(release, "Valid-Until: {}", date(day)?)?;
        }
        writeln!(release, "SHA256:\n {digest} {} main/binary-amd64/Packages", index.len())?;
        let path = suite.join("Release");
        fs::write(&path, release)?;
        let (signed, plain) = (suite.join("InRelease"), path.to_string_lossy());
        self.key.gpg(&["--clearsign", "--output", &signed.to_string_lossy(), &plain]).run().map(drop)
    }

    fn rpm(&self, root: &Path) -> Result<()> {
        for package in self.packages {
            rpm_repository::build(package, root)?;
        }
        let home = self.key.home.path().to_string_lossy();
        let name = self.key.gpg(&["--list-keys", "--with-colons"]).run()?;
        let fingerprint = name.lines().find_map(|line| line.strip_prefix("fpr:")).context("no key")?;
        let fingerprint = fingerprint.trim_matches(':');
        let (path, name) = (format!("_gpg_path {home}"), format!("_gpg_name {fingerprint}"));
        for rpm in Command::new(["find", &root.to_string_lossy(), "-name", "*.rpm"]).run()?.lines() {
            // Debian's rpm does not find it by itself.
            let program = "__gpg /usr/bin/gpg";
            let definitions = ["--define", program, "--define", &path, "--define", &name];
            Command::new(["rpmsign"].iter().chain(&definitions).chain(&["--addsign", rpm]).copied()).run()?;
        }
        Command::new(["createrepo_c", "--quiet", &root.to_string_lossy()]).run()?;
        let lists = root.join("repodata/repomd.xml");
        self.key.gpg(&["--armor", "--detach-sign", &lists.to_string_lossy()]).run().map(drop)
    }
}
