//! The circles in which resources wait for each other, and how they are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Graph, Order};
use crate::Problem;

/// How many separate circles are told of.
const CIRCLES: usize = 10;

impl Order<'_, '_> {
    pub(super) fn circle(&self, graph: &Graph<'_>, circle: &[usize]) -> Problem {
        let name = |index: usize| graph.ids.get(index).map(ToString::to_string).unwrap_or_default();
        let first = circle.first().copied().unwrap_or_default();
        let way: Vec<String> = circle.iter().chain([&first]).map(|index| name(*index)).collect();
        let mut problem = Problem::new("E_CYCLE", format!("these wait for each other: {}", way.join(" → ")))
            .remedy(
                "take one of the `needs` out; what is automatic is listed under ORDER in holdfast-fleet(5)",
            );
        for (after, before) in circle.iter().zip(circle.iter().skip(1).chain([&first])) {
            let edge =
                graph.edges.get(*after).and_then(|edges| edges.iter().find(|edge| edge.before == *before));
            let declared = || graph.ids.get(*after).and_then(|id| self.places.get(*id)).copied();
            if let Some(edge) = edge
                && let Some(at) = edge.at.or_else(declared)
            {
                let location = self.library.locate(at);
                let message = format!("{} waits for {}: {}", name(*after), name(*before), edge.why);
                if problem.at.is_none() {
                    problem = problem.at(location.clone());
                }
                problem = problem.related(message, location);
            }
        }
        problem
    }
}

impl Graph<'_> {
    /// The circles among the edges, each once, as resources that wait for the next.
    pub(super) fn circles(&self) -> Vec<Vec<usize>> {
        let mut found: Vec<Vec<usize>> = Vec::new();
        loop {
            let left = self.stuck(&found.concat());
            let circle = left.iter().find_map(|index| self.circle_through(*index, &left));
            match circle {
                Some(circle) if found.len() < CIRCLES => found.push(circle),
                _ => return found,
            }
        }
    }

    /// What never comes to its turn, were it not for those `without`.
    fn stuck(&self, without: &[usize]) -> BTreeSet<usize> {
        let mut waits: Vec<usize> = self.edges.iter().map(Vec::len).collect();
        let mut dependents: Vec<Vec<usize>> = self.edges.iter().map(|_| Vec::new()).collect();
        for (after, edges) in self.edges.iter().enumerate() {
            for edge in edges {
                if let Some(dependents) = dependents.get_mut(edge.before) {
                    dependents.push(after);
                }
            }
        }
        let free = waits.iter().enumerate().filter(|(index, count)| **count == 0 || without.contains(index));
        let mut ready: Vec<usize> = free.map(|(index, _)| index).collect();
        let mut stuck: BTreeSet<usize> = (0..self.ids.len()).collect();
        while let Some(index) = ready.pop() {
            if !stuck.remove(&index) {
                continue;
            }
            for after in dependents.get(index).into_iter().flatten() {
                if let Some(count) = waits.get_mut(*after) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.push(*after);
                    }
                }
            }
        }
        stuck
    }

    /// The shortest circle through a resource, among those that are left.
    fn circle_through(&self, start: usize, left: &BTreeSet<usize>) -> Option<Vec<usize>> {
        let mut came: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(index) = open.pop_front() {
            for edge in self.edges.get(index).into_iter().flatten().filter(|edge| left.contains(&edge.before))
            {
                if edge.before == start {
                    let mut circle: Vec<usize> =
                        std::iter::successors(Some(index), |index| came.get(index).copied()).collect();
                    circle.reverse();
                    return Some(circle);
                }
                if let std::collections::btree_map::Entry::Vacant(e) = came.entry(edge.before) {
                    e.insert(index);
                    open.push_back(edge.before);
                }
            }
        }
        None
    }
}
