//! How features move with the image.

use equilayer::action::{Grid, GridMap, Interpolation};
use equilayer::evaluate::equivariance::{
    Generator, PairMeasures, equimod_gain, equivariance, local_equivariance_error, patch_pooling,
    quarter_turns,
};
use equilayer::evaluate::{EvaluateError, Evaluation, ImageBatch, TokenMaps};

use super::{assert_close, features, refusal, wave};

type Maps = Result<Vec<TokenMaps>, EvaluateError>;

fn images(count: usize, grid: Grid) -> Result<ImageBatch, EvaluateError> {
    let values = wave(count * grid.cells(), 0).into_iter().map(|value| 0.5 + 0.5 * value);
    ImageBatch::new(values.collect(), 1, grid)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn patch_pooling_is_exact_under_turns_and_flips() -> Result<(), EvaluateError> {
    let tokens = Grid::new(3, 4);
    let mut elements = quarter_turns(tokens);
    elements.extend([GridMap::hflip(tokens), GridMap::vflip(tokens)]);
    let found = &equivariance(&images(3, tokens.refined(4))?, &elements, 4, patch_pooling(4))?[0];
    for image in 0..3 {
        assert_close(found.cosine[image], 1.0, 1e-6);
        assert_close(found.centred_cosine[image], 1.0, 1e-5);
    }
    assert_close(found.group_error().expect("images that differ"), 0.0, 1e-6);
    Ok(())
}

#[test]
fn the_floor_of_a_rescaling_is_numpys() -> Result<(), EvaluateError> {
    let pixel = |c: f64, i: f64, j: f64| {
        (0.5 + 0.25 * (0.35 * i + 0.2 * j + c).sin() + 0.2 * (0.25 * j - 0.15 * i * c).cos()) as f32
    };
    let values = (0..3 * 576).map(|at| pixel((at / 576) as f64, (at / 24 % 24) as f64, (at % 24) as f64));
    let images = ImageBatch::new(values.collect(), 1, Grid::new(24, 24))?;
    let element = GridMap::rescale(Grid::new(6, 6), Grid::new(5, 7));
    let found = &equivariance(&images, &[element], 4, patch_pooling(4))?[0];
    for (found, expected) in found.cosine.iter().zip([0.999875732, 0.999811659, 0.999817784]) {
        assert_close(*found, expected, 1e-6);
    }
    for (found, expected) in found.centred_cosine.iter().zip([0.885714286, 0.942857143, 1.0]) {
        assert_close(*found, expected, 1e-5);
    }
    assert_close(found.group_error().expect("images that differ"), 0.05067990687469134, 1e-5);
    Ok(())
}

#[test]
fn a_map_that_ignores_the_image_scores_as_in_numpy() -> Result<(), EvaluateError> {
    let grid = Grid::new(3, 3);
    let fixed = |_: &ImageBatch| -> Maps { Ok(vec![TokenMaps::new(wave(36, 0), grid, 2)?]) };
    let found = &equivariance(&images(2, grid)?, &quarter_turns(grid), 1, fixed)?[0];
    for (found, expected) in found.cosine.iter().zip([-0.03317292, 0.891330792]) {
        assert_close(*found, expected, 1e-6);
    }
    for (found, expected) in found.centred_cosine.iter().zip([-0.020019737, 0.887693646]) {
        assert_close(*found, expected, 1e-6);
    }
    assert_close(found.group_error().expect("tokens that differ"), 1.0580536524720787, 1e-6);
    Ok(())
}

#[test]
fn tokens_from_outside_are_left_out_and_both_sides_centred_alike() -> Result<(), EvaluateError> {
    let grid = Grid::new(3, 3);
    let valid: Vec<bool> = (0..9).map(|token| token < 7).collect();
    let raised = wave(36, 50).into_iter().map(|value| value + 0.5).collect();
    let found =
        PairMeasures::of(&TokenMaps::new(wave(36, 0), grid, 2)?, &TokenMaps::new(raised, grid, 2)?, &valid)?;
    for (image, expected) in [-0.007374094, 0.083390407].into_iter().enumerate() {
        assert_close(found.cosine[image], expected, 1e-6);
    }
    for (image, expected) in [-0.055800638, 0.041567139].into_iter().enumerate() {
        assert_close(found.centred_cosine[image], expected, 1e-6);
    }
    assert_close(found.group_error().expect("tokens that differ"), 1.4924891339651705, 1e-6);
    Ok(())
}

#[test]
fn a_constant_map_scores_one_and_centred_nothing() -> Result<(), EvaluateError> {
    let grid = Grid::new(2, 2);
    let constant = |_: &ImageBatch| -> Maps { Ok(vec![TokenMaps::new([0.25, -0.5].repeat(12), grid, 2)?]) };
    let found = &equivariance(&images(3, grid)?, &quarter_turns(grid), 1, constant)?[0];
    assert_close(mean(&found.cosine), 1.0, 1e-9);
    assert_close(mean(&found.centred_cosine), 0.0, 1e-9);
    assert_eq!(found.group_error(), None);
    assert_eq!(found.measurements(&Evaluation::new("none", "none"))?.len(), 2);
    Ok(())
}

#[test]
fn vectors_are_measured_for_invariance_beside_their_maps() -> Result<(), EvaluateError> {
    let tokens = Grid::new(2, 2);
    let encode = |images: &ImageBatch| -> Maps {
        let mut maps = patch_pooling(2)(images)?;
        let brightest = images.images().map(|image| image.iter().copied().fold(0.0, f32::max));
        let corners = images.images().flat_map(|image| [image[0], image[15]]).collect();
        maps.push(TokenMaps::vectors(brightest.collect(), 1)?);
        maps.push(TokenMaps::vectors(corners, 2)?);
        Ok(maps)
    };
    let found = equivariance(&images(2, Grid::new(4, 4))?, &[GridMap::turn(tokens, 2)], 2, encode)?;
    assert_eq!(found.len(), 3);
    assert_close(mean(&found[1].cosine), 1.0, 1e-9);
    assert_close(found[1].group_error().expect("images that differ"), 0.0, 1e-9);
    // A half turn exchanges the corners a and b: cos((a, b), (b, a)) = 2ab / (a² + b²).
    for (cosine, image) in found[2].cosine.iter().zip(images(2, Grid::new(4, 4))?.images()) {
        let [a, b] = [image[0], image[15]].map(f64::from);
        assert_close(*cosine, 2.0 * a * b / (a * a + b * b), 1e-6);
    }
    Ok(())
}

/// A ramp along columns: pixel (i, j) is 0.1 + 0.05 j.
fn ramp(grid: Grid) -> Result<ImageBatch, EvaluateError> {
    let values = (0..grid.cells()).map(|cell| 0.1 + 0.05 * (cell % grid.columns) as f32);
    ImageBatch::new(values.collect(), 1, grid)
}

#[test]
fn the_local_error_of_a_vector_is_the_derivative_by_hand() -> Result<(), EvaluateError> {
    // The pixel 3 rows above and 2 columns right of the centre of 11 × 11, on a ramp of 0.05 a column: by bilinear
    // interpolation the ramp moves exactly.
    let pixel = |images: &ImageBatch| -> Maps {
        Ok(vec![TokenMaps::vectors(images.images().map(|image| image[2 * 11 + 7]).collect(), 1)?])
    };
    let ramp = ramp(Grid::new(11, 11))?;
    for (generator, slope) in [
        (Generator::Down, 0.0),
        (Generator::Right, -0.05),
        // Turning counterclockwise brings what was to the right: 3 rows up is 3 columns for a radian.
        (Generator::Rotation, 0.05 * 3.0),
        (Generator::Scale, -0.05 * 2.0),
    ] {
        let found = local_equivariance_error(&ramp, generator, 0.01, Interpolation::Bilinear, pixel)?;
        assert_close(found[0].error[0], slope * slope, 1e-5);
        assert_eq!(found[0].relative(), None, "one image, one vector: nothing varies");
    }
    Ok(())
}

#[test]
fn the_local_error_of_the_pixels_themselves_is_none() -> Result<(), EvaluateError> {
    let identity = |images: &ImageBatch| -> Maps {
        Ok(vec![TokenMaps::new(images.values().to_vec(), images.grid(), 1)?])
    };
    for generator in [Generator::Down, Generator::Right] {
        let images = images(2, Grid::new(8, 8))?;
        // A whole pixel forth and back is exact.
        let found = &local_equivariance_error(&images, generator, 1.0, Interpolation::Bicubic, identity)?[0];
        assert_close(mean(&found.error), 0.0, 1e-12);
        assert_close(found.relative().expect("pixels vary"), 0.0, 1e-12);
    }
    Ok(())
}

#[test]
fn pooling_commutes_with_small_moves_of_smooth_images_and_position_codes_do_not() -> Result<(), EvaluateError>
{
    let ramp = ramp(Grid::new(16, 16))?;
    let step = 0.5;
    let pooled =
        local_equivariance_error(&ramp, Generator::Right, step, Interpolation::Bilinear, patch_pooling(4))?;
    for (generator, place) in
        [(Generator::Right, (|cell| cell % 4) as fn(usize) -> usize), (Generator::Down, |cell| cell / 4)]
    {
        let coded = |images: &ImageBatch| -> Maps {
            let code = (0..16).map(|cell| if place(cell) < 2 { 1.0 } else { -1.0 });
            let codes = code.cycle().take(16 * images.count()).collect();
            Ok(vec![TokenMaps::new(codes, Grid::new(4, 4), 1)?])
        };
        let coded = local_equivariance_error(&ramp, generator, step, Interpolation::Bilinear, coded)?;
        // By half a pixel, an eighth of a token, the code's one step changes by ±1/8 · 2 in two of four columns: the
        // slope is (±1/4 ∓ 0) − (0 ∓ ±1/4) over 2t = 1, squared 1/16, in half of the tokens.
        assert_close(mean(&coded[0].error), 1.0 / 32.0, 1e-6);
    }
    // The ramp's only error is at the borders, which repeat themselves where the image goes black.
    assert!(mean(&pooled[0].error) < 0.1 / 32.0, "{:?}", pooled[0].error);
    Ok(())
}

#[test]
fn the_gain_of_a_predictor_is_the_difference_of_cosines() -> Result<(), EvaluateError> {
    let of = |values: &[f32]| equilayer::evaluate::Features::new(values.to_vec(), 2);
    // The prediction is right in the first row; in the second it ignores the transformation.
    let found =
        equimod_gain(&of(&[0.0, 2.0, 3.0, 4.0])?, &of(&[0.0, 1.0, 1.0, 0.0])?, &of(&[1.0, 0.0, 5.0, 0.0])?)?;
    assert_close(found[0], 1.0, 1e-9);
    assert_close(found[1], 0.0, 1e-9);
    assert!(equimod_gain(&features(2, 4, 0), &features(3, 4, 0), &features(2, 4, 0)).is_err());
    Ok(())
}

#[test]
fn what_cannot_be_moved_is_refused() -> Result<(), EvaluateError> {
    let grid = Grid::new(2, 2);
    let images = images(1, Grid::new(4, 4))?;
    let measure = |elements: &[GridMap], patch| equivariance(&images, elements, patch, patch_pooling(2));
    assert_eq!(
        refusal(measure(&[GridMap::turn(grid, 1)], 0)),
        "patch is 0; it must be the side of a token in pixels, 1 to the images' height"
    );
    assert_eq!(
        refusal(ImageBatch::new(vec![0.0; 4], usize::MAX, grid)),
        "images: 4 values do not fill the shape [0, 18446744073709551615, 2, 2], which takes 0"
    );
    assert_eq!(refusal(measure(&[], 2)), "group elements: there are none; an evaluation needs at least one");
    assert_eq!(
        refusal(measure(&[GridMap::turn(grid, 4)], 2)),
        "a group element is the identity; it must be any other: the identity moves nothing and would only raise the \
         mean"
    );
    assert_eq!(
        refusal(measure(&[GridMap::turn(grid, 1)], 3)),
        "images: the map reads a 6 × 6 grid, but the values lie on 4 × 4"
    );
    assert_eq!(
        refusal(equivariance(&images, &[GridMap::turn(Grid::new(4, 4), 1)], 1, patch_pooling(2))),
        "token maps: the map reads a 4 × 4 grid, but the values lie on 2 × 2"
    );
    assert_eq!(
        refusal(equivariance(&images, &[GridMap::turn(grid, 1)], 2, patch_pooling(3))),
        "patch is 3; it must be a divisor of the images' height and width"
    );
    let still =
        local_equivariance_error(&images, Generator::Scale, 0.0, Interpolation::Bicubic, patch_pooling(2));
    assert_eq!(refusal(still), "step of the central difference is 0; it must be above 0");
    Ok(())
}
