//! SimSiam.

use equilayer::prelude::*;

/// SimSiam: predicts the other view's embedding, held constant, without a teacher (arXiv 2011.10566).
///
/// L = −½ (cos(p₁, stop(z₂)) + cos(p₂, stop(z₁))), p = predictor(z), z = projector(f(x)) (equations 1 to 4). What keeps it
/// from collapsing is the stopped gradient; a healthy run has a standard deviation of ẑ near 1 / √width.
///
/// The authors' last layer has a bias that is not trained, so that here it has none.
#[objective(name = "simsiam")]
pub fn simsiam(
    views: Views<Embedding>,
    #[head(mlp(out, batch_norm, relu, out, batch_norm, relu, out, plain_batch_norm))] projector: Head,
    #[head(mlp(hidden, batch_norm, relu, out + bias))] predictor: Head,
    /// width of the projector's layers and of the embeddings (section 3)
    #[knob(default = 2048, at_least = 2, unit = "channels")]
    out: usize,
    /// width of the predictor's hidden layer, a bottleneck (section 3)
    #[knob(default = 512, at_least = 1, unit = "channels")]
    hidden: usize,
) -> Loss {
    let z = views.map(|view| projector.forward(view.clone()));
    let p = z.map(|z| predictor.forward(z.clone()));
    let pairs = p.against(&z);
    let count = pairs.len() as f32;
    pairs.into_iter().map(|(p, z)| negative_cosine(p, &z.stop_gradient())).sum::<Loss>() / count
}
