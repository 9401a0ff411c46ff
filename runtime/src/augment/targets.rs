//! What a view's parameters are to the methods that predict them.

use super::{Draw, Jitter, JitterPart, Parameters, Pipeline};

/// What AugSelf predicts from the features of two views, a and b; differences are a's minus b's, so those of (b, a) are
/// the negatives. Lee and others, "Improving transferability of representations via augmentation-aware
/// self-supervision", 2021; a step that was not applied counts as one that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AugSelfTargets {
    /// Of the box's centre (y, x) and sides (height, width), in shares of the source's sides; where a view was flipped
    /// its x is mirrored, 1 − x.
    pub crop: [f32; 4],
    /// Of brightness, contrast, saturation and hue, each in units of its strength: from −2 to 2.
    pub color: [f32; 4],
    /// 1 if both views were flipped or neither, 0 otherwise.
    pub flip: f32,
    /// Of the blurs' standard deviations, 0 without blur.
    pub blur: f32,
    /// Of the solarizations' thresholds, 1 without solarization.
    pub solarize: f32,
    /// Quarter turns from b to a, 0 to 3: (a's − b's) mod 4.
    pub turn: u8,
}

/// AugSelf's targets for the views with these parameters.
pub fn augself_targets(a: &Parameters, b: &Parameters) -> AugSelfTargets {
    AugSelfTargets {
        crop: difference(centred(a), centred(b)),
        color: difference(color(a), color(b)),
        flip: if a.flipped == b.flipped { 1.0 } else { 0.0 },
        blur: a.sigma.unwrap_or(0.0) - b.sigma.unwrap_or(0.0),
        solarize: a.solarize.unwrap_or(1.0) - b.solarize.unwrap_or(1.0),
        turn: (4 + a.turns % 4 - b.turns % 4) % 4,
    }
}

fn difference(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
    std::array::from_fn(|i| a[i] - b[i])
}

/// The box's centre and sides.
fn centred(parameters: &Parameters) -> [f32; 4] {
    let [top, left, height, width] = parameters.crop.shares();
    let (y, x) = (top + height / 2.0, left + width / 2.0);
    [y, if parameters.flipped { 1.0 - x } else { x }, height, width]
}

/// The jitter, each part in units of its strength.
fn color(parameters: &Parameters) -> [f32; 4] {
    let Some(Jitter { brightness, contrast, saturation, hue, strength, .. }) = parameters.jitter else {
        return [0.0; 4];
    };
    let change = [brightness - 1.0, contrast - 1.0, saturation - 1.0, hue];
    std::array::from_fn(|i| if strength[i] > 0.0 { change[i] / strength[i] } else { 0.0 })
}

/// What the numbers of [`equimod_vector`] are.
pub const EQUIMOD_COMPONENTS: [&str; 18] = [
    "top",
    "left",
    "height",
    "width",
    "flipped",
    "jittered",
    "first",
    "second",
    "third",
    "fourth",
    "brightness",
    "contrast",
    "saturation",
    "hue",
    "gray",
    "blurred",
    "sigma",
    "solarized",
];

/// A view's parameters as the vector p that EquiMod's embedding of a transformation takes, before
/// [standardization](Standardization). Devillers and Lefort, "EquiMod: an equivariance module to improve visual
/// instance discrimination", 2023: 17 numbers, with which SER's comparison sets one more, solarization.
///
/// The box is in shares of the source's sides, which for images of one size standardizes to the same as pixels. The
/// order of the jitter is the four parts' numbers. What was not applied has the value that changes nothing.
pub fn equimod_vector(parameters: &Parameters) -> [f32; 18] {
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    let [top, left, height, width] = parameters.crop.shares();
    let jitter = parameters.jitter.as_ref();
    let order = jitter.map_or(JitterPart::ALL, |jitter| jitter.order);
    let [first, second, third, fourth] = order.map(|part| part as u8 as f32);
    [
        top,
        left,
        height,
        width,
        flag(parameters.flipped),
        flag(jitter.is_some()),
        first,
        second,
        third,
        fourth,
        jitter.map_or(1.0, |jitter| jitter.brightness),
        jitter.map_or(1.0, |jitter| jitter.contrast),
        jitter.map_or(1.0, |jitter| jitter.saturation),
        jitter.map_or(0.0, |jitter| jitter.hue),
        flag(parameters.gray),
        flag(parameters.sigma.is_some()),
        parameters.sigma.unwrap_or(0.0),
        flag(parameters.solarize.is_some()),
    ]
}

/// The mean and the standard deviation of every component of [`equimod_vector`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standardization {
    /// The means.
    pub mean: [f32; 18],
    /// The standard deviations; 1 for a component that never changes.
    pub std: [f32; 18],
}

/// Draws that a standardization is measured over: means are right to a hundredth of a standard deviation.
const MEASURED_DRAWS: u64 = 10_000;

impl Standardization {
    /// Measures what the pipelines draw for images of (height, width), all of them together. The same for the same
    /// pipelines: the draws have keys of their own.
    pub fn of(pipelines: &[Pipeline], size: [usize; 2]) -> Standardization {
        let mut sums = [[0.0_f64; 2]; 18];
        for (pipeline, view) in pipelines.iter().zip(0..) {
            for sample in 0..MEASURED_DRAWS {
                let vector = equimod_vector(&pipeline.draw(size, &Draw::new(0, &[view, sample])));
                for (sums, value) in sums.iter_mut().zip(vector.map(f64::from)) {
                    *sums = [sums[0] + value, sums[1] + value * value];
                }
            }
        }
        let count = (MEASURED_DRAWS * pipelines.len().max(1) as u64) as f64;
        let moments = sums.map(|[sum, squares]| {
            let mean = sum / count;
            (mean, (squares / count - mean * mean).max(0.0).sqrt())
        });
        // Rounding alone makes less than a millionth.
        let std = moments.map(|(_, std)| if std > 1e-6 { std as f32 } else { 1.0 });
        Standardization { mean: moments.map(|(mean, _)| mean as f32), std }
    }

    /// (vector − mean) / std.
    pub fn apply(&self, vector: [f32; 18]) -> [f32; 18] {
        std::array::from_fn(|i| (vector[i] - self.mean[i]) / self.std[i])
    }
}

#[cfg(test)]
mod tests;
