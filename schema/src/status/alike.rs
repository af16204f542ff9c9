//! What people are shown of the resources that are not simply in order: what needs somebody first, and a thousand that share a
//! reason as one.

use std::collections::HashMap;

use super::{ResourceOutcome, ResourceStatus, Status};
use crate::ResourceId;

/// So many resources of a group are named if there are more.
const NAMED: usize = 3;

/// Resources of which the same is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike<'a> {
    /// One of them: but for its id, this is told of all.
    pub told: &'a ResourceStatus,
    /// All of them, at least one.
    pub ids: Vec<&'a ResourceId>,
}

impl Alike<'_> {
    /// Those that are named, and how many more there are.
    pub fn named(&self) -> (&[&ResourceId], usize) {
        // "and 1 more" is no shorter than its name.
        let named = if self.ids.len() <= NAMED + 1 { self.ids.len() } else { NAMED };
        let (named, more) = self.ids.split_at(named);
        (named, more.len())
    }
}

impl Status {
    /// The resources that are not simply in order, by what is told of them: what needs somebody comes first.
    pub fn alike(&self) -> Vec<Alike<'_>> {
        let mut sorted: Vec<&ResourceStatus> = self.resource.iter().collect();
        sorted.sort_by_key(|resource| (resource.outcome.calm(), &resource.id));
        let mut groups: Vec<Alike<'_>> = Vec::new();
        let mut places = HashMap::new();
        for told in sorted {
            let ResourceStatus { id, outcome, code, message, by, remedy } = told;
            let place = *places.entry((outcome.as_str(), code, message, by, remedy)).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.ids.push(id),
                None => groups.push(Alike { told, ids: vec![id] }),
            }
        }
        groups
    }
}

impl ResourceOutcome {
    /// The higher, the less it needs somebody.
    const fn calm(self) -> u8 {
        match self {
            Self::Failed | Self::Conflict | Self::Unsupported => 0,
            Self::Blocked => 1,
            Self::Waiting | Self::Held => 2,
            Self::Differs => 3,
            Self::Changed | Self::Removed | Self::Released => 4,
            Self::Elsewhere => 5,
        }
    }
}
