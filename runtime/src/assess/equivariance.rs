//! Equivariance by layer, and invariance at the output.

use super::AssessError;
use super::assessment::{Assessment, Subject, Test};
use super::bench::{Bench, Encoding};
use super::extract::Read;
use crate::action::Grid;
use crate::evaluate::equivariance::{PairMeasures, equivariance, patch_pooling, quarter_turns};
use crate::evaluate::{EvaluateError, Evaluation, ImageBatch, TokenMaps};

/// Cosine and error, in a sentence.
const PROTOCOL: &str = "ρ_g F(x) against F(g·x) over the three quarter turns, token by token";

/// Layers whose token maps lie on one grid.
pub(super) struct Level {
    pub grid: Grid,
    pub layers: Vec<usize>,
}

impl Bench {
    pub(super) fn levels(&self, image: [usize; 2]) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for layer in 1..=self.encoder.layers() {
            let grid = self.encoder.grid(layer, image);
            match levels.iter_mut().find(|level| level.grid == grid) {
                Some(level) => level.layers.push(layer),
                None => levels.push(Level { grid, layers: vec![layer] }),
            }
        }
        levels
    }

    /// The measures of every layer, of the embedding, and of patch pooling on each grid, under quarter turns.
    pub(super) fn assess_equivariance(
        &self,
        assessment: &mut Assessment,
        subjects: &mut [(Subject, Encoding<'_>)],
        images: &ImageBatch,
        split: &str,
    ) -> Result<(), AssessError> {
        let side = [images.grid().rows, images.grid().columns];
        if side[0] != side[1] {
            return Ok(()); // A quarter turn would give the encoder images of another shape.
        }
        let mut reads: Vec<Read> = (1..=self.encoder.layers()).map(Read::Tokens).collect();
        reads.push(Read::Embedding);
        let extractor = self.extractor(&reads)?;
        for level in self.levels(side) {
            let patch = side[0] / level.grid.rows.max(1);
            let turns = quarter_turns(level.grid);
            for (subject, encoding) in &mut *subjects {
                let maps = |images: &ImageBatch| {
                    let mut values = encoding.run(&extractor, images).map_err(as_evaluate)?;
                    let embedding = values.pop().unwrap_or_default();
                    let mut maps = self.maps(&level, values)?;
                    maps.push(TokenMaps::vectors(embedding, extractor.widths()[reads.len() - 1])?);
                    Ok(maps)
                };
                let found = equivariance(images, &turns, patch, maps)?;
                self.record(assessment, *subject, &level, &found, split)?;
            }
            let floor = patch_pooling(patch);
            let found = equivariance(images, &turns, patch, floor)?;
            for (&layer, measures) in level.layers.iter().zip(found.iter().cycle()) {
                let numbers = measures.measurements(&Evaluation::new(split, PROTOCOL))?;
                assessment.add(Test::Equivariance, Subject::PatchPooling, Some(layer), numbers);
            }
        }
        Ok(())
    }

    /// The maps of a level's layers, of what was read of all layers.
    pub(super) fn maps(
        &self,
        level: &Level,
        mut values: Vec<Vec<f32>>,
    ) -> Result<Vec<TokenMaps>, EvaluateError> {
        let map = |&layer: &usize| {
            let width = self.encoder.width(layer);
            TokenMaps::new(std::mem::take(&mut values[layer - 1]), level.grid, width)
        };
        level.layers.iter().map(map).collect()
    }

    fn record(
        &self,
        assessment: &mut Assessment,
        subject: Subject,
        level: &Level,
        found: &[PairMeasures],
        split: &str,
    ) -> Result<(), AssessError> {
        let evaluation = Evaluation::new(split, PROTOCOL);
        for (&layer, measures) in level.layers.iter().zip(found) {
            let numbers = measures.measurements(&evaluation)?;
            assessment.add(Test::Equivariance, subject, Some(layer), numbers);
        }
        // The embedding is the same whatever the grid: it is told once, with the last layer.
        if let (true, Some(measures)) = (level.layers.contains(&self.encoder.layers()), found.last()) {
            let protocol = "f(x) against f(g·x) over the three quarter turns, the embedding";
            let numbers = measures.measurements(&Evaluation::new(split, protocol))?;
            assessment.add(Test::Invariance, subject, None, numbers);
        }
        Ok(())
    }
}

/// Evaluations call the encoder and know their own errors only.
pub(super) fn as_evaluate(error: AssessError) -> EvaluateError {
    match error {
        AssessError::Evaluate(error) => error,
        other => EvaluateError::Engine(equilayer_engine::Error::Executor(other.to_string())),
    }
}
