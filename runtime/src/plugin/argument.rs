//! What a loss can ask for in its signature, and how it is supplied.
//!
//! A loss is an ordinary function. Each of its parameters has a type that implements [`Argument`]; the type says what
//! is wanted, the name says which. The framework reads the signature when the plugin is declared and supplies the
//! values when the method is built into a graph, as axum does with handlers.

use std::collections::BTreeMap;

use equilayer_engine::{Error, Graph, Tensor};
use serde::Serialize;

use super::feature::{FeatureKind, Orbit, Pair, Side, Tapped, Teacher, Untransformed, Views};
use super::head::Head;
use super::knob::{Choice, KnobKind, KnobType, KnobValue};
use super::loss::Loss;
use super::positions::Positions;
use crate::action::Relative;
use crate::schedule::Schedule;

/// In which role a feature is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// [`Pair`].
    Pair,
    /// [`Views`], through the student.
    Views,
    /// [`Views`], through the teacher.
    TeacherViews,
    /// [`Untransformed`].
    Untransformed,
    /// [`Orbit`].
    Orbit,
}

/// What a parameter's type asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// A feature at the tap.
    Feature(Role, FeatureKind),
    /// ρ_g between the views.
    Relative,
    /// Which element of the group was applied.
    Labels,
    /// Differences of the transforms of two views.
    Differences,
    /// Each view's transform.
    Parameters,
    /// Where each view lies in its image.
    Positions,
    /// Learned layers.
    Head,
    /// Values that persist.
    State,
    /// A number or a choice.
    Knob(KnobKind),
}

/// A type that a loss can ask for.
#[diagnostic::on_unimplemented(
    message = "a loss cannot ask for `{Self}`",
    label = "not supplied by the framework",
    note = "a loss asks for features (`Pair<F>`, `Views<F>`, `Teacher<Views<F>>`, `Untransformed<F>`, `Orbit<F>` with F = `Tokens` or \
            `Embedding`), `Relative`, `Labels`, `Differences`, `Parameters`, `Positions`, `Head`, `State`, and knobs (`f32`, \
            `usize`, `bool`, `Scheduled`, a `Choice`)"
)]
pub trait Argument: Sized {
    /// What it is.
    fn demand() -> Demand;

    /// Takes the value for the parameter of this name.
    ///
    /// # Errors
    /// What was asked for cannot be had here: the reason.
    fn supply(name: &str, supply: &Supply) -> Result<Self, Error>;
}

/// A feature as it was tapped.
#[derive(Clone, Debug)]
pub struct TappedFeature {
    /// `[batch, tokens, width]` or `[batch, width]`.
    pub tensor: Tensor,
    /// Rows and columns of the map it was read from.
    pub grid: crate::action::Grid,
    /// Who made it.
    pub side: Side,
}

impl TappedFeature {
    fn typed<F: Tapped>(&self) -> F {
        F::tapped(self.tensor.clone(), self.grid, self.side)
    }
}

/// Everything one evaluation of a loss can be given.
#[derive(Default)]
pub struct Supply {
    /// Student and source.
    pub pair: Option<(TappedFeature, TappedFeature)>,
    /// The student's views, global crops first, and how many are global.
    pub views: Option<(Vec<TappedFeature>, usize)>,
    /// The teacher's.
    pub teacher_views: Option<(Vec<TappedFeature>, usize)>,
    /// The images as they are.
    pub untransformed: Option<TappedFeature>,
    /// Images under all elements, and their number.
    pub orbit: Option<(TappedFeature, usize)>,
    /// ρ_g from source to student.
    pub relative: Option<Relative>,
    /// Element indices.
    pub labels: Option<Labels>,
    /// Between the two views.
    pub differences: Option<Differences>,
    /// Of each view.
    pub parameters: Option<Parameters>,
    /// Of each global crop.
    pub positions: Option<Positions>,
    /// By parameter name.
    pub heads: BTreeMap<String, Head>,
    /// By parameter name.
    pub states: BTreeMap<String, State>,
    /// By parameter name.
    pub knobs: BTreeMap<String, KnobValue>,
    /// Values of scheduled knobs, scalars fed at every step, by parameter name.
    pub scheduled: BTreeMap<String, Tensor>,
}

fn missing<T>(found: Option<T>, name: &str, what: &str) -> Result<T, Error> {
    found.ok_or_else(|| {
        Error::Executor(format!("`{name}` asks for {what}, which this method does not supply"))
    })
}

impl<F: Tapped> Argument for Pair<F> {
    fn demand() -> Demand {
        Demand::Feature(Role::Pair, F::KIND)
    }

