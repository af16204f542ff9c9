//! Sorting by what must come before what. What the edges mean is [`super::order`]'s affair.

use std::{cmp::Reverse, collections::BinaryHeap};

use holdfast_schema::KindName;

use super::order::Item;

/// Sorts so that everything comes after what it waits for, and turns indices into places. Where wishes contradict each
/// other, those about the mere order give way first, then those of removals; what is declared has no cycle.
pub(super) fn sort(mut items: Vec<Item<'_>>) -> Vec<Item<'_>> {
    let mut sequence = settled(&items);
    while sequence.len() < items.len() {
        let mut placed = vec![false; items.len()];
        for at in &sequence {
            if let Some(placed) = placed.get_mut(*at) {
                *placed = true;
            }
        }
        let stuck: Vec<&mut Item<'_>> =
            items.iter_mut().zip(&placed).filter(|(_, placed)| !**placed).map(|(item, _)| item).collect();
        let is_placed = |at: &usize| placed.get(*at) == Some(&true);
        if stuck.iter().any(|item| !item.after.iter().all(is_placed)) {
            for item in stuck {
                item.after.retain(is_placed);
            }
        } else if stuck.iter().any(|item| item.declared.is_none() && !item.needs.iter().all(is_placed)) {
            for item in stuck.into_iter().filter(|item| item.declared.is_none()) {
                item.needs.retain(is_placed);
            }
        } else {
            // Not a state that the language lets through. The engine reports what it can never begin.
            sequence.extend((0..items.len()).filter(|at| !is_placed(at)));
            break;
        }
        sequence = settled(&items);
    }
    rearrange(items, &sequence)
}

/// The longest sequence in which everything comes after what it waits for; see Kahn, "Topological sorting" (1962).
fn settled(items: &[Item<'_>]) -> Vec<usize> {
    let rank = |item: &Item<'_>| match (item.declared, item.id.kind) {
        (None, KindName::Unit | KindName::Container) => 0_u8,
        (Some(_), _) => 1,
        (None, _) => 2,
    };
    let mut waits: Vec<usize> = items.iter().map(|item| item.needs.len() + item.after.len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    for (at, item) in items.iter().enumerate() {
        for before in item.needs.iter().chain(&item.after) {
            if let Some(followers) = followers.get_mut(*before) {
                followers.push(at);
            }
        }
    }
    let begin = items.iter().enumerate().filter(|(_, item)| item.needs.is_empty() && item.after.is_empty());
    let mut ready: BinaryHeap<_> = begin.map(|(at, item)| Reverse((rank(item), at))).collect();
    let mut sequence = Vec::with_capacity(items.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        sequence.push(at);
        for follower in followers.get(at).into_iter().flatten() {
            if let (Some(waits), Some(item)) = (waits.get_mut(*follower), items.get(*follower)) {
                *waits = waits.saturating_sub(1);
                if *waits == 0 {
                    ready.push(Reverse((rank(item), *follower)));
                }
            }
        }
    }
    sequence
}

/// Puts the items in sequence; their edges become places in it.
fn rearrange<'a>(items: Vec<Item<'a>>, sequence: &[usize]) -> Vec<Item<'a>> {
    let mut places = vec![usize::MAX; items.len()];
    for (place, at) in sequence.iter().enumerate() {
        if let Some(found) = places.get_mut(*at) {
            *found = place;
        }
    }
    let mut items: Vec<Option<Item<'a>>> = items.into_iter().map(Some).collect();
    let taken = sequence.iter().filter_map(|at| items.get_mut(*at).and_then(Option::take));
    let mut sorted: Vec<Item<'a>> = taken.collect();
    for item in &mut sorted {
        for index in item.needs.iter_mut().chain(&mut item.after) {
            *index = places.get(*index).copied().unwrap_or(usize::MAX);
        }
    }
    sorted
}
