//! The forward half of a program: networks, taps and losses.

use std::collections::BTreeMap;
use std::rc::Rc;

use equilayer_engine::{Error, Graph, Init, Tensor};

use super::build::{ProgramError, TrainingOptions};
use super::encode::Network;
use super::names::{self, ENCODER, UNTRANSFORMED};
use super::shape::StepShape;
use super::taps::{Tapper, concat};
use crate::action::{Grid, Relative};
use crate::encoder::{EncoderConfig, Features};
use crate::method::{Layout, Member, Method};
use crate::nn::Parameters as _;
use crate::plugin::{
    ArgumentKind, Differences, Follower, Head, KnobKind, Labels, Loss, Parameters, Position, Positions, Role,
    Side, State, Supply, TappedFeature,
};

/// What a program is made of.
#[derive(Clone, Copy)]
pub(super) struct Recipe<'a> {
    pub method: &'a Method,
    pub encoder: &'a dyn EncoderConfig,
    pub layout: &'a Layout,
    pub shape: &'a StepShape,
    pub options: &'a TrainingOptions,
}

/// A loss in the graph.
pub(super) struct Term {
    pub name: String,
    /// Unweighted.
    pub loss: Tensor,
    /// λ, fed; nothing for the objective.
    pub weight: Option<Tensor>,
    /// What it read of the student's encoder, before its own norm.
    pub taps: Vec<Tensor>,
    /// Its learned layers, and its norm.
    pub heads: Vec<(String, Vec<Tensor>)>,
}

/// Networks and losses in one graph.
pub(super) struct Assembly {
    pub graph: Graph,
    pub follower: Option<Rc<Follower>>,
    pub terms: Vec<Term>,
}

impl Recipe<'_> {
    /// Checks the method against encoder and batch, and writes everything up to the losses into a graph.
    pub fn assemble(&self) -> Result<Assembly, ProgramError> {
        let problems = self.method.problems(self.encoder, self.layout.batch);
        if !problems.is_empty() {
            return Err(ProgramError::Method(problems));
        }
        self.write()
    }

    fn write(&self) -> Result<Assembly, ProgramError> {
        let graph = Graph::new();
        let student = self.encoder.build(&graph, ENCODER)?;
        let follower = self.method.teacher().map(|ema| {
            let momentum = graph.input(names::MOMENTUM, []);
            Rc::new(Follower::new(&graph, &momentum, ema.update))
        });
        let teacher = follower.as_ref().map(|follower| student.map(&mut |state| follower.follow(state)));
        let sets = ImageSets::of(self, &graph);
        let key = (self.options.drop_path > 0.0).then(|| graph.input(names::RANDOM, [2]));
        let network = |encoder, drop_path, stream| Network {
            encoder,
            couples_samples: self.encoder.couples_samples(),
            drop_path,
            key: key.as_ref(),
            stream,
        };
        // The teacher first: it runs in little memory, which is not needed on top of what the student keeps.
        let known = teacher.as_ref().map(|teacher| {
            let teacher_network = network(teacher.as_ref(), 0.0, "teacher");
            graph.scope("teacher", || teacher_network.encode(&sets.teacher))
        });
        let student_network = network(student.as_ref(), self.options.drop_path, "student");
        let seen = graph.scope("student", || student_network.encode(&sets.student));
        let mut terms = Vec::new();
        for (index, (member, name)) in self.method.members().zip(self.method.names()).enumerate() {
            if member.is_control() {
                continue;
            }
            let scene = Scene {
                recipe: self,
                graph: &graph,
                member,
                name: &name,
                index,
                seen: &seen,
                known: known.as_ref(),
                follower: follower.as_ref(),
            };
            graph.check()?;
            let term = graph.scope(&name, || scene.term());
            terms.push(
                term.and_then(|term| graph.check().map(|()| term)).map_err(|error| unfit(member, &error))?,
            );
        }
        graph.check()?;
        Ok(Assembly { graph, follower, terms })
    }
}

/// A loss that does not fit what it is given, with the heads whose widths are to fit.
fn unfit(member: &Member, error: &Error) -> ProgramError {
    let spec = member.spec();
    let mut heads: String = spec.heads().map(|(name, head)| format!("\n  {name} = \"{head}\"")).collect();
    if !heads.is_empty() {
        heads.insert_str(0, "\nlet the widths of its heads fit one another and the loss:");
    }
    ProgramError::Term { name: spec.name.clone(), detail: format!("{error}{heads}") }
}

