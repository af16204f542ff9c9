//! Names and small values that every room shares. Each can only be made valid.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

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

mod docker;

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

pub use docker::{HostPath, ImageReference, ObjectName, RegistryName};

/// Permission bits, setuid, setgid and sticky included: at most `0o7777`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileMode(u16);

impl FileMode {
    /// The mode with these bits; higher bits are dropped.
    pub const fn new(bits: u16) -> Self {
        Self(bits & 0o7777)
    }

    /// The permission bits.
    pub const fn bits(self) -> u16 {
        self.0
    }
}
impl FromStr for FileMode {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |why| InvalidName { what: "file mode", text: text.to_owned(), why };
        if !matches!(text.len(), 3 | 4) || !text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
            return Err(fail("write three or four octal digits in quotes, as in \"0644\""));
        }
        u16::from_str_radix(text, 8).map(Self).map_err(|_overflow| fail("it is too large"))
    }
}
impl TryFrom<String> for FileMode {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}
impl From<FileMode> for String {
    fn from(mode: FileMode) -> String {
        mode.to_string()
    }
}
impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}
impl fmt::Debug for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileMode({self})")
    }
}

/// A SHA-256 digest; 64 lower-case hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// A digest that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
impl FromStr for Sha256 {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail =
            || InvalidName { what: "SHA-256 digest", text: text.to_owned(), why: "it must be 64 hex digits" };
        if text.len() != 64 || !text.is_ascii() {
            return Err(fail());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = str::from_utf8(pair).map_err(|_not_text| fail())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_not_hex| fail())?;
        }
        Ok(Self(bytes))
    }
}
impl TryFrom<String> for Sha256 {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}
impl From<Sha256> for String {
    fn from(digest: Sha256) -> String {
        digest.to_string()
    }
}
impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

/// The kinds of resource, each named as its TOML table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KindName {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A source of packages.
    Repository,
    /// A distribution's package.
    Package,
    /// A systemd unit.
    Unit,
    /// An image of the Docker engine.
    Image,
    /// A network of the Docker engine.
    Network,
    /// A volume of the Docker engine.
    Volume,
    /// A container.
    Container,
    /// A service of a Swarm.
    Service,
    /// A config of a Swarm.
    Config,
    /// A secret of a Swarm.
    Secret,
    /// A node of a Swarm.
    Node,
    /// A login at a registry of images.
    Registry,
    /// A compose file on one engine.
    Compose,
    /// A compose file in a Swarm.
    Stack,
}

impl KindName {
    /// Every kind, in the order in which documents list them.
    pub const ALL: [KindName; 17] = [
        KindName::File,
        KindName::Directory,
        KindName::Symlink,
        KindName::Repository,
        KindName::Package,
        KindName::Unit,
        KindName::Image,
        KindName::Network,
        KindName::Volume,
        KindName::Container,
        KindName::Service,
        KindName::Config,
        KindName::Secret,
        KindName::Node,
        KindName::Registry,
        KindName::Compose,
        KindName::Stack,
    ];

    /// The TOML table's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Repository => "repository",
            Self::Package => "package",
            Self::Unit => "unit",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Container => "container",
            Self::Service => "service",
            Self::Config => "config",
            Self::Secret => "secret",
            Self::Node => "node",
            Self::Registry => "registry",
            Self::Compose => "compose",
            Self::Stack => "stack",
        }
    }

    /// Whether the Docker engine keeps resources of this kind.
    pub const fn is_of_docker(self) -> bool {
        match self {
            Self::File | Self::Directory | Self::Symlink | Self::Repository | Self::Package | Self::Unit => {
                false
            }
            Self::Image
            | Self::Network
            | Self::Volume
            | Self::Container
            | Self::Service
            | Self::Config
            | Self::Secret
            | Self::Node
            | Self::Registry
            | Self::Compose
            | Self::Stack => true,
        }
    }
}
impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for KindName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| InvalidName {
            what: "kind of resource",
            text: text.to_owned(),
            why: "it must be file, directory, symlink, repository, package, unit, image, network, volume, container, service, config, secret, node, registry, compose or stack",
        })
    }
}

/// What identifies a resource on a host: `file:/etc/motd`, `unit:nginx.service`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId {
    /// Which kind it is.
    pub kind: KindName,
    /// Its key in the kind's table: a path, a package's or a unit's name.
    pub name: String,
}

impl ResourceId {
    /// The id of the resource `name` of `kind`.
    pub fn new(kind: KindName, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}
impl FromStr for ResourceId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |why| InvalidName { what: "resource id", text: text.to_owned(), why };
        let (kind, name) =
            text.split_once(':').ok_or_else(|| fail("write KIND:NAME, as in 'file:/etc/motd'"))?;
        if name.is_empty() {
            return Err(fail("the name after ':' is empty"));
        }
        let kind = kind.parse().map_err(|unknown: InvalidName| fail(unknown.why))?;
        Ok(Self { kind, name: name.to_owned() })
    }
}
impl TryFrom<String> for ResourceId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}
impl From<ResourceId> for String {
    fn from(id: ResourceId) -> String {
        id.to_string()
    }
}
impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests;
