//! Group actions on feature maps `[B, C, h, w]`.

use equilayer_engine::{DeviceChoice, Tensor};

use super::{Computed, Scene, misshapen, output_with_named_loss};
use crate::action::{Grid, GridMap, Interpolation};
use crate::parity::file::{ParityError, ParityFile};

fn grid_of(file: &ParityFile, x: &Tensor) -> Result<Grid, ParityError> {
    match x.shape()[..] {
        [_, _, rows, columns] if rows > 0 && columns > 0 => Ok(Grid::new(rows, columns)),
        _ => Err(misshapen(file, "x", "[batch, channels, rows, columns]")),
    }
}

fn act(scene: Scene, x: &Tensor, map: &GridMap) -> Result<Computed, ParityError> {
    let sampled = map
        .sample(Interpolation::Bicubic)
        .map_err(|error| equilayer_engine::Error::Executor(error.to_string()))?;
    let y = sampled.act_on_images(x);
    output_with_named_loss(scene, &y)
}

/// rot90(k = −rot90_from + 2), hflip, bicubic resize to `size`, rot90(k = rot90_to): SER's action from view to view.
pub(super) fn align(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let turns = |name: &str| file.whole(name).map(|turns| turns as i64);
    let (from, to, size) = (turns("rot90_from")?, turns("rot90_to")?, file.grid("size")?);
    let mut scene = Scene::new(file, device);
    let x = scene.input("x")?;
    let map = GridMap::turn(grid_of(file, &x)?, 2 - from)
        .followed_by(GridMap::hflip)
        .followed_by(|grid| GridMap::rescale(grid, size))
        .followed_by(|grid| GridMap::turn(grid, to));
    act(scene, &x, &map)
}

/// Bicubic, a = −0.75, half-pixel centres, no antialiasing.
pub(super) fn resize(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let size = file.grid("size")?;
    file.choice("mode", &[("bicubic", ())])?;
    let mut scene = Scene::new(file, device);
    let x = scene.input("x")?;
    let map = GridMap::rescale(grid_of(file, &x)?, size);
    act(scene, &x, &map)
}
