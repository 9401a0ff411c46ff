//! What a luminal tracker shows of a buffer, in numbers and as views of ours.

use luminal::prelude::ShapeTracker;
use luminal::prelude::symbolic::Expression;
use rustc_hash::FxHashMap;

use crate::shape::{MAX_ELEMENTS, Shape};
use crate::tensor::Tensor;

/// A tracker whose dimensions are all known.
pub struct Reading {
    /// In the order in which the buffer has them.
    axes: Vec<Axis>,
    /// The order in which they are shown.
    order: Vec<usize>,
}

/// An axis of a buffer and what of it is shown.
struct Axis {
    length: usize,
    /// Not in the buffer: one element shown `length` times.
    repeated: bool,
    before: usize,
    after: usize,
    start: usize,
    /// As far as the axis goes if it is larger than that.
    end: usize,
}

impl Reading {
    /// Reads a tracker.
    pub fn of(tracker: &ShapeTracker, lengths: &FxHashMap<char, usize>) -> Result<Reading, String> {
        let axis = |axis: usize| -> Result<Axis, String> {
            let (before, after) = &tracker.padding[axis];
            let (start, end) = &tracker.slices[axis];
            Ok(Axis {
                length: length(&tracker.dims[axis], lengths)?,
                repeated: tracker.fake[axis],
                before: length(before, lengths)?,
                after: length(after, lengths)?,
                start: length(start, lengths)?,
                end: length(end, lengths)?,
            })
        };
        let axes: Vec<Axis> = (0..tracker.len()).map(axis).collect::<Result<_, _>>()?;
        for axis in &axes {
            if axis.before + axis.after > 0 && (axis.start > 0 || axis.end < axis.padded()) {
                return Err(
                    "one axis is both padded and sliced, which luminal misreads; call `contiguous` between"
                        .into(),
                );
            }
            if axis.shown() == 0 {
                return Err("an empty tensor, which luminal takes for one element".into());
            }
        }
        Ok(Reading { axes, order: tracker.indexes.iter().copied().collect() })
    }

    /// The shape it shows.
    pub fn shape(&self) -> Shape {
        Shape::from(self.order.iter().map(|&axis| self.axes[axis].shown()).collect::<Vec<_>>())
    }

    /// The shape of the buffer it reads: all axes that are not repeated.
    pub fn stored(&self) -> Shape {
        let stored = self.axes.iter().filter(|axis| !axis.repeated);
        Shape::from(stored.map(|axis| axis.length).collect::<Vec<_>>())
    }

    /// Shows a buffer. luminal looks at no more than the tracker says, however long the buffer is.
    pub fn show(&self, buffer: &Tensor) -> Result<Tensor, String> {
        let (held, read) = (buffer.shape().elements(), self.stored().elements());
        if held < read {
            return Err(format!("a buffer of {held} elements is read as {}", self.stored()));
        }
        let read = if held > read { buffer.reshape([held]).slice(0, 0, read) } else { buffer.clone() };
        let physical: Vec<usize> =
            self.axes.iter().map(|axis| if axis.repeated { 1 } else { axis.length }).collect();
        let mut shown = read.reshape(physical);
        for (index, axis) in self.axes.iter().enumerate().filter(|(_, axis)| !axis.repeated) {
            let kept = axis.end.min(axis.length) - axis.start;
            shown =
                shown.slice(index as isize, axis.start, kept).pad(index as isize, axis.before, axis.after);
        }
        let repeated: Vec<usize> = self.axes.iter().map(Axis::shown).collect();
        let in_place = self.order.iter().copied().eq(0..self.axes.len());
        let expanded = shown.expand(repeated);
        Ok(if in_place { expanded } else { expanded.permute(&self.order) })
    }

    /// Refuses what luminal's reductions misread: they take the length of a sliced axis from another formula than
    /// its indices.
    pub fn check_reduction(&self) -> Result<(), String> {
        let taken = |axis: &Axis| (axis.padded().saturating_sub(axis.start)).min(axis.end);
        match self.axes.iter().all(|axis| taken(axis) == axis.shown()) {
            true => Ok(()),
            false => {
                Err("luminal misreads the reduction of an axis sliced at both ends; call `contiguous` before"
                    .into())
            }
        }
    }
}

impl Axis {
    fn padded(&self) -> usize {
        self.length + self.before + self.after
    }

    /// How many elements are shown.
    fn shown(&self) -> usize {
        self.padded().min(self.end).saturating_sub(self.start)
    }
}

/// The value of a dimension.
pub fn length(dimension: &Expression, lengths: &FxHashMap<char, usize>) -> Result<usize, String> {
    match dimension.exec(lengths) {
        // luminal computes in `i32`; what fell below zero comes back as a huge number.
        Some(length) if length <= MAX_ELEMENTS => Ok(length),
        Some(_) => Err(format!("dimension {dimension:?} is negative")),
        None => Err(format!(
            "dimension {dimension:?} has no length; set it with `set_dyn_dim`, or `realize` the tensor"
        )),
    }
}
