//! Laws that do not hold, in words.

use super::LARGEST_FLOOR;
use crate::action::{Grid, PlanesError};

/// The first law that an action breaks. Elements are printed as Rust prints them; cells are [row, column].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LawViolation {
    /// Parameters that make no sense.
    #[error("{action}: {detail}")]
    Parameters {
        /// The action, as declared.
        action: String,
        /// What is wrong with them.
        detail: String,
    },
    /// A group without anything to act with.
    #[error(
        "{action} has no element but its identity; list all of them in `elements`, or draw others in `sample`"
    )]
    OnlyIdentity {
        /// The action, as declared.
        action: String,
    },
    /// An element that a finite group does not list.
    #[error("{action}: {what} is {result}, which is not among its elements")]
    NotClosed {
        /// The action, as declared.
        action: String,
        /// The call that gave it.
        what: String,
        /// The element.
        result: String,
    },
    /// An identity that moves something.
    #[error("{action}: its identity {element} moves something: {detail}")]
    Identity {
        /// The action, as declared.
        action: String,
        /// The identity.
        element: String,
        /// The grid and the cell.
        detail: String,
    },
    /// A wrong composition.
    #[error("{action}: compose({a}, {b}) = {product} is not {b} first and then {a}: {detail}")]
    Composition {
        /// The action, as declared.
        action: String,
        /// The element that acts last.
        a: String,
        /// The element that acts first.
        b: String,
        /// What they were said to make.
        product: String,
        /// The grid and the cell.
        detail: String,
    },
    /// A wrong inverse.
    #[error("{action}: inverse({element}) = {inverse} does not undo {element}: {detail}")]
    Inverse {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
        /// What was said to undo it.
        inverse: String,
        /// The grid and the cell.
        detail: String,
    },
    /// An inverse that is missing where nothing is masked.
    #[error("{action}: {element} has no inverse; only actions that mask cells may lose the way back")]
    NoInverse {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
    },
    /// A map between cells declared as one from cells to cells.
    #[error(
        "{action}: {element} does not take the cells of a grid of {grid} to cells, one to one; declare its \
         interpolation and floor"
    )]
    NotAPermutation {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
        /// The grid.
        grid: Grid,
    },
    /// Rows that change the brightness of a picture.
    #[error("{action}: for {element} on a grid of {grid}, the weights of cell {cell:?} sum to {sum}, not 1")]
    RowSum {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
        /// The grid.
        grid: Grid,
        /// Row and column.
        cell: [usize; 2],
        /// The sum.
        sum: f32,
    },
    /// A cell from outside where none should be.
    #[error(
        "{action}: {element} takes cell {cell:?} from outside a grid of {grid}; declare its validity as masked"
    )]
    Masks {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
        /// The grid.
        grid: Grid,
        /// Row and column.
        cell: [usize; 2],
    },
    /// Nothing left of the picture.
    #[error("{action}: {element} takes every cell from outside a grid of {grid}; nothing is left to compare")]
    MasksAll {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
        /// The grid.
        grid: Grid,
    },
    /// One thing done to pixels, another to tokens.
    #[error(
        "{action}: {element} acts differently on pixels and on tokens: {detail}; measure in parts of the grid's \
         sides, not in cells"
    )]
    PixelsAndTokens {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
        /// Where, and how.
        detail: String,
    },
    /// A mismatch above what was promised.
    #[error(
        "{action}: {element} on a grid of {grid} leaves a relative mismatch of {mismatch:.4} between acting on pixels \
         and on tokens, above its declared floor of {floor}"
    )]
    AboveFloor {
        /// The action, as declared.
        action: String,
        /// The element.
        element: String,
        /// The grid.
        grid: Grid,
        /// The mismatch.
        mismatch: f64,
        /// The declared floor.
        floor: f64,
    },
    /// A promise that means nothing.
    #[error("{action}: a floor of {floor} promises nothing; it must be above 0 and at most {LARGEST_FLOOR}")]
    Floor {
        /// The action, as declared.
        action: String,
        /// The declared floor.
        floor: f64,
    },
    /// Maps that do not start from the grid they were given.
    #[error("a map does not fit the grid it was asked for: {0}")]
    Planes(#[from] PlanesError),
    /// A grid too large to be indexed.
    #[error(transparent)]
    Taps(#[from] equilayer_engine::TapsError),
}
