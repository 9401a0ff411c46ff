//! What a pipeline did to make a view.

use serde::{Deserialize, Serialize};

/// Everything that a pipeline drew for one view. With the image it gives the view again, bit for bit
/// ([`Pipeline::transform`](super::Pipeline::transform)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The part of the source that the view shows; all of it without a crop.
    pub crop: CropBox,
    /// Whether left and right were exchanged, after the crop.
    pub flipped: bool,
    /// Quarter turns counterclockwise, after crop and flip: 0 to 3.
    #[serde(default)]
    pub turns: u8,
    /// The colour jitter; nothing where it was not applied.
    pub jitter: Option<Jitter>,
    /// Whether colours were taken out.
    pub gray: bool,
    /// The standard deviation of the Gaussian blur, in pixels of the view; nothing where it was not applied.
    pub sigma: Option<f32>,
    /// The threshold of the solarization, in [0, 1]; nothing where it was not applied.
    pub solarize: Option<f32>,
    /// What own augmentations drew, by name, in the pipeline's order.
    pub own: Vec<(String, Vec<f32>)>,
}

impl Parameters {
    /// Those of a view that is the whole source of (height, width), unchanged.
    pub fn identity(size: [usize; 2]) -> Parameters {
        Parameters {
            crop: CropBox::whole(size),
            flipped: false,
            turns: 0,
            jitter: None,
            gray: false,
            sigma: None,
            solarize: None,
            own: Vec::new(),
        }
    }
}

/// A box in an image, in pixels; in papers i, j, h, w.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CropBox {
    /// (height, width) of the image: H, W.
    pub source: [usize; 2],
    /// The first row, i.
    pub top: f32,
    /// The first column, j.
    pub left: f32,
    /// Rows, h.
    pub height: f32,
    /// Columns, w.
    pub width: f32,
}

impl CropBox {
    /// All of an image of (height, width).
    pub fn whole(source: [usize; 2]) -> CropBox {
        let [height, width] = source.map(|side| side as f32);
        CropBox { source, top: 0.0, left: 0.0, height, width }
    }

    /// The same part of an image of another (height, width).
    pub fn scaled_to(&self, source: [usize; 2]) -> CropBox {
        if source == self.source {
            return *self;
        }
        let [top, left, height, width] = self.shares();
        let [rows, columns] = source.map(|side| side as f32);
        CropBox {
            source,
            top: top * rows,
            left: left * columns,
            height: height * rows,
            width: width * columns,
        }
    }

    /// (top, left, height, width) of the same part of an image of another (height, width), in whole pixels of it; at
    /// least one pixel, whatever the box.
    pub(super) fn cells_in(&self, source: [usize; 2]) -> [usize; 4] {
        let scaled = self.scaled_to(source);
        let part = |start: f32, length: f32, whole: usize| {
            let start = (start.round() as usize).min(whole - 1);
            (start, (length.round() as usize).clamp(1, whole - start))
        };
        let (top, height) = part(scaled.top, scaled.height, source[0]);
        let (left, width) = part(scaled.left, scaled.width, source[1]);
        [top, left, height, width]
    }

    /// (top, left, height, width) as shares of the source's sides: i/H, j/W, h/H, w/W.
    pub fn shares(&self) -> [f32; 4] {
        let [height, width] = self.source.map(|side| side as f32);
        [self.top / height, self.left / width, self.height / height, self.width / width]
    }
}

/// One of the four parts of a colour jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JitterPart {
    /// Pixels times a factor.
    Brightness,
    /// Distances from the image's mean brightness times a factor.
    Contrast,
    /// Distances from each pixel's own brightness times a factor.
    Saturation,
    /// Hues turned.
    Hue,
}

impl JitterPart {
    /// All four, in the order of torchvision's numbers.
    pub const ALL: [JitterPart; 4] =
        [JitterPart::Brightness, JitterPart::Contrast, JitterPart::Saturation, JitterPart::Hue];
}

/// What a colour jitter did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jitter {
    /// The factor of brightness, 1 for none.
    pub brightness: f32,
    /// The factor of contrast, 1 for none.
    pub contrast: f32,
    /// The factor of saturation, 1 for none.
    pub saturation: f32,
    /// The turn of hues, in full circles; 0 for none.
    pub hue: f32,
    /// The order in which the four were applied.
    pub order: [JitterPart; 4],
    /// The largest change that could be drawn of each part, in the order of [`JitterPart::ALL`].
    pub strength: [f32; 4],
}
