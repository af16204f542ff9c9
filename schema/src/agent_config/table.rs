//! The document's table, and what must fit together in it.

use std::str::FromStr;

use serde_json::{Value as Json, json};

use super::{AgentConfig, Credential, Proxy, Remote, Ssh};
use crate::{
    AbsolutePath, HostName, InvalidName, Problem, Problems,
    document::{
        decode::{Decoder, Toml},
        duration::Wait,
        field::{Field, parse as decode_text, string, textual},
        source::{Located, Sources, Span},
        table::{self, table},
    },
    language::values::choice,
    limits, text,
};

table! {
    /// A password or token for https: `user` and `password_file`, or `token_file`.
    pub(crate) struct CredentialTable {
        /// The user's name, for a password.
        user: UserName,
        /// The file, readable for root alone, whose first line is the password or access token.
        password_file: AbsolutePath,
        /// The file, readable for root alone, whose first line is a bearer token.
        token_file: AbsolutePath,
    }
    one_of [["user", "token_file"], ["password_file", "token_file"]]
}

table! {
    /// What ssh needs. No user's configuration is read.
    pub(crate) struct SshTable {
        /// The private key, readable for root alone, without a passphrase.
        key_file: AbsolutePath [required],
        /// The servers' public keys, as ssh-keyscan(1) prints them. A server that is not listed is refused.
        known_hosts_file: AbsolutePath [required],
    }
}

table! {
    /// How to reach a Git server.
    pub(crate) struct Reach {
        /// The only certificate authorities to trust for https, a PEM file. Without it the public ones are trusted.
        ca_file: AbsolutePath,
        /// A proxy for https: `http://[USER:PASSWORD@]HOST:PORT`. With a password in it, make this file readable for root
        /// alone.
        proxy: ProxyAddress,
        /// How the host proves who it is over https.
        credential: CredentialTable,
        /// How the host proves who it is, and who the server must be, over ssh.
        ssh: SshTable,
    }
}

table! {
    /// Where the host tells how it is. What is not set is as for the fleet repository; but with a `url` of its own, nothing is
    /// taken from there, so that no credential goes to another server.
    pub(crate) struct StatusTable {
        /// The repository.
        url: Url,
        /// The branch. By default `status/` and the host's name.
        branch: Branch,
        after reach: Reach,
    }
}

table! {
    /// The agent's configuration: `/etc/holdfast/agent.toml`.
    pub(crate) struct AgentTable {
        /// This host's name in the fleet: the fleet repository describes it in `hosts/NAME.toml`.
        host: HostName [required],
        /// The fleet repository: `https://…`, `ssh://…`, `USER@HOST:PATH`, `file://…` or an absolute path.
        url: Url [required],
        /// The branch that holds what should be.
        branch: Branch = "\"main\"",
        /// How often the fleet repository is asked for something new, with some jitter; at least 5s.
        poll: Wait<5, 86_400> = "\"60s\"",
        /// How often everything is looked at again. What changes is repaired when it changes; this finds what nobody told.
        full_pass: Wait<5, 604_800> = "\"1h\"",
        /// How often a status is written though nothing changed.
        heartbeat: Wait<60, 604_800> = "\"6h\"",
        /// How long a Git server may say nothing.
        stall_timeout: Wait<1, 3600> = "\"30s\"",
        /// How long one exchange with a Git server may take.
        total_timeout: Wait<5, 86_400> = "\"5m\"",
        /// What a revision must have to be believed.
        level: Level = "\"signed\"",
        /// Where the host tells how it is.
        status: StatusTable,
        after reach: Reach,
    }
}

/// What a revision must have to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Signed,
    None,
}

choice!(Level {
    "signed" => Level::Signed, "every commit is signed by a key that the fleet lists";
    "none" => Level::None, "reserved: this version refuses it";
});

/// Makes a newtype over `String` with a rule, as a field.
macro_rules! value {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal, $expected:literal, $check:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(String);

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
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        textual!($name, $expected, { "type": "string", "minLength": 1 });
    };
}

value!(
    /// A user's name for basic authentication.
    UserName,
    "user name",
    "a user's name",
    |text| {
        if text.is_empty() || text.contains(':') || text.chars().any(char::is_control) {
            return Err("it cannot be empty or hold ':' or control characters");
        }
        Ok(())
    }
);

value!(
    /// A branch's name.
    Branch,
    "branch name",
    "a branch's name",
    |text| {
        let bad = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
        if text.is_empty() || text.len() > 200 || text.chars().any(bad) || text.contains("..") || text.contains("@{") {
            return Err("git-check-ref-format(1) refuses it");
        }
        if text.starts_with("refs/") {
            return Err("write it without refs/heads/");
        }
        if text.starts_with('-') || text.ends_with('/') || text.ends_with('.') || text == "@" {
            return Err("git-check-ref-format(1) refuses it");
        }
        if text.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.strip_suffix(".lock").is_some()) {
            return Err("git-check-ref-format(1) refuses it");
        }
        Ok(())
    }
);

