//! Methods: knobs, weights, places, paths, and a sweep over layers.
use equilayer::prelude::*;

mod plugins {
    use equilayer::prelude::*;

    /// Two views agree.
    #[objective(name = "alignment")]
    pub fn alignment(z: Views<Embedding>, #[knob(default = 0.5)] scale: f32) -> Loss {
        Loss::from((&z.all[0].tensor - &z.all[1].tensor).square().mean_all() * scale)
    }

    /// Tokens agree.
    #[regularizer(name = "dense", at = tokens(3))]
    pub fn dense(z: Pair<Tokens>) -> Loss {
        Loss::from((z.student.tensor - z.source.tensor).square().mean_all())
    }

    /// Embeddings agree.
    #[regularizer(name = "early", at = cls)]
    pub fn early(
        z: Pair<Embedding>,
        #[knob(default = 1.0)] power: f32,
        #[knob(default = 3)] count: usize,
    ) -> Loss {
        let _ = (power, count);
        Loss::from((z.student.tensor - z.source.tensor).square().mean_all())
    }
}
use plugins::{Alignment, Dense};

#[test]
fn reads_as_it_is_written() {
    let lambda = 0.5;
    let printed = |method: Method| method.to_string();
    assert_eq!(printed(method! { Alignment }), "alignment");
    assert_eq!(
        printed(method! { Alignment { scale: 0.2 } + 1.0 * Dense }),
        "alignment + 1 * dense at tokens(3)"
    );
    assert_eq!(
        printed(method! { Alignment + plugins::Early at pooled(3) }),
        "alignment + 1 * early at pooled(3)"
    );
    assert_eq!(printed(method! { Alignment + lambda * Dense }), "alignment + 0.5 * dense at tokens(3)");
    assert_eq!(
        printed(method!(Alignment + (2.0 * lambda) * Dense at tokens)),
        "alignment + 1 * dense at tokens"
    );
    assert_eq!(
        printed(method! { Alignment + "0 -> 1 over 10 epochs" * Dense at tokens(6) }),
        "alignment + 0 -> 1 over 10 epochs * dense at tokens(6)"
    );
    let given = plugins::Early::default();
    let all = method! { Alignment + 2 * plugins::Early { power: 2.0, ..given } at cls(6) + Dense };
    assert_eq!(all.regularizers().len(), 2);
    let sweep: Vec<Method> = (1..=12_usize).map(|l| method! { Alignment + Dense at tokens(l) }).collect();
    assert_eq!(sweep[11].regularizers()[0].at().to_string(), "tokens(12)");
}
