//! The source of random numbers of one augmented view.

use equilayer_engine::random::{self, Stream};

/// Keeps keyed draws apart from other uses of the generator.
const DOMAIN: u32 = 0xA06_0001;

/// Random numbers that are a function of their key alone: the seed and whatever else tells one view from another. The
/// same key gives the same view, on any worker, in any order, after any resume.
///
/// Steps of a pipeline draw from [`part`](Draw::part)s, so that how many numbers one of them needs, which may depend
/// on the image, does not move the others.
#[derive(Clone, Debug)]
pub struct Draw {
    key: [u32; 4],
    stream: Stream,
}

impl Draw {
    /// The draw of a seed and a key, commonly the epoch, the sample and the use. Keys that differ in any word or in
    /// their length give independent draws.
    pub fn new(seed: u64, key: &[u64]) -> Draw {
        let [low, high] = random::key(seed);
        let start = Draw::keyed([low, high, 0, 0]);
        key.iter().fold(start, |draw, &word| draw.part(word))
    }

    fn keyed(key: [u32; 4]) -> Draw {
        let pair = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        Draw { key, stream: Stream::new(pair(key[0], key[1]), pair(key[2], key[3])) }
    }

    /// One of 2⁶⁴ draws that depend on this one's key, but not on what was drawn from it.
    pub fn part(&self, part: u64) -> Draw {
        let [k0, k1, k2, k3] = self.key;
        // The upper half of the key passes through the generator too, or parts of parts would collide.
        let inner = random::block([k2, k3], [part as u32, (part >> 32) as u32, DOMAIN, 0]);
        let outer = random::block([k0, k1], inner);
        Draw::keyed(outer)
    }

    /// A number in [low, high); `low` if they are equal.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        let u = random::uniform(self.stream.next_word());
        (low + (high - low) * u).min(high)
    }

    /// Whether something of probability `p` happens: never at 0, always at 1.
    pub fn happens(&mut self, p: f32) -> bool {
        random::uniform(self.stream.next_word()) < p
    }

    /// An integer in 0..count; 0 if the count is 0.
    pub fn below(&mut self, count: usize) -> usize {
        let word = u128::from(self.stream.next_word()) << 32 | u128::from(self.stream.next_word());
        ((word * count as u128) >> 64) as usize
    }

    /// Shuffles the items, every order equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_draw_is_a_function_of_its_key() {
        let first = |seed, key: &[u64]| Draw::new(seed, key).below(usize::MAX);
        assert_eq!(first(1, &[2, 3]), first(1, &[2, 3]));
        let keys: [(u64, &[u64]); 9] = [
            (1, &[2, 3]),
            (2, &[2, 3]),
            (1, &[3, 2]),
            (1, &[2]),
            (1, &[2, 3, 0]),
            (1, &[]),
            (1, &[0]),
            (1 << 32, &[2, 3]),
            (1, &[2 << 32, 3]),
        ];
        let distinct: HashSet<usize> = keys.iter().map(|&(seed, key)| first(seed, key)).collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn parts_do_not_depend_on_what_was_drawn() {
        let fresh = Draw::new(1, &[]);
        let mut used = fresh.clone();
        used.uniform(0.0, 1.0);
        assert_eq!(used.part(3).below(1 << 40), fresh.part(3).below(1 << 40));
    }

    #[test]
    fn probabilities_and_ranges_hold() {
        let mut draw = Draw::new(1, &[]);
        assert!((0..1000).all(|_| !draw.happens(0.0)));
        assert!((0..1000).all(|_| draw.happens(1.0)));
        assert!((0..1000).all(|_| (0.5..0.75).contains(&draw.uniform(0.5, 0.75))));
        assert_eq!(draw.uniform(0.3, 0.3), 0.3);
        let share = (0..10_000).filter(|_| draw.happens(0.2)).count();
        assert!((1800..2200).contains(&share), "{share}"); // five standard deviations
        let mut counts = [0; 3];
        (0..9000).for_each(|_| counts[draw.below(3)] += 1);
        assert!(counts.iter().all(|count| (2776..3224).contains(count)), "{counts:?}");
    }

    #[test]
    fn every_order_is_equally_likely() {
        let mut draw = Draw::new(1, &[]);
        let mut counts = std::collections::HashMap::new();
        for _ in 0..24_000 {
            let mut order = [0, 1, 2, 3];
            draw.shuffle(&mut order);
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|count| (845..1155).contains(count)), "{counts:?}");
    }
}