/// How a repository's address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Https,
    Http,
    Ssh,
    File,
}

/// A repository's address. Its text is what Git takes; nothing in it can become an option of ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    transport: Transport,
}

impl FromStr for Url {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        // What is refused may hold a password, and so is not quoted.
        let fail = |why| InvalidName { what: "repository address", text: "…".to_owned(), why };
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) || text.len() > 2000 {
            return Err(fail("it cannot hold spaces or control characters"));
        }
        let (transport, host) = if let Some(rest) = text.strip_prefix("https://") {
            (Transport::Https, authority(rest))
        } else if let Some(rest) = text.strip_prefix("http://") {
            (Transport::Http, authority(rest))
        } else if let Some(rest) = text.strip_prefix("ssh://") {
            (Transport::Ssh, authority(rest))
        } else if text.starts_with("file:///") || text.starts_with('/') {
            (Transport::File, "")
        } else if text.contains("://") {
            return Err(fail("only https, ssh, file and, without a credential, http are spoken"));
        } else if let Some((host, path)) = text.split_once(':').filter(|(host, _)| !host.contains('/')) {
            if path.is_empty() || path.starts_with('-') {
                return Err(fail("it needs a path, as in 'git@example.com:fleet.git'"));
            }
            (Transport::Ssh, host)
        } else {
            return Err(fail("write 'https://…', 'ssh://…', 'user@host:path' or an absolute path"));
        };
        let (user, machine) =
            host.rsplit_once('@').map_or((None, host), |(user, machine)| (Some(user), machine));
        if transport != Transport::File && (machine.is_empty() || machine.starts_with([':', '-'])) {
            return Err(fail("it names no host"));
        }
        match (transport, user) {
            (Transport::Https | Transport::Http, Some(_)) => {
                Err(fail("it cannot hold a user or password: name a file of them under [credential]"))
            }
            (_, Some(user)) if user.is_empty() || user.starts_with('-') || user.contains(':') => {
                Err(fail("its user is not a user's name"))
            }
            _ => Ok(Self { text: text.to_owned(), transport }),
        }
    }
}

/// The part of an address between `//` and the path.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

impl Field for Url {
    fn expected() -> String {
        "a repository's address".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "string", "examples": ["https://git.example.com/fleet.git", "git@example.com:fleet.git"] })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        decode_text(value, decoder)
    }
    fn show(&self) -> String {
        text::quote(&self.text)
    }
}

/// A proxy's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyAddress(Proxy);

impl Field for ProxyAddress {
    fn expected() -> String {
        "a proxy's address".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^http://", "examples": ["http://proxy.example.com:3128"] })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let written = string::<Self>(value, decoder)?;
        let host = written.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let port =
            host.and_then(|host| host.rsplit_once(':')).and_then(|(_, port)| text::number::<u16>(port));
        if !matches!(port, Some(1..)) || written.chars().any(|c| c.is_control() || c.is_whitespace()) {
            // It may hold a password, and so is not quoted.
            let problem = Problem::new("E_VALUE", "this is not a proxy's address");
            decoder.report(value.span(), problem.remedy("write http://[USER:PASSWORD@]HOST:PORT"));
            return None;
        }
        Some(Self(Proxy(written.to_owned())))
    }
    fn show(&self) -> String {
        "\"…\"".to_owned()
    }
}

/// Reads `text`, which came from the file `path`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, path: &str) -> Result<AgentConfig, Problems> {
    if text.len() > limits::STATUS_BYTES {
        return Err(
            Problem::new("E_LIMIT", format!("{path} is longer than {} bytes", limits::STATUS_BYTES)).into()
        );
    }
    let mut sources = Sources::default();
    let source = sources.add(path, text.to_owned());
    let (tree, mut decoder) = Decoder::parse(&source);
    let tables: AgentTable = table::decode_document(&tree, &mut decoder);
    let config = build(&tables, &mut decoder);
    let mut problems = decoder.finish();
    // An address may hold a password, and problems are shown in logs.
    let places = problems.iter_mut().flat_map(|problem| {
        problem.at.as_deref_mut().into_iter().chain(problem.related.iter_mut().map(|related| &mut related.at))
    });
    places.filter(|at| at.excerpt.contains('@')).for_each(|at| at.excerpt.clear());
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems.into()),
    }
}

