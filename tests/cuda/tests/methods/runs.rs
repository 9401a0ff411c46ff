//! Tiny runs of methods with SER, from loader to checkpoints.

use std::path::Path;
use std::sync::Arc;

use equilayer::action::{HFlip, HalfTurn, Rescale, Rot90, Symmetry};
use equilayer::config::Document;
use equilayer::data::{DataError, Dataset, Image, LabelledImages, Split, digits};
use equilayer::engine::{DeviceChoice, Precision};
use equilayer::interrupt::Interrupt;
use equilayer::loss::Negatives;
use equilayer::method::{Member, Method};
use equilayer::metrics;
use equilayer::plugin::{BatchShare, Knob, Mlp, Plugin, Registry};
use equilayer::progress::ProgressMode;
use equilayer::run_directory::RunDirectory;
use equilayer::train::{Outcome, Settings, Trainer};

/// What makes a run so small that an emulated GPU takes seconds for it. Four steps an epoch.
const TINY: [&str; 14] = [
    "encoder.patch=7",
    "encoder.width=16",
    "encoder.depth=2",
    "encoder.heads=2",
    "method.ser.layer=1",
    "train.batch=8",
    "train.epochs=5",
    "train.workers=1",
    "train.threads=1",
    "train.checkpoint_every=100",
    "train.drop_path=0.1",
    "evaluate.images=4",
    "evaluate.moved_images=2",
    "optim.lr=3e-4",
];

pub const MOCO_V3: &[&str] = &["method.moco_v3.hidden=32", "method.moco_v3.out=16"];
pub const DINO: &[&str] =
    &["method.dino.hidden=32", "method.dino.bottleneck=16", "method.dino.prototypes=24", "views.local=0"];

/// Correlations over 8 samples say more of the rounding than of the samples: a batch norm divides by next to nothing
/// where they are alike, and losses part as far where nothing but factors is rounded. Hence 16, in as many steps.
pub const BARLOW_TWINS: &[&str] = &["method.barlow_twins.hidden=32", "train.batch=16", "train.epochs=10"];

/// The first of the bundled digits.
struct Few(LabelledImages);

impl Dataset for Few {
    fn name(&self) -> &str {
        "a few digits"
    }

    fn len(&self) -> usize {
        32
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        Dataset::image(&self.0, index)
    }

    fn label(&self, _index: usize) -> Option<usize> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }
}

pub fn trainer(objective: &str, keys: &[&str], device: DeviceChoice, precision: Precision) -> Trainer {
    equilayer_plugins::link();
    let recipe = format!(
        "[method]\nobjective = \"{objective}\"\nregularizers = [\"ser\"]\n[method.ser]\nbatch = 0.25\n"
    );
    let mut document = Document::parse("tiny.toml", &recipe).unwrap();
    TINY.iter().chain(keys).for_each(|key| document.set(key).unwrap());
    let registry = Registry::linked().unwrap();
    let settings = Settings::read(&document, &registry, ("moco_v3", &[]));
    document.finish().unwrap();
    let settings = settings.unwrap();
    let method = with_narrow_ser(&settings.method);
    let dataset = Arc::new(Few(digits(Split::Train)));
    Trainer::new(Settings { dataset, evaluation: None, method, device, precision, ..settings }).unwrap()
}

/// The method with SER's own loss behind a narrow head, on views that are all of one size: every step has the same
/// plan, so that a recorded one is repeated.
fn with_narrow_ser(method: &Method) -> Method {
    let ser = Plugin::regularizer("ser", equilayer_plugins::soft_equivariance)
        .doc("SER behind a narrow head.")
        .action(
            Rot90.per_batch()
                * Rescale(1.0..=1.0).aspect(1.0..=1.0).per_batch()
                * (HalfTurn * HFlip).per_sample().complementary(),
        )
        .at(method.regularizers()[0].at())
        .argument("z")
        .argument("rho")
        .head("project", Mlp::new().linear(32).gelu().linear(32))
        .knob("temperature", Knob::new(0.4_f32))
        .knob("negatives", Knob::new(Negatives::BothViews));
    let ser = Member::of(&ser).on(BatchShare::Fraction(0.25));
    Method::of(method.objective().clone()).with(ser)
}

/// Every loss of every step.
pub fn losses(folder: &Path) -> Vec<(String, f64)> {
    let records = metrics::read(folder.join("metrics.jsonl")).unwrap();
    let named = |(name, value): (String, f64)| name.starts_with("loss").then_some((name, value));
    records.into_iter().flat_map(|record| record.values.into_iter().filter_map(named)).collect()
}

/// Trains to the end; every loss of every step.
pub fn train(trainer: &mut Trainer) -> Vec<(String, f64)> {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::create(folder.path(), "").unwrap();
    let outcome = trainer.run(&directory, ProgressMode::Quiet, &Interrupt::default()).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    losses(folder.path())
}

/// Differences of two runs' losses, in units of the loss where that is beyond 1.
#[track_caller]
pub fn apart(expected: &[(String, f64)], found: &[(String, f64)]) -> Vec<f64> {
    assert!(expected.len() > 4, "{expected:?}");
    assert!(expected.iter().map(|(name, _)| name).eq(found.iter().map(|(name, _)| name)));
    expected.iter().zip(found).map(|((_, a), (_, b))| (a - b).abs() / a.abs().max(1.0)).collect()
}

/// The largest of some differences.
pub fn most(differences: &[f64]) -> f64 {
    differences.iter().copied().fold(0.0, f64::max)
}
