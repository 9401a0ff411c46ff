//! Drawing: what a step's two views are transformed by.

use super::displacement::Flow;
use super::draw::{Draw, DrawKey, Sample, View};
use super::erased::{Action, Element, Factor};
use super::grid_map::{Grid, GridMap};
use super::product::Scope;
use super::relative::RelativeMaps;
use super::sampled::Interpolation;

/// Why an action cannot be drawn or used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ActionError {
    /// Parameters that make no sense.
    #[error("action {factor}: {detail}")]
    Parameters {
        /// The factor, as declared.
        factor: String,
        /// What is wrong, with what would be right.
        detail: String,
    },
    /// Samples of one view that end on different grids, which no tensor holds.
    #[error(
        "action {action}: {factor} gives the samples of one view different grids, {} and {} from one of {from}; \
         declare it .per_batch(), so that all samples share its element",
         .grids[0], .grids[1]
    )]
    GridsDiffer {
        /// The whole action, as declared.
        action: String,
        /// The factor at fault, as declared.
        factor: String,
        /// The grid it acts on.
        from: Grid,
        /// Two of the grids it makes.
        grids: [Grid; 2],
    },
    /// A complement asked of a group that is not of two elements.
    #[error(
        "action {0}: element {1} has no complement; only groups of two elements, listed by `elements`, do"
    )]
    NoComplement(String, String),
    /// A displacement asked of a sample that has none.
    #[error(
        "action {0}: sample {1} brings no displacement; this action needs data with a flow for each pair of frames"
    )]
    NoFlow(String, String),
    /// A view that cannot be undone.
    #[error(
        "action {0}: the {1} view of sample {2} cannot be undone, so nothing is known from there to the other; for a \
         displacement, give the flow back as well (`Flow::with_back`) or use the other direction"
    )]
    NotInvertible(String, View, usize),
    /// All elements asked of a group with endlessly many.
    #[error(
        "action {action}: {factor} is continuous; only finite groups have an orbit of all their elements"
    )]
    Endless {
        /// The whole action, as declared.
        action: String,
        /// The continuous factor, as declared.
        factor: String,
    },
    /// No samples.
    #[error("action {0}: no samples to draw for; at least one is needed")]
    NoSamples(String),
    /// A grid too large to be indexed.
    #[error(transparent)]
    Taps(#[from] equilayer_engine::TapsError),
}

/// What the two views of each sample are transformed by.
#[derive(Clone, Debug)]
pub struct PairDraw {
    pub(super) action: Action,
    views: [DrawnView; 2],
}

#[derive(Clone, Debug)]
struct DrawnView {
    grid: Grid,
    maps: Vec<GridMap>,
    labels: Vec<String>,
}

/// One of all the things an action can do to a picture.
#[derive(Clone, Debug)]
pub struct OrbitElement {
    /// The elements of the factors, as declared.
    pub label: String,
    /// What they do.
    pub map: GridMap,
}

/// How many draws [`Action::check`] tries, and of how many samples. Two elements that lay a grid out differently are
/// both drawn for some view, but for a chance of 2⁻⁸⁹⁶ where each is as likely as the other.
const TRIALS: (u64, u64) = (64, 8);

impl Action {
    /// Draws the elements of both views for each sample and maps them from the untransformed `grid` of tokens. The
    /// elements of a sample depend on the key and the sample's index alone.
    ///
    /// # Errors
    /// [`ActionError`], where [`Action::check`] does not rule it out.
    pub fn draw_pair(&self, grid: Grid, samples: &[Sample], key: &DrawKey) -> Result<PairDraw, ActionError> {
        let mut views = View::BOTH.map(|_| DrawnView {
            grid,
            maps: vec![GridMap::identity(grid); samples.len()],
            labels: vec![String::new(); samples.len()],
        });
        if samples.is_empty() {
            return Err(ActionError::NoSamples(self.to_string()));
        }
        for (index, factor) in self.factors().iter().enumerate().rev() {
            let elements = factor.draw(index, samples, key)?;
            for (view, elements) in views.iter_mut().zip(&elements) {
                self.act(factor, elements, view)?;
            }
        }
        Ok(PairDraw { action: self.clone(), views })
    }

    /// Carries a view on by one factor.
    fn act(&self, factor: &Factor, elements: &[Element], view: &mut DrawnView) -> Result<(), ActionError> {
        let from = view.grid;
        for (index, element) in elements.iter().enumerate() {
            let next = element.map(from);
            if index > 0 && next.to() != view.grid {
                let (action, factor) = (self.to_string(), factor.to_string());
                let grids = [view.grid, next.to()];
                return Err(ActionError::GridsDiffer { action, factor, from, grids });
            }
            view.grid = next.to();
            view.maps[index] = view.maps[index].followed_by(|_| next);
            view.labels[index] = label(factor, element, &view.labels[index]);
        }
        Ok(())
    }

    /// Whether the action makes sense on this grid of tokens: its parameters, its complements, and that all samples of a
    /// view end on one grid (tried out on draws of its own).
    ///
    /// # Errors
    /// The first of [`ActionError`] that applies.
    pub fn check(&self, grid: Grid) -> Result<(), ActionError> {
        for factor in self.factors() {
            let wrong = |detail| ActionError::Parameters { factor: factor.to_string(), detail };
            factor.group().check().map_err(wrong)?;
        }
        let samples: Vec<Sample> =
            (0..TRIALS.1).map(|index| Sample::new(index).with_flow(Flow::still())).collect();
        for step in 0..TRIALS.0 {
            self.draw_pair(grid, &samples, &DrawKey::new(0, step, "check"))?;
        }
        Ok(())
    }