/// The images a step needs, as inputs of the graph, by name.
struct ImageSets {
    student: Vec<(String, Tensor)>,
    teacher: Vec<(String, Tensor)>,
}

impl ImageSets {
    fn of(recipe: &Recipe, graph: &Graph) -> ImageSets {
        let Recipe { method, encoder, layout, shape, .. } = *recipe;
        let (channels, [height, width]) = (encoder.channels(), encoder.image());
        let declare = |name: String, samples: usize, size: [usize; 2]| {
            let images = graph.input(&name, [samples, channels, size[0], size[1]]);
            (name, images)
        };
        let views = method.objective().views();
        let mut student = Vec::new();
        if layout.plain > 0 {
            student.extend((0..views.global).map(|v| declare(names::view(v), layout.plain, [height, width])));
        }
        let pixels = |grid: Grid| {
            let Grid { rows, columns } = grid.refined(encoder.stride());
            [rows, columns]
        };
        for (split, shape) in layout.splits.iter().zip(&shape.splits) {
            let grids = shape.pairs.first().map(|pair| pair.grids);
            for (v, &grid) in grids.iter().flatten().enumerate() {
                student.push(declare(names::split_view(&split.name, v), split.samples, pixels(grid)));
            }
        }
        let teacher = if method.teacher().is_some() { student.clone() } else { Vec::new() };
        let local_image = recipe.options.local_image;
        for v in 0..views.local {
            if layout.plain > 0 {
                student.push(declare(names::local(v), layout.plain, local_image));
            }
            for (split, shape) in layout.splits.iter().zip(&shape.splits) {
                let size = match shape.local_grid(v) {
                    Some(grid) => pixels(grid),
                    None if split.own => continue,
                    None => local_image,
                };
                student.push(declare(names::split_local(&split.name, v), split.samples, size));
            }
        }
        if method.members().any(|member| member.spec().reads(Role::Untransformed)) {
            student.push(declare(UNTRANSFORMED.into(), layout.batch, [height, width]));
        }
        for (member, name) in method.members().zip(method.names()) {
            if let Some((images, elements, size)) = orbit_of(member, encoder, layout.batch) {
                student.push(declare(names::orbit(&name), images * elements, size));
            }
        }
        ImageSets { student, teacher }
    }
}

/// Images, elements and image size of a member's orbit, if it reads one.
pub(super) fn orbit_of(
    member: &Member,
    encoder: &dyn EncoderConfig,
    batch: usize,
) -> Option<(usize, usize, [usize; 2])> {
    let spec = member.spec();
    let elements = spec.action.as_ref().filter(|_| spec.reads(Role::Orbit))?.order()?;
    let size = match member.crop() {
        Some(crop) => crop.pixels(encoder.image(), encoder.stride()),
        None => encoder.image(),
    };
    Some((member.batch.samples(batch), elements, size))
}

/// One view moved onto the other of its pair.
struct Direction {
    student: TappedFeature,
    source: TappedFeature,
    relative: Option<Relative>,
}

/// One member of the method, and all it may look at.
struct Scene<'a> {
    recipe: &'a Recipe<'a>,
    graph: &'a Graph,
    member: &'a Member,
    name: &'a str,
    index: usize,
    seen: &'a BTreeMap<String, Features>,
    known: Option<&'a BTreeMap<String, Features>>,
    follower: Option<&'a Rc<Follower>>,
}

