//! The cases, by name.

mod action;
mod losses;
mod optimizers;
mod plugin;
mod vit;

use std::collections::BTreeMap;

use equilayer_engine::{
    CompileOptions, CpuOptions, DeviceChoice, DeviceExecutor, Error, Executor, Graph, Init, Precision, Tensor,
};
use equilayer_grammar::list;

use super::file::{ParityError, ParityFile, Values};
use crate::plugin::{Plugin, Registry};

/// What a case gives: `out.NAME` and `grad.NAME`.
type Computed = BTreeMap<String, Values>;
type Compute = fn(&ParityFile, DeviceChoice) -> Result<Computed, ParityError>;

/// The cases that are not a plugin's.
const CASES: &[(&str, Compute)] = &[
    ("action.align", action::align),
    ("action.resize", action::resize),
    ("loss.barlow_twins", losses::barlow_twins),
    ("loss.byol", losses::byol),
    ("loss.dense_info_nce", losses::dense_info_nce),
    ("loss.dino", losses::dino),
    ("loss.moco_v3", losses::moco_v3),
    ("loss.simclr", losses::simclr),
    ("loss.simsiam", losses::simsiam),
    ("loss.vicreg", losses::vicreg),
    ("optim.adamw", optimizers::adamw),
    ("optim.lars", optimizers::lars),
    ("optim.sgd", optimizers::sgd),
    ("vit.features", vit::features),
    ("vit.pos_embed", vit::pos_embed),
];

/// Names of all cases, sorted: those that are always there, and the losses of plugins.
pub fn known_cases(registry: &Registry) -> Vec<String> {
    let own = registry.plugins().iter().map(|plugin| format!("loss.{}", plugin.spec().name));
    let mut names: Vec<String> = CASES.iter().map(|(name, _)| (*name).to_owned()).chain(own).collect();
    names.sort();
    names.dedup();
    names
}

/// Computes a file's case from its inputs. Where a loss has a case of its own, that is meant.
pub(super) fn compute(
    file: &ParityFile,
    registry: &Registry,
    device: DeviceChoice,
) -> Result<Computed, ParityError> {
    if let Some((_, compute)) = CASES.iter().find(|(name, _)| *name == file.case()) {
        return compute(file, device);
    }
    let named = |plugin: &&Plugin| file.case().strip_prefix("loss.") == Some(plugin.spec().name.as_str());
    match registry.plugins().iter().find(named) {
        Some(plugin) => plugin::loss(file, plugin, device),
        None => Err(ParityError::Case { case: file.case().into(), known: known_cases(registry) }),
    }
}

/// A case's graph under construction: a file's inputs in, named outputs out.
struct Scene<'a> {
    file: &'a ParityFile,
    device: DeviceChoice,
    graph: Graph,
    inputs: BTreeMap<String, Tensor>,
    outputs: BTreeMap<String, Vec<usize>>,
    /// States whose value behind the step is an output.
    states: Vec<String>,
}

