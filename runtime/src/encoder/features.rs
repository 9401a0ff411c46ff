//! What a forward pass of an encoder makes.

use equilayer_engine::Tensor;

use crate::action::Grid;

/// A token map, and the CLS token beside it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// `[batch, grid.cells(), width]`, row by row.
    pub tokens: Tensor,
    /// Rows and columns of the tokens.
    pub grid: Grid,
    /// `[batch, width]`; nothing where no CLS token has joined yet.
    pub cls: Option<Tensor>,
}

/// What an encoder makes on its way, layer by layer.
#[derive(Clone, Debug)]
pub struct Features {
    /// After each layer. Layer 1 is the first: see [`Features::layer`].
    pub layers: Vec<Layer>,
    /// After the last layer and the encoder's final norm, where it has one.
    pub output: Layer,
}

impl Layer {
    /// A token map from a sequence `[batch, tokens, width]`, whose first token is CLS where there is `has_cls`: views,
    /// which cost nothing.
    #[track_caller]
    pub fn from_sequence(sequence: &Tensor, grid: Grid, has_cls: bool) -> Layer {
        match has_cls {
            true => {
                Layer { tokens: sequence.slice(1, 1, grid.cells()), grid, cls: Some(sequence.select(1, 0)) }
            }
            false => Layer { tokens: sequence.clone(), grid, cls: None },
        }
    }

    /// A token map from a feature map `[batch, channels, rows, columns]`: a view.
    #[track_caller]
    pub fn from_feature_map(map: &Tensor) -> Layer {
        let grid = Grid::new(map.dim(2), map.dim(3));
        let flat = map.reshape([map.dim(0), map.dim(1), grid.cells()]);
        Layer { tokens: flat.permute(&[0, 2, 1]), grid, cls: None }
    }

    /// The mean of the tokens, without CLS: `[batch, width]`.
    #[track_caller]
    pub fn pooled(&self) -> Tensor {
        self.tokens.mean(&[1])
    }
}

impl Features {
    /// The token map after a layer, 1 to the encoder's number of layers; nothing for others.
    pub fn layer(&self, layer: usize) -> Option<&Layer> {
        self.layers.get(layer.checked_sub(1)?)
    }

    /// The image as one vector, `[batch, width]`: the final CLS token, or the mean of the final tokens where there is
    /// none.
    #[track_caller]
    pub fn embedding(&self) -> Tensor {
        self.output.cls.clone().unwrap_or_else(|| self.output.pooled())
    }
}
