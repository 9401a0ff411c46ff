//! Five steps of each optimizer against PyTorch's, and against Barlow Twins' LARS.

use equilayer_engine::Executor;
use equilayer_engine::optim::{AdamWOptions, LarsOptions, Optimizer, SgdOptions};

use crate::goldens::Golden;
use crate::{executor, run, single};

/// Relative to each value: the bound.
const TOLERANCE: f64 = 1e-5;

fn follow(name: &str, optimizer: impl Fn(&Golden) -> Optimizer) {
    for folder in ["a", "b"] {
        let golden = Golden::read(folder, name, &format!("optim.{name}"));
        let optimizer = optimizer(&golden);
        let (shape, start) = golden.tensor("in.w");
        let plan = single(&optimizer, shape, start);
        let mut executor = executor();
        for step in 0..golden.number("steps") as u64 {
            let hyper = optimizer.hyper(step, golden.number("lr"), golden.number("weight_decay"));
            let (_, gradient) = golden.tensor(&format!("in.g{step}"));
            run(&mut executor, &plan, &hyper, &[("g", gradient)]);
        }
        let found = executor.state("w").expect("the parameter");
        let (_, expected) = golden.tensor("out.w");
        assert_eq!(found.len(), expected.len());
        let error = |(&found, &expected): (&f32, &f32)| f64::from((found - expected).abs()) / f64::from(expected.abs());
        let worst = found.iter().zip(expected).map(error).fold(0.0, f64::max);
        println!("{name}, {folder}: {worst:.1e} relative");
        assert!(worst <= TOLERANCE, "{name}, {folder}: {worst:e} relative, more than {TOLERANCE:e}");
    }
}

#[test]
fn adamw_is_pytorchs() {
    follow("adamw", |golden| {
        let betas = golden.numbers("betas");
        Optimizer::adamw(AdamWOptions { betas: [betas[0], betas[1]], epsilon: golden.number("eps") })
    });
}

#[test]
fn sgd_is_pytorchs() {
    follow("sgd", |golden| {
        Optimizer::sgd(SgdOptions { momentum: golden.number("momentum"), ..SgdOptions::default() })
    });
}

#[test]
fn lars_is_barlow_twins() {
    follow("lars", |golden| {
        Optimizer::lars(LarsOptions { momentum: golden.number("momentum"), trust: golden.number("trust") })
    });
}
