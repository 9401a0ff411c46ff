//! Elementwise functions of one operand.

use std::f64::consts::{LN_2, PI, SQRT_2};

use super::{Access, Adjoint, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// An elementwise function of one operand.
#[derive(Clone, Debug, PartialEq)]
pub struct Unary(pub UnaryKind);

/// The functions. Domains are those of the real function; outside them the result is NaN, as in IEEE 754.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryKind {
    /// −x
    Neg,
    /// |x|; derivative 0 at 0
    Abs,
    /// −1, 0 or 1
    Sign,
    /// x²
    Square,
    /// 1/x
    Recip,
    /// √x
    Sqrt,
    /// 1/√x
    Rsqrt,
    /// eˣ
    Exp,
    /// 2ˣ
    Exp2,
    /// natural logarithm
    Ln,
    /// binary logarithm
    Log2,
    /// sine, of radians
    Sin,
    /// cosine, of radians
    Cos,
    /// hyperbolic tangent
    Tanh,
    /// 1/(1+e⁻ˣ)
    Sigmoid,
    /// error function
    Erf,
    /// x·Φ(x) with the exact normal distribution function, not its tanh approximation
    Gelu,
    /// Φ(x) + x·φ(x), the derivative of [`UnaryKind::Gelu`]
    GeluDerivative,
    /// max(x, 0), NaN kept; derivative 0 at 0
    Relu,
    /// x·sigmoid(x)
    Silu,
    /// ln(1+eˣ), also where eˣ overflows or is tiny beside 1
    Softplus,
    /// largest integer not above x; derivative 0
    Floor,
    /// the value itself; gradients end here
    StopGradient,
}

use UnaryKind as K;

impl UnaryKind {
    /// Every function.
    pub const ALL: [UnaryKind; 23] = [
        K::Neg,
        K::Abs,
        K::Sign,
        K::Square,
        K::Recip,
        K::Sqrt,
        K::Rsqrt,
        K::Exp,
        K::Exp2,
        K::Ln,
        K::Log2,
        K::Sin,
        K::Cos,
        K::Tanh,
        K::Sigmoid,
        K::Erf,
        K::Gelu,
        K::GeluDerivative,
        K::Relu,
        K::Silu,
        K::Softplus,
        K::Floor,
        K::StopGradient,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            K::Neg => "neg",
            K::Abs => "abs",
            K::Sign => "sign",
            K::Square => "square",
            K::Recip => "recip",
            K::Sqrt => "sqrt",
            K::Rsqrt => "rsqrt",
            K::Exp => "exp",
            K::Exp2 => "exp2",
            K::Ln => "ln",
            K::Log2 => "log2",
            K::Sin => "sin",
            K::Cos => "cos",
            K::Tanh => "tanh",
            K::Sigmoid => "sigmoid",
            K::Erf => "erf",
            K::Gelu => "gelu",
            K::GeluDerivative => "gelu_derivative",
            K::Relu => "relu",
            K::Silu => "silu",
            K::Softplus => "softplus",
            K::Floor => "floor",
            K::StopGradient => "stop_gradient",
        }
    }

    /// The function itself, in `f64`.
    pub fn evaluate(self, x: f64) -> f64 {
        let normal = |x: f64| 0.5 * (1.0 + libm::erf(x / SQRT_2));
        match self {
            K::Neg => -x,
            K::Abs => x.abs(),
            K::Sign if x == 0.0 || x.is_nan() => x,
            K::Sign => x.signum(),
            K::Square => x * x,
            K::Recip => 1.0 / x,
            K::Sqrt => x.sqrt(),
            K::Rsqrt => 1.0 / x.sqrt(),
            K::Exp => x.exp(),
            K::Exp2 => x.exp2(),
            K::Ln => x.ln(),
            K::Log2 => x.log2(),
            K::Sin => x.sin(),
            K::Cos => x.cos(),
            K::Tanh => x.tanh(),
            K::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            K::Erf => libm::erf(x),
            K::Gelu => x * normal(x),
            K::GeluDerivative => normal(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt(),
            K::Relu if x < 0.0 => 0.0,
            K::Relu => x,
            K::Silu => x / (1.0 + (-x).exp()),
            K::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            K::Floor => x.floor(),
            K::StopGradient => x,
        }
    }

    /// The derivative at `x`, where the function's value is `y`.
    fn derivative(self, x: &Tensor, y: &Tensor) -> Tensor {
        match self {
            K::Neg => x.graph().full(*x.shape(), -1.0),
            K::Abs => x.sign(),
            K::Square => x * 2.0,
            K::Recip => -y.square(),
            K::Sqrt => y.recip() * 0.5,
            K::Rsqrt => y.square() * y * -0.5,
            K::Exp => y.clone(),
            K::Exp2 => y * LN_2 as f32,
            K::Ln => x.recip(),
            K::Log2 => x.recip() * (1.0 / LN_2) as f32,
            K::Sin => x.cos(),
            K::Cos => -x.sin(),
            K::Tanh => 1.0 - y.square(),
            K::Sigmoid => y * (1.0 - y),
            K::Erf => (-x.square()).exp() * (2.0 / PI.sqrt()) as f32,
            K::Gelu => x.unary(K::GeluDerivative),
            K::GeluDerivative => {
                (x.square() * -0.5).exp() * (2.0 - x.square()) * (1.0 / (2.0 * PI).sqrt()) as f32
            }
            K::Relu => x.greater(&x.graph().scalar(0.0)),
            K::Silu => {
                let s = x.sigmoid();
                &s * (1.0 + x * (1.0 - &s))
            }
            K::Softplus => x.sigmoid(),
            K::Sign | K::Floor | K::StopGradient => x.graph().full(*x.shape(), 0.0),
        }
    }
}

