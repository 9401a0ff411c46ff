/// Small tilts, in radians.
#[group_action(
    sample = |draw| draw.uniform(-0.1..=0.1),
    compose = |a, b| a + b,
    inverse = |angle| -angle,
    interpolation = bilinear,
    floor = 0.05,
)]
pub fn tilt(angle: f64, from: Grid) -> GridMap {
    GridMap::rotate(from, angle)
}