    fn supply(name: &str, supply: &Supply) -> Result<Pair<F>, Error> {
        let (student, source) = missing(supply.pair.as_ref(), name, "a pair of views under the action")?;
        Ok(Pair { student: student.typed(), source: source.typed() })
    }
}

fn typed_views<F: Tapped>((all, globals): &(Vec<TappedFeature>, usize)) -> Views<F> {
    Views { all: all.iter().map(TappedFeature::typed).collect(), globals: *globals }
}

impl<F: Tapped> Argument for Views<F> {
    fn demand() -> Demand {
        Demand::Feature(Role::Views, F::KIND)
    }

    fn supply(name: &str, supply: &Supply) -> Result<Views<F>, Error> {
        missing(supply.views.as_ref(), name, "the objective's views").map(typed_views)
    }
}

impl<F: Tapped> Argument for Teacher<Views<F>> {
    fn demand() -> Demand {
        Demand::Feature(Role::TeacherViews, F::KIND)
    }

    fn supply(name: &str, supply: &Supply) -> Result<Teacher<Views<F>>, Error> {
        missing(supply.teacher_views.as_ref(), name, "the teacher's views")
            .map(|views| Teacher(typed_views(views)))
    }
}

impl<F: Tapped> Argument for Untransformed<F> {
    fn demand() -> Demand {
        Demand::Feature(Role::Untransformed, F::KIND)
    }

    fn supply(name: &str, supply: &Supply) -> Result<Untransformed<F>, Error> {
        missing(supply.untransformed.as_ref(), name, "the untransformed images")
            .map(|f| Untransformed(f.typed()))
    }
}

impl<F: Tapped> Argument for Orbit<F> {
    fn demand() -> Demand {
        Demand::Feature(Role::Orbit, F::KIND)
    }

    fn supply(name: &str, supply: &Supply) -> Result<Orbit<F>, Error> {
        let (features, elements) = missing(supply.orbit.as_ref(), name, "all elements of the action")?;
        Ok(Orbit { features: features.typed(), elements: *elements })
    }
}

/// Which element of a finite group was applied to each image: what E-SSL predicts.
#[derive(Clone, Debug)]
pub struct Labels {
    /// `[images × elements]`, whole numbers below `elements`.
    pub tensor: Tensor,
    /// How many elements there are.
    pub elements: usize,
}

impl Labels {
    /// The mean cross entropy of predictions `[images × elements, elements]`. Scalar.
    ///
    /// Predictions of another width are an error of the graph: the labels would be no classes of theirs.
    #[track_caller]
    pub fn cross_entropy(&self, predictions: &Tensor) -> Tensor {
        let classes = predictions.dim(-1);
        if classes != self.elements {
            predictions.graph().record(Error::Executor(format!(
                "{classes} numbers predict which of the action's {0} elements was applied; end the head with a layer of \
                 {0}",
                self.elements
            )));
        }
        predictions.cross_entropy(&self.tensor)
    }
}

/// How the transforms of two views differ, from the first to the second: what AugSelf predicts (arXiv 2111.09613).
/// Those of the second to the first are the negatives.
#[derive(Clone, Debug)]
pub struct Differences {
    /// Crop centre and size, in sides of the image: `[batch, 4]`, y, x, height, width; x mirrored where flipped.
    pub crop: Tensor,
    /// Brightness, contrast, saturation and hue, each over its range; 0 where none was applied: `[batch, 4]`.
    pub color: Tensor,
    /// 1 where both or neither view was flipped: `[batch, 1]`.
    pub flip: Tensor,
    /// σ, pixels; 0 where none was applied: `[batch, 1]`.
    pub blur: Tensor,
    /// The threshold, in 0 to 1; 1 where none was applied: `[batch, 1]`.
    pub solarize: Tensor,
    /// Quarter turns from the second to the first, the class of a prediction: 0, 1, 2 or 3, `[batch]`.
    pub turn: Tensor,
}

impl Differences {
    /// [`Differences::turn`] from the first to the second: 0, 3, 2 and 1 for 0, 1, 2 and 3.
    #[track_caller]
    pub fn turn_back(&self) -> Tensor {
        // 4 − turn, but 0 where there is none.
        let none = (1.0 - &self.turn).relu();
        4.0 - &self.turn - none * 4.0
    }
}

/// The transform of each view as a vector: what EquiMod is conditioned on (arXiv 2211.01244).
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `[batch, parameters]` for each view, standardised.
    pub views: Vec<Tensor>,
}

/// Values that a plugin keeps from step to step: DINO's centre.
#[derive(Clone)]
pub struct State {
    graph: Graph,
    state: Tensor,
}

impl State {
    /// Around a state of the graph.
    pub fn new(state: &Tensor) -> State {
        State { graph: state.graph().clone(), state: state.clone() }
    }

