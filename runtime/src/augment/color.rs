//! Colour jitter, greying, solarization.
//!
//! As torchvision defines them for images of bytes: each part rounds to bytes, so that the parts and their order are
//! all there is to know. (kornia, which some methods' code uses, keeps floats.)

use equilayer_engine::cpu::dispatch;
use serde::{Deserialize, Serialize};

use super::error::{check, check_probability};
use super::{AugmentError, Draw, Jitter, JitterPart};
use crate::data::{Image, luma};

/// Random brightness, contrast, saturation and hue, in random order, with a probability.
///
/// The first three are factors drawn from [1 − strength, 1 + strength], not below 0; hue is turned by up to its strength
/// in full circles, either way. A grey image has no saturation and no hue, so these leave it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorJitter {
    /// Strength of brightness, at least 0.
    pub brightness: f32,
    /// Strength of contrast, at least 0.
    pub contrast: f32,
    /// Strength of saturation, at least 0.
    pub saturation: f32,
    /// Strength of hue, in [0, 0.5].
    pub hue: f32,
    /// The probability that all this happens.
    pub p: f32,
}

impl ColorJitter {
    pub(super) const NAME: &str = "color_jitter";

    fn strength(&self) -> [f32; 4] {
        [self.brightness, self.contrast, self.saturation, self.hue]
    }

    pub(super) fn check(&self) -> Result<(), AugmentError> {
        for (key, value) in ["brightness", "contrast", "saturation"].into_iter().zip(self.strength()) {
            check(value >= 0.0 && value.is_finite(), Self::NAME, key, value, "at least 0")?;
        }
        check(
            (0.0..=0.5).contains(&self.hue),
            Self::NAME,
            "hue",
            self.hue,
            "from 0 to 0.5 of a full circle",
        )?;
        check_probability(Self::NAME, self.p)
    }

    pub(super) fn draw(&self, draw: &mut Draw) -> Option<Jitter> {
        let happens = draw.happens(self.p);
        let mut order = JitterPart::ALL;
        draw.shuffle(&mut order);
        let mut factor = |strength: f32| draw.uniform((1.0 - strength).max(0.0), 1.0 + strength);
        let [brightness, contrast, saturation] =
            [self.brightness, self.contrast, self.saturation].map(&mut factor);
        let hue = draw.uniform(-self.hue, self.hue);
        let strength = self.strength();
        happens.then_some(Jitter { brightness, contrast, saturation, hue, order, strength })
    }

    pub(super) fn apply(&self, image: &mut Image, jitter: &Jitter) {
        for part in jitter.order {
            match part {
                JitterPart::Brightness => scale_from(image.pixels_mut(), jitter.brightness, 0.0),
                JitterPart::Contrast => {
                    let mean = mean_luma(image);
                    scale_from(image.pixels_mut(), jitter.contrast, mean);
                }
                JitterPart::Saturation => saturate(image, jitter.saturation),
                JitterPart::Hue => turn_hue(image, jitter.hue),
            }
        }
    }
}

/// Takes colours out, with a probability; the channels stay, each the pixel's brightness.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grayscale {
    /// The probability.
    pub p: f32,
}

impl Grayscale {
    pub(super) const NAME: &str = "grayscale";

    pub(super) fn apply(&self, image: &mut Image) {
        saturate(image, 0.0);
    }
}

/// Inverts pixels that are as bright as a threshold or brighter, with a probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solarize {
    /// The threshold, in [0, 1].
    #[serde(default = "half")]
    pub threshold: f32,
    /// The probability.
    pub p: f32,
}

fn half() -> f32 {
    0.5
}

impl Solarize {
    pub(crate) const NAME: &str = "solarize";

    pub(super) fn check(&self) -> Result<(), AugmentError> {
        let fine = (0.0..=1.0).contains(&self.threshold);
        check(fine, Self::NAME, "threshold", self.threshold, "a brightness, from 0 to 1")?;
        check_probability(Self::NAME, self.p)
    }

