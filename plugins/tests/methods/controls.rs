//! λ = 0 is the base method on the same views.

use equilayer::engine::Executor;
use equilayer::method::Method;

use super::bench::Bench;
use super::zoo::pairs;

/// With λ = 0 the regularizer's gradient is added as zeros: weights and losses of the base are those of the control, in
/// which the loss is not there at all, bit for bit.
#[test]
fn at_weight_zero_a_method_is_its_control_bit_for_bit() {
    for method in pairs() {
        let regularizer = method.regularizers()[0].clone();
        let base = || Method::of(method.objective().clone());
        let silent = Bench::new(&base().with(regularizer.clone().weighted(0.0)));
        let control = Bench::new(&base().with(regularizer.as_control()));
        let ((history, executor), (expected, reference)) = (silent.run(4), control.run(4));
        let loss = format!("loss.{}", method.names()[0]);
        for (step, expected) in history.iter().zip(&expected) {
            assert_eq!(step["loss"].to_bits(), expected["loss"].to_bits(), "{method}");
            assert_eq!(step[&loss].to_bits(), expected[&loss].to_bits(), "{method}");
        }
        for name in reference.state_names().iter().filter(|name| name.starts_with("encoder.")) {
            let [found, expected] =
                [&executor, &reference].map(|executor| executor.state(name).expect("a state"));
            let same = found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name} of {method}");
        }
    }
}
