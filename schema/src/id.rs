//! Names and small values that every room shares. Each can only be made valid.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {what}: {why}")]
pub struct InvalidName {
    /// What the text should have been, such as `host name`.
    pub what: &'static str,
    /// The text as it was given.
    pub text: String,
    /// The rule it breaks.
    pub why: &'static str,
}

/// Makes a newtype over `String` whose every value passed `check`.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(why) => Err(InvalidName { what: $what, text: text.to_owned(), why }),
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A host's name in the fleet: the stem of `hosts/<name>.toml` and the tail of `status/<name>`.
    HostName,
    "host name",
    layer_name
);

name!(
    /// A group's name: the stem of `groups/<name>.toml`.
    GroupName,
    "group name",
    layer_name
);

name!(
    /// A role's name: its directory in `roles/`.
    RoleName,
    "role name",
    layer_name
);

name!(
    /// A secret's name: the stem of `secrets/<name>.age`.
    SecretName,
    "secret name",
    layer_name
);

/// The rule for the names of hosts, groups, roles and secrets: they are file names and, for hosts, part of a branch name.
fn layer_name(text: &str) -> Result<(), &'static str> {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_');
    if text.is_empty() || text.len() > 63 {
        return Err("it must have 1 to 63 characters");
    }
    if !text.bytes().all(ok) {
        return Err("only a-z, 0-9, '-', '.' and '_' are allowed");
    }
    if text.starts_with(['-', '.']) || text.ends_with(['-', '.']) || text.contains("..") {
        return Err("'-' and '.' cannot stand at either end, nor '..' anywhere");
    }
    // Git refuses such a branch name, and the status branch carries a host's name.
    if text.strip_suffix(".lock").is_some() {
        return Err("it cannot end in '.lock'");
    }
    Ok(())
}

name!(
    /// A variable's name, as in `vars.worker_processes`.
    VariableName,
    "variable name",
    |text| {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if text.is_empty() || text.len() > 63 {
            return Err("it must have 1 to 63 characters");
        }
        if !text.bytes().all(ok) || !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err("only a-z, 0-9 and '_' are allowed, a letter first");
        }
        Ok(())
    }
);

name!(
    /// An absolute, normal path on the host: UTF-8, no `.`, `..`, `//`, control character or trailing slash.
    AbsolutePath,
    "absolute path",
    |text| {
        let Some(rest) = text.strip_prefix('/') else { return Err("it must start with '/'") };
        if text.len() > 4000 {
            return Err("it is longer than 4000 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("it holds a control character");
        }
        if rest.is_empty() {
            return Err("the root directory itself cannot be managed");
        }
        if rest.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err("write it without '.', '..', '//' and trailing '/'");
        }
        if rest.split('/').any(|part| part.len() > 255) {
            return Err("a part of it is longer than 255 bytes");
        }
        Ok(())
    }
);

impl AbsolutePath {
    /// The directory that holds it; `None` directly under the root.
    pub fn parent(&self) -> Option<AbsolutePath> {
        let (parent, _) = self.0.rsplit_once('/')?;
        (!parent.is_empty()).then(|| Self(parent.to_owned()))
    }

    /// Itself and the directories that hold it, innermost first, without the root.
    pub fn ancestors(&self) -> impl Iterator<Item = AbsolutePath> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// The path of the directory that holds it; empty for the root.
    pub fn directory(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// The path `name` inside this one.
    pub fn join(&self, name: &str) -> Result<AbsolutePath, InvalidName> {
        format!("{}/{name}", self.0).parse()
    }
}

name!(
    /// A systemd unit's full name, such as `nginx.service`; see systemd.unit(5).
    UnitName,
    "unit name",
    |text| {
        const SUFFIXES: [&str; 8] =
            ["service", "socket", "timer", "path", "mount", "automount", "target", "slice"];
        let Some((stem, suffix)) = text.rsplit_once('.') else {
            return Err("it needs its type, as in 'nginx.service'");
        };
        if !SUFFIXES.contains(&suffix) {
            return Err(
                "its type must be service, socket, timer, path, mount, automount, target or slice",
            );
        }
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.' | b'\\' | b'@');
        if stem.is_empty() || text.len() > 255 || !stem.bytes().all(ok) {
            return Err("only letters, digits, ':', '-', '_', '.', '\\' and '@' are allowed, 255 at most");
        }
        Ok(())
    }
);

name!(
    /// A package source's name: that of its file, and its id in dnf and zypper.
    RepositoryName,
    "repository name",
    |text| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if text.is_empty() || text.len() > 63 || !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err("it must begin with a letter or digit and have 63 characters at most");
        }
        // apt and libzypp skip files with other names in silence.
        if !text.bytes().all(ok) {
            return Err("only letters, digits, '-', '.' and '_' are allowed");
        }
        if text == "main" {
            return Err("dnf calls its own settings so");
        }
        Ok(())
    }
);

mod docker;
mod file_mode;
mod resource;
mod sha256;

pub use docker::{HostPath, ImageReference, ObjectName, RegistryName};
pub use file_mode::FileMode;
pub use resource::{KindName, ResourceId};
pub use sha256::Sha256;

#[cfg(test)]
mod tests;
