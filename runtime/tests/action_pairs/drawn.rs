//! What is drawn, and what it does to images.

use equilayer::action::{
    Action, DrawKey, Grid, GridMap, GroupAction, HFlip, Interpolation, PairDraw, Rescale, Resize, Rot90,
    Rotate, Sample, SampledMap, Symmetry, VFlip, View,
};

use super::{apply, assert_close, draw, key, numbers, quarters, sampled, ser};

/// SER's grids: rows √(A·a) and columns √(A/a), rounded, of area A = 196·s.
#[test]
fn rescaling_makes_grids_of_the_papers_sides() {
    let action = Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0);
    for (scale, aspect) in [(0.7, 0.75), (0.7, 4.0 / 3.0), (1.0, 1.1), (1.3, 0.8), (1.3, 4.0 / 3.0)] {
        let area: f64 = 196.0 * scale;
        let sides = [area * aspect, area / aspect].map(|square: f64| square.sqrt().round() as usize);
        let made = action.map(&Resize { scale, aspect }, Grid::new(14, 14)).to();
        assert_eq!([made.rows, made.columns], sides, "scale {scale}, aspect {aspect}");
    }
    let oblong = Grid::new(10, 20);
    assert_eq!(action.map(&action.identity(), oblong), GridMap::identity(oblong));
    assert_eq!(Rescale(4.0..=4.0).map(&Resize { scale: 4.0, aspect: 1.0 }, oblong).to(), Grid::new(20, 40));
    assert_eq!(Rescale(0.0..=1.0).map(&Resize { scale: 0.0, aspect: 1.0 }, oblong).to(), Grid::new(1, 1));
}

/// `rot90(bicubic(hflip(rot90(F, 2 − k0)), (w1, h1)), k1)`: the form the paper's code has, step by step.
fn is_the_papers(drawn: &PairDraw, relative: &SampledMap) {
    let (k0, k1) = (quarters(drawn, View::First), quarters(drawn, View::Second));
    let (from, to) = (drawn.grid(View::First), drawn.grid(View::Second));
    let turned = GridMap::turn(from, 2 - k0);
    let resized = GridMap::turn(to, k1).to();
    let steps = [
        turned.clone(),
        GridMap::hflip(turned.to()),
        GridMap::rescale(turned.to(), resized),
        GridMap::turn(resized, k1),
    ];
    let tokens = numbers(from.cells());
    let act = |tokens: Vec<f32>, step: &GridMap| apply(&sampled(step, Interpolation::Bicubic), &tokens, 1);
    assert_close(&apply(relative, &tokens, 1), &steps.iter().fold(tokens.clone(), act));
}

/// The action between the views does not depend on the samples, for the views' elements are complements.
#[test]
fn sers_relative_action_is_one_map_for_the_batch() {
    let grid = Grid::new(14, 14);
    let mut shapes = std::collections::HashSet::new();
    let mut sides = std::collections::BTreeSet::new();
    let mut samples_differ = 0;
    for step in 0..40 {
        let drawn = draw(&ser(), grid, 6, step);
        let first = &drawn.maps(View::First)[0];
        samples_differ += usize::from(drawn.maps(View::First).iter().any(|map| map != first));
        let relative = drawn.relative(View::First, View::Second).expect("invertible");
        assert_eq!((relative.shape().samples, relative.maps().len()), (None, 1));
        shapes.insert(relative.shape());
        is_the_papers(&drawn, &relative.maps()[0]);
        // Turned or not, both sides of the untransformed 14 are within the ranges of scale and aspect.
        let first = drawn.grid(View::First);
        assert!(first.cells() as f64 >= 0.6 * 196.0 && first.cells() as f64 <= 1.4 * 196.0, "{first}");
        sides.extend([first.rows, first.columns]);
    }
    assert!(sides.iter().all(|side| (10..=18).contains(side)) && sides.len() > 5, "{sides:?}");
    assert!(shapes.len() > 10 && samples_differ > 30);
}

/// What the paper's code does to an image: half turn, flip, bicubic resize, then quarter turns.
#[test]
fn sers_images_are_transformed_as_step_by_step() {
    let (grid, patch, channels) = (Grid::new(5, 5), 4, 2);
    let fine = grid.refined(patch);
    let image = numbers(channels * fine.cells());
    for step in 0..8 {
        let drawn = draw(&ser(), grid, 4, step);
        for view in View::BOTH {
            for (map, label) in drawn.maps(view).iter().zip(drawn.labels(view)) {
                let quarters = quarters(&drawn, view);
                let half = label.contains("HalfTurn(true)");
                let flip = label.contains("HFlip(true)");
                let cubic = |map: &GridMap, image: &[f32]| {
                    apply(&sampled(map, Interpolation::Bicubic), image, channels)
                };
                // The right-most factor acts first; a flip and a half turn commute.
                let mut expected = image.clone();
                expected = if half { cubic(&GridMap::turn(fine, 2), &expected) } else { expected };
                expected = if flip { cubic(&GridMap::hflip(fine), &expected) } else { expected };
                let to = drawn.grid(view).refined(patch);
                let resized = if quarters % 2 == 0 { to } else { Grid::new(to.columns, to.rows) };
                expected = cubic(&GridMap::rescale(fine, resized), &expected);
                expected = cubic(&GridMap::turn(resized, quarters), &expected);
                assert_close(&cubic(&map.refined(patch), &image), &expected);
            }
        }
    }
}

#[test]
fn elements_depend_on_the_sample_and_not_on_who_draws_it() {
    let action = Action::from((Rot90 * HFlip * Rotate(-0.2..=0.2)).per_sample() * VFlip.per_batch());
    let grid = Grid::new(6, 6);
    let whole = draw(&action, grid, 8, 3);
    for worker in [vec![5, 2], vec![7], vec![0, 1, 2, 3]] {
        let part = action.draw_pair(grid, &Sample::all(worker.clone()), &key(3)).expect("a valid action");
        for (place, &sample) in worker.iter().enumerate() {
            for view in View::BOTH {
                assert_eq!(part.maps(view)[place], whole.maps(view)[sample as usize], "sample {sample}");
            }
        }
    }
    let other = |key: DrawKey| {
        let drawn = action.draw_pair(grid, &Sample::all(0..8), &key).expect("a valid action");
        drawn.maps(View::First) != whole.maps(View::First)
    };
    assert!(other(DrawKey::new(8, 3, "test")), "another seed");
    assert!(other(DrawKey::new(7, 4, "test")), "another step");
    assert!(other(DrawKey::new(7, 3, "another plugin")), "another purpose");
    assert_ne!(whole.maps(View::First), whole.maps(View::Second), "another view");
}

#[test]
fn planes_of_another_size_are_refused() {
    let map = sampled(&GridMap::hflip(Grid::new(2, 3)), Interpolation::Bilinear);
    let refused = map.apply(&[0.0; 11], 2, &mut [0.0; 12]).expect_err("one number short");
    assert_eq!(refused.to_string(), "the source has 11 numbers; 2 channels of 2 × 3 pixels are 12");
}
