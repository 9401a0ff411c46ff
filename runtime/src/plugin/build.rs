//! Declaring a plugin with the builder: what the macros expand to.

use std::fmt;
use std::sync::Arc;

use equilayer_engine::Error;
use equilayer_grammar::{actions, heads, knobs, names, placement, unknown};

use super::argument::{Demand, LossFunction, Role, Supply};
use super::feature::FeatureKind;
use super::follower::Ema;
use super::knob::{Knob, KnobSpec, KnobValue};
use super::layers::{HeadLayer, Mlp};
use super::loss::Loss;
use super::spec::{ArgumentKind, ArgumentSpec, BatchShare, Crop, Crops, PluginKind, PluginSpec, Sharing};
use super::tap::{Layer, Tap, embedding};
use super::width::Width;
use crate::action::{Action, IntoAction};
use crate::schedule::Schedule;

type BuildLoss = Arc<dyn Fn(&[String], &Supply) -> Result<Loss, Error> + Send + Sync>;

/// A declared loss: its specification and the function that computes it.
///
/// ```
/// use equilayer::plugin::{Embedding, Head, Knob, Loss, Mlp, Pair, Plugin, cls};
///
/// let plugin = Plugin::regularizer("closeness", |z: Pair<Embedding>, project: Head, scale: f32| {
///     let difference = project.forward(z.student).tensor - project.forward(z.source).tensor;
///     Loss::from(difference.square().mean_all()) * scale
/// })
/// .doc("Mean square of what two views differ in.")
/// .at(cls(3_usize))
/// .action(equilayer::action::HFlip)
/// .argument("z")
/// .head("project", Mlp::new().linear(64))
/// .knob("scale", Knob::new(1.0_f32).above(0.0));
/// assert_eq!(plugin.problems(), Vec::<String>::new());
/// ```
#[derive(Clone)]
pub struct Plugin {
    spec: PluginSpec,
    /// What the signature still asks for, in order.
    demands: std::collections::VecDeque<Demand>,
    problems: Vec<String>,
    placed: bool,
    loss: BuildLoss,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Plugin {
    /// An objective, at the encoder's embedding, on two views of the whole batch.
    pub fn objective<A>(name: &str, loss: impl LossFunction<A>) -> Plugin {
        Plugin { placed: true, ..Plugin::new(name, PluginKind::Objective, loss) }
    }

    /// A regularizer of weight 1 on the whole batch. It needs a place ([`Plugin::at`]).
    pub fn regularizer<A>(name: &str, loss: impl LossFunction<A>) -> Plugin {
        Plugin::new(name, PluginKind::Regularizer, loss)
    }

    fn new<A, F: LossFunction<A>>(name: &str, kind: PluginKind, loss: F) -> Plugin {
        let spec = PluginSpec {
            name: name.into(),
            kind,
            doc: String::new(),
            at: embedding().into(),
            action: None,
            batch: BatchShare::Whole,
            views: Crops::PAIR,
            share: None,
            crop: None,
            weight: Schedule::constant(1.0),
            teacher: None,
            arguments: Vec::new(),
        };
        let loss: BuildLoss = Arc::new(move |names, supply| loss.call(names, supply));
        let problems = names::plugin(name).err().into_iter().collect();
        Plugin { spec, demands: F::demands().into(), problems, placed: false, loss }
    }

    /// What it is: the first line is what lists print, the rest what `explain` adds.
    pub fn doc(mut self, doc: &str) -> Plugin {
        self.spec.doc = doc.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().into();
        self
    }

    /// Where it sits unless placed elsewhere.
    pub fn at(mut self, tap: impl Into<Tap>) -> Plugin {
        self.spec.at = tap.into();
        self.placed = true;
        self
    }

    /// The group action on its images. Its loss compares images under elements of the group.
    pub fn action(mut self, action: impl IntoAction) -> Plugin {
        self.spec.action = Some(action.into_action());
        self
    }

    /// On how many samples it works.
    pub fn batch(mut self, share: impl Into<BatchShare>) -> Plugin {
        self.spec.batch = share.into();
        self
    }

    /// The crops it compares. A regularizer that reads a [`Pair`](super::Pair) compares the two global ones, and local
    /// ones two by two.
    pub fn views(mut self, views: Crops) -> Plugin {
        self.spec.views = views;
        self
    }

    /// Which samples are transformed alike.
    pub fn share(mut self, share: Sharing) -> Plugin {
        self.spec.share = Some(share);
        self
    }

    /// A crop of its own.
    pub fn crop(mut self, crop: Crop) -> Plugin {
        self.spec.crop = Some(crop);
        self
    }

    /// λ unless another is given.
    pub fn weight(mut self, weight: impl Into<Schedule>) -> Plugin {
        self.spec.weight = weight.into();
        self
    }

    /// The method has a teacher that follows so.
    pub fn teacher(mut self, ema: Ema) -> Plugin {
        self.spec.teacher = Some(ema);
        self
    }

    /// Names the next parameter, one whose type says everything: a feature, an action, labels.
    pub fn argument(mut self, name: &str) -> Plugin {
        let kind = match self.demands.pop_front() {
            Some(Demand::Feature(role, feature)) => ArgumentKind::Feature { role, feature },
            Some(Demand::Relative) => ArgumentKind::Relative,
            Some(Demand::Labels) => ArgumentKind::Labels,
            Some(Demand::Differences) => ArgumentKind::Differences,
            Some(Demand::Parameters) => ArgumentKind::Parameters,
            Some(Demand::Positions) => ArgumentKind::Positions,
            Some(Demand::Head) => return self.misdeclared(heads::missing(name)),
            Some(Demand::State) => return self.misdeclared(heads::missing_state(name)),
            Some(Demand::Knob(_)) => return self.misdeclared(knobs::missing_default(name)),
            None => return self.surplus(name),
        };
        self.push(name, kind)
    }

    /// Names the next parameter, a head.
    pub fn head(mut self, name: &str, head: Mlp) -> Plugin {
        match self.demands.pop_front() {
            Some(Demand::Head) => self.push(name, ArgumentKind::Head(head)),
            None => self.surplus(name),
            Some(_) => {
                self.misdeclared(format!("`{name}` is declared as a head, and its type is not `Head`"))
            }
        }
    }

    /// Names the next parameter, a state that starts at `init` everywhere.
    pub fn state<W: Into<Width>>(
        mut self,
        name: &str,
        shape: impl IntoIterator<Item = W>,
        init: f32,
    ) -> Plugin {
        match self.demands.pop_front() {
            Some(Demand::State) => {
                let shape = shape.into_iter().map(Into::into).collect();
                self.push(name, ArgumentKind::State { shape, init })
            }
            None => self.surplus(name),
            Some(_) => {
                self.misdeclared(format!("`{name}` is declared as a state, and its type is not `State`"))
            }
        }
    }

    /// Names the next parameter, a knob.
    pub fn knob(mut self, name: &str, knob: Knob) -> Plugin {
        match self.demands.pop_front() {
            Some(Demand::Knob(kind)) if kind == *knob.kind() => {
                self.push(name, ArgumentKind::Knob(knob.named(name)))
            }
            None => self.surplus(name),
            Some(_) => self.misdeclared(format!(
                "`{name}` is declared as a knob of another type than the parameter's; give `Knob::new` a default of its type"
            )),
        }
    }

    fn push(mut self, name: &str, kind: ArgumentKind) -> Plugin {
        self.spec.arguments.push(ArgumentSpec { name: name.into(), kind });
        self
    }

    fn misdeclared(mut self, problem: String) -> Plugin {
        self.problems.push(problem);
        self
    }

    fn surplus(self, name: &str) -> Plugin {
        self.misdeclared(format!("`{name}` is declared, and the loss has no parameter left for it"))
    }

    /// Its specification.
    pub fn spec(&self) -> &PluginSpec {
        &self.spec
    }

    /// The plugin under another action, if the loss can do with it.
    pub(crate) fn under(mut self, action: Action) -> Result<Plugin, String> {
        self.spec.action = Some(action);
        let mut problems = Vec::new();
        self.check_action(&mut problems);
        problems.into_iter().next().map_or(Ok(self), Err)
    }

    /// The plugin with other layers of a head. Whether the teacher has a copy of its own stays as it was declared, and so
    /// does the knob that freezes the last layer, unless another is named.
    pub(crate) fn with_head(mut self, name: &str, head: Mlp) -> Result<Plugin, String> {
        let heads = self.spec.arguments.iter_mut().filter_map(|argument| match &mut argument.kind {
            ArgumentKind::Head(head) => Some((argument.name.as_str(), head)),
            _ => None,
        });
        let mut heads: Vec<(&str, &mut Mlp)> = heads.collect();
        let Some((_, declared)) = heads.iter_mut().find(|(declared, _)| *declared == name) else {
            return Err(unknown("head", name, heads.iter().map(|(name, _)| *name).collect::<Vec<_>>()));
        };
        if head.ema && !declared.ema {
            return Err(heads::no_copy(name));
        }
        let freeze_last = head.freeze_last.clone().or_else(|| declared.freeze_last.clone());
        **declared = Mlp { ema: declared.ema, freeze_last, ..head.clone() };
        let mut problems = Vec::new();
        self.check_head(name, &head, &mut problems);
        problems.into_iter().next().map_or(Ok(self), Err)
    }

    /// Its equation.
    pub(crate) fn call(&self, supply: &Supply) -> Result<Loss, Error> {
        let names: Vec<String> = self.spec.arguments.iter().map(|argument| argument.name.clone()).collect();
        (self.loss)(&names, supply)
    }

    /// Everything wrong with the declaration by itself, in the words of the macros.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.clone();
        let spec = &self.spec;
        if spec.doc.is_empty() {
            problems.push(names::undocumented(&spec.name));
        }
        if !self.demands.is_empty() && self.problems.is_empty() {
            let left = self.demands.len();
            problems
                .push(format!("the last {left} parameters of the loss are not declared; name each in order"));
        }
        self.check_names(&mut problems);
        self.check_placement(&mut problems);
        self.check_action(&mut problems);
        for argument in &spec.arguments {
            match &argument.kind {
                ArgumentKind::Head(head) => self.check_head(&argument.name, head, &mut problems),
                ArgumentKind::State { shape, .. } if shape.is_empty() => {
                    problems.push(heads::state_without_axes());
                }
                ArgumentKind::Knob(knob) => check_knob(knob, &mut problems),
                _ => {}
            }
        }
        problems
    }

