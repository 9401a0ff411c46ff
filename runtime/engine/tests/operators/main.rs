//! The operator sweep: every operator over many shapes, on every executor, with its gradient.
//!
//! For each case: the CPU plan, optimized and not, agrees with the `f64` reference; so does luminal's interpreter on
//! the decomposed graph, where there is a decomposition; and the gradient graph agrees with central differences of
//! the reference, in `f64` and on the CPU.

mod cases;
mod check;
mod graphs;

use std::collections::BTreeSet;

use equilayer_engine::ops::Op;

#[test]
fn every_operator_agrees_with_its_reference_on_every_executor() {
    let cases = cases::all();
    let mut covered = BTreeSet::new();
    let mut failures = Vec::new();
    let mut counts = check::Counts::default();
    for case in &cases {
        if let Err(failure) = check::case(case, &mut covered, &mut counts) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    println!("{} cases: {counts}", cases.len());
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    let missing: Vec<_> = Op::VARIANTS.iter().filter(|variant| !covered.contains(**variant)).collect();
    assert!(missing.is_empty(), "operators without a case: {missing:?}");
}
