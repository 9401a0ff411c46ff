//! Random tensors from counters, and what is made from them: dropout and stochastic depth.

use super::index::{INDEX_LIMIT, place};
use super::{Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::random::{block, normal_pair, uniform};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Numbers of a distribution, for each sample of a batch `[batch, shape…]`. Inputs: the key `[2]` (seed, step) and
/// the samples' global indices `[batch]`, all whole numbers below 2²⁴; others give NaN. They have no gradient.
///
/// **File format**, never to change: words `4·b` to `4·b + 3` of a sample are those of
/// `block([seed, step], [b, sample, use_id, DOMAIN])`. Uniform element `e` is made of word `e`, the normal elements
/// `2·m` and `2·m + 1` of the words of these numbers. So a number depends on seed, step, sample, use and place
/// alone: not on who else is in the batch, nor on threads, nor on the executor.
///
/// It has no decomposition: luminal has no integer arithmetic.
#[derive(Clone, Debug, PartialEq)]
pub struct Random {
    /// What is drawn.
    pub distribution: Distribution,
    /// Which use of randomness this is; two uses with one number draw the same words.
    pub use_id: u32,
    /// Axes of one sample.
    pub shape: Shape,
}

/// The distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Uniform on [0, 1): multiples of 2⁻²⁴.
    Uniform,
    /// Normal with mean 0 and variance 1.
    Normal,
}

impl Random {
    /// The last counter word: keeps these draws apart from those that fill parameters under the same key.
    pub(crate) const DOMAIN: u32 = u32::from_le_bytes(*b"draw");
}

/// What counters of one sample start from; nothing where the key or the sample are no whole numbers below 2²⁴.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter {
    key: [u32; 2],
    sample: u32,
    use_id: u32,
}

impl Counter {
    pub(crate) fn new(key: [f64; 2], sample: f64, use_id: u32) -> Option<Counter> {
        let word = |number: f64| place(number, INDEX_LIMIT).map(|whole| whole as u32);
        Some(Counter { key: [word(key[0])?, word(key[1])?], sample: word(sample)?, use_id })
    }
}

impl Distribution {
    /// Elements `4·number` to `4·number + 3` of a sample.
    #[inline(always)]
    pub(crate) fn four(self, counter: Counter, number: u32) -> [f32; 4] {
        let words = block(counter.key, [number, counter.sample, counter.use_id, Random::DOMAIN]);
        match self {
            Distribution::Uniform => words.map(uniform),
            Distribution::Normal => {
                let ([a, b], [c, d]) = (normal_pair([words[0], words[1]]), normal_pair([words[2], words[3]]));
                [a, b, c, d]
            }
        }
    }
}

impl Operator for Random {
    fn name(&self) -> &'static str {
        match self.distribution {
            Distribution::Uniform => "random uniform",
            Distribution::Normal => "random normal",
        }
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [key, samples] = [inputs[0], inputs[1]];
        if key != Shape::from([2]) {
            return Err(format!("the key is (seed, step) of shape [2], not {key}"));
        }
        match samples.len() {
            1 => Ok(vec![Shape::from([&samples[..], &self.shape].concat())]),
            _ => Err(format!("samples are indices of shape [batch], not {samples}")),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [key, samples] = [inputs[0].data(), inputs[1].data()];
        let elements = self.shape.elements();
        let draw = |&sample: &f64| -> Vec<f64> {
            let Some(counter) = Counter::new([key[0], key[1]], sample, self.use_id) else {
                return vec![f64::NAN; elements];
            };
            let fours =
                (0..elements.div_ceil(4) as u32).flat_map(|number| self.distribution.four(counter, number));
            fours.take(elements).map(f64::from).collect()
        };
        vec![Array::new(outputs[0], samples.iter().flat_map(draw).collect())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        vec![None; at.inputs.len()]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::Zero
    }

    /// Ten rounds of some ten operations for four numbers.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(25 * outputs[0].elements(), inputs, outputs)
    }
}

/// The source of a graph's random numbers: what to feed at each step so that runs repeat.
///
/// The numbers drawn for a sample depend on the key, the sample's index and the use alone: a batch may be cut,
/// reordered or spread over machines without changing them.
#[derive(Clone, Debug)]
pub struct Randomness {
    key: Tensor,
    samples: Tensor,
}

impl Randomness {
    /// Draws under `key`, (seed, step) of shape `[2]`, for `samples`, global sample indices of shape `[batch]`: all
    /// whole numbers below 2²⁴. Others give NaN.
    pub fn new(key: &Tensor, samples: &Tensor) -> Randomness {
        Randomness { key: key.clone(), samples: samples.clone() }
    }

