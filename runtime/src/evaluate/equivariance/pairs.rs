//! Two token maps that should be one.

use crate::evaluate::error::EvaluateError;
use crate::evaluate::features::{Features, cosine, same};
use crate::evaluate::maps::{TokenMaps, check_grid};
use crate::evaluate::measurement::{Evaluation, Measurement};

/// How near pairs of token maps are; see the [module](super) for the definitions.
#[derive(Clone, Debug, PartialEq)]
pub struct PairMeasures {
    /// For each image, the mean cosine of its tokens.
    pub cosine: Vec<f64>,
    /// For each image, the mean cosine of its centred tokens.
    pub centred_cosine: Vec<f64>,
    /// Σ ‖moved − seen‖².
    squared_distance: f64,
    /// Σ ‖seen − mean‖².
    squared_spread: f64,
}

impl PairMeasures {
    /// Compares `moved`, ρ_g F(x), with `seen`, F(g·x), over the tokens that are `valid`.
    ///
    /// # Errors
    /// Other grids, widths or numbers of maps on either side, another number of tokens in `valid`, or none valid.
    pub fn of(moved: &TokenMaps, seen: &TokenMaps, valid: &[bool]) -> Result<PairMeasures, EvaluateError> {
        check_grid("pairs of token maps", moved.grid(), seen.grid())?;
        same("token widths", moved.width(), seen.width())?;
        same("numbers of images", moved.count(), seen.count())?;
        same("numbers of tokens", valid.len(), seen.grid().cells())?;
        let tokens = valid.iter().filter(|valid| **valid).count();
        if tokens == 0 {
            return Err(EvaluateError::Empty { what: "tokens that come from inside the image" });
        }
        let (moved_mean, seen_mean) = (mean_token(moved, valid), mean_token(seen, valid));
        let both: Vec<f64> = moved_mean.iter().zip(&seen_mean).map(|(a, b)| 0.5 * (a + b)).collect();
        let mut measures = PairMeasures::nothing(seen.count());
        for (image, (a, b)) in moved.maps().zip(seen.maps()).enumerate() {
            for (a, b) in valid_tokens(a, moved.width(), valid).zip(valid_tokens(b, seen.width(), valid)) {
                measures.cosine[image] += cosine(a, b) / tokens as f64;
                let [a_centred, b_centred] = [less(a, &both), less(b, &both)];
                measures.centred_cosine[image] += cosine(&a_centred, &b_centred) / tokens as f64;
                measures.squared_distance +=
                    squared(a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)));
                measures.squared_spread +=
                    squared(b.iter().zip(&seen_mean).map(|(&b, mean)| f64::from(b) - mean));
            }
        }
        Ok(measures)
    }

    /// The mean over group elements of what was measured on the same images.
    pub(super) fn over_elements(elements: &[PairMeasures]) -> Option<PairMeasures> {
        let mut mean = PairMeasures::nothing(elements.first()?.cosine.len());
        let share = 1.0 / elements.len() as f64;
        for element in elements {
            let add = |sums: &mut [f64], values: &[f64]| {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value);
            };
            add(&mut mean.cosine, &element.cosine);
            add(&mut mean.centred_cosine, &element.centred_cosine);
            mean.squared_distance += element.squared_distance;
            mean.squared_spread += element.squared_spread;
        }
        Some(mean)
    }

    fn nothing(images: usize) -> PairMeasures {
        let zeros = vec![0.0; images];
        PairMeasures {
            cosine: zeros.clone(),
            centred_cosine: zeros,
            squared_distance: 0.0,
            squared_spread: 0.0,
        }
    }

    /// ‖moved − seen‖ / ‖seen − mean‖; nothing where the seen map is constant over tokens and images.
    pub fn group_error(&self) -> Option<f64> {
        (self.squared_spread > 0.0).then(|| (self.squared_distance / self.squared_spread).sqrt())
    }

    /// The cosines with their standard errors over images, and the group error where there is one. `evaluation` names
    /// the layer, the images and the elements.
    ///
    /// # Errors
    /// None for measures that were made of images.
    pub fn measurements(&self, evaluation: &Evaluation) -> Result<Vec<Measurement>, EvaluateError> {
        let mut found = vec![
            evaluation.mean("cosine", &self.cosine)?,
            evaluation.mean("centred cosine", &self.centred_cosine)?,
        ];
        found.extend(self.group_error().map(|error| evaluation.measured("group error", error)));
        Ok(found)
    }
}

/// EquiMod's equivariance gain (Devillers and Lefort 2023), for each image: cos(y_t, ŷ_t) − cos(y_t, y_0). `transformed`
/// has the embeddings y_t of the transformed images, `predicted` those ŷ_t that the predictor makes of the untransformed
/// ones and the transformation, `untransformed` the embeddings y_0. Above 0, the predictor uses the transformation;
/// at 0, an embedding that ignores it would do as well.
///
/// # Errors
/// Other numbers of samples, or other widths.
pub fn equimod_gain(
    transformed: &Features,
    predicted: &Features,
    untransformed: &Features,
) -> Result<Vec<f64>, EvaluateError> {
    for other in [predicted, untransformed] {
        same("numbers of samples", transformed.len(), other.len())?;
        same("feature widths", transformed.width(), other.width())?;
    }
    let rows = transformed.rows().zip(predicted.rows()).zip(untransformed.rows());
    Ok(rows.map(|((moved, predicted), still)| cosine(moved, predicted) - cosine(moved, still)).collect())
}

/// The tokens of a map that come from inside.
pub(super) fn valid_tokens<'a>(
    map: &'a [f32],
    width: usize,
    valid: &'a [bool],
) -> impl Iterator<Item = &'a [f32]> {
    map.chunks_exact(width).zip(valid).filter(|(_, valid)| **valid).map(|(token, _)| token)
}

/// The mean valid token over all maps.
pub(super) fn mean_token(maps: &TokenMaps, valid: &[bool]) -> Vec<f64> {
    let mut sums = vec![0.0; maps.width()];
    let mut count = 0.0;
    for token in maps.maps().flat_map(|map| valid_tokens(map, maps.width(), valid)) {
        sums.iter_mut().zip(token).for_each(|(sum, &value)| *sum += f64::from(value));
        count += 1.0;
    }
    sums.into_iter().map(|sum| sum / count).collect()
}

fn less(token: &[f32], mean: &[f64]) -> Vec<f32> {
    token.iter().zip(mean).map(|(&value, mean)| (f64::from(value) - mean) as f32).collect()
}

pub(super) fn squared(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum()
}
