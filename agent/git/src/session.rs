//! A conversation with a server that begins with a handshake: listing branches and fetching packs, with gix.

use std::{
    io::{self, BufReader, Read},
    path::Path,
};

use gix_protocol::{
    Handshake, LsRefsCommand,
    fetch::{Arguments, Context, Negotiate, Options, Response, Shallow, Tags, negotiate},
    ls_refs::RefPrefixes,
    transport::{
        Protocol, Service,
        client::{
            blocking_io::Transport,
            git::{ConnectMode, blocking_io::Connection},
        },
    },
};
use gix_utils::progress::Discard;
use holdfast_trust::ObjectId;

use crate::{
    address::Address,
    error::Fault,
    http::{self, AGENT, Web},
    ids, limits,
    link::Link,
    listing::{Listing, Query},
    meter::Meter,
    mirror::Mirror,
    reason::Reason,
    ssh,
};

/// An open conversation.
pub(crate) struct Session {
    transport: Box<dyn Transport + Send>,
    handshake: Handshake,
    ssh: Option<ssh::Running>,
    meter: Meter,
    reason: Reason,
}

/// How much of the history below what is wanted comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// None of it.
    Tip,
    /// All that the server takes to be missing here.
    Missing,
}

impl Session {
    /// Connects and shakes hands.
    pub(crate) fn open(link: &mut Link<'_>) -> Result<Self, Fault> {
        link.meter.allow(limits::ANSWER_BYTES);
        let (mut transport, ssh) = connect(link)?;
        // The credential goes along from the start, so there is never another one to ask for.
        let ask = |_| Ok(None);
        match gix_protocol::handshake(&mut transport, Service::UploadPack, ask, Vec::new(), &mut Discard) {
            Ok(handshake) if is_sha256(&handshake) => Err(Fault::sha256()),
            Ok(handshake) => {
                Ok(Self { transport, handshake, ssh, meter: link.meter.clone(), reason: link.reason.clone() })
            }
            Err(error) => {
                let fault = link.reason.of_gix(&error, &link.meter);
                drop(transport);
                Err(explained(ssh, fault))
            }
        }
    }

    /// Whether the server hands out any commit, and not just the tips of branches, and takes more than one request.
    pub(crate) fn is_modern(&self) -> bool {
        self.handshake.server_protocol_version == Protocol::V2
    }

    /// Where the branch is, and its tags.
    pub(crate) fn list(mut self, query: &Query<'_>) -> Result<(Self, Listing), Fault> {
        let listed = if self.is_modern() {
            let mut prefixes = RefPrefixes::new();
            prefixes.extend(query.prefixes().into_iter().map(Into::into));
            let list = LsRefsCommand::new(Some(prefixes), &self.handshake.capabilities, agent());
            match list.invoke_blocking(&mut self.transport, &mut Discard, false) {
                Ok(listed) => listed,
                Err(error) => return Err(self.failed(&error)),
            }
        } else {
            self.handshake.refs.take().unwrap_or_default()
        };
        let mut listing = Listing::default();
        for found in &listed {
            let (name, id, peeled) = found.unpack();
            if let (Ok(name), Some(id)) = (str::from_utf8(name), id) {
                listing.take(query, name, ids::from_git(id), peeled.map(ids::from_git));
            }
        }
        Ok((self, listing))
    }

