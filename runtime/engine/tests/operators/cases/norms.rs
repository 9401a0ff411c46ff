//! Softmax and its kin, norms: rows of odd lengths, other axes, views, single elements, empty batches.

use equilayer_engine::Tensor;

use super::{Case, Domain, fed};

/// Shapes with rows of one element, of odd lengths, of many; few rows, many, none.
const SHAPES: [&[usize]; 9] =
    [&[1], &[5], &[3, 1], &[2, 33], &[0, 4], &[3, 5, 7], &[700, 19], &[2, 20_000], &[2, 1, 3, 2, 2, 65]];

/// Where a few numbers cancel, errors are relative to what cancelled.
const CANCELS: &str = "errors of the normalised values are multiplied by 1/σ";

pub fn cases() -> Vec<Case> {
    [softmaxes(), layer_norms(), l2_norms(), batch_norms()].into_iter().flatten().collect()
}

type AlongAxis = fn(&Tensor, isize) -> Tensor;

fn softmaxes() -> Vec<Case> {
    let functions: [(&str, AlongAxis); 3] = [
        ("softmax", Tensor::softmax),
        ("log_softmax", Tensor::log_softmax),
        ("log_sum_exp", Tensor::log_sum_exp),
    ];
    let mut cases = Vec::new();
    for (name, function) in functions {
        for shape in SHAPES {
            cases.push(Case::new(format!("{name} {shape:?}"), vec![fed(shape)], move |_, x| {
                vec![function(&x[0], -1)]
            }));
        }
        for axis in [-3, 0, 1, 2] {
            cases.push(Case::new(format!("{name} over {axis}"), vec![fed([3, 6, 4])], move |_, x| {
                vec![function(&x[0], axis), function(&x[0].permute(&[2, 0, 1]).slice(1, 1, 2), axis)]
            }));
        }
        cases.push(
            Case::new(format!("{name} of a shifted row"), vec![fed([4, 9])], move |graph, x| {
                vec![function(&(&x[0] + graph.scalar(200.0)), -1)]
            })
            .within(3e-5, "200 + x is rounded to 2^-16 before the function sees it"),
        );
        let masked = move |_: &equilayer_engine::Graph, x: &[Tensor]| vec![function(&masked(x), -1)];
        cases.push(
            Case::new(format!("{name} with −∞"), vec![fed([6, 7]), fed([6, 7]).of(Domain::Mask)], masked)
                .values_only()
                .not_interpreted(PRODUCTS),
        );
        cases.push(
            Case::new(format!("{name} of −∞ alone"), vec![fed([3, 7])], move |graph, x| {
                vec![function(&(&x[0] - graph.scalar(f32::INFINITY)), -1)]
            })
            .values_only()
            .not_interpreted(PRODUCTS),
        );
    }
    let inputs = vec![fed([6, 7]), fed([6, 7]).of(Domain::Mask)];
    let gradient =
        Case::new("gradient of log_sum_exp with −∞", inputs, |_, x| vec![masked(x).log_sum_exp(-1)]);
    cases.push(gradient.not_interpreted(PRODUCTS));
    cases
}

const PRODUCTS: &str = "choices are written out as products, and 0 · ∞ is no number";

