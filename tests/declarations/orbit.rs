//! An orbit with its labels, and the square of the tap's width.
use equilayer::plugin::Declared;
use equilayer::prelude::*;

/// Predicts the quarter turn.
#[regularizer(name = "turns", at = cls(3), action = Rot90, batch = BatchShare::own(64), weight = 0.4)]
fn predict_turns(
    z: Orbit<Embedding>,
    turns: Labels,
    #[head(mlp(width, layer_norm, relu, width * 2, relu, width * width, relu, 4 + bias))] predict: Head,
) -> Loss {
    let _ = turns;
    Loss::from(predict.forward(z.features).tensor.mean_all())
}

#[test]
fn is_sound() {
    assert_eq!(Turns::plugin().problems(), Vec::<String>::new());
}
