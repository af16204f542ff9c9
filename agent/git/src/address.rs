//! Where a repository is: the spellings of `git clone`, less those that are unsafe.

use std::{fmt, path::PathBuf};

use crate::error::Fault;

/// A repository's place. Holds and shows no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Over http or https; without a slash at the end.
    Http {
        /// The URL.
        url: String,
        /// Whether it is https.
        secure: bool,
    },
    /// Over ssh.
    Ssh(SshAddress),
    /// On this machine.
    Local(PathBuf),
}

/// A repository's place on an ssh server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshAddress {
    /// The account on the server.
    pub(crate) user: Option<String>,
    /// The server's name.
    pub(crate) host: String,
    /// The port, if not ssh's own.
    pub(crate) port: Option<u16>,
    /// The path as the server's Git understands it.
    pub(crate) path: String,
}

impl Address {
    /// Reads a URL. The messages never repeat it, for it might hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, Fault> {
        let fail = |why: &str| Err(Fault::Address(why.to_owned()));
        if url.chars().any(|c| c.is_control() || c == ' ') {
            return fail("the URL has a space or a control character in it");
        }
        if url.starts_with('/') {
            return Ok(Self::Local(url.into()));
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return match url.split_once(':') {
                Some(("https" | "http" | "ssh" | "file", _)) => {
                    fail("two slashes must follow the URL's scheme")
                }
                Some((host, path)) if !host.contains('/') => SshAddress::new(host, None, path).map(Self::Ssh),
                _ => fail("it is neither a URL nor an absolute path"),
            };
        };
        match scheme {
            "https" => web(url, rest, true),
            "http" => web(url, rest, false),
            "ssh" | "git+ssh" | "ssh+git" => {
                let Some((authority, path)) = rest.split_once('/') else {
                    return fail("the URL has no path");
                };
                let (host, port) = port_of(authority)?;
                // `/~user` means a home directory, as in Git.
                let path = if path.starts_with('~') { path.to_owned() } else { format!("/{path}") };
                SshAddress::new(host, port, &percent_decoded(&path)?).map(Self::Ssh)
            }
            "file" => match rest.strip_prefix("localhost").unwrap_or(rest) {
                path if path.starts_with('/') => Ok(Self::Local(percent_decoded(path)?.into())),
                _ => fail("a file URL must hold an absolute path: file:///path"),
            },
            "git" => fail("git:// is neither authenticated nor encrypted, so it is not supported"),
            _ => fail("its scheme is none of https, http, ssh and file"),
        }
    }
}

fn web(url: &str, rest: &str, secure: bool) -> Result<Address, Fault> {
    let fail = |why: &str| Err(Fault::Address(why.to_owned()));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return fail("the URL holds a user name or password");
    }
    if rest.contains(['?', '#']) {
        return fail("the URL has a query or a fragment");
    }
    match url.parse::<ureq::http::Uri>() {
        Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => {}
        _ => return fail("the URL is not valid"),
    }
    Ok(Address::Http { url: url.trim_end_matches('/').to_owned(), secure })
}

impl SshAddress {
    fn new(authority: &str, port: Option<u16>, path: &str) -> Result<Self, Fault> {
        let fail = |why: &str| Err(Fault::Address(why.to_owned()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return fail("the URL holds a password");
        }
        // ssh and Git would take these for options.
        if host.is_empty()
            || host.starts_with('-')
            || path.starts_with('-')
            || user.is_some_and(|u| u.starts_with('-'))
        {
            return fail("the host, user or path is empty or begins with a dash");
        }
        if path.trim_matches('/').is_empty() {
            return fail("the URL has no path");
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { user: user.map(str::to_owned), host: host.to_owned(), port, path: path.to_owned() })
    }
}

/// Splits `host:port`; an IPv6 address stands in brackets.
fn port_of(authority: &str) -> Result<(&str, Option<u16>), Fault> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => match port.parse() {
            Ok(port) => Ok((host, Some(port))),
            Err(_) => Err(Fault::Address("the URL's port is not a number".to_owned())),
        },
        _ => Ok((authority, None)),
    }
}

fn percent_decoded(path: &str) -> Result<String, Fault> {
    let fail = || Fault::Address("the URL has a % that is not followed by two hex digits".to_owned());
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().ok_or_else(fail)?, rest.next().ok_or_else(fail)?];
                let digits = str::from_utf8(&digits)
                    .ok()
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .ok_or_else(fail)?;
                u8::from_str_radix(digits, 16).map_err(|_not_hex| fail())?
            }
            other => other,
        });
    }
    match String::from_utf8(bytes) {
        Ok(path) if !path.chars().any(char::is_control) => Ok(path),
        _ => Err(Fault::Address("the URL's path holds bytes that are no text".to_owned())),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { url, .. } => f.write_str(url),
            Self::Ssh(SshAddress { user, host, port, path }) => {
                f.write_str("ssh://")?;
                user.iter().try_for_each(|user| write!(f, "{user}@"))?;
                f.write_str(host)?;
                port.iter().try_for_each(|port| write!(f, ":{port}"))?;
                write!(f, "{}{path}", if path.starts_with('/') { "" } else { "/" })
            }
            Self::Local(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests;
