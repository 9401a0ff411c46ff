//! What a step needs of one image: its views under augmentations and group actions.

use std::sync::Arc;

use crate::action::{Grid, Interpolation, OrbitElement, PairDraw, SampledMap, SmoothFlow, View};
use crate::augment::{
    Draw, Frame, Parameters, Pipeline, QuarterTurn, Solarize, Standardization, augself_targets,
    equimod_vector,
};
use crate::data::Image;
use crate::encoder::EncoderConfig;
use crate::loader::SampleKey;
use crate::method::{Layout, Method};
use crate::plugin::{ArgumentKind, Crops, Role, Sharing};
use crate::program::names::{self, UNTRANSFORMED};
use crate::program::{StepActions, TrainingOptions};

use super::collate::StepClock;
use super::pixel_maps::PixelMaps;

/// Augmentations of a method's views.
#[derive(Clone, Debug)]
pub struct ViewOptions {
    /// Of the global crops; a third one and later ones are made as the second.
    pub global: [Pipeline; 2],
    /// Of local crops.
    pub local: Option<Pipeline>,
    /// Of images as they are: a crop in the middle at most.
    pub plain: Pipeline,
    /// How second frames are made, for actions by a known displacement.
    pub flow: SmoothFlow,
}

impl ViewOptions {
    /// Height and width of local crops, pixels.
    pub fn local_image(&self) -> [usize; 2] {
        let size = self.local.as_ref().and_then(Pipeline::size);
        size.map_or(TrainingOptions::default().local_image, |side| [side; 2])
    }
}

/// What one sample adds to the inputs of a step: values by the index of the input's name in [`ViewMaker::inputs`].
#[derive(Clone, Debug, PartialEq)]
pub struct SampleViews {
    pub(super) parts: Vec<(usize, Vec<f32>)>,
}

/// Makes the views of a method. Cheap to clone; shared by all workers.
#[derive(Clone)]
pub struct ViewMaker {
    shared: Arc<Shared>,
}

struct Shared {
    layout: Layout,
    actions: StepActions,
    maps: PixelMaps,
    crops: Crops,
    options: ViewOptions,
    stride: usize,
    channels: usize,
    clock: StepClock,
    inputs: Vec<String>,
    /// Which samples are transformed alike.
    sharing: Option<Sharing>,
    /// Whether images are needed as they are.
    untransformed: bool,
    orbits: Vec<Orbit>,
    /// Members that ask for differences, and that ask for transform vectors, with the samples they work on.
    differences: Vec<(String, usize)>,
    vectors: Vec<(String, usize)>,
    /// Members that ask where views lie, with the plain samples they work on.
    positions: Vec<(String, usize)>,
    standardization: Option<Standardization>,
}

struct Orbit {
    name: String,
    images: usize,
    crop: Pipeline,
    elements: Vec<SampledMap>,
}

/// Purposes of a sample's random numbers.
const FIRST_VIEW: u64 = 0;
const LOCAL_VIEW: u64 = 100;
const ORBIT_VIEW: u64 = 200;

