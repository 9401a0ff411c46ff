//! What a loss reads at its tap, and in which role.

use equilayer_engine::Tensor;

use crate::action::{Grid, Relative};

/// Which of the two networks made a feature. Heads look at it: one declared `ema` has a second set of weights for the
/// teacher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The network that is trained.
    Student,
    /// Its moving average, or nothing a gradient flows into.
    Teacher,
}

/// Something a head can be applied to.
pub trait Feature: Sized {
    /// The values; the last axis is the width.
    fn tensor(&self) -> &Tensor;

    /// Who made them.
    fn side(&self) -> Side;

    /// The same feature with other values.
    fn with(&self, tensor: Tensor) -> Self;

    /// The same feature, its values changed by `f`.
    fn map(&self, f: impl FnOnce(&Tensor) -> Tensor) -> Self {
        self.with(f(self.tensor()))
    }

    /// The same feature as a constant: no gradient flows through it.
    #[track_caller]
    fn stop_gradient(&self) -> Self {
        self.with(self.tensor().stop_gradient())
    }
}

/// A feature that a tap supplies.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not read at a tap",
    note = "taps supply `Tokens` (a map with places, at tokens(l)) and `Embedding` (one vector an image)"
)]
pub trait Tapped: Feature {
    /// Which of the two.
    const KIND: FeatureKind;

    /// Around values that a tap gave.
    fn tapped(tensor: Tensor, grid: Grid, side: Side) -> Self;
}

/// What can be read at a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// A token map.
    Tokens,
    /// One vector an image.
    Embedding,
}

impl FeatureKind {
    /// The type's name in signatures.
    pub fn name(self) -> &'static str {
        match self {
            FeatureKind::Tokens => "Tokens",
            FeatureKind::Embedding => "Embedding",
        }
    }
}

/// A token map: `[batch, tokens, width]`, tokens row by row.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// `[batch, grid.cells(), width]`.
    pub tensor: Tensor,
    /// Rows and columns of the map.
    pub grid: Grid,
    /// Who made it.
    pub side: Side,
}

/// One vector an image: `[batch, width]`.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// `[batch, width]`.
    pub tensor: Tensor,
    /// Who made it.
    pub side: Side,
}

impl Feature for Tokens {
    fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    fn side(&self) -> Side {
        self.side
    }

    fn with(&self, tensor: Tensor) -> Tokens {
        Tokens { tensor, ..*self }
    }
}

impl Feature for Embedding {
    fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    fn side(&self) -> Side {
        self.side
    }

    fn with(&self, tensor: Tensor) -> Embedding {
        Embedding { tensor, ..*self }
    }
}

/// Values of a plugin's own making: codes, concatenations. The student's.
impl Feature for Tensor {
    fn tensor(&self) -> &Tensor {
        self
    }

    fn side(&self) -> Side {
        Side::Student
    }

    fn with(&self, tensor: Tensor) -> Tensor {
        tensor
    }
}

impl Tokens {
    /// These tokens where ρ takes them: `[batch, tokens of the other view, width]`.
    #[track_caller]
    pub fn moved(&self, rho: &Relative) -> Tokens {
        self.with(rho.act(&self.tensor))
    }
}

impl Tapped for Tokens {
    const KIND: FeatureKind = FeatureKind::Tokens;

    fn tapped(tensor: Tensor, grid: Grid, side: Side) -> Tokens {
        Tokens { tensor, grid, side }
    }
}

impl Tapped for Embedding {
    const KIND: FeatureKind = FeatureKind::Embedding;

    fn tapped(tensor: Tensor, _: Grid, side: Side) -> Embedding {
        Embedding { tensor, side }
    }
}

/// Two views of the same crops, related by a known group element.
///
/// `student` is one view through the student, `source` the other through the teacher, or through the student where the
/// method has no teacher. With a teacher the loss is evaluated in both directions and averaged.
///
/// Where small crops are compared too, which a teacher does not see, all pairs go through the student, in one direction
/// each, and their losses are summed: SER's 2 + 4 views.
#[derive(Clone, Debug)]
pub struct Pair<F> {
    /// The view that is compared, through the student.
    pub student: F,
    /// The view that is moved onto it.
    pub source: F,
}

/// The objective's views, through the student: global crops first, then local ones.
#[derive(Clone, Debug)]
pub struct Views<F> {
    /// One feature a view.
    pub all: Vec<F>,
    /// How many of them are global crops.
    pub globals: usize,
}

impl<F> Views<F> {
    /// The global crops, which a teacher sees too.
    pub fn globals(&self) -> &[F] {
        &self.all[..self.globals]
    }

    /// Applies `f` to each view.
    pub fn map<G>(&self, f: impl FnMut(&F) -> G) -> Views<G> {
        Views { all: self.all.iter().map(f).collect(), globals: self.globals }
    }

    /// The first two global crops; nothing where there are fewer.
    pub fn pair(&self) -> Option<[&F; 2]> {
        match self.globals() {
            [first, second, ..] => Some([first, second]),
            _ => None,
        }
    }

    /// All pairs of different views, each once and in order: what symmetric losses sum over.
    pub fn pairs(&self) -> Vec<(&F, &F)> {
        let later = |first: usize| self.all[first + 1..].iter().map(move |second| (&self.all[first], second));
        (0..self.all.len()).flat_map(later).collect()
    }

    /// Pairs `(a, b)` of a view of these and a *different* view of `others`, in order: what cross-view losses sum over.
    pub fn against<'v, G>(&'v self, others: &'v Views<G>) -> Vec<(&'v F, &'v G)> {
        let differing = |index: usize| {
            let others = others.all.iter().enumerate().filter(move |&(other, _)| other != index);
            others.map(move |(_, other)| (&self.all[index], other))
        };
        (0..self.all.len()).flat_map(differing).collect()
    }
}

/// What follows in brackets, through the teacher. No gradient flows into the teacher's encoder.
#[derive(Clone, Debug)]
pub struct Teacher<V>(pub V);

/// The images as they are, cropped in the middle and not augmented, through the student.
#[derive(Clone, Debug)]
pub struct Untransformed<F>(pub F);

/// Each image under every element of a finite group, through the student: the batch is `images × elements`, all elements
/// of an image side by side.
#[derive(Clone, Debug)]
pub struct Orbit<F> {
    /// `[images × elements, ..]`.
    pub features: F,
    /// How many elements the group has.
    pub elements: usize,
}

/// Features below one another, as one batch: `[a + b, width]` of `[a, width]` and `[b, width]`. With both through one
/// head together, its batch norms see one batch.
#[track_caller]
pub fn stacked(upper: &impl Feature, lower: &impl Feature) -> Tensor {
    upper.tensor().concat(&[lower.tensor()], 0)
}

/// Features side by side: `[batch, u + v]` of `[batch, u]` and `[batch, v]`.
#[track_caller]
pub fn joined(left: &impl Feature, right: &impl Feature) -> Tensor {
    left.tensor().concat(&[right.tensor()], -1)
}
