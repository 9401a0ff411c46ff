//! The laws of group actions: every built-in keeps them, and each kind of mistake is found and named.

use std::f64::consts::FRAC_PI_8;

use equilayer::action::laws::{LARGEST_FLOOR, LawViolation, check_group_laws};
use equilayer::action::{
    D4, Displacement, Draw, Grid, GridMap, GroupAction, HFlip, HalfTurn, Interpolation, Rescale, Rot90,
    Rotate, Sampling, Translate, VFlip, Validity,
};

#[test]
fn every_built_in_action_keeps_its_laws() -> Result<(), LawViolation> {
    check_group_laws(&Rot90)?;
    check_group_laws(&HalfTurn)?;
    check_group_laws(&HFlip)?;
    check_group_laws(&VFlip)?;
    check_group_laws(&D4)?;
    check_group_laws(&Rescale(0.7..=1.3))?;
    check_group_laws(&Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0))?;
    check_group_laws(&Translate(-0.2..=0.2))?;
    check_group_laws(&Rotate(-FRAC_PI_8..=FRAC_PI_8))?;
    check_group_laws(&Displacement)
}

/// Quarter turns, or what becomes of them when a part is written wrongly.
#[derive(Clone, Debug)]
struct Quarter {
    elements: Vec<u8>,
    identity: u8,
    compose: fn(u8, u8) -> u8,
    inverse: fn(u8) -> Option<u8>,
    map: fn(u8, Grid) -> GridMap,
    sampling: Sampling,
    validity: Validity,
}

impl Quarter {
    fn right() -> Quarter {
        Quarter {
            elements: (0..4).collect(),
            identity: 0,
            compose: |a, b| (a + b) % 4,
            inverse: |k| Some((4 - k) % 4),
            map: |k, from| GridMap::turn(from, k),
            sampling: Sampling::Permutation,
            validity: Validity::Everywhere,
        }
    }
}

impl PartialEq for Quarter {
    fn eq(&self, other: &Quarter) -> bool {
        std::ptr::fn_addr_eq(self.map, other.map) && self.elements == other.elements
    }
}

impl GroupAction for Quarter {
    type Element = u8;

    fn name(&self) -> &str {
        "Quarter"
    }

    fn elements(&self) -> Vec<u8> {
        self.elements.clone()
    }

    fn identity(&self) -> u8 {
        self.identity
    }

    fn compose(&self, a: &u8, b: &u8) -> u8 {
        (self.compose)(*a, *b)
    }

    fn inverse(&self, k: &u8) -> Option<u8> {
        (self.inverse)(*k)
    }

    fn map(&self, k: &u8, from: Grid) -> GridMap {
        (self.map)(*k, from)
    }

    fn sampling(&self) -> Sampling {
        self.sampling
    }

    fn validity(&self) -> Validity {
        self.validity
    }
}

fn message(action: &impl GroupAction) -> String {
    check_group_laws(action).expect_err("a broken law").to_string()
}

#[test]
fn quarter_turns_by_hand_keep_the_laws() {
    assert_eq!(check_group_laws(&Quarter::right()), Ok(()));
}

#[test]
fn a_wrong_inverse_is_named() {
    assert_eq!(
        message(&Quarter { inverse: Some, ..Quarter::right() }),
        "Quarter: inverse(1) = 1 does not undo 1: on a grid of 14 × 14, cell (0, 0) comes from [0, 0] and should come \
         from [13, 13]"
    );
    assert_eq!(
        message(&Quarter { inverse: |k| Some(4 - k), ..Quarter::right() }),
        "Quarter: inverse(0) is 4, which is not among its elements"
    );
    let missing = message(&Quarter { inverse: |_| None, ..Quarter::right() });
    assert!(missing.starts_with("Quarter: 0 has no inverse"), "{missing}");
}

#[test]
fn a_wrong_composition_is_named() {
    assert_eq!(
        message(&Quarter { compose: |a, b| (a + 3 * b) % 4, ..Quarter::right() }),
        "Quarter: compose(0, 1) = 3 is not 1 first and then 0: on a grid of 14 × 14, cell (0, 0) comes from [13, 0] \
         and should come from [0, 13]"
    );
    assert_eq!(
        message(&Quarter { compose: |a, b| a + b, ..Quarter::right() }),
        "Quarter: compose(1, 3) is 4, which is not among its elements"
    );
}

/// Turns and flips, composed as if they commuted.
#[test]
fn a_composition_in_the_wrong_order_is_named() {
    #[derive(Clone, Debug, PartialEq)]
    struct Backwards;

    impl GroupAction for Backwards {
        type Element = <D4 as GroupAction>::Element;

        fn name(&self) -> &str {
            "Backwards"
        }

        fn elements(&self) -> Vec<Self::Element> {
            D4.elements()
        }

        fn identity(&self) -> Self::Element {
            D4.identity()
        }

        fn compose(&self, a: &Self::Element, b: &Self::Element) -> Self::Element {
            D4.compose(b, a)
        }

        fn inverse(&self, element: &Self::Element) -> Option<Self::Element> {
            D4.inverse(element)
        }

        fn map(&self, element: &Self::Element, from: Grid) -> GridMap {
            D4.map(element, from)
        }
    }

    let found = message(&Backwards);
    assert!(found.contains("is not Dihedral { quarters: 0, flipped: true } first and then"), "{found}");
}

