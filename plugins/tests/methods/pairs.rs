//! Pairs of crops as they are made and as ρ relates them: the workers' images and the step's maps belong together.

use equilayer::action::{Displacement, Grid, HFlip, IntoAction, Rot90, SmoothFlow, Symmetry};
use equilayer::augment::{Normalize, Pipeline, RandomResizedCrop, Step};
use equilayer::data::{Dataset, Split, digits};
use equilayer::encoder::EncoderConfig;
use equilayer::loader::{Batch, SampleKey};
use equilayer::method::{Layout, Member, Method, Placed};
use equilayer::plugin::{Crops, Feature, Loss, Pair, Plugin, Tokens, tokens};
use equilayer::train::{Collator, StepClock, StepInputs, ViewMaker, ViewOptions};
use equilayer_plugins::Simclr;

use super::bench::encoder;

const BATCH: usize = 6;

/// Crops alone: what two views differ in is the action's.
fn options() -> ViewOptions {
    let crop = |side| {
        let crop = Step::RandomResizedCrop(RandomResizedCrop::new(side, [0.3, 0.9]));
        Pipeline::new(vec![crop], Normalize::gray(0.0, 1.0)).expect("a pipeline")
    };
    let flow = SmoothFlow::new(0.2);
    ViewOptions { global: [crop(16), crop(16)], local: Some(crop(8)), plain: crop(16), flow }
}

/// A regularizer that compares two large and `local` small crops under an action.
fn method(action: impl IntoAction, local: usize) -> Method {
    let loss = |z: Pair<Tokens>, rho: equilayer::action::Relative| {
        Loss::from((z.student.tensor() - z.source.moved(&rho).tensor()).square().mean_all())
    };
    let plugin = Plugin::regularizer("pairs", loss)
        .doc("Compares pairs.")
        .at(tokens(2_usize))
        .action(action)
        .batch(0.5)
        .argument("z")
        .argument("rho");
    let objective: Member = Placed::new(Simclr::default()).into();
    Method::of(objective.seeing(Crops::multi(2, 4))).with(Member::of(&plugin).seeing(Crops::multi(2, local)))
}

/// The inputs of one step.
fn step(method: &Method, index: usize) -> StepInputs {
    let clock = StepClock { seed: 5, batches_per_epoch: 100 };
    let layout = Layout::of(method, BATCH);
    let maker = ViewMaker::new(method, &encoder(), &layout, options(), clock).expect("views");
    let images = digits(Split::Test);
    let sample = |slot: usize| {
        let key = SampleKey { seed: 5, epoch: 0, batch: index, slot, image: slot };
        maker.make(&Dataset::image(&images, slot).expect("an image"), key)
    };
    let samples = (0..BATCH).map(sample).collect();
    let batch = Batch { epoch: 0, index, images: (0..BATCH).collect(), samples };
    Collator::new(&maker, clock).collate(batch).expect("a step")
}

fn values<'a>(inputs: &'a StepInputs, name: &str) -> &'a [f32] {
    let found = inputs.values.iter().find(|(input, _)| input == name);
    &found.unwrap_or_else(|| panic!("no `{name}`")).1
}

/// The mean of each patch: the tokens of an encoder that does nothing else.
fn pooled(pixels: &[f32], grid: Grid, patch: usize) -> Vec<f32> {
    let columns = grid.columns * patch;
    let mean = |cell: usize| {
        let (row, column) = (cell / grid.columns * patch, cell % grid.columns * patch);
        let places = (0..patch * patch).map(|at| (row + at / patch) * columns + column + at % patch);
        places.map(|place| pixels[place]).sum::<f32>() / (patch * patch) as f32
    };
    (0..grid.cells()).map(mean).collect()
}

