//! The laws that a group action keeps, as a check that its tests call.
//!
//! Each law is stated so that it is true, and none can be widened to pass:
//! - the identity leaves real grids as they are, bit for bit, for every action;
//! - a permutation keeps composition and inverse bit for bit on real grids, square and oblong;
//! - an interpolating action keeps them on its continuous coordinates, to [`COORDINATES`]; its sparse matrices' rows sum
//!   to 1 wherever they are valid;
//! - acting on an image and then encoding it is encoding it and then acting on its tokens, for an encoder that means over
//!   patches: exactly for permutations, and for the rest up to the declared floor on fixed band-limited images. A floor
//!   above [`LARGEST_FLOOR`] is itself a violation.
//!
//! Finite groups are checked on all their elements, continuous ones on the identity and fixed draws.

mod agreement;
mod violation;

use std::fmt::Debug;

use super::draw::{Draw, DrawKey, Sample, View};
use super::grid_map::{Grid, GridMap};
use super::group::{GroupAction, Sampling, Validity};
use super::sampled::{Interpolation, SampledMap};
use super::{DisplacementField, Flow};

pub use violation::LawViolation;

/// How far continuous coordinates may differ, in half sides of the picture.
pub const COORDINATES: f64 = 1e-6;

/// The largest floor an action may declare.
pub const LARGEST_FLOOR: f64 = 0.1;

/// How far a row's sum may be from 1: the rounding of 16 weights.
const ROW_SUM: f32 = 1e-6;

/// Token grids that the laws are tried on: square and oblong, about as large as a ViT's.
fn grids() -> [Grid; 2] {
    [Grid::new(14, 14), Grid::new(12, 16)]
}

/// How many elements of a continuous group are tried.
const DRAWS: u64 = 8;

/// Checks all laws of an action; see [the module](self).
///
/// # Errors
/// The first law that does not hold, with the elements, the grid and the cell where it fails.
pub fn check_group_laws<A: GroupAction>(action: &A) -> Result<(), LawViolation> {
    let laws = Laws::new(action)?;
    laws.declarations()?;
    laws.closure()?;
    for grid in grids() {
        laws.identity(grid)?;
        for element in &laws.elements {
            laws.matrices(element, grid)?;
            laws.inverse(element, grid)?;
            for earlier in &laws.elements {
                laws.composition(element, earlier, grid)?;
            }
            laws.agreement(element, grid)?;
        }
    }
    Ok(())
}

/// An action and the elements it is tried on.
struct Laws<'a, A: GroupAction> {
    action: &'a A,
    elements: Vec<A::Element>,
    finite: bool,
    interpolation: Interpolation,
    /// Nothing for permutations.
    floor: Option<f64>,
}