impl ViewMaker {
    /// For a method on an encoder. `clock` tells a sample's step.
    ///
    /// # Errors
    /// An orbit's action that cannot be made maps, in words.
    pub fn new(
        method: &Method,
        encoder: &dyn EncoderConfig,
        layout: &Layout,
        options: ViewOptions,
        clock: StepClock,
    ) -> Result<ViewMaker, String> {
        let members = || method.members().zip(method.names());
        let asking = |kind: &ArgumentKind| -> Vec<(String, usize)> {
            let asks = members().filter(|(member, _)| member.spec().asks(kind));
            asks.map(|(member, name)| (name, member.batch().samples(layout.batch))).collect()
        };
        let mut orbits = Vec::new();
        for (member, name) in members() {
            let spec = member.spec();
            let Some(action) = spec.action.as_ref().filter(|_| spec.reads(Role::Orbit)) else { continue };
            let [rows, columns] = match member.crop() {
                Some(crop) => crop.pixels(encoder.image(), encoder.stride()),
                None => encoder.image(),
            };
            let pixels = Grid::new(rows, columns);
            let orbit = action.orbit(pixels).map_err(|error| error.to_string())?;
            let sample = |element: &OrbitElement| element.map.sample(Interpolation::Bilinear);
            let elements =
                orbit.iter().map(sample).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
            // The elements are all the turning there is: a turn before them would make their labels wrong.
            let upright = options.global[1].clone().without(&[QuarterTurn::NAME]);
            let crop = match member.crop() {
                // E-SSL's crops are not solarized (arXiv 2111.00899, appendix).
                Some(crop) => upright
                    .without(&[Solarize::NAME])
                    .cropping(rows, [crop.scale.0 as f32, crop.scale.1 as f32])
                    .map_err(|e| e.to_string())?,
                None => upright,
            };
            orbits.push(Orbit { name, images: member.batch().samples(layout.batch), crop, elements });
        }
        let vectors = asking(&ArgumentKind::Parameters);
        let standardization =
            (!vectors.is_empty()).then(|| Standardization::of(&options.global, encoder.image()));
        let actions = StepActions::new(method, encoder, layout, options.local_image(), clock.seed);
        let mut shared = Shared {
            layout: layout.clone(),
            actions: actions.displacing(options.flow),
            maps: PixelMaps::default(),
            crops: method.objective().views(),
            options,
            stride: encoder.stride(),
            channels: encoder.channels(),
            clock,
            inputs: Vec::new(),
            sharing: method.members().find_map(|member| member.spec().share),
            untransformed: method.members().any(|member| member.spec().reads(Role::Untransformed)),
            orbits,
            differences: asking(&ArgumentKind::Differences),
            vectors,
            positions: asking(&ArgumentKind::Positions)
                .into_iter()
                .map(|(name, samples)| (name, samples.min(layout.plain)))
                .collect(),
            standardization,
        };
        shared.inputs = shared.input_names();
        Ok(ViewMaker { shared: Arc::new(shared) })
    }

    /// Names of the graph's inputs that samples make.
    pub fn inputs(&self) -> &[String] {
        &self.shared.inputs
    }

    /// What the samples' pairs of views are transformed by.
    pub fn actions(&self) -> &StepActions {
        &self.shared.actions
    }

    /// Everything that a step needs of the sample in this slot of the batch.
    pub fn make(&self, image: &Image, key: SampleKey) -> SampleViews {
        let mut sink = Sink { inputs: &self.shared.inputs, parts: Vec::new() };
        self.shared.make(image, key, &mut sink);
        SampleViews { parts: sink.parts }
    }
}

/// The numbers of a local crop.
fn local_draw(key: SampleKey, view: usize) -> Draw {
    key.draw(LOCAL_VIEW + view as u64)
}

const DIFFERENCES: [&str; 6] = ["crop", "color", "flip", "blur", "solarize", "turn"];

struct Sink<'a> {
    inputs: &'a [String],
    parts: Vec<(usize, Vec<f32>)>,
}

impl Sink<'_> {
    fn push(&mut self, name: &str, values: Vec<f32>) {
        if let Some(index) = self.inputs.iter().position(|input| input == name) {
            self.parts.push((index, values));
        }
    }
}

impl Shared {
    fn input_names(&self) -> Vec<String> {
        let mut names: Vec<String> = (0..self.crops.global).map(names::view).collect();
        for split in &self.layout.splits {
            names.extend((0..2).map(|view| names::split_view(&split.name, view)));
            let local = if split.own { split.local } else { self.crops.local };
            names.extend((0..local).map(|view| names::split_local(&split.name, view)));
        }
        names.extend((0..self.crops.local).map(names::local));
        names.push(UNTRANSFORMED.into());
        names.extend(self.orbits.iter().map(|orbit| names::orbit(&orbit.name)));
        for (member, _) in &self.differences {
            names.extend(DIFFERENCES.map(|part| names::differences(member, part)));
        }
        for (member, _) in &self.vectors {
            names.extend((0..self.crops.global).map(|view| names::parameters(member, view)));
        }
        for (member, _) in &self.positions {
            names.extend((0..self.crops.global).map(|view| names::position(member, view)));
        }
        names
    }

