//! What every executor offers, whatever memory it works in.

use std::collections::BTreeMap;

use crate::error::{Error, nearest};
use crate::ops::State;
use crate::plan::{Operand, Plan, Port, Step};
use crate::profile::Launch;
use crate::shape::Shape;

/// What a run hands back, by output name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    values: BTreeMap<String, Vec<f32>>,
}

/// A run between its start and its end.
#[must_use = "a run is ended, which hands back its outputs"]
pub struct Started(pub(crate) Stage);

/// How far a started run is.
pub(crate) enum Stage {
    /// Through.
    Done(Outputs, Vec<Launch>),
    /// On a device with memory of its own.
    #[cfg(feature = "cuda")]
    UnderWay,
}

/// Runs plans and holds their state between runs.
pub trait Executor {
    /// Runs a plan once. `inputs` pairs each input's name with its values, row-major.
    ///
    /// State that is not there yet is initialised first; state left by another plan is taken over by name.
    ///
    /// # Errors
    /// A missing, unknown or wrongly sized input; state of another shape; too little memory; where the check is
    /// switched on, a value that is not finite.
    fn run(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error>;

    /// Makes sure that every state of a plan is there, initialised.
    fn prepare(&mut self, plan: &Plan) -> Result<(), Error>;

    /// Copies a state out.
    ///
    /// # Errors
    /// An unknown name; the nearest known one is named.
    fn state(&self, name: &str) -> Result<Vec<f32>, Error>;

    /// Overwrites a state.
    ///
    /// # Errors
    /// An unknown name, or a length that is not the state's.
    fn set_state(&mut self, name: &str, values: &[f32]) -> Result<(), Error>;

    /// Names of all states held, in order.
    fn state_names(&self) -> Vec<String>;
}

impl Outputs {
    /// Values of an output, row-major.
    ///
    /// # Errors
    /// An unknown name; the nearest known one is named.
    pub fn get(&self, name: &str) -> Result<&[f32], Error> {
        self.values
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| unknown("output", name, self.values.keys().map(String::as_str)))
    }

    /// The value of an output that is one number.
    ///
    /// # Errors
    /// An unknown name, or an output of more or fewer elements.
    pub fn scalar(&self, name: &str) -> Result<f32, Error> {
        match self.get(name)? {
            [value] => Ok(*value),
            values => {
                let detail = format!("has {} elements, not one", values.len());
                Err(Error::Name { kind: "output", name: name.into(), detail })
            }
        }
    }

    /// All outputs by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.values.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    pub(crate) fn insert(&mut self, name: &str, values: Vec<f32>) {
        self.values.insert(name.into(), values);
    }
}

/// The error for a name that does not exist.
pub(crate) fn unknown<'a>(
    kind: &'static str,
    name: &str,
    valid: impl Iterator<Item = &'a str> + Clone,
) -> Error {
    let detail = match (nearest(name, valid.clone()), valid.collect::<Vec<_>>()) {
        (Some(close), _) => format!("there is none; did you mean `{close}`?"),
        (None, names) if names.is_empty() => format!("there is none; there are no {kind}s"),
        (None, names) => format!("there is none; there are {}", names.join(", ")),
    };
    Error::Name { kind, name: name.into(), detail }
}

/// Whether a plan's state can be the one that is held with this shape from another plan.
pub(crate) fn take_over(state: &State, held: &Shape) -> Result<(), Error> {
    if *held == state.shape {
        return Ok(());
    }
    let detail = format!("held with shape {held} from another plan, this plan has {}", state.shape);
    Err(Error::Name { kind: "state", name: state.name.clone(), detail })
}

/// The values for each input port, in order.
pub(crate) fn match_inputs<'v>(plan: &Plan, inputs: &[(&str, &'v [f32])]) -> Result<Vec<&'v [f32]>, Error> {
    let names = plan
        .inputs
        .iter()
        .map(|port| port.name.as_str())
        .chain(plan.unused_inputs.iter().map(String::as_str));
    if let Some((name, _)) = inputs.iter().find(|(name, _)| !names.clone().any(|known| known == *name)) {
        return Err(unknown("input", name, names));
    }
    if let Some((_, (name, _))) =
        inputs.iter().enumerate().find(|(i, (name, _))| inputs[..*i].iter().any(|(n, _)| n == name))
    {
        return Err(Error::Name { kind: "input", name: (*name).into(), detail: "given twice".into() });
    }
    plan.inputs.iter().map(|port| find_input(port, inputs)).collect()
}

fn find_input<'v>(port: &Port, inputs: &[(&str, &'v [f32])]) -> Result<&'v [f32], Error> {
    let wrong = |detail: String| Error::Name { kind: "input", name: port.name.clone(), detail };
    let (_, values) = inputs.iter().find(|(name, _)| *name == port.name).ok_or_else(|| {
        wrong(format!("missing; feed {} values of shape {}", port.shape.elements(), port.shape))
    })?;
    match values.len() == port.shape.elements() {
        true => Ok(values),
        false => Err(wrong(format!(
            "{} values do not fill shape {}, which takes {}",
            values.len(),
            port.shape,
            port.shape.elements()
        ))),
    }
}

/// Where a result is in the plan, in words.
pub(crate) fn place_of(step: &Step, index: usize, output: &Operand) -> String {
    let scope = step.scope.as_deref().map_or(String::new(), |scope| format!(" in `{scope}`"));
    format!("step {index}, shape {}{scope}", output.layout.shape())
}

/// Refuses values that are not finite; `describe` names the operator and the place.
pub(crate) fn check_finite(values: &[f32], describe: impl FnOnce() -> (String, String)) -> Result<(), Error> {
    let Some(index) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let (operator, place) = describe();
    let count = values.iter().filter(|value| !value.is_finite()).count();
    Err(Error::NotFinite {
        operator,
        count,
        elements: values.len(),
        value: values[index].to_string(),
        index,
        place,
    })
}
