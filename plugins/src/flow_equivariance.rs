//! Flow equivariance.

use equilayer::prelude::*;

/// FlowE: dense features, carried along a given displacement, match the other frame's (arXiv 2101.06553).
///
/// L = mean over valid places of ‖p̂ − ρ ẑ′‖², p = predictor(projector(z)) of one frame, ρ ẑ′ the teacher's projection of
/// the other, moved by the flow and held constant, both ways (section 3.2). A place is valid where the flow is known and
/// comes from inside the frame.
///
/// The heads are BYOL's as 1 × 1 convolutions; the paper's code is not public. Published behind the last layer. Where the
/// data are single pictures, the second frame is made of the first by a smooth displacement, which is known because it
/// was applied; each view is flipped or not by itself.
#[regularizer(
    name = "flow_equivariance",
    at = tokens,
    action = HFlip.per_sample() * Displacement.per_sample(),
)]
pub fn flow_equivariance(
    z: Pair<Tokens>,
    rho: Relative,
    #[head(mlp(hidden, batch_norm, relu, out), ema)] projector: Head,
    #[head(mlp(hidden, batch_norm, relu, out))] predictor: Head,
    /// width of the heads' hidden layers (BYOL, section 3.2)
    #[knob(default = 4096, at_least = 1, unit = "channels")]
    hidden: usize,
    /// width of what is compared (BYOL, section 3.2)
    #[knob(default = 256, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let target = projector.forward(z.source).moved(&rho).stop_gradient();
    masked_distance(predictor.forward(projector.forward(z.student)), target, rho.valid())
}
