//! The sections of a configuration that say what is trained, on what, and how.

use std::path::PathBuf;
use std::sync::Arc;

use equilayer_engine::optim::{AdamWOptions, Clip, Group, LarsOptions, Optimizer, Rate, SgdOptions};
use equilayer_grammar::{Bound, Range};

use crate::action::Interpolation;
use crate::assess::{AssessOptions, Bench, Read};
use crate::augment::{CenterCrop, Normalize, Pipeline, Step, presets};
use crate::config::{Document, FromNode, Scalar, Section, read_method};
use crate::data::Dataset;
use crate::encoder::{EncoderConfig, Positions, ResNetConfig, VitConfig};
use crate::method::Method;
use crate::plugin::{Crops, Layer, Registry};
use crate::schedule::Schedule;

use super::local_crops;
use super::source::Kind;
use super::views::ViewOptions;

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

/// Rule and schedules.
#[derive(Clone, Debug)]
pub struct OptimizerSettings {
    /// The rule.
    pub rule: Optimizer,
    /// Learning rate at the run's batch.
    pub learning_rate: Schedule,
    /// Weight decay.
    pub weight_decay: Schedule,
}

const POSITIVE: Range = Range { lower: Some(Bound::Open(0.0)), upper: None };
const SHARE: Range = Range { lower: Some(Bound::Closed(0.0)), upper: Some(Bound::Open(1.0)) };

impl Settings {
    /// The folder of the run alone.
    pub fn read_directory(document: &Document) -> PathBuf {
        read_directory(&mut document.section("train")).into()
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
            train.number("drop_path", 0.0, SHARE, "Stochastic depth at the student's last block.");
        let workers = train.count("workers", 2, 1, "Threads that make views.");
        let threads = train.count("threads", 0, 0, "Threads that compute; 0 for all cores.");
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
        let (encoder, views) = read_encoder(document, kind.image(dataset), &mut method);
        data.finish();
        let optimizer = read_optimizer(document);
        let (look_every, assess) = read_evaluate(document);
        let (dataset, evaluation) = sets?;
        Some(Settings {
            method: method?,
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
            drop_path: drop_path as f32,
            checkpoint_every: checkpoint_every as u64,
            keep,
            bad_images,
            look_every,
            assess,
            directory: directory.into(),
        })
    }
}

/// The folder of a run, of the section `train`.
fn read_directory(train: &mut Section<'_>) -> String {
    train.read("directory", "runs/latest".to_owned(), "Folder of the run.")
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
            tap: Some(last_spatial_tap(&self.method, depth)).filter(|&layer| layer > 0),
            seed: self.seed,
            workers: self.workers,
            threads: self.threads,
            options: self.assess.clone(),
        }
    }
}

#[derive(Clone, Copy)]
enum EncoderKind {
    Vit,
    ResNet,
}

fn read_encoder(
    document: &Document,
    (side, channels): (usize, usize),
    method: &mut Option<Method>,
) -> (EncoderChoice, Option<ViewOptions>) {
    let small = side <= 32;
    let mut section = document.section("encoder");
    let choices = [("vit", EncoderKind::Vit), ("resnet", EncoderKind::ResNet)];
    let chosen = section.choice("name", "vit", &choices, "The network.");
    let image = section.count("image", side, 8, "Height and width of the images, pixels.");
    let encoder: EncoderChoice = match chosen {
        Some(EncoderKind::ResNet) => {
            let base = if small { ResNetConfig::resnet18_small_images() } else { ResNetConfig::resnet18() };
            Arc::new(ResNetConfig { image: [image; 2], channels, ..base })
        }
        _ => {
            let base = if small { VitConfig::digits() } else { VitConfig::small_16() };
            let patch = section.count("patch", base.patch, 1, "Height and width of a patch, pixels.");
            let width = section.count("width", base.width, 1, "Width of a token.");
            let depth = section.count("depth", base.depth, 1, "Blocks.");
            let heads = section.count("heads", base.heads, 1, "Attention heads of a block.");
            let doc = "Block after which CLS joins: 0 at the input, or \"follow-tap\".";
            let cls_after = section.read("cls_after", ClsAfter::FollowTap, doc);
            let tap = method.as_ref().map_or(0, |method| last_spatial_tap(method, depth));
            let sincos = section.read("sincos", true, "Fixed sin-cos positions in place of learned ones.");
            let frozen = section.read(
                "frozen_patches",
                true,
                "Whether the patch embedding stays as it starts (MoCo v3).",
            );
            Arc::new(VitConfig {
                image: [image; 2],
                channels,
                patch,
                width,
                depth,
                heads,
                cls_after: cls_after.block(tap),
                positions: if sincos { Positions::SinCos } else { Positions::Learned },
                frozen_patch_embedding: frozen,
                ..base
            })
        }
    };
    if let Err(error) = encoder.check() {
        section.report("name", &error.to_string());
    }
    let views = section_views(document, channels, image, encoder.stride(), method);
    section.finish();
    (encoder, views)
}

/// The block after which CLS joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClsAfter {
    /// The one of this number.
    Block(usize),
    /// Behind the last token map that a regularizer reads, as the paper of SER has it.
    FollowTap,
}

impl ClsAfter {
    fn block(self, tap: usize) -> usize {
        match self {
            ClsAfter::Block(block) => block,
            ClsAfter::FollowTap => tap,
        }
    }
}

const FOLLOW_TAP: &str = "follow-tap";

impl FromNode for ClsAfter {
    fn expected() -> String {
        format!("a block's number from 0 on, or \"{FOLLOW_TAP}\"")
    }

