//! Framing: a four-byte big-endian length, then that many bytes of JSON.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

/// The longest frame that is read: requests and replies are small, objects travel outside frames.
pub const MAX_FRAME: u32 = 1 << 20;

/// Writes one message.
///
/// # Errors
/// Whatever `to` says; `InvalidInput` for a message over [`MAX_FRAME`].
pub fn write<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|&length| length <= MAX_FRAME).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("a message of {} bytes is too long", body.len()))
    })?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&body)?;
    to.flush()
}

/// Reads one message.
///
/// # Errors
/// `UnexpectedEof` when the peer is gone; `InvalidData` for a frame that is too long or not the expected message.
pub fn read<T: DeserializeOwned>(mut from: impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes is too long"),
        ));
    }
    let mut body = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut body)?;
    if body.len() as u64 != u64::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&body).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}
