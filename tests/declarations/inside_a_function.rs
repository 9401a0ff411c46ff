//! A declaration where an example may put it.
use equilayer::prelude::*;

#[test]
fn compiles() {
    /// Two views agree.
    #[objective(name = "local")]
    fn local(z: Views<Embedding>) -> Loss {
        Loss::from((&z.all[0].tensor - &z.all[1].tensor).square().mean_all())
    }

    let _ = method! { Local };
}
