//! Weighted nearest neighbours in feature space, as DINO evaluates (Caron et al. 2021; Wu et al. 2018).
//!
//! Features are scaled to unit length. The k training samples of largest cosine each vote for their class with weight
//! exp(cos / τ); the class of most weight is the prediction. Nothing is trained and nothing drawn: among neighbours
//! as near as each other the earlier counts, among classes of one weight the lower.

use super::compute::Compute;
use super::error::EvaluateError;
use super::features::{Features, check_splits};
use super::measurement::{Evaluation, Measurement};
use super::predictions::{Predictions, first_largest};

/// How neighbours vote.
#[derive(Clone, Debug, PartialEq)]
pub struct KnnOptions {
    /// The numbers of neighbours tried, each 1 to the number of training samples.
    pub neighbours: Vec<usize>,
    /// τ: above 0; the smaller, the more the nearest count.
    pub temperature: f64,
}

impl Default for KnnOptions {
    /// DINO's: 10, 20, 100 and 200 neighbours, τ = 0.07.
    fn default() -> KnnOptions {
        KnnOptions { neighbours: vec![10, 20, 100, 200], temperature: 0.07 }
    }
}

/// What one number of neighbours predicts.
#[derive(Clone, Debug, PartialEq)]
pub struct KnnResult {
    /// The number of neighbours.
    pub k: usize,
    /// τ.
    pub temperature: f64,
    /// The predicted class of each test sample.
    pub predictions: Predictions,
}

/// A training sample as seen from a test sample.
#[derive(Clone, Copy)]
struct Neighbour {
    cosine: f32,
    sample: usize,
}

/// Predicts the classes of `test` by the nearest of `train`, for each number of neighbours, in the order asked.
///
/// # Errors
/// More neighbours than training samples, none, or no number of neighbours; a temperature not above 0; unlabelled
/// features; a class without a training sample; other widths or classes on either side.
pub fn knn(train: &Features, test: &Features, options: &KnnOptions) -> Result<Vec<KnnResult>, EvaluateError> {
    let (taught, asked) = check_splits("kNN", train, test)?;
    let most = check_options(options, train.len())?;
    let nearest = nearest(train, test, most)?;
    let result = |&k: &usize| {
        let vote = |neighbours: &Vec<Neighbour>| {
            vote(&neighbours[..k], taught.of, taught.classes, options.temperature)
        };
        let predicted = nearest.iter().map(vote).collect();
        let predictions = Predictions::new(predicted, asked);
        KnnResult { k, temperature: options.temperature, predictions }
    };
    Ok(options.neighbours.iter().map(result).collect())
}

fn check_options(options: &KnnOptions, samples: usize) -> Result<usize, EvaluateError> {
    if let Some(&k) = options.neighbours.iter().find(|&&k| k == 0 || k > samples) {
        return Err(EvaluateError::Neighbours { k, samples });
    }
    if !(options.temperature > 0.0 && options.temperature.is_finite()) {
        let value = options.temperature.to_string();
        return Err(EvaluateError::Setting { setting: "kNN temperature", value, range: "above 0" });
    }
    options.neighbours.iter().copied().max().ok_or(EvaluateError::Empty { what: "numbers of neighbours" })
}

/// The `most` nearest training samples of each test sample, nearest first.
fn nearest(train: &Features, test: &Features, most: usize) -> Result<Vec<Vec<Neighbour>>, EvaluateError> {
    let mut found: Vec<Vec<Neighbour>> = vec![Vec::new(); test.len()];
    let (left, right) = (test.unit_rows(), train.unit_rows());
    Compute::new()?.products(&left, &right, train.width(), |[query, sample], cosines, [_, columns]| {
        for (row, cosines) in cosines.chunks_exact(columns).enumerate() {
            let candidates =
                cosines.iter().enumerate().map(|(i, &cosine)| Neighbour { cosine, sample: sample + i });
            let kept = &mut found[query + row];
            kept.extend(candidates);
            if kept.len() > most {
                kept.select_nth_unstable_by(most - 1, nearer);
                kept.truncate(most);
            }
        }
    })?;
    found.iter_mut().for_each(|neighbours| neighbours.sort_unstable_by(nearer));
    Ok(found)
}

/// Nearer neighbours first; no two are equal.
fn nearer(a: &Neighbour, b: &Neighbour) -> std::cmp::Ordering {
    b.cosine.total_cmp(&a.cosine).then(a.sample.cmp(&b.sample))
}

fn vote(neighbours: &[Neighbour], labels: &[u32], classes: usize, temperature: f64) -> u32 {
    let mut weights = vec![0.0; classes];
    // All weights have the nearest one's as a factor: without it none overflows, however low the temperature.
    let nearest = neighbours.first().map_or(0.0, |neighbour| f64::from(neighbour.cosine));
    for neighbour in neighbours {
        let weight = ((f64::from(neighbour.cosine) - nearest) / temperature).exp();
        weights[labels[neighbour.sample] as usize] += weight;
    }
    first_largest(&weights)
}

impl KnnResult {
    /// Accuracy, and the mean of the classes' accuracies.
    ///
    /// # Errors
    /// None for a result of [`knn`].
    pub fn measurements(&self, split: &str) -> Result<Vec<Measurement>, EvaluateError> {
        let protocol = format!("kNN, k = {}, exp(cos / {}) votes, unit features", self.k, self.temperature);
        self.predictions.measurements(&Evaluation::new(split, protocol))
    }
}
