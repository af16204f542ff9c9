//! The object stream: how raw Git objects cross from the unprivileged fetcher to the root service and back.
//!
//! ```text
//! stream  = magic record* end
//! magic   = "hfobj" 0x00 0x00 0x01                     the last byte is the format's version
//! record  = kind length data                           kind: 1 commit, 2 tree, 3 blob, 4 tag
//! end     = 0x00 count                                 how many records there were
//! ```
//! `length` and `count` are 32 bits, big-endian. Objects carry no ids: who reads them hashes them. What is in a stream
//! is believed by nobody; the store and `verify` make sense of it.

use std::io::{self, Read, Write};

use crate::{
    Object, ObjectKind,
    limits::{Exceeded, Limits},
};

#[cfg(test)]
mod tests;

const MAGIC: &[u8; 8] = b"hfobj\0\0\x01";
const END: u8 = 0;
/// How much of a long object is in memory when nobody asked for the whole.
const PIECE: u32 = 64 << 10;

/// Why an object stream cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Reading failed.
    #[error("cannot read the object stream")]
    Read(#[source] io::Error),
    /// Writing failed.
    #[error("cannot write the object stream")]
    Write(#[source] io::Error),
    /// It is something else, or of another version.
    #[error("this is not an object stream of version 1")]
    Magic,
    /// A record is of a kind that does not exist.
    #[error("the object stream has a record of unknown kind {kind} at byte {at}")]
    Kind {
        /// The byte that should name a kind.
        kind: u8,
        /// Where it stands.
        at: u64,
    },
    /// It stops before its end record.
    #[error("the object stream breaks off at byte {at}")]
    Truncated {
        /// Where.
        at: u64,
    },
    /// Something follows its end record.
    #[error("the object stream goes on after its end at byte {at}")]
    Trailing {
        /// Where it should have ended.
        at: u64,
    },
    /// Its end record does not count right.
    #[error("the object stream ends with a count of {said} objects but has {found}")]
    Count {
        /// What the end record says.
        said: u32,
        /// How many there were.
        found: u32,
    },
    /// It holds too much.
    #[error("the object stream is too large: {0}")]
    Limit(Exceeded),
    /// There is no memory for an object that is within the limits.
    #[error("there is no memory for an object of {length} bytes")]
    Memory {
        /// The object's length.
        length: u32,
    },
}

impl StreamError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Limit(_) => "E_LIMIT",
            _ => "E_STREAM",
        }
    }
}

/// Adds up what went by and holds it against the limits.
#[derive(Debug)]
struct Meter {
    limits: Limits,
    objects: u32,
    bytes: u64,
}

impl Meter {
    fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), objects: 0, bytes: 0 }
    }

    fn count(&mut self, kind: ObjectKind, length: u64) -> Result<(), StreamError> {
        let what = match kind {
            ObjectKind::Commit => "bytes of a commit",
            ObjectKind::Tree => "bytes of a tree",
            ObjectKind::Blob => "bytes of a file",
            ObjectKind::Tag => "bytes of a tag",
        };
        let objects = u64::from(self.objects) + 1;
        let bytes = self.bytes.saturating_add(length);
        Exceeded::check(what, length, self.limits.object_bytes(kind).into())
            .and_then(|()| Exceeded::check("objects", objects, self.limits.objects.into()))
            .and_then(|()| Exceeded::check("bytes of all objects", bytes, self.limits.total_bytes))
            .map_err(StreamError::Limit)?;
        self.objects = self.objects.saturating_add(1);
        self.bytes = bytes;
        Ok(())
    }
}

/// Writes an object stream. It refuses what a [`Reader`] with the same limits would refuse.
///
/// A stream that is not [finished](Self::finish) reads as truncated.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    meter: Meter,
}

impl<W: Write> Writer<W> {
    /// Begins a stream.
    pub fn new(mut to: W, limits: &Limits) -> Result<Self, StreamError> {
        to.write_all(MAGIC).map_err(StreamError::Write)?;
        Ok(Self { to, meter: Meter::new(limits) })
    }

    /// Writes one object's raw bytes, which are without Git's `kind size\0` prefix.
    pub fn write(&mut self, kind: ObjectKind, data: &[u8]) -> Result<(), StreamError> {
        self.begin(kind, data.len() as u64)?;
        self.piece(data)
    }

