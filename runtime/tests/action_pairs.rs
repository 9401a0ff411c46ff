//! Actions drawn for pairs of views: what they do to images, and the relative action on tokens.

use equilayer::action::{
    Action, ActionError, Displacement, DisplacementField, DrawKey, Flow, Grid, GridMap, GroupAction, HFlip,
    HalfTurn, Interpolation, Involutive, PairDraw, Relative, RelativeMaps, Rescale, Resize, Rot90, Rotate,
    Sample, SampledMap, Symmetry, Translate, VFlip, View,
};
use equilayer::engine::array::Array;
use equilayer::engine::reference::{Values, evaluate};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Plan, Tensor};

const WIDTH: usize = 3;

fn key(step: u64) -> DrawKey {
    DrawKey::new(7, step, "test")
}

fn draw(action: &Action, grid: Grid, samples: u64, step: u64) -> PairDraw {
    action.draw_pair(grid, &Sample::all(0..samples), &key(step)).expect("a valid action")
}

/// The action of SER, as its declaration writes it.
fn ser() -> Action {
    Action::from(
        Rot90.per_batch()
            * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
            * (HalfTurn * HFlip).per_sample().complementary(),
    )
}

fn sampled(map: &GridMap, interpolation: Interpolation) -> SampledMap {
    map.sample(interpolation).expect("small grids")
}

fn apply(map: &SampledMap, source: &[f32], channels: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; channels * map.to().cells()];
    map.apply(source, channels, &mut out).expect("planes of the map's grid");
    out
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 37 + index * index / 5) % 64) as f32 / 8.0 - 4.0).collect()
}

/// Tokens `[batch, cells, WIDTH]` of one view taken to the other by the graph's inputs: the result and the mask.
fn plan(maps: &RelativeMaps, batch: usize) -> Result<Plan, Error> {
    let graph = Graph::new();
    let relative = maps.shape().declare(&graph, "rho");
    let tokens = graph.input("tokens", [batch, maps.shape().from, WIDTH]);
    graph.output("moved", &relative.act(&tokens));
    graph.output("valid", relative.valid());
    graph.compile(&CompileOptions::new())
}

fn run(plan: &Plan, maps: &RelativeMaps, tokens: &[f32]) -> Result<[Vec<f32>; 2], Error> {
    let feed = maps.feed("rho");
    let relative = feed.iter().map(|(name, values)| (name.as_str(), values.as_slice()));
    let inputs: Vec<_> = relative.chain([("tokens", tokens)]).collect();
    let outputs = CpuExecutor::new(CpuOptions::default())?.run(plan, &inputs)?;
    Ok([outputs.get("moved")?.to_vec(), outputs.get("valid")?.to_vec()])
}

/// What [`run`] must give for one sample, by plain loops over the sparse matrix.
fn moved_tokens(map: &SampledMap, tokens: &[f32]) -> Vec<f32> {
    let planes: Vec<f32> = (0..WIDTH).flat_map(|i| tokens.iter().skip(i).step_by(WIDTH)).copied().collect();
    let moved = apply(map, &planes, WIDTH);
    let cells = map.to().cells();
    (0..cells * WIDTH).map(|at| moved[at % WIDTH * cells + at / WIDTH]).collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-5, "[{index}]: {found}, not {expected}");
    }
}

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

