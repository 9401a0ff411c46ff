//! How weights follow gradients: the section `[optim]`.

use equilayer_engine::optim::{AdamWOptions, Clip, Group, LarsOptions, Optimizer, Rate, SgdOptions};
use equilayer_grammar::{Bound, Range};

use crate::config::Document;
use crate::schedule::Schedule;

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

const NONNEGATIVE: Range = Range { lower: Some(Bound::Closed(0.0)), upper: None };

/// Reads the section.
pub(super) fn read(document: &Document) -> OptimizerSettings {
    let mut section = document.section("optim");
    let choices = [
        ("adamw", Optimizer::adamw(AdamWOptions::default())),
        ("sgd", Optimizer::sgd(SgdOptions::default())),
        ("lars", Optimizer::lars(LarsOptions::default())),
    ];
    let rule = section.choice("name", "adamw", &choices, "How weights follow gradients.");
    let doc = "Learning rate of this batch size.";
    let learning_rate = section.checked("lr", default_rate(), doc, nonnegative);
    let doc = "Decoupled weight decay.";
    let weight_decay = section.checked("weight_decay", Schedule::constant(0.1), doc, nonnegative);
    let doc = "Whether biases and norms decay too, as MoCo v3's ViTs do.";
    let decay_vectors = section.read("decay_vectors", true, doc);
    let doc = "Largest norm of a parameter's gradient; 0 for no limit.";
    let clip = section.number("clip", 0.0, NONNEGATIVE, doc);
    section.finish();
    let mut rule = rule.unwrap_or_else(|| Optimizer::adamw(AdamWOptions::default()));
    if !decay_vectors {
        rule = rule.group(Group::new("vectors", |_, shape| shape.len() <= 1).weight_decay(Rate::Fixed(0.0)));
    }
    if clip > 0.0 {
        rule = rule.clip(Clip::PerParameter(clip));
    }
    OptimizerSettings { rule, learning_rate, weight_decay }
}

fn default_rate() -> Schedule {
    Schedule::literal("warmup(10 %) then cosine(1e-3 -> 0)")
}

fn nonnegative(schedule: &Schedule) -> Result<(), String> {
    NONNEGATIVE.check(f64::from(schedule.bounds().0))
}
