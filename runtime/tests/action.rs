//! Group actions: PyTorch's values, the group's laws, and agreement of pixels and tokens.

#[path = "../engine/tests/goldens/mod.rs"]
#[allow(dead_code, reason = "the reader is shared, and this test needs a part of it")]
mod goldens;

use equilayer::action::{CoordinateMap, Grid, GridMap, Interpolation, SampledMap};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Outputs, Tensor};
use goldens::Golden;

/// Runs what `build` makes of one input.
fn run(shape: &[usize], values: &[f32], build: impl Fn(&Graph, &Tensor)) -> Result<Outputs, Error> {
    let graph = Graph::new();
    build(&graph, &graph.input("x", shape));
    let plan = graph.compile(&CompileOptions::new())?;
    CpuExecutor::new(CpuOptions::default())?.run(&plan, &[("x", values)])
}

fn sampled(map: &GridMap, interpolation: Interpolation) -> SampledMap {
    map.sample(interpolation).expect("small grids")
}

/// The map's action on numbers laid out on its source grid.
fn act(map: &GridMap, values: &[f32]) -> Vec<f32> {
    let sampled = sampled(map, Interpolation::Bicubic);
    let shape = [1, map.from().cells(), 1];
    let outputs = run(&shape, values, |graph, x| graph.output("y", &sampled.act_on_tokens(x)));
    outputs.and_then(|outputs| outputs.get("y").map(<[f32]>::to_vec)).expect("a valid graph")
}

fn numbers(grid: Grid) -> Vec<f32> {
    (0..grid.cells()).map(|cell| (cell * 7 % 31) as f32 + 1.0).collect()
}

fn chain(first: GridMap, rest: &[fn(Grid) -> GridMap]) -> GridMap {
    rest.iter().fold(first, |map, next| map.then(&next(map.to())).expect("each starts where the last ended"))
}

fn assert_close(name: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{name}[{index}]: {found}, not {expected}");
    }
}

/// Compares a map's action on the golden's images, and the gradient of its loss, with PyTorch's.
fn agrees(golden: &Golden, map: &GridMap, loss: impl Fn(&Tensor) -> Tensor) -> Result<(), Error> {
    let sampled = sampled(map, Interpolation::Bicubic);
    let (shape, x) = golden.tensor("in.x");
    let outputs = run(shape, x, |graph, x| {
        let y = sampled.act_on_images(x);
        let gradient = graph.gradients(&loss(&y), std::slice::from_ref(x)).expect("a differentiable map");
        graph.output("y", &y);
        graph.output("gradient", &gradient[0]);
    })?;
    assert_close("y", outputs.get("y")?, golden.tensor("out.y").1, 1e-5);
    assert_close("gradient", outputs.get("gradient")?, golden.tensor("grad.x").1, 1e-5);
    Ok(())
}

#[test]
fn the_papers_alignment_is_one_sampled_map() -> Result<(), Error> {
    for (folder, name) in [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)] {
        let golden = Golden::read(folder, &format!("action_align_{name}"), "action.align");
        let shape = golden.tensor("in.x").0;
        let from = Grid::new(shape[2], shape[3]);
        let size = golden.numbers("size");
        let (k0, k1) = (golden.number("rot90_from") as i64, golden.number("rot90_to") as i64);
        let turned = GridMap::turn(from, 2 - k0);
        let flipped = turned.then(&GridMap::hflip(turned.to())).expect("one grid");
        let resized = GridMap::rescale(flipped.to(), Grid::new(size[0] as usize, size[1] as usize));
        let aligned = flipped.then(&resized).expect("one grid");
        let aligned = aligned.then(&GridMap::turn(aligned.to(), k1)).expect("one grid");
        agrees(&golden, &aligned, |y| {
            let quarter = std::f32::consts::FRAC_PI_2;
            (y * (y.stop_gradient() + quarter).sin()).sum_all()
        })?;
    }
    Ok(())
}

#[test]
fn resizing_is_pytorchs() -> Result<(), Error> {
    for (folder, name) in [("a", 0), ("a", 1), ("b", 0), ("b", 1)] {
        let golden = Golden::read(folder, &format!("bicubic_{name}"), "action.resize");
        let shape = golden.tensor("in.x").0;
        let size = golden.numbers("size");
        let map =
            GridMap::rescale(Grid::new(shape[2], shape[3]), Grid::new(size[0] as usize, size[1] as usize));
        agrees(&golden, &map, |y| y.square().sum_all())?;
    }
    Ok(())
}

