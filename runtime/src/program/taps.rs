//! Reading an encoder's features at a tap.

use std::cell::RefCell;
use std::rc::Rc;

use equilayer_engine::{Graph, Tensor};

use crate::encoder::{self, EncoderConfig, Features};
use crate::nn::{LayerNorm, Parameters as _};
use crate::plugin::{Follower, Layer, Side, Tap, TapKind, TappedFeature};

/// As in the encoders.
const NORM_EPS: f32 = 1e-6;

/// Reads one tap of a method, behind a layer norm of its own: at the last layer the encoder's final norm is shared
/// (as in the authors' layer-decoupled AugSelf).
pub(super) struct Tapper {
    tap: Tap,
    /// The layer, or nothing behind the last.
    layer: Option<usize>,
    width: usize,
    norm: Option<LayerNorm>,
    teacher_norm: Option<LayerNorm>,
    /// The student's features before the norm.
    taps: RefCell<Vec<Tensor>>,
}

impl Tapper {
    pub fn new(
        graph: &Graph,
        name: &str,
        tap: Tap,
        encoder: &dyn EncoderConfig,
        follower: Option<&Rc<Follower>>,
    ) -> Tapper {
        let layer = match tap.layer {
            Layer::After(layer) if layer < encoder.layers() => Some(layer),
            _ => None,
        };
        let width = encoder.width(layer.unwrap_or_else(|| encoder.layers()));
        let norm = layer.map(|_| LayerNorm::new(graph, &format!("{name}.norm"), width, NORM_EPS));
        let followed =
            |norm: &LayerNorm| follower.map(|follower| norm.map(&mut |state| follower.follow(state)));
        let teacher_norm = norm.as_ref().and_then(followed);
        Tapper { tap, layer, width, norm, teacher_norm, taps: RefCell::default() }
    }

    /// Whether token maps are read, which are a batch only where their grids are one.
    pub fn is_spatial(&self) -> bool {
        self.tap.kind.is_spatial()
    }

    /// Channels at the tap.
    pub fn width(&self) -> usize {
        self.width
    }

    pub fn norm_parameters(&self) -> Option<Vec<Tensor>> {
        self.norm.as_ref().map(|norm| norm.parameters())
    }

    /// All that was read of the student.
    pub fn into_taps(self) -> Vec<Tensor> {
        self.taps.into_inner()
    }

    /// The feature at the tap.
    #[track_caller]
    pub fn read(&self, features: &Features, side: Side) -> TappedFeature {
        let layer: &encoder::Layer =
            self.layer.and_then(|layer| features.layer(layer)).unwrap_or(&features.output);
        let raw = match self.tap.kind {
            TapKind::Tokens => layer.tokens.clone(),
            TapKind::Cls => layer.cls.clone().unwrap_or_else(|| layer.pooled()),
            TapKind::Pooled => layer.pooled(),
            TapKind::Embedding => features.embedding(),
        };
        if side == Side::Student {
            self.taps.borrow_mut().push(raw.clone());
        }
        let norm = match side {
            Side::Teacher => self.teacher_norm.as_ref().or(self.norm.as_ref()),
            Side::Student => self.norm.as_ref(),
        };
        let tensor = norm.map_or(raw.clone(), |norm| norm.forward(&raw));
        TappedFeature { tensor, grid: layer.grid, side }
    }
}

/// Features of several parts of a batch as those of the whole.
#[track_caller]
pub(super) fn concat(parts: Vec<TappedFeature>) -> Option<TappedFeature> {
    let (first, rest) = parts.split_first()?;
    let rest: Vec<&Tensor> = rest.iter().map(|part| &part.tensor).collect();
    let tensor = if rest.is_empty() { first.tensor.clone() } else { first.tensor.concat(&rest, 0) };
    Some(TappedFeature { tensor, ..first.clone() })
}
