//! Where the tokens of a transformer are: position embeddings.

use equilayer_engine::{Error, Graph, Init, Tensor};

use super::{Positions, VitConfig};
use crate::action::{Grid, GridMap, Interpolation};

/// MoCo v3's: the longest wavelength is this many times the shortest.
const TEMPERATURE: f64 = 10_000.0;

impl Positions {
    /// Declares the embeddings, `[1, tokens, width]`, with that of a CLS token at the input first. Fixed ones are state
    /// too, so that they are in weight files, where others look for them.
    #[track_caller]
    pub(super) fn declare(self, graph: &Graph, name: &str, config: &VitConfig) -> Tensor {
        let (grid, cls) = (config.own_grid(), usize::from(config.cls_after == 0));
        let shape = [1, cls + grid.cells(), config.width];
        match self {
            Positions::Learned => graph.parameter(name, shape, Init::TruncatedNormal { std: 0.02 }),
            Positions::SinCos => {
                let mut values = vec![0.0; cls * config.width];
                values.extend(sin_cos(grid, config.width));
                graph.state(name, shape, Init::Values(values.into()))
            }
        }
    }
}

/// Sines and cosines of each cell's row, then of its column, at width / 4 wavelengths from 2π to 2π · [`TEMPERATURE`]:
/// `[cells, width]`. Rows come first, as in MoCo v3, whose grids are square.
fn sin_cos(grid: Grid, width: usize) -> impl Iterator<Item = f32> {
    let waves = width / 4;
    let angle = move |place: usize, wave: usize| place as f64 / TEMPERATURE.powf(wave as f64 / waves as f64);
    let cells = (0..grid.cells()).map(move |cell| [cell / grid.columns, cell % grid.columns]);
    cells.flatten().flat_map(move |place| {
        let sines = (0..waves).map(move |wave| angle(place, wave).sin() as f32);
        sines.chain((0..waves).map(move |wave| angle(place, wave).cos() as f32))
    })
}

/// The embeddings of a token map, interpolated where it is not the one they are made for. That of a CLS token at the
/// input stays as it is.
#[track_caller]
pub(super) fn resized(embeddings: &Tensor, grid: Grid, config: &VitConfig) -> Tensor {
    let own = config.own_grid();
    if grid == own {
        return embeddings.clone();
    }
    let map = GridMap::rescale_with_offset(own, grid, config.position_offset);
    let sampled = match map.sample(Interpolation::Bicubic) {
        Ok(sampled) => sampled,
        Err(error) => {
            let detail = format!("positions of a {grid} token map: {error}");
            embeddings.graph().record(Error::Executor(detail));
            return embeddings.clone();
        }
    };
    let cls = usize::from(config.cls_after == 0);
    let tokens = sampled.act_on_tokens(&embeddings.slice(1, cls, own.cells()));
    if cls == 0 { tokens } else { embeddings.slice(1, 0, 1).concat(&[&tokens], 1) }
}
