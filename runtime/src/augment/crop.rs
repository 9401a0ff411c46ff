//! Crops, resized.
//!
//! Shrinking takes the mean over what a pixel covers: the kernel of the interpolation is widened by the scale, as PIL
//! does and torchvision with `antialias`. Enlarging is then the interpolation of [`action`](crate::action), but at
//! the image's border, where neighbours outside count for nothing instead of being repeated; for bilinear that is the
//! same. A random box is cut out before it is resized, so nothing of its surroundings is seen; of the middle, cutting
//! comes last.

use std::borrow::Cow;
use std::cell::RefCell;

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{Filter, FilterType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

use super::error::check;
use super::{AugmentError, CropBox, Draw};
use crate::action::Interpolation;
use crate::data::Image;

/// A box of random area, shape and place, resized to a square.
///
/// As in torchvision: up to ten boxes are drawn until one fits, their area uniform, the logarithm of their shape
/// uniform; then the largest box in the middle whose shape is within range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCrop {
    /// Sides of the view in pixels.
    pub size: usize,
    /// Range of the box's area, as a share of the source's.
    pub scale: [f32; 2],
    /// Range of width to height.
    #[serde(default = "usual_ratio")]
    pub ratio: [f32; 2],
    /// How pixels between pixels are made.
    #[serde(default = "bilinear")]
    pub interpolation: Interpolation,
}

fn usual_ratio() -> [f32; 2] {
    [3.0 / 4.0, 4.0 / 3.0]
}

fn bilinear() -> Interpolation {
    Interpolation::Bilinear
}

impl RandomResizedCrop {
    pub(super) const NAME: &str = "random_resized_crop";

    /// Boxes of this range of areas, in shapes from 3:4 to 4:3, bilinearly resized.
    pub fn new(size: usize, scale: [f32; 2]) -> RandomResizedCrop {
        RandomResizedCrop { size, scale, ratio: usual_ratio(), interpolation: bilinear() }
    }

    pub(super) fn check(&self) -> Result<(), AugmentError> {
        let [smallest, largest] = self.scale;
        let area = 0.0 < smallest && smallest <= largest && largest <= 1.0;
        let [narrow, wide] = self.ratio;
        let shape = 0.0 < narrow && narrow <= wide && wide.is_finite();
        check_side(Self::NAME, "size", self.size)?;
        check(area, Self::NAME, "scale", self.scale, "two shares of the area, rising, above 0 and up to 1")?;
        check(shape, Self::NAME, "ratio", self.ratio, "two ratios of width to height, rising, above 0")
    }

    pub(super) fn draw(&self, draw: &mut Draw, source: [usize; 2]) -> CropBox {
        let [rows, columns] = source.map(|side| side as f32);
        let [narrow, wide] = self.ratio;
        for _ in 0..10 {
            let area = rows * columns * draw.uniform(self.scale[0], self.scale[1]);
            let ratio = libm::expf(draw.uniform(libm::logf(narrow), libm::logf(wide)));
            let (height, width) = ((area / ratio).sqrt().round(), (area * ratio).sqrt().round());
            if (1.0..=rows).contains(&height) && (1.0..=columns).contains(&width) {
                let top = draw.below((rows - height) as usize + 1) as f32;
                let left = draw.below((columns - width) as usize + 1) as f32;
                return CropBox { source, top, left, height, width };
            }
        }
        let ratio = (columns / rows).clamp(narrow, wide);
        let height = rows.min((columns / ratio).round()).max(1.0);
        let width = columns.min((rows * ratio).round()).max(1.0);
        CropBox { source, top: middle(rows, height), left: middle(columns, width), height, width }
    }

    pub(super) fn apply(&self, image: &mut Cow<Image>, crop: &CropBox) {
        let [top, left, height, width] = crop.cells_in([image.height(), image.width()]);
        let all = [0.0, 0.0, height as f64, width as f64];
        resize(image, [top, left, height, width], all, self.size, self.interpolation);
    }
}

/// The square in the middle, without randomness: for evaluation, and for EquiMod's image without augmentation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Sides of the view in pixels.
    pub size: usize,
    /// What the image's shorter side is resized to first, in pixels; 256 for a `size` of 224 by custom.
    pub shorter_side: usize,
    /// How pixels between pixels are made.
    #[serde(default = "bilinear")]
    pub interpolation: Interpolation,
}

impl CenterCrop {
    pub(super) const NAME: &str = "center_crop";

