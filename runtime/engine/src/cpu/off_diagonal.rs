//! Squares off the diagonal of a matrix.

use super::call::Call;
use super::lanes;
use super::rows::{Rows, each_row};
use super::scratch::Scratch;

/// Their sum.
pub fn squares(call: &mut Call<'_>) {
    let rows = Rows::new(call.sources()[0]);
    let [output] = call.outputs();
    let mut sums = Scratch::take(rows.length());
    each_row(
        rows.length(),
        [(&mut *sums, 1)],
        #[inline(always)]
        |row, [sum]| {
            let (before, from_diagonal) = rows.row(row).split_at(row);
            let squares = |x: &[f32]| lanes::sum(x, |x| x * x);
            sum[0] = squares(before) + squares(&from_diagonal[1..]);
        },
    );
    output[0] = lanes::sum(&sums, |sum| sum);
}

/// The gradient: twice the matrix, with zeros on the diagonal.
pub fn gradient(call: &mut Call<'_>) {
    let rows = Rows::new(call.sources()[0]);
    let factor = 2.0 * call.input(1)[0];
    let [output] = call.outputs();
    let length = rows.length();
    each_row(
        length,
        [(output, length)],
        #[inline(always)]
        |row, [output]| {
            output.iter_mut().zip(rows.row(row)).for_each(|(y, &x)| *y = factor * x);
            output[row] = 0.0;
        },
    );
}
