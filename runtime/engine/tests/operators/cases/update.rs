//! Updates of parameters and teachers, and the norm they are clipped by.

use super::{Case, Domain, Fed, fed};

fn held(shape: &[usize], domain: Domain) -> Fed {
    fed(shape).of(domain).constant()
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [&[usize]; 6] = [&[], &[1], &[7, 5], &[0, 3], &[3, 2, 1, 2, 2, 3], &[70_001]];
    for shape in shapes {
        let any = |_| held(shape, Domain::Any);
        let adamw = vec![any(0), any(1), held(shape, Domain::Positive), any(3), held(&[], Domain::Any), held(&[6], Domain::Unit)];
        let case = Case::new(format!("adamw {shape:?}"), adamw, |_, x| {
            x[0].adamw([&x[1], &x[2]], &x[3], &x[4], &x[5]).to_vec()
        });
        cases.push(case.values_only());
        for nesterov in [false, true] {
            let sgd = vec![any(0), any(1), any(2), held(&[], Domain::Any), held(&[4], Domain::Unit)];
            let case = Case::new(format!("sgd {shape:?}, nesterov {nesterov}"), sgd, move |_, x| {
                x[0].sgd(&x[1], &x[2], &x[3], &x[4], nesterov).to_vec()
            });
            cases.push(case.values_only());
        }
        let lars = vec![any(0), any(1), any(2), held(&[], Domain::Any), held(&[5], Domain::Unit)];
        let case = Case::new(format!("lars {shape:?}"), lars, |_, x| x[0].lars(&x[1], &x[2], &x[3], &x[4]).to_vec());
        cases.push(case.values_only());
        let ema = vec![any(0), any(1), held(&[], Domain::Unit)];
        cases.push(Case::new(format!("ema {shape:?}"), ema, |_, x| vec![x[0].ema(&x[1], &x[2])]).values_only());
        cases.push(Case::new(format!("sum of squares {shape:?}"), vec![fed(shape)], |_, x| vec![x[0].sum_of_squares()]));
    }
    cases.extend(views());
    cases
}

/// Operands that are no whole buffers, and the ratio of norms where one is 0.
fn views() -> Vec<Case> {
    let operands = |coefficients: usize| {
        let views = [[4, 9], [4, 9], [9, 4]].map(|shape| held(&shape, Domain::Positive));
        views.into_iter().chain([held(&[1], Domain::Any), held(&[coefficients], Domain::Unit)]).collect::<Vec<Fed>>()
    };
    vec![
        Case::new("adamw of slices and a transpose", operands(6), |_, x| {
            let [p, m] = [&x[0], &x[1]].map(|x| x.slice(1, 2, 5));
            p.adamw([&m, &m.square()], &x[2].transpose(0, 1).slice(1, 1, 5), &x[3], &x[4]).to_vec()
        })
        .values_only(),
        Case::new("sgd of one tensor thrice", operands(4), |_, x| x[0].sgd(&x[0], &x[0], &x[3], &x[4], false).to_vec())
            .values_only(),
        Case::new("lars of a zero parameter", operands(5), |_, x| {
            (&x[0] * 0.0).lars(&x[1], &x[2].transpose(0, 1), &x[3], &x[4]).to_vec()
        })
        .values_only(),
        Case::new("lars without any gradient", operands(5), |_, x| {
            (&x[0] * 0.0).lars(&x[1], &(&x[1] * 0.0), &x[3], &x[4]).to_vec()
        })
        .values_only(),
        Case::new("ema of a broadcast student", vec![held(&[3, 5], Domain::Any), held(&[5], Domain::Any), held(&[1], Domain::Unit)], |_, x| {
            vec![x[0].ema(&x[1].expand([3, 5]), &x[2]), x[1].expand([3, 5]).ema(&x[0], &x[2])]
        })
        .values_only(),
        Case::new("sum of squares of a flipped slice", vec![fed([6, 5])], |_, x| vec![x[0].slice(0, 1, 3).flip(1).sum_of_squares()]),
    ]
}