#[test]
fn positions_are_interpolated_with_the_offset_of_the_reference() -> Result<(), Error> {
    for folder in ["a", "b"] {
        let golden = Golden::read(folder, "pos_embed", "vit.pos_embed");
        let grid = |name: &str| {
            let sides = golden.numbers(name);
            Grid::new(sides[0] as usize, sides[1] as usize)
        };
        // The offset is an `f32` in neither PyTorch nor here.
        let map = GridMap::rescale_with_offset(grid("base"), grid("grid"), golden.number("offset"));
        let sampled = sampled(&map, Interpolation::Bicubic);
        let (shape, pos) = golden.tensor("in.pos");
        let outputs = run(shape, pos, |graph, pos| graph.output("y", &sampled.act_on_tokens(pos)))?;
        assert_close("y", outputs.get("y")?, golden.tensor("out.y").1, 1e-5);
    }
    Ok(())
}

#[test]
fn a_turn_is_torch_rot90() {
    let grid = Grid::new(2, 3);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(act(&GridMap::turn(grid, 1), &x), [3.0, 6.0, 2.0, 5.0, 1.0, 4.0]);
    assert_eq!(act(&GridMap::turn(grid, 2), &x), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    assert_eq!(act(&GridMap::turn(grid, -1), &x), act(&GridMap::turn(grid, 3), &x));
    assert_eq!(act(&GridMap::hflip(grid), &x), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    assert_eq!(act(&GridMap::vflip(grid), &x), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
}

/// The eight symmetries of a rectangle's picture: a flip or none, then turns.
fn symmetries(grid: Grid) -> Vec<GridMap> {
    let flips = [GridMap::identity(grid), GridMap::hflip(grid)];
    let turned = |flip: &GridMap| {
        (0..4).map(|k| flip.then(&GridMap::turn(flip.to(), k)).expect("one grid")).collect::<Vec<_>>()
    };
    flips.iter().flat_map(turned).collect()
}

#[test]
fn symmetries_form_a_group_bit_for_bit() {
    let grid = Grid::new(4, 6);
    let x = numbers(grid);
    let all: Vec<Vec<f32>> = symmetries(grid).iter().map(|map| act(map, &x)).collect();
    for first in symmetries(grid) {
        for second in symmetries(first.to()) {
            let product = first.then(&second).expect("one grid");
            let found = act(&product, &x);
            assert_eq!(found, act(&second, &act(&first, &x)), "composition");
            assert!(all.contains(&found), "closure");
        }
        let there_and_back = first.then(&first.inverse().expect("invertible")).expect("one grid");
        assert_eq!(
            sampled(&there_and_back, Interpolation::Bicubic),
            sampled(&GridMap::identity(grid), Interpolation::Bicubic)
        );
    }
    for (index, image) in all.iter().enumerate() {
        assert!(!all[..index].contains(image), "the eight differ");
    }
}

#[test]
fn relative_actions_compose_maps_and_not_components() {
    let grid = Grid::new(3, 5);
    let x = numbers(grid);
    let mut wrong_by_components = 0;
    for (i, first) in symmetries(grid).iter().enumerate() {
        for (j, second) in symmetries(grid).iter().enumerate() {
            let relative = first.relative_to(second).expect("invertible");
            let expected = act(second, &x);
            assert_eq!(act(&relative, &act(first, &x)), expected, "from {i} to {j}");
            // Turns and flips apart: the difference of the turns behind the difference of the flips.
            let flip =
                if i / 4 == j / 4 { GridMap::identity(first.to()) } else { GridMap::hflip(first.to()) };
            let turn = GridMap::turn(flip.to(), j as i64 % 4 - i as i64 % 4);
            let by_components = flip.then(&turn).expect("one grid");
            wrong_by_components += usize::from(act(&by_components, &act(first, &x)) != expected);
        }
    }
    assert!(wrong_by_components > 0, "a trap that no longer is one");
}

/// SER's views: half turns and flips are complementary, so that the relative action of the two does not depend on them.
#[test]
fn complementary_halves_leave_one_relative_action_for_the_batch() {
    let base = Grid::new(4, 4);
    for (k0, k1) in (0..4).flat_map(|k0| (0..4).map(move |k1| (k0, k1))) {
        let view = |half: bool, flip: bool, k: i64| {
            let halved = GridMap::turn(base, if half { 2 } else { 0 });
            let flipped = if flip { halved.then(&GridMap::hflip(base)) } else { Some(halved) };
            flipped.and_then(|map| map.then(&GridMap::turn(base, k))).expect("one grid")
        };
        let relative = |half: bool, flip: bool| {
            let map = view(half, flip, k0).relative_to(&view(!half, !flip, k1)).expect("invertible");
            sampled(&map, Interpolation::Bicubic)
        };
        let paper = chain(GridMap::turn(base, 2 - k0), &[GridMap::hflip]);
        let paper = paper.then(&GridMap::turn(paper.to(), k1)).expect("one grid");
        for (half, flip) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(
                relative(half, flip),
                sampled(&paper, Interpolation::Bicubic),
                "{k0} {k1} {half} {flip}"
            );
        }
    }
}

#[test]
fn coordinate_maps_compose_and_invert() {
    let grid = Grid::new(7, 5);
    let (a, b) = (GridMap::rotate(grid, 0.4), GridMap::translate(grid, 0.7, -1.2));
    let product = a.then(&b).expect("one grid");
    let back = product.inverse().expect("invertible");
    let undone = product.then(&back).expect("one grid");
    let affine = |map: &GridMap| *map.coordinates().expect("affine");
    assert!(affine(&undone).distance(&CoordinateMap::IDENTITY) < 1e-12);
    let twice = GridMap::rotate(grid, 0.2).then(&GridMap::rotate(grid, 0.2)).expect("one grid");
    assert!(affine(&twice).distance(&affine(&a)) < 1e-12);
    assert_eq!(CoordinateMap::linear([[1.0, 2.0], [2.0, 4.0]]).inverse(), None);
    assert_eq!(GridMap::identity(grid).then(&GridMap::identity(Grid::new(5, 7))), None);
}

#[test]
fn rotations_and_translations_go_where_they_say() {
    let square = Grid::new(5, 5);
    let quarter = GridMap::rotate(square, std::f64::consts::FRAC_PI_2);
    let x = numbers(square);
    assert_eq!(act(&quarter, &x), act(&GridMap::turn(square, 1), &x));
    let moved = sampled(&GridMap::translate(Grid::new(2, 3), 0.0, 1.0), Interpolation::Bilinear);
    assert_eq!(moved.valid(), [false, true, true, false, true, true]);
    assert_eq!(
        act(&GridMap::translate(Grid::new(2, 3), 0.0, 1.0), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        [0.0, 1.0, 2.0, 0.0, 4.0, 5.0]
    );
    let turned = sampled(&GridMap::rotate(square, 0.6), Interpolation::Bilinear);
    assert!(!turned.valid()[0] && turned.valid()[12]);
}

#[test]
fn rows_sum_to_one_where_they_are_valid() {
    let grid = Grid::new(6, 9);
    let maps = [
        GridMap::rescale(grid, Grid::new(11, 4)),
        GridMap::rotate(grid, 0.3),
        GridMap::translate(grid, 1.25, -0.5),
        GridMap::identity(grid),
    ];
    for (map, interpolation) in
        maps.iter().flat_map(|map| [(map, Interpolation::Bilinear), (map, Interpolation::Bicubic)])
    {
        let sampled = sampled(map, interpolation);
        let taps = sampled.taps();
        for (row, valid) in sampled.valid().iter().enumerate() {
            let sum: f32 = taps.weights()[row * taps.taps()..][..taps.taps()].iter().sum();
            let expected = if *valid { 1.0 } else { 0.0 };
            assert!((sum - expected).abs() < 1e-6, "row {row} of {map:?} sums to {sum}");
        }
    }
}

/// Mean over the pixels of each patch: the simplest encoder that is equivariant to everything that moves patches.
fn pooled(images: &Tensor, patch: usize) -> Tensor {
    images.patchify(patch).mean(&[-1])
}

#[test]
fn pixels_and_tokens_agree_bit_for_bit_for_permutations() -> Result<(), Error> {
    let (tokens, patch) = (Grid::new(3, 4), 4);
    for map in symmetries(tokens) {
        let (coarse, fine) =
            (sampled(&map, Interpolation::Bicubic), sampled(&map.refined(patch), Interpolation::Bicubic));
        // Whole numbers, whose means over 16 pixels are exact.
        let image: Vec<f32> =
            (0..tokens.refined(patch).cells()).map(|pixel| (pixel * 11 % 64) as f32).collect();
        let outputs = run(&[1, 1, 12, 16], &image, |graph, x| {
            graph.output("moved first", &pooled(&fine.act_on_images(x), patch));
            graph.output("moved last", &coarse.act_on_tokens(&pooled(x, patch).unsqueeze(-1)));
        })?;
        assert_eq!(outputs.get("moved first")?, outputs.get("moved last")?);
    }
    Ok(())
}

#[test]
fn zooming_in_is_undone_by_zooming_out_and_brings_the_middle_near() {
    let grid = Grid::new(4, 6);
    let there_and_back = chain(GridMap::zoom(grid, 2.5), &[|grid| GridMap::zoom(grid, 0.4)]);
    let apart = there_and_back.coordinates().map(|map| map.distance(&CoordinateMap::IDENTITY));
    assert!(apart.is_some_and(|apart| apart < 1e-12), "{apart:?}");
    assert_eq!(GridMap::zoom(grid, 2.0).source([1.0, -1.0]), Some([0.5, -0.5]));
    // Shrunk to half, the picture fills the middle quarter; what is around it comes from outside.
    let shrunk = sampled(&GridMap::zoom(grid, 0.5), Interpolation::Bilinear);
    assert_eq!(shrunk.valid().iter().filter(|valid| **valid).count(), 2 * 4);
}
