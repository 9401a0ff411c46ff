//! Equivariance under the elements of a group.

use super::pairs::PairMeasures;
use crate::action::{Grid, GridMap, Interpolation};
use crate::evaluate::compute::Compute;
use crate::evaluate::error::EvaluateError;
use crate::evaluate::features::same;
use crate::evaluate::maps::{ImageBatch, TokenMaps, check_grid};

/// The quarter turns of a token grid other than the identity, as SER's score takes them.
pub fn quarter_turns(grid: Grid) -> Vec<GridMap> {
    (1..4).map(|quarters| GridMap::turn(grid, quarters)).collect()
}

/// Measures every map that `encode` makes of the images: token maps on the elements' grid (equivariance), or vectors
/// (invariance). `elements` act on the token grid, and on images as the same transformation of pixels, `patch` to a
/// token's side, both by bicubic interpolation where they interpolate. The maps come back in the encoder's order.
///
/// `encode` is called for the images as they are and once for each element, with all images: an encoder of bounded
/// memory cuts them itself.
///
/// # Errors
/// No elements, or the identity among them; images or token maps of another grid; another number or shape of maps for
/// moved images; whatever `encode` reports.
pub fn equivariance(
    images: &ImageBatch,
    elements: &[GridMap],
    patch: usize,
    mut encode: impl FnMut(&ImageBatch) -> Result<Vec<TokenMaps>, EvaluateError>,
) -> Result<Vec<PairMeasures>, EvaluateError> {
    if elements.is_empty() {
        return Err(EvaluateError::Empty { what: "group elements" });
    }
    if patch == 0 || patch > images.grid().rows {
        let range = "the side of a token in pixels, 1 to the images' height";
        return Err(EvaluateError::Setting { setting: "patch", value: patch.to_string(), range });
    }
    let mut compute = Compute::new()?;
    let still = encode(images)?;
    let mut found: Vec<Vec<PairMeasures>> = vec![Vec::new(); still.len()];
    for element in elements {
        if *element == GridMap::identity(element.from()) {
            let value = "the identity".into();
            let range = "any other: the identity moves nothing and would only raise the mean";
            return Err(EvaluateError::Setting { setting: "a group element", value, range });
        }
        let on_pixels = element.refined(patch);
        check_grid("images", on_pixels.from(), images.grid())?;
        let on_pixels = on_pixels.sample(Interpolation::Bicubic)?;
        let seen = encode(&images.moved(&mut compute, &on_pixels)?)?;
        same("numbers of maps that the encoder makes", still.len(), seen.len())?;
        for ((still, seen), found) in still.iter().zip(&seen).zip(&mut found) {
            found.push(compare(&mut compute, element, still, seen)?);
        }
    }
    Ok(found.iter().filter_map(|elements| PairMeasures::over_elements(elements)).collect())
}

/// One map of the images as they are beside the same map of the moved images.
fn compare(
    compute: &mut Compute,
    element: &GridMap,
    still: &TokenMaps,
    seen: &TokenMaps,
) -> Result<PairMeasures, EvaluateError> {
    if still.is_vector() {
        return PairMeasures::of(still, seen, &[true]);
    }
    check_grid("token maps", element.from(), still.grid())?;
    let on_tokens = element.sample(Interpolation::Bicubic)?;
    PairMeasures::of(&still.moved(compute, &on_tokens)?, seen, on_tokens.valid())
}
