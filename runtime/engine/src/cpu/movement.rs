//! Padding and concatenation: runs of neighbouring elements, copied.

use rayon::prelude::*;

use super::call::{Call, Source};
use crate::layout::Layout;
use crate::ops::{Concat, Pad};

/// Zeros around a copy.
pub fn pad(pad: &Pad, call: &mut Call<'_>) {
    let source = call.sources()[0];
    let inner: usize = source.layout().shape()[pad.axis + 1..].iter().product();
    let [output] = call.outputs();
    output.fill(0.0);
    let whole = (pad.before + source.layout().shape()[pad.axis] + pad.after) * inner;
    write_part(source, pad.axis, pad.before * inner, whole, output);
}

/// Inputs one after another.
pub fn concat(concat: &Concat, call: &mut Call<'_>) {
    let shape = call.output_shape(0);
    let whole: usize = shape[concat.axis..].iter().product();
    let inner: usize = shape[concat.axis + 1..].iter().product();
    let sources = call.sources().to_vec();
    let [output] = call.outputs();
    let mut start = 0;
    for source in sources {
        write_part(source, concat.axis, start, whole, output);
        start += source.layout().shape()[concat.axis] * inner;
    }
}

/// Writes each outer slice of `source` to `start..` of the output's slices of `whole` elements.
fn write_part(source: Source<'_>, axis: usize, start: usize, whole: usize, output: &mut [f32]) {
    let layout = source.layout();
    if layout.shape().elements() == 0 {
        return;
    }
    let outer: Vec<usize> = layout.drop_axes((axis..layout.shape().len()).collect()).positions().collect();
    let first = outer[0];
    let slice = layout.drop_axes((0..axis).collect());
    output.par_chunks_mut(whole).zip(outer).for_each(|(target, position)| {
        write_slice(source, &slice, position as isize - first as isize, &mut target[start..]);
    });
}

/// Copies one slice, shifted, row by row where rows are dense.
fn write_slice(source: Source<'_>, slice: &Layout, shift: isize, target: &mut [f32]) {
    let length = slice.shape().last().copied().unwrap_or(1);
    match slice.has_dense_rows() {
        true if slice.is_row_major() => {
            let elements = slice.shape().elements();
            target[..elements].copy_from_slice(source.run((slice.offset() + shift) as usize, elements));
        }
        true => {
            for (row, position) in target.chunks_mut(length).zip(slice.rows()) {
                row.copy_from_slice(source.run((position as isize + shift) as usize, row.len()));
            }
        }
        false => {
            for (element, position) in target.iter_mut().zip(slice.positions()) {
                *element = source.run((position as isize + shift) as usize, 1)[0];
            }
        }
    }
}
