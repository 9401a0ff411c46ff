//! Training the linear probe's heads; [`super::linear_probe`] says by which protocol, and why several at once.

use equilayer_engine::optim::{Optimizer, SgdOptions};
use equilayer_engine::random::stream_id;
use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Init, Plan};

use super::compute::Compute;
use super::error::EvaluateError;
use super::features::Labelled;
use super::linear_probe::ProbeOptions;
use super::measurement::permutation;
use super::predictions::first_largest;

/// Labelled rows of standardised features.
pub(super) struct Samples<'a> {
    /// `[samples, width]`.
    pub values: &'a [f32],
    /// Features of a sample.
    pub width: usize,
    /// One class a sample.
    pub labels: Labelled<'a>,
}

/// Weights `[heads · classes, width]` and biases `[heads · classes]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heads {
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Heads {
    /// The classes that each head predicts, for each row of `values`.
    pub(super) fn predict(
        &self,
        values: &[f32],
        width: usize,
        classes: usize,
    ) -> Result<Vec<Vec<u32>>, EvaluateError> {
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
    pub(super) fn train(
        &self,
        rows: &[usize],
        rates: &[f64],
        options: &ProbeOptions,
    ) -> Result<Heads, EvaluateError> {
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
    pub(super) fn accuracies(
        &self,
        heads: &Heads,
        rows: &[usize],
        count: usize,
    ) -> Result<Vec<f64>, EvaluateError> {
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
