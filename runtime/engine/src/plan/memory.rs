//! Placing buffers in the arena: big ones first, each at the lowest place that is free while it lives.

use super::{Buffer, Place, Step};

/// Buffers start at multiples of this many elements, 64 bytes: a cache line, and a full vector.
const ALIGNMENT: usize = 16;

/// First and last step that touch a buffer, both included.
pub type Lifetime = (usize, usize);

/// Lifetime of each buffer; nothing for one that no step touches.
pub fn lifetimes(steps: &[Step], buffers: usize) -> Vec<Option<Lifetime>> {
    let mut lifetimes = vec![None; buffers];
    for (index, step) in steps.iter().enumerate() {
        for operand in step.inputs.iter().chain(&step.outputs) {
            let (_, last) = lifetimes[operand.buffer].get_or_insert((index, index));
            *last = index;
        }
    }
    lifetimes
}

/// Gives every arena buffer that lives a place, and returns the arena's length in elements.
pub fn place(buffers: &mut [Buffer], lifetimes: &[Option<Lifetime>]) -> usize {
    let mut order: Vec<usize> = (0..buffers.len())
        .filter(|&index| matches!(buffers[index].place, Place::Arena(_)) && lifetimes[index].is_some())
        .collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(buffers[index].elements), index));
    let mut placed: Vec<(usize, usize, Lifetime)> = Vec::with_capacity(order.len());
    let mut arena = 0;
    for index in order {
        let Some(lifetime) = lifetimes[index] else { continue };
        let length = buffers[index].elements.next_multiple_of(ALIGNMENT);
        let start = lowest_gap(&placed, lifetime, length);
        buffers[index].place = Place::Arena(start);
        let at = placed.partition_point(|&(other, ..)| other < start);
        placed.insert(at, (start, start + length, lifetime));
        arena = arena.max(start + length);
    }
    arena
}

/// The lowest start of `length` free elements among placed buffers, sorted by start, that live at the same time.
fn lowest_gap(placed: &[(usize, usize, Lifetime)], (first, last): Lifetime, length: usize) -> usize {
    let mut start = 0;
    for &(other_start, other_end, (other_first, other_last)) in placed {
        if other_last < first || last < other_first {
            continue;
        }
        if start + length <= other_start {
            break;
        }
        start = start.max(other_end);
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffers_that_live_together_never_overlap(
            spans in prop::collection::vec((0usize..30, 0usize..8, 0usize..200), 1..60)
        ) {
            let lifetimes: Vec<_> = spans.iter().map(|&(first, length, _)| Some((first, first + length))).collect();
            let mut buffers: Vec<_> =
                spans.iter().map(|&(.., elements)| Buffer { place: Place::Arena(0), elements }).collect();
            let arena = place(&mut buffers, &lifetimes);
            let range = |i: usize| match buffers[i].place {
                Place::Arena(start) => start..start + buffers[i].elements,
                _ => unreachable!("only arena buffers were given"),
            };
            for i in 0..buffers.len() {
                prop_assert!(range(i).end <= arena);
                for j in 0..i {
                    let (a, b) = (lifetimes[i].unwrap(), lifetimes[j].unwrap());
                    let together = a.0 <= b.1 && b.0 <= a.1;
                    let disjoint = range(i).end <= range(j).start || range(j).end <= range(i).start;
                    prop_assert!(!together || disjoint || range(i).is_empty() || range(j).is_empty());
                }
            }
        }
    }
}
