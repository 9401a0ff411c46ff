//! Gradients of whole methods are central differences.

use equilayer::loss::Negatives;
use equilayer::method::{Member, Method, Placed};
use equilayer_plugins::{Contrast, Equimod, Ser};

use super::differences::check;
use super::zoo::{objectives, pairs, regularizers};

const BATCH: usize = 4;

#[test]
fn gradients_of_every_pair_are_central_differences() {
    let methods = pairs();
    assert_eq!(methods.len(), objectives().len() * regularizers().len() * 2);
    methods.iter().for_each(|method| check(method, BATCH));
}

/// The choices that no pair above makes.
#[test]
fn gradients_of_other_choices_are_central_differences() {
    let base = || Method::of(objectives().remove(0));
    let contrast = Contrast::InfoNceSym;
    let equimod: Member = Placed::new(Equimod { out: 8, contrast, ..Equimod::default() }).into();
    let negatives = Negatives::CrossView;
    let ser: Member = Placed::new(Ser { negatives, ..Ser::default() }).into();
    check(&base().with(equimod), BATCH);
    check(&base().with(ser.on(0.5)), BATCH);
}
