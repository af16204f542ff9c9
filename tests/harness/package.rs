//! Small packages made for a test, for any package manager.
#![expect(clippy::disallowed_methods, reason = "the harness writes packages into a scratch folder")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};

/// A package, described in Debian's words.
#[derive(Debug, Clone)]
pub struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) files: Vec<(String, String, u32)>,
    pub(crate) scripts: Vec<(&'static str, String)>,
    pub(crate) conffiles: Vec<String>,
}

impl Package {
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

    /// Adds a configuration file that stays when its administrator has changed it.
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
}

/// Writes a file, and the directories above it, under `root`.
pub(crate) fn write(root: &Path, path: &str, content: &str, mode: u32) -> Result<()> {
    let path = root.join(path.trim_start_matches('/'));
    let parent = path.parent().context("a path without a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}
