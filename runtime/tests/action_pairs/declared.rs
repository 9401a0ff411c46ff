//! Actions as declared: printed, as data, and refused.

use equilayer::action::{
    Action, ActionError, Displacement, Grid, GridMap, GroupAction, HFlip, Interpolation, Involutive, Rescale,
    Rot90, Rotate, Symmetry, VFlip,
};

use super::{apply, key, sampled, ser};

#[test]
fn an_action_prints_as_declared_and_is_data() {
    assert_eq!(
        ser().to_string(),
        "Rot90.per_batch() * Rescale(0.7..=1.3).aspect(0.75..=1.3333333333333333).per_batch() * \
         (HalfTurn * HFlip).per_sample().complementary()"
    );
    assert_eq!(Action::from(Rot90), Action::from(Rot90.per_sample()));
    assert_ne!(Action::from(Rot90), Action::from(Rot90.per_batch()));
    assert_ne!(Action::from(Rescale(0.7..=1.3)), Action::from(Rescale(0.7..=1.2)));
    assert_eq!(
        Action::from((HFlip * VFlip).per_batch()),
        Action::from(HFlip.per_batch() * VFlip.per_batch())
    );
    assert_ne!(Action::from(HFlip * VFlip), Action::from(VFlip * HFlip));
    assert_eq!(
        serde_json::to_value(Action::from(
            Rescale(0.5..=2.0).per_batch() * HFlip.per_sample().complementary()
        ))
        .expect("plain data"),
        serde_json::json!([
            { "name": "Rescale", "scale": [0.5, 2.0], "scope": "per_batch", "complementary": false },
            { "name": "HFlip", "scope": "per_sample", "complementary": true },
        ])
    );
}

#[test]
fn an_action_knows_what_its_factors_are() {
    let permutation = Action::from(Rot90 * HFlip);
    assert!(permutation.is_permutation() && permutation.is_invertible() && permutation.taps() == 1);
    assert!(!ser().is_permutation() && ser().is_invertible() && ser().taps() == 16);
    let masked = Action::from(Rot90 * Rotate(-0.1..=0.1));
    assert!(!masked.is_permutation() && !masked.is_invertible() && masked.taps() == 4);
    assert_eq!(Action::from(Rescale(0.7..=1.3) * Rotate(0.0..=1.0)).interpolation(), Interpolation::Bicubic);
}

#[test]
fn the_right_factor_acts_first() {
    let orbit = Action::from(Rot90 * HFlip).orbit(Grid::new(2, 3)).expect("a finite action");
    let labels: Vec<&str> = orbit.iter().map(|image| image.label.as_str()).collect();
    assert_eq!(labels[..3], ["Rot90(0) * HFlip(false)", "Rot90(0) * HFlip(true)", "Rot90(1) * HFlip(false)"]);
    let flipped_then_turned = sampled(&orbit[3].map, Interpolation::Bilinear);
    assert_eq!(
        apply(&flipped_then_turned, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1),
        [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
    );
}

#[test]
fn the_orbit_of_turns_is_in_the_order_of_their_labels() {
    let grid = Grid::new(4, 4);
    let orbit = Action::from(Rot90).orbit(grid).expect("a finite action");
    assert_eq!(orbit.len(), 4);
    for (k, image) in orbit.iter().enumerate() {
        assert_eq!(image.map, GridMap::turn(grid, k as i64));
    }
    assert_eq!(
        ser().orbit(grid).expect_err("rescaling has no last element").to_string(),
        format!(
            "action {}: Rescale(0.7..=1.3).aspect(0.75..=1.3333333333333333).per_batch() is continuous; only finite \
             groups have an orbit of all their elements",
            ser()
        )
    );
}

#[test]
fn samples_of_one_view_must_end_on_one_grid() {
    let turns = Action::from(Rot90.per_sample() * HFlip);
    assert_eq!(turns.check(Grid::new(4, 4)), Ok(()));
    let refused = turns.check(Grid::new(4, 6)).expect_err("4 × 6 and 6 × 4").to_string();
    assert!(refused.starts_with(
        "action Rot90.per_sample() * HFlip.per_sample(): Rot90.per_sample() gives the samples of one view different grids, "
    ));
    assert!(
        refused
            .ends_with("from one of 4 × 6; declare it .per_batch(), so that all samples share its element")
    );
    assert_eq!(Action::from(Rot90.per_batch() * HFlip).check(Grid::new(4, 6)), Ok(()));
    let displaced = Action::from(Rot90 * Displacement);
    assert!(matches!(displaced.check(Grid::new(4, 6)), Err(ActionError::GridsDiffer { .. })));
    assert!(matches!(
        Action::from(Rescale(0.7..=1.3)).check(Grid::new(14, 14)),
        Err(ActionError::GridsDiffer { .. })
    ));
    assert_eq!(ser().check(Grid::new(14, 14)), Ok(()));
}

#[test]
fn what_cannot_be_drawn_is_refused_in_words() {
    let grid = Grid::new(4, 4);
    let wrong = Action::from(Rescale(0.0..=1.0).per_batch()).check(grid).expect_err("no area");
    assert!(wrong.to_string().starts_with("action Rescale(0.0..=1.0).per_batch(): scale 0.0..=1.0 must be"));
    let none = ser().draw_pair(grid, &[], &key(0)).expect_err("no samples");
    assert!(none.to_string().ends_with("no samples to draw for; at least one is needed"));

    #[derive(Clone, Debug, PartialEq)]
    struct NoInvolution;

    impl GroupAction for NoInvolution {
        type Element = u8;

        fn name(&self) -> &str {
            "NoInvolution"
        }

        fn elements(&self) -> Vec<u8> {
            Rot90.elements()
        }

        fn identity(&self) -> u8 {
            0
        }

        fn compose(&self, a: &u8, b: &u8) -> u8 {
            Rot90.compose(a, b)
        }

        fn inverse(&self, k: &u8) -> Option<u8> {
            Rot90.inverse(k)
        }

        fn map(&self, k: &u8, from: Grid) -> GridMap {
            Rot90.map(k, from)
        }
    }

    impl Involutive for NoInvolution {}

    let claimed = NoInvolution.per_sample().complementary().check(grid).expect_err("four elements");
    assert!(
        claimed
            .to_string()
            .ends_with("has no complement; only groups of two elements, listed by `elements`, do")
    );
}