    fn make(&self, image: &Image, key: SampleKey, sink: &mut Sink<'_>) {
        let drawn = match self.split_of(key.slot) {
            Some((split, slot)) => self.make_split(image, key, split, slot, sink),
            None => self.make_plain(image, key, sink),
        };
        if key.slot >= self.layout.batch {
            return; // of a mini-batch that only its regularizer sees
        }
        if self.untransformed {
            sink.push(UNTRANSFORMED, self.options.plain.apply(image, &key.draw(FIRST_VIEW)).0);
        }
        for (orbit, index) in self.orbits.iter().zip(0..) {
            self.make_orbit(image, key, orbit, index, sink);
        }
        self.make_targets(&drawn, key.slot, sink);
    }

    /// What view `view` of a sample is transformed by. Samples that share a transform share all of it (CARE), or, in
    /// groups of a few, crop and colours, while flips and blur stay each image's own (STL).
    fn draw(&self, image: &Image, key: SampleKey, view: usize) -> Parameters {
        let (pipeline, purpose) = (self.pipeline(view), FIRST_VIEW + view as u64);
        let size = [image.height(), image.width()];
        let own = pipeline.draw(size, &key.draw(purpose));
        match self.sharing {
            None => own,
            Some(Sharing::Of(samples)) => {
                let shared = pipeline.draw(size, &key.group_draw(samples, purpose));
                Parameters { flipped: own.flipped, turns: own.turns, sigma: own.sigma, ..shared }
            }
            Some(Sharing::Into(groups)) => {
                let samples = self.layout.batch.div_ceil(groups.max(1));
                pipeline.draw(size, &key.group_draw(samples, purpose))
            }
        }
    }

    /// The split that a slot belongs to, by its index, and its place in it. Plain samples come first.
    fn split_of(&self, slot: usize) -> Option<(usize, usize)> {
        let mut first = self.layout.plain;
        for (index, split) in self.layout.splits.iter().enumerate() {
            if (first..first + split.samples).contains(&slot) {
                return Some((index, slot - first));
            }
            first += split.samples;
        }
        None
    }

    fn pipeline(&self, view: usize) -> &Pipeline {
        &self.options.global[view.min(1)]
    }

    fn local_pipeline(&self) -> &Pipeline {
        self.options.local.as_ref().unwrap_or(&self.options.global[1])
    }

    /// Independent crops.
    fn make_plain(&self, image: &Image, key: SampleKey, sink: &mut Sink<'_>) -> Vec<Parameters> {
        let mut drawn = Vec::with_capacity(self.crops.global);
        for view in 0..self.crops.global {
            let (pipeline, parameters) = (self.pipeline(view), self.draw(image, key, view));
            let pixels = pipeline.normalize().pixels(pipeline.transform(image, &parameters));
            sink.push(&names::view(view), pixels);
            drawn.push(parameters);
        }
        for view in 0..self.crops.local {
            sink.push(&names::local(view), self.local_pipeline().apply(image, &local_draw(key, view)).0);
        }
        drawn
    }

    /// Crops that are seen twice: the global one and, where a regularizer compares those too, local ones; the rest of
    /// the local crops are independent.
    fn make_split(
        &self,
        image: &Image,
        key: SampleKey,
        index: usize,
        place: usize,
        sink: &mut Sink<'_>,
    ) -> Vec<Parameters> {
        let split = &self.layout.splits[index];
        let step = self.clock.batch_of(key);
        let elements = |pair| self.actions.draw_pair(index, pair, [place], step).ok();
        let globals =
            View::BOTH.map(|view| (self.pipeline(view as usize), self.draw(image, key, view as usize)));
        let name = |view: View| names::split_view(&split.name, view as usize);
        let drawn = self.make_pair(image, globals, elements(0), name, sink);
        let pipeline = self.local_pipeline();
        for pair in 1..split.pairs() {
            let number = |view: View| 2 * (pair - 1) + view as usize;
            let size = [image.height(), image.width()];
            let locals =
                View::BOTH.map(|view| (pipeline, pipeline.draw(size, &local_draw(key, number(view)))));
            let name = |view| names::split_local(&split.name, number(view));
            self.make_pair(image, locals, elements(pair), name, sink);
        }
        if !split.own {
            for view in split.local..self.crops.local {
                let name = names::split_local(&split.name, view);
                sink.push(&name, pipeline.apply(image, &local_draw(key, view)).0);
            }
        }
        drawn
    }