    pub(super) fn check(&self) -> Result<(), AugmentError> {
        let valid = "at least the size, which is cut out of it";
        check_side(Self::NAME, "size", self.size)?;
        check(self.shorter_side >= self.size, Self::NAME, "shorter_side", self.shorter_side, valid)?;
        check_side(Self::NAME, "shorter_side", self.shorter_side)
    }

    pub(super) fn crop(&self, source: [usize; 2]) -> CropBox {
        let [rows, columns] = source.map(|side| side as f32);
        let side = rows.min(columns) * self.size as f32 / self.shorter_side as f32;
        let (top, left) = (0.5 * (rows - side), 0.5 * (columns - side));
        CropBox { source, top, left, height: side, width: side }
    }

    pub(super) fn apply(&self, image: &mut Cow<Image>, crop: &CropBox) {
        let (height, width) = (image.height(), image.width());
        let crop = crop.scaled_to([height, width]);
        let (top, rows) = inside(crop.top, crop.height, height);
        let (left, columns) = inside(crop.left, crop.width, width);
        resize(image, [0, 0, height, width], [top, left, rows, columns], self.size, self.interpolation);
    }
}

fn check_side(step: &str, key: &'static str, side: usize) -> Result<(), AugmentError> {
    check((1..=1 << 14).contains(&side), step, key, side, "a side in pixels, from 1 to 16384")
}

/// Where a part begins that lies in the middle of a whole.
fn middle(whole: f32, part: f32) -> f32 {
    ((whole - part) / 2.0).round()
}

/// Exchanges left and right, with a probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HorizontalFlip {
    /// The probability.
    pub p: f32,
}

impl HorizontalFlip {
    pub(super) const NAME: &str = "horizontal_flip";

    pub(super) fn apply(&self, image: &mut Image) {
        image.flip_horizontal();
    }
}

/// None, one, two or three quarter turns, each as likely. Not for crops that are not square.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarterTurn {}

impl QuarterTurn {
    pub(crate) const NAME: &str = "quarter_turn";
}

thread_local! {
    /// Keeps its buffer between images.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// A box of a cut, resized to a square. Both are (top, left, height, width), the box within the cut.
fn resize(
    image: &mut Cow<Image>,
    cut: [usize; 4],
    within: [f64; 4],
    size: usize,
    interpolation: Interpolation,
) {
    let (channels, height, width) = (image.channels(), image.height(), image.width());
    let side = size as f64;
    if [height, width] == [size; 2] && cut == [0, 0, size, size] && within == [0.0, 0.0, side, side] {
        return;
    }
    let [sides, cut] = [[0, 0, height, width], cut].map(|part| part.map(|cells| cells as u32));
    let [top, left, rows, columns] = within;
    let options = ResizeOptions::new().resize_alg(algorithm(interpolation)).crop(left, top, columns, rows);
    let mut pixels = vec![0; channels * size * size];
    for (source, target) in image.planes().zip(pixels.chunks_exact_mut(size * size)) {
        let source = TypedImageRef::<U8>::from_buffer(sides[3], sides[2], source);
        let target = TypedImage::<U8>::from_buffer(size as u32, size as u32, target);
        let (source, mut target) = (source.expect("a plane of the image"), target.expect("size × size"));
        let source = TypedCroppedImage::from_ref(&source, cut[1], cut[0], cut[3], cut[2]);
        let source = source.expect("a cut inside the image");
        let resized = RESIZER.with_borrow_mut(|resizer| resizer.resize_typed(&source, &mut target, &options));
        resized.expect("a box inside the cut");
    }
    *image = Cow::Owned(Image::new(channels, size, size, pixels).expect("size × size a channel"));
}

/// A part of an axis, kept inside it.
fn inside(start: f32, length: f32, whole: usize) -> (f64, f64) {
    let whole = whole as f64;
    let start = f64::from(start).max(0.0).min(whole - 1.0);
    (start, f64::from(length).max(f64::from(f32::EPSILON)).min(whole - start))
}

fn algorithm(interpolation: Interpolation) -> ResizeAlg {
    let filter = match interpolation {
        Interpolation::Bilinear => Filter::new("bilinear", |x| Interpolation::Bilinear.kernel(x), 1.0),
        Interpolation::Bicubic => Filter::new("bicubic", |x| Interpolation::Bicubic.kernel(x), 2.0),
    };
    ResizeAlg::Convolution(FilterType::Custom(filter.expect("a finite, positive support")))
}

#[cfg(test)]
mod tests;
