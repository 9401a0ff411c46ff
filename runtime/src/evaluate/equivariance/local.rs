//! The local equivariance error: how fast equivariance is lost at the identity.

use super::pairs::{mean_token, squared, valid_tokens};
use crate::action::{Grid, GridMap, Interpolation, SampledMap};
use crate::evaluate::compute::Compute;
use crate::evaluate::error::EvaluateError;
use crate::evaluate::features::same;
use crate::evaluate::maps::{ImageBatch, TokenMaps, check_grid};
use crate::evaluate::measurement::{Evaluation, Measurement, mean_and_error};

/// A one-parameter group of transformations of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generator {
    /// Down, by pixels.
    Down,
    /// To the right, by pixels.
    Right,
    /// Counterclockwise about the centre, by radians.
    Rotation,
    /// Enlarged about the centre, by the logarithm of the factor.
    Scale,
}

/// The local equivariance error of one map.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalEquivarianceError {
    /// For each image, the mean over tokens of ‖d/dt T₋ₜ F(Tₜ x)‖² at t = 0: squared feature units per squared unit of
    /// the [`Generator`].
    pub error: Vec<f64>,
    /// The mean over images and tokens of ‖F(x) − mean token‖², in squared feature units.
    pub variance: f64,
}

impl Generator {
    /// All of them.
    pub const ALL: [Generator; 4] =
        [Generator::Down, Generator::Right, Generator::Rotation, Generator::Scale];

    /// "down", "right", "rotation", "scale".
    pub fn name(self) -> &'static str {
        match self {
            Generator::Down => "down",
            Generator::Right => "right",
            Generator::Rotation => "rotation",
            Generator::Scale => "scale",
        }
    }

    /// The t that moves an image by about a pixel: by one where it is translated, and at the middle of its shorter border
    /// where it is turned or enlarged.
    pub fn pixel(self, images: Grid) -> f64 {
        match self {
            Generator::Down | Generator::Right => 1.0,
            Generator::Rotation | Generator::Scale => 2.0 / images.rows.min(images.columns) as f64,
        }
    }

    /// Tₜ on a grid whose cells are `cell` pixels wide.
    fn map(self, grid: Grid, cell: f64, t: f64) -> GridMap {
        match self {
            Generator::Down => GridMap::translate(grid, t / cell, 0.0),
            Generator::Right => GridMap::translate(grid, 0.0, t / cell),
            Generator::Rotation => GridMap::rotate(grid, t),
            Generator::Scale => GridMap::zoom(grid, t.exp()),
        }
    }
}

/// LEE(F) = E ‖ d/dt|₀ T₋ₜ F(Tₜ x) ‖² (Gruver et al. 2023) of every map that `encode` makes, by the central
/// difference (T₋ₜ F(Tₜ x) − Tₜ F(T₋ₜ x)) / 2t with t = `step`, in the generator's unit.
///
/// Images and token maps are moved by `interpolation`. On vectors T does nothing, and the error is one of invariance.
/// Pixels that come from outside are 0; tokens that do, in either direction, are left out. A step of about a pixel
/// measures more of the encoder than of the interpolation.
///
/// # Errors
/// A step that is not above 0; a token grid that does not divide the image's; other maps for moved images; whatever
/// `encode` reports.
pub fn local_equivariance_error(
    images: &ImageBatch,
    generator: Generator,
    step: f64,
    interpolation: Interpolation,
    mut encode: impl FnMut(&ImageBatch) -> Result<Vec<TokenMaps>, EvaluateError>,
) -> Result<Vec<LocalEquivarianceError>, EvaluateError> {
    if !(step > 0.0 && step.is_finite()) {
        let (setting, value) = ("step of the central difference", step.to_string());
        return Err(EvaluateError::Setting { setting, value, range: "above 0" });
    }
    let mut compute = Compute::new()?;
    let mut moved = |compute: &mut Compute, t: f64| {
        let map = generator.map(images.grid(), 1.0, t).sample(interpolation)?;
        encode(&images.moved(compute, &map)?)
    };
    let (forward, backward) = (moved(&mut compute, step)?, moved(&mut compute, -step)?);
    let still = encode(images)?;
    same("numbers of maps that the encoder makes", forward.len(), backward.len())?;
    same("numbers of maps that the encoder makes", forward.len(), still.len())?;
    let mut found = Vec::with_capacity(still.len());
    for ((forward, backward), still) in forward.iter().zip(&backward).zip(&still) {
        let undo = |compute: &mut Compute, maps: &TokenMaps, t: f64| {
            undo(compute, generator, images.grid(), maps, t, interpolation)
        };
        let (forward, inside) = undo(&mut compute, forward, -step)?;
        let (backward, inside_too) = undo(&mut compute, backward, step)?;
        let valid: Vec<bool> = inside.iter().zip(&inside_too).map(|(a, b)| *a && *b).collect();
        found.push(LocalEquivarianceError::of(&forward, &backward, still, &valid, step)?);
    }
    Ok(found)
}

