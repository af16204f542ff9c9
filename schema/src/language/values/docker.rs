//! The small values that the kinds of the Docker engine hold.

use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::{choice, value};
use crate::{
    HostPath, ImageReference, InvalidName, ObjectName,
    document::{
        decode::{Decoder, Toml},
        field::{Field, integer, key, textual},
    },
    spec::{
        Availability, Device, EndpointMode, FailureAction, Port, Propagation, Protocol, Pull, Restart,
        RestartCondition, Ulimit, UpdateOrder,
    },
    text,
};

mod amounts;

pub(crate) use amounts::{MemorySize, Processors, Ratio, Size};

textual!(ImageReference, "an image such as \"nginx:1.27@sha256:…\"",
    { "type": "string", "minLength": 1, "examples": ["nginx:1.27@sha256:0123456789abcdef…"] });
key!(ImageReference, None);
textual!(HostPath, "an absolute path", { "type": "string", "pattern": "^/", "examples": ["/srv/data"] });
textual!(ObjectName, "a name in Docker", { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]+$" });
key!(ObjectName, Some("^[A-Za-z0-9][A-Za-z0-9_.-]+$"));

choice!(Pull {
    "missing" => Pull::Missing, "from its registry, if the engine does not have it";
    "never" => Pull::Never, "only from the engine itself: something else brings it";
});

choice!(Propagation {
    "rprivate" => Propagation::Rprivate, "on neither side";
    "rslave" => Propagation::Rslave, "in the container";
    "rshared" => Propagation::Rshared, "on both sides";
    "private" => Propagation::Private, "on neither side, but for mounts that are there already";
    "slave" => Propagation::Slave, "in the container, but for mounts that are there already";
    "shared" => Propagation::Shared, "on both sides, but for mounts that are there already";
});

choice!(Restart {
    "no" => Restart::No, "the engine never starts it again; Holdfast still does";
    "always" => Restart::Always, "whenever it ends, and when the engine starts";
    "unless-stopped" => Restart::UnlessStopped, "the same, unless somebody stopped it";
    "on-failure" => Restart::OnFailure, "when it ends with another exit code than 0";
});

choice!(RestartCondition {
    "none" => RestartCondition::None, "a task that ended is not replaced";
    "on-failure" => RestartCondition::OnFailure, "when it ends with another exit code than 0";
    "any" => RestartCondition::Any, "whenever it ends";
});

choice!(FailureAction {
    "rollback" => FailureAction::Rollback, "the Swarm goes back to what the service was";
    "pause" => FailureAction::Pause, "it stays as far as it came";
    "continue" => FailureAction::Continue, "it goes on";
});

choice!(UpdateOrder {
    "stop-first" => UpdateOrder::StopFirst, "the old task is stopped before the new one is started";
    "start-first" => UpdateOrder::StartFirst, "the new task runs before the old one is stopped";
});

choice!(EndpointMode {
    "vip" => EndpointMode::Vip, "to one address that stands for all tasks";
    "dnsrr" => EndpointMode::Dnsrr, "to the addresses of the tasks";
});

choice!(Availability {
    "active" => Availability::Active, "they do";
    "pause" => Availability::Pause, "those that run go on, and no others are started";
    "drain" => Availability::Drain, "none does: they move to other nodes";
});

/// Whether a text is a word of such characters.
fn word(text: &str, ok: fn(char) -> bool) -> Result<(), &'static str> {
    match text {
        "" => Err("it is empty"),
        _ if text.len() > 1000 => Err("it is longer than 1000 bytes"),
        _ if !text.chars().all(ok) => Err("it holds a character that it cannot hold"),
        _ => Ok(()),
    }
}

value!(
    /// Something that has no rule but that it is one word.
    Word,
    "word",
    |text| word(text, |c| !c.is_control() && !c.is_whitespace())
);
textual!(Word, "a word", { "type": "string", "pattern": "^\\S+$" });

value!(
    /// A label's name.
    LabelName,
    "label",
    |text| word(text, |c| !c.is_control() && !c.is_whitespace() && c != '=')
);
key!(LabelName, Some("^[^\\s=]+$"));

value!(
    /// The name of a driver's option, of a kernel parameter, of a limit or of a host.
    OptionName,
    "name",
    |text| word(text, |c| !c.is_control() && !c.is_whitespace() && c != '=')
);
key!(OptionName, Some("^[^\\s=]+$"));

value!(
    /// An environment variable's name.
    EnvironmentName,
    "environment variable",
    |text| word(text, |c| !c.is_control() && !c.is_whitespace() && c != '=')
);
key!(EnvironmentName, Some("^[^\\s=]+$"));

value!(
    /// A capability as capabilities(7) has it, without `CAP_`.
    Capability,
    "capability",
    |text| word(text, |c| c.is_ascii_uppercase() || c == '_')
);
textual!(Capability, "a capability such as \"NET_ADMIN\"",
    { "type": "string", "pattern": "^[A-Z_]+$", "examples": ["NET_ADMIN", "ALL"] });

value!(
    /// What must hold of a node: `KEY == VALUE` or `KEY != VALUE`.
    Constraint,
    "constraint",
    |text| {
        let holds = text.split_once("==").or_else(|| text.split_once("!="));
        let (key, value) = holds.ok_or("write KEY == VALUE or KEY != VALUE, as in 'node.labels.disk == ssd'")?;
        word(key.trim(), |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/'))?;
        word(value.trim(), |c| !c.is_control())
    }
);
textual!(Constraint, "a constraint such as \"node.role == worker\"",
    { "type": "string", "pattern": "(==|!=)", "examples": ["node.labels.disk == ssd", "node.role != manager"] });

value!(
    /// Addresses in CIDR form.
    Subnet,
    "subnet",
    |text| {
        let (address, length) = text.split_once('/').unzip();
        let most = match address.unwrap_or(text).parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => 0,
        };
        match length.and_then(text::number::<u8>) {
            Some(length @ 1..) if length <= most => Ok(()),
            _ => Err("write ADDRESS/LENGTH, as in '10.20.0.0/24' or 'fd00:20::/64'"),
        }
    }
);
textual!(Subnet, "a subnet such as \"10.20.0.0/24\"",
    { "type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]+$", "examples": ["10.20.0.0/24", "fd00:20::/64"] });

