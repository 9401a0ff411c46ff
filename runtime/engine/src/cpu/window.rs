//! What sliding windows see, tap by tap: rows of pixels, copied or added.

use std::ops::Range;

use rayon::prelude::*;

use super::call::Call;
use super::instructions;
use crate::ops::{Fold, Plane, Unfold};

/// What a window sees.
pub fn unfold(unfold: &Unfold, call: &mut Call<'_>) {
    let Ok(plane) = unfold.plane(&call.shape(0)) else { return };
    let source = call.input(0);
    let [output] = call.outputs();
    if output.is_empty() {
        return;
    }
    output.par_chunks_mut(plane.taps() * plane.places()).enumerate().for_each(|(number, seen)| {
        let image = &source[number * plane.pixels()..][..plane.pixels()];
        unfold_plane(&plane, image, 0..plane.positions[0], unfold.fill, seen);
    });
}

/// What a window saw, added to the pixels.
pub fn fold(fold: &Fold, call: &mut Call<'_>) {
    let Ok(plane) = fold.window.over(fold.size) else { return };
    let source = call.input(0);
    let [output] = call.outputs();
    if output.is_empty() {
        return;
    }
    let seen = plane.taps() * plane.places();
    output.par_chunks_mut(plane.pixels()).enumerate().for_each(|(number, image)| {
        image.fill(0.0);
        fold_plane(&plane, &source[number * seen..][..seen], image);
    });
}

/// Writes what each tap sees of a plane from some rows of positions: `[taps, rows, positions across]`.
pub fn unfold_plane(plane: &Plane, image: &[f32], rows: Range<usize>, fill: f32, seen: &mut [f32]) {
    let ([_, kernel_width], across) = (plane.window.kernel, plane.positions[1]);
    for (tap, seen) in seen.chunks_exact_mut(rows.len() * across).enumerate() {
        let visible = plane.visible(1, tap % kernel_width);
        let first = plane.pixel(1, visible.start, tap % kernel_width);
        for (down, seen) in rows.clone().zip(seen.chunks_exact_mut(across)) {
            match (plane.pixel(0, down, tap / kernel_width), first) {
                (Some(row), Some(first)) if !visible.is_empty() => {
                    seen[..visible.start].fill(fill);
                    seen[visible.end..].fill(fill);
                    let pixels = &image[row * plane.size[1]..][..plane.size[1]];
                    copy(&pixels[first..], plane.window.stride, &mut seen[visible.clone()]);
                }
                _ => seen.fill(fill),
            }
        }
    }
}

fn copy(pixels: &[f32], stride: usize, seen: &mut [f32]) {
    match stride {
        1 => seen.copy_from_slice(&pixels[..seen.len()]),
        _ => seen.iter_mut().zip(pixels.iter().step_by(stride)).for_each(|(seen, &pixel)| *seen = pixel),
    }
}

/// Adds what each tap saw, `[taps, positions down, positions across]`, to the pixels of a plane.
pub fn fold_plane(plane: &Plane, seen: &[f32], image: &mut [f32]) {
    instructions::arch().dispatch(
        #[inline(always)]
        || {
            for (tap, seen) in seen.chunks_exact(plane.places()).enumerate() {
                fold_tap(plane, tap, seen, image);
            }
        },
    );
}

#[inline(always)]
fn fold_tap(plane: &Plane, tap: usize, seen: &[f32], image: &mut [f32]) {
    let ([_, kernel_width], [_, across]) = (plane.window.kernel, plane.positions);
    let visible = plane.visible(1, tap % kernel_width);
    let Some(first) = plane.pixel(1, visible.start, tap % kernel_width) else { return };
    for (down, seen) in seen.chunks_exact(across).enumerate() {
        if let Some(row) = plane.pixel(0, down, tap / kernel_width) {
            let pixels = &mut image[row * plane.size[1]..][..plane.size[1]];
            add(&seen[visible.clone()], plane.window.stride, &mut pixels[first..]);
        }
    }
}

#[inline(always)]
fn add(seen: &[f32], stride: usize, pixels: &mut [f32]) {
    match stride {
        1 => pixels.iter_mut().zip(seen).for_each(|(pixel, &seen)| *pixel += seen),
        _ => pixels.iter_mut().step_by(stride).zip(seen).for_each(|(pixel, &seen)| *pixel += seen),
    }
}