#[test]
fn an_identity_that_moves_something_is_named() {
    let found = message(&Quarter { identity: 2, ..Quarter::right() });
    assert!(found.starts_with("Quarter: its identity 2 moves something: on a grid of 14 × 14"), "{found}");
    let found = message(&Quarter { elements: vec![0], ..Quarter::right() });
    assert!(found.starts_with("Quarter has no element but its identity"), "{found}");
}

#[test]
fn a_map_that_treats_pixels_and_tokens_differently_is_named() {
    // Turned one way where there are many cells, the other way where there are few.
    let by_size = |k: u8, from: Grid| {
        let k = i64::from(k);
        GridMap::turn(from, if from.rows > 20 { -k } else { k })
    };
    let found = message(&Quarter { map: by_size, ..Quarter::right() });
    assert!(
        found.starts_with(
            "Quarter: 1 acts differently on pixels and on tokens: on a grid of 14 × 14, token (0, 0)"
        ),
        "{found}"
    );
    assert!(found.ends_with("measure in parts of the grid's sides, not in cells"), "{found}");
    // The classical slip: a shift in cells is four times as long in tokens as in pixels.
    let shift = Continuous { map: |cells, from| GridMap::translate(from, cells, 0.0), floor: 0.05 };
    let found = message(&shift);
    assert!(found.contains("acts differently on pixels and on tokens"), "{found}");
}

/// Elements are numbers that add up.
#[derive(Clone, Debug)]
struct Continuous {
    map: fn(f64, Grid) -> GridMap,
    floor: f64,
}

impl PartialEq for Continuous {
    fn eq(&self, other: &Continuous) -> bool {
        std::ptr::fn_addr_eq(self.map, other.map) && self.floor == other.floor
    }
}

impl GroupAction for Continuous {
    type Element = f64;

    fn name(&self) -> &str {
        "Continuous"
    }

    fn identity(&self) -> f64 {
        0.0
    }

    fn compose(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn inverse(&self, element: &f64) -> Option<f64> {
        Some(-element)
    }

    fn sample(&self, draw: &mut Draw<'_>) -> f64 {
        draw.uniform(-0.3..=0.3)
    }

    fn map(&self, element: &f64, from: Grid) -> GridMap {
        (self.map)(*element, from)
    }

    fn sampling(&self) -> Sampling {
        Sampling::Interpolated { interpolation: Interpolation::Bilinear, floor: self.floor }
    }
}

#[test]
fn continuous_laws_are_held_on_coordinates() {
    let tilt: fn(f64, Grid) -> GridMap = |angle, from| GridMap::rotate(from, angle);
    assert_eq!(check_group_laws(&Continuous { map: tilt, floor: 0.05 }), Ok(()));
    let squared = Continuous { map: |angle, from| GridMap::rotate(from, angle * angle), floor: 0.05 };
    let found = message(&squared);
    assert!(found.contains("does not undo") && found.contains("in half sides from the centre"), "{found}");
}

#[test]
fn a_floor_is_a_promise_that_cannot_be_widened() {
    let tilt: fn(f64, Grid) -> GridMap = |angle, from| GridMap::rotate(from, angle);
    let found = message(&Continuous { map: tilt, floor: 1e-3 });
    assert!(found.contains("above its declared floor of 0.001"), "{found}");
    for floor in [2.0 * LARGEST_FLOOR, 0.0, f64::NAN] {
        let found = message(&Continuous { map: tilt, floor });
        assert!(found.ends_with("promises nothing; it must be above 0 and at most 0.1"), "{found}");
    }
}

#[test]
fn what_a_map_claims_to_be_is_held_against_it() {
    let shift: fn(u8, Grid) -> GridMap = |k, from| GridMap::translate(from, f64::from(k) / 3.0, 0.0);
    let found = message(&Quarter { map: shift, validity: Validity::Masked, ..Quarter::right() });
    assert!(found.contains("does not take the cells of a grid of 14 × 14 to cells, one to one"), "{found}");
    let shift: fn(u8, Grid) -> GridMap = |k, from| GridMap::translate(from, f64::from(k), 0.0);
    let found = message(&Quarter { map: shift, ..Quarter::right() });
    assert!(found.contains("declare its validity as masked"), "{found}");
    let away: fn(f64, Grid) -> GridMap =
        |far, from| GridMap::translate(from, 1e3 * far * from.rows as f64, 0.0);
    assert!(message(&Continuous { map: away, floor: 0.05 }).contains("nothing is left to compare"));
}

#[test]
fn parameters_without_sense_are_named() {
    assert_eq!(
        message(&Rescale(1.3..=0.7)),
        "Rescale(1.3..=0.7): scale 1.3..=0.7 must be a range of finite numbers above 0, the smaller first"
    );
    assert!(message(&Rescale(0.7..=1.3).aspect(0.0..=1.0)).contains("aspect 0.0..=1.0 must be"));
    assert!(message(&Rotate(0.0..=f64::INFINITY)).contains("angle 0.0..=inf must be"));
}
