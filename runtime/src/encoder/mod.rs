//! Encoders: from images to token maps, layer by layer.
//!
//! Two traits let a method's program be built for any encoder. [`EncoderConfig`] is data: what the encoder is, and all
//! that a placement ("at the token map after layer 3") can be checked against before anything is allocated: how many
//! layers, how wide, which token map, from where on a CLS token. [`EncoderConfig::build`] declares the parameters in a
//! graph and gives an [`Encoder`]: something that runs on images, as often as wanted, and that can be copied onto other
//! tensors, as a teacher is.
//!
//! **Layers are what can be tapped**, counted from 1: blocks of a [transformer](VitConfig), stages of a
//! [ResNet](ResNetConfig). A pass gives all of them, as [`Features`]; what nobody uses is not computed, down to the tokens of
//! a transformer's last block beside CLS.
//!
//! **A token map is the same thing everywhere**: `[batch, rows · columns, width]`, row-major, without CLS, which is
//! beside it. So one group action, one head and one loss fit all encoders.
//!
//! An encoder of your own is a layer (see [`crate::nn::Parameters`]) with these two traits: `examples/own_encoder.rs`.

mod features;
mod resnet;
mod vit;
mod weights;

use std::fmt::Debug;

use equilayer_engine::{Error, Graph, Tensor};

pub use features::{Features, Layer};
pub use resnet::{ResNet, ResNetConfig, Stage, Stem};
pub use vit::{Positions, Vit, VitConfig};
pub use weights::{Differences, WeightsError, export, import};

use crate::action::Grid;
use crate::nn::{Parameters, Pass};

/// What an encoder is, as data. It can be written by any `serde` serializer, so that a run can say what it trained;
/// deriving `serde::Serialize` is all that takes.
pub trait EncoderConfig: erased_serde::Serialize + Debug + Send + Sync + 'static {
    /// # Errors
    /// Sizes that do not fit one another, with sizes that would.
    fn check(&self) -> Result<(), Error>;

    /// Height and width of the images it is made for, pixels; multiples of [`EncoderConfig::stride`].
    fn image(&self) -> [usize; 2];

    /// Colour channels of the images.
    fn channels(&self) -> usize;

    /// Height and width in pixels of a token of the last layer. The sides of all images are multiples of it, so that a
    /// token map moves as the image does.
    fn stride(&self) -> usize;

    /// How many layers can be tapped: 1 to this number.
    fn layers(&self) -> usize;

    /// Width of a token after a layer, 1 to [`EncoderConfig::layers`].
    fn width(&self, layer: usize) -> usize;

    /// The token map after a layer, 1 to [`EncoderConfig::layers`], of images of this height and width. As it is, all
    /// layers have that of the last.
    fn grid(&self, _layer: usize, image: [usize; 2]) -> Grid {
        let stride = self.stride().max(1);
        Grid::new(image[0] / stride, image[1] / stride)
    }

    /// The layer after which a CLS token joins, 0 at the input: layers behind it have one. Nothing for an encoder
    /// without CLS token, whose embedding is the mean of its tokens.
    fn cls_after(&self) -> Option<usize>;

    /// Whether samples of a batch see one another inside, as through batch norm: then each view is a batch of its own.
    fn couples_samples(&self) -> bool {
        false
    }

    /// The first layer that a parameter takes part in: 0 before the first layer, 1 to [`EncoderConfig::layers`] inside,
    /// one more behind the last. `name` is without prefix. The gradient guard reads it: a loss at layer l must not reach
    /// parameters of later layers. As it is, nothing is known and everything allowed.
    fn layer_of(&self, _name: &str) -> usize {
        0
    }

    /// Declares the parameters, under names behind `prefix` ("student.blocks.0.attn.qkv.weight").
    ///
    /// # Errors
    /// Those of [`EncoderConfig::check`].
    fn build(&self, graph: &Graph, prefix: &str) -> Result<Box<dyn Encoder>, Error>;

    /// The shape `[out, ..]` under which others' weight files hold a matrix `[in, out]`, transposed; nothing for states
    /// that are stored as they are. `name` is without prefix. As it is, this fits the layers of [`crate::nn`] and
    /// PyTorch's, whose linear weights are `[out, in]`.
    fn linear_in_file(&self, name: &str, shape: &[usize]) -> Option<Vec<usize>> {
        match *shape {
            [inputs, outputs] if name.ends_with(".weight") => Some(vec![outputs, inputs]),
            _ => None,
        }
    }
}

erased_serde::serialize_trait_object!(EncoderConfig);

/// An encoder in a graph. Its states are listed and exchanged through [`Parameters`], which `Box<dyn Encoder>` has.
pub trait Encoder {
    /// Images `[batch, channels, height, width]` to token maps.
    #[track_caller]
    fn forward(&self, images: &Tensor, pass: &Pass) -> Features;

    /// [`Parameters::map`] for an encoder whose type is not known; for one that is, `Box::new(self.map(replace))`.
    fn map_boxed(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Box<dyn Encoder>;
}

impl Parameters for Box<dyn Encoder> {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Box<dyn Encoder> {
        self.as_ref().map_boxed(replace)
    }
}

/// The error of a configuration that cannot be: which encoder, and what is wrong with it.
fn refuse(encoder: &str, detail: String) -> Result<(), Error> {
    Err(Error::Executor(format!("{encoder}: {detail}")))
}

/// Refuses sizes outside 1 to their limit, which is far beyond use and keeps products of them from overflowing.
fn check_sizes(encoder: &str, sizes: &[(&str, usize, usize)]) -> Result<(), Error> {
    match sizes.iter().find(|(_, size, largest)| !(1..=*largest).contains(size)) {
        Some((what, size, largest)) => refuse(encoder, format!("{what} is {size}; it is 1 to {largest}")),
        None => Ok(()),
    }
}

/// Limits for [`check_sizes`].
const LARGEST_SIDE: usize = 1 << 16;
const LARGEST_WIDTH: usize = 1 << 16;
const MOST_LAYERS: usize = 1 << 10;