/// Token maps moved by Tₜ, and which tokens come from inside.
fn undo(
    compute: &mut Compute,
    generator: Generator,
    pixels: Grid,
    maps: &TokenMaps,
    t: f64,
    interpolation: Interpolation,
) -> Result<(TokenMaps, Vec<bool>), EvaluateError> {
    if maps.is_vector() {
        return Ok((maps.clone(), vec![true]));
    }
    let patch = pixels.rows / maps.grid().rows;
    check_grid("token maps behind these images", maps.grid().refined(patch), pixels)?;
    let map: SampledMap = generator.map(maps.grid(), patch as f64, t).sample(interpolation)?;
    Ok((maps.moved(compute, &map)?, map.valid().to_vec()))
}

impl LocalEquivarianceError {
    fn of(
        forward: &TokenMaps,
        backward: &TokenMaps,
        still: &TokenMaps,
        valid: &[bool],
        step: f64,
    ) -> Result<LocalEquivarianceError, EvaluateError> {
        for other in [forward, backward] {
            check_grid("maps of moved images", still.grid(), other.grid())?;
            same("token widths", still.width(), other.width())?;
            same("numbers of images", still.count(), other.count())?;
        }
        let tokens = valid.iter().filter(|valid| **valid).count() as f64;
        if tokens == 0.0 {
            return Err(EvaluateError::Empty { what: "tokens that come from inside the image" });
        }
        let width = still.width();
        let slope = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)) / (2.0 * step);
        let error = forward.maps().zip(backward.maps()).map(|(a, b)| {
            let pairs = valid_tokens(a, width, valid).zip(valid_tokens(b, width, valid));
            pairs.map(|(a, b)| squared(a.iter().zip(b).map(slope))).sum::<f64>() / tokens
        });
        let mean = mean_token(still, valid);
        let spread = still
            .maps()
            .flat_map(|map| valid_tokens(map, width, valid))
            .map(|token| squared(token.iter().zip(&mean).map(|(&value, mean)| f64::from(value) - mean)));
        Ok(LocalEquivarianceError {
            error: error.collect(),
            variance: spread.sum::<f64>() / (tokens * still.count() as f64),
        })
    }

    /// The mean error relative to the features' variance: per squared unit of the generator, whatever the features'
    /// scale. Nothing for a constant map.
    pub fn relative(&self) -> Option<f64> {
        let (mean, _) = mean_and_error(&self.error)?;
        (self.variance > 0.0).then(|| mean / self.variance)
    }

    /// The error with its standard error over images, and the relative error where there is one. `evaluation` names the
    /// layer, the generator and the step.
    ///
    /// # Errors
    /// None for errors that were made of images.
    pub fn measurements(&self, evaluation: &Evaluation) -> Result<Vec<Measurement>, EvaluateError> {
        let mut found = vec![evaluation.mean("local equivariance error", &self.error)?];
        let relative = |value| evaluation.measured("relative local equivariance error", value);
        found.extend(self.relative().map(relative));
        Ok(found)
    }
}
