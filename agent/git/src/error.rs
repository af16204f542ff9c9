//! What can go wrong with a Git server, in words for the person who has to mend it.

use std::{fmt, io};

use holdfast_protocol::fetch::{Credential, Failure, Remote};

use crate::text;

/// A request that was not fulfilled. Neither it nor its cause ever holds a credential.
#[derive(Debug, thiserror::Error)]
#[error("cannot {task} {reference} {preposition} {url}", preposition = self.task.preposition())]
pub struct GitError {
    /// What was tried.
    pub task: Task,
    /// The full name of the branch.
    pub reference: String,
    /// The repository, without credentials.
    pub url: String,
    /// Why it failed.
    #[source]
    pub fault: Fault,
}

/// What can be asked of a Git server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Looking where a branch is, and fetching what is new.
    Fetch,
    /// Moving a branch.
    Push,
}

impl Task {
    const fn preposition(self) -> &'static str {
        match self {
            Self::Fetch => "of",
            Self::Push => "to",
        }
    }
}
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "fetch",
            Self::Push => "push",
        })
    }
}

/// Why a Git server did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The URL or its settings can not be used.
    #[error("{0}")]
    Address(String),
    /// No connection, or it broke.
    #[error("{0}")]
    Unreachable(String),
    /// The peer was silent or slow for too long.
    #[error("{0}")]
    Timeout(String),
    /// The server, or the proxy, does not accept the host's credential.
    #[error("{0}")]
    Authentication(String),
    /// The server could not prove who it is.
    #[error("{0}")]
    Tls(String),
    /// The ssh server's key is not the known one.
    #[error("{0}")]
    HostKey(String),
    /// The program `ssh` could not be started.
    #[error("the program ssh can not be started")]
    Ssh(#[source] io::Error),
    /// There is no such repository, or the host may not see it.
    #[error("{0}")]
    NoRepository(String),
    /// The repository has no such branch.
    #[error("the repository has no such branch")]
    NoBranch,
    /// The server sends its clients elsewhere.
    #[error("the server redirects to {0}")]
    Redirect(String),
    /// The server's answer makes no sense.
    #[error("{0}")]
    Protocol(String),
    /// The server does not let the branch be moved.
    #[error("the server refuses it: {0}")]
    PushRefused(String),
    /// Something is larger than a host takes.
    #[error("{0}")]
    Limit(String),
    /// The local copy can not be used.
    #[error("{what}")]
    Mirror {
        /// What was tried on it.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// An object of the local copy is missing or not what its name says.
    #[error("object {0} of the local copy is missing or damaged")]
    Damaged(String),
}

impl Fault {
    /// A repository of the other kind.
    pub(crate) fn sha256() -> Self {
        Self::Protocol("its objects are named by SHA-256, which is not supported".to_owned())
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "E_GIT_ADDRESS",
            Self::Unreachable(_) => "E_GIT_UNREACHABLE",
            Self::Timeout(_) => "E_GIT_TIMEOUT",
            Self::Authentication(_) => "E_GIT_AUTH",
            Self::Tls(_) => "E_GIT_TLS",
            Self::HostKey(_) => "E_GIT_HOST_KEY",
            Self::Ssh(_) => "E_GIT_SSH",
            Self::NoRepository(_) => "E_GIT_NO_REPOSITORY",
            Self::NoBranch => "E_GIT_NO_BRANCH",
            Self::Redirect(_) => "E_GIT_REDIRECT",
            Self::Protocol(_) => "E_GIT_PROTOCOL",
            Self::PushRefused(_) => "E_GIT_PUSH_REFUSED",
            Self::Limit(_) => "E_LIMIT",
            Self::Mirror { .. } | Self::Damaged(_) => "E_GIT_MIRROR",
        }
    }

    /// What mends it.
    pub fn remedy(&self) -> Option<&'static str> {
        CODES.iter().find(|(code, ..)| *code == self.code()).map(|(_, _, remedy)| *remedy)
    }

    pub(crate) fn mirror(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Mirror { what, source }
    }
}

