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

use equilayer_engine::optim::{Optimizer, SgdOptions};
use equilayer_engine::random::stream_id;
use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Init, Plan};

use super::compute::Compute;
use super::error::EvaluateError;
use super::features::{Features, Labelled, check_splits};
use super::measurement::{Evaluation, Measurement, permutation};
use super::predictions::{Predictions, first_largest};
use super::standardise::Standardise;

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
    /// SER's rates (METHODS: {1, 3, 10} × batch / 256) and momentum, 50 passes, a tenth held out, seed 0.
    fn default() -> ProbeOptions {
        ProbeOptions {
            learning_rates: vec![1.0, 3.0, 10.0],
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

/// Labelled rows of standardised features.
struct Samples<'a> {
    values: &'a [f32],
    width: usize,
    labels: Labelled<'a>,
}

/// Trains a linear classifier on `train`, choosing its learning rate there, and tests it on `test`.
///
/// # Errors
/// Options out of range; unlabelled features; a class without a training sample; other widths or classes on either side;
/// a training split too small to hold a part out.
pub fn linear_probe(
    train: &Features,
    test: &Features,
    options: &ProbeOptions,
) -> Result<ProbeResult, EvaluateError> {
    options.check()?;
    let (taught, asked) = check_splits("linear probe", train, test)?;
    let standardise = Standardise::fit(train);
    let (values, width) = (standardise.apply(train), train.width());
    let samples = Samples { values: &values, width, labels: taught };
    let order = permutation(train.len(), options.seed, stream_id("linear probe, held out"));
    let out = ((options.held_out * train.len() as f64).round() as usize).max(1);
    if out >= train.len() {
        return Err(EvaluateError::Empty { what: "training samples beside the held-out ones" });
    }
    let (held_out, kept) = order.split_at(out);
    let heads = samples.train(kept, &options.learning_rates, options)?;
    let held_out = samples.accuracies(&heads, held_out, options.learning_rates.len())?;
    let chosen = options.learning_rates[first_largest(&held_out) as usize];
    let head = samples.train(&order, &[chosen], options)?;
    let predicted = head.predict(&standardise.apply(test), width, taught.classes)?;
    let predictions = Predictions::new(predicted.into_iter().flatten().collect(), asked);
    Ok(ProbeResult { options: options.clone(), learning_rate: chosen, held_out, predictions })
}

/// Weights `[heads · classes, width]` and biases `[heads · classes]`.
struct Heads {
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Heads {
    /// The classes that each head predicts, for each row of `values`.
    fn predict(&self, values: &[f32], width: usize, classes: usize) -> Result<Vec<Vec<u32>>, EvaluateError> {
        let mut logits = vec![Vec::new(); values.len() / width];
        Compute::new()?.products(values, &self.weights, width, |[first, _], block, [_, columns]| {
            for (row, products) in block.chunks_exact(columns).enumerate() {
                logits[first + row].extend_from_slice(products);
            }
        })?;
        let classify = |mut row: Vec<f32>| -> Vec<u32> {
            row.iter_mut().zip(&self.biases).for_each(|(logit, bias)| *logit += bias);
            row.chunks_exact(classes).map(first_largest).collect()
        };
        Ok(logits.into_iter().map(classify).collect())
    }
}

impl Samples<'_> {
    /// One head for each learning rate, trained on these rows.
    fn train(&self, rows: &[usize], rates: &[f64], options: &ProbeOptions) -> Result<Heads, EvaluateError> {
        let batch = options.batch.min(rows.len());
        let optimizer = Optimizer::sgd(SgdOptions { momentum: options.momentum, ..SgdOptions::default() });
        let plan = self.plan(batch, rates.len(), &optimizer)?;
        let rates: Vec<f32> = rates.iter().map(|rate| (rate * batch as f64 / 256.0) as f32).collect();
        let mut executor = CpuExecutor::new(CpuOptions::default())?;
        let steps = rows.len() / batch * options.epochs;
        let (mut step, mut features, mut labels) = (0, Vec::new(), Vec::new());
        for epoch in 0..options.epochs {
            let id = stream_id("linear probe, shuffle").wrapping_add(epoch as u64);
            let order = permutation(rows.len(), options.seed, id);
            for chunk in order.chunks_exact(batch) {
                features.clear();
                labels.clear();
                for &index in chunk {
                    features.extend_from_slice(self.row(rows[index]));
                    labels.extend(rates.iter().map(|_| self.labels.of[rows[index]] as f32));
                }
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos());
                let hyper = optimizer.hyper(step, cosine, 0.0);
                let mut inputs = vec![("features", &features[..]), ("labels", &labels), ("rates", &rates)];
                inputs.extend(hyper.iter().map(|(name, values)| (name.as_str(), &values[..])));
                executor.run(&plan, &inputs)?;
                step += 1;
            }
        }
        Ok(Heads { weights: executor.state("weights")?, biases: executor.state("biases")? })
    }

    /// One step of all heads.
    fn plan(&self, batch: usize, heads: usize, optimizer: &Optimizer) -> Result<Plan, EvaluateError> {
        let classes = self.labels.classes;
        let graph = Graph::new();
        let features = graph.input("features", [batch, self.width]);
        let labels = graph.input("labels", [batch, heads]);
        let rates = graph.input("rates", [heads]);
        let weights = graph.parameter("weights", [heads * classes, self.width], Init::Constant(0.0));
        let biases = graph.parameter("biases", [heads * classes], Init::Constant(0.0));
        let logits = (features.einsum("bd,cd->bc", &weights) + &biases).reshape([batch, heads, classes]);
        let loss = (logits.cross_entropy_rows(&labels) * &rates).sum_all() / batch as f32;
        let gradients = graph.gradients(&loss, &graph.parameters())?;
        optimizer.apply(&graph, &graph.parameters(), &gradients)?;
        Ok(graph.compile(&CompileOptions::new())?)
    }

    /// The accuracy of each head on these rows.
    fn accuracies(&self, heads: &Heads, rows: &[usize], count: usize) -> Result<Vec<f64>, EvaluateError> {
        let values: Vec<f32> = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        let mut right = vec![0.0; count];
        let predicted = heads.predict(&values, self.width, self.labels.classes)?;
        for (predicted, &row) in predicted.iter().zip(rows) {
            for (right, &class) in right.iter_mut().zip(predicted) {
                *right += f64::from(u8::from(class == self.labels.of[row]));
            }
        }
        Ok(right.into_iter().map(|right| right / rows.len() as f64).collect())
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..][..self.width]
    }
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
        let protocol = format!(
            "linear probe, standardised features, SGD momentum {momentum}, {epochs} epochs of batch {batch}, \
             learning rate {} of {:?} chosen on {held_out} of the training samples",
            self.learning_rate, self.options.learning_rates
        );
        self.predictions.measurements(&Evaluation::new(split, protocol).seeded(*seed))
    }
}
