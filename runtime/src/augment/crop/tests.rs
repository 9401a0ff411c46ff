use super::*;
use crate::action::{Grid, GridMap};

/// Noise around the middle, so that no interpolation reaches beyond bytes.
fn noise(channels: usize, height: usize, width: usize) -> Image {
    let mut draw = Draw::new(1, &[]);
    let pixels = (0..channels * height * width).map(|_| 64 + draw.below(128) as u8).collect();
    Image::new(channels, height, width, pixels).unwrap()
}

fn whole(image: &Image) -> CropBox {
    CropBox::whole([image.height(), image.width()])
}

fn resized(image: &Image, crop: CropBox, size: usize, interpolation: Interpolation) -> Image {
    let mut view = Cow::Borrowed(image);
    RandomResizedCrop { interpolation, ..RandomResizedCrop::new(size, [1.0; 2]) }.apply(&mut view, &crop);
    view.into_owned()
}

/// What `action` makes of the whole image on a square grid.
fn by_action(image: &Image, size: usize, interpolation: Interpolation) -> Vec<f64> {
    let map = GridMap::rescale(Grid::new(image.height(), image.width()), Grid::new(size, size));
    let map = map.sample(interpolation).unwrap();
    let taps = map.taps();
    let rows = taps.indices().chunks(taps.taps()).zip(taps.weights().chunks(taps.taps()));
    let rows: Vec<_> = rows.collect();
    let value = |plane: &[u8], (cells, weights): &(&[f32], &[f32])| {
        let terms = cells.iter().zip(*weights);
        terms.map(|(&cell, &weight)| f64::from(plane[cell as usize]) * f64::from(weight)).sum::<f64>()
    };
    image.planes().flat_map(|plane| rows.iter().map(move |row| value(plane, row))).collect()
}

/// Columns and rows are resized one after the other, each rounded: half a level, grown by the second kernel's weights
/// (their absolute values sum to 1.375 at most), and half a level.
const ROUNDINGS: f64 = 0.5 * 1.375 + 0.5 + 0.02;

#[test]
fn enlarging_is_the_interpolation_of_action() {
    for (height, width, size) in [(12, 17, 40), (28, 28, 29), (5, 5, 20)] {
        let image = noise(3, height, width);
        for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
            let found = resized(&image, whole(&image), size, interpolation);
            let expected = by_action(&image, size, interpolation);
            // Bicubic kernels reach two cells: over the border they differ, by design.
            let border = if interpolation == Interpolation::Bicubic {
                2 * size.div_ceil(height.min(width))
            } else {
                0
            };
            let inner = border..size - border;
            let mut compared = 0;
            for (cell, (&found, expected)) in found.pixels().iter().zip(expected).enumerate() {
                if inner.contains(&(cell / size % size)) && inner.contains(&(cell % size)) {
                    let error = (f64::from(found) - expected).abs();
                    assert!(error <= ROUNDINGS, "{interpolation:?} at {cell}: {found} instead of {expected}");
                    compared += 1;
                }
            }
            assert!(compared >= 3 * 16, "{interpolation:?} to {size}: compared {compared}");
        }
    }
}

/// Along one axis: the kernel, widened by the scale, over the cells of the box, its weights made to sum to 1.
fn axis(line: &[f64], size: usize, interpolation: Interpolation) -> Vec<f64> {
    let scale = line.len() as f64 / size as f64;
    let value = |target: usize| {
        let centre = (target as f64 + 0.5) * scale;
        let weight = |cell: usize| interpolation.kernel((cell as f64 + 0.5 - centre) / scale.max(1.0));
        let sum: f64 = (0..line.len()).map(weight).sum();
        line.iter().enumerate().map(|(cell, value)| weight(cell) * value).sum::<f64>() / sum
    };
    (0..size).map(value).collect()
}

#[test]
fn shrinking_takes_the_mean_over_what_a_pixel_covers() {
    let image = noise(1, 37, 61);
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let found = resized(&image, whole(&image), 9, interpolation);
        let lines: Vec<Vec<f64>> =
            image.pixels().chunks(61).map(|row| row.iter().map(|&p| p.into()).collect()).collect();
        let narrow: Vec<Vec<f64>> = lines.iter().map(|line| axis(line, 9, interpolation)).collect();
        for column in 0..9 {
            let line: Vec<f64> = narrow.iter().map(|line| line[column]).collect();
            for (row, expected) in axis(&line, 9, interpolation).into_iter().enumerate() {
                let error = (f64::from(found.pixels()[row * 9 + column]) - expected).abs();
                assert!(error <= ROUNDINGS, "{interpolation:?} at {row}, {column}: {error}");
            }
        }
    }
}

#[test]
fn a_crop_is_the_resized_cut() {
    let image = noise(3, 20, 30);
    let crop = CropBox { source: [20, 30], top: 3.0, left: 7.0, height: 12.0, width: 16.0 };
    let rows = (0..3 * 20).filter(|row| (3..15).contains(&(row % 20)));
    let cut = rows.flat_map(|row| image.pixels()[row * 30 + 7..row * 30 + 23].to_vec()).collect();
    let cut = Image::new(3, 12, 16, cut).unwrap();
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        assert_eq!(resized(&image, crop, 10, interpolation), resized(&cut, whole(&cut), 10, interpolation));
    }
    let same_size = CropBox { height: 12.0, width: 12.0, ..crop };
    assert_eq!(
        resized(&image, same_size, 12, Interpolation::Bicubic).pixels()[..12],
        image.pixels()[97..109]
    );
}

