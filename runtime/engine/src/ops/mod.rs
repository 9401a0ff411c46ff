//! The operators: one file each, one row each in the table below.
//!
//! An operator is data. It says what shapes it accepts, computes itself on plain `f64` arrays, emits its own
//! gradient, writes itself out in simpler operators where that is possible, and counts its cost. Executors match
//! on [`Op`] exhaustively: a row without a kernel, or without cases in the operator sweep, does not compile.

use std::fmt;

use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

mod adamw;
mod attention;
mod batch_norm;
mod binary;
mod contract;
mod conv;
mod correlation;
mod cross_entropy;
mod ema;
mod fused;
mod gather;
pub(crate) mod index;
mod info_nce;
mod l2_normalize;
mod lars;
mod layer_norm;
mod leaf;
mod losses;
mod movement;
mod off_diagonal;
mod patch;
mod random;
mod reduce;
mod rows;
mod running_statistics;
mod select;
mod sgd;
mod sink;
mod soft_cross_entropy;
mod softmax;
pub(crate) mod sparse_map;
mod sum_of_squares;
mod taps;
mod unary;
mod unfold;
mod update;
mod view;
mod weight_norm;
mod window;

pub use adamw::AdamW;
pub use attention::{Attention, AttentionGradient};
pub use batch_norm::{BatchNorm, BatchNormGradient, BatchNormOutputs};
pub use binary::{Binary, BinaryKind};
pub use contract::Contract;
pub(crate) use conv::ConvSizes;
pub use conv::{Conv2d, Conv2dTranspose, Conv2dWeight, Convolution};
pub use cross_entropy::{CrossEntropy, CrossEntropyGradient};
pub use ema::Ema;
pub use fused::{Fused, FusedContract, Instruction, Program};
pub use gather::{IndexSelect, ScatterAdd};
pub use index::INDEX_LIMIT;
pub(crate) use index::Indexing;
pub use info_nce::{DenseInfoNce, DenseInfoNceGradient, Negatives};
pub use l2_normalize::{L2Normalize, L2NormalizeGradient};
pub use lars::Lars;
pub use layer_norm::{LayerNorm, LayerNormGradient};
pub use leaf::{Constant, Input, State};
pub use movement::{Concat, Copy, Pad};
pub use off_diagonal::{OffDiagonalSquares, OffDiagonalSquaresGradient};
pub(crate) use random::Counter;
pub use random::{Distribution, Random, Randomness};
pub use reduce::{Reduce, ReduceKind};
pub use running_statistics::RunningStatistics;
pub use select::Select;
pub use sgd::Sgd;
pub use sink::{Assign, Output};
pub use soft_cross_entropy::{SoftCrossEntropy, SoftCrossEntropyGradient};
pub use softmax::{LogSumExp, Softmax, SoftmaxGradient, SoftmaxKind};
pub use sparse_map::{SparseMap, SparseMapTranspose, SparseMapWeights};
pub use sum_of_squares::SumOfSquares;
pub use taps::{Taps, TapsError};
pub use unary::{Unary, UnaryKind};
pub use unfold::{Fold, Unfold};
pub use view::{Pick, View};
pub(crate) use window::Plane;
pub use window::Window;

/// What every operator knows about itself.
pub trait Operator: fmt::Debug {
    /// Its name in errors, plans and reports.
    fn name(&self) -> &'static str;

    /// Shapes of the outputs, or what is wrong with the operands and what would be right.
    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String>;

    /// Computes the outputs in `f64`. The shapes are those [`Operator::infer`] gave.
    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array>;

    /// Emits the gradient of each input; nothing for inputs that have none or for which none is needed.
    /// The default has none at all, see [`Operator::differentiable`].
    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        vec![None; at.inputs.len()]
    }

    /// Whether gradients flow through. Asking for a gradient across an operator that answers `No` is an error.
    fn differentiable(&self) -> Differentiable {
        Differentiable::Yes
    }

    /// The same computation in simpler operators, down to those luminal has as primitives.
    fn decompose(&self, _inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        None
    }

    /// Arithmetic and memory traffic. The default counts one operation an output element and every operand once.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(outputs.iter().map(Shape::elements).sum(), inputs, outputs)
    }

    /// Which layouts kernels accept for an input.
    fn access(&self, _input: usize) -> Access {
        Access::Contiguous
    }

    /// Pairs (output, input): the output is an update of the input, element by element. Kernels find the input's
    /// values in the output and change them there, so that state is updated where it lies.
    fn updates(&self) -> &[(usize, usize)] {
        &[]
    }
}

