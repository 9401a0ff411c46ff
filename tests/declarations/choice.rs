//! A choice of the user's own as a knob.
use equilayer::plugin::Declared;
use equilayer::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distance {
    Square,
    Absolute,
}

impl Choice for Distance {
    fn options() -> &'static [(&'static str, Distance)] {
        &[("square", Distance::Square), ("absolute", Distance::Absolute)]
    }
}

/// Two views agree.
#[regularizer(name = "close", at = cls(3))]
pub fn close(z: Pair<Embedding>, #[knob(default = Distance::Square)] distance: Distance) -> Loss {
    let difference = z.student.tensor - z.source.tensor;
    Loss::from(match distance {
        Distance::Square => difference.square().mean_all(),
        Distance::Absolute => difference.abs().mean_all(),
    })
}

#[test]
fn is_a_knob() {
    assert_eq!(Close::plugin().spec().knobs().next().unwrap().accepts(), "square | absolute");
}
