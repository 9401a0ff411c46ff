//! The loss of any plugin: `loss.NAME` for a plugin of that name.
//!
//! What the loss asks for in its signature comes from the file, by the argument's name, as [`crate::parity`] tells.

use equilayer_engine::{DeviceChoice, Tensor};
use serde_json::Value;

use super::{Computed, Scene, misshapen, refuse_unknown};
use crate::action::{Grid, Relative};
use crate::parity::file::{ParityError, ParityFile};
use crate::plugin::{
    ArgumentKind, ArgumentSpec, Differences, Head, HeadLayer, KnobKind, KnobSpec, KnobValue, Labels, Mlp,
    Parameters, Plugin, Position, Positions, Role, Side, State, Supply, TappedFeature,
};

/// The loss, its gradient for every input and every head's parameter, and states behind the step.
pub(super) fn loss(
    file: &ParityFile,
    plugin: &Plugin,
    device: DeviceChoice,
) -> Result<Computed, ParityError> {
    let spec = plugin.spec();
    let knobs: Vec<&str> = spec.knobs().map(|knob| knob.name.as_str()).collect();
    refuse_unknown(file, &knobs)?;
    let mut scene = Scene::new(file, device);
    let mut supply = Supply::default();
    for argument in &spec.arguments {
        supply_argument(&mut scene, plugin, argument, &mut supply)?;
    }
    let loss = plugin.call(&supply)?;
    if let Some(value) = loss.tensor() {
        scene.loss(value)?;
        scene.parameter_gradients(value)?;
    }
    let states = scene.parameters()?;
    scene.run(&states)
}

fn supply_argument(
    scene: &mut Scene<'_>,
    plugin: &Plugin,
    argument: &ArgumentSpec,
    supply: &mut Supply,
) -> Result<(), ParityError> {
    let name = argument.name.as_str();
    match &argument.kind {
        ArgumentKind::Feature { role, .. } => supply_feature(scene, plugin, name, *role, supply)?,
        ArgumentKind::Relative => supply.relative = Some(relative(scene, name)?),
        // Of the orbit's rows, with which they are supplied.
        ArgumentKind::Labels => {}
        ArgumentKind::Differences => {
            let mut part = |part: &str| scene.input(&format!("{name}.{part}"));
            supply.differences = Some(Differences {
                crop: part("crop")?,
                color: part("color")?,
                flip: part("flip")?,
                blur: part("blur")?,
                solarize: part("solarize")?,
                turn: part("turn")?,
            });
        }
        ArgumentKind::Parameters => {
            supply.parameters = Some(Parameters { views: scene.indexed(name)? });
        }
        ArgumentKind::Positions => {
            let views = scene.indexed(name)?.iter().map(Position::new).collect();
            supply.positions = Some(Positions { views });
        }
        ArgumentKind::Head(mlp) => {
            let layers = layers(scene.file, name, mlp)?;
            supply.heads.insert(name.into(), Head::new(&scene.graph, name, layers, None));
        }
        ArgumentKind::State { .. } => {
            supply.states.insert(name.into(), State::new(&scene.state(name)?));
        }
        ArgumentKind::Knob(knob) if knob.kind == KnobKind::Schedule => {
            let value = scene.graph.scalar(scene.file.number(name)? as f32);
            supply.scheduled.insert(name.into(), value);
        }
        ArgumentKind::Knob(knob) => {
            supply.knobs.insert(name.into(), knob_value(scene.file, knob)?);
        }
    }
    Ok(())
}

fn supply_feature(
    scene: &mut Scene<'_>,
    plugin: &Plugin,
    name: &str,
    role: Role,
    supply: &mut Supply,
) -> Result<(), ParityError> {
    match role {
        Role::Pair => {
            let mut side = |side: &str| scene.input(&format!("{name}.{side}")).map(feature);
            supply.pair = Some((side("student")?, side("source")?));
        }
        Role::Views | Role::TeacherViews => {
            let views: Vec<TappedFeature> = scene.indexed(name)?.into_iter().map(feature).collect();
            let globals = views.len();
            let views = Some((views, globals));
            if role == Role::Views { supply.views = views } else { supply.teacher_views = views }
        }
        Role::Untransformed => supply.untransformed = Some(feature(scene.input(name)?)),
        Role::Orbit => {
            let rows = scene.input(name)?;
            let elements = plugin.spec().action.as_ref().and_then(|action| action.order()).unwrap_or(1);
            let labels: Vec<f32> = (0..rows.dim(0)).map(|row| (row % elements) as f32).collect();
            let tensor = scene.graph.constant([labels.len()], labels);
            supply.labels = Some(Labels { tensor, elements });
            supply.orbit = Some((feature(rows), elements));
        }
    }
    Ok(())
}

/// A batch of token maps is one of rows of tokens: a file says nothing of a map's sides.
fn feature(tensor: Tensor) -> TappedFeature {
    let grid = Grid::new(1, if tensor.shape().len() == 3 { tensor.dim(1) } else { 1 });
    TappedFeature { tensor, grid, side: Side::Student }
}

fn relative(scene: &mut Scene<'_>, name: &str) -> Result<Relative, ParityError> {
    let matrix = scene.input(name)?;
    if !(2..=3).contains(&matrix.shape().len()) {
        return Err(misshapen(scene.file, name, "[to, from] or [samples, to, from]"));
    }
    let valid = format!("{name}.valid");
    let valid = match scene.file.has(&format!("in.{valid}")) {
        true => Some(scene.input(&valid)?),
        false => None,
    };
    Ok(Relative::dense(&matrix, valid.as_ref()))
}

/// A head's layers, as wide as their weights in the file.
fn layers(file: &ParityFile, head: &str, mlp: &Mlp) -> Result<Vec<HeadLayer<usize>>, ParityError> {
    let mut layers = mlp.resolve(&|_| 0);
    for (index, layer) in layers.iter_mut().enumerate() {
        let (HeadLayer::Linear { width, .. } | HeadLayer::Prototypes { width }) = layer else { continue };
        let weight = file.tensor(&format!("param.{head}.{index}.weight"))?;
        *width = weight.shape.last().copied().unwrap_or_default();
    }
    Ok(layers)
}

fn knob_value(file: &ParityFile, knob: &KnobSpec) -> Result<KnobValue, ParityError> {
    let Some(value) = file.parameter(&knob.name) else { return Ok(knob.default.clone()) };
    let wrong = |problem: String| ParityError::Parameter { name: knob.name.clone(), problem };
    let read = |value: &Value| serde_json::from_value::<KnobValue>(value.clone()).ok();
    let value = match (read(value), &knob.kind) {
        (Some(KnobValue::Whole(whole)), KnobKind::Number) => KnobValue::Number(whole as f32),
        (Some(value), _) => value,
        (None, _) => return Err(wrong(format!("is {value}; {}", knob.accepts()))),
    };
    knob.problem(&value).map_or(Ok(value), |problem| Err(wrong(format!("cannot be used: {problem}"))))
}
