#![allow(unused)]
use equilayer::prelude::*;

/// Soft equivariance, with a mistake in each line.
#[regularizer(
    name   = "Ser",
    at     = cls(0),
    action = Rot90 * ColorJitter,
    batch  = 2.0,
    wieght = 1.0,
)]
pub fn soft_equivariance(
    z: Pair<Tokens>,
    rho: Relative,
    #[head(mlp(512, gellu, 0))] project: Head,
    #[knob(default = 0.4, above = 0.5)] temperature: f32,
    #[knob(default = "both_views")] negatives: Negatives,
) -> Loss {
    dense_info_nce(project.forward(z.student), project.forward(z.source).moved(&rho), temperature, negatives)
}

fn main() {}
