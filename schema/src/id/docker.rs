//! Names of what the Docker engine keeps.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{AbsolutePath, InvalidName};

name!(
    /// The name of a container, a network or a volume, as the engine allows it.
    ObjectName,
    "name in Docker",
    |text| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if text.len() < 2 || text.len() > 200 {
            return Err("it must have 2 to 200 characters");
        }
        if !text.bytes().all(ok) || !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err("only letters, digits, '_', '.' and '-' are allowed, a letter or digit first");
        }
        Ok(())
    }
);

name!(
    /// Something of the host that is mounted: an absolute path, or `/` for all of it.
    HostPath,
    "path of the host",
    |text| if text == "/" { Ok(()) } else { text.parse::<AbsolutePath>().map(drop).map_err(|invalid| invalid.why) }
);

name!(
    /// An image: `[REGISTRY/]NAME[:TAG][@sha256:DIGEST]`, or `sha256:ID` for one that no registry has; see
    /// <https://pkg.go.dev/github.com/distribution/reference>.
    ImageReference,
    "image reference",
    |text| {
        if text.len() > 400 {
            return Err("it is longer than 400 characters");
        }
        if let Some(id) = text.strip_prefix("sha256:") {
            return if is_hex(id) { Ok(()) } else { Err("an image's id is sha256: and 64 hex digits") };
        }
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(is_hex)) {
            return Err("what follows '@' must be sha256: and 64 hex digits");
        }
        let (repository, tag) = split_tag(named);
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if tag.is_some_and(|tag| tag.is_empty() || tag.len() > 128 || !tag.bytes().all(word)) {
            return Err("a tag has 1 to 128 letters, digits, '_', '.' and '-'");
        }
        let (registry, path) = split_registry(repository);
        if registry.is_some_and(|name| !name.bytes().all(|b| word(b) || matches!(b, b':' | b'[' | b']'))) {
            return Err("what stands before the first '/' is no registry");
        }
        let part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
                && part.bytes().all(|b| word(b) && !b.is_ascii_uppercase())
        };
        if !path.split('/').all(part) {
            return Err("the parts of its name have lower-case letters, digits, '_', '.' and '-', as in 'library/nginx'");
        }
        Ok(())
    }
);

name!(
    /// A registry, as it stands in front of an image's name: `registry.example.com:5000`; Docker's own is `docker.io`.
    RegistryName,
    "registry",
    |text| {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
        if text.is_empty() || text.len() > 255 || !text.bytes().all(ok) {
            return Err("write it as it stands in front of an image's name, as in 'registry.example.com:5000'");
        }
        if text != "localhost" && !text.contains(['.', ':']) {
            return Err("it must have a '.' or a port, or it could not be told from an image's name");
        }
        Ok(())
    }
);

fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn split_tag(named: &str) -> (&str, Option<&str>) {
    match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (named, None),
    }
}

/// A registry is told from the first part of a name by a dot, a port, or by being this very host.
fn split_registry(repository: &str) -> (Option<&str>, &str) {
    match repository.split_once('/') {
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => (Some(first), rest),
        _ => (None, repository),
    }
}

impl ImageReference {
    /// The digest of its manifest, `sha256:…`, if it is named.
    pub fn digest(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, digest)| digest)
    }

    /// The id of an image that only this engine has.
    pub fn id(&self) -> Option<&str> {
        self.0.starts_with("sha256:").then_some(self.as_str())
    }

    /// Whether it can only ever mean one image.
    pub fn is_pinned(&self) -> bool {
        self.digest().is_some() || self.id().is_some()
    }

    /// The registry that it comes from; none for an id.
    pub fn registry(&self) -> Option<RegistryName> {
        if self.id().is_some() {
            return None;
        }
        let named = self.0.split_once('@').map_or(self.as_str(), |(named, _)| named);
        let registry = split_registry(split_tag(named).0).0.unwrap_or("docker.io");
        registry.to_ascii_lowercase().parse().ok()
    }

    /// The repository as the engine lists it: `nginx` for `docker.io/library/nginx:1.27`. None for an id.
    pub fn repository(&self) -> Option<&str> {
        if self.id().is_some() {
            return None;
        }
        let named = self.0.split_once('@').map_or(self.as_str(), |(named, _)| named);
        let (repository, _) = split_tag(named);
        let repository = repository.strip_prefix("docker.io/").unwrap_or(repository);
        Some(repository.strip_prefix("library/").unwrap_or(repository))
    }

    /// The tag, which is `latest` where none is written; none for an id.
    pub fn tag(&self) -> Option<&str> {
        if self.id().is_some() {
            return None;
        }
        let named = self.0.split_once('@').map_or(self.as_str(), |(named, _)| named);
        Some(split_tag(named).1.unwrap_or("latest"))
    }
}