    fn check_names(&self, problems: &mut Vec<String>) {
        for (index, argument) in self.spec.arguments.iter().enumerate() {
            let kind = match argument.kind {
                ArgumentKind::Head(_) => "head",
                ArgumentKind::State { .. } => "state",
                ArgumentKind::Knob(_) => "knob",
                _ => continue,
            };
            problems.extend(names::part(kind, &argument.name).err());
            if self.spec.arguments[..index].iter().any(|earlier| earlier.name == argument.name) {
                problems.push(names::duplicate(kind, &argument.name));
            }
        }
    }

    fn check_placement(&self, problems: &mut Vec<String>) {
        let spec = &self.spec;
        let kinds: Vec<FeatureKind> = spec.features().map(|(_, kind)| kind).collect();
        let Some(&first) = kinds.first() else {
            problems.push(placement::no_feature());
            return;
        };
        if let Some(other) = kinds.iter().find(|&&kind| kind != first) {
            problems.push(placement::mixed_features(first.name(), other.name()));
        }
        if !self.placed {
            problems.push(placement::missing_tap(Some(first.name())));
        } else {
            problems.extend(place_problem(spec.at, first));
        }
        if let BatchShare::Fraction(share) = spec.batch {
            problems
                .extend(placement::BATCH_SHARE.check(share).err().map(|why| placement::batch_share(&why)));
        }
        let lowest = f64::from(spec.weight.bounds().0);
        problems.extend(placement::WEIGHT.check(lowest).err().map(|why| placement::weight(&why)));
    }

