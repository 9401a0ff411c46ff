//! Displacements made up: for pictures that bring no second frame, one is made by a displacement that is known then.

use equilayer_engine::random::Stream;

use super::displacement::{DisplacementField, Flow};
use super::grid_map::Grid;

/// Smooth displacements, drawn at random: the whole picture is shifted, and a wave of a quarter of the shift's range bends
/// it. No point is folded over another, so that the way back is known too.
///
/// Where the data are single pictures, this makes the second frame of each, and the field between the frames is known
/// because it was applied (flow equivariance, arXiv 2101.06553, trained without video).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothFlow {
    largest: f64,
}

/// Cells of the wave along each side.
const WAVE: usize = 3;
/// The wave's share of the largest displacement.
const BEND: f64 = 0.25;
/// Cells of the way back along each side: the inverse of a wave is smooth, and bilinear between cells.
const BACK: usize = 12;
/// Steps of the iteration that finds the way back; each takes at least half of the error.
const STEPS: usize = 24;

impl SmoothFlow {
    /// The largest displacement that is taken, in sides of the picture: beyond it a wave could fold the picture.
    pub const LARGEST: f64 = 0.3;

    /// Displacements of at most `largest` sides down and right, at most [`SmoothFlow::LARGEST`], beside the wave.
    pub fn new(largest: f64) -> SmoothFlow {
        SmoothFlow { largest: largest.clamp(0.0, SmoothFlow::LARGEST) }
    }

    /// The largest displacement, in sides of the picture.
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// A displacement and the way back.
    pub fn draw(&self, stream: Stream) -> Flow {
        let mut numbers = stream.uniforms().map(|unit| 2.0 * f64::from(unit) - 1.0);
        let mut vector = |scale: f64| [0; 2].map(|_: i32| scale * numbers.next().unwrap_or_default());
        let shift = vector(self.largest);
        let bent = |bend: [f64; 2]| [shift[0] + bend[0], shift[1] + bend[1]];
        let wave: Vec<[f64; 2]> = (0..WAVE * WAVE).map(|_| bent(vector(BEND * self.largest))).collect();
        let forth = field(WAVE, &wave);
        let back: Vec<[f64; 2]> = centres(BACK).map(|target| way_back(&forth, target)).collect();
        Flow::new(forth).with_back(field(BACK, &back))
    }
}

impl Default for SmoothFlow {
    /// Of a seventh of the side: a token and more of a picture of 7 × 7.
    fn default() -> SmoothFlow {
        SmoothFlow::new(0.15)
    }
}

/// A field of vectors given in sides.
fn field(side: usize, vectors: &[[f64; 2]]) -> DisplacementField {
    let cells = vectors.iter().map(|vector| vector.map(|part| (part * side as f64) as f32)).collect();
    DisplacementField::known(Grid::new(side, side), cells)
}

/// Centres of the cells of a square grid, row by row.
fn centres(side: usize) -> impl Iterator<Item = [f64; 2]> {
    let grid = Grid::new(side, side);
    (0..grid.cells()).map(move |cell| grid.centre(cell))
}

/// What takes a point of the first frame to where the second has it, in sides: the p with p + u(p) = `target`, found as
/// the fixed point of p = `target` − u(p).
fn way_back(forth: &DisplacementField, target: [f64; 2]) -> [f64; 2] {
    let mut point = target;
    for _ in 0..STEPS {
        let inside = point.map(|part| part.clamp(-1.0, 1.0));
        let Some(moved) = forth.source(inside) else { break };
        point = [0, 1].map(|axis| target[axis] - (moved[axis] - inside[axis]));
    }
    // From half sides, the units of points, to sides.
    [0, 1].map(|axis| (point[axis] - target[axis]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There and back is where it was, wherever the picture is not left.
    #[test]
    fn the_way_back_undoes_the_displacement() {
        for draw in 0..20 {
            let flow = SmoothFlow::new(SmoothFlow::LARGEST).draw(Stream::new(3, draw));
            let back = flow.inverse().expect("the way back");
            let mut inside = 0;
            for point in centres(9) {
                let Some(there) = back.source(point) else { continue };
                let Some(again) = flow.source(there) else { continue };
                inside += 1;
                let apart = (0..2).map(|axis| (again[axis] - point[axis]).abs()).fold(0.0, f64::max);
                assert!(apart < 0.03, "{point:?} comes back to {again:?}");
            }
            assert!(inside > 20, "{inside} points of 81 stay in the picture");
        }
    }

    #[test]
    fn a_draw_is_its_streams_and_no_larger_than_asked() {
        let flow = |stream| SmoothFlow::new(0.1).draw(Stream::new(0, stream));
        assert_eq!(flow(1), flow(1));
        assert_ne!(flow(1), flow(2));
        for draw in 0..20 {
            for point in centres(5) {
                let moved = flow(draw).source(point).expect("known everywhere");
                // Half sides: twice 0.1 and the wave's quarter more.
                assert!((0..2).all(|axis| (moved[axis] - point[axis]).abs() <= 0.25 + 1e-6));
            }
        }
        assert_eq!(SmoothFlow::new(0.0).draw(Stream::new(0, 1)).source([0.3, -0.2]), Some([0.3, -0.2]));
    }
}
