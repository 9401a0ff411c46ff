//! Gaussian blur.

use equilayer_engine::cpu::dispatch;
use serde::{Deserialize, Serialize};

use super::color::to_byte;
use super::error::{check, check_probability};
use super::{AugmentError, Draw};
use crate::data::Image;

/// Convolution with a Gaussian of random width, with a probability.
///
/// The kernel reaches three standard deviations and sums to 1; beyond the border the image is mirrored, the border's
/// pixels not repeated, as torchvision's `reflect`. (torchvision's own kernel has a fixed length, commonly 23; kornia's
/// in the SER code 9, so it cuts wide Gaussians off.)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianBlur {
    /// Range of the standard deviation, in pixels of the view.
    pub sigma: [f32; 2],
    /// The probability.
    pub p: f32,
}

/// Outputs computed at a time: as many as fit the vector registers.
const BLOCK: usize = 64;

/// Standard deviations beyond this are refused: the blur would take longer than all else.
const LARGEST_SIGMA: f32 = 64.0;

impl GaussianBlur {
    pub(super) const NAME: &str = "gaussian_blur";

    pub(super) fn check(&self) -> Result<(), AugmentError> {
        let [low, high] = self.sigma;
        let fine = 0.0 < low && low <= high && high <= LARGEST_SIGMA;
        check(fine, Self::NAME, "sigma", self.sigma, "two widths in pixels, rising, above 0 and up to 64")?;
        check_probability(Self::NAME, self.p)
    }

    pub(super) fn draw(&self, draw: &mut Draw) -> Option<f32> {
        let happens = draw.happens(self.p);
        let sigma = draw.uniform(self.sigma[0], self.sigma[1]);
        happens.then_some(sigma)
    }

    pub(super) fn apply(&self, image: &mut Image, sigma: f32) {
        let kernel = half_kernel(sigma.clamp(f32::MIN_POSITIVE, LARGEST_SIGMA));
        if kernel.len() == 1 {
            return;
        }
        let (height, width) = (image.height(), image.width());
        let mut blurred = Vec::with_capacity(height * width);
        for plane in image.pixels_mut().chunks_exact_mut(height * width) {
            blurred.clear();
            dispatch(
                #[inline(always)]
                || blur_plane(plane, width, &kernel, &mut blurred),
            );
            plane.copy_from_slice(&blurred);
        }
    }
}

/// The kernel's middle and one side: the weights at distance 0, 1, …, 3σ.
fn half_kernel(sigma: f32) -> Vec<f32> {
    let sigma = f64::from(sigma);
    let reach = (3.0 * sigma).ceil() as i32;
    let weights: Vec<f64> = (0..=reach).map(|x| libm::exp(-0.5 * (f64::from(x) / sigma).powi(2))).collect();
    let sum = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.into_iter().map(|weight| (weight / sum) as f32).filter(|&weight| weight > 1e-6).collect()
}

/// Appends the blurred rows: for each, the columns' sums over the rows around it, then the sums along it.
#[inline(always)]
fn blur_plane(plane: &[u8], width: usize, kernel: &[f32], blurred: &mut Vec<u8>) {
    let height = plane.len() / width;
    let reach = kernel.len() - 1;
    let padded_width = width.next_multiple_of(BLOCK);
    let mut padded = vec![0.0_f32; reach + padded_width + reach];
    let mut line = vec![0_u8; padded_width];
    let row = |y: isize| {
        let start = mirrored(y, height) * width;
        &plane[start..start + width]
    };
    for y in 0..height as isize {
        let middle = &mut padded[reach..reach + width];
        let weighted = |weight: f32, pixel: u8| weight * f32::from(pixel);
        middle.iter_mut().zip(row(y)).for_each(|(sum, &pixel)| *sum = weighted(kernel[0], pixel));
        for (distance, &weight) in (1..).zip(&kernel[1..]) {
            let rows = row(y - distance).iter().zip(row(y + distance));
            for (sum, (&above, &below)) in middle.iter_mut().zip(rows) {
                *sum += weight * (f32::from(above) + f32::from(below));
            }
        }
        for outside in 1..=reach as isize {
            padded[reach - outside as usize] = padded[reach + mirrored(-outside, width)];
            let right = width as isize - 1 + outside;
            padded[reach + right as usize] = padded[reach + mirrored(right, width)];
        }
        for (block, start) in line.chunks_exact_mut(BLOCK).zip((0..).step_by(BLOCK)) {
            blur_block(&padded[start..], reach, kernel, block);
        }
        blurred.extend_from_slice(&line[..width]);
    }
}

/// The weighted sums around `BLOCK` neighbouring cells, the first of them at `reach`.
#[inline(always)]
fn blur_block(padded: &[f32], reach: usize, kernel: &[f32], block: &mut [u8]) {
    let cells = |start: usize| padded[start..start + BLOCK].iter();
    let mut sums = [0.0_f32; BLOCK];
    sums.iter_mut().zip(cells(reach)).for_each(|(sum, &cell)| *sum = kernel[0] * cell);
    for (distance, &weight) in (1..).zip(&kernel[1..]) {
        for (sum, (&left, &right)) in
            sums.iter_mut().zip(cells(reach - distance).zip(cells(reach + distance)))
        {
            *sum += weight * (left + right);
        }
    }
    block.iter_mut().zip(sums).for_each(|(byte, sum)| *byte = to_byte(sum));
}

/// A position beyond an axis, mirrored at its first and last cell until it lies inside.
#[inline(always)]
fn mirrored(position: isize, length: usize) -> usize {
    if (0..length as isize).contains(&position) {
        return position as usize;
    }
    let period = (2 * length as isize - 2).max(1);
    let folded = position.rem_euclid(period);
    folded.min(period - folded) as usize
}

#[cfg(test)]
mod tests;
