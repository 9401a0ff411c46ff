/// Predicts which quarter turn was applied (E-SSL, arXiv 2111.00899).
#[regularizer(name = "essl", at = cls, action = Rot90, batch = BatchShare::own(128), weight = "warmup(10 epochs) then 0.4")]
fn predict_turns(
    z: Orbit<Embedding>,
    turns: Labels,
    #[head(mlp(2 * width, layer_norm, relu, 4 + bias))] predict: Head,
) -> Loss {
    predict.forward(z.features).cross_entropy(turns)
}
