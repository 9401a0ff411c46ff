//! Steps of optimizers: w under the gradients g0, g1, ..

use std::collections::BTreeMap;

use equilayer_engine::optim::{AdamWOptions, LarsOptions, Optimizer, SgdOptions};
use equilayer_engine::{CompileOptions, DeviceChoice, Executor, Graph, Init};

use super::{Computed, executor, refuse_unknown};
use crate::parity::file::{ParityError, ParityFile, Values};

pub(super) fn adamw(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    refuse_unknown(file, &["lr", "betas", "eps", "weight_decay", "steps"])?;
    let options = AdamWOptions { betas: file.pair("betas")?, epsilon: file.number("eps")? };
    follow(file, device, &Optimizer::adamw(options))
}

pub(super) fn sgd(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    refuse_unknown(file, &["lr", "momentum", "weight_decay", "steps"])?;
    let options = SgdOptions { momentum: file.number("momentum")?, ..SgdOptions::default() };
    follow(file, device, &Optimizer::sgd(options))
}

pub(super) fn lars(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    refuse_unknown(file, &["lr", "momentum", "weight_decay", "trust", "steps"])?;
    let options = LarsOptions { momentum: file.number("momentum")?, trust: file.number("trust")? };
    follow(file, device, &Optimizer::lars(options))
}

fn follow(file: &ParityFile, device: DeviceChoice, optimizer: &Optimizer) -> Result<Computed, ParityError> {
    let (rate, decay, steps) = (file.number("lr")?, file.number("weight_decay")?, file.whole("steps")?);
    let start = file.tensor("in.w")?;
    let graph = Graph::new();
    let w = graph.parameter("w", start.shape.as_slice(), Init::Values(start.data.as_slice().into()));
    let g = graph.input("g", start.shape.as_slice());
    optimizer.apply(&graph, &[w], &[g])?;
    let plan = graph.compile(&CompileOptions::new())?;
    let mut executor = executor(device)?;
    for step in 0..steps {
        let gradient = file.tensor(&format!("in.g{step}"))?;
        let hyper = optimizer.hyper(step as u64, rate, decay);
        let hyper = hyper.iter().map(|(name, values)| (name.as_str(), values.as_slice()));
        let inputs: Vec<_> = hyper.chain([("g", gradient.data.as_slice())]).collect();
        executor.run(&plan, &inputs)?;
    }
    let w = Values { shape: start.shape.clone(), data: executor.state("w")? };
    Ok(BTreeMap::from([("out.w".to_owned(), w)]))
}
