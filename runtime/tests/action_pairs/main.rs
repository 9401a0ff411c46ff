//! Actions drawn for pairs of views: what they do to images, and the relative action on tokens.

mod declared;
mod displaced;
mod drawn;
mod relative;

use equilayer::action::{
    Action, DrawKey, Grid, GridMap, HFlip, HalfTurn, Interpolation, PairDraw, Rescale, Rot90, Sample,
    SampledMap, Symmetry, View,
};

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

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-5, "[{index}]: {found}, not {expected}");
    }
}

/// How many quarter turns a view of SER's was given.
fn quarters(drawn: &PairDraw, view: View) -> i64 {
    drawn.labels(view)[0]["Rot90(".len()..][..1].parse().expect("a number of turns")
}
