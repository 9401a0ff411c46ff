//! What a step needs of one image: its views under augmentations and group actions.

use std::sync::Arc;

use crate::action::{Grid, Interpolation, OrbitElement, Sample, SampledMap, View};
use crate::augment::{Parameters, Pipeline, Standardization, augself_targets, equimod_vector};
use crate::data::Image;
use crate::encoder::EncoderConfig;
use crate::loader::SampleKey;
use crate::method::{Layout, Method, Split};
use crate::plugin::{ArgumentKind, Crops, Role, Sharing};
use crate::program::names::{self, UNTRANSFORMED};

use super::collate::StepClock;

/// Augmentations of a method's views.
#[derive(Clone, Debug)]
pub struct ViewOptions {
    /// Of the global crops; a third one and later ones are made as the second.
    pub global: [Pipeline; 2],
    /// Of local crops.
    pub local: Option<Pipeline>,
    /// Of images as they are: a crop in the middle at most.
    pub plain: Pipeline,
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
    crops: Crops,
    options: ViewOptions,
    stride: usize,
    grid: Grid,
    channels: usize,
    clock: StepClock,
    inputs: Vec<String>,
    /// Which samples are transformed alike.
    sharing: Option<Sharing>,
    /// Whether images are needed as they are.
    untransformed: bool,
    orbits: Vec<Orbit>,
    /// Members that ask for differences, and that ask for transform vectors.
    differences: Vec<String>,
    vectors: Vec<String>,
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
        let asking = |kind: &ArgumentKind| -> Vec<String> {
            members().filter(|(member, _)| member.spec().asks(kind)).map(|(_, name)| name).collect()
        };
        let mut orbits = Vec::new();
        for (member, name) in members() {
            let spec = member.spec();
            let Some(action) = spec.action.as_ref().filter(|_| spec.reads(Role::Orbit)) else { continue };
            let [rows, columns] =
                spec.crop.map_or(encoder.image(), |crop| crop.pixels(encoder.image(), encoder.stride()));
            let pixels = Grid::new(rows, columns);
            let orbit = action.orbit(pixels).map_err(|error| error.to_string())?;
            let sample = |element: &OrbitElement| element.map.sample(Interpolation::Bilinear);
            let elements =
                orbit.iter().map(sample).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
            let crop = match spec.crop {
                Some(crop) => options.global[1]
                    .clone()
                    .cropping(rows, [crop.scale.0 as f32, crop.scale.1 as f32])
                    .map_err(|e| e.to_string())?,
                None => options.global[1].clone(),
            };
            orbits.push(Orbit { name, images: member.batch().samples(layout.batch), crop, elements });
        }
        let vectors = asking(&ArgumentKind::Parameters);
        let standardization =
            (!vectors.is_empty()).then(|| Standardization::of(&options.global, encoder.image()));
        let mut shared = Shared {
            layout: layout.clone(),
            crops: method.objective().views(),
            options,
            stride: encoder.stride(),
            grid: encoder.grid(encoder.layers(), encoder.image()),
            channels: encoder.channels(),
            clock,
            inputs: Vec::new(),
            sharing: method.members().find_map(|member| member.spec().share),
            untransformed: method.members().any(|member| member.spec().reads(Role::Untransformed)),
            orbits,
            differences: asking(&ArgumentKind::Differences),
            vectors,
            standardization,
        };
        shared.inputs = shared.input_names();
        Ok(ViewMaker { shared: Arc::new(shared) })
    }

    /// Names of the graph's inputs that samples make.
    pub fn inputs(&self) -> &[String] {
        &self.shared.inputs
    }

    /// Everything that a step needs of the sample in this slot of the batch.
    pub fn make(&self, image: &Image, key: SampleKey) -> SampleViews {
        let mut sink = Sink { inputs: &self.shared.inputs, parts: Vec::new() };
        self.shared.make(image, key, &mut sink);
        SampleViews { parts: sink.parts }
    }
}

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
        }
        names.extend((0..self.crops.local).map(names::local));
        names.push(UNTRANSFORMED.into());
        names.extend(self.orbits.iter().map(|orbit| names::orbit(&orbit.name)));
        let parts = ["crop", "color", "flip", "blur", "solarize"];
        names.extend(self.differences.iter().flat_map(|m| parts.map(|part| names::differences(m, part))));
        let views = self.crops.global;
        names.extend(self.vectors.iter().flat_map(|m| (0..views).map(move |v| names::parameters(m, v))));
        names
    }

    fn make(&self, image: &Image, key: SampleKey, sink: &mut Sink<'_>) {
        let drawn = match self.split_of(key.slot) {
            Some((split, slot)) => self.make_split(image, key, split, slot, sink),
            None => self.make_plain(image, key, sink),
        };
        for view in 0..self.crops.local {
            let pipeline = self.options.local.as_ref().unwrap_or(&self.options.global[1]);
            sink.push(&names::local(view), pipeline.apply(image, &key.draw(LOCAL_VIEW + view as u64)).0);
        }
        if self.untransformed {
            sink.push(UNTRANSFORMED, self.options.plain.apply(image, &key.draw(FIRST_VIEW)).0);
        }
        for (orbit, index) in self.orbits.iter().zip(0..) {
            self.make_orbit(image, key, orbit, index, sink);
        }
        self.make_targets(&drawn, sink);
    }

    /// The split that a slot belongs to, and its place in it. Plain samples come first.
    fn split_of(&self, slot: usize) -> Option<(&Split, usize)> {
        let mut first = self.layout.plain;
        for split in &self.layout.splits {
            if (first..first + split.samples).contains(&slot) {
                return Some((split, slot - first));
            }
            first += split.samples;
        }
        None
    }

    fn pipeline(&self, view: usize) -> &Pipeline {
        &self.options.global[view.min(1)]
    }

    /// Independent crops.
    fn make_plain(&self, image: &Image, key: SampleKey, sink: &mut Sink<'_>) -> Vec<Parameters> {
        let mut drawn = Vec::with_capacity(self.crops.global);
        for view in 0..self.crops.global {
            let (pipeline, size) = (self.pipeline(view), [image.height(), image.width()]);
            let parameters = self.draw(pipeline, size, key, FIRST_VIEW + view as u64);
            let pixels = pipeline.normalize().pixels(pipeline.transform(image, &parameters));
            sink.push(&names::view(view), pixels);
            drawn.push(parameters);
        }
        drawn
    }

    /// A view's transform: the sample's own, or its group's.
    fn draw(&self, pipeline: &Pipeline, size: [usize; 2], key: SampleKey, purpose: u64) -> Parameters {
        let own = pipeline.draw(size, &key.draw(purpose));
        let of_group = |neighbours| pipeline.draw(size, &key.group_draw(neighbours, purpose));
        match self.sharing {
            None => own,
            Some(Sharing::Of(images)) => {
                Parameters { flipped: own.flipped, sigma: own.sigma, ..of_group(images) }
            }
            Some(Sharing::Into(groups)) => of_group(self.layout.batch / groups.max(1)),
        }
    }

    /// One crop, seen twice: colours are each view's own, and then each view's group element acts (METHODS: SER's
    /// batch split).
    fn make_split(
        &self,
        image: &Image,
        key: SampleKey,
        split: &Split,
        slot: usize,
        sink: &mut Sink<'_>,
    ) -> Vec<Parameters> {
        let sample = [Sample::new(slot as u64)];
        let draw_key = self.clock.draw_key(split, key);
        let mut drawn: Vec<Parameters> = Vec::with_capacity(2);
        let pair = split.action.draw_pair(self.grid, &sample, &draw_key);
        for view in View::BOTH {
            let pipeline = self.pipeline(view as usize);
            let size = [image.height(), image.width()];
            let mut parameters = pipeline.draw(size, &key.draw(FIRST_VIEW + view as u64));
            if let Some(first) = drawn.first() {
                (parameters.crop, parameters.flipped) = (first.crop, first.flipped);
            }
            let seen = pipeline.normalize().pixels(pipeline.transform(image, &parameters));
            drawn.push(parameters);
            // An action that cannot be drawn is refused before the first step; nothing is made here then.
            let Ok(pair) = &pair else { continue };
            let Some(map) = pair.maps(view).first() else { continue };
            let moved = map.refined(self.stride).sample(pair.interpolation()).ok().and_then(|map| {
                let mut moved = vec![0.0; self.channels * map.to().cells()];
                map.apply(&seen, self.channels, &mut moved).ok().map(|()| moved)
            });
            sink.push(&names::split_view(&split.name, view as usize), moved.unwrap_or_default());
        }
        drawn
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

    fn make_targets(&self, drawn: &[Parameters], sink: &mut Sink<'_>) {
        if let (false, [first, second, ..]) = (self.differences.is_empty(), drawn) {
            let targets = augself_targets(first, second);
            for member in &self.differences {
                let mut push = |part: &str, values: &[f32]| {
                    sink.push(&names::differences(member, part), values.to_vec());
                };
                push("crop", &targets.crop);
                push("color", &targets.color);
                push("flip", &[targets.flip]);
                push("blur", &[targets.blur]);
                push("solarize", &[targets.solarize]);
            }
        }
        let Some(standardization) = &self.standardization else { return };
        for (view, parameters) in drawn.iter().enumerate() {
            let vector = standardization.apply(equimod_vector(parameters));
            for member in &self.vectors {
                sink.push(&names::parameters(member, view), vector.to_vec());
            }
        }
    }
}