    /// Its value before the step.
    pub fn get(&self) -> Tensor {
        self.state.clone()
    }

    /// Its value after the step. No gradient flows through it.
    #[track_caller]
    pub fn set(&self, value: &Tensor) {
        self.graph.assign(&self.state, &value.stop_gradient());
    }
}

/// A knob that may change from step to step: a scalar of the graph, fed by its schedule.
#[derive(Clone, Debug)]
pub struct Scheduled(pub Tensor);

macro_rules! supplied {
    ($type:ident, $demand:expr, $field:ident, $what:literal) => {
        impl Argument for $type {
            fn demand() -> Demand {
                $demand
            }

            fn supply(name: &str, supply: &Supply) -> Result<$type, Error> {
                missing(supply.$field.clone(), name, $what)
            }
        }
    };
}

supplied!(Relative, Demand::Relative, relative, "the action between two views");
supplied!(Labels, Demand::Labels, labels, "labels of the action's elements");
supplied!(Differences, Demand::Differences, differences, "differences of transforms");
supplied!(Parameters, Demand::Parameters, parameters, "the views' transforms");
supplied!(Positions, Demand::Positions, positions, "the views' places in their images");

impl Argument for Head {
    fn demand() -> Demand {
        Demand::Head
    }

    fn supply(name: &str, supply: &Supply) -> Result<Head, Error> {
        missing(supply.heads.get(name).cloned(), name, "a head")
    }
}

impl Argument for State {
    fn demand() -> Demand {
        Demand::State
    }

    fn supply(name: &str, supply: &Supply) -> Result<State, Error> {
        missing(supply.states.get(name).cloned(), name, "a state")
    }
}

impl Argument for Scheduled {
    fn demand() -> Demand {
        Demand::Knob(Schedule::kind())
    }

    fn supply(name: &str, supply: &Supply) -> Result<Scheduled, Error> {
        missing(supply.scheduled.get(name).cloned(), name, "a scheduled knob").map(Scheduled)
    }
}

fn knob<T: KnobType>(name: &str, supply: &Supply) -> Result<T, Error> {
    missing(supply.knobs.get(name).and_then(T::from_value), name, "a knob of its type")
}

macro_rules! knobs {
    ($($type:ty),*) => {$(
        impl Argument for $type {
            fn demand() -> Demand {
                Demand::Knob(<$type>::kind())
            }

            fn supply(name: &str, supply: &Supply) -> Result<$type, Error> {
                knob(name, supply)
            }
        }
    )*};
}

knobs!(f32, usize, bool);

impl<C: Choice> Argument for C {
    fn demand() -> Demand {
        Demand::Knob(C::kind())
    }

    fn supply(name: &str, supply: &Supply) -> Result<C, Error> {
        knob(name, supply)
    }
}

/// A function or closure that computes a loss from arguments, with its signature as a type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a loss",
    note = "a loss is a function of one to sixteen arguments that returns `Loss`, each argument of a type that \
            `equilayer::plugin::Argument` is implemented for"
)]
pub trait LossFunction<Arguments>: Send + Sync + 'static {
    /// What each parameter asks for.
    fn demands() -> Vec<Demand>;

    /// Calls it. `names` are the parameters' names, in order.
    ///
    /// # Errors
    /// An argument that cannot be supplied.
    fn call(&self, names: &[String], supply: &Supply) -> Result<Loss, Error>;
}

macro_rules! loss_functions {
    ($($argument:ident)*) => {
        impl<Function, $($argument),*> LossFunction<($($argument,)*)> for Function
        where
            Function: Fn($($argument),*) -> Loss + Send + Sync + 'static,
            $($argument: Argument,)*
        {
            fn demands() -> Vec<Demand> {
                vec![$($argument::demand()),*]
            }

            fn call(&self, names: &[String], supply: &Supply) -> Result<Loss, Error> {
                let mut names = names.iter().map(String::as_str);
                Ok(self($($argument::supply(names.next().unwrap_or_default(), supply)?),*))
            }
        }
    };
}

loss_functions!(A);
loss_functions!(A B);
loss_functions!(A B C);
loss_functions!(A B C D);
loss_functions!(A B C D E);
loss_functions!(A B C D E F);
loss_functions!(A B C D E F G);
loss_functions!(A B C D E F G H);
loss_functions!(A B C D E F G H I);
loss_functions!(A B C D E F G H I J);
loss_functions!(A B C D E F G H I J K);
loss_functions!(A B C D E F G H I J K L);
loss_functions!(A B C D E F G H I J K L M);
loss_functions!(A B C D E F G H I J K L M N);
loss_functions!(A B C D E F G H I J K L M N O);
loss_functions!(A B C D E F G H I J K L M N O P);
