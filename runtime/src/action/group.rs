//! What a group action is.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use super::draw::Draw;
use super::grid_map::{Grid, GridMap};
use super::sampled::Interpolation;

/// How an action's maps become sparse matrices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Cells go to cells: every law holds bit for bit.
    Permutation,
    /// Values are made between cells.
    Interpolated {
        /// Of which neighbours.
        interpolation: Interpolation,
        /// The largest relative mismatch between acting on tokens and acting on pixels that the action promises, for a
        /// patch-pooling encoder on fixed band-limited images ([`laws`](super::laws)). At most
        /// [`laws::LARGEST_FLOOR`](super::laws::LARGEST_FLOOR).
        floor: f64,
    },
}

/// Whether an action gives a value to every cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validity {
    /// Every cell comes from inside: the action is invertible on the whole picture.
    Everywhere,
    /// Some cells may come from outside; they are masked.
    Masked,
}

/// A group that acts on pictures: elements, how they combine, and where each one takes the cells of a grid.
///
/// Elements act from the left: `compose(a, b)` is `b` first and then `a`, and in a product the right-most factor acts
/// first.
///
/// `#[group_action]` writes the implementation for a function from an element and a grid to a [`GridMap`]: for
/// `fn rot90(k: u8, from: Grid) -> GridMap` a type `Rot90` with `Clone`, `Debug` and `PartialEq`, its operators, and a test
/// that calls [`laws::check_group_laws`](super::laws::check_group_laws).
///
/// | key | what it becomes |
/// |---|---|
/// | the function | `map`, and the [`Element`](Self::Element): the type of its first argument |
/// | its name | `name`, in upper camel case |
/// | `compose = \|a, b\| …` | `compose`, on clones of the elements; `b` acts first |
/// | `inverse = \|a\| …` | `inverse`, in `Some` |
/// | `elements = 0..4` | `elements`: anything that iterates over all of them |
/// | `sample = \|draw\| …` | `sample`, on a [`Draw`]; for groups without `elements` |
/// | `interpolation`, `floor` | `sampling`, as [`Sampling::Interpolated`]; a permutation without them |
/// | none | `identity` is the element's `Default`: 0, `false`, zeros |
///
/// By hand it takes a type with its operators, and one method for each part of the definition:
/// ```
/// use equilayer::action::{Action, Grid, GridMap, GroupAction, Scope, Symmetry, laws};
///
/// /// Quarter turns.
/// #[derive(Clone, Debug, PartialEq)]
/// pub struct Quarter;
///
/// impl GroupAction for Quarter {
///     type Element = u8;
///
///     fn name(&self) -> &str {
///         "Quarter"
///     }
///     fn elements(&self) -> Vec<u8> {
///         (0..4).collect()
///     }
///     fn identity(&self) -> u8 {
///         0
///     }
///     fn compose(&self, a: &u8, b: &u8) -> u8 {
///         (a + b) % 4
///     }
///     fn inverse(&self, k: &u8) -> Option<u8> {
///         Some((4 - k) % 4)
///     }
///     fn map(&self, k: &u8, from: Grid) -> GridMap {
///         GridMap::turn(from, *k)
///     }
/// }
///
/// equilayer::group_action_operators!(Quarter);
///
/// laws::check_group_laws(&Quarter)?;
/// let action = Action::from(Quarter.per_batch() * equilayer::action::HFlip);
/// assert_eq!(action.to_string(), "Quarter.per_batch() * HFlip.per_sample()");
/// # Ok::<(), laws::LawViolation>(())
/// ```
///
/// A continuous group lists no elements and draws them instead, and says what interpolating costs:
/// ```
/// # use equilayer::action::{Draw, Grid, GridMap, GroupAction, Interpolation, Sampling, laws};
/// /// Small tilts, in radians.
/// #[derive(Clone, Debug, PartialEq)]
/// pub struct Tilt;
///
/// impl GroupAction for Tilt {
///     type Element = f64;
/// #   fn name(&self) -> &str {
/// #       "Tilt"
/// #   }
/// #   fn identity(&self) -> f64 {
/// #       0.0
/// #   }
/// #   fn compose(&self, a: &f64, b: &f64) -> f64 {
/// #       a + b
/// #   }
/// #   fn inverse(&self, angle: &f64) -> Option<f64> {
/// #       Some(-angle)
/// #   }
///
///     // name, identity, compose and inverse as above
///     fn sample(&self, draw: &mut Draw<'_>) -> f64 {
///         draw.uniform(-0.1..=0.1)
///     }
///     fn map(&self, angle: &f64, from: Grid) -> GridMap {
///         GridMap::rotate(from, *angle)
///     }
///     fn sampling(&self) -> Sampling {
///         Sampling::Interpolated { interpolation: Interpolation::Bilinear, floor: 0.05 }
///     }
/// }
/// # laws::check_group_laws(&Tilt)?;
/// # Ok::<(), laws::LawViolation>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group action",
    label = "not a group action",
    note = "random crop, colour jitter and blur are augmentations: put them into the recipe's augmentations",
    note = "a symmetry of your own is a function under `#[group_action]`",
    note = "what has a scope cannot get another: `(A * B).per_batch()`, or `A.per_batch() * B.per_sample()`"
)]
pub trait GroupAction: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// What is drawn, combined and undone.
    type Element: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// The name that declarations, logs and errors show: the type's.
    fn name(&self) -> &str;

    /// The element that changes nothing.
    fn identity(&self) -> Self::Element;

    /// `b` first, then `a`.
    fn compose(&self, a: &Self::Element, b: &Self::Element) -> Self::Element;

    /// The element that undoes `element`; nothing where the way back is not known.
    fn inverse(&self, element: &Self::Element) -> Option<Self::Element>;

    /// Where `element` takes the cells of a grid, continuously. It must mean the same for the pixels behind a token map
    /// as for the tokens: measure in parts of the grid's sides, not in cells.
    fn map(&self, element: &Self::Element, from: Grid) -> GridMap;

    /// All elements of a finite group, the identity among them; none for a continuous one.
    fn elements(&self) -> Vec<Self::Element> {
        Vec::new()
    }

    /// A random element: any of [`GroupAction::elements`] with the same chance. A continuous group draws its own.
    fn sample(&self, draw: &mut Draw<'_>) -> Self::Element {
        let mut elements = self.elements();
        match elements.is_empty() {
            true => self.identity(),
            false => elements.swap_remove(draw.below(elements.len())),
        }
    }

    /// How its maps are sampled.
    fn sampling(&self) -> Sampling {
        Sampling::Permutation
    }

    /// Whether it masks cells. What interpolates is taken to, unless it says otherwise.
    fn validity(&self) -> Validity {
        match self.sampling() {
            Sampling::Permutation => Validity::Everywhere,
            Sampling::Interpolated { .. } => Validity::Masked,
        }
    }

    /// Its parameters by name, as data.
    fn parameters(&self) -> Vec<(&'static str, RangeInclusive<f64>)> {
        Vec::new()
    }

    /// The expression that declares it.
    fn declaration(&self) -> String {
        self.name().into()
    }

    /// Whether its parameters make sense.
    ///
    /// # Errors
    /// What is wrong, with the values that are right.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
