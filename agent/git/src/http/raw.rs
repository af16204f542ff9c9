//! A poll and a push in one request each.
//!
//! gitprotocol-http(5) wants a discovery request first. Stock Git servers do not need it; it costs a second round trip,
//! and before a push it lists every branch of the fleet. Where a server does not understand, [`Raw::NotUnderstood`]
//! says so, and the caller takes the long way.

use std::io;

use super::client::{AGENT, Answer, Web};
use crate::{
    error::Fault,
    listing::{Listing, Query},
    wire::{self, Advertisement, Report},
};

/// What came of a request without discovery.
pub(crate) enum Raw<T> {
    /// The server understood.
    Answer(T),
    /// It did not; why.
    NotUnderstood(Fault),
}

/// Where the branch is, and its tags.
pub(crate) fn poll(web: &Web, query: &Query<'_>) -> Result<Raw<Listing>, Fault> {
    let body = wire::list_request(query, AGENT);
    let answer = match post(web, "git-upload-pack", Some("version=2"), &body)? {
        Raw::Answer(answer) => answer,
        Raw::NotUnderstood(why) => return Ok(Raw::NotUnderstood(why)),
    };
    understood(web, drained(answer, |body| wire::read_list(body, query)))
}

/// Sends `body`, a command and a pack. With `discover` it first asks for what the server can do.
pub(crate) fn push(web: &Web, discover: bool, body: &[u8]) -> Result<Raw<Report>, Fault> {
    if discover {
        let url = format!("{}/info/refs?service=git-receive-pack", web.url());
        let mut answer = web.get(&url, &[])?;
        if !answer.is("application/x-git-receive-pack-advertisement") {
            return Err(Fault::Protocol("the server does not speak Git's smart http protocol".to_owned()));
        }
        let read = |body: &mut dyn io::Read| {
            // `# service=git-receive-pack` and a flush come first.
            while let Some(wire::Packet::Data(_)) = wire::read_packet(&mut *body)? {}
            let server = Advertisement::read(&mut *body)?;
            io::copy(body, &mut io::sink())?;
            Ok(server)
        };
        let server = read(&mut answer.body).map_err(|error| web.reason.of(&error))?;
        if !server.can("report-status") || !server.can("side-band-64k") {
            return Err(Fault::Protocol("the server is too old to say whether a push succeeded".to_owned()));
        }
    }
    let answer = match post(web, "git-receive-pack", None, body)? {
        Raw::Answer(answer) => answer,
        Raw::NotUnderstood(why) => return Ok(Raw::NotUnderstood(why)),
    };
    understood(web, drained(answer, |body| Report::read(body)))
}

fn post(web: &Web, service: &str, protocol: Option<&str>, body: &[u8]) -> Result<Raw<Answer>, Fault> {
    let header = |name: &str, value: String| (name.to_owned(), value);
    let mut headers = vec![
        header("content-type", format!("application/x-{service}-request")),
        header("accept", format!("application/x-{service}-result")),
    ];
    headers.extend(protocol.map(|value| header("git-protocol", value.to_owned())));
    match web.post(&format!("{}/{service}", web.url()), &headers, body) {
        Ok(answer) if answer.is(&format!("application/x-{service}-result")) => Ok(Raw::Answer(answer)),
        Ok(_) => {
            Ok(Raw::NotUnderstood(Fault::Protocol("the server does not answer as a Git server".to_owned())))
        }
        // A server that knows no such request may say so in any of these ways; discovery tells for sure.
        Err(why @ (Fault::Protocol(_) | Fault::NoRepository(_))) => Ok(Raw::NotUnderstood(why)),
        Err(why) => Err(why),
    }
}

/// Reads the answer to its end, for only then can the connection be used again.
fn drained<T>(mut answer: Answer, read: impl FnOnce(&mut dyn io::Read) -> io::Result<T>) -> io::Result<T> {
    let value = read(&mut answer.body)?;
    io::copy(&mut answer.body, &mut io::sink())?;
    Ok(value)
}

fn understood<T>(web: &Web, result: io::Result<T>) -> Result<Raw<T>, Fault> {
    match result {
        Ok(value) => Ok(Raw::Answer(value)),
        Err(error) => match web.reason.of(&error) {
            why @ Fault::Protocol(_) => Ok(Raw::NotUnderstood(why)),
            why => Err(why),
        },
    }
}