/// Every code that a [`GitError`] can have: the code, what it means, what mends it.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "E_GIT_ADDRESS",
        "The repository's URL, or a setting that goes with it, can not be used.",
        "Use https://host/path, ssh://user@host/path, user@host:path or an absolute path. Credentials belong into the \
         credential file, never into the URL, and are only sent over https.",
    ),
    (
        "E_GIT_UNREACHABLE",
        "The Git server could not be reached, or the connection broke.",
        "Look at the network, the host name, the proxy and whether the server runs. The agent tries again by itself; \
         the last good state stays in force.",
    ),
    (
        "E_GIT_TIMEOUT",
        "The Git server was silent, or one exchange took longer than its limit.",
        "Look at the network and at the server's load. The agent tries again by itself. Raise the limits in agent.toml \
         only for a repository that is really that large.",
    ),
    (
        "E_GIT_AUTH",
        "The Git server, or the proxy, does not accept this host's credential.",
        "Put a valid user and password, token or ssh key into the credential file that agent.toml names, and see on the \
         server that it may read the repository and write this host's status branch.",
    ),
    (
        "E_GIT_TLS",
        "The Git server could not prove who it is, so nothing was sent to it.",
        "If the server's certificate comes from an own authority, name its PEM file in agent.toml. Otherwise look at the \
         certificate's names and dates, at this host's clock, and for somebody in the middle.",
    ),
    (
        "E_GIT_HOST_KEY",
        "The ssh server's key is not the one that the known_hosts file lists.",
        "Ask the server's administrator for its key's fingerprint. Only if it was changed on purpose, replace the line in \
         the known_hosts file that agent.toml names.",
    ),
    (
        "E_GIT_SSH",
        "The program ssh could not be started.",
        "Install it (apt install openssh-client), or use an https URL, which needs no program.",
    ),
    (
        "E_GIT_NO_REPOSITORY",
        "The server has no such repository, or does not show it to this host.",
        "Correct the URL in agent.toml, or give this host's credential the right to read the repository.",
    ),
    (
        "E_GIT_NO_BRANCH",
        "The repository has no such branch.",
        "Correct the branch in agent.toml, or push it. An empty repository has no branches.",
    ),
    (
        "E_GIT_REDIRECT",
        "The server redirects elsewhere. Redirects are not followed, so that no credential goes to a place that nobody \
         chose.",
        "Put the URL that the message shows into agent.toml, if it is the right one.",
    ),
    (
        "E_GIT_PROTOCOL",
        "The server's answer makes no sense.",
        "See whether the URL is a Git repository's and not a web page's or a login portal's, and look at the server's log.",
    ),
    (
        "E_GIT_PUSH_REFUSED",
        "The server does not let this host move its status branch.",
        "Read what the server says. Give this host's credential the right to write its own status branch; rules of the \
         kind \"no force push\" may stay.",
    ),
    (
        "E_LIMIT",
        "Something in the repository is larger than a host takes.",
        "Remove it from the repository (large files belong into a package or an artefact store), so that the branch's \
         tip no longer has it.",
    ),
    (
        "E_GIT_MIRROR",
        "The local copy of the repository can not be used. It is only a cache.",
        "See that the disk is not full and the state directory is writable. The copy may be deleted at any time; it is \
         fetched again.",
    ),
];

/// One line for people, with every cause, and nothing that is secret in `remote`.
pub(crate) fn failure(error: &GitError, remote: &Remote) -> Failure {
    let mut message = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    Failure {
        code: error.fault.code().to_owned(),
        message: text::one_line(&redact(message, remote), 1000),
        remedy: error.fault.remedy().map(str::to_owned),
    }
}

/// A server may send back whatever it was sent, so every secret is looked for.
fn redact(mut message: String, remote: &Remote) -> String {
    let mut secrets: Vec<&str> = Vec::new();
    match &remote.credential {
        Credential::None => {}
        Credential::Basic { password, .. } => secrets.push(password.expose()),
        Credential::Bearer { token } => secrets.push(token.expose()),
    }
    if let Some(proxy) = &remote.proxy {
        secrets.push(proxy.expose());
        let user_info = proxy.expose().rsplit_once('@').map_or("", |(before, _)| before);
        secrets.extend(user_info.rsplit_once(':').map(|(_, password)| password));
    }
    let basic = crate::http::authorization(&remote.credential);
    secrets.extend(basic.as_deref().and_then(|header| header.split_once(' ')).map(|(_, value)| value));
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        message = message.replace(secret, "…");
    }
    message
}

#[cfg(test)]
mod tests;
