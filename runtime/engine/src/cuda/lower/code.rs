//! CUDA C as text: what all kernels share, literals, and positions in strided memory.
//!
//! Everything that the plan knows is written into a kernel as a number: divisions become multiplications and loops
//! unroll. No header is included, as a user's machine may have none.

use crate::layout::Layout;
use crate::shape::Shape;

/// What stands before all kernels of a translation unit.
pub const PRELUDE: &str = r#"#define NOT_A_NUMBER __int_as_float(0x7fffffff)
#define INFINITE __int_as_float(0x7f800000)

static __device__ __forceinline__ float larger(float a, float b) { return a > b || a != a ? a : b; }
static __device__ __forceinline__ float smaller(float a, float b) { return a < b || a != a ? a : b; }
static __device__ __forceinline__ bool finite(float x) { return fabsf(x) < INFINITE; }

// 2^(b log2 a), which has no value for negative bases, nor for 0^0 and its like.
static __device__ __forceinline__ float power(float a, float b) {
    return a < 0.0f || (b == 0.0f && !(a > 0.0f && a < INFINITE)) ? NOT_A_NUMBER : powf(a, b);
}

// The place that a number means on an axis, or -1.
static __device__ __forceinline__ int place(float number, int length) {
    const int whole = (int)number;
    return (float)whole == number && whole >= 0 && whole < length ? whole : -1;
}

// The upper half of a `float`: read as one, and rounded to the nearest when written, which takes compute capability 8.0.
struct bf16 {
    unsigned short bits;
    __device__ __forceinline__ operator float() const { return __int_as_float((int)((unsigned)bits << 16)); }
    __device__ __forceinline__ bf16& operator=(float x) {
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
        return *this;
    }
};

struct Sum {
    static __device__ __forceinline__ float none() { return 0.0f; }
    static __device__ __forceinline__ float join(float a, float b) { return a + b; }
};
struct Maximum {
    static __device__ __forceinline__ float none() { return -INFINITE; }
    static __device__ __forceinline__ float join(float a, float b) { return larger(a, b); }
};

// The value of all lanes of a warp together, in every lane.
template <class Join> static __device__ __forceinline__ float over_warp(float x) {
    for (int distance = 16; distance > 0; distance /= 2)
        x = Join::join(x, __shfl_xor_sync(0xffffffffu, x, distance));
    return x;
}

// The same over a group of threads: a warp, or the whole block.
template <class Join, int LANES> static __device__ __forceinline__ float over(float x) {
    x = over_warp<Join>(x);
    if (LANES > 32) {
        __shared__ float parts[32];
        __syncthreads();                       // an earlier use may still be read
        if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
        __syncthreads();
        x = parts[0];
        for (int warp = 1; warp < LANES / 32; ++warp) x = Join::join(x, parts[warp]);
    }
    return x;
}
"#;

/// A number, exactly.
pub fn literal(value: f32) -> String {
    match value.is_finite() {
        true => format!("({value:?}f)"),
        false => format!("__int_as_float({:#x})", value.to_bits()),
    }
}

/// Position of the element with row-major number `index`, an unsigned expression, relative to the layout's first.
pub fn position(layout: &Layout, index: &str) -> String {
    let runs = merged(layout);
    let mut inner: usize = runs.iter().map(|&(length, _)| length).product();
    let total = inner;
    if total == 0 {
        return "0".into();
    }
    let mut terms = Vec::new();
    for (length, stride) in runs {
        inner /= length;
        let divided = if inner == 1 { index.to_string() } else { format!("{index} / {inner}u") };
        // The outermost number needs no remainder.
        let number = match inner * length == total {
            true => divided,
            false => format!("({divided}) % {length}u"),
        };
        match stride {
            0 => {}
            1 => terms.push(format!("(int)({number})")),
            _ => terms.push(format!("(int)({number}) * {stride}")),
        }
    }
    if terms.is_empty() { "0".into() } else { terms.join(" + ") }
}

/// Groups of neighbouring axes that act as one, outermost first, axes of length 1 left out.
fn merged(layout: &Layout) -> Vec<(usize, isize)> {
    let mut runs: Vec<(usize, isize)> = Vec::new();
    for (&dim, &stride) in layout.shape().iter().zip(layout.strides()).filter(|&(&dim, _)| dim != 1) {
        match runs.last_mut() {
            Some((length, outer)) if *outer == stride * dim as isize => {
                *length *= dim;
                *outer = stride;
            }
            _ => runs.push((dim, stride)),
        }
    }
    runs
}

/// Position of the first element of the row with number `row`, where the last axis makes the rows.
pub fn row_position(layout: &Layout, row: &str) -> String {
    match layout.shape().len().checked_sub(1) {
        None => "0".into(),
        Some(last) => position(&layout.drop_axes([last].into_iter().collect()), row),
    }
}

/// Rows of the last axis: how many, and their width. A scalar is one row of one element.
pub fn rows(shape: &Shape) -> (usize, usize) {
    let width = shape.last().copied().unwrap_or(1);
    (shape.elements() / width.max(1), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_divide_only_where_axes_do_not_merge() {
        let grid = Layout::contiguous(Shape::from([2, 3, 4]));
        assert_eq!(position(&grid, "i"), "(int)(i)");
        assert_eq!(position(&grid.permute(&[2, 0, 1]), "i"), "(int)(i / 6u) + (int)((i) % 6u) * 4");
        assert_eq!(position(&grid.flip(0), "i"), "(int)(i / 12u) * -12 + (int)((i) % 12u)");
        let scalar = Layout::contiguous(Shape::SCALAR);
        assert_eq!(position(&scalar.expand(Shape::from([5])), "i"), "0");
    }

    #[test]
    fn literals_are_exact() {
        assert_eq!(literal(1e-12), "(1e-12f)");
        assert_eq!(literal(-0.0), "(-0.0f)");
        assert_eq!(literal(f32::NEG_INFINITY), "__int_as_float(0xff800000)");
    }
}
