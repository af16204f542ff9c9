//! Moves a branch on a server from where it must be to where it should be: Git's send-pack, see gitprotocol-pack(5).
//!
//! The old id in the command makes the server compare before it swaps, so nothing that another wrote is ever
//! overwritten. Whatever the server answers or does not answer, it is where the branch is afterwards that counts.

use std::io::Write as _;

use holdfast_trust::{Object, ObjectId};

use crate::{
    address::Address,
    error::Fault,
    fetch,
    http::{self, Raw, Web},
    limits,
    link::Link,
    listing::Query,
    local::Local,
    pack, ssh,
    wire::{self, Advertisement, Report},
};

/// What came of a push.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The branch is at the new commit.
    Moved,
    /// It is at neither commit.
    Elsewhere(Option<ObjectId>),
}

/// A branch, where it must be and where it should be.
pub(crate) struct Move<'a> {
    pub(crate) reference: &'a str,
    pub(crate) old: Option<ObjectId>,
    pub(crate) new: ObjectId,
}

/// Sends `objects` and moves the branch.
pub(crate) fn push(link: &mut Link<'_>, wanted: &Move<'_>, objects: &[Object]) -> Result<Outcome, Fault> {
    let why = match send(link, wanted, objects) {
        Ok(()) => return Ok(Outcome::Moved),
        Err(why) => why,
    };
    if !matches!(why, Fault::PushRefused(_) | Fault::Unreachable(_) | Fault::Timeout(_) | Fault::Protocol(_))
    {
        return Err(why);
    }
    // The answer may have been lost, or the branch have moved before. If that cannot be found out either, the first
    // reason is the better one.
    let query = Query { reference: wanted.reference, tags: false };
    match fetch::list(link, &query).map(|(listing, _)| listing.tip) {
        Ok(tip) if tip == Some(wanted.new) => Ok(Outcome::Moved),
        Ok(tip) if tip != wanted.old => Ok(Outcome::Elsewhere(tip)),
        _ => Err(why),
    }
}

fn send(link: &mut Link<'_>, wanted: &Move<'_>, objects: &[Object]) -> Result<(), Fault> {
    link.meter.allow(limits::ANSWER_BYTES);
    let body = || body(wanted, objects);
    let report = match link.address {
        Address::Local(path) => {
            return Local::open(path)?.push(wanted.reference, wanted.old, wanted.new, objects, &link.meter);
        }
        Address::Http { .. } => {
            let (web, body) = (Web::new(link)?, body()?);
            match http::push(&web, false, &body)? {
                Raw::Answer(report) => report,
                Raw::NotUnderstood(_) => match http::push(&web, true, &body)? {
                    Raw::Answer(report) => report,
                    Raw::NotUnderstood(why) => return Err(why),
                },
            }
        }
        Address::Ssh(address) => over_ssh(address, link, &body()?)?,
    };
    report.verdict(wanted.reference).map_err(Fault::PushRefused)
}

fn over_ssh(address: &crate::address::SshAddress, link: &Link<'_>, body: &[u8]) -> Result<Report, Fault> {
    let (running, mut output, mut input) = ssh::start(address, "git-receive-pack", link)?;
    let exchanged = Advertisement::read(&mut output).and_then(|server| {
        if !server.can("report-status") || !server.can("side-band-64k") {
            let why = "the server is too old to say whether a push succeeded";
            return Err(link.reason.keep(Fault::Protocol(why.to_owned())));
        }
        input.write_all(body)?;
        input.flush()?;
        Report::read(&mut output)
    });
    exchanged.map_err(|error| {
        let fault = link.reason.of(&error);
        drop((output, input));
        running.fault(fault)
    })
}

/// The command, and the pack with the objects.
fn body(wanted: &Move<'_>, objects: &[Object]) -> Result<Vec<u8>, Fault> {
    let old = wanted.old.unwrap_or(ObjectId::from_bytes([0; 20]));
    let capabilities = format!("report-status side-band-64k agent={}", http::AGENT);
    let command = format!("{old} {} {}\0 {capabilities}", wanted.new, wanted.reference);
    let mut body = Vec::new();
    wire::write_packet(&mut body, command.as_bytes());
    body.extend_from_slice(b"0000");
    body.extend_from_slice(&pack::encode(objects).map_err(Fault::mirror("the objects can not be packed"))?);
    Ok(body)
}
