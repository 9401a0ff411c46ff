//! An objective with a teacher, heads of a knob's width, and a default in an own expression.
use equilayer::plugin::Declared;
use equilayer::prelude::*;

const TEMPERATURE: f32 = 0.2;

/// Queries of one view against the teacher's keys of the other.
///
/// With more to say in a second paragraph.
#[objective(name = "moco", teacher = Ema::before_keys(Schedule::constant(0.99)))]
pub fn moco(
    queries: Views<Embedding>,
    keys: Teacher<Views<Embedding>>,
    #[head(mlp(hidden, batch_norm, relu, 2 * width, plain_batch_norm), ema)] project: Head,
    #[head(mlp(hidden + bias, layer_norm, tanh, 256))] predict: Head,
    /// Width of the hidden layers
    #[knob(default = 4096, at_least = 1)]
    hidden: usize,
    #[knob(default = TEMPERATURE, above = 0, at_most = 1.0, unit = "cosines")] temperature: f32,
) -> Loss {
    let queries = queries.map(|z| predict.forward(project.forward(z.clone())));
    let keys = keys.0.map(|z| project.forward(z.clone()));
    let pairs = queries.against(&keys).into_iter();
    let losses = pairs.map(|(query, key)| info_nce(query, key, temperature));
    losses.sum()
}

#[test]
fn has_its_facts() {
    let plugin = Moco::plugin();
    assert_eq!(plugin.problems(), Vec::<String>::new());
    assert_eq!(
        plugin.spec().doc.lines().next(),
        Some("Queries of one view against the teacher's keys of the other.")
    );
    assert_eq!(plugin.spec().knobs().next().unwrap().doc, "Width of the hidden layers");
    assert_eq!(Moco::default().temperature, 0.2);
}
