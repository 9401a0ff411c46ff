//! Corruptions of each pixel by itself.

use equilayer_engine::random::Stream;

use crate::action::Grid;

/// Normal noise of this deviation, cut to [0, 1].
pub(super) fn noise(image: &[f32], deviation: f64, stream: Stream) -> Vec<f32> {
    image
        .iter()
        .zip(stream.normals())
        .map(|(&value, z)| (value + deviation as f32 * z).clamp(0.0, 1.0))
        .collect()
}

/// Each channel's distance from its mean times `factor`.
pub(super) fn contrast(image: &[f32], grid: Grid, factor: f64) -> Vec<f32> {
    let towards_mean = |channel: &[f32]| -> Vec<f32> {
        let mean = channel.iter().map(|&value| f64::from(value)).sum::<f64>() / grid.cells() as f64;
        let nearer = |&value: &f32| ((f64::from(value) - mean) * factor + mean).clamp(0.0, 1.0) as f32;
        channel.iter().map(nearer).collect()
    };
    image.chunks_exact(grid.cells()).flat_map(towards_mean).collect()
}

/// The largest channel of each pixel `added` brighter, at most 1, and the others in proportion: HSV's value, at the same
/// hue and saturation. Black becomes grey.
pub(super) fn brightness(image: &[f32], grid: Grid, added: f64) -> Vec<f32> {
    let cells = grid.cells();
    let mut brighter = image.to_vec();
    for cell in 0..cells {
        let value = f64::from(image[cell..].iter().step_by(cells).copied().fold(0.0, f32::max));
        let raised = (value + added).min(1.0);
        for channel in brighter[cell..].iter_mut().step_by(cells) {
            *channel =
                if value > 0.0 { (f64::from(*channel) * raised / value) as f32 } else { raised as f32 };
        }
    }
    brighter
}
