//! The linear probe: softmax regression on frozen features.
//!
//! The protocol, the same for an encoder, for raw pixels and for an untrained encoder, so that their numbers can stand
//! beside each other:
//! 1. Features are standardised by the training samples' mean and deviation, and divided by √width: a sample has length
//!    1 in the mean, so one learning rate means the same at every width and scale.
//! 2. Weights and biases start at zero and follow SGD with momentum, without weight decay, over shuffled batches whose
//!    last, smaller one is left out; the learning rate falls from its value to 0 along a half cosine.
//! 3. All learning rates are tried on the training samples less a held-out part, which chooses among them. The test
//!    split chooses nothing.
//! 4. The chosen rate is run again on all training samples; that head is tested, once.
//!
//! The rates are trained side by side, as one head: without weight decay, a loss of weight η under a rate of 1 moves
//! as a loss of weight 1 under a rate of η.

use equilayer_engine::random::stream_id;

use super::error::EvaluateError;
use super::features::{Features, same};
use super::measurement::{Evaluation, Measurement, permutation};
use super::predictions::{Predictions, first_largest};
use super::softmax_regression::{Heads, Samples};
use super::standardise::Standardise;

/// What needs labels, in messages.
const WHAT: &str = "linear probe";

/// How a probe is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeOptions {
    /// Learning rates tried, for a batch of 256; scaled with the batch.
    pub learning_rates: Vec<f64>,
    /// Samples a step; all of them where there are fewer.
    pub batch: usize,
    /// Passes over the training samples.
    pub epochs: usize,
    /// What the momentum buffer keeps of itself in a step, in [0, 1).
    pub momentum: f64,
    /// The share of the training samples that chooses the learning rate, above 0 and below 1.
    pub held_out: f64,
    /// Of the shuffles and of the held-out part.
    pub seed: u64,
}

impl Default for ProbeOptions {
    /// SER's rates ({1, 3, 10} × batch / 256) and two decades more, for small encoders take them; its momentum, 50 passes,
    /// a tenth held out, seed 0.
    fn default() -> ProbeOptions {
        ProbeOptions {
            learning_rates: vec![1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0],
            batch: 256,
            epochs: 50,
            momentum: 0.9,
            held_out: 0.1,
            seed: 0,
        }
    }
}

/// A probe that was trained and tested.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeResult {
    /// How it was trained.
    pub options: ProbeOptions,
    /// The learning rate chosen, for a batch of 256.
    pub learning_rate: f64,
    /// The accuracy of each learning rate on the held-out training samples.
    pub held_out: Vec<f64>,
    /// The predicted class of each test sample.
    pub predictions: Predictions,
}

/// A trained linear classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearProbe {
    options: ProbeOptions,
    learning_rate: f64,
    held_out: Vec<f64>,
    width: usize,
    classes: usize,
    standardise: Standardise,
    head: Heads,
}

impl LinearProbe {
    /// Trains a classifier, choosing its learning rate on a part of `train`.
    ///
    /// # Errors
    /// Options out of range; unlabelled features; a class without a sample; too few samples to hold a part out.
    pub fn fit(train: &Features, options: &ProbeOptions) -> Result<LinearProbe, EvaluateError> {
        options.check()?;
        let labels = train.need_labels(WHAT, "training")?;
        labels.check_classes(WHAT, "training")?;
        let standardise = Standardise::fit(train);
        let values = standardise.apply(train);
        let samples = Samples { values: &values, width: train.width(), labels };
        let order = permutation(train.len(), options.seed, stream_id("linear probe, held out"));
        let out = ((options.held_out * train.len() as f64).round() as usize).max(1);
        if out >= train.len() {
            return Err(EvaluateError::Empty { what: "training samples beside the held-out ones" });
        }
        let (held_out, kept) = order.split_at(out);
        let heads = samples.train(kept, &options.learning_rates, options)?;
        let held_out = samples.accuracies(&heads, held_out, options.learning_rates.len())?;
        let learning_rate = options.learning_rates[first_largest(&held_out) as usize];
        let head = samples.train(&order, &[learning_rate], options)?;
        let (width, classes) = (train.width(), labels.classes);
        Ok(LinearProbe {
            options: options.clone(),
            learning_rate,
            held_out,
            width,
            classes,
            standardise,
            head,
        })
    }

    /// The class of each sample; corrupted images are tested with the head of the clean ones.
    ///
    /// # Errors
    /// Features of another width than the head was trained on.
    pub fn predict(&self, features: &Features) -> Result<Vec<u32>, EvaluateError> {
        same("feature widths", self.width, features.width())?;
        let values = self.standardise.apply(features);
        Ok(self.head.predict(&values, self.width, self.classes)?.into_iter().flatten().collect())
    }

    /// Predicts labelled samples.
    ///
    /// # Errors
    /// Unlabelled features, or another width or number of classes than the head was trained on.
    pub fn test(&self, test: &Features) -> Result<ProbeResult, EvaluateError> {
        let truth = test.need_labels(WHAT, "test")?;
        same("numbers of classes", self.classes, truth.classes)?;
        Ok(ProbeResult {
            options: self.options.clone(),
            learning_rate: self.learning_rate,
            held_out: self.held_out.clone(),
            predictions: Predictions::new(self.predict(test)?, truth),
        })
    }
}

/// [`LinearProbe::fit`] on `train`, [`LinearProbe::test`] on `test`.
///
/// # Errors
/// Theirs.
pub fn linear_probe(
    train: &Features,
    test: &Features,
    options: &ProbeOptions,
) -> Result<ProbeResult, EvaluateError> {
    LinearProbe::fit(train, options)?.test(test)
}

impl ProbeOptions {
    fn check(&self) -> Result<(), EvaluateError> {
        let refuse = |setting, value: String, range| Err(EvaluateError::Setting { setting, value, range });
        if self.learning_rates.is_empty() {
            return Err(EvaluateError::Empty { what: "learning rates" });
        }
        if let Some(rate) = self.learning_rates.iter().find(|rate| !(**rate > 0.0 && rate.is_finite())) {
            return refuse("linear probe learning rate", rate.to_string(), "above 0");
        }
        if self.batch == 0 || self.epochs == 0 {
            let value = format!("{} and {}", self.batch, self.epochs);
            return refuse("linear probe batch and epochs", value, "at least 1 each");
        }
        if !(self.held_out > 0.0 && self.held_out < 1.0) {
            return refuse("linear probe held-out share", self.held_out.to_string(), "above 0 and below 1");
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return refuse("linear probe momentum", self.momentum.to_string(), "in [0, 1)");
        }
        Ok(())
    }
}

impl ProbeResult {
    /// Accuracy, and the mean of the classes' accuracies.
    ///
    /// # Errors
    /// None for a result of [`linear_probe`].
    pub fn measurements(&self, split: &str) -> Result<Vec<Measurement>, EvaluateError> {
        let ProbeOptions { batch, epochs, momentum, held_out, seed, .. } = &self.options;
        let rates: Vec<String> = self.options.learning_rates.iter().map(f64::to_string).collect();
        let protocol = format!(
            "linear probe, standardised features, SGD momentum {momentum}, {epochs} epochs of batch {batch}, \
             learning rate {} of {} chosen on {held_out} of the training samples",
            self.learning_rate,
            rates.join(", ")
        );
        self.predictions.measurements(&Evaluation::new(split, protocol).seeded(*seed))
    }
}