impl<'a, A: GroupAction> Laws<'a, A> {
    fn new(action: &'a A) -> Result<Laws<'a, A>, LawViolation> {
        let (interpolation, floor) = match action.sampling() {
            Sampling::Permutation => (Interpolation::Bilinear, None),
            Sampling::Interpolated { interpolation, floor } => (interpolation, Some(floor)),
        };
        let listed = action.elements();
        let finite = !listed.is_empty();
        let elements = match finite {
            true => listed,
            false => [action.identity()].into_iter().chain((0..DRAWS).map(|n| drawn(action, n))).collect(),
        };
        let laws = Laws { action, elements, finite, interpolation, floor };
        let wrong = |detail| LawViolation::Parameters { action: laws.name(), detail };
        action.check().map_err(wrong)?;
        Ok(laws)
    }

    fn name(&self) -> String {
        self.action.declaration()
    }

    /// What is promised must be worth something.
    fn declarations(&self) -> Result<(), LawViolation> {
        let action = self.name();
        match self.floor {
            Some(floor) if !(floor > 0.0 && floor <= LARGEST_FLOOR) => {
                return Err(LawViolation::Floor { action, floor });
            }
            _ => {}
        }
        match self.elements.iter().any(|element| *element != self.action.identity()) {
            true => Ok(()),
            false => Err(LawViolation::OnlyIdentity { action }),
        }
    }

    /// A finite group has its identity, its products and its inverses among its elements.
    fn closure(&self) -> Result<(), LawViolation> {
        let within = |what: String, result: A::Element| match self.elements.contains(&result) {
            true => Ok(()),
            false => {
                Err(LawViolation::NotClosed { action: self.name(), what, result: format!("{result:?}") })
            }
        };
        if !self.finite {
            return Ok(());
        }
        within("identity()".into(), self.action.identity())?;
        for a in &self.elements {
            if let Some(inverse) = self.action.inverse(a) {
                within(format!("inverse({a:?})"), inverse)?;
            }
            for b in &self.elements {
                within(format!("compose({a:?}, {b:?})"), self.action.compose(a, b))?;
            }
        }
        Ok(())
    }

    fn identity(&self, grid: Grid) -> Result<(), LawViolation> {
        let element = self.action.identity();
        let map = self.action.map(&element, grid);
        let expected = GridMap::identity(grid);
        match difference_in_cells(&map, &[&expected], self.interpolation)? {
            None => Ok(()),
            Some(detail) => {
                Err(LawViolation::Identity { action: self.name(), element: text(&element), detail })
            }
        }
    }

    /// Permutations are permutations; rows sum to 1 where they are valid, and are valid where that is promised.
    fn matrices(&self, element: &A::Element, grid: Grid) -> Result<(), LawViolation> {
        let map = self.action.map(element, grid);
        let sampled = map.sample(self.interpolation)?;
        let (action, element) = (self.name(), text(element));
        if let Some(cell) = sampled.valid().iter().position(|valid| !valid)
            && self.action.validity() == Validity::Everywhere
        {
            return Err(LawViolation::Masks { action, element, grid, cell: place(sampled.to(), cell) });
        }
        if !sampled.valid().contains(&true) {
            return Err(LawViolation::MasksAll { action, element, grid });
        }
        if self.floor.is_none() && !is_permutation(&sampled) {
            return Err(LawViolation::NotAPermutation { action, element, grid });
        }
        let taps = sampled.taps().taps();
        for cell in (0..sampled.to().cells()).filter(|&cell| sampled.valid()[cell]) {
            let sum: f32 = sampled.taps().weights()[cell * taps..][..taps].iter().sum();
            if (sum - 1.0).abs() > ROW_SUM {
                let cell = place(sampled.to(), cell);
                return Err(LawViolation::RowSum { action, element, grid, cell, sum });
            }
        }
        Ok(())
    }

    fn inverse(&self, element: &A::Element, grid: Grid) -> Result<(), LawViolation> {
        let Some(inverse) = self.action.inverse(element) else {
            let required = self.finite || self.action.validity() == Validity::Everywhere;
            let (action, element) = (self.name(), text(element));
            return if required { Err(LawViolation::NoInverse { action, element }) } else { Ok(()) };
        };
        let there = self.action.map(element, grid);
        let back = self.action.map(&inverse, there.to());
        match self.difference(&GridMap::identity(grid), &there, &back)? {
            None => Ok(()),
            Some(detail) => Err(LawViolation::Inverse {
                action: self.name(),
                element: text(element),
                inverse: text(&inverse),
                detail,
            }),
        }
    }

    fn composition(&self, a: &A::Element, b: &A::Element, grid: Grid) -> Result<(), LawViolation> {
        let product = self.action.compose(a, b);
        let second = self.action.map(b, grid);
        let first = self.action.map(a, second.to());
        match self.difference(&self.action.map(&product, grid), &second, &first)? {
            None => Ok(()),
            Some(detail) => {
                let [a, b, product] = [a, b, &product].map(text);
                Err(LawViolation::Composition { action: self.name(), a, b, product, detail })
            }
        }
    }

    /// Where `found` is not `earlier` and then `later`.
    fn difference(
        &self,
        found: &GridMap,
        earlier: &GridMap,
        later: &GridMap,
    ) -> Result<Option<String>, LawViolation> {
        match self.floor {
            None => difference_in_cells(found, &[earlier, later], self.interpolation),
            Some(_) => Ok(match earlier.then(later) {
                Some(expected) => difference_in_coordinates(found, &expected),
                None => Some(format!("the second map starts from {}, not {}", later.from(), earlier.to())),
            }),
        }
    }
}

/// Where sampled maps take other cells than those of `steps`, one after the other.
fn difference_in_cells(
    found: &GridMap,
    steps: &[&GridMap],
    interpolation: Interpolation,
) -> Result<Option<String>, LawViolation> {
    let grid = found.from();
    let mut expected: Vec<f32> = (0..grid.cells()).map(|cell| cell as f32).collect();
    let mut to = grid;
    let moved = apply(&found.sample(interpolation)?, &expected)?;
    for step in steps {
        expected = apply(&step.sample(interpolation)?, &expected)?;
        to = step.to();
    }
    if found.to() != to {
        return Ok(Some(format!("from {grid} cells it makes {}, not {to}", found.to())));
    }
    let cell = (0..to.cells()).find(|&cell| moved[cell].to_bits() != expected[cell].to_bits());
    Ok(cell.map(|cell| {
        let [row, column] = place(to, cell);
        let [is, should] = [&moved, &expected].map(|cells| place(grid, cells[cell] as usize));
        format!(
            "on a grid of {grid}, cell ({row}, {column}) comes from {is:?} and should come from {should:?}"
        )
    }))
}

/// Where continuous maps have other sources.
fn difference_in_coordinates(found: &GridMap, expected: &GridMap) -> Option<String> {
    let (grid, to) = (found.from(), found.to());
    // An interpolating action may round the sides it makes.
    let sides = [(to.rows, expected.to().rows), (to.columns, expected.to().columns)];
    if sides.into_iter().any(|(found, expected)| found.abs_diff(expected) > 1) {
        return Some(format!("from {grid} cells it makes {to}, not {}", expected.to()));
    }
    (0..to.cells()).find_map(|cell| {
        let target = to.centre(cell);
        let [row, column] = place(to, cell);
        match (found.source(target), expected.source(target)) {
            // Beyond its fields a displacement knows no way there and back.
            (_, None) => None,
            (Some(is), Some(should)) if apart(is, should) <= COORDINATES => None,
            (is, Some(should)) => Some(format!(
                "on a grid of {grid}, cell ({row}, {column}) comes from {} and should come from {}",
                point(is),
                point(Some(should))
            )),
        }
    })
}

fn apart(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).abs().max((a[1] - b[1]).abs())
}