    /// One crop, seen twice: colours are each view's own, and then each view's group element acts (SER's batch split).
    fn make_pair(
        &self,
        image: &Image,
        views: [(&Pipeline, Parameters); 2],
        elements: Option<PairDraw>,
        name: impl Fn(View) -> String,
        sink: &mut Sink<'_>,
    ) -> Vec<Parameters> {
        let Parameters { crop, flipped, turns, .. } = views[0].1;
        let mut drawn = Vec::with_capacity(2);
        for (view, (pipeline, own)) in View::BOTH.into_iter().zip(views) {
            let parameters = Parameters { crop, flipped, turns, ..own };
            let seen = pipeline.normalize().pixels(pipeline.transform(image, &parameters));
            drawn.push(parameters);
            // An action that cannot be drawn is refused before the first step; nothing is made here then.
            let moved = elements.as_ref().and_then(|elements| self.moved(&seen, elements, view));
            sink.push(&name(view), moved.unwrap_or_default());
        }
        drawn
    }

    /// An image under the element of a view.
    fn moved(&self, seen: &[f32], elements: &PairDraw, view: View) -> Option<Vec<f32>> {
        let map = elements.maps(view).first()?.refined(self.stride);
        let map = self.maps.sampled(&map, elements.interpolation())?;
        let mut moved = vec![0.0; self.channels * map.to().cells()];
        map.apply(seen, self.channels, &mut moved).ok()?;
        Some(moved)
    }

    fn make_orbit(&self, image: &Image, key: SampleKey, orbit: &Orbit, index: u64, sink: &mut Sink<'_>) {
        if key.slot >= orbit.images {
            return;
        }
        let (crop, _) = orbit.crop.apply(image, &key.draw(ORBIT_VIEW + index));
        let mut all = Vec::with_capacity(crop.len() * orbit.elements.len());
        for element in &orbit.elements {
            let mut moved = vec![0.0; self.channels * element.to().cells()];
            // Sizes agree by construction; what could not be moved stays blank.
            let _ = element.apply(&crop, self.channels, &mut moved);
            all.extend(moved);
        }
        sink.push(&names::orbit(&orbit.name), all);
    }

    fn make_targets(&self, drawn: &[Parameters], slot: usize, sink: &mut Sink<'_>) {
        let asked = |members: &'_ [(String, usize)]| -> Vec<String> {
            members.iter().filter(|(_, samples)| slot < *samples).map(|(member, _)| member.clone()).collect()
        };
        if let [first, second, ..] = drawn {
            let targets = augself_targets(first, second);
            let values: [&[f32]; 6] = [
                &targets.crop,
                &targets.color,
                &[targets.flip],
                &[targets.blur],
                &[targets.solarize],
                &[f32::from(targets.turn)],
            ];
            for member in asked(&self.differences) {
                for (part, values) in DIFFERENCES.iter().zip(values) {
                    sink.push(&names::differences(&member, part), values.to_vec());
                }
            }
        }
        for member in asked(&self.positions) {
            for (view, parameters) in drawn.iter().enumerate() {
                sink.push(&names::position(&member, view), Frame::of(parameters).numbers().to_vec());
            }
        }
        let Some(standardization) = &self.standardization else { return };
        for (view, parameters) in drawn.iter().enumerate() {
            let vector = standardization.apply(equimod_vector(parameters));
            for member in asked(&self.vectors) {
                sink.push(&names::parameters(&member, view), vector.to_vec());
            }
        }
    }
}