/// For each sample of the split, and each of its tokens that comes from inside: the second view's, and the first view's
/// token there and where ρ takes it from.
fn compared(inputs: &StepInputs, pair: usize) -> Vec<[f32; 3]> {
    let shape = &inputs.shape.splits[0].pairs[pair];
    let names = [0, 1].map(|view| match pair {
        0 => format!("pairs.view.{view}"),
        _ => format!("pairs.local.{}", 2 * (pair - 1) + view),
    });
    let rho = |part: &str| values(inputs, &format!("pairs.relative.{}.{part}", 2 * pair));
    let (indices, weights, valid) = (rho("indices"), rho("weights"), rho("valid"));
    let relative = shape.relative[0][0];
    let mut found = Vec::new();
    for sample in 0..BATCH / 2 {
        let tokens = [0, 1].map(|view| {
            let grid = shape.grids[view];
            let pixels = grid.cells() * encoder().patch.pow(2);
            pooled(&values(inputs, &names[view])[sample * pixels..][..pixels], grid, encoder().patch)
        });
        let map = relative.samples.map_or(0, |_| sample);
        for (token, &second) in tokens[1].iter().enumerate() {
            let row = map * relative.to + token;
            if valid[row] == 0.0 {
                continue;
            }
            let taps = row * relative.taps..(row + 1) * relative.taps;
            let terms = indices[taps.clone()].iter().zip(&weights[taps]);
            let moved = terms.map(|(&index, weight)| tokens[0][index as usize] * weight).sum();
            found.push([second, tokens[0][token.min(tokens[0].len() - 1)], moved]);
        }
    }
    found
}

fn mismatch(tokens: &[[f32; 3]], of: usize) -> f32 {
    tokens.iter().map(|token| (token[0] - token[of]).abs()).sum::<f32>() / tokens.len() as f32
}

/// Turns and flips are exact, of large crops and of small ones; crops that are no pairs are others.
#[test]
fn both_views_of_a_pair_are_one_crop_under_the_action() {
    let method = method(Rot90.per_batch() * HFlip.per_sample(), 2);
    let mut moved = 0;
    for index in 0..8 {
        let inputs = step(&method, index);
        assert_eq!(inputs.shape.splits[0].pairs.len(), 2);
        for pair in 0..2 {
            let tokens = compared(&inputs, pair);
            assert!(
                tokens.iter().all(|token| (token[0] - token[2]).abs() < 1e-5),
                "step {index}, pair {pair}"
            );
            moved += usize::from(mismatch(&tokens, 1) > 1e-3);
        }
        let samples = |name: &str| values(&inputs, name).len() / 64;
        assert_eq!(["local.0", "local.3", "pairs.local.0", "pairs.local.3"].map(samples), [3; 4]);
        assert_ne!(values(&inputs, "pairs.local.2"), values(&inputs, "pairs.local.3"));
    }
    assert!(moved > 8, "{moved} of 16 pairs differ before they are moved");
}

/// Second frames are made by a displacement, which is known because it was applied: it brings tokens to their places.
#[test]
fn a_second_frame_is_the_first_displaced() {
    let method = method(HFlip.per_sample() * Displacement.per_sample(), 2);
    let last = encoder().grid(encoder().depth, encoder().image);
    let mut all = [Vec::new(), Vec::new()];
    for index in 0..8 {
        let inputs = step(&method, index);
        assert_eq!(inputs.shape.splits[0].pairs[0].grids, [last; 2]);
        for (pair, all) in all.iter_mut().enumerate() {
            all.extend(compared(&inputs, pair));
        }
    }
    for tokens in all {
        let (before, after) = (mismatch(&tokens, 1), mismatch(&tokens, 2));
        // A patch's mean is not linear in where the patch lies, so that what is left is interpolation.
        assert!(after < 0.5 * before, "{before} before, {after} after");
    }
    let other = step(&method, 1);
    assert_ne!(
        values(&step(&method, 0), "pairs.relative.0.weights"),
        values(&other, "pairs.relative.0.weights")
    );
    assert_eq!(values(&step(&method, 1), "pairs.view.1"), values(&other, "pairs.view.1"));
}