/// How many quarter turns a view of SER's was given.
fn quarters(drawn: &PairDraw, view: View) -> i64 {
    drawn.labels(view)[0]["Rot90(".len()..][..1].parse().expect("a number of turns")
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

/// Each sample its own map, in one plan: against each sample's sparse matrix.
#[test]
fn relative_actions_of_samples_are_fed_and_not_built_in() -> Result<(), Error> {
    let actions = [
        (Action::from(Rot90 * HFlip), 1),
        (Action::from(Rot90 * Rotate(-0.4..=0.4)), 4),
        (Action::from(Rotate(-0.4..=0.4) * Rescale(0.5..=2.0).per_batch()), 16),
    ];
    for (action, taps) in actions {
        let (grid, batch) = (Grid::new(4, 4), 5);
        let first =
            draw(&action, grid, batch as u64, 0).relative(View::First, View::Second).expect("invertible");
        let compiled = plan(&first, batch)?;
        let mut used = 0;
        for step in 0..6 {
            let drawn = draw(&action, grid, batch as u64, step);
            let relative = drawn.relative(View::First, View::Second).expect("invertible");
            assert_eq!((relative.shape().taps, relative.shape().samples), (taps, Some(batch)));
            if relative.shape() != first.shape() {
                continue;
            }
            used += 1;
            let tokens = numbers(batch * relative.shape().from * WIDTH);
            let [moved, valid] = run(&compiled, &relative, &tokens)?;
            let maps = relative.maps().iter().zip(tokens.chunks(relative.shape().from * WIDTH));
            let expected: Vec<f32> = maps.flat_map(|(map, tokens)| moved_tokens(map, tokens)).collect();
            assert_close(&moved, &expected);
            let mask = relative.maps().iter().flat_map(|map| map.valid()).map(|&valid| f32::from(valid));
            assert_eq!(valid, mask.collect::<Vec<_>>());
        }
        assert!(used > 0);
    }
    Ok(())
}

#[test]
fn a_relative_action_that_never_changes_can_be_part_of_the_graph() -> Result<(), Error> {
    let map = sampled(&GridMap::translate(Grid::new(2, 3), 0.0, 1.0), Interpolation::Bilinear);
    let graph = Graph::new();
    let relative = Relative::constant(&graph, &map);
    let tokens = numbers(2 * 6 * WIDTH);
    graph.output("moved", &relative.act(&graph.input("tokens", [2, 6, WIDTH])));
    graph.output("valid", relative.valid());
    let compiled = graph.compile(&CompileOptions::new())?;
    let outputs = CpuExecutor::new(CpuOptions::default())?.run(&compiled, &[("tokens", &tokens)])?;
    let expected: Vec<f32> = tokens.chunks(6 * WIDTH).flat_map(|tokens| moved_tokens(&map, tokens)).collect();
    assert_eq!(outputs.get("moved")?, expected);
    assert_eq!(outputs.get("valid")?, [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    Ok(())
}

/// Gradients through maps a sample and through a shared one, against central differences.
#[test]
fn gradients_pass_through_relative_actions() -> Result<(), Error> {
    for action in [Action::from(Rot90 * Rotate(-0.4..=0.4)), ser()] {
        let batch = 3;
        let drawn = draw(&action, Grid::new(3, 3), batch as u64, 1);
        let relative = drawn.relative(View::First, View::Second).expect("invertible");
        let graph = Graph::new();
        let rho = relative.shape().declare(&graph, "rho");
        let tokens = graph.input("tokens", [batch, relative.shape().from, WIDTH]);
        let loss: Tensor = (rho.act(&tokens).sin() * rho.valid().unsqueeze(-1)).sum_all();
        let gradient = &graph.gradients(&loss, std::slice::from_ref(&tokens))?[0];
        graph.output("loss", &loss);
        graph.output("gradient", gradient);
        let mut given = Values::new();
        let shape = relative.shape();
        let batch_axis: Vec<usize> = shape.samples.into_iter().collect();
        let taps = [batch_axis.as_slice(), &[shape.to, shape.taps]].concat();
        let shapes = [taps.clone(), taps, vec![shape.samples.unwrap_or(1), shape.to]];
        for ((name, values), shape) in relative.feed("rho").into_iter().zip(shapes) {
            given.insert(name, Array::from_f32(shape.as_slice(), &values));
        }
        let tokens = Array::from_f32([batch, shape.from, WIDTH], &numbers(batch * shape.from * WIDTH));
        given.insert("tokens".into(), tokens);
        let gradient = evaluate(&graph, &given)?["gradient"].clone();
        let mut loss_at = |element: usize, by: f64| -> Result<f64, Error> {
            given.get_mut("tokens").expect("just given").data_mut()[element] += by;
            let loss = evaluate(&graph, &given)?["loss"].data()[0];
            given.get_mut("tokens").expect("just given").data_mut()[element] -= by;
            Ok(loss)
        };
        for element in 0..gradient.data().len() {
            let difference = (loss_at(element, 1e-4)? - loss_at(element, -1e-4)?) / 2e-4;
            let found = gradient.data()[element];
            assert!((found - difference).abs() < 1e-6, "[{element}]: {found}, differences give {difference}");
        }
        assert!(gradient.data().iter().any(|value| value.abs() > 1e-2));
    }
    Ok(())
}

/// All pairs of elements of Rot90 · HFlip: maps compose before they are sampled. Component by component, the difference
/// of the turns and the difference of the flips, goes wrong.
#[test]
fn relative_actions_are_never_built_component_by_component() {
    let grid = Grid::new(3, 5);
    let tokens = numbers(grid.cells());
    let orbit = Action::from(Rot90 * HFlip).orbit(grid).expect("a finite action");
    let act = |map: &GridMap, tokens: &[f32]| apply(&sampled(map, Interpolation::Bilinear), tokens, 1);
    let mut wrong = 0;
    for (i, first) in orbit.iter().enumerate() {
        for (j, second) in orbit.iter().enumerate() {
            let [view, expected] = [first, second].map(|element| act(&element.map, &tokens));
            let relative = first.map.relative_to(&second.map).expect("invertible");
            assert_eq!(act(&relative, &view), expected, "from {} to {}", first.label, second.label);
            // Two elements of HFlip for each of Rot90.
            let flip = if (i ^ j) & 1 == 1 {
                GridMap::hflip(first.map.to())
            } else {
                GridMap::identity(first.map.to())
            };
            let turn = GridMap::turn(flip.to(), j as i64 / 2 - i as i64 / 2);
            wrong += usize::from(act(&turn, &act(&flip, &view)) != expected);
        }
    }
    // A flip turns the turns behind it around: wrong for each first view turned by an odd number of quarters whose flip
    // is not the second's, 2 · 2 · 4 pairs.
    assert_eq!(wrong, 16);
}

#[test]
fn what_neither_view_shows_is_masked() {
    let action = Action::from(Translate(0.25..=0.25).per_batch() * HFlip.per_batch());
    let grid = Grid::new(4, 4);
    let alike = |drawn: &PairDraw| drawn.labels(View::First) == drawn.labels(View::Second);
    let drawn = (0..16).map(|step| draw(&action, grid, 2, step)).find(alike).expect("a flip in both or none");
    let relative = drawn.relative(View::First, View::Second).expect("invertible");
    // Both views are moved by one cell, so the map between them takes everything from inside; but the first row and
    // column of both show nothing.
    let expected: Vec<bool> = (0..16).map(|cell| cell >= 4 && cell % 4 != 0).collect();
    assert_eq!(relative.maps()[0].valid(), expected);
}

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

#[test]
fn planes_of_another_size_are_refused() {
    let map = sampled(&GridMap::hflip(Grid::new(2, 3)), Interpolation::Bilinear);
    let refused = map.apply(&[0.0; 11], 2, &mut [0.0; 12]).expect_err("one number short");
    assert_eq!(refused.to_string(), "the source has 11 numbers; 2 channels of 2 × 3 pixels are 12");
}
