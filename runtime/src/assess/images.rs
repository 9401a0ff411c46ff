//! Images to measure on, a batch at a time.

use std::sync::Arc;

use super::AssessError;
use crate::action::Grid;
use crate::augment::{Draw, Normalize, Pipeline};
use crate::data::{Dataset, Image};
use crate::evaluate::{EvaluateError, Features, ImageBatch};

/// Images loaded at once: bounds memory, whatever the data set's size.
pub(super) const PIECE: usize = 256;

/// Raw pixels are probed at no more than this height and width; larger images are averaged down.
const LARGEST_RAW: usize = 64;

/// A data set's images, or evenly spaced ones of them, as they are but for a crop in the middle.
pub struct Images {
    set: Arc<dyn Dataset>,
    indices: Vec<usize>,
    /// To pixels in [0, 1].
    plain: Pipeline,
    workers: usize,
}

impl Images {
    /// At most `most` images of a set; all of them for 0. `plain` brings images to one size.
    pub fn new(set: Arc<dyn Dataset>, plain: &Pipeline, most: usize, workers: usize) -> Images {
        let (count, all) = (set.len(), most == 0 || most >= set.len());
        let indices = if all {
            (0..count).collect()
        } else {
            // Evenly spaced: folders have their classes one after the other.
            (0..most).map(|index| index * count / most).collect()
        };
        Images { set, indices, plain: plain.clone(), workers: workers.max(1) }
    }

    /// The data set's name and how much of it: "digits test", "digits test, 500 of 2000 images".
    pub fn name(&self) -> String {
        let (name, count, all) = (self.set.name(), self.indices.len(), self.set.len());
        if count == all { name.to_owned() } else { format!("{name}, {count} of {all} images") }
    }

    /// Labels, where every image has one.
    pub fn labels(&self) -> Option<Vec<u32>> {
        self.indices.iter().map(|&index| self.set.label(index).map(|label| label as u32)).collect()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.set.classes().len()
    }

    /// All images in [0, 1], for sets known to be small.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub fn all(&self) -> Result<ImageBatch, AssessError> {
        self.load(&self.indices)
    }

    /// All images in [0, 1], `size` at a time: the place of the first among them, and they.
    pub(super) fn pieces(
        &self,
        size: usize,
    ) -> impl Iterator<Item = Result<(usize, ImageBatch), AssessError>> {
        let pieces = self.indices.chunks(size).enumerate();
        pieces.map(move |(number, piece)| Ok((number * size, self.load(piece)?)))
    }

    /// What `encode` makes of all images, piece by piece: one row an image, with labels where there are any.
    ///
    /// # Errors
    /// An image that cannot be read, and whatever `encode` reports.
    pub fn features(
        &self,
        mut encode: impl FnMut(&ImageBatch) -> Result<Vec<f32>, AssessError>,
    ) -> Result<Features, AssessError> {
        let mut values = Vec::new();
        for piece in self.pieces(PIECE) {
            values.extend(encode(&piece?.1)?);
        }
        let width = values.len() / self.indices.len().max(1);
        let features = Features::new(values, width)?;
        match self.labels() {
            Some(labels) => Ok(features.labelled(labels, self.classes())?),
            None => Ok(features),
        }
    }

    /// Two views of each image, drawn by the training's augmentations from the seed; normalized.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub fn views(&self, global: &[Pipeline; 2], seed: u64) -> Result<[Vec<f32>; 2], AssessError> {
        let draw = |index: usize, view: u64| Draw::new(seed, &[index as u64, view]);
        let pair = |index: usize, image: Image| {
            [0, 1].map(|view| global[view].apply(&image, &draw(index, view as u64)).0)
        };
        let pairs = self.each(&self.indices, pair)?;
        let mut views = [Vec::new(), Vec::new()];
        for [first, second] in pairs {
            views[0].extend(first);
            views[1].extend(second);
        }
        Ok(views)
    }

    fn load(&self, indices: &[usize]) -> Result<ImageBatch, AssessError> {
        let channels = self.plain.normalize().mean.len();
        let unit = Normalize { mean: vec![0.0; channels], std: vec![1.0; channels] };
        let plain = |_: usize, image: Image| {
            let parameters = self.plain.draw([image.height(), image.width()], &Draw::new(0, &[]));
            let seen = self.plain.transform(&image, &parameters);
            (Grid::new(seen.height(), seen.width()), unit.pixels(seen))
        };
        let images = self.each(indices, plain)?;
        let grid = images.first().map_or(Grid::new(1, 1), |(grid, _)| *grid);
        let values = images.into_iter().flat_map(|(_, pixels)| pixels).collect();
        Ok(ImageBatch::new(values, channels, grid)?)
    }

    /// Something made of each image, in order; images are decoded in parallel.
    fn each<T: Send>(
        &self,
        indices: &[usize],
        make: impl Fn(usize, Image) -> T + Sync,
    ) -> Result<Vec<T>, AssessError> {
        let part = indices.len().div_ceil(self.workers).max(1);
        let one = |&index: &usize| Ok(make(index, self.set.image(index)?));
        let work = |part: &[usize]| part.iter().map(one).collect::<Result<Vec<T>, AssessError>>();
        std::thread::scope(|scope| {
            let handles: Vec<_> = indices.chunks(part).map(|part| scope.spawn(move || work(part))).collect();
            let mut made = Vec::with_capacity(indices.len());
            for handle in handles {
                made.extend(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(made)
        })
    }
}

/// Pixels as an encoder is fed them.
pub(super) fn normalized(images: &ImageBatch, normalize: &Normalize) -> Vec<f32> {
    let area = images.grid().cells();
    let channels = normalize.mean.iter().zip(&normalize.std).cycle();
    let planes = images.values().chunks_exact(area).zip(channels);
    planes.flat_map(|(plane, (mean, std))| plane.iter().map(move |value| (value - mean) / std)).collect()
}

/// Pixels as features. Large images are averaged over squares until neither side is above [`LARGEST_RAW`].
pub(super) fn raw(images: &ImageBatch) -> Vec<f32> {
    let (grid, factor) = (images.grid(), raw_factor(images.grid()));
    let (rows, columns) = (grid.rows / factor, grid.columns / factor);
    let mean = |plane: &[f32], row: usize, column: usize| {
        let line = |r: usize| &plane[(row * factor + r) * grid.columns + column * factor..][..factor];
        (0..factor).flat_map(line).sum::<f32>() / (factor * factor) as f32
    };
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let plane = |plane| cells.clone().map(move |(row, column)| mean(plane, row, column));
    images.values().chunks_exact(grid.cells()).flat_map(plane).collect()
}

/// The side of the squares that raw pixels are averaged over.
pub(super) fn raw_factor(grid: Grid) -> usize {
    grid.rows.max(grid.columns).div_ceil(LARGEST_RAW)
}

impl From<EvaluateError> for AssessError {
    fn from(error: EvaluateError) -> AssessError {
        AssessError::Evaluate(error)
    }
}
