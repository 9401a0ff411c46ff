//! Steps in a row, and the way from bytes to a network's input.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use equilayer_engine::cpu::dispatch;
use serde::{Deserialize, Serialize};

use super::error::check;
use super::{AugmentError, Augmentation, Draw, Parameters, QuarterTurn, Step};
use crate::data::Image;

/// Means and standard deviations of ImageNet's channels, in [0, 1].
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/// From bytes to a network's input: (pixel / 255 − mean) / std, by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// The mean of each channel, in [0, 1].
    pub mean: Vec<f32>,
    /// The standard deviation of each channel.
    pub std: Vec<f32>,
}

impl Normalize {
    /// ImageNet's usual values, of three channels.
    pub fn imagenet() -> Normalize {
        let [mean, std] = IMAGENET.map(|values| values.to_vec());
        Normalize { mean, std }
    }

    /// Values of one channel.
    pub fn gray(mean: f32, std: f32) -> Normalize {
        Normalize { mean: vec![mean], std: vec![std] }
    }

    fn check(&self) -> Result<(), AugmentError> {
        let (means, stds) = (self.mean.len(), self.std.len());
        if means != stds || !matches!(means, 1 | 3) {
            return Err(AugmentError::Channels { means, stds });
        }
        let finite = self.mean.iter().all(|mean| mean.is_finite());
        check(finite, "normalize", "mean", &self.mean, "finite")?;
        let positive = self.std.iter().all(|&std| std > 0.0 && std.is_finite());
        check(positive, "normalize", "std", &self.std, "above 0 and finite")
    }

    /// Pixels of (channels, height, width), with as many channels as there are values: a grey image is made RGB for
    /// three, an RGB image grey for one.
    pub fn pixels(&self, image: Image) -> Vec<f32> {
        let image = if self.mean.len() == 3 { image.into_rgb() } else { image.into_gray() };
        let mut pixels = vec![0.0; image.pixels().len()];
        let area = image.height() * image.width();
        let targets = pixels.chunks_exact_mut(area).zip(self.mean.iter().zip(&self.std));
        for (plane, (target, (mean, std))) in image.planes().zip(targets) {
            let (scale, shift) = (1.0 / (255.0 * std), -mean / std);
            dispatch(
                #[inline(always)]
                || {
                    for (target, &pixel) in target.iter_mut().zip(plane) {
                        *target = scale * f32::from(pixel) + shift;
                    }
                },
            );
        }
        pixels
    }
}

/// How a view is made of an image: steps in order, then normalization.
///
/// The steps are data: a pipeline can be read from a configuration and written to a run's record. An
/// [own augmentation](Augmentation) is added in code, with [`with`](Pipeline::with).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Pipeline {
    steps: Vec<Step>,
    normalize: Normalize,
}

/// A pipeline as it is written, before it is known to be one.
#[derive(Deserialize)]
#[serde(rename = "Pipeline", deny_unknown_fields)]
struct Unchecked {
    steps: Vec<Step>,
    normalize: Normalize,
}

impl TryFrom<Unchecked> for Pipeline {
    type Error = AugmentError;

    fn try_from(written: Unchecked) -> Result<Pipeline, AugmentError> {
        Pipeline::new(written.steps, written.normalize)
    }
}

impl Pipeline {
    /// Puts steps together.
    ///
    /// # Errors
    /// When a value is out of its range, a kind of step or a name is there twice, or a flip comes before a crop.
    pub fn new(steps: Vec<Step>, normalize: Normalize) -> Result<Pipeline, AugmentError> {
        let mut names = BTreeSet::new();
        let mut flipped = false;
        for step in &steps {
            step.check()?;
            // The two crops record their box in one place.
            let (name, crop) = match step {
                Step::RandomResizedCrop(_) => ("crop", Some(super::RandomResizedCrop::NAME)),
                Step::CenterCrop(_) => ("crop", Some(super::CenterCrop::NAME)),
                other => (other.name(), None),
            };
            if !names.insert(name) {
                return Err(AugmentError::Twice { step: name.into() });
            }
            if let Some(crop) = crop.filter(|_| flipped) {
                return Err(AugmentError::FlippedCrop { crop });
            }
            flipped |= matches!(step, Step::HorizontalFlip(_) | Step::QuarterTurn(_));
        }
        normalize.check()?;
        Ok(Pipeline { steps, normalize })
    }