    fn from_scalar(scalar: &Scalar) -> Result<ClsAfter, String> {
        match scalar {
            Scalar::Text(text) if text == FOLLOW_TAP => Ok(ClsAfter::FollowTap),
            Scalar::Whole(_) => usize::from_scalar(scalar).map(ClsAfter::Block),
            _ => Err(String::new()),
        }
    }

    fn to_toml(&self) -> String {
        match self {
            ClsAfter::Block(block) => block.to_toml(),
            ClsAfter::FollowTap => format!("\"{FOLLOW_TAP}\""),
        }
    }
}

fn last_spatial_tap(method: &Method, depth: usize) -> usize {
    let layer = |member: &crate::method::Member| match (member.at().kind.is_spatial(), member.at().layer) {
        (true, Layer::After(layer)) if layer < depth => layer,
        _ => 0,
    };
    // A CLS token read early must have joined before.
    let early = |member: &crate::method::Member| {
        member.at().kind == crate::plugin::TapKind::Cls && member.at().layer != Layer::Last
    };
    if method.members().any(early) { 0 } else { method.members().map(layer).max().unwrap_or(0) }
}

/// The views, and how many local ones the method's objective sees.
fn section_views(
    document: &Document,
    channels: usize,
    image: usize,
    stride: usize,
    method: &mut Option<Method>,
) -> Option<ViewOptions> {
    let mut section = document.section("views");
    let smallest = section.number(
        "smallest_crop",
        if channels == 1 { 0.4 } else { 0.08 },
        Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(1.0)) },
        "Smallest share of an image's area that a view shows.",
    );
    let built = match channels {
        1 => {
            let [first, second] = presets::digits();
            let scale = [smallest as f32, 1.0];
            first.cropping(image, scale).and_then(|first| Ok([first, second.cropping(image, scale)?]))
        }
        _ => presets::moco_v3(image, smallest as f32),
    };
    let global = match built {
        Ok(global) => global,
        Err(error) => {
            section.report("smallest_crop", &error.to_string());
            section.finish();
            return None;
        }
    };
    let crops = method.as_ref().map_or(Crops::PAIR, |method| method.objective().views());
    let (crops, local) =
        local_crops::read(&mut section, crops, image, stride.max(1), &global[1], channels == 1);
    *method = method.take().map(|method| method.seeing(crops));
    section.finish();
    let normalize: Normalize = global[0].normalize().clone();
    let steps = vec![Step::CenterCrop(CenterCrop {
        size: image,
        shorter_side: image,
        interpolation: Interpolation::Bilinear,
    })];
    let plain = Pipeline::new(steps, normalize).ok()?;
    Some(ViewOptions { global, local, plain })
}

fn read_optimizer(document: &Document) -> OptimizerSettings {
    let mut section = document.section("optim");
    let choices = [
        ("adamw", Optimizer::adamw(AdamWOptions::default())),
        ("sgd", Optimizer::sgd(SgdOptions::default())),
        ("lars", Optimizer::lars(LarsOptions::default())),
    ];
    let rule = section.choice("name", "adamw", &choices, "How weights follow gradients.");
    let learning_rate =
        section.checked("lr", default_rate(), "Learning rate of this batch size.", |rate: &Schedule| {
            nonnegative(rate)
        });
    let weight_decay = section.checked(
        "weight_decay",
        Schedule::constant(0.1),
        "Decoupled weight decay.",
        |rate: &Schedule| nonnegative(rate),
    );
    let exclude =
        section.read("decay_vectors", true, "Whether biases and norms decay too, as MoCo v3's ViTs do.");
    let clip = section.number(
        "clip",
        0.0,
        Range { lower: Some(Bound::Closed(0.0)), upper: None },
        "Largest norm of a parameter's gradient; 0 for no limit.",
    );
    section.finish();
    let mut rule = rule.unwrap_or_else(|| Optimizer::adamw(AdamWOptions::default()));
    if !exclude {
        rule = rule.group(Group::new("vectors", |_, shape| shape.len() <= 1).weight_decay(Rate::Fixed(0.0)));
    }
    if POSITIVE.check(clip).is_ok() {
        rule = rule.clip(Clip::PerParameter(clip));
    }
    OptimizerSettings { rule, learning_rate, weight_decay }
}

fn read_evaluate(document: &Document) -> (u64, AssessOptions) {
    let mut section = document.section("evaluate");
    let every =
        section.count("every", 0, 0, "Steps between online accuracies and collapse signals; 0 for an epoch.");
    let read = "What probes read: embedding, last4 (CLS of the last 4 layers) or tokens(LAYER).";
    let options = AssessOptions {
        read: section.read("read", Read::LastLayers(4), read),
        images: section.count("images", 0, 0, "Most images of each split; 0 for all."),
        neighbours: section.count("neighbours", 20, 1, "Neighbours that vote."),
        probe_epochs: section.count("probe_epochs", 50, 1, "Passes of the linear probe."),
        moved_images: section.count("moved_images", 500, 2, "Images moved or corrupted."),
    };
    section.finish();
    (every as u64, options)
}

fn default_rate() -> Schedule {
    "warmup(10 %) then cosine(1e-3 -> 0)".parse().unwrap_or_else(|_| Schedule::constant(1e-3))
}

fn nonnegative(schedule: &Schedule) -> Result<(), String> {
    Range { lower: Some(Bound::Closed(0.0)), upper: None }.check(f64::from(schedule.bounds().0))
}
