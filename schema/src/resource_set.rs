//! A set of resources. Most have one member, and there is one set for each resource of a host: a sorted list takes a tenth of
//! a tree's memory.

use std::{fmt, ops::Deref, slice};

use serde::{Deserialize, Serialize, Serializer};

use crate::ResourceId;

/// Resources by id, each once, sorted.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Vec<ResourceId>")]
pub struct ResourceSet(Vec<ResourceId>);

impl ResourceSet {
    /// Adds one; whether it is new.
    pub fn insert(&mut self, id: ResourceId) -> bool {
        match self.0.binary_search(&id) {
            Ok(_) => false,
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, id);
                true
            }
        }
    }

    /// Takes one out; whether it was there.
    pub fn remove(&mut self, id: &ResourceId) -> bool {
        self.0.binary_search(id).map(|place| self.0.remove(place)).is_ok()
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl From<Vec<ResourceId>> for ResourceSet {
    fn from(mut ids: Vec<ResourceId>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        ids.shrink_to_fit();
        Self(ids)
    }
}

impl<const N: usize> From<[ResourceId; N]> for ResourceSet {
    fn from(ids: [ResourceId; N]) -> Self {
        Vec::from(ids).into()
    }
}

impl FromIterator<ResourceId> for ResourceSet {
    fn from_iter<I: IntoIterator<Item = ResourceId>>(ids: I) -> Self {
        ids.into_iter().collect::<Vec<_>>().into()
    }
}

impl Extend<ResourceId> for ResourceSet {
    fn extend<I: IntoIterator<Item = ResourceId>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id);
        }
    }
}

impl fmt::Debug for ResourceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}

impl Serialize for ResourceSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Deref for ResourceSet {
    type Target = [ResourceId];

    fn deref(&self) -> &[ResourceId] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a ResourceSet {
    type Item = &'a ResourceId;
    type IntoIter = slice::Iter<'a, ResourceId>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests;
