//! Features of a frozen encoder.

use equilayer_engine::{CompileOptions, Error, Executor, Graph, Plan};

use crate::encoder::{EncoderConfig, Features};
use crate::nn::Pass;
use crate::program::names::ENCODER;

/// What is read of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The embedding, `[width]` an image.
    Embedding,
    /// The embeddings (CLS, or pooled tokens) of the last few layers side by side, as SER's linear evaluation has it.
    LastLayers(usize),
    /// The token map after a layer, row-major, `[tokens · width]` an image.
    Tokens(usize),
}

/// Runs a frozen encoder, in evaluation, on images of one size, in batches of one size.
pub struct FeatureExtractor {
    plan: Plan,
    batch: usize,
    pixels: usize,
    width: usize,
}

const IMAGES: &str = "images";
const FEATURES: &str = "features";

impl FeatureExtractor {
    /// Of the encoder whose states are named behind `prefix` and the usual ones: nothing for the student's, or the
    /// teacher's [`crate::plugin::TEACHER`].
    ///
    /// # Errors
    /// A layer that the encoder does not have, or a graph that cannot be compiled.
    pub fn new(
        encoder: &dyn EncoderConfig,
        prefix: &str,
        read: Read,
        batch: usize,
        image: [usize; 2],
    ) -> Result<FeatureExtractor, Error> {
        let graph = Graph::new();
        let shape = [batch, encoder.channels(), image[0], image[1]];
        let images = graph.input(IMAGES, shape);
        let features =
            encoder.build(&graph, &format!("{prefix}{ENCODER}"))?.forward(&images, &Pass::evaluation());
        let values = read.of(&features).ok_or_else(|| {
            Error::Executor(format!("{read:?}: this encoder has layers 1 to {}", encoder.layers()))
        })?;
        graph.output(FEATURES, &values);
        let width = values.shape().elements() / batch.max(1);
        let pixels = shape[1..].iter().product();
        Ok(FeatureExtractor { plan: graph.compile(&CompileOptions::new())?, batch, pixels, width })
    }

    /// Features of images `[n, channels, height, width]`, one row an image.
    ///
    /// # Errors
    /// What the executor reports.
    pub fn run(&self, executor: &mut dyn Executor, images: &[f32]) -> Result<Vec<f32>, Error> {
        let mut features = Vec::with_capacity(images.len() / self.pixels.max(1) * self.width);
        for batch in images.chunks(self.batch * self.pixels) {
            let rows = batch.len() / self.pixels;
            let mut full = batch.to_vec();
            full.resize(self.batch * self.pixels, 0.0);
            let outputs = executor.run(&self.plan, &[(IMAGES, &full)])?;
            features.extend_from_slice(&outputs.get(FEATURES)?[..rows * self.width]);
        }
        Ok(features)
    }

    /// Numbers an image.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl Read {
    fn of(self, features: &Features) -> Option<equilayer_engine::Tensor> {
        match self {
            Read::Embedding => Some(features.embedding()),
            Read::LastLayers(count) => {
                let vectors: Vec<_> = features
                    .layers
                    .iter()
                    .rev()
                    .take(count)
                    .map(|layer| layer.cls.clone().unwrap_or_else(|| layer.pooled()))
                    .collect();
                let (first, rest) = vectors.split_first()?;
                Some(if rest.is_empty() {
                    first.clone()
                } else {
                    first.concat(&rest.iter().collect::<Vec<_>>(), 1)
                })
            }
            Read::Tokens(layer) => {
                let tokens = &features.layer(layer)?.tokens;
                let [batch, count, width] = [0, 1, 2].map(|axis| tokens.dim(axis));
                Some(tokens.reshape([batch, count * width]))
            }
        }
    }
}