    /// Writes what stands before an object's bytes; exactly `length` bytes must follow.
    pub(crate) fn begin(&mut self, kind: ObjectKind, length: u64) -> Result<(), StreamError> {
        self.meter.count(kind, length)?;
        // `count` has seen that it is within a 32-bit limit.
        self.header(kind_byte(kind), u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// Writes some of an object's bytes.
    pub(crate) fn piece(&mut self, data: &[u8]) -> Result<(), StreamError> {
        self.to.write_all(data).map_err(StreamError::Write)
    }

    /// Ends the stream and flushes it.
    pub fn finish(mut self) -> Result<W, StreamError> {
        self.header(END, self.meter.objects)?;
        self.to.flush().map_err(StreamError::Write)?;
        Ok(self.to)
    }

    fn header(&mut self, kind: u8, number: u32) -> Result<(), StreamError> {
        let [a, b, c, d] = number.to_be_bytes();
        self.to.write_all(&[kind, a, b, c, d]).map_err(StreamError::Write)
    }
}

const fn kind_byte(kind: ObjectKind) -> u8 {
    match kind {
        ObjectKind::Commit => 1,
        ObjectKind::Tree => 2,
        ObjectKind::Blob => 3,
        ObjectKind::Tag => 4,
    }
}

const fn byte_kind(byte: u8) -> Option<ObjectKind> {
    Some(match byte {
        1 => ObjectKind::Commit,
        2 => ObjectKind::Tree,
        3 => ObjectKind::Blob,
        4 => ObjectKind::Tag,
        _ => return None,
    })
}

/// What stands before an object's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: ObjectKind,
    pub(crate) length: u32,
    /// Where the object's bytes begin, counted from the stream's first byte.
    pub(crate) offset: u64,
}

/// Reads an object stream, as an iterator over its objects that ends after the first error.
///
/// It never reads beyond the end record, so that a connection can carry something after it, and it reads in small
/// pieces: give it something buffered.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    meter: Meter,
    position: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Begins to read a stream.
    pub fn new(from: R, limits: &Limits) -> Result<Self, StreamError> {
        let mut reader = Self { from, meter: Meter::new(limits), position: 0, ended: false };
        let mut magic = [0; MAGIC.len()];
        reader.fill(&mut magic)?;
        if &magic == MAGIC { Ok(reader) } else { Err(StreamError::Magic) }
    }

    /// Reads the next object; `None` after the end record.
    pub fn next_object(&mut self) -> Result<Option<Object>, StreamError> {
        let Some(header) = self.next_header()? else { return Ok(None) };
        let length = header.length;
        let mut data = Vec::new();
        let room = usize::try_from(length).map_err(|_too_long| StreamError::Memory { length })?;
        data.try_reserve_exact(room).map_err(|_no_memory| StreamError::Memory { length })?;
        self.body(length, |piece| {
            data.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(Some(Object { kind: header.kind, data }))
    }

    /// Checks that nothing follows the end record. For files: a connection may just stay open.
    pub fn expect_end(mut self) -> Result<(), StreamError> {
        let at = self.position;
        let mut byte = [0];
        loop {
            match self.from.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(StreamError::Trailing { at }),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(StreamError::Read(why)),
            }
        }
    }

    /// Gives back what it reads from.
    pub fn into_inner(self) -> R {
        self.from
    }

    /// Reads up to the next object's bytes, which [`Self::body`] must read then; `None` after the end record.
    pub(crate) fn next_header(&mut self) -> Result<Option<Header>, StreamError> {
        if self.ended {
            return Ok(None);
        }
        let at = self.position;
        let mut bytes = [0; 5];
        self.fill(&mut bytes)?;
        let [kind, number @ ..] = bytes;
        let number = u32::from_be_bytes(number);
        if kind == END {
            if number != self.meter.objects {
                return Err(StreamError::Count { said: number, found: self.meter.objects });
            }
            self.ended = true;
            return Ok(None);
        }
        let kind = byte_kind(kind).ok_or(StreamError::Kind { kind, at })?;
        self.meter.count(kind, number.into())?;
        Ok(Some(Header { kind, length: number, offset: self.position }))
    }

    /// Hands an object's bytes over in pieces.
    pub(crate) fn body(
        &mut self,
        length: u32,
        mut take: impl FnMut(&[u8]) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let mut buffer = vec![0; length.min(PIECE) as usize];
        let mut left = length;
        while left > 0 {
            let piece = buffer.get_mut(..left.min(PIECE) as usize).unwrap_or_default();
            self.fill(piece)?;
            take(piece)?;
            left = left.saturating_sub(PIECE);
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), StreamError> {
        let at = self.position;
        self.from.read_exact(buffer).map_err(|why| match why.kind() {
            io::ErrorKind::UnexpectedEof => StreamError::Truncated { at },
            _ => StreamError::Read(why),
        })?;
        self.position = at.saturating_add(buffer.len() as u64);
        Ok(())
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Object, StreamError>;
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_object();
        self.ended |= next.is_err();
        next.transpose()
    }
}
