//! Displacements that the data brings along.

use equilayer::action::{
    Action, Displacement, DisplacementField, Flow, Grid, GridMap, HFlip, Interpolation, Sample, Symmetry,
    View,
};

use super::{apply, key, numbers, sampled};

/// A picture whose content moves right by one cell between its frames.
fn flow(grid: Grid) -> Flow {
    let field = |right: f32, known: fn(usize) -> bool| {
        let vectors = vec![[0.0, -right]; grid.cells()];
        let valid = (0..grid.cells()).map(known).collect();
        DisplacementField::new(grid, vectors, valid).expect("a vector a cell")
    };
    Flow::new(field(1.0, |cell| cell != 5)).with_back(field(-1.0, |_| true))
}

/// FlowE: the second view is displaced, then both are turned.
#[test]
fn given_displacements_act_between_the_views() {
    let grid = Grid::new(3, 4);
    let action = Action::from(HFlip.per_batch() * Displacement);
    let samples = [Sample::new(0).with_flow(flow(grid)), Sample::new(1).with_flow(flow(grid))];
    let frame = numbers(grid.cells());
    for step in 0..6 {
        let drawn = action.draw_pair(grid, &samples, &key(step)).expect("a flow a sample");
        let relative = drawn.relative(View::First, View::Second).expect("views are flips");
        assert_eq!((relative.shape().taps, relative.shape().samples), (4, Some(2)));
        let view = |view: View| sampled(&drawn.maps(view)[1], Interpolation::Bilinear);
        let first = apply(&view(View::First), &frame, 1);
        assert_eq!(apply(&relative.maps()[1], &first, 1), apply(&view(View::Second), &frame, 1));
        // The first column comes from outside, cell 5 from nowhere; in the second view they may be flipped.
        let flipped = drawn.labels(View::Second)[0].contains("HFlip(true)");
        let unflipped = |cell: usize| if flipped { cell / 4 * 4 + 3 - cell % 4 } else { cell };
        let expected: Vec<bool> = (0..12).map(unflipped).map(|cell| cell % 4 != 0 && cell != 5).collect();
        assert_eq!(relative.maps()[1].valid(), expected);
        // And back, by the flow back.
        let back = drawn.relative(View::Second, View::First).expect("a flow back");
        let again = apply(&back.maps()[1], &apply(&relative.maps()[1], &first, 1), 1);
        let known = (0..12).filter(|&cell| back.maps()[1].valid()[cell]);
        let known: Vec<usize> = known.filter(|&cell| again[cell] != 0.0).collect();
        assert!(known.len() >= 7 && known.iter().all(|&cell| again[cell] == first[cell]));
    }
}

#[test]
fn displacements_that_are_missing_are_asked_for() {
    let grid = Grid::new(2, 2);
    let action = Action::from(Displacement);
    let none = action.draw_pair(grid, &Sample::all([4]), &key(0)).expect_err("no flow");
    assert_eq!(
        none.to_string(),
        "action Displacement.per_sample(): sample 4 brings no displacement; this action needs data with a flow for each \
         pair of frames"
    );
    assert_eq!(action.check(grid), Ok(()), "data is not known yet");
    let field = || DisplacementField::new(grid, vec![[0.0; 2]; 4], vec![true; 4]).expect("a vector a cell");
    let one_way = [Sample::new(4).with_flow(Flow::new(field()))];
    let drawn = action.draw_pair(grid, &one_way, &key(0)).expect("a flow");
    assert!(drawn.relative(View::First, View::Second).is_ok());
    let back = drawn.relative(View::Second, View::First).expect_err("no flow back").to_string();
    assert!(
        back.contains("the second view of sample 0 cannot be undone") && back.contains("Flow::with_back")
    );
    let short = DisplacementField::new(grid, vec![[0.0; 2]; 3], vec![true; 4]).expect_err("three vectors");
    assert_eq!(
        short.to_string(),
        "3 vectors for a field of 2 × 2 cells; one for each of its 4 cells is needed"
    );
    let broken = DisplacementField::new(grid, vec![[f32::NAN; 2]; 4], vec![false, true, true, true]);
    assert!(broken.expect_err("not finite").to_string().contains("cell (0, 1) is not finite"));
}

/// Displaced, turned and displaced the other way: each step is undone in its place.
#[test]
fn a_way_of_several_displacements_leads_back() {
    let (grid, oblong) = (Grid::new(5, 6), Grid::new(6, 5));
    let uniform = |grid: Grid, down: f32, right: f32| {
        let field = |sign: f32| {
            let vectors = vec![[sign * down, sign * right]; grid.cells()];
            DisplacementField::new(grid, vectors, vec![true; grid.cells()]).expect("a vector a cell")
        };
        GridMap::displaced(grid, &Flow::new(field(1.0)).with_back(field(-1.0)))
    };
    let steps = [uniform(grid, 0.0, 1.0), GridMap::turn(grid, 1), uniform(oblong, 0.5, 0.0)];
    let there =
        steps[1..].iter().fold(steps[0].clone(), |map, step| map.then(step).expect("one grid after another"));
    assert_eq!(there.coordinates(), None);
    let back = there.inverse().expect("a flow back for each");
    assert_eq!((back.from(), back.to()), (oblong, grid));
    let around = there.then(&back).expect("back from where it led");
    for target in [[0.0, 0.0], [0.3, -0.2], [-0.1, 0.25]] {
        assert_ne!(there.source(target), Some(target));
        let source = around.source(target).expect("far from the border");
        assert!((0..2).all(|axis| (source[axis] - target[axis]).abs() < 1e-6), "{source:?}, not {target:?}");
    }
}
