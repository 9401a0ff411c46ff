//! Computed values against a file's.

use std::collections::BTreeMap;

use serde::Serialize;

use super::file::{ParityError, ParityFile, Values};

/// How far a value may be from the file's: |a − b| ≤ absolute + relative · |b|, where b is the file's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// In units of the file's value.
    pub relative: f64,
    /// Whatever the file's value.
    pub absolute: f64,
}

impl Default for Tolerance {
    fn default() -> Tolerance {
        Tolerance { relative: 1e-4, absolute: 1e-5 }
    }
}

/// A tensor that is not the file's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The tensor: `out.NAME` or `grad.NAME`.
    pub tensor: String,
    /// How many of its elements differ.
    pub elements: usize,
    /// Of how many.
    pub of: usize,
    /// Index of the element that is furthest from what is allowed.
    pub worst: Vec<usize>,
    /// What comes out there.
    pub computed: f32,
    /// What the file has there.
    pub expected: f32,
}

/// The largest difference of any element, and the tensors that differ by more than is allowed.
pub(super) fn compare(
    file: &ParityFile,
    computed: &BTreeMap<String, Values>,
    tolerance: Tolerance,
) -> Result<(f64, Vec<Difference>), ParityError> {
    let (mut largest, mut differences) = (0.0_f64, Vec::new());
    for prefix in ["out.", "grad."] {
        for (name, expected) in file.with_prefix(prefix) {
            let name = format!("{prefix}{name}");
            let Some(found) = computed.get(&name) else {
                return Err(ParityError::Surplus { name, known: computed.keys().cloned().collect() });
            };
            if found.shape != expected.shape {
                let (found, expected) = (expected.shape.clone(), found.shape.clone());
                return Err(ParityError::Shape { name, found, expected });
            }
            let (difference, element) = difference(name, found, expected, tolerance);
            largest = largest.max(difference);
            differences.extend(element);
        }
    }
    Ok((largest, differences))
}

fn difference(
    name: String,
    found: &Values,
    expected: &Values,
    tolerance: Tolerance,
) -> (f64, Option<Difference>) {
    let (mut largest, mut elements, mut worst, mut excess) = (0.0_f64, 0, 0, 1.0_f64);
    for (index, (&a, &b)) in found.data.iter().zip(&expected.data).enumerate() {
        let (a, b) = (f64::from(a), f64::from(b));
        // Equal infinities agree; anything with a NaN is infinitely far.
        let distance = if a == b { 0.0 } else { (a - b).abs() };
        let distance = if distance.is_nan() { f64::INFINITY } else { distance };
        largest = largest.max(distance);
        let allowed = tolerance.absolute + tolerance.relative * b.abs();
        if distance.is_finite() && distance <= allowed {
            continue;
        }
        elements += 1;
        let ratio = if distance.is_finite() { distance / allowed } else { f64::INFINITY };
        if elements == 1 || ratio > excess {
            (worst, excess) = (index, ratio);
        }
    }
    let difference = (elements > 0).then(|| Difference {
        tensor: name,
        elements,
        of: found.data.len(),
        worst: place(worst, &found.shape),
        computed: found.data[worst],
        expected: expected.data[worst],
    });
    (largest, difference)
}

/// The index along each axis.
fn place(mut element: usize, shape: &[usize]) -> Vec<usize> {
    let mut place: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&length| {
            let index = element % length;
            element /= length;
            index
        })
        .collect();
    place.reverse();
    place
}
