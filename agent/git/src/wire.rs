//! Git's pkt-lines, and the two messages that gix has no client for: a list of branches without a handshake, and the
//! report on a push. See gitprotocol-common(5), gitprotocol-v2(5) and gitprotocol-pack(5).

use std::io::{self, Read};

use holdfast_trust::ObjectId;

use crate::{
    listing::{Listing, Query},
    text,
};

/// One unit of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// The end of a message.
    Flush,
    /// The end of a section.
    Delimiter,
    /// The end of a response.
    ResponseEnd,
    /// A line or a piece of data.
    Data(Vec<u8>),
}

/// Appends `data` as one packet.
pub(crate) fn write_packet(to: &mut Vec<u8>, data: &[u8]) {
    to.extend_from_slice(format!("{:04x}", data.len().saturating_add(4)).as_bytes());
    to.extend_from_slice(data);
}

/// Reads one packet; `None` at the end of `from`.
pub(crate) fn read_packet(mut from: impl Read) -> io::Result<Option<Packet>> {
    let mut length = [0; 4];
    match from.read(&mut length)? {
        0 => return Ok(None),
        4 => {}
        read => from.read_exact(length.get_mut(read..).unwrap_or_default())?,
    }
    let invalid = || garbage(&length);
    let digits = str::from_utf8(&length).map_err(|_not_text| invalid())?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(invalid());
    }
    let length = usize::from_str_radix(digits, 16).map_err(|_not_hex| invalid())?;
    let length = match length {
        0 => return Ok(Some(Packet::Flush)),
        1 => return Ok(Some(Packet::Delimiter)),
        2 => return Ok(Some(Packet::ResponseEnd)),
        3 | 65_521.. => return Err(invalid()),
        length => length - 4,
    };
    let mut data = vec![0; length];
    from.read_exact(&mut data)?;
    Ok(Some(Packet::Data(data)))
}

fn garbage(seen: &[u8]) -> io::Error {
    let seen = text::said(seen);
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the server does not speak Git's protocol: it says {seen:?}"),
    )
}

/// Asks for the branch and its tags, in one message and without a handshake.
pub(crate) fn list_request(query: &Query<'_>, agent: &str) -> Vec<u8> {
    let mut body = Vec::new();
    write_packet(&mut body, b"command=ls-refs\n");
    write_packet(&mut body, format!("agent={agent}\n").as_bytes());
    body.extend_from_slice(b"0001");
    if query.tags {
        write_packet(&mut body, b"peel\n");
    }
    for prefix in query.prefixes() {
        write_packet(&mut body, format!("ref-prefix {prefix}\n").as_bytes());
    }
    body.extend_from_slice(b"0000");
    body
}

/// Takes what was asked for, and nothing that only begins like it, from the answer to [`list_request`].
///
/// # Errors
/// `InvalidData` if it is no such answer; otherwise whatever `from` says.
pub(crate) fn read_list(mut from: impl Read, query: &Query<'_>) -> io::Result<Listing> {
    let mut listing = Listing::default();
    loop {
        match read_packet(&mut from)? {
            Some(Packet::Flush) => return Ok(listing),
            Some(Packet::Data(line)) => {
                let id = |text: &str| text.parse::<ObjectId>().map_err(|_no_id| garbage(&line));
                let mut words = str::from_utf8(&line).unwrap_or_default().trim_end().split(' ');
                let (Some(object), Some(name)) = (words.next(), words.next()) else {
                    return Err(garbage(&line));
                };
                let target = words.find_map(|word| word.strip_prefix("peeled:")).map(id).transpose()?;
                listing.take(query, name, id(object)?, target);
            }
            _ => return Err(garbage(b"something else than a list of branches")),
        }
    }
}

/// Where `reference` is, and what the server can do: the message that begins a push.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Advertisement {
    /// The words after the first branch.
    pub(crate) capabilities: Vec<String>,
}

