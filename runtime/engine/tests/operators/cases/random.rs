//! Draws, dropout, stochastic depth: the reference draws the same bits.

use equilayer_engine::{Graph, Randomness, Tensor};

use super::{Case, Domain, Fed, fed};

fn numbers(shape: &[usize]) -> Fed {
    fed(shape).of(Domain::Index(1 << 24))
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [(usize, &[usize]); 6] =
        [(3, &[]), (1, &[1]), (4, &[7, 3]), (0, &[5]), (2, &[0, 3]), (2, &[5, 41, 47])];
    for (batch, shape) in shapes {
        let name = format!("draws of {shape:?} for {batch}");
        let draws = move |graph: &Graph, x: &[Tensor]| {
            let randomness = Randomness::new(&x[0], &x[1]);
            let likely = randomness.bernoulli(&graph.scalar(0.3), 1, shape);
            vec![randomness.uniform(0, shape), randomness.normal(u32::MAX, shape), likely]
        };
        cases.push(Case::new(name, vec![numbers(&[2]), numbers(&[batch])], draws).values_only());
    }
    let batch = || vec![fed([6, 5, 3]), numbers(&[2]), numbers(&[6])];
    cases.push(Case::new("dropout", batch(), |_, x| {
        let randomness = Randomness::new(&x[1], &x[2]);
        vec![x[0].dropout(0.4, &randomness, 3), x[0].dropout(0.0, &randomness, 4)]
    }));
    cases.push(Case::new("drop_path", batch(), |_, x| {
        let randomness = Randomness::new(&x[1], &x[2].flip(0));
        vec![x[0].drop_path(0.5, &randomness, 5)]
    }));
    cases.push(
        Case::new("draws under impossible numbers", vec![numbers(&[2]), numbers(&[4])], |_, x| {
            let negative = Randomness::new(&(&x[0] - 16_777_216.0), &x[1]);
            let broken = Randomness::new(&x[0], &(&x[1] * 0.0 + 0.5));
            vec![negative.uniform(0, [3]), broken.normal(0, [3])]
        })
        .values_only(),
    );
    cases
}
