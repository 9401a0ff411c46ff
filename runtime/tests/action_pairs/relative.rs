//! The relative action, on tokens in a graph.

use equilayer::action::{
    Action, Grid, GridMap, HFlip, Interpolation, PairDraw, Relative, RelativeMaps, Rescale, Rot90, Rotate,
    SampledMap, Symmetry, Translate, View,
};
use equilayer::engine::array::Array;
use equilayer::engine::reference::{Values, evaluate};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Plan, Tensor};

use super::{apply, assert_close, draw, numbers, sampled, ser};

const WIDTH: usize = 3;

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
