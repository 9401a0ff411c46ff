//! Rows scaled to unit length.

use super::call::Call;
use super::lanes;
use super::rows::{Rows, each_row};
use crate::ops::{L2Normalize, L2NormalizeGradient};

/// Unit rows and the norms they had.
pub fn run(normalize: &L2Normalize, call: &mut Call<'_>) {
    let rows = Rows::new(call.sources()[0]);
    let [output, norms] = call.outputs();
    let (length, epsilon) = (rows.length(), normalize.epsilon);
    each_row(
        length,
        [(output, length), (norms, 1)],
        #[inline(always)]
        |row, [output, norm_of_row]| {
            let x = rows.row(row);
            let norm = lanes::sum(x, |x| x * x).sqrt();
            norm_of_row[0] = norm;
            // Not `max`, which would lose a NaN.
            let scale = 1.0 / if norm < epsilon { epsilon } else { norm };
            output.iter_mut().zip(x).for_each(|(y, &x)| *y = x * scale);
        },
    );
}

/// The gradient, from the unit rows and the norms.
pub fn gradient(gradient: &L2NormalizeGradient, call: &mut Call<'_>) {
    let [y, arriving] = [0, 1].map(|input| Rows::new(call.sources()[input]));
    let norms = call.input(2);
    let [output] = call.outputs();
    let (length, epsilon) = (y.length(), gradient.epsilon);
    each_row(
        length,
        [(output, length)],
        #[inline(always)]
        |row, [output]| {
            let (y, arriving, norm) = (y.row(row), arriving.row(row), norms[row]);
            let [along] = lanes::sums([y, arriving], |[y, g]| [y * g]);
            let (along, divisor) = if norm < epsilon { (0.0, epsilon) } else { (along, norm) };
            let scale = 1.0 / divisor;
            for ((x, &y), &g) in output.iter_mut().zip(y).zip(arriving) {
                *x = (g - y * along) * scale;
            }
        },
    );
}
