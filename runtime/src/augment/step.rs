//! The steps of a pipeline, built-in and own.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::check_probability;
use super::{
    AugmentError, CenterCrop, ColorJitter, Draw, GaussianBlur, Grayscale, HorizontalFlip, Parameters,
    QuarterTurn, RandomResizedCrop, Solarize,
};
use crate::data::Image;

/// An augmentation of one's own.
///
/// What is random is drawn first and recorded; applying is then a function of the image and what was drawn. So a view
/// can be made again, shared by a group of images, and described to a loss.
pub trait Augmentation: Send + Sync + fmt::Debug {
    /// The name its parameters are recorded under.
    fn name(&self) -> &str;

    /// Draws the parameters for an image of (height, width).
    fn draw(&self, draw: &mut Draw, size: [usize; 2]) -> Vec<f32>;

    /// Changes the image as the parameters say.
    fn apply(&self, image: &mut Image, parameters: &[f32]);
}

/// One step of a pipeline. As data, `{ random_resized_crop = { size = 224, scale = [0.08, 1.0] } }` in TOML.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A random box, resized.
    RandomResizedCrop(RandomResizedCrop),
    /// The middle, resized.
    CenterCrop(CenterCrop),
    /// Left and right exchanged.
    HorizontalFlip(HorizontalFlip),
    /// Quarter turns.
    QuarterTurn(QuarterTurn),
    /// Brightness, contrast, saturation and hue.
    ColorJitter(ColorJitter),
    /// Colours taken out.
    Grayscale(Grayscale),
    /// Convolution with a Gaussian.
    GaussianBlur(GaussianBlur),
    /// Bright pixels inverted.
    Solarize(Solarize),
    /// An augmentation of one's own; it cannot be written as data.
    #[serde(skip)]
    Own(Arc<dyn Augmentation>),
}

impl Step {
    /// The step's name: the key it has as data, or the own augmentation's.
    pub fn name(&self) -> &str {
        match self {
            Step::RandomResizedCrop(_) => RandomResizedCrop::NAME,
            Step::CenterCrop(_) => CenterCrop::NAME,
            Step::HorizontalFlip(_) => HorizontalFlip::NAME,
            Step::QuarterTurn(_) => QuarterTurn::NAME,
            Step::ColorJitter(_) => ColorJitter::NAME,
            Step::Grayscale(_) => Grayscale::NAME,
            Step::GaussianBlur(_) => GaussianBlur::NAME,
            Step::Solarize(_) => Solarize::NAME,
            Step::Own(own) => own.name(),
        }
    }

    /// How often it happens, where that is a matter of chance.
    pub fn probability(&self) -> Option<f32> {
        match self {
            Step::HorizontalFlip(step) => Some(step.p),
            Step::ColorJitter(step) => Some(step.p),
            Step::Grayscale(step) => Some(step.p),
            Step::GaussianBlur(step) => Some(step.p),
            Step::Solarize(step) => Some(step.p),
            Step::RandomResizedCrop(_) | Step::CenterCrop(_) | Step::QuarterTurn(_) | Step::Own(_) => None,
        }
    }

    /// Makes it happen so often, where that is a matter of chance.
    pub(crate) fn set_probability(&mut self, p: f32) {
        match self {
            Step::HorizontalFlip(step) => step.p = p,
            Step::ColorJitter(step) => step.p = p,
            Step::Grayscale(step) => step.p = p,
            Step::GaussianBlur(step) => step.p = p,
            Step::Solarize(step) => step.p = p,
            Step::RandomResizedCrop(_) | Step::CenterCrop(_) | Step::QuarterTurn(_) | Step::Own(_) => {}
        }
    }

    /// Where it usually stands among others.
    pub(super) fn place(&self) -> usize {
        match self {
            Step::RandomResizedCrop(_) | Step::CenterCrop(_) => 0,
            Step::HorizontalFlip(_) => 1,
            Step::ColorJitter(_) => 2,
            Step::Grayscale(_) => 3,
            Step::GaussianBlur(_) => 4,
            Step::Solarize(_) => 5,
            Step::QuarterTurn(_) => 6,
            Step::Own(_) => 7,
        }
    }

    pub(super) fn check(&self) -> Result<(), AugmentError> {
        match self {
            Step::RandomResizedCrop(crop) => crop.check(),
            Step::CenterCrop(crop) => crop.check(),
            Step::HorizontalFlip(flip) => check_probability(HorizontalFlip::NAME, flip.p),
            Step::ColorJitter(jitter) => jitter.check(),
            Step::Grayscale(gray) => check_probability(Grayscale::NAME, gray.p),
            Step::GaussianBlur(blur) => blur.check(),
            Step::Solarize(solarize) => solarize.check(),
            Step::QuarterTurn(_) | Step::Own(_) => Ok(()),
        }
    }

    /// The sides of the image that the step makes, where it has a say.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Step::RandomResizedCrop(crop) => Some(crop.size),
            Step::CenterCrop(crop) => Some(crop.size),
            _ => None,
        }
    }

    /// Draws for an image of (height, width) and records it.
    pub(super) fn draw(&self, draw: &mut Draw, size: [usize; 2], parameters: &mut Parameters) {
        match self {
            Step::RandomResizedCrop(crop) => parameters.crop = crop.draw(draw, size),
            Step::CenterCrop(crop) => parameters.crop = crop.crop(size),
            Step::HorizontalFlip(flip) => parameters.flipped = draw.happens(flip.p),
            Step::QuarterTurn(_) => parameters.turns = draw.below(4) as u8,
            Step::ColorJitter(jitter) => parameters.jitter = jitter.draw(draw),
            Step::Grayscale(gray) => parameters.gray = draw.happens(gray.p),
            Step::GaussianBlur(blur) => parameters.sigma = blur.draw(draw),
            Step::Solarize(solarize) => {
                parameters.solarize = draw.happens(solarize.p).then_some(solarize.threshold);
            }
            Step::Own(own) => parameters.own.push((own.name().into(), own.draw(draw, size))),
        }
    }

    /// Changes the image as recorded; what was not recorded is not done.
    pub(super) fn apply(&self, image: &mut Cow<Image>, parameters: &Parameters) {
        match self {
            Step::RandomResizedCrop(crop) => crop.apply(image, &parameters.crop),
            Step::CenterCrop(crop) => crop.apply(image, &parameters.crop),
            Step::HorizontalFlip(flip) if parameters.flipped => flip.apply(image.to_mut()),
            Step::QuarterTurn(_) if parameters.turns > 0 => {
                *image = Cow::Owned(image.turned(parameters.turns));
            }
            Step::ColorJitter(step) => {
                parameters.jitter.iter().for_each(|jitter| step.apply(image.to_mut(), jitter));
            }
            Step::Grayscale(step) if parameters.gray => step.apply(image.to_mut()),
            Step::GaussianBlur(step) => {
                parameters.sigma.iter().for_each(|&sigma| step.apply(image.to_mut(), sigma));
            }
            Step::Solarize(step) => {
                parameters.solarize.iter().for_each(|&threshold| step.apply(image.to_mut(), threshold));
            }
            Step::Own(own) => {
                let drawn = parameters.own.iter().find(|(name, _)| name == own.name());
                drawn.iter().for_each(|(_, drawn)| own.apply(image.to_mut(), drawn));
            }
            Step::HorizontalFlip(_) | Step::QuarterTurn(_) | Step::Grayscale(_) => {}
        }
    }
}
