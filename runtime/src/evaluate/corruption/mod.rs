//! Images made worse on the fly, at five severities: families of ImageNet-C and ImageNet-P (Hendrycks and Dietterich
//! 2019) that need no download.
//!
//! | corruption | strength | 1 | 2 | 3 | 4 | 5 | from |
//! |---|---|---|---|---|---|---|---|
//! | gaussian noise | deviation of what is added | 0.08 | 0.12 | 0.18 | 0.26 | 0.38 | ImageNet-C |
//! | gaussian blur | deviation of the kernel, 32nds of the shorter side | 0.4 | 0.6 | 0.7 | 0.8 | 1.0 | CIFAR-10-C |
//! | contrast | factor of the distance from the channel's mean | 0.4 | 0.3 | 0.2 | 0.1 | 0.05 | ImageNet-C |
//! | brightness | added to the largest channel (HSV's value) | 0.1 | 0.2 | 0.3 | 0.4 | 0.5 | ImageNet-C |
//! | pixelate | factor of the sides, and back | 0.6 | 0.5 | 0.4 | 0.3 | 0.25 | ImageNet-C |
//! | jpeg | quality | 25 | 18 | 15 | 10 | 7 | ImageNet-C |
//! | rotation | degrees, to either side | 6 | 12 | 18 | 24 | 30 | here |
//! | translation | share of the sides, in one of 8 directions | 0.04 | 0.08 | 0.12 | 0.16 | 0.2 | here |
//! | scale | factor, enlarged or shrunk | 1.1 | 1.2 | 1.3 | 1.4 | 1.5 | here |
//!
//! Numbers are comparable with each other, and with published ones only in kind: ImageNet-C's files went through JPEG
//! once more, and its geometric families are sequences. Images are in [0, 1], and stay there. Pixels that come from
//! outside are 0. What is drawn depends on (seed, index of the image) alone, not on the severity: an image is turned to
//! the same side at each, and gets the same noise, stronger.

mod geometric;
mod jpeg;
mod pointwise;
mod resample;
mod robustness;

pub use robustness::{Against, Corrupted, Robustness, flip_rate, robustness};

use equilayer_engine::random::{Stream, stream_id};

use super::compute::Compute;
use super::error::EvaluateError;
use super::maps::ImageBatch;

/// A way to make images worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Corruption {
    /// Independent normal noise on each value.
    GaussianNoise,
    /// A normal kernel, borders repeated.
    GaussianBlur,
    /// Towards each channel's mean.
    Contrast,
    /// Brighter, of the same hue and saturation.
    Brightness,
    /// Fewer pixels, by area, and back.
    Pixelate,
    /// Quantised in blocks of 8 × 8, as JPEG does without subsampling of colour.
    Jpeg,
    /// Turned about the centre.
    Rotation,
    /// Moved.
    Translation,
    /// Enlarged or shrunk about the centre.
    Scale,
}

/// How much worse: 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Severity(u8);

/// Which images of which experiment: the key of all that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The experiment's seed.
    pub seed: u64,
    /// The number of a batch's first image in its data set, so that batches of any size draw the same.
    pub first: u64,
}

impl Severity {
    /// All five, mildest first.
    pub const ALL: [Severity; 5] = [Severity(1), Severity(2), Severity(3), Severity(4), Severity(5)];

    /// # Errors
    /// A severity that is not 1 to 5.
    pub fn new(severity: u8) -> Result<Severity, EvaluateError> {
        match severity {
            1..=5 => Ok(Severity(severity)),
            _ => {
                let value = severity.to_string();
                Err(EvaluateError::Setting { setting: "severity", value, range: "1 to 5" })
            }
        }
    }

    /// 1 to 5.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Corruption {
    /// All of them.
    pub const ALL: [Corruption; 9] = [
        Corruption::GaussianNoise,
        Corruption::GaussianBlur,
        Corruption::Contrast,
        Corruption::Brightness,
        Corruption::Pixelate,
        Corruption::Jpeg,
        Corruption::Rotation,
        Corruption::Translation,
        Corruption::Scale,
    ];