#[test]
fn the_whole_image_at_its_own_size_is_unchanged() {
    let image = noise(3, 16, 16);
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        assert_eq!(resized(&image, whole(&image), 16, interpolation), image);
    }
}

#[test]
fn a_box_of_another_image_is_scaled() {
    let crop = CropBox { source: [10, 20], top: 5.0, left: 5.0, height: 5.0, width: 10.0 };
    let scaled = CropBox { source: [20, 20], top: 10.0, left: 5.0, height: 10.0, width: 10.0 };
    assert_eq!(crop.scaled_to([20, 20]), scaled);
    let image = noise(1, 20, 20);
    let resize = |crop| resized(&image, crop, 8, Interpolation::Bilinear);
    assert_eq!(resize(crop), resize(scaled));
}

/// Parameters can come from a file: nonsense gives some pixels of the image, never a panic.
#[test]
fn nonsense_boxes_stay_inside() {
    let image = noise(1, 6, 9);
    for value in [f32::NAN, f32::INFINITY, -1e30, 1e30, 0.0] {
        for source in [[6, 9], [0, 0], [3, 3]] {
            let crop = CropBox { source, top: value, left: value, height: value, width: value };
            assert_eq!(resized(&image, crop, 4, Interpolation::Bilinear).height(), 4);
            let mut view = Cow::Borrowed(&image);
            let center = CenterCrop { size: 4, shorter_side: 5, interpolation: Interpolation::Bicubic };
            center.apply(&mut view, &crop);
            assert_eq!(view.width(), 4);
        }
    }
}

#[test]
fn boxes_have_the_areas_and_shapes_asked_for() {
    let step = RandomResizedCrop::new(224, [0.08, 1.0]);
    let (mut areas, mut wide) = (0.0, 0);
    for key in 0..4000 {
        let CropBox { top, left, height, width, .. } = step.draw(&mut Draw::new(1, &[key]), [375, 500]);
        assert!(top >= 0.0 && left >= 0.0 && top + height <= 375.0 && left + width <= 500.0);
        let (area, ratio) = (height * width / (375.0 * 500.0), width / height);
        assert!((0.075..=1.0).contains(&area), "{area}");
        assert!((0.74..1.35).contains(&ratio), "{ratio}"); // sides are rounded
        areas += area;
        wide += usize::from(ratio > 1.0);
    }
    // A share s above 9/16 fits with probability −ln s / 2 ln ¾⁻¹, as wide boxes only from ¾ on: areas have a mean
    // of 0.432, and 58 % of the boxes are wide. Five standard deviations either way.
    assert!((0.415..0.45).contains(&(areas / 4000.0)), "{areas}");
    assert!((2164..2476).contains(&wide), "{wide}");
}

#[test]
fn a_box_that_never_fits_is_the_largest_in_the_middle() {
    let step = RandomResizedCrop { scale: [1.0, 1.0], ..RandomResizedCrop::new(8, [1.0, 1.0]) };
    let crop = step.draw(&mut Draw::new(1, &[]), [100, 1000]);
    assert_eq!(crop, CropBox { source: [100, 1000], top: 0.0, left: 434.0, height: 100.0, width: 133.0 });
    let crop = step.draw(&mut Draw::new(1, &[]), [1000, 100]);
    assert_eq!(crop, CropBox { source: [1000, 100], top: 434.0, left: 0.0, height: 133.0, width: 100.0 });
    let crop = step.draw(&mut Draw::new(1, &[]), [1, 1]);
    assert_eq!(crop, CropBox::whole([1, 1]));
}

#[test]
fn the_middle_is_cut_out() {
    let step = CenterCrop { size: 224, shorter_side: 256, interpolation: Interpolation::Bilinear };
    let crop = step.crop([256, 384]);
    assert_eq!(crop, CropBox { source: [256, 384], top: 16.0, left: 80.0, height: 224.0, width: 224.0 });
    let image = noise(3, 12, 20);
    let view = |step: CenterCrop| {
        let mut view = Cow::Borrowed(&image);
        step.apply(&mut view, &step.crop([12, 20]));
        view.into_owned()
    };
    // Twice as large, then cut: what lies around the middle is seen in its border.
    let large = view(CenterCrop { size: 24, shorter_side: 24, interpolation: Interpolation::Bicubic });
    let small = view(CenterCrop { size: 10, shorter_side: 24, interpolation: Interpolation::Bicubic });
    let rows = large.pixels().chunks(24).enumerate().filter(|(row, _)| (7..17).contains(&(row % 24)));
    let cut: Vec<u8> = rows.flat_map(|(_, row)| row[7..17].to_vec()).collect();
    assert_eq!(small.pixels(), cut);

    let image = noise(3, 64, 64);
    let step = CenterCrop { size: 64, shorter_side: 64, interpolation: Interpolation::Bilinear };
    let mut view = Cow::Borrowed(&image);
    step.apply(&mut view, &step.crop([64, 64]));
    assert_eq!(*view, image);
}