/// An IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) IpAddr);

impl FromStr for Address {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = |_| InvalidName {
            what: "IP address",
            text: text.to_owned(),
            why: "write it as in '192.0.2.1' or '2001:db8::1'",
        };
        text.parse().map(Self).map_err(invalid)
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
textual!(Address, "an IP address", { "type": "string", "examples": ["192.0.2.1"] });

impl FromStr for Port {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = || InvalidName {
            what: "port",
            text: text.to_owned(),
            why: "write [ADDRESS:]PUBLISHED:TARGET[/PROTOCOL], as in '8080:80' or '127.0.0.1:53:53/udp'; no ranges",
        };
        let (ports, protocol) = match text.split_once('/') {
            None | Some((_, "tcp")) => (text.split('/').next().unwrap_or(text), Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some((ports, "sctp")) => (ports, Protocol::Sctp),
            Some(_) => return Err(fail()),
        };
        let port = |text: &str| text::number::<u16>(text).filter(|port| *port > 0).ok_or_else(fail);
        let Some((rest, target)) = ports.rsplit_once(':') else {
            return Ok(Self { target: port(ports)?, protocol, published: None, address: None });
        };
        let (address, published) = match rest.rsplit_once(':') {
            Some((address, published)) => {
                let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
                (Some(bare.unwrap_or(address).parse().map_err(|_no_address| fail())?), published)
            }
            None => (None, rest),
        };
        let published = if published.is_empty() { None } else { Some(port(published)?) };
        Ok(Self { target: port(target)?, protocol, published, address })
    }
}
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            None => {}
        }
        match self.published {
            Some(published) => write!(f, "{published}:")?,
            None if self.address.is_some() => f.write_str(":")?,
            None => {}
        }
        write!(f, "{}", self.target)?;
        if self.protocol == Protocol::Tcp { Ok(()) } else { write!(f, "/{}", self.protocol.as_str()) }
    }
}
textual!(Port, "a port such as \"8080:80\"",
    { "type": "string", "pattern": "^[^/]*[0-9]+(/(tcp|udp|sctp))?$", "examples": ["8080:80", "127.0.0.1:53:53/udp"] });

impl FromStr for Device {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |why| InvalidName { what: "device", text: text.to_owned(), why };
        let mut parts = text.split(':');
        let path = |text: Option<&str>| text.map(str::parse).transpose();
        let host: crate::AbsolutePath =
            path(parts.next())?.ok_or_else(|| fail("write PATH[:PATH_IN_CONTAINER[:rwm]]"))?;
        let container = path(parts.next())?.unwrap_or_else(|| host.clone());
        let permissions = parts.next().unwrap_or("rwm");
        let right = !permissions.is_empty() && permissions.bytes().all(|b| matches!(b, b'r' | b'w' | b'm'));
        if !right || parts.next().is_some() {
            return Err(fail("write PATH[:PATH_IN_CONTAINER[:rwm]]"));
        }
        Ok(Self { host, container, permissions: permissions.to_owned() })
    }
}
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.container, self.permissions)
    }
}
textual!(Device, "a device such as \"/dev/ttyUSB0\"",
    { "type": "string", "pattern": "^/", "examples": ["/dev/ttyUSB0", "/dev/sda:/dev/xvda:r"] });

/// Words in an order that counts, any of them more than once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Words(pub(crate) Vec<String>);

impl Field for Words {
    fn expected() -> String {
        "a list of words".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "array", "items": { "type": "string" } })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let DeValue::Array(items) = value.get_ref() else {
            decoder.mismatch(value, &Self::expected());
            return None;
        };
        items.iter().map(|item| String::decode(item, decoder)).collect::<Option<_>>().map(Self)
    }
    fn show(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|word| text::quote(word)).collect();
        format!("[{}]", words.join(", "))
    }
}

impl Field for Ulimit {
    fn expected() -> String {
        "a limit: a whole number, or [SOFT, HARD]".to_owned()
    }
    fn schema() -> Json {
        let number = json!({ "type": "integer", "minimum": -1 });
        json!({ "oneOf": [number, { "type": "array", "items": number, "minItems": 2, "maxItems": 2 }] })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let number = |value: &Toml<'_>| integer(value).filter(|number| *number >= -1);
        let limit = match value.get_ref() {
            DeValue::Integer(_) => number(value).map(|both| Self { soft: both, hard: both }),
            DeValue::Array(items) => match &items[..] {
                [soft, hard] => number(soft).zip(number(hard)).map(|(soft, hard)| Self { soft, hard }),
                _ => None,
            },
            _ => None,
        };
        if limit.is_none() {
            decoder.mismatch(value, &Self::expected());
        }
        limit
    }
    fn show(&self) -> String {
        if self.soft == self.hard { self.soft.to_string() } else { format!("[{}, {}]", self.soft, self.hard) }
    }
}

/// Reads a file of `NAME=VALUE` lines as Docker's `--env-file` does; gives the number of the first line that is none.
pub(crate) fn environment_file(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut found = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { return Err(number) };
        let name: EnvironmentName = name.parse().map_err(|_invalid| number)?;
        found.insert(name.0, value.to_owned());
    }
    Ok(found)
}
