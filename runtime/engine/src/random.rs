//! Counter-based random numbers: Philox-4x32-10 and the distributions made from it.
//!
//! Every number is a pure function of a 64-bit key and a 128-bit counter. There is no state to share or to
//! save, so results cannot depend on the number of threads, on the order of work or on a resume, and a GPU
//! kernel computes the same bits.
//!
//! Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The tests
//! hold the known-answer vectors of its reference implementation, Random123.
//!
//! **File format.** Checkpoints and reference losses depend on each bit here: [`block`], [`key`],
//! [`stream_id`], the counter layout of [`Stream`] and the distributions never change.

use std::f64::consts::TAU;

pub(crate) const ROUNDS: usize = 10;
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Key increments of a round: the golden ratio and √3 − 1 as fractions of 2³².
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Four random words, uniform over all `u32`: Philox-4x32 with 10 rounds. For a fixed key, distinct counters
/// give distinct blocks.
#[inline]
pub fn block(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let mut key = key;
    let mut words = counter;
    for _ in 0..ROUNDS {
        words = round(key, words);
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    words
}

#[inline]
fn round(key: [u32; 2], words: [u32; 4]) -> [u32; 4] {
    let [high_0, low_0] = widening_multiply(MULTIPLIERS[0], words[0]);
    let [high_1, low_1] = widening_multiply(MULTIPLIERS[1], words[2]);
    [high_1 ^ words[1] ^ key[0], low_1, high_0 ^ words[3] ^ key[1], low_0]
}

/// The high and the low word of a · b.
#[inline]
fn widening_multiply(a: u32, b: u32) -> [u32; 2] {
    split(u64::from(a) * u64::from(b))
}

/// The high and the low word of a `u64`.
#[inline]
fn split(word: u64) -> [u32; 2] {
    [(word >> 32) as u32, word as u32]
}

/// The key of a seed, low word first.
#[inline]
pub fn key(seed: u64) -> [u32; 2] {
    let [high, low] = split(seed);
    [low, high]
}

/// A uniform number in [0, 1): the upper 24 bits of the word times 2⁻²⁴. Exact, so the same on every device.
#[inline]
pub fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A uniform number in (0, 1), safe to take the logarithm of: the upper 23 bits of the word plus one half,
/// times 2⁻²³. Lies in [2⁻²⁴, 1 − 2⁻²⁴] and, like [`uniform`], is exact.
#[inline]
pub fn uniform_open(word: u32) -> f32 {
    ((word >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0)
}

/// Two independent standard normal numbers from two words, by Box and Muller's transform; |z| ≤ 6.77.
///
/// Computed in `f64` from all 64 bits and rounded once. The logarithm, sine and cosine are those of the `libm`
/// crate, which are the same on every platform; the standard library's are the operating system's.
#[inline]
pub fn normal_pair(words: [u32; 2]) -> [f32; 2] {
    const STEP: f64 = 1.0 / 4_294_967_296.0;
    let radius = (-2.0 * libm::log((f64::from(words[0]) + 0.5) * STEP)).sqrt();
    let (sine, cosine) = libm::sincos(TAU * f64::from(words[1]) * STEP);
    [(radius * cosine) as f32, (radius * sine) as f32]
}

/// The stream id of a name: FNV-1a, 64 bits, over its UTF-8 bytes.
///
/// # Examples
/// ```
/// # use equilayer_engine::random::stream_id;
/// assert_eq!(stream_id("foobar"), 0x85944171f73967e8);
/// ```
pub const fn stream_id(name: &str) -> u64 {
    fnv1a(name.as_bytes())
}

/// FNV-1a, 64 bits.
pub(crate) const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// An endless sequence of random words, one of 2⁶⁴ independent ones under each seed.
///
/// Word `4·b + w` of a stream is word `w` of `block(key(seed), [b low, b high, id low, id high])`.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    id: [u32; 2],
    next_block: u64,
    words: [u32; 4],
    used: usize,
}

impl Stream {
    /// The beginning of a stream; `id` is commonly the [`stream_id`] of what is to be filled.
    pub fn new(seed: u64, id: u64) -> Self {
        let [high, low] = split(id);
        Self { key: key(seed), id: [low, high], next_block: 0, words: [0; 4], used: 4 }
    }

    /// The next word. After 2⁶⁶ of them the stream repeats.
    pub fn next_word(&mut self) -> u32 {
        if self.used == self.words.len() {
            let [high, low] = split(self.next_block);
            self.words = block(self.key, [low, high, self.id[0], self.id[1]]);
            self.next_block = self.next_block.wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// The stream's words as [`uniform`] numbers in [0, 1).
    pub fn uniforms(mut self) -> impl Iterator<Item = f32> {
        std::iter::repeat_with(move || uniform(self.next_word()))
    }

    /// The stream's words, two by two, as standard normal numbers ([`normal_pair`]).
    pub fn normals(mut self) -> impl Iterator<Item = f32> {
        std::iter::repeat_with(move || normal_pair([self.next_word(), self.next_word()])).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_random123() {
        let cases = [
            ([0; 2], [0; 4], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
            ([u32::MAX; 2], [u32::MAX; 4], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
            (
                [0xa4093822, 0x299f31d0],
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
            ),
        ];
        for (key, counter, expected) in cases {
            assert_eq!(block(key, counter), expected, "key {key:x?}, counter {counter:x?}");
        }
    }

    #[test]
    fn known_answers_of_fnv_1a() {
        assert_eq!(stream_id(""), 0xcbf29ce484222325);
        assert_eq!(stream_id("a"), 0xaf63dc4c8601ec8c);
        assert_eq!(stream_id("foobar"), 0x85944171f73967e8);
    }

    #[test]
    fn uniform_covers_its_interval_and_no_more() {
        assert_eq!(uniform(0), 0.0);
        assert_eq!(uniform(u32::MAX), 1.0 - 2f32.powi(-24));
        assert_eq!(uniform_open(0), 2f32.powi(-24));
        assert_eq!(uniform_open(u32::MAX), 1.0 - 2f32.powi(-24));
    }

    #[test]
    fn normal_pair_is_finite_at_the_ends() {
        for words in [[0, 0], [0, u32::MAX], [u32::MAX, 0], [u32::MAX, u32::MAX]] {
            let pair = normal_pair(words);
            assert!(pair.iter().all(|z| z.abs() <= 6.77), "{words:?} gave {pair:?}");
        }
        let largest = f64::sqrt(66.0 * std::f64::consts::LN_2) as f32;
        assert_eq!(normal_pair([0, 0]), [largest, 0.0]);
    }

    #[test]
    fn a_stream_reads_its_documented_counters() {
        let (seed, id) = (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
        let mut stream = Stream::new(seed, id);
        stream.next_block = u64::from(u32::MAX);
        let words: Vec<u32> = (0..8).map(|_| stream.next_word()).collect();
        let key = [0x89ab_cdef, 0x0123_4567];
        assert_eq!(words[..4], block(key, [u32::MAX, 0, 0x7654_3210, 0xfedc_ba98]));
        assert_eq!(words[4..], block(key, [0, 1, 0x7654_3210, 0xfedc_ba98]));
    }

    #[test]
    fn streams_differ_by_seed_and_by_id() {
        let start = |seed, id| Stream::new(seed, id).next_word();
        assert_eq!(start(1, 1), start(1, 1));
        assert_ne!(start(1, 1), start(2, 1));
        assert_ne!(start(1, 1), start(1, 2));
        assert_ne!(start(1, 1), start(1 << 32, 1));
    }

    #[test]
    fn uniforms_fill_all_bins_evenly() {
        const BINS: usize = 256;
        const SAMPLES: usize = 1 << 20;
        let mut counts = [0_u32; BINS];
        for u in Stream::new(7, 0).uniforms().take(SAMPLES) {
            counts[(u * BINS as f32) as usize] += 1;
        }
        let expected = (SAMPLES / BINS) as f64;
        let chi_squared: f64 = counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        // 255 degrees of freedom: mean 255, standard deviation 22.6; five of them either way.
        assert!((142.0..368.0).contains(&chi_squared), "χ² = {chi_squared}");
    }

    #[test]
    fn normals_have_the_moments_and_tails_of_the_normal_distribution() {
        const SAMPLES: usize = 1 << 20;
        let n = SAMPLES as f64;
        let z: Vec<f64> = Stream::new(7, 1).normals().take(SAMPLES).map(f64::from).collect();
        let moment = |k| z.iter().map(|z| z.powi(k)).sum::<f64>() / n;
        // Five standard errors: Var(zᵏ) is 1, 2, 15 and 96 for k = 1 to 4.
        for (k, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let tolerance = 5.0 * f64::sqrt(variance / n);
            assert!((moment(k) - expected).abs() < tolerance, "moment {k} is {}", moment(k));
        }
        let beyond_3 = z.iter().filter(|z| z.abs() > 3.0).count() as f64 / n;
        assert!((beyond_3 - 2.699_796e-3).abs() < 5.0 * f64::sqrt(2.7e-3 / n), "P(|z| > 3) = {beyond_3}");
        let neighbours = z.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n;
        assert!(neighbours.abs() < 5.0 / n.sqrt(), "correlation of neighbours {neighbours}");
    }
}