    /// Uniform numbers in [0, 1), `[batch, shape…]`. Every use in a step needs a `use_id` of its own.
    #[track_caller]
    pub fn uniform(&self, use_id: u32, shape: impl Into<Shape>) -> Tensor {
        self.draw(Distribution::Uniform, use_id, shape.into())
    }

    /// Standard normal numbers, `[batch, shape…]`. Every use in a step needs a `use_id` of its own.
    #[track_caller]
    pub fn normal(&self, use_id: u32, shape: impl Into<Shape>) -> Tensor {
        self.draw(Distribution::Normal, use_id, shape.into())
    }

    /// 1 with probability `probability` (a scalar, or broadcast with the result), else 0: `[batch, shape…]`. Every
    /// use in a step needs a `use_id` of its own.
    #[track_caller]
    pub fn bernoulli(&self, probability: &Tensor, use_id: u32, shape: impl Into<Shape>) -> Tensor {
        self.uniform(use_id, shape).less(probability)
    }

    #[track_caller]
    fn draw(&self, distribution: Distribution, use_id: u32, shape: Shape) -> Tensor {
        self.key.graph().push(Random { distribution, use_id, shape }, &[&self.key, &self.samples])
    }
}

impl Tensor {
    /// Elements set to 0 with probability `p`, in 0 to 1 exclusive, and the others divided by 1 − p: Srivastava et
    /// al. 2014. The leading axis is the batch. Every use in a step needs a `use_id` of its own.
    #[track_caller]
    pub fn dropout(&self, p: f32, randomness: &Randomness, use_id: u32) -> Tensor {
        self.drop_with("dropout", p, randomness, use_id, |shape| (Shape::new(&shape[1..]), *shape))
    }

    /// Whole samples set to 0 with probability `p`, in 0 to 1 exclusive, and the others divided by 1 − p: stochastic
    /// depth (Huang et al. 2016) for the branch of a residual block, timm's `DropPath`. The leading axis is the
    /// batch. Every use in a step needs a `use_id` of its own.
    #[track_caller]
    pub fn drop_path(&self, p: f32, randomness: &Randomness, use_id: u32) -> Tensor {
        let one_a_sample = |shape: &Shape| (Shape::SCALAR, shape.keeping((1..shape.len()).collect()));
        self.drop_with("drop_path", p, randomness, use_id, one_a_sample)
    }

    /// `mask` gives the axes drawn for each sample, and the shape under which the mask meets the tensor.
    #[track_caller]
    fn drop_with(
        &self,
        name: &'static str,
        p: f32,
        randomness: &Randomness,
        use_id: u32,
        mask: impl FnOnce(&Shape) -> (Shape, Shape),
    ) -> Tensor {
        let refuse = |detail: String| self.graph().refuse(name, detail, &[self, &randomness.samples]);
        if !(0.0..1.0).contains(&p) {
            return refuse(format!("the probability {p} is not in 0 (kept) to 1 exclusive"));
        }
        if self.shape().first() != randomness.samples.shape().first() {
            return refuse("the leading axis must have one element for each sample".into());
        }
        if p == 0.0 || self.is_placeholder() {
            return self.clone();
        }
        let (drawn, met) = mask(self.shape());
        let dropped = self.graph().scalar(p);
        let kept = dropped.less_equal(&randomness.uniform(use_id, drawn)).reshape(met);
        self * (kept * (1.0 / (1.0 - p)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_documented_words() {
        let counter = Counter::new([7.0, 9.0], 5.0, 3).expect("whole numbers");
        let words = block([7, 9], [2, 5, 3, 0x7761_7264]);
        assert_eq!(Distribution::Uniform.four(counter, 2), words.map(uniform));
        let normal = Distribution::Normal.four(counter, 2);
        assert_eq!(normal[..2], normal_pair([words[0], words[1]]));
        assert_eq!(normal[2..], normal_pair([words[2], words[3]]));
    }

    #[test]
    fn keys_that_f32_cannot_tell_apart_are_none() {
        for number in [16_777_216.0, -1.0, 0.5, f64::NAN] {
            assert!(Counter::new([number, 0.0], 0.0, 0).is_none());
            assert!(Counter::new([0.0, number], 0.0, 0).is_none());
            assert!(Counter::new([0.0, 0.0], number, 0).is_none());
        }
    }
}