    /// Fetches `want` into `mirror`, which has `have` and what that needs.
    pub(crate) fn fetch(
        mut self,
        mirror: &Mirror,
        want: &[ObjectId],
        have: Option<ObjectId>,
        depth: Depth,
    ) -> Result<Self, Fault> {
        let shallow = match depth {
            Depth::Tip => Shallow::DepthAtRemote(std::num::NonZeroU32::MIN),
            Depth::Missing => Shallow::NoChange,
        };
        self.meter.allow(limits::PACK_BYTES);
        let objects = mirror.objects()?;
        let (meter, reason) = (self.meter.clone(), self.reason.clone());
        let fetched = meter.interrupting(|stop| {
            gix_protocol::fetch(
                &mut Plain { want, have },
                |pack, _progress, stop| {
                    let mut pack = BufReader::new(Counted { inner: pack, seen: Vec::new(), reason: &reason });
                    mirror.write_pack(&mut pack, &objects, stop)?;
                    Ok(true)
                },
                Discard,
                stop,
                Context {
                    handshake: &mut self.handshake,
                    transport: &mut self.transport,
                    user_agent: agent(),
                    trace_packetlines: false,
                },
                Options {
                    shallow_file: mirror.shallow_file(),
                    shallow: &shallow,
                    tags: Tags::None,
                    reject_shallow_remote: false,
                },
            )
        });
        match fetched {
            Ok(_) => Ok(self),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(self, error: &gix_error::Error) -> Fault {
        let fault = self.reason.of_gix(error, &self.meter);
        // The pipes to ssh are closed first, for it may be waiting on them.
        drop(self.transport);
        explained(self.ssh, fault)
    }
}

/// Whether the server names objects by SHA-256. The first version of the protocol shows it by longer ids alone.
fn is_sha256(handshake: &Handshake) -> bool {
    let format = handshake.capabilities.capability("object-format");
    format.and_then(|format| format.value()).is_some_and(|format| format == "sha256")
}

/// ssh often knows better why a conversation ended.
fn explained(ssh: Option<ssh::Running>, fault: Fault) -> Fault {
    match ssh {
        Some(ssh) => ssh.fault(fault),
        None => fault,
    }
}

fn agent() -> (&'static str, Option<String>) {
    ("agent", Some(AGENT.to_owned()))
}

fn connect(link: &mut Link<'_>) -> Result<(Box<dyn Transport + Send>, Option<ssh::Running>), Fault> {
    match link.address {
        Address::Http { .. } => Ok((Box::new(http::transport(Web::new(link)?)?), None)),
        Address::Ssh(address) => {
            let (running, output, input) = ssh::start(address, "git-upload-pack", link)?;
            let path = address.path.as_str();
            let connection = Connection::new(
                output,
                input,
                Protocol::V2,
                path,
                None::<(&str, _)>,
                ConnectMode::Process,
                false,
            );
            Ok((Box::new(connection), Some(running)))
        }
        Address::Local(path) => Err(not_a_server(path)),
    }
}

fn not_a_server(path: &Path) -> Fault {
    Fault::Address(format!("{} is no server", path.display()))
}

/// What is wanted and had is known from the start, so there is nothing to negotiate.
struct Plain<'a> {
    want: &'a [ObjectId],
    have: Option<ObjectId>,
}

impl Negotiate for Plain<'_> {
    fn mark_complete_and_common_ref(&mut self) -> gix_error::Result<negotiate::Action> {
        Ok(negotiate::Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        self.want.iter().for_each(|id| arguments.want(ids::to_git(*id)));
        true
    }

    fn one_round(
        &mut self,
        _state: &mut negotiate::one_round::State,
        arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> gix_error::Result<(negotiate::Round, bool)> {
        if let Some(have) = self.have {
            arguments.have(ids::to_git(have));
        }
        let round = negotiate::Round {
            haves_sent: self.have.iter().count(),
            in_vain: 0,
            haves_to_send: 0,
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
}

/// Looks at a pack's head as it passes by, before anything is made room for.
struct Counted<'a, R> {
    inner: R,
    seen: Vec<u8>,
    reason: &'a Reason,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        // `PACK`, the version, the number of objects; see gitformat-pack(5).
        if self.seen.len() < 12 {
            self.seen.extend(buffer.iter().take(read.min(12 - self.seen.len())));
            if let Some(&[a, b, c, d]) = self.seen.get(8..12) {
                let objects = u32::from_be_bytes([a, b, c, d]);
                if objects > limits::PACK_OBJECTS {
                    return Err(self.reason.keep(Fault::Limit(format!(
                        "the server sends {objects} objects, and a host takes {} at most",
                        limits::PACK_OBJECTS
                    ))));
                }
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
