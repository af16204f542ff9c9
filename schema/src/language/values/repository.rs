//! The small values that sources of packages hold. None can end its line or its field in the files that they become.

use std::{fmt, str::FromStr};

use super::value;
use crate::{InvalidName, document::field::textual};

/// Bytes that mean nothing special in deb822, in the files of dnf and zypper, nor in an address.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/+".contains(&byte)
}

value!(
    /// The address of a source of packages.
    RepositoryUrl,
    "repository address",
    |text| {
        const SCHEMES: [&str; 3] = ["https://", "http://", "file:///"];
        let Some(rest) = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) else {
            return Err("it must begin with 'https://', 'http://' or 'file:///'");
        };
        if rest.is_empty() || text.len() > 1000 {
            return Err("it must name a place and have 1000 characters at most");
        }
        if !text.bytes().all(|b| is_plain(b) || b":?=&%,;@!$(){}[]".contains(&b)) {
            return Err("it cannot hold spaces, quotes, '#', '*' or characters outside of ASCII");
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if !text.starts_with("file:") && (authority.is_empty() || authority.contains('@')) {
            return Err("it needs a server, and cannot hold a user: everybody who reads the repository would know the password");
        }
        Ok(())
    }
);
textual!(RepositoryUrl, "an address",
    { "type": "string", "pattern": "^(https?://|file:///)[^ #\"'*<>]+$", "examples": ["https://download.docker.com/linux/debian"] });

value!(
    /// A suite of a Debian repository, or an exact path that ends in '/'.
    Suite,
    "suite",
    |text| {
        if text.is_empty() || text.len() > 200 || !text.bytes().all(is_plain) || text.starts_with('-') {
            return Err("only letters, digits, '-', '.', '_', '~', '+' and '/' are allowed, 200 at most");
        }
        if text.split('/').any(|part| part == "..") || (text.starts_with('/') && text != "/") {
            return Err("it is relative to the address, and does not lead out of it");
        }
        Ok(())
    }
);
textual!(Suite, "a suite",
    { "type": "string", "pattern": "^[A-Za-z0-9._~+/][A-Za-z0-9._~+/-]*$", "examples": ["bookworm", "stable", "./"] });

value!(
    /// A component of a Debian repository.
    Component,
    "component",
    |text| {
        if text.is_empty() || text.len() > 100 || !text.bytes().all(is_plain) || text.starts_with(['-', '/']) {
            return Err("only letters, digits, '-', '.', '_', '~', '+' and '/' are allowed, 100 at most");
        }
        Ok(())
    }
);
textual!(Component, "a component",
    { "type": "string", "pattern": "^[A-Za-z0-9._~+][A-Za-z0-9._~+/-]*$", "examples": ["main", "non-free-firmware"] });

value!(
    /// An architecture as dpkg calls it.
    Architecture,
    "architecture",
    |text| {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > 40 || text.starts_with('-') || !text.bytes().all(ok) {
            return Err("write it as `dpkg --print-architecture` does");
        }
        Ok(())
    }
);
textual!(Architecture, "an architecture",
    { "type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$", "examples": ["amd64", "arm64"] });

value!(
    /// A package's name, or a glob over names.
    PackageGlob,
    "package name or pattern",
    |text| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || b"-._+*?[]!".contains(&b);
        if text.is_empty() || text.len() > 200 || text.starts_with('-') || !text.bytes().all(ok) {
            return Err("only letters, digits, '-', '.', '_', '+', and the patterns '*', '?' and '[…]' are allowed");
        }
        Ok(())
    }
);
textual!(PackageGlob, "a package's name or a pattern",
    { "type": "string", "pattern": "^[A-Za-z0-9._+*?!\\[\\]][A-Za-z0-9._+*?!\\[\\]-]*$", "examples": ["kernel*"] });

value!(
    /// A text of one line.
    Line,
    "line",
    |text| {
        if text.is_empty() || text.len() > 200 || text.trim() != text {
            return Err("it must have 1 to 200 bytes and no space at either end");
        }
        if text.chars().any(char::is_control) {
            return Err("it holds a control character, such as a line end");
        }
        Ok(())
    }
);
textual!(Line, "a line of text", { "type": "string", "minLength": 1, "maxLength": 200 });
