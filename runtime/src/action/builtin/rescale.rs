//! Grids of other sides, as SER draws them.

use std::ops::RangeInclusive;

use equilayer_grammar::actions;

use crate::action::{Draw, Grid, GridMap, GroupAction, Interpolation, Sampling, Validity};

/// The mismatch that bicubic resizing leaves, over the scales and aspects of SER.
const FLOOR: f64 = 0.05;

/// The same picture on a grid of about `scale` times as many cells, of the same aspect: `Rescale(0.7..=1.3)`. Bicubic.
#[derive(Clone, Debug, PartialEq)]
pub struct Rescale(pub RangeInclusive<f64>);

impl Rescale {
    /// With another aspect too: rows by columns, times a factor drawn from `aspect` uniformly in its logarithm.
    pub fn aspect(self, aspect: RangeInclusive<f64>) -> RescaleWithAspect {
        RescaleWithAspect { scale: self.0, aspect }
    }
}

/// [`Rescale`] with a range of aspects, as SER draws its grids (arXiv 2603.06693): of `cells` · s cells, s uniform in
/// `scale`, and of the aspect a, log-uniform in `aspect`; sides are rounded.
#[derive(Clone, Debug, PartialEq)]
pub struct RescaleWithAspect {
    scale: RangeInclusive<f64>,
    aspect: RangeInclusive<f64>,
}

/// An element of [`Rescale`]: what a grid's area and aspect are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resize {
    /// Factor of the number of cells.
    pub scale: f64,
    /// Factor of rows by columns.
    pub aspect: f64,
}

impl Resize {
    /// The grid itself.
    pub const IDENTITY: Resize = Resize { scale: 1.0, aspect: 1.0 };

    fn then(&self, next: &Resize) -> Resize {
        Resize { scale: self.scale * next.scale, aspect: self.aspect * next.aspect }
    }

    fn inverse(&self) -> Resize {
        Resize { scale: 1.0 / self.scale, aspect: 1.0 / self.aspect }
    }

    /// The grid of these proportions, at least one cell; the aspect counts from the grid's own.
    fn grid(&self, from: Grid) -> Grid {
        let side = |side: usize, square: f64| ((side as f64 * square.sqrt()).round() as usize).max(1);
        Grid::new(side(from.rows, self.scale * self.aspect), side(from.columns, self.scale / self.aspect))
    }
}

/// What the two have in common: all but what they draw and how they are declared.
macro_rules! resizing {
    () => {
        type Element = Resize;

        fn name(&self) -> &str {
            "Rescale"
        }

        fn identity(&self) -> Resize {
            Resize::IDENTITY
        }

        fn compose(&self, a: &Resize, b: &Resize) -> Resize {
            b.then(a)
        }

        fn inverse(&self, element: &Resize) -> Option<Resize> {
            Some(element.inverse())
        }

        fn map(&self, element: &Resize, from: Grid) -> GridMap {
            GridMap::rescale(from, element.grid(from))
        }

        fn sampling(&self) -> Sampling {
            Sampling::Interpolated { interpolation: Interpolation::Bicubic, floor: FLOOR }
        }

        fn validity(&self) -> Validity {
            Validity::Everywhere
        }
    };
}

impl GroupAction for Rescale {
    resizing!();

    fn sample(&self, draw: &mut Draw<'_>) -> Resize {
        Resize { scale: draw.uniform(self.0.clone()), ..Resize::IDENTITY }
    }

    fn parameters(&self) -> Vec<(&'static str, RangeInclusive<f64>)> {
        vec![("scale", self.0.clone())]
    }

    fn declaration(&self) -> String {
        format!("Rescale({:?})", self.0)
    }

    fn check(&self) -> Result<(), String> {
        actions::range("scale", &self.0, Some(0.0))
    }
}

impl GroupAction for RescaleWithAspect {
    resizing!();

    fn sample(&self, draw: &mut Draw<'_>) -> Resize {
        let scale = draw.uniform(self.scale.clone());
        Resize { scale, aspect: draw.log_uniform(self.aspect.clone()) }
    }

    fn parameters(&self) -> Vec<(&'static str, RangeInclusive<f64>)> {
        vec![("scale", self.scale.clone()), ("aspect", self.aspect.clone())]
    }

    fn declaration(&self) -> String {
        format!("Rescale({:?}).aspect({:?})", self.scale, self.aspect)
    }

    fn check(&self) -> Result<(), String> {
        actions::range("scale", &self.scale, Some(0.0))?;
        actions::range("aspect", &self.aspect, Some(0.0))
    }
}

crate::group_action_operators!(Rescale);
crate::group_action_operators!(RescaleWithAspect);
