//! Losses of token maps, token by token.

use equilayer_engine::{Tensor, ops};

use super::NORM_EPS;
use crate::plugin::{Choice, Feature, Loss};

/// Which tokens of other samples an anchor is compared with in [`dense_info_nce`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Negatives {
    /// Those of the other view. The anchors are the student's tokens.
    CrossView,
    /// Those of both views. Every token of both views is an anchor once: the paper's equation.
    #[default]
    BothViews,
}

impl Choice for Negatives {
    fn options() -> &'static [(&'static str, Negatives)] {
        &[("cross_view", Negatives::CrossView), ("both_views", Negatives::BothViews)]
    }
}

/// Dense InfoNCE of two aligned token maps, `[samples, tokens, width]` each: every token's positive is its counterpart,
/// its negatives are tokens of *other* samples (SER, arXiv 2603.06693, L_equiv). Anchors first, positives second.
///
/// The mean is over tokens, then samples. One sample alone has no negatives and a loss of 0.
#[track_caller]
pub fn dense_info_nce(
    anchors: impl Feature,
    positives: impl Feature,
    temperature: f32,
    negatives: Negatives,
) -> Loss {
    let negatives = match negatives {
        Negatives::CrossView => ops::Negatives::CrossView,
        Negatives::BothViews => ops::Negatives::BothViews,
    };
    anchors.tensor().dense_info_nce(positives.tensor(), temperature, negatives).into()
}

/// Mean of ‖x̂ − ŷ‖² over the valid tokens of two aligned token maps, `[samples, tokens, width]` each (FlowE, arXiv
/// 2101.06553, with BYOL's normalised distance). `valid` is 1 where a token counts and 0 elsewhere, `[samples, tokens]`,
/// or `[1, tokens]` for all samples. With no valid token at all it is 0.
#[track_caller]
pub fn masked_distance(x: impl Feature, y: impl Feature, valid: &Tensor) -> Loss {
    let [x, y] = [x.tensor(), y.tensor()].map(|x| x.l2_normalize(NORM_EPS));
    let squares = (x - y).square().sum(&[-1]);
    let counted = valid.expand(*squares.shape());
    let count = counted.sum_all().maximum(&squares.graph().scalar(1.0));
    ((squares * counted).sum_all() / count).into()
}
