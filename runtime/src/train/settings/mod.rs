//! What a run is told: each section of a configuration read by a file of its own, put together here.

mod encoder;
mod evaluation;
mod local_crops;
mod optimizer;
mod views;

use std::path::PathBuf;
use std::sync::Arc;

use equilayer_engine::{DeviceChoice, Precision};
use equilayer_grammar::{Bound, Range};

pub use optimizer::OptimizerSettings;

use super::source::Kind;
use super::views::ViewOptions;
use crate::assess::{AssessOptions, Bench};
use crate::config::{Document, Section, read_method, report_problems};
use crate::data::Dataset;
use crate::encoder::EncoderConfig;
use crate::method::Method;
use crate::plugin::Registry;

/// Everything a run is told.
pub struct Settings {
    /// What is learned.
    pub method: Method,
    /// By which network.
    pub encoder: EncoderChoice,
    /// How weights follow gradients.
    pub optimizer: OptimizerSettings,
    /// Images to learn from.
    pub dataset: Arc<dyn Dataset>,
    /// Images to measure on, where the data set has them: trained probes, then tested.
    pub evaluation: Option<[Arc<dyn Dataset>; 2]>,
    /// Augmentations.
    pub views: ViewOptions,
    /// Samples a step.
    pub batch: usize,
    /// Batches whose mean gradient makes a step.
    pub accumulate: usize,
    /// Passes over the data.
    pub epochs: usize,
    /// What all random numbers depend on.
    pub seed: u64,
    /// Threads that make views.
    pub workers: usize,
    /// Threads that compute; 0 for all cores.
    pub threads: usize,
    /// What the method and its encoders run on.
    pub device: DeviceChoice,
    /// What a GPU rounds the factors of the method's matrix products to.
    pub precision: Precision,
    /// Stochastic depth of the student.
    pub drop_path: f32,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints kept besides the best.
    pub keep: usize,
    /// Images that may be unreadable.
    pub bad_images: usize,
    /// Steps between online signals; 0 for once an epoch.
    pub look_every: u64,
    /// What the encoder is measured on after training, and how.
    pub assess: AssessOptions,
    /// Where the run is left.
    pub directory: PathBuf,
}

/// An encoder by its kind.
pub type EncoderChoice = Arc<dyn EncoderConfig>;

/// Shares that leave something.
const BELOW_ONE: Range = Range { lower: Some(Bound::Closed(0.0)), upper: Some(Bound::Open(1.0)) };

impl Settings {
    /// The folder of the run alone.
    pub fn read_directory(document: &Document) -> PathBuf {
        read_directory(&mut document.section("train"))
    }

    /// Reads all sections. Mistakes are left in the document: call [`Document::finish`] before the settings are used.
    /// Nothing where there is no method at all.
    pub fn read(document: &Document, registry: &Registry, default: (&str, &[&str])) -> Option<Settings> {
        let mut method = read_method(document, registry, default);
        let mut train = document.section("train");
        let batch = train.count("batch", 128, 2, "Samples a step.");
        let accumulate = train.count(
            "accumulate",
            1,
            1,
            "Batches whose mean gradient makes a step; negatives and batch statistics are each batch's own.",
        );
        let epochs = train.count("epochs", 20, 1, "Passes over the training images.");
        let seed = train.read("seed", 0_u64, "What all random numbers depend on.");
        let drop_path =
            train.number("drop_path", 0.0, BELOW_ONE, "Stochastic depth at the student's last block.");
        let workers = train.count("workers", 2, 1, "Threads that make views.");
        let threads = train.count("threads", 0, 0, "Threads that compute; 0 for all cores.");
        let device = read_device(&mut train);
        let precision = read_precision(&mut train);
        let checkpoint_every = train.count("checkpoint_every", 200, 1, "Steps between checkpoints.");
        let keep = train.count("keep", 2, 1, "Checkpoints kept besides the best.");
        let directory = read_directory(&mut train);
        train.finish();
        let mut data = document.section("data");
        let kind =
            data.choice("name", "digits", &Kind::all(), "Images to learn from.").unwrap_or(Kind::Digits);
        let path = data.read("path", String::new(), "Folder or file of the images; unused for digits.");
        let bad_images =
            data.count("bad_images", 0, 0, "Unreadable images to pass over before it is an error.");
        let sets = kind.open(path.as_ref(), &data);
        let dataset = sets.as_ref().map(|(dataset, _)| dataset.as_ref());
        data.finish();
        let encoder = encoder::read(document, kind.image(dataset), method.as_ref());
        let views = views::read(document, encoder.as_ref(), &mut method);
        let optimizer = optimizer::read(document);
        let (look_every, assess) = evaluation::read(document);
        let ((dataset, evaluation), method) = (sets?, method?);
        report_problems(document, &method, encoder.as_ref(), batch);
        Some(Settings {
            method,
            encoder,
            optimizer,
            dataset,
            evaluation,
            views: views?,
            batch,
            accumulate,
            epochs,
            seed,
            workers,
            threads,
            device,
            precision,
            drop_path: drop_path as f32,
            checkpoint_every: checkpoint_every as u64,
            keep,
            bad_images,
            look_every,
            assess,
            directory,
        })
    }
}

/// What the run computes on, of the section `train`.
fn read_device(train: &mut Section<'_>) -> DeviceChoice {
    let parsed = |name: &String| name.parse::<DeviceChoice>().map(|_| ());
    let doc = "What computes: cpu, cuda, cuda:N, or auto for a GPU where there is one.";
    train.checked("device", DeviceChoice::default().to_string(), doc, parsed).parse().unwrap_or_default()
}

/// What a GPU multiplies, of the section `train`.
fn read_precision(train: &mut Section<'_>) -> Precision {
    let parsed = |name: &String| name.parse::<Precision>().map(|_| ());
    let doc = "What a GPU rounds the factors of matrix products to: f32, tf32 or bf16.";
    train.checked("precision", Precision::default().to_string(), doc, parsed).parse().unwrap_or_default()
}

/// The folder of a run, of the section `train`.
fn read_directory(train: &mut Section<'_>) -> PathBuf {
    train.read("directory", "runs/latest".to_owned(), "Folder of the run.").into()
}

impl Settings {
    /// What the run's encoders are measured on.
    pub fn bench(&self) -> Bench {
        let depth = self.encoder.layers();
        Bench {
            encoder: self.encoder.clone(),
            splits: self.evaluation.clone(),
            training: self.dataset.clone(),
            plain: self.views.plain.clone(),
            global: self.views.global.clone(),
            method: self.method.to_string(),
            tap: Some(encoder::last_spatial_tap(&self.method, depth)).filter(|&layer| layer > 0),
            seed: self.seed,
            workers: self.workers,
            threads: self.threads,
            device: self.device,
            options: self.assess.clone(),
        }
    }
}
