//! Loops over rows that use the machine's vector instructions, with sums in an order that no machine changes.
//!
//! The loops are plain Rust over chunks of [`LANES`] elements. [`dispatch`] compiles them for each instruction
//! set and picks one at run time; that works for what is inlined into the closure, so everything here is
//! `#[inline(always)]`, and the closure has to say so too.

use super::instructions;
use super::math::exp;

/// Elements that reductions advance by: one AVX-512 register, or several smaller ones.
pub const LANES: usize = 16;

/// Distance between the rows of a scratch matrix of `cols` columns: a whole and odd number of cache lines,
/// because with a power of two the elements of a column would crowd into a few sets of the cache.
pub const fn row_stride(cols: usize) -> usize {
    (cols.div_ceil(LANES) | 1) * LANES
}

/// Runs `f`, which must be an `#[inline(always)]` closure, with the best instructions that the machine has.
#[inline(always)]
pub fn dispatch<R>(f: impl FnMut() -> R) -> R {
    // `FnMut`, though it runs once: a `FnOnce` is called through a shim, and rustc inlines `f` into the shim
    // instead of here, which silently gives up the instructions (`exp` then runs 30 times slower).
    struct Run<F>(F);

    impl<R, F: FnMut() -> R> pulp::NullaryFnOnce for Run<F> {
        type Output = R;

        #[inline(always)]
        fn call(mut self) -> R {
            (self.0)()
        }
    }
    instructions::arch().dispatch(Run(f))
}

/// The largest element, −∞ of none. The length must be a multiple of [`LANES`].
#[inline(always)]
pub fn max(row: &[f32]) -> f32 {
    debug_assert!(row.len().is_multiple_of(LANES));
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in row.as_chunks::<LANES>().0 {
        for (max, &x) in lanes.iter_mut().zip(chunk) {
            *max = if x > *max { x } else { *max };
        }
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Replaces each x by exp(x − shift) and returns their sum. The length must be a multiple of [`LANES`].
#[inline(always)]
pub fn exp_sum(row: &mut [f32], shift: f32) -> f32 {
    debug_assert!(row.len().is_multiple_of(LANES));
    let mut lanes = [0.0; LANES];
    for chunk in row.as_chunks_mut::<LANES>().0 {
        for (sum, x) in lanes.iter_mut().zip(chunk) {
            *x = exp(*x - shift);
            *sum += *x;
        }
    }
    lanes.into_iter().sum()
}

/// Σ a·b, of any length.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let mut lanes = [0.0f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.into_iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(always)]
    fn softmax_like(row: &[f32]) -> (f32, f32, Vec<f32>) {
        let mut exps = row.to_vec();
        let sum = exp_sum(&mut exps, max(row));
        (sum, dot(row, &exps), exps)
    }

    #[test]
    fn same_bits_without_vector_instructions() {
        let row: Vec<f32> = (0..10 * LANES).map(|i| ((i * 7919) % 1009) as f32 / 100.0).collect();
        let dispatched = dispatch(
            #[inline(always)]
            || softmax_like(&row),
        );
        assert_eq!(dispatched, softmax_like(&row));
    }

    #[test]
    fn reductions_are_right() {
        let row: Vec<f32> = (0..LANES).map(|i| i as f32 - 9.0).collect();
        assert_eq!(max(&row), 6.0);
        assert_eq!(max(&[]), f32::NEG_INFINITY);
        assert_eq!(dot(&row[..3], &[1.0, 2.0, 3.0]), -46.0);
        let mut masked = [f32::NEG_INFINITY; LANES];
        masked[5] = 3.0;
        assert_eq!(exp_sum(&mut masked, 3.0), 1.0);
        assert_eq!([1, 16, 17, 197, 256].map(row_stride), [16, 16, 48, 208, 272]);
    }
}
