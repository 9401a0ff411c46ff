//! The kernel beside the definition of a product.

use super::*;

fn noise(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
}

fn element(matrix: &Matrix, row: usize, column: usize) -> f64 {
    f64::from(matrix.data()[row * matrix.row_stride() + column * matrix.col_stride()])
}

fn check(a: Matrix, b: Matrix, strips: &Strips) {
    const C_STRIDE: usize = 80;
    let mut c = vec![9.0; a.rows() * C_STRIDE];
    let left = Strided {
        start: a.data().as_ptr(),
        row_stride: a.row_stride() as isize,
        col_stride: a.col_stride() as isize,
    };
    // SAFETY: all hold as many rows as are asked for.
    unsafe { strips.multiply(a.rows(), 0..2, left, (c.as_mut_ptr(), C_STRIDE)) };
    for (i, row) in c.chunks(C_STRIDE).enumerate() {
        for (j, &found) in row[..2 * STRIP].iter().enumerate() {
            let sum: f64 = (0..a.cols()).map(|l| element(&a, i, l) * element(&b, l, j)).sum();
            let tolerance = 1e-6 * a.cols() as f64;
            assert!((f64::from(found) - sum).abs() < tolerance, "{i}, {j}: {found}, not {sum}");
        }
        assert!(row[2 * STRIP..].iter().all(|&x| x == 9.0));
    }
}

#[test]
fn matches_the_definition_for_every_number_of_rows_and_way_to_lie() {
    let depth = DEPTH + 7;
    let b = noise(depth * 2 * STRIP, 2);
    let row_major = Matrix::row_major(&b, depth, 2 * STRIP);
    for rows in [1, 3, 4, 5, 11, 12, 13, 29] {
        let a = noise(rows * depth, 1);
        for a in [Matrix::row_major(&a, rows, depth), Matrix::row_major(&a, depth, rows).t()] {
            for b in [row_major, Matrix::row_major(&b, 2 * STRIP, depth).t()] {
                // Nothing on machines without the instructions.
                let Some(packed) = Strips::pack(b) else { return };
                check(a, b, &packed);
            }
            // SAFETY: the operand lives on.
            let in_place = unsafe { Strips::in_place(row_major) };
            check(a, row_major, &in_place.expect("the columns are neighbours"));
        }
    }
}

#[test]
fn small_products_are_scaled_and_added() {
    let (rows, depth, columns) = (17, DEPTH + 3, 3 * LANES);
    let (a, b) = (noise(rows * depth, 1), noise(depth * columns, 2));
    let mut c = vec![0.5; rows * columns];
    let strided = |data: &[f32], columns: usize| Strided {
        start: data.as_ptr(),
        row_stride: columns as isize,
        col_stride: 1,
    };
    let product = Product {
        sizes: [rows, depth, columns],
        c: Strided { start: c.as_mut_ptr(), row_stride: columns as isize, col_stride: 1 },
        accumulate: true,
        factor: 0.25,
        a: strided(&a, depth),
        b: strided(&b, columns),
    };
    // SAFETY: all three are as large as the sizes say.
    if !unsafe { multiply_small(&product) } {
        assert!(!has_instructions());
        return;
    }
    let (a, b) = (Matrix::row_major(&a, rows, depth), Matrix::row_major(&b, depth, columns));
    for (place, &found) in c.iter().enumerate() {
        let (i, j) = (place / columns, place % columns);
        let sum: f64 = (0..depth).map(|l| element(&a, i, l) * element(&b, l, j)).sum();
        assert!((f64::from(found) - 0.5 - 0.25 * sum).abs() < 1e-6 * depth as f64, "{i}, {j}: {found}");
    }
}

#[test]
fn other_widths_are_left_to_others() {
    assert!(Strips::pack(Matrix::row_major(&noise(3 * 40, 1), 3, 40)).is_none());
}
