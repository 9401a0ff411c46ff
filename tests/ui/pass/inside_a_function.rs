//! Declarations where a test or an example may put them.
use equilayer::prelude::*;
use equilayer::{group_action, method, objective};

fn main() {
    /// Two views agree.
    #[objective(name = "local")]
    fn local(z: Views<Embedding>) -> Loss {
        Loss((&z.all[0].tensor - &z.all[1].tensor).square().mean_all())
    }

    /// Nothing moves.
    #[group_action(elements = [0], compose = |_, _| 0, inverse = |k| k)]
    fn still(k: u8, from: Grid) -> GridMap {
        GridMap::turn(from, k)
    }

    let _ = (method! { Local }, Action::from(Still));
}