/// A point of the square [−1, 1]² in words.
fn point(point: Option<[f64; 2]>) -> String {
    match point {
        Some([row, column]) => format!("[{row:.4}, {column:.4}] in half sides from the centre"),
        None => "nowhere".into(),
    }
}

/// One source for each cell, and each source once.
fn is_permutation(sampled: &SampledMap) -> bool {
    let taps = sampled.taps();
    let mut sources = taps.indices().to_vec();
    sources.sort_by(f32::total_cmp);
    taps.taps() == 1
        && taps.weights().iter().all(|&weight| weight == 1.0)
        && sources.len() == taps.columns()
        && sources.windows(2).all(|pair| pair[0] < pair[1])
}

fn apply(sampled: &SampledMap, source: &[f32]) -> Result<Vec<f32>, LawViolation> {
    let mut out = vec![0.0; sampled.to().cells()];
    sampled.apply(source, 1, &mut out)?;
    Ok(out)
}

/// Row and column of a cell.
fn place(grid: Grid, cell: usize) -> [usize; 2] {
    [cell / grid.columns, cell % grid.columns]
}

fn text(element: &impl Debug) -> String {
    format!("{element:?}")
}

/// The `number`-th element that a continuous group is tried on. Displacements are gentle waves.
fn drawn<A: GroupAction>(action: &A, number: u64) -> A::Element {
    let grid = Grid::new(28, 28);
    let wave = |cell: usize| {
        let [row, column] = grid.centre(cell);
        let phase = number as f64;
        [(phase + 2.0 * column).sin() as f32, (phase - 1.5 * row).cos() as f32]
    };
    let field = DisplacementField::new(grid, (0..grid.cells()).map(wave).collect(), vec![true; grid.cells()]);
    let sample = Sample { index: number, flow: field.ok().map(Flow::new) };
    action.sample(&mut Draw::new(&DrawKey::new(0, 0, "laws"), View::Second, 0, Some(&sample)))
}
