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

/// A teacher's features are read in a method without teacher.
pub fn no_teacher(objective: &str) -> String {
    format!(
        "it reads a teacher's features, and `{objective}` has no teacher; combine it with an objective that has one, \
         such as `moco_v3`, `byol` or `dino`"
    )
}

/// A configuration has a section of a plugin that the method does not have. `name` is the section's.
pub fn unused(name: &str, objective: bool) -> String {
    let remedy = match objective {
        true => format!("write `objective = \"{name}\"`"),
        false => format!("add \"{name}\" to `regularizers`"),
    };
    format!(
        "`{name}` is no part of this method, so that its section changes nothing; {remedy}, or remove this"
    )
}

/// A share of the batch that leaves nothing to compare with. `share` is the share asked for, `samples` what it gives.
pub fn too_few_samples(share: f64, batch: usize, samples: usize) -> String {
    let least = 1.5 / batch as f64;
    format!(
        "a share of {share} of a batch of {batch} gives {samples} sample{}; masking of the same sample then leaves no \
         negatives and the loss is 0: at least 2 are needed; take `batch` ≥ {:.3}, or a batch of at least {:.0}",
        if samples == 1 { "" } else { "s" },
        (least * 1000.0).ceil() / 1000.0,
        (1.5 / share).ceil()
    )
}

/// A regularizer compares small crops in pairs, and `local` of them are none, or more than the objective's `there`.
pub fn local_crops(local: usize, objective: &str, there: usize) -> String {
    match local.is_multiple_of(2) {
        false => format!(
            "it compares small crops two by two, and {local} are no pairs; use {} or {}",
            local - 1,
            local + 1
        ),
        true => format!(
            "it compares {local} small crops of each image, and `{objective}` is shown {there}; let the objective see at \
             least {local} (`local` in `[views]`), or have fewer compared"
        ),
    }
}

/// A mini-batch of its own is given to a regularizer that reads the objective's views.
pub fn own_batch_of_views() -> String {
    "it reads the objective's views, and a mini-batch of its own has none; give it a share of the batch, or read a `Pair` \
     or an `Orbit`"
        .to_owned()
}

/// Regularizers on samples of their own take more than the batch has.
pub fn splits_exceed_batch(names: &[&str], taken: usize, batch: usize) -> String {
    format!(
        "{} take {taken} samples of a batch of {batch}; lower their shares of the batch, or give them one action and one \
         share, so that they work on the same samples",
        names.join(" and ")
    )
}
