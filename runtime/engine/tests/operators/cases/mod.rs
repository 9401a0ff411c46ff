//! The table of cases: one file for each family of operators. Tests of other executors take this module too.

mod attention;
mod compare;
mod contract;
mod elementwise;
mod image;
mod info_nce;
mod losses;
mod movement;
mod norms;
mod random;
mod reduce;
mod sparse;
mod update;

use equilayer_engine::array::Array;
use equilayer_engine::random::Stream;
use equilayer_engine::reference::Values;
use equilayer_engine::{Graph, Shape, Tensor};

pub use self::compare::compare;

/// Builds the outputs of a case from its inputs.
type Build = Box<dyn Fn(&Graph, &[Tensor]) -> Vec<Tensor>>;

/// One row of the sweep.
pub struct Case {
    /// Operator and what is special.
    pub name: String,
    /// What is fed.
    pub inputs: Vec<Fed>,
    /// Builds the outputs.
    pub build: Build,
    /// Largest difference of `f32` kernels from the reference, relative to the largest value of a tensor.
    pub tolerance: f64,
    /// Whether gradients are checked.
    pub differentiable: bool,
    /// Whether luminal's interpreter is compared, where it can be.
    pub interpreted: bool,
    /// Whether some probes may hit a kink.
    pub kinked: bool,
}

/// An input of a case.
pub struct Fed {
    pub shape: Shape,
    pub domain: Domain,
    pub differentiable: bool,
}

/// Which values an input takes.
#[derive(Clone, Copy, Debug)]
pub enum Domain {
    /// −2 to 2.
    Any,
    /// 0.1 to 3.1.
    Positive,
    /// 0.02 to 0.98: probabilities.
    Unit,
    /// Whole numbers below this.
    Index(usize),
    /// 0 or 1.
    Mask,
    /// Multiples of 1/8, shifted off 0: ties happen, kinks at 0 do not.
    Apart,
}

/// An input of any values.
pub fn fed(shape: impl Into<Shape>) -> Fed {
    Fed { shape: shape.into(), domain: Domain::Any, differentiable: true }
}

impl Fed {
    /// Other values.
    pub fn of(self, domain: Domain) -> Fed {
        let differentiable = !matches!(domain, Domain::Index(_) | Domain::Mask);
        Fed { domain, differentiable, ..self }
    }

    /// No gradient with respect to it.
    pub fn constant(self) -> Fed {
        Fed { differentiable: false, ..self }
    }
}

impl Case {
    /// A case at the common tolerance, with gradients.
    pub fn new(
        name: impl Into<String>,
        inputs: Vec<Fed>,
        build: impl Fn(&Graph, &[Tensor]) -> Vec<Tensor> + 'static,
    ) -> Case {
        Case {
            name: name.into(),
            inputs,
            build: Box::new(build),
            tolerance: 3e-6,
            differentiable: true,
            interpreted: true,
            kinked: false,
        }
    }

    /// Another tolerance, with its reason.
    pub fn within(self, tolerance: f64, _reason: &str) -> Case {
        Case { tolerance, ..self }
    }

    /// Without a gradient.
    pub fn values_only(self) -> Case {
        Case { differentiable: false, ..self }
    }

    /// Not in luminal's interpreter, with the reason.
    pub fn not_interpreted(self, _reason: &str) -> Case {
        Case { interpreted: false, ..self }
    }

    /// What is fed, by name: `in0`, `in1` and so on.
    pub fn values(&self) -> Values {
        let array = |(i, input): (usize, &Fed)| {
            let values = values(input.shape.elements(), i as u64 + 1, input.domain);
            (format!("in{i}"), Array::new(input.shape, values))
        };
        self.inputs.iter().enumerate().map(array).collect()
    }

    /// With kinks where values tie.
    pub fn kinked(self) -> Case {
        Case { kinked: true, ..self }
    }
}

/// Reproducible values that are exact in `f32`.
pub fn values(count: usize, stream: u64, domain: Domain) -> Vec<f64> {
    let uniform = Stream::new(7, stream).uniforms().take(count);
    let value = |u: f32| -> f32 {
        match domain {
            Domain::Any => 4.0 * u - 2.0,
            Domain::Positive => 0.1 + 3.0 * u,
            Domain::Unit => 0.02 + 0.96 * u,
            Domain::Index(below) => (u * below as f32).floor(),
            Domain::Mask => f32::from(u8::from(u < 0.5)),
            Domain::Apart => ((4.0 * u - 2.0) * 8.0).round() / 8.0 + 0.03125,
        }
    };
    uniform.map(|u| f64::from(value(u))).collect()
}

/// All cases.
pub fn all() -> Vec<Case> {
    [
        attention::cases(),
        contract::cases(),
        elementwise::cases(),
        image::cases(),
        info_nce::cases(),
        losses::cases(),
        movement::cases(),
        norms::cases(),
        random::cases(),
        reduce::cases(),
        sparse::cases(),
        update::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
