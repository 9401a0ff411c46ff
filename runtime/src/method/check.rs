//! What only an encoder and a batch can decide.

use equilayer_grammar::{actions, methods, placement};

use super::{Choice, Layout, Member, Method, Problem};
use crate::encoder::EncoderConfig;
use crate::plugin::{
    ArgumentKind, BatchShare, FeatureKind, Layer, Role, Sharing, Tap, TapKind, place_problem,
};

impl Method {
    /// Everything that keeps this method from being trained on this encoder with batches of this size: each problem
    /// with the member's name before it. Nothing is allocated.
    pub fn problems(&self, encoder: &dyn EncoderConfig, batch: usize) -> Vec<String> {
        self.located_problems(encoder, batch).iter().map(Problem::to_string).collect()
    }

    /// The same, with the choices that are to blame.
    pub fn located_problems(&self, encoder: &dyn EncoderConfig, batch: usize) -> Vec<Problem> {
        let whole = self.problems.iter().cloned().chain(encoder.check().err().map(|error| error.to_string()));
        let mut problems: Vec<Problem> =
            whole.map(|message| Problem::of_all(Choice::Member, message)).collect();
        for (member, name) in self.members().zip(self.names()) {
            let of = |choice| {
                let name = &name;
                move |message| Problem::of(name, choice, message)
            };
            problems.extend(member.plugin.problems().into_iter().map(of(Choice::Member)));
            problems.extend(member.problems().into_iter().map(of(Choice::Member)));
            problems.extend(self.placement_problems(member, encoder).into_iter().map(of(Choice::Place)));
            problems.extend(self.supply_problems(member).into_iter().map(of(Choice::Member)));
            problems.extend(self.sharing_problem(member, batch).map(of(Choice::Batch)));
            problems.extend(self.local_problem(member).map(of(Choice::Member)));
        }
        problems.extend(self.batch_problems(batch));
        problems
    }

    fn placement_problems(&self, member: &Member, encoder: &dyn EncoderConfig) -> Vec<String> {
        let Some((_, feature)) = member.spec().features().next() else { return Vec::new() };
        let mut problems = Vec::new();
        if let Some(problem) = place_problem(member.at, feature) {
            problems.push(problem);
        } else if let Some(problem) = layer_problem(member.at, encoder) {
            problems.push(problem);
        }
        let relative = member.spec().asks(&ArgumentKind::Relative);
        if relative && !member.at.kind.is_spatial() && feature == FeatureKind::Tokens {
            problems.push(actions::spatial_on_collapsed(&member.at.to_string()));
        }
        problems
    }

    /// Why samples cannot be transformed alike in groups, if so.
    fn sharing_problem(&self, member: &Member, batch: usize) -> Option<String> {
        let share = member.spec().share?;
        let splits = Layout::of(self, batch).splits;
        match splits.iter().find(|split| !split.own) {
            Some(split) => Some(format!(
                "it compares samples that are transformed alike, and `{}` transforms each of its samples by itself; use \
                 one of the two",
                split.name
            )),
            None => undivided(share, member.batch().samples(batch)),
        }
    }

    /// Why a regularizer's local crops are no pairs, or not there.
    fn local_problem(&self, member: &Member) -> Option<String> {
        let (local, there) = (member.views().local, self.objective().views().local);
        let fits = !member.spec().reads(Role::Pair) || (local.is_multiple_of(2) && local <= there);
        (!fits).then(|| methods::local_crops(local, &self.objective().spec().name, there))
    }

    fn supply_problems(&self, member: &Member) -> Vec<String> {
        let spec = member.spec();
        let mut problems = Vec::new();
        if spec.reads(Role::TeacherViews) && self.teacher().is_none() {
            problems.push(methods::no_teacher(&self.objective().spec().name));
        }
        if spec.reads(Role::Pair) && spec.action.is_none() {
            problems.push(actions::missing("Pair"));
        }
        problems
    }

    fn batch_problems(&self, batch: usize) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (member, name) in self.members().zip(self.names()) {
            let alone = member.spec().reads(Role::Pair) || member.spec().reads(Role::Orbit);
            if matches!(member.batch, BatchShare::Own(_)) && !alone {
                problems.push(Problem::of(&name, Choice::Batch, methods::own_batch_of_views()));
            }
        }
        let layout = Layout::of(self, batch);
        for split in &layout.splits {
            let member = &split.members.first().and_then(|&index| self.members().nth(index));
            let share = member.map(|member| member.batch);
            if split.samples < 2 {
                let share = match share {
                    Some(BatchShare::Fraction(share)) => share,
                    _ => 1.0,
                };
                let message = methods::too_few_samples(share, batch, split.samples);
                problems.push(Problem::of(&split.name, Choice::Batch, message));
            }
        }
        let shared = || layout.splits.iter().filter(|split| !split.own);
        let taken: usize = shared().map(|split| split.samples).sum();
        if taken > batch {
            let names: Vec<&str> = shared().map(|split| split.name.as_str()).collect();
            let message = methods::splits_exceed_batch(&names, taken, batch);
            problems.push(Problem::of_all(Choice::Batch, message));
        }
        problems
    }
}

/// A batch that does not divide.
fn undivided(share: Sharing, batch: usize) -> Option<String> {
    let (Sharing::Of(parts) | Sharing::Into(parts)) = share;
    (!batch.is_multiple_of(parts.max(1))).then(|| {
        let groups = match share {
            Sharing::Of(_) => format!("groups of {parts}"),
            _ => format!("{parts} groups"),
        };
        format!(
            "a batch of {batch} does not divide into {groups} of samples that are transformed alike; use a multiple of \
             {parts}"
        )
    })
}

/// Why an encoder has nothing at a tap, if so.
fn layer_problem(tap: Tap, encoder: &dyn EncoderConfig) -> Option<String> {
    let layer = match tap.layer {
        Layer::After(layer) => layer,
        Layer::Last => encoder.layers(),
    };
    if layer > encoder.layers() {
        return Some(placement::layer_beyond(tap.kind.name(), layer, encoder.layers()));
    }
    match (tap.kind, encoder.cls_after()) {
        (TapKind::Cls, None) => Some(placement::no_cls(layer)),
        // `cls(l)` needs the token to have passed through at least one block.
        (TapKind::Cls, Some(after)) if layer <= after => Some(placement::cls_too_early(layer, after)),
        _ => None,
    }
}
