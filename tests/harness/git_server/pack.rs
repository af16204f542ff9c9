//! Packs as an attacker makes them: of very many objects, or of a few that unfold without end; see gitformat-pack(5).
//!
//! The index is made here too, so that stock Git never has to unfold what is in the pack.
#![expect(clippy::disallowed_methods, reason = "the harness writes into a repository")]

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, bail};
use zlib_rs::{Deflate, DeflateFlush, Status, crc32::crc32};

use super::Repository;

/// How much of a long run of zeros is compressed; the rest repeats it.
const RUN: usize = 1 << 20;
const LEVEL: i32 = 1;
const WINDOW: u8 = 15;

/// The types of entries.
const BLOB: u8 = 3;
/// A difference to an earlier entry.
const DELTA: u8 = 6;

/// A pack that is being made.
pub struct Pack {
    bytes: Vec<u8>,
    entries: BTreeMap<gix_hash::ObjectId, Entry>,
    deflate: Deflate,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: usize,
    checksum: u32,
}

impl Default for Pack {
    fn default() -> Self {
        let deflate = Deflate::new(LEVEL, true, WINDOW);
        Self { bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(), entries: BTreeMap::new(), deflate }
    }
}

impl Pack {
    /// Adds an object of the kind `commit`, `tree`, `blob` or `tag`, and gives its id.
    pub fn object(&mut self, kind: &str, data: &[u8]) -> Result<String> {
        let number = match kind {
            "commit" => 1,
            "tree" => 2,
            "blob" => BLOB,
            "tag" => 4,
            other => bail!("there is no kind {other}"),
        };
        let id = digest(&[format!("{kind} {}\0", data.len()).as_bytes(), data])?;
        let deflated = self.deflated(data)?;
        self.entry(id, number, data.len(), &[], &[&deflated])
    }

    /// Adds a file of so many MiB of zeros. Its id is made up: to know the right one takes as long as to unfold it.
    pub fn zeros(&mut self, mebibytes: usize) -> Result<String> {
        let id = self.made_up()?;
        let mut deflate = Deflate::new(9, false, WINDOW);
        let mut run = vec![0; RUN];
        let status = deflate.compress(&vec![0; RUN], &mut run, DeflateFlush::FullFlush);
        let length = usize::try_from(deflate.total_out())?;
        if !matches!(status, Ok(Status::Ok)) {
            bail!("compress: {status:?}");
        }
        run.truncate(length);
        let size = mebibytes * RUN;
        // A header, the same run again and again, an empty last block, the checksum; see RFC 1950 and RFC 1951.
        let checksum = u32::try_from(size % 65521)? << 16 | 1;
        let data = [&[0x78, 1][..], &run.repeat(mebibytes), &[1, 0, 0, 0xff, 0xff], &checksum.to_be_bytes()];
        self.entry(id, BLOB, size, &[], &data)
    }

    /// Adds a file that is `base`, an earlier one of `size` bytes, so many times over. Its id is made up.
    pub fn copies(&mut self, base: &str, size: u32, times: usize) -> Result<String> {
        let at = self.entries.get(&gix_hash::ObjectId::from_hex(base.as_bytes())?).context("no such base")?;
        let back = offset(self.bytes.len() - at.offset);
        let id = self.made_up()?;
        let mut delta = length(size as usize);
        delta.extend(length(size as usize * times));
        let [_, high, middle, low] = size.to_be_bytes();
        // Copy from the beginning, with the three bytes of the size.
        delta.extend([0xf0, low, middle, high].repeat(times));
        let data = self.deflated(&delta)?;
        self.entry(id, DELTA, delta.len(), &back, &[&data])
    }

    /// Puts it into a repository.
    pub fn install(mut self, repository: &Repository) -> Result<()> {
        let count = u32::try_from(self.entries.len())?;
        if let Some(place) = self.bytes.get_mut(8..12) {
            place.copy_from_slice(&count.to_be_bytes());
        }
        let name = digest(&[&self.bytes])?;
        self.bytes.extend_from_slice(name.as_slice());
        let mut index = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=u8::MAX {
            let count = self.entries.keys().filter(|id| id.first_byte() <= first).count();
            index.extend(u32::try_from(count)?.to_be_bytes());
        }
        self.entries.keys().for_each(|id| index.extend_from_slice(id.as_slice()));
        self.entries.values().for_each(|entry| index.extend(entry.checksum.to_be_bytes()));
        for entry in self.entries.values() {
            index.extend(u32::try_from(entry.offset)?.to_be_bytes());
        }
        index.extend_from_slice(name.as_slice());
        let checksum = digest(&[&index])?;
        index.extend_from_slice(checksum.as_slice());
        let path = repository.path().join(format!("objects/pack/pack-{name}.pack"));
        fs::write(&path, &self.bytes).with_context(|| format!("write {}", path.display()))?;
        fs::write(path.with_extension("idx"), index)?;
        Ok(())
    }

    fn made_up(&self) -> Result<gix_hash::ObjectId> {
        digest(&[b"made up", &self.bytes.len().to_be_bytes()])
    }

    fn deflated(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let mut deflated = vec![0; zlib_rs::compress_bound(data.len())];
        self.deflate.reset();
        let status = self.deflate.compress(data, &mut deflated, DeflateFlush::Finish);
        if !matches!(status, Ok(Status::StreamEnd)) {
            bail!("compress: {status:?}");
        }
        deflated.truncate(usize::try_from(self.deflate.total_out())?);
        Ok(deflated)
    }

    fn entry(
        &mut self,
        id: gix_hash::ObjectId,
        kind: u8,
        size: usize,
        base: &[u8],
        data: &[&[u8]],
    ) -> Result<String> {
        let offset = self.bytes.len();
        // Four bits of the size beside the type, the rest as everywhere.
        let first = kind << 4 | u8::try_from(size & 0xf)?;
        match size >> 4 {
            0 => self.bytes.push(first),
            rest => {
                self.bytes.push(first | 0x80);
                self.bytes.extend(length(rest));
            }
        }
        self.bytes.extend_from_slice(base);
        self.bytes.extend(data.concat());
        let checksum = crc32(0, self.bytes.get(offset..).unwrap_or_default());
        self.entries.insert(id, Entry { offset, checksum });
        Ok(id.to_string())
    }
}

/// A number in groups of seven bits, the lowest first.
fn length(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// How far back a base lies: groups of seven bits, the highest first, each but the last one less.
fn offset(mut number: usize) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(number & 0x7f).unwrap_or_default()];
    while number >> 7 > 0 {
        number = (number >> 7) - 1;
        bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
    }
    bytes.reverse();
    bytes
}

fn digest(parts: &[&[u8]]) -> Result<gix_hash::ObjectId> {
    let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
    for part in parts {
        hasher.update(part);
    }
    Ok(hasher.try_finalize()?)
}
