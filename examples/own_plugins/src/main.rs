//! A program with a regularizer, a group action and a data set of its own, beside all that equilayer brings.
//!
//! ```text
//! cargo run -- methods                                   # `mirror` is among them
//! cargo run -- train --help                              # with its knobs
//! cargo run -- train own.toml --dry-run
//! cargo test                                             # the laws of the group action
//! ```

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use equilayer::augment::Draw;
use equilayer::data::{DataError, Dataset, Image};
use equilayer::prelude::*;

/// The reflection that exchanges rows and columns.
#[group_action(elements = 0..2, compose = |a, b| (a + b) % 2, inverse = |k| k)]
pub fn transposition(k: u8, from: Grid) -> GridMap {
    match k {
        0 => GridMap::identity(from),
        _ => GridMap::turn(from, 1).followed_by(GridMap::vflip),
    }
}

/// Mirror: tokens of a transposed image are the transposed tokens, in the mean square of their directions.
#[regularizer(name = "mirror", at = tokens(2), action = Transposition.per_batch(), batch = 0.25)]
pub fn mirror(
    z: Pair<Tokens>,
    rho: Relative,
    #[head(mlp(64, gelu, 64))] project: Head,
    /// a margin below which differences do not count
    #[knob(default = 0.0, at_least = 0.0, below = 1.0)]
    margin: f32,
) -> Loss {
    let [student, moved] =
        [project.forward(z.student), project.forward(z.source).moved(&rho)].map(|z| z.tensor.l2_normalize(1e-12));
    ((student - moved).square().sum(&[-1]) - margin).relu().mean_all().into()
}

/// Bars of random direction, place and brightness.
struct Bars;

impl Dataset for Bars {
    fn name(&self) -> &str {
        "bars"
    }

    fn len(&self) -> usize {
        512
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        let mut draw = Draw::new(0, &[index as u64]); // the same image whenever it is asked for
        let (sin, cos) = draw.uniform(0.0, std::f32::consts::PI).sin_cos();
        let (place, light) = (draw.uniform(-5.0, 5.0), draw.uniform(128.0, 255.0));
        let pixel = |cell: usize| {
            let (y, x) = ((cell / 28) as f32 - 13.5, (cell % 28) as f32 - 13.5);
            if (y * cos + x * sin - place).abs() < 2.0 { light as u8 } else { 0 }
        };
        Image::new(1, 28, 28, (0..28 * 28).map(pixel).collect())
    }

    fn label(&self, _: usize) -> Option<usize> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }
}

fn open_bars(_: &Path) -> Result<Arc<dyn Dataset>, DataError> {
    Ok(Arc::new(Bars))
}

equilayer::register_dataset!("bars", open_bars);

fn main() -> ExitCode {
    equilayer_plugins::link();
    equilayer::cli::run()
}
