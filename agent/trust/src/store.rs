//! Where objects are looked up by id.
//!
//! Every store answers only with bytes that hash to the id that was asked for; nothing else in this crate hashes again.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Write},
};

use crate::{
    Object, ObjectId, ObjectKind,
    limits::Limits,
    object::{Collision, Hasher},
    stream::{Header, Reader, StreamError, Writer},
};

#[cfg(test)]
mod tests;

/// A set of Git objects.
pub trait Objects {
    /// The object with this id, its bytes checked against the id; `None` when the set does not have it.
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, StoreError>;

    /// The annotated tags in the set, which approve commits if they are signed. Without them nothing is approved.
    fn tags(&self) -> Vec<ObjectId> {
        Vec::new()
    }
}

/// Why an object could not be looked up or taken in.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The stream that objects come from is broken.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// An object was made so that another one gets the same id.
    #[error(transparent)]
    Collision(#[from] Collision),
    /// An object could not be read again.
    #[error("cannot read object {id}")]
    Read {
        /// Which one.
        id: ObjectId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An object's bytes are not those that were indexed.
    #[error("object {id} changed on disk after it was checked")]
    Changed {
        /// Which one.
        id: ObjectId,
    },
    /// Another kind of store failed.
    #[error("cannot look up object {id}")]
    Other {
        /// Which one.
        id: ObjectId,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stream(why) => why.code(),
            Self::Collision(_) => "E_COLLISION",
            Self::Read { .. } | Self::Changed { .. } | Self::Other { .. } => "E_STORE",
        }
    }
}

/// Objects held in memory.
#[derive(Debug, Default)]
pub struct MemoryObjects(HashMap<ObjectId, Object>);

impl MemoryObjects {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in every object of a stream, up to its end record.
    pub fn read(from: impl Read, limits: &Limits) -> Result<Self, StoreError> {
        let mut objects = Self::new();
        for object in Reader::new(from, limits)? {
            objects.insert(object?)?;
        }
        Ok(objects)
    }

    /// Takes in one object.
    pub fn insert(&mut self, object: Object) -> Result<ObjectId, Collision> {
        let id = object.id()?;
        self.0.insert(id, object);
        Ok(id)
    }

    /// Every object, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectId, &Object)> {
        self.0.iter()
    }
}

impl Objects for MemoryObjects {
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, StoreError> {
        Ok(self.0.get(id).cloned())
    }

    fn tags(&self) -> Vec<ObjectId> {
        self.0.iter().filter(|(_, object)| object.kind == ObjectKind::Tag).map(|(id, _)| *id).collect()
    }
}

/// Something that can be read at any offset, such as a file.
pub trait ReadAt {
    /// Reads some bytes from `offset` on; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, mut buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        buffer.write(self.get(start..).unwrap_or_default())
    }
}

/// Reads something from an offset on, whatever its own position is.
struct Window<'a, F> {
    file: &'a F,
    position: u64,
}

impl<F: ReadAt> Read for Window<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position = self.position.saturating_add(count as u64);
        Ok(count)
    }
}

/// An object stream in a file, of which only ids and places are in memory: 40 bytes an object.
///
/// What it hands out is read and hashed again, so that a file which changes underneath is an error.
#[derive(Debug)]
pub struct IndexedObjects<F> {
    file: F,
    /// Sorted by id, each id once.
    index: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    id: ObjectId,
    kind: ObjectKind,
    length: u32,
    offset: u64,
}

impl<F: ReadAt> IndexedObjects<F> {
    /// Indexes a stream that is in `file` already, from its first byte to its last.
    pub fn open(file: F, limits: &Limits) -> Result<Self, StoreError> {
        let mut reader = Reader::new(io::BufReader::new(Window { file: &file, position: 0 }), limits)?;
        let index = index(&mut reader, None::<&mut Writer<io::Sink>>)?;
        reader.expect_end()?;
        Ok(Self { file, index })
    }

    /// Copies a stream into `file`, which must be empty, and indexes it on the way. Reads nothing after the end record.
    pub fn receive(from: impl Read, file: F, limits: &Limits) -> Result<Self, StoreError>
    where
        for<'a> &'a F: Write,
    {
        let mut reader = Reader::new(from, limits)?;
        let mut writer = Writer::new(io::BufWriter::new(&file), limits)?;
        let index = index(&mut reader, Some(&mut writer))?;
        drop(writer.finish()?);
        Ok(Self { file, index })
    }

    /// How many bytes an object has; `None` when the set does not have it.
    pub fn size(&self, id: &ObjectId) -> Option<u64> {
        let found = self.index.binary_search_by_key(id, |place| place.id).ok()?;
        self.index.get(found).map(|place| place.length.into())
    }

    /// How many different objects there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no object at all.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

/// Hashes every object of a stream, and copies the stream if asked.
fn index<R: Read, W: Write>(
    reader: &mut Reader<R>,
    mut copy: Option<&mut Writer<W>>,
) -> Result<Vec<Place>, StoreError> {
    let mut index = Vec::new();
    while let Some(Header { kind, length, offset }) = reader.next_header()? {
        let mut hasher = Hasher::new(kind, length.into());
        if let Some(writer) = &mut copy {
            writer.begin(kind, length.into())?;
        }
        reader.body(length, |piece| {
            hasher.update(piece);
            copy.as_mut().map_or(Ok(()), |writer| writer.piece(piece))
        })?;
        index.push(Place { id: hasher.finish()?, kind, length, offset });
    }
    index.sort_unstable_by_key(|place| place.id);
    // Sent twice is once: equal ids are equal bytes.
    index.dedup_by_key(|place| place.id);
    index.shrink_to_fit();
    Ok(index)
}

impl<F: ReadAt> Objects for IndexedObjects<F> {
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, StoreError> {
        let found = self.index.binary_search_by_key(id, |place| place.id).ok();
        let Some(place) = found.and_then(|found| self.index.get(found)) else { return Ok(None) };
        let mut data = vec![0; place.length as usize];
        Window { file: &self.file, position: place.offset }
            .read_exact(&mut data)
            .map_err(|source| StoreError::Read { id: *id, source })?;
        let object = Object { kind: place.kind, data };
        if object.id()? != *id {
            return Err(StoreError::Changed { id: *id });
        }
        Ok(Some(object))
    }

    fn tags(&self) -> Vec<ObjectId> {
        self.index.iter().filter(|place| place.kind == ObjectKind::Tag).map(|place| place.id).collect()
    }
}