impl Operator for Unary {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        vec![inputs[0].map(|x| self.0.evaluate(x))]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let gradient = at.gradient();
        let pulled = match self.0 {
            K::Neg => -gradient,
            kind => gradient * kind.derivative(&at.inputs[0], &at.outputs[0]),
        };
        vec![Some(pulled)]
    }

    fn differentiable(&self) -> Differentiable {
        match self.0 {
            K::Sign | K::Floor | K::StopGradient => Differentiable::Zero,
            _ => Differentiable::Yes,
        }
    }

    /// Down to luminal's log2, exp2, sin, sqrt, recip, less-than and arithmetic.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let x = &inputs[0];
        let zero = x.graph().scalar(0.0);
        let written_out = match self.0 {
            K::Recip | K::Sqrt | K::Exp2 | K::Log2 | K::Sin => return None,
            K::Neg => x * -1.0,
            K::Abs => x * x.sign(),
            K::Sign => zero.less(x) - x.less(&zero),
            K::Square => x * x,
            K::Rsqrt => x.sqrt().recip(),
            K::Exp => (x * (1.0 / LN_2) as f32).exp2(),
            K::Ln => x.log2() * LN_2 as f32,
            K::Cos => (x + (PI / 2.0) as f32).sin(),
            K::Tanh => (x * 2.0).sigmoid() * 2.0 - 1.0,
            K::Sigmoid => ((-x).exp() + 1.0).recip(),
            K::Erf => erf_by_series(x),
            K::Gelu => x * normal_distribution(x),
            K::GeluDerivative => {
                normal_distribution(x) + x * (x.square() * -0.5).exp() * (1.0 / (2.0 * PI).sqrt()) as f32
            }
            K::Relu => x * zero.less(x),
            K::Silu => x * x.sigmoid(),
            K::Softplus => x.relu() + ((-x.abs()).exp() + 1.0).ln(),
            K::Floor => {
                let fraction = x.modulo(&x.graph().scalar(1.0));
                x - &fraction - fraction.less(&zero)
            }
            K::StopGradient => x * 1.0,
        };
        Some(vec![written_out])
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

fn normal_distribution(x: &Tensor) -> Tensor {
    ((x * (1.0 / SQRT_2) as f32).erf() + 1.0) * 0.5
}

/// Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7.
fn erf_by_series(x: &Tensor) -> Tensor {
    let magnitude = x.abs();
    let t = (&magnitude * 0.327_591_1 + 1.0).recip();
    let coefficients = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_72, 0.254_829_6];
    let series = coefficients.into_iter().fold(None, |sum: Option<Tensor>, coefficient| {
        Some(sum.map_or_else(|| &t * coefficient, |sum| (sum + coefficient) * &t))
    });
    let tail = series.map(|series| series * (-x.square()).exp());
    tail.map_or_else(|| x.clone(), |tail| x.sign() * (1.0 - tail))
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident => $kind:ident),* $(,)?) => {
        impl Tensor {
            $($(#[$doc])*
            #[track_caller]
            pub fn $method(&self) -> Tensor {
                self.unary(UnaryKind::$kind)
            })*
        }
    };
}

methods! {
    /// |x|, elementwise.
    abs => Abs,
    /// −1, 0 or 1, elementwise; no gradient flows.
    sign => Sign,
    /// x², elementwise.
    square => Square,
    /// 1/x, elementwise.
    recip => Recip,
    /// √x, elementwise.
    sqrt => Sqrt,
    /// 1/√x, elementwise.
    rsqrt => Rsqrt,
    /// eˣ, elementwise.
    exp => Exp,
    /// 2ˣ, elementwise.
    exp2 => Exp2,
    /// Natural logarithm, elementwise.
    ln => Ln,
    /// Binary logarithm, elementwise.
    log2 => Log2,
    /// Sine of radians, elementwise.
    sin => Sin,
    /// Cosine of radians, elementwise.
    cos => Cos,
    /// Hyperbolic tangent, elementwise.
    tanh => Tanh,
    /// 1/(1+e⁻ˣ), elementwise.
    sigmoid => Sigmoid,
    /// Error function, elementwise.
    erf => Erf,
    /// x·Φ(x), elementwise, with the exact normal distribution function.
    gelu => Gelu,
    /// max(x, 0), elementwise.
    relu => Relu,
    /// x·sigmoid(x), elementwise.
    silu => Silu,
    /// ln(1+eˣ), elementwise.
    softplus => Softplus,
    /// Largest integer not above x, elementwise; no gradient flows.
    floor => Floor,
    /// The same values; gradients end here.
    stop_gradient => StopGradient,
}

impl Tensor {
    /// An elementwise function given as data.
    #[track_caller]
    pub fn unary(&self, kind: UnaryKind) -> Tensor {
        self.graph().push(Unary(kind), &[self])
    }
}

impl std::ops::Neg for &Tensor {
    type Output = Tensor;

    #[track_caller]
    fn neg(self) -> Tensor {
        self.unary(UnaryKind::Neg)
    }
}

impl std::ops::Neg for Tensor {
    type Output = Tensor;

    #[track_caller]
    fn neg(self) -> Tensor {
        -&self
    }
}
