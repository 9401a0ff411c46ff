//! A regularizer of one's own trains beside MoCo v3 on the bundled digits:
//! `cargo run --release -p equilayer-examples --example new_regularizer`

use std::error::Error;

use equilayer::config::Document;
use equilayer::interrupt::Interrupt;
use equilayer::metrics;
use equilayer::plugin::Registry;
use equilayer::prelude::*;
use equilayer::progress::ProgressMode;
use equilayer::run_directory::RunDirectory;
use equilayer::train::{Settings, Trainer};

/// Salience: turn an image, and how far each token is from the mean token turns with it, whatever directions do.
#[regularizer(
    name = "salience",
    at = tokens(1),                                       // after block 1
    action = Rot90.per_batch(),                           // one quarter turn for all samples of a step
    batch = 0.125,                                        // the share of the batch it works on
)]
pub fn salience(z: Pair<Tokens>, rho: Relative) -> Loss {
    let distance = |tokens: &Tokens| {
        let [batch, cells, width] = [0, 1, 2].map(|axis| tokens.tensor.dim(axis));
        let mean = tokens.tensor.mean(&[1]).reshape([batch, 1, width]).expand([batch, cells, width]);
        ((&tokens.tensor - mean).square().sum(&[-1]) + 1e-6).sqrt()
    };
    (distance(&z.student) - distance(&z.source.moved(&rho))).square().mean_all().into()
}

const CONFIG: &str = r#"
method  = { objective = "moco_v3", regularizers = ["salience"], moco_v3 = { hidden = 64, out = 32 }, salience = { weight = 0.1 } }
encoder = { patch = 7, width = 48, depth = 2, heads = 2 }
train   = { batch = 64, epochs = 1 }
"#;

fn main() -> Result<(), Box<dyn Error>> {
    equilayer_plugins::link();
    let registry = Registry::linked()?;
    let document = Document::parse("the example", CONFIG)?;
    let settings = Settings::read(&document, &registry, ("moco_v3", &[]));
    document.finish()?;
    let mut trainer = Trainer::new(settings.ok_or("the configuration names no method")?)?;
    println!("{}: {} steps", trainer.settings().method, trainer.total_steps());
    // Refuses a loss whose gradient does not reach its tap, before the first step.
    trainer.rehearse()?;
    let folder = tempfile::tempdir()?;
    let run = RunDirectory::create(folder.path().join("run"), &document.resolved())?;
    trainer.run(&run, ProgressMode::Lines, &Interrupt::install()?)?;
    let records = metrics::read(run.metrics())?;
    let losses: Vec<f64> =
        records.iter().filter_map(|record| record.values.get("loss/salience").copied()).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len().max(1) as f64;
    let tenth = losses.len() / 10;
    println!("loss/salience of the first and the last tenth of steps:");
    println!("{:.3} and {:.3}", mean(&losses[..tenth]), mean(&losses[losses.len() - tenth..]));
    Ok(())
}
