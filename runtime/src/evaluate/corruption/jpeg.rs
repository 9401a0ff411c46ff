//! What JPEG does to an image, without the file: the transform of 8 × 8 blocks, quantised (ITU-T T.81, Annex K).
//!
//! Three channels are taken for red, green and blue and go through luma and chroma (JFIF), which are not subsampled;
//! any other number is taken for grey channels. Blocks at the border repeat its pixels. Entropy coding loses nothing
//! and is left out.

use std::f64::consts::PI;

use crate::action::Grid;

const SIDE: usize = 8;
const AREA: usize = SIDE * SIDE;

/// Table K.1: quantisation of luma at quality 50.
const LUMA: [u16; AREA] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78,
    87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

/// Table K.2: quantisation of chroma at quality 50.
const CHROMA: [u16; AREA] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// The image as it comes back at a quality in 1..=100, of the Independent JPEG Group's scale.
pub(super) fn compress(image: &[f32], grid: Grid, quality: f64) -> Vec<f32> {
    let basis = basis();
    let mut planes: Vec<Vec<f64>> = image
        .chunks_exact(grid.cells())
        .map(|channel| channel.iter().map(|&x| 255.0 * f64::from(x)).collect())
        .collect();
    let colour = planes.len() == 3;
    if colour {
        each_pixel(&mut planes, |[red, green, blue]| {
            let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
            [luma, (blue - luma) / 1.772 + 128.0, (red - luma) / 1.402 + 128.0]
        });
    }
    for (index, plane) in planes.iter_mut().enumerate() {
        let table = scaled(if colour && index > 0 { &CHROMA } else { &LUMA }, quality);
        for top in (0..grid.rows).step_by(SIDE) {
            for left in (0..grid.columns).step_by(SIDE) {
                quantise(plane, grid, [top, left], &table, &basis);
            }
        }
    }
    if colour {
        each_pixel(&mut planes, |[luma, blue, red]| {
            let (red, blue) = (luma + 1.402 * (red - 128.0), luma + 1.772 * (blue - 128.0));
            [red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue]
        });
    }
    planes.iter().flatten().map(|&value| (value.round().clamp(0.0, 255.0) / 255.0) as f32).collect()
}

/// A table at another quality than 50.
fn scaled(table: &[u16; AREA], quality: f64) -> [f64; AREA] {
    let quality = quality.clamp(1.0, 100.0);
    let percent = if quality < 50.0 { 5000.0 / quality } else { 200.0 - 2.0 * quality };
    table.map(|entry| ((f64::from(entry) * percent.floor() + 50.0) / 100.0).floor().clamp(1.0, 255.0))
}

/// The cosine transform: row k is the k-th frequency, of unit length.
fn basis() -> [[f64; SIDE]; SIDE] {
    let entry = |frequency: usize, place: usize| {
        let norm = if frequency == 0 { (1.0 / SIDE as f64).sqrt() } else { (2.0 / SIDE as f64).sqrt() };
        norm * ((2 * place + 1) as f64 * frequency as f64 * PI / (2 * SIDE) as f64).cos()
    };
    std::array::from_fn(|frequency| std::array::from_fn(|place| entry(frequency, place)))
}

/// One block of a plane, with the corner at `top` and `left`: transformed, rounded to the table, and back.
fn quantise(
    plane: &mut [f64],
    grid: Grid,
    [top, left]: [usize; 2],
    table: &[f64; AREA],
    basis: &[[f64; SIDE]; SIDE],
) {
    let place = |row: usize, column: usize| {
        (top + row).min(grid.rows - 1) * grid.columns + (left + column).min(grid.columns - 1)
    };
    let transposed: [[f64; SIDE]; SIDE] = std::array::from_fn(|i| std::array::from_fn(|j| basis[j][i]));
    let block: [[f64; SIDE]; SIDE] =
        std::array::from_fn(|row| std::array::from_fn(|column| plane[place(row, column)] - 128.0));
    let mut frequencies = product(&product(basis, &block), &transposed);
    for (row, frequencies) in frequencies.iter_mut().enumerate() {
        for (column, frequency) in frequencies.iter_mut().enumerate() {
            let step = table[row * SIDE + column];
            *frequency = (*frequency / step).round() * step;
        }
    }
    let block = product(&product(&transposed, &frequencies), basis);
    for row in 0..SIDE.min(grid.rows - top) {
        for column in 0..SIDE.min(grid.columns - left) {
            plane[place(row, column)] = block[row][column] + 128.0;
        }
    }
}

fn product(a: &[[f64; SIDE]; SIDE], b: &[[f64; SIDE]; SIDE]) -> [[f64; SIDE]; SIDE] {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..SIDE).map(|k| a[i][k] * b[k][j]).sum()))
}

/// The three channels of each pixel replaced.
fn each_pixel(planes: &mut [Vec<f64>], replace: impl Fn([f64; 3]) -> [f64; 3]) {
    if let [first, second, third] = planes {
        for ((a, b), c) in first.iter_mut().zip(second).zip(third) {
            [*a, *b, *c] = replace([*a, *b, *c]);
        }
    }
}
