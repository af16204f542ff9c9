//! The small values that fields hold.

use std::{fmt, str::FromStr};

use serde_json::{Value as Json, json};

use crate::{
    InvalidName, Problem,
    document::{
        decode::{Decoder, Toml},
        field::{Field, key, string, textual},
    },
    facts::FAMILIES,
    spec::{ConfigFiles, Ensure, PackageEnsure},
    state::OnFailure,
    template, text,
};

pub(crate) mod docker;
pub(crate) mod repository;

/// Makes a newtype over `String` with a rule.
macro_rules! value {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(String);

        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(text)
                    .map(|()| Self(text.to_owned()))
                    .map_err(|why| InvalidName { what: $what, text: text.to_owned(), why })
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use value;

value!(
    /// A user's or group's name, or its number. What names are allowed is the host's matter: directories have their own rules.
    Account,
    "user or group name",
    |text| {
        if text.is_empty() || text.len() > 256 || text.starts_with('-') {
            return Err("it must have 1 to 256 characters and not begin with '-'");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, ':' | '/' | ',')) {
            return Err("it cannot hold ':', '/', ',', spaces or control characters");
        }
        Ok(())
    }
);
textual!(Account, "a user's or group's name", { "type": "string", "minLength": 1, "examples": ["root", "www-data"] });

value!(
    /// A package's name as the package manager knows it, with `:ARCH` for a foreign architecture.
    PackageName,
    "package name",
    |text| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_');
        let (name, arch) = text.split_once(':').unwrap_or((text, "any"));
        if name.is_empty() || name.len() > 200 || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err("it must begin with a letter or digit and have 200 characters at most");
        }
        if !name.bytes().all(ok) {
            return Err("only letters, digits, '+', '-', '.' and '_' are allowed, and ':ARCH' at the end");
        }
        if arch.is_empty() || !arch.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err("what follows ':' must be an architecture, as in 'libc6:i386'");
        }
        Ok(())
    }
);
textual!(PackageName, "a package's name", { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9+._-]*(:[A-Za-z0-9_-]+)?$" });
key!(PackageName, Some("^[A-Za-z0-9][A-Za-z0-9+._-]*(:[A-Za-z0-9_-]+)?$"));

value!(
    /// A family of distributions.
    Family,
    "family of distributions",
    |text| {
        if FAMILIES.iter().any(|(family, _)| *family == text) {
            Ok(())
        } else {
            Err("the families are debian, rhel (Fedora is one of them) and suse")
        }
    }
);
key!(Family, Some("^(debian|rhel|suse)$"));

value!(
    /// A package's version, or a glob with `*` over versions.
    PackageVersion,
    "package version",
    |text| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'~' | b':' | b'^' | b'_' | b'*');
        if text.is_empty() || text.len() > 200 || text.starts_with('-') || !text.bytes().all(ok) {
            return Err("write it as the package manager does, with '*' for any text");
        }
        Ok(())
    }
);
textual!(PackageVersion, "a version",
    { "type": "string", "pattern": "^[A-Za-z0-9+.~:^_*][A-Za-z0-9+.~:^_*-]*$", "examples": ["1.22.*", "2:8.2.0-1"] });

value!(
    /// A path in the repository, beside the document that names it.
    RelativePath,
    "path in the repository",
    |text| {
        if text.is_empty() || text.starts_with('/') {
            return Err("it is relative to the role's directory or, outside of roles, to the repository's root");
        }
        if text.chars().any(char::is_control) {
            return Err("it holds a control character");
        }
        if text.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err("write it without '.', '..', '//' and trailing '/'");
        }
        Ok(())
    }
);
textual!(RelativePath, "a path in the repository",
    { "type": "string", "pattern": "^[^/]", "examples": ["files/nginx.conf", "templates/motd"] });