/// The first with −∞ where the second is 1, but for the first element of a row.
fn masked(x: &[Tensor]) -> Tensor {
    let infinite = x[0].graph().scalar(f32::NEG_INFINITY);
    let first = x[0].graph().constant([7], vec![0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    (&x[1] * first).choose(&infinite, &x[0])
}

fn layer_norms() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        let width = shape[shape.len() - 1];
        // A row of one element is normalised to 0, whatever it is, with a scale of 1/√ε.
        let epsilon = if width == 1 { 1e-2 } else { 1e-6 };
        let plain = Case::new(format!("layer_norm {shape:?}"), vec![fed(shape)], move |_, x| {
            vec![x[0].layer_norm(None, None, epsilon)]
        });
        cases.push(plain.within(1e-5, CANCELS));
        let affine = Case::new(
            format!("layer_norm, affine {shape:?}"),
            vec![fed(shape), fed([width]), fed([width])],
            move |_, x| vec![x[0].layer_norm(Some(&x[1]), Some(&x[2]), epsilon)],
        );
        cases.push(affine.within(1e-5, CANCELS));
    }
    cases.push(
        Case::new("layer_norm of views", vec![fed([5, 6, 8]), fed([5]), fed([8])], |_, x| {
            let turned = x[0].permute(&[1, 2, 0]).layer_norm(Some(&x[1]), None, 1e-6);
            vec![turned, x[0].slice(1, 1, 3).layer_norm(None, Some(&x[2]), 1e-6)]
        })
        .within(1e-5, CANCELS),
    );
    cases.push(
        Case::new("layer_norm far from 0", vec![fed([7, 40])], |_, x| {
            vec![(&x[0] + 100.0).layer_norm(None, None, 1e-6)]
        })
        .within(1e-5, "100 + x is rounded to 2^-17 before the norm sees it"),
    );
    cases
}

fn l2_norms() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        let case = move |_: &equilayer_engine::Graph, x: &[Tensor]| vec![x[0].l2_normalize(1e-12)];
        cases.push(Case::new(format!("l2_normalize {shape:?}"), vec![fed(shape)], case));
    }
    cases.push(Case::new("l2_normalize of short rows", vec![fed([4, 3])], |_, x| {
        vec![x[0].l2_normalize(100.0)]
    }));
    cases.push(Case::new("l2_normalize of a permuted slice", vec![fed([4, 6, 5])], |_, x| {
        vec![x[0].slice(1, 2, 3).permute(&[2, 0, 1]).l2_normalize(1e-12)]
    }));
    cases
}

fn batch_norms() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [&[usize]; 9] = [
        &[2, 1],
        &[7, 5],
        &[300, 17],
        &[3, 0],
        &[4, 300],
        &[1, 3, 2, 2],
        &[2, 3, 5, 7],
        &[140, 2, 3],
        &[2, 3, 1, 2, 1, 2],
    ];
    for shape in shapes {
        let plain = Case::new(format!("batch_norm {shape:?}"), vec![fed(shape)], |_, x| {
            vec![x[0].batch_norm_training(None, None, 1e-5).output]
        });
        cases.push(plain.within(1e-5, CANCELS));
        let channels = shape[1];
        let affine = Case::new(
            format!("batch_norm, affine {shape:?}"),
            vec![fed(shape), fed([channels]), fed([channels])],
            |_, x| {
                let batch = x[0].batch_norm_training(Some(&x[1]), Some(&x[2]), 1e-5);
                vec![batch.output, batch.mean, batch.variance]
            },
        );
        cases.push(affine.within(1e-5, CANCELS));
    }
    cases.push(Case::new("statistics of batch_norm", vec![fed([6, 3, 2])], |_, x| {
        let batch = x[0].batch_norm_training(None, None, 1e-5);
        vec![batch.mean, batch.variance]
    }));
    cases.push(
        Case::new("batch_norm of a permuted slice", vec![fed([4, 6, 5]), fed([4])], |_, x| {
            let turned = x[0].slice(1, 1, 4).permute(&[1, 0, 2]);
            vec![turned.batch_norm_training(Some(&x[1]), None, 1e-5).output]
        })
        .within(1e-5, CANCELS),
    );
    let given = vec![fed([4, 3, 2]), fed([3]), fed([3]).of(Domain::Positive), fed([3]), fed([3])];
    cases.push(Case::new("batch_norm with given statistics", given, |_, x| {
        let affine = x[0].batch_norm(&x[1], &x[2], Some(&x[3]), Some(&x[4]), 1e-5);
        vec![affine, x[0].batch_norm(&x[1], &x[2], None, None, 1e-5)]
    }));
    cases
}
