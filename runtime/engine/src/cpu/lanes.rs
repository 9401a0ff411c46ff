//! Sums and maxima of rows, in several independent lanes: the loop vectorises, rounding errors stay small, and the
//! order of additions depends on the length alone.

/// Independent accumulators: enough to hide the latency of an addition at every register width.
pub const LANES: usize = 32;

/// Combines the elements of a row.
#[inline(always)]
pub fn fold(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, value);
        }
    }
    let rest = rest.iter().fold(start, |sum, &value| combine(sum, value));
    combine(join(lanes, &combine), rest)
}

/// The largest element; −∞ of an empty row. A NaN is passed over: what is computed with the maximum meets it again.
#[inline(always)]
pub fn maximum(row: &[f32]) -> f32 {
    fold(row, f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

/// `M` sums of terms, each of the elements at one place of `N` rows of one length.
#[inline(always)]
pub fn sums<const N: usize, const M: usize>(
    rows: [&[f32]; N],
    terms: impl Fn([f32; N]) -> [f32; M],
) -> [f32; M] {
    let chunks = rows.map(|row| row.as_chunks::<LANES>());
    let whole = chunks.iter().map(|(chunks, _)| chunks.len()).min().unwrap_or(0);
    let mut totals = [[0.0f32; LANES]; M];
    for chunk in 0..whole {
        let chunk: [&[f32; LANES]; N] = std::array::from_fn(|row| &chunks[row].0[chunk]);
        for lane in 0..LANES {
            let terms = terms(std::array::from_fn(|row| chunk[row][lane]));
            for (total, term) in totals.iter_mut().zip(terms) {
                total[lane] += term;
            }
        }
    }
    let rest = chunks.iter().map(|(_, rest)| rest.len()).min().unwrap_or(0);
    for lane in 0..rest {
        let terms = terms(std::array::from_fn(|row| chunks[row].1[lane]));
        for (total, term) in totals.iter_mut().zip(terms) {
            total[lane] += term;
        }
    }
    totals.map(|lanes| join(lanes, &|a, b| a + b))
}

/// The sum of a term for each element of a row.
#[inline(always)]
pub fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let [total] = sums([row], |[x]| [term(x)]);
    total
}

/// Combines the lanes in halves.
#[inline(always)]
fn join(mut lanes: [f32; LANES], combine: &impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::{LANES, maximum, sum, sums};

    #[test]
    fn every_element_counts_once_at_every_length() {
        for length in [0, 1, LANES - 1, LANES, LANES + 1, 3 * LANES + 7] {
            let row: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let expected = (length * length.saturating_sub(1) / 2) as f32;
            assert_eq!(sum(&row, |x| x), expected);
            assert_eq!(sums([&row, &row], |[a, b]| [a + b, 1.0]), [2.0 * expected, length as f32]);
            assert_eq!(maximum(&row), length.checked_sub(1).map_or(f32::NEG_INFINITY, |last| last as f32));
        }
    }
}