impl Scene<'_> {
    fn term(&self) -> Result<Term, Error> {
        let encoder = self.recipe.encoder;
        let tapper = Tapper::new(self.graph, self.name, self.member.at(), encoder, self.follower);
        let mut supply = self.own_parts(tapper.width());
        let batch = self.recipe.layout.batch;
        let spec = self.member.spec();
        supply.views = spec.reads(Role::Views).then(|| self.views(&tapper, Side::Student)).flatten();
        supply.teacher_views =
            spec.reads(Role::TeacherViews).then(|| self.views(&tapper, Side::Teacher)).flatten();
        if spec.reads(Role::Untransformed) {
            let plain = self.seen.get(UNTRANSFORMED).map(|f| tapper.read(f, Side::Student));
            supply.untransformed = plain.map(|feature| self.share_of(feature));
        }
        if let Some((images, elements, _)) = orbit_of(self.member, encoder, batch) {
            let features = self.seen.get(&names::orbit(self.name)).map(|f| tapper.read(f, Side::Student));
            supply.orbit = features.map(|features| (features, elements));
            supply.labels = Some(self.labels(images, elements));
        }
        let sum = if spec.reads(Role::Pair) {
            let pairs = self.pairs(&tapper);
            pairs.into_iter().map(|pair| self.mean_of(pair, &mut supply)).sum::<Result<Loss, Error>>()?
        } else {
            self.member.plugin.call(&supply)?
        };
        let loss = sum.tensor().cloned().ok_or_else(|| {
            Error::Executor(format!("the loss `{}` is empty: nothing was added to it", self.name))
        })?;
        let weight = (self.index > 0).then(|| self.graph.input(&names::weight(self.name), []));
        let mut heads: Vec<(String, Vec<Tensor>)> = supply
            .heads
            .iter()
            .filter(|(_, head)| !head.is_left_out())
            .map(|(name, head)| (name.clone(), head.parameters()))
            .collect();
        heads.extend(tapper.norm_parameters().map(|parameters| ("norm".into(), parameters)));
        Ok(Term { name: self.name.into(), loss, weight, taps: tapper.into_taps(), heads })
    }

    /// The loss of one pair of views, the mean over its directions.
    fn mean_of(&self, pair: Vec<Direction>, supply: &mut Supply) -> Result<Loss, Error> {
        let count = pair.len() as f32;
        let mut sum = Loss::default();
        for Direction { student, source, relative } in pair {
            supply.pair = Some((student, source));
            supply.relative = relative;
            sum = sum + self.member.plugin.call(supply)?;
        }
        Ok(sum / count)
    }

    /// Heads, states and knobs.
    fn own_parts(&self, tap_width: usize) -> Supply {
        let mut supply = Supply::default();
        let spec = self.member.spec();
        let width = |w: &_| self.member.width(w, tap_width);
        for argument in &spec.arguments {
            let name = &argument.name;
            let full = names::part(self.name, name);
            match &argument.kind {
                ArgumentKind::Head(head) => {
                    let follower = self.follower.filter(|_| head.ema).cloned();
                    let head = Head::new(self.graph, &full, head.resolve(&width), follower);
                    supply.heads.insert(name.clone(), head);
                }
                ArgumentKind::State { shape, init } => {
                    let shape: Vec<usize> = shape.iter().map(width).collect();
                    let state = self.graph.state(&full, shape, Init::Constant(*init));
                    supply.states.insert(name.clone(), State::new(&state));
                }
                ArgumentKind::Knob(knob) if knob.kind == KnobKind::Schedule => {
                    supply.scheduled.insert(name.clone(), self.graph.input(&full, []));
                }
                ArgumentKind::Differences => supply.differences = Some(self.differences()),
                ArgumentKind::Parameters => supply.parameters = Some(self.parameters()),
                ArgumentKind::Positions => supply.positions = Some(self.positions()),
                _ => {}
            }
        }
        supply.knobs = self.member.knobs().map(|(name, value)| (name.into(), value.clone())).collect();
        supply
    }

    /// The objective's views at this member's tap: for each, plain samples and then those of the splits. Token maps are
    /// those of the plain samples alone, for the splits' grids are others.
    fn views(&self, tapper: &Tapper, side: Side) -> Option<(Vec<TappedFeature>, usize)> {
        let features = match side {
            Side::Student => self.seen,
            Side::Teacher => self.known?,
        };
        let views = self.recipe.method.objective().views();
        let splits = || {
            let shared = self.recipe.layout.splits.iter().filter(|split| !split.own);
            shared.filter(|_| !tapper.is_spatial()).map(|split| split.name.as_str())
        };
        let whole = |plain: String, of_splits: Vec<String>| {
            let names = std::iter::once(plain).chain(of_splits);
            concat(names.filter_map(|name| features.get(&name)).map(|f| tapper.read(f, side)).collect())
        };
        let global = |v| whole(names::view(v), splits().map(|split| names::split_view(split, v)).collect());
        let local = |v| whole(names::local(v), splits().map(|split| names::split_local(split, v)).collect());
        let mut all: Vec<TappedFeature> = (0..views.global).filter_map(global).collect();
        let globals = all.len();
        if side == Side::Student {
            all.extend((0..views.local).filter_map(local));
        }
        Some((all.into_iter().map(|feature| self.share_of(feature)).collect(), globals))
    }

    /// The first samples of a feature of the batch: as many as the member's share of the batch.
    fn share_of(&self, feature: TappedFeature) -> TappedFeature {
        let (rows, share) = (feature.tensor.dim(0), self.share());
        match rows > share {
            true => TappedFeature { tensor: feature.tensor.slice(0, 0, share), ..feature },
            false => feature,
        }
    }

    /// How many samples of the batch the member works on, where it reads the objective's views.
    fn share(&self) -> usize {
        self.member.batch.samples(self.recipe.layout.batch)
    }

    /// The pairs of views that the member compares: with a teacher each in both directions, without one view 0 onto
    /// view 1, as SER. A teacher sees no local crops, so that where those are compared the student makes all sides.
    fn pairs(&self, tapper: &Tapper) -> Vec<Vec<Direction>> {
        let layout = self.recipe.layout;
        let Some(index) = layout.split_of(self.index) else { return Vec::new() };
        let (split, shape) = (&layout.splits[index], &self.recipe.shape.splits[index]);
        let place = split.members.iter().position(|&member| member == self.index).unwrap_or_default();
        let known = self.known.filter(|_| split.local == 0);
        let ways: &[[usize; 2]] = if known.is_some() { &[[0, 1], [1, 0]] } else { &[[0, 1]] };
        let name = |pair: usize, view: usize| match pair {
            0 => names::split_view(&split.name, view),
            _ => names::split_local(&split.name, 2 * (pair - 1) + view),
        };
        let direction = |pair: usize, &[from, to]: &[usize; 2]| {
            let student = tapper.read(self.seen.get(&name(pair, to))?, Side::Student);
            let source = match known {
                Some(known) => tapper.read(known.get(&name(pair, from))?, Side::Teacher),
                None => tapper.read(self.seen.get(&name(pair, from))?, Side::Student),
            };
            let asked = self.member.spec().asks(&ArgumentKind::Relative);
            let relative = asked.then(|| {
                let shape = &shape.pairs[pair].relative.get(place)?[from];
                Some(shape.declare(self.graph, &names::relative(self.name, 2 * pair + from)))
            });
            Some(Direction { student, source, relative: relative.flatten() })
        };
        let directions = |pair| ways.iter().filter_map(|way| direction(pair, way)).collect();
        (0..shape.pairs.len()).map(directions).collect()
    }

    fn labels(&self, images: usize, elements: usize) -> Labels {
        let labels: Vec<f32> = (0..images * elements).map(|row| (row % elements) as f32).collect();
        Labels { tensor: self.graph.constant([images * elements], labels), elements }
    }

    fn differences(&self) -> Differences {
        let batch = self.share();
        let named = |part: &str| names::differences(self.name, part);
        let input = |part: &str, width| self.graph.input(&named(part), [batch, width]);
        Differences {
            crop: input("crop", 4),
            color: input("color", 4),
            flip: input("flip", 1),
            blur: input("blur", 1),
            solarize: input("solarize", 1),
            turn: self.graph.input(&named("turn"), [batch]),
        }
    }

    fn parameters(&self) -> Parameters {
        let batch = self.share();
        let views = self.recipe.method.objective().views().global;
        let width = self.recipe.options.transform_parameters;
        let input = |v| self.graph.input(&names::parameters(self.name, v), [batch, width]);
        Parameters { views: (0..views).map(input).collect() }
    }

    /// Of the plain samples, as token maps are: an action takes a split's tokens elsewhere.
    fn positions(&self) -> Positions {
        let samples = self.share().min(self.recipe.layout.plain);
        let views = self.recipe.method.objective().views().global;
        let input = |v| Position::new(&self.graph.input(&names::position(self.name, v), [samples, 6]));
        Positions { views: (0..views).map(input).collect() }
    }
}
