//! A plugin as data: what the macros make, what a configuration is checked against, what `equilayer explain` prints.

use serde::Serialize;

use super::argument::Role;
use super::feature::FeatureKind;
use super::follower::Ema;
use super::knob::{KnobKind, KnobSpec};
use super::layers::Mlp;
use super::tap::Tap;
use super::width::Width;
use crate::action::Action;
use crate::schedule::Schedule;

/// Which part of a method a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    /// The invariance loss: one a method, at weight 1.
    Objective,
    /// An equivariance loss, placed and weighted.
    Regularizer,
}

impl PluginKind {
    /// In messages.
    pub fn name(self) -> &'static str {
        match self {
            PluginKind::Objective => "objective",
            PluginKind::Regularizer => "regularizer",
        }
    }
}

/// On how many samples a regularizer works.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchShare {
    /// On all of the batch.
    Whole,
    /// On this share of the batch, above 0 and at most 1: round(share × batch) samples, taken from the batch where the
    /// samples are transformed by an action (SER's split).
    Fraction(f64),
    /// On a mini-batch of its own, of this many images.
    Own(usize),
}

impl BatchShare {
    /// A mini-batch of its own.
    pub fn own(images: usize) -> BatchShare {
        BatchShare::Own(images)
    }

    /// How many samples that is of a batch.
    pub fn samples(self, batch: usize) -> usize {
        match self {
            BatchShare::Whole => batch,
            BatchShare::Fraction(share) => (share * batch as f64).round() as usize,
            BatchShare::Own(images) => images,
        }
    }
}

impl From<f64> for BatchShare {
    fn from(share: f64) -> BatchShare {
        if share == 1.0 { BatchShare::Whole } else { BatchShare::Fraction(share) }
    }
}

/// The crops of each image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Crops {
    /// Large crops, seen by student and teacher.
    pub global: usize,
    /// Small crops, seen by the student alone.
    pub local: usize,
}

impl Crops {
    /// Two large crops: what most objectives compare.
    pub const PAIR: Crops = Crops { global: 2, local: 0 };

    /// DINO's multi-crop.
    pub fn multi(global: usize, local: usize) -> Crops {
        Crops { global, local }
    }
}

/// Which samples of a batch are transformed alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Neighbours in groups of this many images get the same crop and the same colours; mirroring and blur stay each
    /// image's own (STL: pairs).
    Of(usize),
    /// The batch is cut into this many groups of neighbours that get the same transform altogether (CARE).
    Into(usize),
}

/// A crop of its own for a regularizer's images, in place of the objective's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Crop {
    /// Height and width, pixels, as a share of the encoder's image.
    pub size: f64,
    /// Smallest and largest area, as a share of the image.
    pub scale: (f64, f64),
}

impl Crop {
    /// Height and width in pixels, on an encoder made for `image` whose images have sides that are multiples of
    /// `stride`.
    pub fn pixels(&self, image: [usize; 2], stride: usize) -> [usize; 2] {
        image.map(|side| ((side as f64 * self.size / stride as f64).round() as usize).max(1) * stride)
    }
}

/// What a parameter of the loss is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentKind {
    /// A feature at the tap.
    Feature {
        /// In which role.
        role: Role,
        /// Which kind.
        feature: FeatureKind,
    },
    /// ρ_g.
    Relative,
    /// Which element.
    Labels,
    /// Between two views.
    Differences,
    /// Of each view.
    Parameters,
    /// Of each view, in its image.
    Positions,
    /// Learned layers.
    Head(Mlp),
    /// Values that persist.
    State {
        /// Their shape.
        shape: Vec<Width>,
        /// Their first value.
        init: f32,
    },
    /// A number or a choice.
    Knob(KnobSpec),
}

/// A parameter of the loss.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArgumentSpec {
    /// Its name in the signature.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: ArgumentKind,
}

/// A plugin as data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PluginSpec {
    /// Its key in configurations, snake case.
    pub name: String,
    /// Objective or regularizer.
    pub kind: PluginKind,
    /// What it is, first line first.
    pub doc: String,
    /// Where it sits unless placed elsewhere.
    pub at: Tap,
    /// What acts on its images, and on their tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// On how many samples it works.
    pub batch: BatchShare,
    /// The crops it compares; of a regularizer that reads a pair, the local ones two by two.
    pub views: Crops,
    /// Which samples are transformed alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Sharing>,
    /// Its own crop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// λ unless another is given.
    pub weight: Schedule,
    /// How the teacher follows, for an objective that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Ema>,
    /// The loss's parameters, in order.
    pub arguments: Vec<ArgumentSpec>,
}

impl PluginSpec {
    /// What it is, in a line: the first paragraph of its documentation.
    pub fn summary(&self) -> String {
        let first = self.doc.lines().take_while(|line| !line.trim().is_empty());
        first.map(str::trim).collect::<Vec<_>>().join(" ")
    }

    /// The knobs, in order.
    pub fn knobs(&self) -> impl Iterator<Item = &KnobSpec> + Clone {
        self.arguments.iter().filter_map(|argument| match &argument.kind {
            ArgumentKind::Knob(knob) => Some(knob),
            _ => None,
        })
    }

    /// The heads, in order, each with its name.
    pub fn heads(&self) -> impl Iterator<Item = (&str, &Mlp)> {
        self.arguments.iter().filter_map(|argument| match &argument.kind {
            ArgumentKind::Head(head) => Some((argument.name.as_str(), head)),
            _ => None,
        })
    }

    /// What is read at the tap, in order.
    pub fn features(&self) -> impl Iterator<Item = (Role, FeatureKind)> {
        self.arguments.iter().filter_map(|argument| match argument.kind {
            ArgumentKind::Feature { role, feature } => Some((role, feature)),
            _ => None,
        })
    }

    /// Whether the loss can be under a group action: it reads what one makes.
    pub fn takes_action(&self) -> bool {
        let relative = self.asks(&ArgumentKind::Relative);
        self.action.is_some() || relative || self.reads(Role::Pair) || self.reads(Role::Orbit)
    }

    /// The names of the whole-numbered knobs, which may be widths.
    pub fn width_knobs(&self) -> Vec<&str> {
        let whole = self.knobs().filter(|knob| knob.kind == KnobKind::Whole);
        whole.map(|knob| knob.name.as_str()).collect()
    }

    /// Whether a feature is read in this role.
    pub fn reads(&self, role: Role) -> bool {
        self.features().any(|(read, _)| read == role)
    }

    /// Whether the loss asks for something of this kind.
    pub fn asks(&self, wanted: &ArgumentKind) -> bool {
        self.arguments.iter().any(|argument| argument.kind == *wanted)
    }
}
