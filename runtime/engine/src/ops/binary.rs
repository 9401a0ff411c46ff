//! Elementwise functions of two operands, broadcast as NumPy does.

use super::{Access, Adjoint, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// An elementwise function of two operands of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary(pub BinaryKind);

/// The functions. Comparisons give 1 or 0, and 0 where an operand is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryKind {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// the larger; NaN if either is; where equal the gradient is shared
    Max,
    /// the smaller; NaN if either is; where equal the gradient is shared
    Min,
    /// aᵇ as 2^(b·log₂ a): NaN for a < 0
    Pow,
    /// the remainder of a / b with the sign of a, as in C; no gradient flows
    Mod,
    /// a < b
    Less,
    /// a ≤ b
    LessEqual,
    /// a = b
    Equal,
}

use BinaryKind as K;

impl BinaryKind {
    /// Every function.
    pub const ALL: [BinaryKind; 11] =
        [K::Add, K::Sub, K::Mul, K::Div, K::Max, K::Min, K::Pow, K::Mod, K::Less, K::LessEqual, K::Equal];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            K::Add => "add",
            K::Sub => "sub",
            K::Mul => "mul",
            K::Div => "div",
            K::Max => "max",
            K::Min => "min",
            K::Pow => "pow",
            K::Mod => "mod",
            K::Less => "less",
            K::LessEqual => "less_equal",
            K::Equal => "equal",
        }
    }

    /// The function itself, in `f64`.
    pub fn evaluate(self, a: f64, b: f64) -> f64 {
        let truth = |holds: bool| f64::from(u8::from(holds));
        match self {
            K::Add => a + b,
            K::Sub => a - b,
            K::Mul => a * b,
            K::Div => a / b,
            K::Max | K::Min if a.is_nan() || b.is_nan() => f64::NAN,
            K::Max => a.max(b),
            K::Min => a.min(b),
            K::Pow => (b * a.log2()).exp2(),
            K::Mod => a % b,
            K::Less => truth(a < b),
            K::LessEqual => truth(a <= b),
            K::Equal => truth(a == b),
        }
    }
}

impl Operator for Binary {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match inputs[0] == inputs[1] {
            true => Ok(vec![inputs[0]]),
            false => {
                Err("the operands do not broadcast: axes must be equal or 1, counted from the last".into())
            }
        }
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        vec![inputs[0].zip(inputs[1], |a, b| self.0.evaluate(a, b))]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let (gradient, a, b) = (at.gradient(), &at.inputs[0], &at.inputs[1]);
        let pull = |input: usize| match (self.0, input) {
            (K::Add, _) | (K::Sub, 0) => gradient.clone(),
            (K::Sub, _) => -gradient,
            (K::Mul, 0) => gradient * b,
            (K::Mul, _) => gradient * a,
            (K::Div, 0) => gradient / b,
            (K::Div, _) => -(gradient * &at.outputs[0] / b),
            (K::Max, 0) | (K::Min, 1) => gradient * (b.less(a) + a.equal(b) * 0.5),
            (K::Max, _) | (K::Min, _) => gradient * (a.less(b) + a.equal(b) * 0.5),
            (K::Pow, 0) => gradient * b * a.pow(&(b - 1.0)),
            (K::Pow, _) => gradient * &at.outputs[0] * a.ln(),
            (K::Mod | K::Less | K::LessEqual | K::Equal, _) => gradient * 0.0,
        };
        (0..2).map(|input| at.when(input, || pull(input))).collect()
    }

    fn differentiable(&self) -> Differentiable {
        match self.0 {
            K::Mod | K::Less | K::LessEqual | K::Equal => Differentiable::Zero,
            _ => Differentiable::Yes,
        }
    }

    /// Down to luminal's add, mul, mod and less-than.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let (a, b) = (&inputs[0], &inputs[1]);
        let written_out = match self.0 {
            K::Add | K::Mul | K::Mod | K::Less => return None,
            K::Sub => a + b * -1.0,
            K::Div => a * b.recip(),
            K::Max => b * a.less(b) + a * (1.0 - a.less(b)),
            K::Min => a * a.less(b) + b * (1.0 - a.less(b)),
            K::Pow => (b * a.log2()).exp2(),
            K::LessEqual => 1.0 - b.less(a),
            K::Equal => (1.0 - a.less(b)) * (1.0 - b.less(a)),
        };
        Some(vec![written_out])
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Tensor {
    /// An elementwise function given as data.
    #[track_caller]
    pub fn binary(&self, kind: BinaryKind, other: &Tensor) -> Tensor {
        match self.shape().broadcast(other.shape()) {
            Some(shape) => self.graph().push(Binary(kind), &[&self.expand(shape), &other.expand(shape)]),
            None => self.graph().push(Binary(kind), &[self, other]),
        }
    }

    /// The larger of two, elementwise.
    #[track_caller]
    pub fn maximum(&self, other: &Tensor) -> Tensor {
        self.binary(K::Max, other)
    }

    /// The smaller of two, elementwise.
    #[track_caller]
    pub fn minimum(&self, other: &Tensor) -> Tensor {
        self.binary(K::Min, other)
    }

    /// selfᵇ, elementwise, for positive bases.
    #[track_caller]
    pub fn pow(&self, exponent: &Tensor) -> Tensor {
        self.binary(K::Pow, exponent)
    }

    /// The remainder of self / other with the sign of self; no gradient flows.
    #[track_caller]
    pub fn modulo(&self, other: &Tensor) -> Tensor {
        self.binary(K::Mod, other)
    }

    /// 1 where self < other, else 0.
    #[track_caller]
    pub fn less(&self, other: &Tensor) -> Tensor {
        self.binary(K::Less, other)
    }

    /// 1 where self ≤ other, else 0.
    #[track_caller]
    pub fn less_equal(&self, other: &Tensor) -> Tensor {
        self.binary(K::LessEqual, other)
    }

    /// 1 where self > other, else 0.
    #[track_caller]
    pub fn greater(&self, other: &Tensor) -> Tensor {
        other.binary(K::Less, self)
    }

    /// 1 where self = other, else 0.
    #[track_caller]
    pub fn equal(&self, other: &Tensor) -> Tensor {
        self.binary(K::Equal, other)
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident $kind:ident),*) => {$(
        impl std::ops::$trait<&Tensor> for &Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                self.binary(K::$kind, other)
            }
        }

        impl std::ops::$trait<Tensor> for &Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                self.binary(K::$kind, &other)
            }
        }

        impl std::ops::$trait<&Tensor> for Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                self.binary(K::$kind, other)
            }
        }

        impl std::ops::$trait<Tensor> for Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                self.binary(K::$kind, &other)
            }
        }

        impl std::ops::$trait<f32> for &Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: f32) -> Tensor {
                self.binary(K::$kind, &self.graph().scalar(other))
            }
        }

        impl std::ops::$trait<f32> for Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: f32) -> Tensor {
                self.binary(K::$kind, &self.graph().scalar(other))
            }
        }

        impl std::ops::$trait<&Tensor> for f32 {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                other.graph().scalar(self).binary(K::$kind, other)
            }
        }

        impl std::ops::$trait<Tensor> for f32 {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                other.graph().scalar(self).binary(K::$kind, &other)
            }
        }
    )*};
}

arithmetic!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div);
