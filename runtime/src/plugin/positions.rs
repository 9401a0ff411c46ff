//! Where the tokens of crops lie in their image: what says which tokens of two crops show the same.

use equilayer_engine::Tensor;

use super::feature::Tokens;

/// Where the objective's global crops lie in their images; of the samples that `Views<Tokens>` has.
#[derive(Clone, Debug)]
pub struct Positions {
    /// One a crop.
    pub views: Vec<Position>,
}

impl Positions {
    /// Of the first two crops; nothing where there are fewer.
    pub fn pair(&self) -> Option<[&Position; 2]> {
        match &self.views[..] {
            [first, second, ..] => Some([first, second]),
            _ => None,
        }
    }
}

/// Where one crop of each sample lies in its image.
#[derive(Clone, Debug)]
pub struct Position {
    frames: Tensor,
}

/// Where the tokens of one crop of each sample lie in its image.
#[derive(Clone, Debug)]
pub struct Cells {
    /// Their centres, (y, x) in pixels of the image: `[samples, tokens, 2]`.
    pub centers: Tensor,
    /// How long the diagonal of a token's cell is, in pixels of the image: `[samples]`.
    pub diagonals: Tensor,
}

impl Position {
    /// Of the numbers of [`Frame`](crate::augment::Frame)s: `[samples, 6]`.
    pub fn new(frames: &Tensor) -> Position {
        Position { frames: frames.clone() }
    }

    /// Where the tokens lie that were made of this crop.
    #[track_caller]
    pub fn cells(&self, tokens: &Tokens) -> Cells {
        let (rows, columns) = (tokens.grid.rows, tokens.grid.columns);
        let middle = |cell: usize, length: usize| (cell as f32 + 0.5) / length as f32;
        let constant = |share: &dyn Fn(usize) -> f32| {
            let shares: Vec<f32> = (0..rows * columns).map(share).collect();
            self.frames.graph().constant([rows * columns, 1], shares)
        };
        let y = constant(&|cell| middle(cell / columns, rows));
        let x = constant(&|cell| middle(cell % columns, columns));
        let [corner, down, right] = [0, 2, 4].map(|first| self.frames.slice(1, first, 2));
        let diagonal = &down * (1.0 / rows as f32) + &right * (1.0 / columns as f32);
        Cells {
            centers: corner.unsqueeze(1) + down.unsqueeze(1) * y + right.unsqueeze(1) * x,
            diagonals: diagonal.square().sum(&[-1]).sqrt(),
        }
    }
}

impl Cells {
    /// 1 where the centre of one of these cells and the centre of one of `others` are nearer to each other than
    /// `threshold` times the larger diagonal, and 0 elsewhere: `[samples, tokens, tokens of the others]` (PixPro, arXiv
    /// 2011.10043, equation 1).
    #[track_caller]
    pub fn near(&self, others: &Cells, threshold: f32) -> Tensor {
        let apart = self.centers.unsqueeze(2) - others.centers.unsqueeze(1);
        let distances = apart.square().sum(&[-1]).sqrt();
        let larger = self.diagonals.maximum(&others.diagonals) * threshold;
        distances.less(&larger.unsqueeze(1).unsqueeze(2))
    }
}

#[cfg(test)]
mod tests {
    use equilayer_engine::Graph;
    use equilayer_engine::reference::{Values, evaluate};

    use super::*;
    use crate::action::Grid;
    use crate::plugin::Side;

    /// An image of 20 × 30 pixels in 2 × 3 tokens, and its left two thirds, flipped, in 2 × 2.
    #[test]
    fn tokens_that_show_the_same_are_near() {
        let graph = Graph::new();
        let cells = |frame: [f32; 6], grid: Grid| {
            let tensor = graph.constant([1, grid.cells(), 1], vec![0.0; grid.cells()]);
            let tokens = Tokens { tensor, grid, side: Side::Student };
            Position::new(&graph.constant([1, 6], frame.to_vec())).cells(&tokens)
        };
        let whole = cells([0.0, 0.0, 20.0, 0.0, 0.0, 30.0], Grid::new(2, 3));
        let part = cells([0.0, 20.0, 20.0, 0.0, 0.0, -20.0], Grid::new(2, 2));
        graph.output("centers", &part.centers);
        graph.output("diagonals", &part.diagonals);
        graph.output("near", &whole.near(&part, 0.5));
        let found = evaluate(&graph, &Values::new()).expect("values");
        assert_eq!(found["centers"].data(), [5.0, 15.0, 5.0, 5.0, 15.0, 15.0, 15.0, 5.0]);
        assert!((found["diagonals"].data()[0] - 200.0_f64.sqrt()).abs() < 1e-12);
        let near: Vec<&[f64]> = found["near"].data().chunks(4).collect();
        let none = [0.0; 4];
        assert_eq!(near[..3], [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], none]);
        assert_eq!(near[3..], [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], none]);
    }
}
