//! Row-major `f64` arrays: what reference implementations read and write.

use crate::layout::Layout;
use crate::shape::Shape;

/// A row-major array of `f64`. Reference implementations work on it for its precision, not its speed.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Shape,
    data: Vec<f64>,
}

impl Array {
    /// An array from its elements in row-major order. The caller keeps `data.len() == shape.elements()`.
    pub fn new(shape: impl Into<Shape>, data: Vec<f64>) -> Array {
        let shape = shape.into();
        debug_assert_eq!(shape.elements(), data.len());
        Array { shape, data }
    }

    /// An array from `f32` elements.
    pub fn from_f32(shape: impl Into<Shape>, data: &[f32]) -> Array {
        Array::new(shape, data.iter().map(|&x| f64::from(x)).collect())
    }

    /// A scalar.
    pub fn scalar(value: f64) -> Array {
        Array::new(Shape::SCALAR, vec![value])
    }

    /// An array of one repeated value.
    pub fn full(shape: impl Into<Shape>, value: f64) -> Array {
        let shape = shape.into();
        Array { data: vec![value; shape.elements()], shape }
    }

    /// An array of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Array {
        Array::full(shape, 0.0)
    }

    /// Axis lengths.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The elements, to be changed.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The elements rounded to `f32`.
    pub fn to_f32(&self) -> Vec<f32> {
        self.data.iter().map(|&x| x as f32).collect()
    }

    /// The elements a layout over this array shows, copied into row-major order.
    pub fn gather(&self, layout: &Layout) -> Array {
        Array {
            shape: *layout.shape(),
            data: layout.positions().map(|position| self.data[position]).collect(),
        }
    }

    /// Applies a function to every element.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Array {
        Array { shape: self.shape, data: self.data.iter().map(|&x| f(x)).collect() }
    }

    /// Applies a function to every pair of elements of two arrays of one shape.
    pub fn zip(&self, other: &Array, f: impl Fn(f64, f64) -> f64) -> Array {
        Array { shape: self.shape, data: self.data.iter().zip(&other.data).map(|(&a, &b)| f(a, b)).collect() }
    }
}
