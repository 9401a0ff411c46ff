//! Images as tokens and back: views, of which the planner copies one.

use crate::tensor::Tensor;

impl Tensor {
    /// An image batch `[B, C, H, W]` as tokens `[B, (H/p)·(W/p), C·p·p]`: patches row by row, and channel, row,
    /// column within each. This is the order of timm's patch embedding: its convolution's weight `[D, C, p, p]`,
    /// flattened to `[D, C·p·p]` and transposed, is the linear map of these tokens.
    #[track_caller]
    pub fn patchify(&self, patch: usize) -> Tensor {
        let refuse = |detail: String| self.graph().refuse("patchify", detail, &[self]);
        let [batch, channels, height, width] = self.shape()[..] else {
            return refuse("an image batch is [batch, channels, height, width]".into());
        };
        if let Err(detail) = divisible("height", height, patch).and(divisible("width", width, patch)) {
            return refuse(detail);
        }
        let (rows, columns) = (height / patch, width / patch);
        let grid = self.reshape([batch, channels, rows, patch, columns, patch]);
        grid.permute(&[0, 2, 4, 1, 3, 5]).reshape([batch, rows * columns, channels * patch * patch])
    }

    /// The inverse of [`Tensor::patchify`]: tokens `[B, (H/p)·(W/p), C·p·p]` as images `[B, C, H, W]` of the given
    /// height and width in pixels.
    #[track_caller]
    pub fn unpatchify(&self, patch: usize, height: usize, width: usize) -> Tensor {
        let refuse = |detail: String| self.graph().refuse("unpatchify", detail, &[self]);
        let [batch, tokens, features] = self.shape()[..] else {
            return refuse("patches are [batch, tokens, channels · patch · patch]".into());
        };
        if let Err(detail) = divisible("height", height, patch).and(divisible("width", width, patch)) {
            return refuse(detail);
        }
        let (rows, columns) = (height / patch, width / patch);
        if tokens != rows * columns {
            return refuse(format!(
                "{height} × {width} pixels are {rows} × {columns} patches, not {tokens} tokens"
            ));
        }
        let channels = features / (patch * patch);
        if features != channels * patch * patch {
            return refuse(format!(
                "{features} features are no whole number of channels of {patch} × {patch} pixels"
            ));
        }
        let grid = self.reshape([batch, rows, columns, channels, patch, patch]);
        grid.permute(&[0, 3, 1, 4, 2, 5]).reshape([batch, channels, height, width])
    }
}

/// Refuses a side that patches do not cover exactly, naming the nearest that they do.
fn divisible(side: &str, length: usize, patch: usize) -> Result<(), String> {
    if patch == 0 {
        return Err("a patch has at least 1 pixel".into());
    }
    let below = length / patch * patch;
    match below {
        0 => Err(format!(
            "{side} {length} is smaller than a patch of {patch}; the smallest that works is {patch}"
        )),
        _ if below == length => Ok(()),
        _ => Err(format!(
            "{side} {length} is no multiple of the patch size {patch}; the nearest that work are {below} and {}",
            below + patch
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::Graph;

    #[test]
    fn sizes_that_work_are_named() {
        let graph = Graph::new();
        graph.input("image", [1, 3, 224, 225]).patchify(16);
        let error = graph.check().expect_err("225 is no multiple of 16").to_string();
        let expected = "width 225 is no multiple of the patch size 16; the nearest that work are 224 and 240";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn impossible_patches_are_refused() {
        let refused = |height: usize, patch: usize| {
            let graph = Graph::new();
            graph.input("image", [1, 3, height, 32]).patchify(patch);
            graph.check().expect_err("no such patches").to_string()
        };
        assert!(refused(32, 0).contains("at least 1 pixel"));
        assert!(refused(8, 16).contains("the smallest that works is 16"));
    }
}