impl Advertisement {
    /// Reads it to its end.
    ///
    /// # Errors
    /// `InvalidData` if it is none; otherwise whatever `from` says.
    pub(crate) fn read(mut from: impl Read) -> io::Result<Self> {
        let mut first = None;
        loop {
            match read_packet(&mut from)? {
                Some(Packet::Flush) => break,
                Some(Packet::Data(line)) if line.starts_with(b"ERR ") => return Err(garbage(&line)),
                Some(Packet::Data(line)) if first.is_none() && line.starts_with(b"version 1") => {}
                Some(Packet::Data(line)) => first = first.or(Some(line)),
                _ => return Err(garbage(b"something else than a list of branches")),
            }
        }
        let first = first.ok_or_else(|| garbage(b"nothing"))?;
        let capabilities = first.split(|&byte| byte == 0).nth(1).ok_or_else(|| garbage(&first))?;
        let capabilities =
            String::from_utf8_lossy(capabilities).split_whitespace().map(str::to_owned).collect();
        Ok(Self { capabilities })
    }

    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|can| can == capability)
    }
}

/// What a server says about a push.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Why the objects were not taken in.
    pub(crate) unpack_failure: Option<String>,
    /// Per branch: its name, and why it was not moved.
    pub(crate) references: Vec<(String, Result<(), String>)>,
    /// What the server's hooks wrote.
    pub(crate) said: String,
}

impl Report {
    /// Reads it from a `side-band-64k` answer.
    ///
    /// # Errors
    /// `InvalidData` if it is none; otherwise whatever `from` says.
    pub(crate) fn read(mut from: impl Read) -> io::Result<Self> {
        let (mut report, mut said) = (Vec::new(), Vec::new());
        while let Some(Packet::Data(data)) = read_packet(&mut from)? {
            match data.split_first() {
                Some((1, inner)) => report.extend_from_slice(inner),
                // 2 is what hooks write, 3 is a fatal error.
                Some((2 | 3, inner)) => said.extend_from_slice(inner),
                _ => return Err(garbage(&data)),
            }
            if report.len().saturating_add(said.len()) > 1 << 20 {
                return Err(garbage(b"a report of more than 1 MiB"));
            }
        }
        let mut this = Self { said: text::said(&said), ..Self::default() };
        let mut unpacked = false;
        let mut inner = report.as_slice();
        while let Some(Packet::Data(line)) = read_packet(&mut inner)? {
            let line = text::said(&line);
            match line.split_once(' ') {
                Some(("unpack", "ok")) => unpacked = true,
                Some(("unpack", why)) => this.unpack_failure = Some(why.to_owned()),
                Some(("ok", name)) => this.references.push((name.to_owned(), Ok(()))),
                Some(("ng", rest)) => {
                    let (name, why) = rest.split_once(' ').unwrap_or((rest, "no reason given"));
                    this.references.push((name.to_owned(), Err(why.to_owned())));
                }
                // `option …` lines belong to report-status-v2, which was not asked for.
                _ => return Err(garbage(line.as_bytes())),
            }
        }
        if !unpacked && this.unpack_failure.is_none() {
            this.unpack_failure = Some("it does not say that it took the objects".to_owned());
        }
        Ok(this)
    }

    /// Whether `reference` was moved.
    ///
    /// # Errors
    /// Why not, in the server's words.
    pub(crate) fn verdict(&self, reference: &str) -> Result<(), String> {
        let listed = self.references.iter().find(|(name, _)| name == reference);
        let reason = match (&self.unpack_failure, listed) {
            (None, Some((_, Ok(())))) => return Ok(()),
            (Some(why), _) | (None, Some((_, Err(why)))) => why.as_str(),
            (None, None) => "it says nothing about the branch",
        };
        Err(if self.said.is_empty() {
            reason.to_owned()
        } else {
            format!("{reason} (server: {})", self.said)
        })
    }
}

#[cfg(test)]
mod tests;
