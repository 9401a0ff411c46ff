//! Losses: one number each, and the arithmetic that combines them.

use std::iter::Sum;
use std::ops::{Add, Div, Mul};

use equilayer_engine::{Shape, Tensor};

/// What a plugin's function returns: one number, a mean over the samples it was given. The default is 0.
///
/// A mean over "the batch": write it with operators that see the whole batch, never with a number of samples counted
/// on one device.
///
/// ```
/// # use equilayer::engine::Graph;
/// # use equilayer::plugin::Loss;
/// # let graph = Graph::new();
/// # let (a, b) = (graph.input("a", [4]), graph.input("b", [4]));
/// let loss: Loss = [a, b].iter().map(|x| Loss::from(x.square().mean_all())).sum();
/// let half = loss / 2.0;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Loss {
    /// Nothing for 0.
    value: Option<Tensor>,
}

impl Loss {
    /// The value in the graph; nothing for a loss that nothing was added to.
    pub fn tensor(&self) -> Option<&Tensor> {
        self.value.as_ref()
    }
}

impl From<Tensor> for Loss {
    /// Of a tensor with one element; anything else is recorded as an error in the graph.
    #[track_caller]
    fn from(tensor: Tensor) -> Loss {
        Loss { value: Some(tensor.reshape(Shape::SCALAR)) }
    }
}

impl Add for Loss {
    type Output = Loss;

    #[track_caller]
    fn add(self, other: Loss) -> Loss {
        let value = match (self.value, other.value) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Loss { value }
    }
}

impl Add<f32> for Loss {
    type Output = Loss;

    /// A constant changes no gradient: it makes a loss the number that a paper reports.
    #[track_caller]
    fn add(self, constant: f32) -> Loss {
        Loss { value: self.value.map(|value| value + constant) }
    }
}

impl Sum for Loss {
    fn sum<I: Iterator<Item = Loss>>(losses: I) -> Loss {
        losses.fold(Loss::default(), Loss::add)
    }
}

impl Mul<f32> for Loss {
    type Output = Loss;

    #[track_caller]
    fn mul(self, factor: f32) -> Loss {
        Loss { value: self.value.map(|value| value * factor) }
    }
}

impl Mul<Loss> for f32 {
    type Output = Loss;

    #[track_caller]
    fn mul(self, loss: Loss) -> Loss {
        loss * self
    }
}

impl Mul<&Tensor> for Loss {
    type Output = Loss;

    #[track_caller]
    fn mul(self, factor: &Tensor) -> Loss {
        Loss { value: self.value.map(|value| value * factor) }
    }
}

impl Div<f32> for Loss {
    type Output = Loss;

    #[track_caller]
    fn div(self, divisor: f32) -> Loss {
        Loss { value: self.value.map(|value| value / divisor) }
    }
}
