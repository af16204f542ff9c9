//! Writes a pack of whole objects, as a push needs it; see gitformat-pack(5).

use std::io::{self, Write as _};

use gix_pack::data::entry::Header;
use holdfast_trust::{Object, ObjectKind};

/// The pack of `objects`.
pub(crate) fn encode(objects: &[Object]) -> io::Result<Vec<u8>> {
    let count = u32::try_from(objects.len()).map_err(|_too_many| io::ErrorKind::InvalidInput)?;
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend_from_slice(&count.to_be_bytes());
    for Object { kind, data } in objects {
        let header = match kind {
            ObjectKind::Commit => Header::Commit,
            ObjectKind::Tree => Header::Tree,
            ObjectKind::Blob => Header::Blob,
            ObjectKind::Tag => Header::Tag,
        };
        header.write_to(data.len() as u64, &mut pack)?;
        let mut deflated = gix_zlib::stream::deflate::Write::new(&mut pack, gix_zlib::Compression::DEFAULT);
        deflated.write_all(data)?;
        deflated.flush()?;
    }
    let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
    hasher.update(&pack);
    let checksum = hasher.try_finalize().map_err(|collision| io::Error::other(collision.to_string()))?;
    pack.extend_from_slice(checksum.as_slice());
    Ok(pack)
}

#[cfg(test)]
mod tests;