value!(
    /// What a symbolic link holds.
    LinkTarget,
    "symlink target",
    |text| {
        if text.is_empty() || text.len() > 4095 {
            return Err("it must have 1 to 4095 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("it holds a control character");
        }
        Ok(())
    }
);
textual!(LinkTarget, "a path", { "type": "string", "minLength": 1, "examples": ["/usr/share/zoneinfo/Europe/Berlin"] });

value!(
    /// A drop-in's file name.
    DropInName,
    "drop-in name",
    |text| {
        if text.strip_suffix(".conf").is_none() || text.len() > 255 || text.starts_with('.') {
            return Err("it must end in '.conf', not begin with '.', and have 255 bytes at most");
        }
        if text.contains('/') || text.chars().any(char::is_control) {
            return Err("it is a file's name: without '/' and control characters");
        }
        Ok(())
    }
);
key!(DropInName, Some("^[^./][^/]*\\.conf$"));

value!(
    /// An author's label.
    Tag,
    "tag",
    |text| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if text.is_empty() || text.len() > 63 || !text.bytes().all(ok) {
            return Err("only letters, digits, '-', '.' and '_' are allowed, 63 at most");
        }
        Ok(())
    }
);
textual!(Tag, "a tag", { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,63}$" });

value!(
    /// The address of a health probe over HTTP.
    HttpAddress,
    "http address",
    |text| {
        let Some(rest) = text.strip_prefix("http://") else {
            return Err("it must begin with 'http://': a probe asks the service itself, on this host");
        };
        if rest.is_empty() || rest.starts_with('/') || text.len() > 2000 {
            return Err("it needs a host, as in 'http://127.0.0.1:8080/healthz'");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) || rest.contains('@') {
            return Err("it cannot hold spaces, control characters or a user");
        }
        Ok(())
    }
);
textual!(HttpAddress, "an http address",
    { "type": "string", "pattern": "^http://[^/]", "examples": ["http://127.0.0.1/healthz"] });

value!(
    /// The address of a health probe over TCP.
    TcpAddress,
    "tcp address",
    |text| {
        let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| text::number::<u16>(port));
        if !matches!(port, Some(1..)) || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("write HOST:PORT, as in '127.0.0.1:5432'");
        }
        Ok(())
    }
);
textual!(TcpAddress, "an address HOST:PORT",
    { "type": "string", "pattern": "^.+:[0-9]{1,5}$", "examples": ["127.0.0.1:5432"] });

/// Makes a `Field` of an enum that is written as one of a few words.
macro_rules! choice {
    ($type:ty { $($word:literal => $value:path, $doc:literal;)+ }) => {
        impl $crate::document::field::Field for $type {
            fn expected() -> String {
                [$(concat!("\"", $word, "\"")),+].join(" or ")
            }
            fn schema() -> serde_json::Value {
                let description = [$(concat!("- `", $word, "`: ", $doc)),+].join("\n");
                serde_json::json!({ "enum": [$($word),+], "description": description })
            }
            fn decode(
                value: &$crate::document::decode::Toml<'_>,
                decoder: &mut $crate::document::decode::Decoder<'_>,
            ) -> Option<Self> {
                let written = $crate::document::field::string::<Self>(value, decoder)?;
                $(if written == $word {
                    return Some($value);
                })+
                $crate::language::values::unknown_choice(written, &[$($word),+], value, decoder);
                None
            }
            fn show(&self) -> String {
                match self {
                    $($value => concat!("\"", $word, "\"").to_owned(),)+
                }
            }
        }
    };
}
pub(crate) use choice;

/// Tells of a word that is none of the choices.
pub(crate) fn unknown_choice(written: &str, words: &[&str], value: &Toml<'_>, decoder: &mut Decoder<'_>) {
    let choices: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    let message = format!("expected {}, found {:?}", choices.join(" or "), written);
    let mut problem = Problem::new("E_VALUE", message);
    problem.remedy = text::near(written, words.iter().copied()).map(|near| format!("did you mean {near:?}?"));
    decoder.report(value.span(), problem);
}

choice!(Ensure {
    "present" => Ensure::Present, "it exists as described";
    "absent" => Ensure::Absent, "it does not exist";
});

choice!(PackageEnsure {
    "present" => PackageEnsure::Present, "it is installed";
    "absent" => PackageEnsure::Absent, "it is not installed; its configuration files may stay";
    "purged" => PackageEnsure::Purged, "it is not installed, and its configuration files are gone";
});
choice!(ConfigFiles {
    "keep" => ConfigFiles::Keep, "it stays, and the package's own is put beside it";
    "replace" => ConfigFiles::Replace, "the package's own takes its place, and it is put beside it";
});
choice!(OnFailure {
    "rollback" => OnFailure::Rollback, "what it changed is put back, and it is not tried again";
    "hold" => OnFailure::Hold, "everything stays as it is, for a person to look at";
    "continue" => OnFailure::Continue, "what does not depend on the failure is done, and the rest is tried again";
});

/// A `when` expression, checked for its grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition(String);

impl Condition {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Condition {
    fn expected() -> String {
        "a condition in quotes".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "string", "examples": ["facts.os == 'debian'", "vars.tls and 'prod' in host.groups"] })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let written = string::<Self>(value, decoder)?;
        match template::Condition::compile(written) {
            Ok(_) => Some(Self(written.to_owned())),
            Err(error) => {
                let problem =
                    Problem::new("E_TEMPLATE", format!("this condition cannot be read: {}", error.message));
                decoder.report(
                    value.span(),
                    problem.remedy("write it as in: facts.os == 'debian' and vars.tls"),
                );
                None
            }
        }
    }
    fn show(&self) -> String {
        text::quote(&self.0)
    }
}
