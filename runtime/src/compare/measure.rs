//! The few numbers of an evaluation that runs are compared by.

use serde::Serialize;

use crate::assess::{Assessment, Subject, Test};

/// A number of the trained encoder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// What it is: "linear probe", "equivariance, layer 3".
    pub name: String,
    /// The number.
    pub value: f64,
    /// How it is to be read.
    pub unit: Unit,
}

/// How a number is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share of 1, shown in per cent.
    Share,
    /// A score of at most 1, such as a cosine.
    Score,
    /// Any number.
    Number,
}

/// The accuracy of a linear head on frozen features.
pub const LINEAR_PROBE: &str = "linear probe";

/// Tests that are told once, not by layer: the name here, the test, the number's name there, its unit.
const ONCE: [(&str, Test, &str, Unit); 8] = [
    (LINEAR_PROBE, Test::LinearProbe, "accuracy", Unit::Share),
    ("kNN", Test::Knn, "accuracy", Unit::Share),
    ("invariance, embedding", Test::Invariance, "centred cosine", Unit::Score),
    ("feature deviation", Test::Collapse, "feature deviation", Unit::Number),
    ("RankMe", Test::Collapse, "RankMe", Unit::Number),
    ("mean corrupted accuracy", Test::Robustness, "mean corrupted accuracy", Unit::Share),
    ("relative drop", Test::Robustness, "relative drop", Unit::Share),
    ("flip rate", Test::Robustness, "flip rate", Unit::Share),
];

/// What the equivariance of a layer is called.
pub fn equivariance_at(layer: usize) -> String {
    format!("equivariance, layer {layer}")
}

/// The measures of the trained encoder that an evaluation has: accuracies, equivariance from the first layer to the last
/// (the mean cosine of ρ_g F(x) and F(g·x) under quarter turns, both less the mean token), and the rest.
pub fn measures(found: &Assessment) -> Vec<Measure> {
    let once = |(name, test, number, unit): (&str, Test, &str, Unit)| {
        let value = found.find(test, Subject::Trained, None, number)?.value;
        Some(Measure { name: name.into(), value, unit })
    };
    let at = |layer: usize| {
        let value = found.find(Test::Equivariance, Subject::Trained, Some(layer), "centred cosine")?.value;
        Some(Measure { name: equivariance_at(layer), value, unit: Unit::Score })
    };
    let (accuracies, others) = ONCE.split_at(2);
    let layers = (1..).map_while(at);
    accuracies
        .iter()
        .copied()
        .filter_map(once)
        .chain(layers)
        .chain(others.iter().copied().filter_map(once))
        .collect()
}

impl Unit {
    /// A number in this unit, as it is to be read.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Share => format!("{:.1} %", 100.0 * value),
            Unit::Score => format!("{value:.3}"),
            Unit::Number => format!("{value:.2}"),
        }
    }

    /// A mean and its deviation in this unit.
    pub fn show_spread(self, mean: f64, deviation: Option<f64>) -> String {
        let Some(deviation) = deviation else { return self.show(mean) };
        match self {
            Unit::Share => format!("{:.1} ± {:.1} %", 100.0 * mean, 100.0 * deviation),
            _ => format!("{} ± {}", self.show(mean), self.show(deviation)),
        }
    }
}
