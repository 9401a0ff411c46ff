//! Methods: an objective and its regularizers.

/// An objective is given a weight.
pub fn weighted_objective() -> String {
    "the objective has no weight: it sets the scale, and the regularizers are weighed against it; drop the weight"
        .to_owned()
}

/// A method is empty.
pub fn missing_objective() -> String {
    "a method needs an objective; write for example `MocoV3 + 1.0 * Ser`".to_owned()
}

/// Two objectives, or a regularizer twice. `kind` is `objective` or `regularizer`.
pub fn twice(kind: &str, name: &str) -> String {
    format!("the {kind} `{name}` is in this method twice; a method has one of each, at one place")
}
