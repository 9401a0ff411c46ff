//! Running works in turn, and their times.

use equilayer_engine::CpuExecutor;

use super::error::BenchError;
use super::work::Work;

/// Seconds of each measured step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times(pub Vec<f64>);

impl Times {
    /// The shortest.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The longest.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The middle one, or the mean of the two in the middle; NaN of none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n.is_multiple_of(2) => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
            n => sorted[n / 2],
        }
    }

    /// Each time over the other's of the same round.
    pub fn over(&self, other: &Times) -> Times {
        Times(self.0.iter().zip(&other.0).map(|(time, other)| time / other).collect())
    }
}

/// What was measured of a work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Of whole steps.
    pub step: Times,
    /// Of what a step waits for before its kernels run: views under their group elements, a plan for their grids.
    pub inputs: Times,
    /// Floating-point operations of a step's matrix products, in the mean.
    pub flops: f64,
}

/// Runs each work once to warm up, then all of them in turn, `steps` times; who begins changes from round to round.
///
/// # Errors
/// A step that fails.
pub fn measure(
    works: &mut [Work],
    executor: &mut CpuExecutor,
    steps: usize,
) -> Result<Vec<Measured>, BenchError> {
    for work in works.iter_mut() {
        work.run(executor)?;
    }
    let mut measured = vec![Measured::default(); works.len()];
    for round in 0..steps {
        for turn in 0..works.len() {
            let index = (turn + round) % works.len();
            let ran = works[index].run(executor)?;
            measured[index].step.0.push(ran.total.as_secs_f64());
            measured[index].inputs.0.push(ran.inputs.as_secs_f64());
            measured[index].flops += ran.product_flops as f64 / steps as f64;
        }
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(Times(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Times(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(Times::default().median().is_nan());
        let times = Times(vec![3.0, 1.0, 2.0]);
        assert_eq!((times.min(), times.max()), (1.0, 3.0));
        assert_eq!(times.over(&Times(vec![1.5, 1.0, 4.0])), Times(vec![2.0, 1.0, 0.5]));
    }
}
