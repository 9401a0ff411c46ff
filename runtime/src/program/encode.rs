//! Running an encoder on several sets of images at once.

use std::collections::BTreeMap;

use equilayer_engine::{Graph, Randomness, Tensor};

use crate::encoder::{Encoder, Features, Layer};
use crate::nn::Pass;

/// How one network of a program runs.
pub(super) struct Network<'a> {
    pub encoder: &'a dyn Encoder,
    /// Whether samples see one another inside, through batch norm: then each view is a batch of its own, as in the
    /// papers' codes.
    pub couples_samples: bool,
    /// Probability of stochastic depth at the last block.
    pub drop_path: f32,
    /// Key of the step's random numbers.
    pub key: Option<&'a Tensor>,
    /// Tells networks apart.
    pub stream: &'static str,
}

impl Network<'_> {
    /// Features of each named set of images. Sets of one size go through the encoder together where it lets them.
    #[track_caller]
    pub fn encode(&self, images: &[(String, Tensor)]) -> BTreeMap<String, Features> {
        let mut groups: Vec<Vec<&(String, Tensor)>> = Vec::new();
        for set in images {
            let size = |set: &(String, Tensor)| [set.1.dim(2), set.1.dim(3)];
            let alike = groups.iter_mut().find(|group| !self.couples_samples && size(group[0]) == size(set));
            match alike {
                Some(group) => group.push(set),
                None => groups.push(vec![set]),
            }
        }
        let mut encoded = BTreeMap::new();
        for (index, group) in groups.iter().enumerate() {
            let (first, rest) = (&group[0].1, group[1..].iter().map(|set| &set.1).collect::<Vec<_>>());
            let together = if rest.is_empty() { first.clone() } else { first.concat(&rest, 0) };
            let features = self.encoder.forward(&together, &self.pass(index, &together));
            let mut start = 0;
            for (name, images) in group.iter() {
                let samples = images.dim(0);
                encoded.insert(name.clone(), samples_of(&features, start, samples, rest.is_empty()));
                start += samples;
            }
        }
        encoded
    }

    /// Running statistics move on the first set alone: they move once a step.
    fn pass(&self, index: usize, images: &Tensor) -> Pass {
        let pass = if index == 0 { Pass::training() } else { Pass::training().keeping_statistics() };
        match self.key {
            Some(key) if self.drop_path > 0.0 => {
                let samples = positions(images.graph(), images.dim(0));
                let stream = format!("{}.{index}", self.stream);
                pass.stochastic_depth(self.drop_path, &Randomness::new(key, &samples), &stream)
            }
            _ => pass,
        }
    }
}

fn positions(graph: &Graph, samples: usize) -> Tensor {
    graph.constant([samples], (0..samples).map(|sample| sample as f32).collect::<Vec<_>>())
}

#[track_caller]
fn samples_of(features: &Features, start: usize, samples: usize, all: bool) -> Features {
    if all {
        return features.clone();
    }
    let cut = |layer: &Layer| Layer {
        tokens: layer.tokens.slice(0, start, samples),
        grid: layer.grid,
        cls: layer.cls.as_ref().map(|cls| cls.slice(0, start, samples)),
    };
    Features { layers: features.layers.iter().map(cut).collect(), output: cut(&features.output) }
}
