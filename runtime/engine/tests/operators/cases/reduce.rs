//! Sums, maxima, means, variances over any axes.

use super::{Case, Domain, fed};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [(&[usize], &[isize]); 12] = [
        (&[5], &[0]),
        (&[1, 1], &[1]),
        (&[3, 4, 5], &[1]),
        (&[3, 4, 5], &[0, 2]),
        (&[3, 4, 5], &[-1]),
        (&[2, 3, 2, 3, 2, 2], &[1, 2, 5]),
        (&[0, 4], &[1]),
        (&[700, 40], &[0]),
        (&[300, 3, 300], &[1]),
        (&[40_000], &[0]),
        (&[3, 20_000], &[1]),
        (&[2, 600, 300], &[0, 1]),
    ];
    for (shape, axes) in shapes {
        cases.push(Case::new(format!("sum {shape:?} over {axes:?}"), vec![fed(shape)], move |_, x| {
            vec![x[0].sum(axes)]
        }));
        let max = move |_: &equilayer_engine::Graph, x: &[equilayer_engine::Tensor]| vec![x[0].max(axes)];
        cases.push(Case::new(format!("max {shape:?} over {axes:?}"), vec![fed(shape)], max));
    }
    cases.push(
        Case::new("maximum with ties", vec![fed([4, 30]).of(Domain::Apart)], |_, x| vec![x[0].max(&[1])])
            .values_only(),
    );
    cases.push(Case::new("sum over an empty axis", vec![fed([3, 0])], |_, x| vec![x[0].sum(&[1])]));
    cases.push(Case::new("mean", vec![fed([6, 7])], |_, x| vec![x[0].mean(&[0]), x[0].mean_all()]));
    cases.push(Case::new("variance", vec![fed([6, 7])], |_, x| {
        vec![x[0].variance(&[1], 0), x[0].variance(&[0], 1)]
    }));
    cases.push(Case::new("sum of a permuted slice", vec![fed([4, 5, 6])], |_, x| {
        vec![x[0].slice(2, 1, 4).permute(&[2, 0, 1]).sum(&[0, 2]), x[0].transpose(0, 1).sum(&[1])]
    }));
    cases.push(Case::new("sum of a broadcast tensor", vec![fed([3, 1])], |_, x| {
        vec![x[0].expand([3, 5]).sum(&[0])]
    }));
    cases
}