    /// This pipeline with an own augmentation as the last step before normalization.
    ///
    /// # Errors
    /// When a step of its name is there.
    pub fn with(mut self, own: impl Augmentation + 'static) -> Result<Pipeline, AugmentError> {
        self.steps.push(Step::Own(Arc::new(own)));
        Pipeline::new(self.steps, self.normalize)
    }

    /// This pipeline with another crop: views of `size` pixels a side, of boxes of this range of areas.
    ///
    /// # Errors
    /// When the size or a share of the area is out of its range.
    pub fn cropping(mut self, size: usize, scale: [f32; 2]) -> Result<Pipeline, AugmentError> {
        for step in &mut self.steps {
            if let Step::RandomResizedCrop(crop) = step {
                (crop.size, crop.scale) = (size, scale);
            }
        }
        Pipeline::new(self.steps, self.normalize)
    }

    /// This pipeline with quarter turns as its last step before normalization.
    ///
    /// # Errors
    /// When they are there already.
    pub fn turning(mut self) -> Result<Pipeline, AugmentError> {
        self.steps.push(Step::QuarterTurn(QuarterTurn {}));
        Pipeline::new(self.steps, self.normalize)
    }

    /// This pipeline with another probability of a step, or without it where that is 0. A step of the kind that is there
    /// keeps its other values; one that is not comes in the usual order: crop, flip, jitter, grey, blur, solarization.
    ///
    /// # Errors
    /// When a value of the step is out of its range.
    pub fn happening(mut self, step: Step) -> Result<Pipeline, AugmentError> {
        let there = self.steps.iter().position(|known| known.name() == step.name());
        match (there, step.probability()) {
            (Some(index), Some(p)) if p > 0.0 => self.steps[index].set_probability(p),
            (Some(index), _) => {
                self.steps.remove(index);
            }
            (None, Some(0.0)) => {}
            (None, _) => {
                let behind = self.steps.iter().position(|other| other.place() > step.place());
                self.steps.insert(behind.unwrap_or(self.steps.len()), step);
            }
        }
        Pipeline::new(self.steps, self.normalize)
    }

    /// How often a step of this name happens: 0 where there is none.
    pub fn probability(&self, name: &str) -> f32 {
        let step = self.steps.iter().find(|step| step.name() == name);
        step.and_then(Step::probability).unwrap_or(0.0)
    }

    /// This pipeline without the steps of these names.
    pub fn without(mut self, names: &[&str]) -> Pipeline {
        self.steps.retain(|step| !names.contains(&step.name()));
        self
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The normalization after the last step.
    pub fn normalize(&self) -> &Normalize {
        &self.normalize
    }

    /// The sides of every view in pixels, where the pipeline crops; without a crop a view has its image's sides.
    pub fn size(&self) -> Option<usize> {
        self.steps.iter().find_map(Step::size)
    }

    /// Draws the parameters of a view of an image of (height, width). The same draw gives the same parameters.
    pub fn draw(&self, size: [usize; 2], draw: &Draw) -> Parameters {
        let mut parameters = Parameters::identity(size);
        let mut size = size;
        for (step, part) in self.steps.iter().zip(0..) {
            step.draw(&mut draw.part(part), size, &mut parameters);
            size = step.size().map_or(size, |side| [side, side]);
        }
        parameters
    }

    /// The view that parameters of this pipeline describe, as bytes. Of an image of other sides than they were drawn
    /// for, the box is scaled: so a group of images can share a transformation.
    pub fn transform(&self, image: &Image, parameters: &Parameters) -> Image {
        let mut view = Cow::Borrowed(image);
        for step in &self.steps {
            step.apply(&mut view, parameters);
        }
        view.into_owned()
    }

    /// A view as a network takes it: normalized pixels of (channels, height, width), and what was drawn to make it.
    pub fn apply(&self, image: &Image, draw: &Draw) -> (Vec<f32>, Parameters) {
        let parameters = self.draw([image.height(), image.width()], draw);
        let view = self.transform(image, &parameters);
        (self.normalize.pixels(view), parameters)
    }
}

#[cfg(test)]
mod tests;