    pub(super) fn apply(&self, image: &mut Image, threshold: f32) {
        let threshold = 255.0 * threshold;
        let pixels = image.pixels_mut();
        dispatch(
            #[inline(always)]
            || {
                for pixel in pixels.iter_mut() {
                    *pixel = if f32::from(*pixel) < threshold { *pixel } else { 255 - *pixel };
                }
            },
        );
    }
}

/// The nearest byte. Adding 2²³ rounds to an integer and puts it in the low bits, which vectorises where a cast would
/// not.
#[inline(always)]
pub(super) fn to_byte(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

/// Distances from `origin` times a factor.
fn scale_from(pixels: &mut [u8], factor: f32, origin: f32) {
    let shift = (1.0 - factor) * origin;
    dispatch(
        #[inline(always)]
        || {
            for pixel in pixels.iter_mut() {
                *pixel = to_byte(factor * f32::from(*pixel) + shift);
            }
        },
    );
}

/// The mean brightness, rounded, as PIL's `ImageEnhance.Contrast` has it.
fn mean_luma(image: &mut Image) -> f32 {
    let area = image.height() * image.width();
    let mut sum = 0_u64;
    match image.rgb_mut() {
        Some([red, green, blue]) => dispatch(
            #[inline(always)]
            || {
                // Sums of so many bytes fit 32 bits, which vectorise better than 64.
                const CHUNK: usize = 4096;
                let chunks = red.chunks(CHUNK).zip(green.chunks(CHUNK)).zip(blue.chunks(CHUNK));
                for ((red, green), blue) in chunks {
                    let pixels = red.iter().zip(green).zip(blue);
                    sum += u64::from(pixels.map(|((&r, &g), &b)| u32::from(luma(r, g, b))).sum::<u32>());
                }
            },
        ),
        None => sum = image.pixels().iter().map(|&pixel| u64::from(pixel)).sum(),
    }
    (sum as f64 / area as f64).round() as f32
}

/// Distances from each pixel's own brightness times a factor.
fn saturate(image: &mut Image, factor: f32) {
    let Some([red, green, blue]) = image.rgb_mut() else { return };
    dispatch(
        #[inline(always)]
        || {
            for ((red, green), blue) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
                let shift = (1.0 - factor) * f32::from(luma(*red, *green, *blue));
                let scaled = |value: u8| to_byte(factor * f32::from(value) + shift);
                (*red, *green, *blue) = (scaled(*red), scaled(*green), scaled(*blue));
            }
        },
    );
}

/// Turns hues by a part of a full circle in HSV space, without tables: hue in sixths of a circle from red.
fn turn_hue(image: &mut Image, turn: f32) {
    if turn == 0.0 {
        return;
    }
    let Some([red, green, blue]) = image.rgb_mut() else { return };
    dispatch(
        #[inline(always)]
        || {
            for ((red, green), blue) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
                let rgb = [*red, *green, *blue].map(f32::from);
                [*red, *green, *blue] = turned(rgb, 6.0 * turn).map(to_byte);
            }
        },
    );
}

/// One pixel, turned by `sixths` of a circle, in [−3, 3].
#[inline(always)]
fn turned([red, green, blue]: [f32; 3], sixths: f32) -> [f32; 3] {
    let value = maximum(red, maximum(green, blue));
    let chroma = value - minimum(red, minimum(green, blue));
    let scale = 1.0 / maximum(chroma, 1.0); // a grey pixel's hue is of no consequence
    let by_red = (green - blue) * scale;
    let by_green = 2.0 + (blue - red) * scale;
    let by_blue = 4.0 + (red - green) * scale;
    let hue = if value == red {
        by_red
    } else if value == green {
        by_green
    } else {
        by_blue
    };
    let hue = hue + sixths; // in [−4, 8)
    let channel = |offset: f32| {
        let k = hue + offset;
        let k = if k < 0.0 { k + 6.0 } else { k };
        let k = if k >= 6.0 { k - 6.0 } else { k };
        let k = if k >= 6.0 { k - 6.0 } else { k };
        value - chroma * maximum(0.0, minimum(minimum(k, 4.0 - k), 1.0))
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

#[inline(always)]
fn maximum(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn minimum(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests;
