//! Features of a frozen encoder.

use std::fmt;
use std::str::FromStr;

use equilayer_engine::{CompileOptions, Error, Executor, Graph, Plan, Tensor};
use serde::{Serialize, Serializer};

use crate::config::{FromNode, Scalar};
use crate::encoder::{EncoderConfig, Features};
use crate::nn::Pass;
use crate::program::names::ENCODER;

/// What is read of an encoder. Written `embedding`, `last4` or `tokens(3)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The embedding, `[width]` an image.
    Embedding,
    /// The embeddings (CLS, or pooled tokens) of the last few layers side by side, as SER's linear evaluation has it;
    /// of all layers where there are fewer.
    LastLayers(usize),
    /// The token map after a layer, row-major, `[tokens · width]` an image.
    Tokens(usize),
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Read::Embedding => f.write_str("embedding"),
            Read::LastLayers(count) => write!(f, "last{count}"),
            Read::Tokens(layer) => write!(f, "tokens({layer})"),
        }
    }
}

impl FromStr for Read {
    type Err = String;

    fn from_str(text: &str) -> Result<Read, String> {
        let number = |digits: &str| digits.parse::<usize>().ok().filter(|&number| number > 0);
        let tokens = text.strip_prefix("tokens(").and_then(|rest| rest.strip_suffix(')'));
        let read = match text {
            "embedding" => Some(Read::Embedding),
            _ => (text.strip_prefix("last").and_then(number).map(Read::LastLayers))
                .or_else(|| tokens.and_then(number).map(Read::Tokens)),
        };
        read.ok_or_else(|| {
            format!(
                "`{text}` is nothing to read of an encoder; write embedding, last4 (the last four layers' \
                 embeddings) or tokens(3) (the token map after layer 3)"
            )
        })
    }
}

impl Serialize for Read {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromNode for Read {
    fn expected() -> String {
        "a text such as \"last4\"".into()
    }

    fn from_scalar(scalar: &Scalar) -> Result<Read, String> {
        match scalar {
            Scalar::Text(text) => text.parse(),
            _ => Err(String::new()),
        }
    }

    fn to_toml(&self) -> String {
        format!("\"{self}\"")
    }
}

/// Runs a frozen encoder, in evaluation, on images of one size, in batches of one size.
pub struct FeatureExtractor {
    plan: Plan,
    batch: usize,
    pixels: usize,
    widths: Vec<usize>,
}

const IMAGES: &str = "images";

impl FeatureExtractor {
    /// Of the encoder whose states are named behind `prefix` and the usual ones: nothing for the student's, or the
    /// teacher's [`crate::plugin::TEACHER`].
    ///
    /// # Errors
    /// A layer that the encoder does not have, or a graph that cannot be compiled.
    pub fn new(
        encoder: &dyn EncoderConfig,
        prefix: &str,
        reads: &[Read],
        batch: usize,
        image: [usize; 2],
    ) -> Result<FeatureExtractor, Error> {
        let graph = Graph::new();
        let shape = [batch, encoder.channels(), image[0], image[1]];
        let images = graph.input(IMAGES, shape);
        let features =
            encoder.build(&graph, &format!("{prefix}{ENCODER}"))?.forward(&images, &Pass::evaluation());
        let mut widths = Vec::with_capacity(reads.len());
        for (index, read) in reads.iter().enumerate() {
            let values = read.of(&features).ok_or_else(|| {
                let layers = encoder.layers();
                Error::Executor(format!("{read} cannot be read: this encoder has layers 1 to {layers}"))
            })?;
            graph.output(&output(index), &values);
            widths.push(values.shape().elements() / batch.max(1));
        }
        let pixels = shape[1..].iter().product();
        Ok(FeatureExtractor { plan: graph.compile(&CompileOptions::new())?, batch, pixels, widths })
    }

    /// What is read of images `[n, channels, height, width]`: for each read, one row an image.
    ///
    /// # Errors
    /// What the executor reports.
    pub fn run(&self, executor: &mut dyn Executor, images: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let count = images.len() / self.pixels.max(1);
        let mut found: Vec<Vec<f32>> =
            self.widths.iter().map(|width| Vec::with_capacity(count * width)).collect();
        for batch in images.chunks(self.batch * self.pixels) {
            let rows = batch.len() / self.pixels;
            let mut full = batch.to_vec();
            full.resize(self.batch * self.pixels, 0.0);
            let outputs = executor.run(&self.plan, &[(IMAGES, &full)])?;
            for (index, (found, width)) in found.iter_mut().zip(&self.widths).enumerate() {
                found.extend_from_slice(&outputs.get(&output(index))?[..rows * width]);
            }
        }
        Ok(found)
    }

    /// Numbers an image, of each read.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// What it runs, to see which states it needs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

fn output(index: usize) -> String {
    format!("features.{index}")
}

impl Read {
    fn of(self, features: &Features) -> Option<Tensor> {
        match self {
            Read::Embedding => Some(features.embedding()),
            Read::LastLayers(count) => {
                let layers = features.layers.iter().rev().take(count);
                let vectors: Vec<Tensor> =
                    layers.map(|layer| layer.cls.clone().unwrap_or_else(|| layer.pooled())).collect();
                let (first, rest) = vectors.split_first()?;
                Some(match rest {
                    [] => first.clone(),
                    rest => first.concat(&rest.iter().collect::<Vec<_>>(), 1),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_as_it_is_parsed() {
        for read in [Read::Embedding, Read::LastLayers(4), Read::Tokens(12)] {
            assert_eq!(read.to_string().parse(), Ok(read));
        }
        for wrong in ["last", "last0", "tokens", "tokens(0)", "tokens(3", "cls"] {
            let error = wrong.parse::<Read>().unwrap_err();
            assert!(error.starts_with(&format!("`{wrong}` is nothing to read")), "{error}");
        }
    }
}
