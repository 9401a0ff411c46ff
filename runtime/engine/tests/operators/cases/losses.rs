//! Losses, decorrelation, weight norm.

use super::{Case, Domain, fed};

pub fn cases() -> Vec<Case> {
    [cross_entropies(), elementwise(), moments()].into_iter().flatten().collect()
}

fn cross_entropies() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [&[usize]; 7] = [&[4], &[3, 1], &[5, 7], &[0, 4], &[2, 3, 33], &[600, 10], &[2, 9_000]];
    for shape in shapes {
        let (rows, classes) = (&shape[..shape.len() - 1], shape[shape.len() - 1]);
        let operands = vec![fed(shape), fed(rows).of(Domain::Index(classes))];
        cases.push(Case::new(format!("cross_entropy_rows {shape:?}"), operands, |_, x| {
            vec![x[0].cross_entropy_rows(&x[1])]
        }));
        let operands = vec![fed(shape), fed(shape).of(Domain::Unit)];
        cases.push(Case::new(format!("soft_cross_entropy_rows {shape:?}"), operands, move |_, x| {
            vec![x[0].soft_cross_entropy_rows(&(&x[1] * (1.0 / classes as f32)))]
        }));
    }
    let means = vec![fed([6, 5]), fed([6]).of(Domain::Index(5)), fed([6, 5]).of(Domain::Unit)];
    cases.push(Case::new("cross_entropy and soft_cross_entropy", means, |_, x| {
        vec![x[0].cross_entropy(&x[1]), x[0].soft_cross_entropy(&x[2])]
    }));
    let views = vec![fed([5, 4, 6]), fed([3, 6]).of(Domain::Index(5)), fed([6, 3, 5]).of(Domain::Unit)];
    cases.push(Case::new("cross entropies of permuted slices", views, |_, x| {
        let logits = x[0].slice(1, 1, 3).permute(&[1, 2, 0]);
        vec![logits.cross_entropy_rows(&x[1]), logits.soft_cross_entropy_rows(&x[2].transpose(0, 1))]
    }));
    let outside = vec![fed([9, 3]), fed([9]).of(Domain::Index(6))];
    cases.push(
        Case::new("cross_entropy with targets that are no classes", outside, |_, x| {
            vec![
                x[0].cross_entropy_rows(&x[1]),
                x[0].cross_entropy_rows(&(&x[1] - 0.5)),
                x[0].cross_entropy_rows(&-&x[1]),
            ]
        })
        .values_only()
        .not_interpreted("choices are written out as products, and 0 · NaN is no number"),
    );
    cases
}

fn elementwise() -> Vec<Case> {
    let pair = |domain| vec![fed([7, 5]), fed([7, 5]).of(domain)];
    vec![
        Case::new("mse_loss", pair(Domain::Any), |_, x| vec![x[0].mse_loss(&x[1])]),
        Case::new("binary_cross_entropy_with_logits", pair(Domain::Unit), |_, x| {
            vec![x[0].binary_cross_entropy_with_logits(&x[1])]
        }),
        Case::new("binary_cross_entropy_with_large_logits", pair(Domain::Mask), |_, x| {
            vec![(&x[0] * 60.0).binary_cross_entropy_with_logits(&x[1])]
        }),
    ]
}

fn moments() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [1, 2, 33, 130] {
        cases.push(Case::new(format!("off_diagonal_squares of {size}"), vec![fed([size, size])], |_, x| {
            vec![x[0].off_diagonal_squares()]
        }));
    }
    cases.push(Case::new("off_diagonal_squares of nothing", vec![fed([0, 0])], |_, x| {
        vec![x[0].off_diagonal_squares()]
    }));
    cases.push(Case::new("off_diagonal_squares of views", vec![fed([6, 9])], |_, x| {
        vec![
            x[0].slice(1, 2, 6).off_diagonal_squares(),
            x[0].slice(1, 0, 6).transpose(0, 1).off_diagonal_squares(),
        ]
    }));
    cases.push(Case::new("covariance", vec![fed([9, 4])], |_, x| {
        let covariance = x[0].covariance();
        vec![covariance.off_diagonal_squares(), covariance]
    }));
    cases.push(Case::new("cross_correlation", vec![fed([7, 4]), fed([7, 3])], |_, x| {
        vec![x[0].cross_correlation(&x[1])]
    }));
    cases.push(Case::new("weight_norm", vec![fed([5, 3]), fed([3]), fed([5])], |_, x| {
        vec![x[0].weight_norm(&x[1], 1), x[0].weight_norm(&x[2], -2)]
    }));
    cases
}