    fn check_action(&self, problems: &mut Vec<String>) {
        let spec = &self.spec;
        let relative = spec.asks(&ArgumentKind::Relative);
        let labels = spec.asks(&ArgumentKind::Labels);
        let orbit = spec.reads(Role::Orbit);
        match &spec.action {
            None if relative => problems.push(actions::missing("Relative")),
            None if labels => problems.push(actions::missing("Labels")),
            None if orbit => problems.push(actions::missing("Orbit")),
            Some(action) if orbit && action.order().is_none() => {
                problems.push(actions::orbit_of_infinite(&action.to_string()));
            }
            _ => {}
        }
        if labels && !orbit {
            problems.push(actions::labels_without_orbit());
        }
        if relative && spec.features().any(|(_, kind)| kind == FeatureKind::Embedding) {
            problems.push(actions::spatial_on_collapsed("Embedding"));
        }
        let crops = spec.features().any(|read| read == (Role::Views, FeatureKind::Tokens));
        if spec.asks(&ArgumentKind::Positions) && !crops {
            problems.push(placement::positions_without_tokens());
        }
    }

    fn check_head(&self, name: &str, head: &Mlp, problems: &mut Vec<String>) {
        if head.last_linear().is_none() {
            problems.push(heads::without_linear(name));
        }
        let last = head.layers.len().saturating_sub(1);
        let early = |(index, layer): (usize, &HeadLayer)| {
            index < last && matches!(layer, HeadLayer::Prototypes { .. })
        };
        if head.layers.iter().enumerate().any(early) {
            problems.push(heads::prototypes_not_last());
        }
        let zero = |layer: &HeadLayer| match layer {
            HeadLayer::Linear { width, .. } | HeadLayer::Prototypes { width } => width.is_zero(),
            _ => false,
        };
        if head.layers.iter().any(zero) {
            problems.push(heads::zero_width());
        }
        let whole = self.spec.width_knobs();
        let strange = head.knobs().filter(|name| !whole.contains(name));
        problems.extend(strange.map(|name| heads::unknown_width(name, whole.iter().copied())));
        let strange = head.freeze_last.iter().filter(|name| !whole.contains(&name.as_str()));
        problems.extend(strange.map(|name| heads::frozen_by_no_knob(name, whole.iter().copied())));
    }
}

/// Why a plugin that reads `feature` cannot sit at `tap`, if so.
pub(crate) fn place_problem(tap: Tap, feature: FeatureKind) -> Option<String> {
    if tap.layer == Layer::After(0) {
        return Some(placement::layer_zero(tap.kind.name()));
    }
    let fits = tap.kind.is_spatial() == (feature == FeatureKind::Tokens);
    (!fits).then(|| placement::feature_at_tap(feature.name(), tap.kind.name()))
}

fn check_knob(knob: &KnobSpec, problems: &mut Vec<String>) {
    if knob.range.is_empty() {
        problems.push(knobs::empty_range(&knob.range));
    } else if let Some(number) = number_of(&knob.default) {
        let outside = knob.range.check(number).err();
        problems.extend(outside.map(|why| knobs::default_out_of_range(&knob.name, &why)));
    } else {
        problems.extend(knob.problem(&knob.default));
    }
}

fn number_of(value: &KnobValue) -> Option<f64> {
    match value {
        KnobValue::Whole(number) => Some(*number as f64),
        KnobValue::Number(number) => Some(f64::from(*number)),
        KnobValue::Flag(_) | KnobValue::Text(_) => None,
    }
}