impl<'a> Scene<'a> {
    fn new(file: &'a ParityFile, device: DeviceChoice) -> Scene<'a> {
        Scene {
            file,
            device,
            graph: Graph::new(),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            states: Vec::new(),
        }
    }

    /// The input `in.NAME`.
    fn input(&mut self, name: &str) -> Result<Tensor, ParityError> {
        let values = self.file.tensor(&format!("in.{name}"))?;
        let tensor = self.graph.input(name, values.shape.as_slice());
        self.inputs.insert(name.into(), tensor.clone());
        Ok(tensor)
    }

    /// Several inputs.
    fn all<const N: usize>(&mut self, names: [&str; N]) -> Result<[Tensor; N], ParityError> {
        let tensors = names.into_iter().map(|name| self.input(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(std::array::from_fn(|index| tensors[index].clone()))
    }

    /// The inputs PREFIX1, PREFIX2, .., as many as there are.
    fn numbered(&mut self, prefix: &str) -> Result<Vec<Tensor>, ParityError> {
        let names = (1..).map(|number| format!("{prefix}{number}"));
        let there = names.take_while(|name| self.file.has(&format!("in.{name}"))).collect::<Vec<_>>();
        match there.is_empty() {
            true => self.input(&format!("{prefix}1")).map(|one| vec![one]),
            false => there.iter().map(|name| self.input(name)).collect(),
        }
    }

    /// The inputs NAME.0, NAME.1, .., at least one.
    fn indexed(&mut self, name: &str) -> Result<Vec<Tensor>, ParityError> {
        let names = (0..).map(|index| format!("{name}.{index}"));
        let there = names.take_while(|name| self.file.has(&format!("in.{name}"))).count();
        (0..there.max(1)).map(|index| self.input(&format!("{name}.{index}"))).collect()
    }

    /// A state that starts as `param.NAME`; what it is behind the step is the output NAME.
    fn state(&mut self, name: &str) -> Result<Tensor, ParityError> {
        let shape = self.file.tensor(&format!("param.{name}"))?.shape.clone();
        self.states.push(name.into());
        Ok(self.graph.state(name, shape.as_slice(), Init::Constant(0.0)))
    }

    /// The values of all parameters and states. Every parameter of the graph has one.
    fn parameters(&self) -> Result<Vec<(String, Vec<f32>)>, ParityError> {
        for name in self.graph.parameters().iter().filter_map(|parameter| self.graph.state_name(parameter)) {
            self.file.tensor(&format!("param.{name}"))?;
        }
        let values = self.file.with_prefix("param.");
        Ok(values.map(|(name, values)| (name.to_owned(), values.data.clone())).collect())
    }

    fn output(&mut self, name: &str, tensor: &Tensor) {
        self.outputs.insert(name.into(), shape_in_file(tensor));
        self.graph.output(name, tensor);
    }

    /// A loss and its gradient for every input that it depends on.
    fn loss(&mut self, loss: &Tensor) -> Result<(), ParityError> {
        self.output("out.loss", loss);
        let (names, tensors): (Vec<String>, Vec<Tensor>) = self.inputs.clone().into_iter().unzip();
        for (name, gradient) in names.iter().zip(self.graph.reached_gradients(loss, &tensors)?) {
            gradient.iter().for_each(|gradient| self.output(&format!("grad.{name}"), gradient));
        }
        Ok(())
    }

    /// The gradient of a loss for every parameter that it depends on.
    fn parameter_gradients(&mut self, loss: &Tensor) -> Result<(), ParityError> {
        let parameters = self.graph.parameters();
        for (parameter, gradient) in parameters.iter().zip(self.graph.reached_gradients(loss, &parameters)?) {
            if let (Some(name), Some(gradient)) = (self.graph.state_name(parameter), gradient) {
                self.output(&format!("grad.{name}"), &gradient);
            }
        }
        Ok(())
    }

    /// The values of all outputs, with these states. Every input of the file must be one of the case.
    fn run(self, states: &[(String, Vec<f32>)]) -> Result<Computed, ParityError> {
        if let Some((name, _)) =
            self.file.with_prefix("in.").find(|(name, _)| !self.inputs.contains_key(*name))
        {
            let known = self.inputs.keys().map(|name| format!("in.{name}")).collect();
            return Err(ParityError::Surplus { name: format!("in.{name}"), known });
        }
        let plan = self.graph.compile(&CompileOptions::new())?;
        let mut executor = executor(self.device)?;
        executor.prepare(&plan)?;
        for (name, values) in states {
            executor.set_state(name, values)?;
        }
        let inputs: Vec<(&str, &[f32])> =
            self.file.with_prefix("in.").map(|(name, values)| (name, values.data.as_slice())).collect();
        let results = executor.run(&plan, &inputs)?;
        let values = |(name, shape): (String, Vec<usize>)| {
            let data = results.get(&name)?.to_vec();
            Ok((name, Values { shape, data }))
        };
        let mut computed: Computed =
            self.outputs.into_iter().map(values).collect::<Result<_, ParityError>>()?;
        for name in self.states {
            let (shape, data) =
                (self.file.tensor(&format!("param.{name}"))?.shape.clone(), executor.state(&name)?);
            computed.insert(format!("out.{name}"), Values { shape, data });
        }
        Ok(computed)
    }
}

/// What a case runs on, in true `f32`.
fn executor(device: DeviceChoice) -> Result<DeviceExecutor, Error> {
    DeviceExecutor::new(device, Precision::F32, CpuOptions::default())
}

/// Scalars have one axis of length 1.
fn shape_in_file(tensor: &Tensor) -> Vec<usize> {
    if tensor.shape().is_empty() { vec![1] } else { tensor.shape().to_vec() }
}

type NamedLoss = fn(&Tensor) -> Tensor;

/// The losses that files can name, where their case defines none, of an output `y`.
const NAMED_LOSSES: [(&str, NamedLoss); 2] = [
    ("sum(y^2)", |y| y.square().sum_all()),
    ("sum(y * cos(stop_grad(y)))", |y| (y * y.stop_gradient().cos()).sum_all()),
];

/// The output `y`, and the loss that the file names, if it holds one or gradients.
fn output_with_named_loss(mut scene: Scene, y: &Tensor) -> Result<Computed, ParityError> {
    scene.output("out.y", y);
    let asked = scene.file.has("out.loss") || scene.file.with_prefix("grad.").next().is_some();
    if asked {
        let loss = scene.file.choice("loss", &NAMED_LOSSES)?;
        scene.loss(&loss(y))?;
    }
    scene.run(&[])
}

/// An input of the wrong rank.
fn misshapen(file: &ParityFile, name: &str, expected: &str) -> ParityError {
    let found = file.tensor(&format!("in.{name}")).map_or_else(|_| Vec::new(), |values| values.shape.clone());
    let problem = format!("has shape {found:?}; it is {expected}");
    ParityError::Engine(Error::Executor(format!("`in.{name}` {problem}")))
}

/// A parameter that this case does not know: it may change what was computed.
fn refuse_unknown(file: &ParityFile, known: &[&str]) -> Result<(), ParityError> {
    match file.parameters().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let problem = format!("is not known here; known are {}", list(known.iter().copied()));
            Err(ParityError::Parameter { name: name.into(), problem })
        }
    }
}
