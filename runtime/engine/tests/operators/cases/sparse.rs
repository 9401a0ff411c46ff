//! Index-select, scatter-add, sparse maps: repeated, missing and impossible indices, maps shared and a sample's own.

use equilayer_engine::Taps;

use super::{Case, Domain, Fed, fed};

fn index(shape: &[usize], below: usize) -> Fed {
    fed(shape).of(Domain::Index(below))
}

pub fn cases() -> Vec<Case> {
    [select_cases(), scatter_cases(), map_cases()].into_iter().flatten().collect()
}

fn select_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [(&[usize], isize, &[usize]); 8] = [
        (&[7], 0, &[4]),
        (&[5, 3], 0, &[2, 9]),
        (&[5, 3], 1, &[4]),
        (&[2, 6, 5], 1, &[]),
        (&[2, 1, 3, 2], -2, &[1, 2]),
        (&[300, 70], 0, &[150]),
        (&[0, 6, 2], 1, &[3]),
        (&[4, 6], 0, &[0]),
    ];
    for (shape, axis, indices) in shapes {
        let length = shape[(axis + if axis < 0 { shape.len() as isize } else { 0 }) as usize];
        let inputs = vec![fed(shape), index(indices, length)];
        let name = format!("index_select {shape:?} along {axis} by {indices:?}");
        cases.push(Case::new(name, inputs, move |_, x| vec![x[0].index_select(axis, &x[1])]));
    }
    cases.push(Case::new("embedding", vec![fed([6, 4]), index(&[3, 5], 6)], |_, x| {
        vec![x[0].gather_rows(&x[1])]
    }));
    cases.push(Case::new(
        "index_select of a permuted slice",
        vec![fed([4, 6, 3]), index(&[5, 2], 4)],
        |_, x| vec![x[0].slice(1, 1, 4).permute(&[2, 1, 0]).index_select(1, &x[1].transpose(0, 1))],
    ));
    let outside = vec![fed([3, 4]), index(&[20], 5), fed([4]).constant()];
    cases.push(
        Case::new("index_select outside the axis", outside, |_, x| {
            let negative = x[1].slice(0, 0, 5) - 2.0;
            vec![x[0].gather_rows(&x[1]), x[0].gather_rows(&negative), x[0].gather_rows(&x[2])]
        })
        .values_only(),
    );
    cases
}

fn scatter_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [(&[usize], isize, &[usize], usize); 7] = [
        (&[9], 0, &[9], 4),
        (&[2, 9, 3], 0, &[2, 9], 5),
        (&[4, 6], 1, &[6], 3),
        (&[2, 5, 3], 1, &[], 4),
        (&[400, 33], 0, &[400], 90),
        (&[0, 3], 0, &[0], 2),
        (&[3, 0, 2], 0, &[3], 2),
    ];
    for (shape, axis, indices, length) in shapes {
        let inputs = vec![fed(shape), index(indices, length)];
        let name = format!("scatter_add {shape:?} along {axis} by {indices:?} into {length}");
        cases.push(Case::new(name, inputs, move |_, x| vec![x[0].scatter_add(axis, &x[1], length)]));
    }
    cases.push(Case::new("scatter_add of a permuted slice", vec![fed([4, 6]), index(&[5], 7)], |_, x| {
        vec![x[0].slice(1, 1, 5).transpose(0, 1).scatter_add(0, &x[1], 7)]
    }));
    cases.push(
        Case::new("scatter_add outside the axis", vec![fed([20, 3]), index(&[20], 6)], |_, x| {
            vec![x[0].scatter_add(0, &(&x[1] - 1.0), 4)]
        })
        .values_only(),
    );
    cases
}

fn map_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [(&[usize], isize, &[usize]); 8] = [
        (&[6], 0, &[4, 2]),
        (&[2, 9, 5], 1, &[7, 3]),
        (&[3, 4, 6], -1, &[5, 4]),
        (&[3, 9, 33], 1, &[3, 7, 2]),
        (&[3, 2, 6], 2, &[3, 8, 3]),
        (&[2, 70, 65], 1, &[60, 4]),
        (&[0, 4, 3], 1, &[0, 2, 2]),
        (&[2, 4, 3], 1, &[5, 0]),
    ];
    for (shape, axis, taps) in shapes {
        let length = shape[(axis + if axis < 0 { shape.len() as isize } else { 0 }) as usize];
        let inputs = vec![fed(shape), index(taps, length), fed(taps)];
        let name = format!("sparse_map {shape:?} along {axis} by {taps:?}");
        cases.push(Case::new(name, inputs, move |_, x| vec![x[0].sparse_map(axis, &x[1], &x[2])]));
    }
    cases.push(Case::new("map_axis, a row empty and one of three", vec![fed([2, 4, 3])], |_, x| {
        let entries = [(0, 3, 0.5), (2, 1, -1.0), (2, 0, 2.0), (2, 1, 0.25)];
        let taps = Taps::new(3, 4, &entries).expect("entries lie in the matrix");
        vec![x[0].map_axis(1, &taps), x[0].transpose(1, 2).map_axis(-1, &taps)]
    }));
    cases.push(Case::new("second derivative of sparse_map", second_order(), |_, x| {
        let mapped = x[0].sparse_map(1, &x[1], &x[2]);
        let loss = (mapped.square() * 0.5).sum_all();
        loss.graph().gradients(&loss, &[x[0].clone(), x[2].clone()]).expect("both are in the loss")
    }));
    let outside = vec![fed([2, 3, 2]), index(&[6, 2], 5), fed([6, 2])];
    cases.push(
        Case::new("sparse_map outside the axis", outside, |_, x| {
            let mapped = x[0].sparse_map(1, &x[1], &x[2]);
            let padded = x[0].sparse_map(1, &x[1], &(&x[2] * 0.0));
            vec![mapped, padded]
        })
        .values_only()
        .not_interpreted("a product with a one-hot matrix spreads NaN over rows that have none"),
    );
    cases
}

fn second_order() -> Vec<Fed> {
    vec![fed([2, 5, 3]), index(&[2, 4, 3], 5), fed([2, 4, 3])]
}