/// Whether gradients flow through an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differentiable {
    /// Yes.
    Yes,
    /// The derivative is zero or stopped on purpose: gradients end here, silently.
    Zero,
    /// There is a derivative, and we do not have it: an error.
    No,
}

/// What an operator's gradient is made from.
pub struct Adjoint<'a> {
    /// The operator's inputs.
    pub inputs: &'a [Tensor],
    /// Its outputs.
    pub outputs: &'a [Tensor],
    /// The gradient of each output, where one arrived.
    pub gradients: &'a [Option<Tensor>],
    /// Which inputs lie on a path to what is differentiated.
    pub needed: &'a [bool],
}

impl Adjoint<'_> {
    /// The gradient of the only output. Autograd calls an operator only when one arrived.
    pub fn gradient(&self) -> &Tensor {
        self.gradients[0].as_ref().expect("autograd visits a node only when a gradient reached it")
    }

    /// Runs `f` for an input whose gradient is needed.
    pub fn when(&self, input: usize, f: impl FnOnce() -> Tensor) -> Option<Tensor> {
        self.needed[input].then(f)
    }
}

/// Layouts that a kernel accepts for an input; the planner copies what does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Any layout.
    Strided,
    /// A dense innermost axis; the outer ones may have any strides.
    Rows,
    /// Row-major without gaps.
    Contiguous,
}

/// Work of one operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations; a fused multiply-add counts two, a transcendental function one.
    pub flops: u64,
    /// Bytes read and written, each operand once.
    pub bytes: u64,
}

impl Cost {
    /// `flops` operations over operands that are each read or written once.
    pub fn new(flops: usize, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        let elements: usize = inputs.iter().chain(outputs).map(Shape::elements).sum();
        Cost { flops: flops as u64, bytes: 4 * elements as u64 }
    }

    /// No work: views and names.
    pub const FREE: Cost = Cost { flops: 0, bytes: 0 };
}

impl std::ops::Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost { flops: self.flops + other.flops, bytes: self.bytes + other.bytes }
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::FREE, |total, cost| total + cost)
    }
}

macro_rules! operators {
    ($($variant:ident),* $(,)?) => {
        /// Every operator.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "each variant carries the type of its name, documented there")]
        pub enum Op {
            $($variant($variant)),*
        }

        impl Op {
            /// The operator behind the variant.
            pub fn as_operator(&self) -> &dyn Operator {
                match self {
                    $(Op::$variant(operator) => operator),*
                }
            }

            /// Names of all variants, for tests that must cover each.
            pub const VARIANTS: &[&str] = &[$(stringify!($variant)),*];

            /// Name of this variant.
            pub fn variant(&self) -> &'static str {
                match self {
                    $(Op::$variant(_) => stringify!($variant)),*
                }
            }
        }

        $(impl From<$variant> for Op {
            fn from(operator: $variant) -> Op {
                Op::$variant(operator)
            }
        })*
    };
}

operators! {
    // Leaves and sinks: the graph's edges to the world.
    Input, State, Constant, Output, Assign,
    // Other names and layouts for the same memory.
    View, Pick,
    // Movement.
    Copy, Concat, Pad,
    // Indices and sparse maps.
    IndexSelect, ScatterAdd, SparseMap, SparseMapTranspose, SparseMapWeights,
    // Random numbers.
    Random,
    // Windows and convolutions.
    Unfold, Fold, Conv2d, Conv2dTranspose, Conv2dWeight,
    // Elementwise.
    Unary, Binary, Select, Fused,
    // Reductions and contractions.
    Reduce, SumOfSquares, Contract, FusedContract,
    // Attention, and the losses with kernels of their own.
    Attention, AttentionGradient, DenseInfoNce, DenseInfoNceGradient,
    // Along the last axis.
    Softmax, SoftmaxGradient, LogSumExp, LayerNorm, LayerNormGradient, L2Normalize, L2NormalizeGradient,
    // Over the batch.
    BatchNorm, BatchNormGradient, OffDiagonalSquares, OffDiagonalSquaresGradient,
    // Losses.
    CrossEntropy, CrossEntropyGradient, SoftCrossEntropy, SoftCrossEntropyGradient,
    // Updates of state.
    AdamW, Sgd, Lars, Ema,
}
