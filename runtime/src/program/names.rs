//! Names of a program's inputs.

/// Global crop `index` of the plain samples.
pub fn view(index: usize) -> String {
    format!("view.{index}")
}

/// Local crop `index` of the plain samples.
pub fn local(index: usize) -> String {
    format!("local.{index}")
}

/// A split's crop under the element of view `index`.
pub fn split_view(split: &str, index: usize) -> String {
    format!("{split}.view.{index}")
}

/// Local crop `index` of a split's samples: of a pair under its element, or by itself.
pub fn split_local(split: &str, index: usize) -> String {
    format!("{split}.local.{index}")
}

/// Each image of a member under all elements.
pub fn orbit(member: &str) -> String {
    format!("{member}.orbit")
}

/// ρ_g from view `from` to the other of its pair, for a member: 0 and 1 are global crops, 2, 3, .. local ones.
pub fn relative(member: &str, from: usize) -> String {
    format!("{member}.relative.{from}")
}

/// A part of the difference of two views' transforms: `crop`, `color`, `flip`, `blur`, `solarize` or `turn`.
pub fn differences(member: &str, part: &str) -> String {
    format!("{member}.differences.{part}")
}

/// The transform of view `index`.
pub fn parameters(member: &str, index: usize) -> String {
    format!("{member}.parameters.{index}")
}

/// Where view `index` lies in its image.
pub fn position(member: &str, index: usize) -> String {
    format!("{member}.position.{index}")
}

/// λ of a member.
pub fn weight(member: &str) -> String {
    format!("weight.{member}")
}

/// A scheduled knob, and the prefix of a member's parameters.
pub fn part(member: &str, part: &str) -> String {
    format!("{member}.{part}")
}

/// The images as they are.
pub const UNTRANSFORMED: &str = "untransformed";

/// The teacher's momentum.
pub const MOMENTUM: &str = "momentum";

/// How much of the gradients' sum a batch begins with: 0 at the first of a step, 1 later.
pub const SUMMED: &str = "summed";

/// Key of the step's random numbers: seed and step.
pub const RANDOM: &str = "random";

/// Before the names of the encoder's parameters.
pub const ENCODER: &str = "encoder.";