    /// Whether its elements are made of a displacement that the sample brings along.
    pub fn asks_for_flow(&self) -> bool {
        let drawn = self.draw_pair(Grid::new(1, 1), &[Sample::new(0)], &DrawKey::new(0, 0, "check"));
        matches!(drawn, Err(ActionError::NoFlow(..)))
    }

    /// How many elements it has; nothing for one with a continuous factor.
    pub fn order(&self) -> Option<usize> {
        let lengths = self.factors().into_iter().map(|factor| factor.group().elements().len());
        lengths.into_iter().try_fold(1, |order, length| (length > 0).then_some(order * length))
    }

    /// Everything that a finite action can do to a picture on `grid`, each with a label: the elements of the first
    /// factor change slowest, and for `Rot90` the index is the number of turns.
    ///
    /// # Errors
    /// [`ActionError::Endless`] for a continuous factor.
    pub fn orbit(&self, grid: Grid) -> Result<Vec<OrbitElement>, ActionError> {
        let mut orbit = vec![OrbitElement { label: String::new(), map: GridMap::identity(grid) }];
        for factor in self.factors().iter().rev() {
            let elements = factor.group().elements();
            if elements.is_empty() {
                let (action, factor) = (self.to_string(), factor.to_string());
                return Err(ActionError::Endless { action, factor });
            }
            let moved = |element: &Element| {
                let carried_on = |image: &OrbitElement| OrbitElement {
                    label: label(factor, element, &image.label),
                    map: image.map.followed_by(|grid| element.map(grid)),
                };
                orbit.iter().map(carried_on).collect::<Vec<_>>()
            };
            orbit = elements.iter().flat_map(moved).collect();
        }
        Ok(orbit)
    }
}

/// `Rot90(1) * HFlip(true)`: the factor's element in front of what acts before it.
fn label(factor: &Factor, element: &Element, earlier: &str) -> String {
    let separator = if earlier.is_empty() { "" } else { " * " };
    format!("{}({}){separator}{earlier}", factor.name(), element.label())
}

impl Factor {
    /// The elements of each view's samples.
    fn draw(
        &self,
        index: usize,
        samples: &[Sample],
        key: &DrawKey,
    ) -> Result<[Vec<Element>; 2], ActionError> {
        let first = self.draw_view(View::First, index, samples, key)?;
        let second = match self.is_complementary() {
            false => self.draw_view(View::Second, index, samples, key)?,
            true => {
                let none = |element: &Element| ActionError::NoComplement(self.to_string(), element.label());
                let other = |element: &Element| element.complement().ok_or_else(|| none(element));
                first.iter().map(other).collect::<Result<_, _>>()?
            }
        };
        Ok([first, second])
    }

    fn draw_view(
        &self,
        view: View,
        index: usize,
        samples: &[Sample],
        key: &DrawKey,
    ) -> Result<Vec<Element>, ActionError> {
        let element = |sample: Option<&Sample>| {
            let mut draw = Draw::new(key, view, index, sample);
            let element = self.group().sample(&mut draw);
            let whose = || sample.map_or("(one for the batch)".into(), |sample| sample.index.to_string());
            match draw.missed_flow() {
                true => Err(ActionError::NoFlow(self.to_string(), whose())),
                false => Ok(element),
            }
        };
        match self.scope() {
            Scope::PerBatch => Ok(vec![element(None)?; samples.len()]),
            Scope::PerSample => samples.iter().map(|sample| element(Some(sample))).collect(),
        }
    }
}

impl PairDraw {
    /// The token grid of a view, the same for all its samples.
    pub fn grid(&self, view: View) -> Grid {
        self.views[view as usize].grid
    }

    /// What each sample of a view is transformed by, from the untransformed grid of tokens. Images are transformed by
    /// [`GridMap::refined`].
    pub fn maps(&self, view: View) -> &[GridMap] {
        &self.views[view as usize].maps
    }

    /// What was drawn for each sample of a view, in words.
    pub fn labels(&self, view: View) -> &[String] {
        &self.views[view as usize].labels
    }

    /// The same draw for token maps `factor` times as fine: those of an earlier stage of a convolutional network.
    pub fn refined(&self, factor: usize) -> PairDraw {
        let views = self.views.clone().map(|view| DrawnView {
            grid: view.grid.refined(factor),
            maps: view.maps.iter().map(|map| map.refined(factor)).collect(),
            labels: view.labels,
        });
        PairDraw { action: self.action.clone(), views }
    }

    /// How images and tokens are sampled.
    pub fn interpolation(&self) -> Interpolation {
        self.action.interpolation()
    }

    /// What takes each sample's tokens from one view to the other: the maps of both composed, then sampled once.
    ///
    /// # Errors
    /// A view that cannot be undone.
    pub fn relative(&self, from: View, to: View) -> Result<RelativeMaps, ActionError> {
        let pairs = self.maps(from).iter().zip(self.maps(to)).enumerate();
        let relative = |(sample, (first, second)): (usize, (&GridMap, &GridMap))| {
            let none = || ActionError::NotInvertible(self.action.to_string(), from, sample);
            first.relative_to(second).ok_or_else(none)
        };
        let maps = pairs.map(relative).collect::<Result<Vec<_>, _>>()?;
        RelativeMaps::new(&self.action, &maps)
    }
}