fn build(tables: &AgentTable, decoder: &mut Decoder<'_>) -> Option<AgentConfig> {
    if let Some(level) = tables.level.as_ref().filter(|level| level.value == Level::None) {
        let problem = Problem::new("E_LEVEL", "this version does not follow unsigned revisions")
            .remedy("sign the fleet's commits (`holdfast trust init`), and take `level` out");
        decoder.report_at(level.at, problem);
    }
    let url = tables.url.as_ref()?;
    let fleet = remote(url, &tables.reach, None, decoder);
    let host = tables.host.as_ref()?.value.clone();
    let status = match &tables.status {
        None => fleet.clone(),
        Some(status) => match &status.value.url {
            Some(url) => remote(url, &status.value.reach, None, decoder),
            None => remote(url, &status.value.reach, Some(&fleet), decoder),
        },
    };
    let status_branch = tables.status.as_ref().and_then(|status| status.value.branch.as_ref());
    let mut config = AgentConfig::new(host, fleet);
    config.status = status;
    if let Some(branch) = status_branch {
        config.status_branch = branch.value.to_string();
    }
    if let Some(branch) = &tables.branch {
        config.branch = branch.value.to_string();
    }
    if config.status.url == config.fleet.url && config.status_branch == config.branch {
        let at = status_branch.or(tables.branch.as_ref()).map_or(url.at, |branch| branch.at);
        let problem =
            Problem::new("E_CONFLICT", "the status would be written to the branch that says what should be");
        decoder.report_at(at, problem.remedy("leave the status branch to its default, status/HOST"));
    }
    config.full_pass = tables.full_pass.as_ref().map_or(config.full_pass, |full_pass| full_pass.value.0);
    config.poll = tables.poll.as_ref().map_or(config.poll, |poll| poll.value.0);
    config.heartbeat = tables.heartbeat.as_ref().map_or(config.heartbeat, |heartbeat| heartbeat.value.0);
    config.stall_timeout =
        tables.stall_timeout.as_ref().map_or(config.stall_timeout, |timeout| timeout.value.0);
    config.total_timeout =
        tables.total_timeout.as_ref().map_or(config.total_timeout, |timeout| timeout.value.0);
    Some(config)
}

/// A remote from its keys; what they do not set is as in `default`.
fn remote(url: &Located<Url>, reach: &Reach, default: Option<&Remote>, decoder: &mut Decoder<'_>) -> Remote {
    let own = reach.credential.as_ref().map(|table| credential(table, decoder));
    let ssh = reach.ssh.as_ref().and_then(|ssh| {
        let key_file = ssh.value.key_file.as_ref()?.value.clone();
        let known_hosts_file = ssh.value.known_hosts_file.as_ref()?.value.clone();
        Some(Ssh { key_file, known_hosts_file })
    });
    let remote = Remote {
        url: url.value.text.clone(),
        credential: own.or_else(|| default.map(|default| default.credential.clone())).unwrap_or_default(),
        ca_file: reach.ca_file.as_ref().map(|file| file.value.clone()).or_else(|| default?.ca_file.clone()),
        proxy: reach.proxy.as_ref().map(|proxy| proxy.value.0.clone()).or_else(|| default?.proxy.clone()),
        ssh: ssh.or_else(|| default?.ssh.clone()),
    };
    let mut refuse = |at: Span, message: &str, remedy: &str| {
        decoder.report_at(at, Problem::new("E_CONFLICT", message).remedy(remedy));
    };
    match (url.value.transport, &reach.credential) {
        (Transport::Http, Some(credential)) => {
            refuse(credential.at, "a credential would go over http for all to read", "use https");
        }
        (Transport::Ssh | Transport::File, Some(credential)) => {
            refuse(
                credential.at,
                "a credential is for https only",
                "take [credential] out, or use an https address",
            );
        }
        _ => {}
    }
    if url.value.transport == Transport::Ssh && remote.ssh.is_none() && !decoder_has_ssh_problem(reach) {
        let problem = Problem::new("E_MISSING_KEY", "nothing says which key to use over ssh");
        decoder.report_at(url.at, problem.remedy("set key_file and known_hosts_file under [ssh]"));
    }
    remote
}

/// Whether `[ssh]` is there, though not whole: then its own problems say enough.
fn decoder_has_ssh_problem(reach: &Reach) -> bool {
    reach.ssh.is_some()
}

fn credential(table: &Located<CredentialTable>, decoder: &mut Decoder<'_>) -> Credential {
    let CredentialTable { user, password_file, token_file } = &table.value;
    match (user, password_file, token_file) {
        (Some(user), Some(file), None) => {
            Credential::Basic { user: user.value.to_string(), password_file: file.value.clone() }
        }
        (None, None, Some(file)) => Credential::Bearer { token_file: file.value.clone() },
        (_, _, Some(_)) => Credential::None,
        _ => {
            let problem = Problem::new("E_MISSING_KEY", "this credential is not whole");
            decoder.report_at(table.at, problem.remedy("set `user` and `password_file`, or `token_file`"));
            Credential::None
        }
    }
}