    /// "gaussian noise", "jpeg".
    pub fn name(self) -> &'static str {
        match self {
            Corruption::GaussianNoise => "gaussian noise",
            Corruption::GaussianBlur => "gaussian blur",
            Corruption::Contrast => "contrast",
            Corruption::Brightness => "brightness",
            Corruption::Pixelate => "pixelate",
            Corruption::Jpeg => "jpeg",
            Corruption::Rotation => "rotation",
            Corruption::Translation => "translation",
            Corruption::Scale => "scale",
        }
    }

    /// The strengths of the five severities, in the [module's](self) units.
    pub fn strengths(self) -> [f64; 5] {
        match self {
            Corruption::GaussianNoise => [0.08, 0.12, 0.18, 0.26, 0.38],
            Corruption::GaussianBlur => [0.4, 0.6, 0.7, 0.8, 1.0],
            Corruption::Contrast => [0.4, 0.3, 0.2, 0.1, 0.05],
            Corruption::Brightness => [0.1, 0.2, 0.3, 0.4, 0.5],
            Corruption::Pixelate => [0.6, 0.5, 0.4, 0.3, 0.25],
            Corruption::Jpeg => [25.0, 18.0, 15.0, 10.0, 7.0],
            Corruption::Rotation => [6.0, 12.0, 18.0, 24.0, 30.0],
            Corruption::Translation => [0.04, 0.08, 0.12, 0.16, 0.2],
            Corruption::Scale => [1.1, 1.2, 1.3, 1.4, 1.5],
        }
    }

    /// The strength at which a sequence begins.
    fn least(self) -> f64 {
        match self {
            Corruption::Contrast | Corruption::Pixelate | Corruption::Scale => 1.0,
            Corruption::Jpeg => 100.0,
            _ => 0.0,
        }
    }

    /// The images at a severity.
    ///
    /// # Errors
    /// Images that are not in [0, 1], or of a grid too large to sample.
    pub fn apply(
        self,
        images: &ImageBatch,
        severity: Severity,
        draws: Draws,
    ) -> Result<ImageBatch, EvaluateError> {
        self.at_strength(images, self.strengths()[usize::from(severity.0) - 1], 0, draws)
    }

    /// A perturbation sequence of `frames` batches, as ImageNet-P's: the images as they are, then ever stronger up to
    /// the severity, in equal steps. Noise has the severity's full strength in each frame, drawn anew.
    ///
    /// # Errors
    /// Fewer than two frames, and what [`Corruption::apply`] refuses.
    pub fn sequence(
        self,
        images: &ImageBatch,
        severity: Severity,
        frames: usize,
        draws: Draws,
    ) -> Result<Vec<ImageBatch>, EvaluateError> {
        if frames < 2 {
            let value = frames.to_string();
            return Err(EvaluateError::Setting {
                setting: "frames of a sequence",
                value,
                range: "at least 2",
            });
        }
        let full = self.strengths()[usize::from(severity.0) - 1];
        let frame = |index: usize| {
            let share = index as f64 / (frames - 1) as f64;
            match (index, self) {
                (0, _) => Ok(images.clone()),
                (_, Corruption::GaussianNoise) => self.at_strength(images, full, index, draws),
                _ => self.at_strength(images, self.least() + share * (full - self.least()), 0, draws),
            }
        };
        (0..frames).map(frame).collect()
    }

    fn at_strength(
        self,
        images: &ImageBatch,
        strength: f64,
        frame: usize,
        draws: Draws,
    ) -> Result<ImageBatch, EvaluateError> {
        if let Some(value) = images.values().iter().find(|value| !(0.0..=1.0).contains(*value)) {
            let range = "in [0, 1]: corrupt images before they are normalised";
            return Err(EvaluateError::Setting {
                setting: "an image's value",
                value: value.to_string(),
                range,
            });
        }
        let stream = |image: usize| {
            let index = draws.first.wrapping_add(image as u64);
            Stream::new(draws.seed, stream_id(&format!("corruption/{}/{frame}/{index}", self.name())))
        };
        let grid = images.grid();
        let each = |corrupt: &dyn Fn(usize, &[f32]) -> Vec<f32>| {
            let corrupted = images.images().enumerate().flat_map(|(index, image)| corrupt(index, image));
            Ok(images.with_values(corrupted.collect()))
        };
        match self {
            Corruption::GaussianNoise => {
                each(&|index, image| pointwise::noise(image, strength, stream(index)))
            }
            Corruption::GaussianBlur => {
                let deviation = strength / 32.0 * grid.rows.min(grid.columns) as f64;
                each(&|_, image| resample::blur(image, grid, deviation))
            }
            Corruption::Contrast => each(&|_, image| pointwise::contrast(image, grid, strength)),
            Corruption::Brightness => each(&|_, image| pointwise::brightness(image, grid, strength)),
            Corruption::Pixelate => each(&|_, image| resample::pixelate(image, grid, strength)),
            Corruption::Jpeg => each(&|_, image| jpeg::compress(image, grid, strength)),
            Corruption::Rotation | Corruption::Translation | Corruption::Scale => {
                let direction = |image: usize| (stream(image).next_word() >> 29) as u8;
                geometric::moved(&mut Compute::new()?, images, self, strength, direction)
            }
        }
    }
}
