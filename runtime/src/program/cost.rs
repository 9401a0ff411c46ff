//! What steps cost, counted from their plans: floating-point operations by part, and of a plugin beside others.
//!
//! A plugin's cost is counted in one setting for all ([`SETTING`]): the paper's encoder on a batch of one device. An
//! objective is compared with a forward and a backward pass of two views that compute no loss to speak of, a regularizer
//! with its objective alone on the same encoder.

use std::collections::BTreeMap;

use equilayer_engine::Plan;
use serde::Serialize;

use super::build::{Program, ProgramError, TrainingOptions};
use super::shape::{PairShape, SplitShape, StepShape};
use crate::action::{Grid, RelativeShape};
use crate::encoder::{EncoderConfig, VitConfig};
use crate::method::{Layout, Member, Method, Split};
use crate::plugin::{Embedding, Layer, Loss, Plugin, PluginKind, Views};

/// The setting in which plugins are compared.
pub const SETTING: &str = "a step of 256 images of 224 pixels on ViT-S/16";

const BATCH: usize = 256;

/// What a kernel that was built in no part of a program is counted under. The parts ([`Step::part`]) are `student` and
/// `teacher`, the encoders' forward and backward passes; a member's name, its heads and its loss; `optimizer`; `metrics`.
///
/// [`Step::part`]: equilayer_engine::plan::Step::part
pub const OTHER: &str = "other";

/// Floating-point operations of each part of a plan, by name.
pub fn flops_by_part(plan: &Plan) -> BTreeMap<String, u64> {
    let mut parts = BTreeMap::new();
    for step in plan.steps() {
        *parts.entry(step.part().unwrap_or(OTHER).to_owned()).or_default() += step.cost.flops;
    }
    parts.retain(|_, flops| *flops > 0);
    parts
}

/// What a plugin costs in [`SETTING`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PluginCost {
    /// The method that was counted: the plugin, or its objective and it.
    pub method: String,
    /// Floating-point operations of a step.
    pub flops: u64,
    /// What they are compared with.
    pub base: String,
    /// `flops` over those of the base.
    pub relative: f64,
    /// Floating-point operations by part of the step.
    pub parts: BTreeMap<String, u64>,
}

/// Counts what plugins cost.
pub struct CostCounter {
    objective: Option<Plugin>,
    /// FLOPs of regularizers' bases, by the block after which CLS joins.
    bases: BTreeMap<usize, u64>,
}

impl CostCounter {
    /// Regularizers are counted beside `objective`.
    pub fn beside(objective: Option<Plugin>) -> CostCounter {
        CostCounter { objective, bases: BTreeMap::new() }
    }

    /// What `plugin` costs, placed as it was declared.
    ///
    /// # Errors
    /// A plugin that cannot be trained in the setting; a regularizer without an objective beside it.
    pub fn count(&mut self, plugin: &Plugin) -> Result<PluginCost, ProgramError> {
        let cls_after = cls_after(plugin);
        let (method, base, base_flops) = match plugin.spec().kind {
            PluginKind::Objective => {
                let flops = total(&plan(&Method::of(Member::of(&two_views())), cls_after)?);
                (Method::of(Member::of(plugin)), "two views through the encoder".to_owned(), flops)
            }
            PluginKind::Regularizer => {
                let Some(objective) = &self.objective else {
                    return Err(ProgramError::Method(vec![equilayer_grammar::methods::missing_objective()]));
                };
                let alone = Method::of(Member::of(objective));
                let flops = match self.bases.get(&cls_after) {
                    Some(&flops) => flops,
                    None => total(&plan(&alone, cls_after)?),
                };
                self.bases.insert(cls_after, flops);
                let base = format!("{} alone", objective.spec().name);
                (alone.with(Member::of(plugin)), base, flops)
            }
        };
        let plan = plan(&method, cls_after)?;
        let flops = total(&plan);
        let relative = flops as f64 / base_flops as f64;
        Ok(PluginCost { method: method.to_string(), flops, base, relative, parts: flops_by_part(&plan) })
    }
}

/// CLS joins behind the token map that the plugin reads, as SER (arXiv 2603.06693) has it.
fn cls_after(plugin: &Plugin) -> usize {
    let at = plugin.spec().at;
    match at.layer {
        Layer::After(layer) if at.kind.is_spatial() => layer,
        _ => 0,
    }
}

/// An objective that is next to nothing but what it makes the encoder do.
fn two_views() -> Plugin {
    let loss =
        |z: Views<Embedding>| z.all.iter().map(|view| Loss::from(view.tensor.mean_all())).sum::<Loss>();
    Plugin::objective("two_views", loss).doc("Sums the features of two views.").argument("z")
}

fn total(plan: &Plan) -> u64 {
    plan.cost().flops
}

/// The plan of a step on grids that no action has changed.
fn plan(method: &Method, cls_after: usize) -> Result<Plan, ProgramError> {
    let encoder = VitConfig { cls_after, ..VitConfig::small_16() };
    let layout = Layout::of(method, BATCH);
    let options = TrainingOptions::default();
    let [global, local] =
        [encoder.image(), options.local_image].map(|size| encoder.grid(encoder.layers(), size));
    let pair = |split: &Split, grid: Grid| {
        let (from, to) = (grid.cells(), grid.cells());
        let relative = RelativeShape { from, to, taps: split.action.taps(), samples: None };
        PairShape { grids: [grid; 2], relative: vec![[relative; 2]; split.members.len()] }
    };
    let shape = |split: &Split| {
        let grids = (0..split.pairs()).map(|index| if index == 0 { global } else { local });
        SplitShape { pairs: grids.map(|grid| pair(split, grid)).collect() }
    };
    let shape = StepShape { splits: layout.splits.iter().map(shape).collect() };
    Ok(Program::build(method, &encoder, &layout, &shape, &options)?.plan)
}
