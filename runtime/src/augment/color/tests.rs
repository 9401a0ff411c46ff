use super::*;
use JitterPart::{Brightness, Contrast, Hue, Saturation};

/// Pixels of all kinds of colours: grey, saturated, dark, light.
fn colours() -> Vec<[u8; 3]> {
    let levels = [0, 1, 60, 127, 128, 200, 254, 255];
    let pairs = levels.into_iter().flat_map(|red| levels.into_iter().map(move |green| (red, green)));
    pairs.flat_map(|(red, green)| levels.into_iter().map(move |blue| [red, green, blue])).collect()
}

fn image(colours: &[[u8; 3]]) -> Image {
    Image::from_interleaved(3, 1, colours.len(), colours.as_flattened()).unwrap()
}

fn jittered(image: &Image, change: impl Fn(&mut Jitter)) -> Vec<[u8; 3]> {
    let order = [Hue, Saturation, Contrast, Brightness];
    let mut jitter = Jitter {
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        hue: 0.0,
        order,
        strength: [1.0, 1.0, 1.0, 0.5],
    };
    change(&mut jitter);
    let mut image = image.clone();
    let step = ColorJitter { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.5, p: 1.0 };
    step.apply(&mut image, &jitter);
    let [red, green, blue] = image.rgb_mut().unwrap();
    red.iter().zip(green.iter()).zip(blue.iter()).map(|((&red, &green), &blue)| [red, green, blue]).collect()
}

/// ITU-R BT.601, exactly.
fn brightness_of(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(f64::from);
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// Each channel within `levels` of what `expected` says.
#[track_caller]
fn assert_changed(found: &[[u8; 3]], levels: f64, expected: impl Fn([u8; 3]) -> [f64; 3]) {
    for (colour, found) in colours().into_iter().zip(found) {
        let expected = expected(colour).map(|value| value.clamp(0.0, 255.0));
        let near = expected
            .iter()
            .zip(found)
            .all(|(&expected, &found)| (expected - f64::from(found)).abs() <= levels);
        assert!(near, "{colour:?} became {found:?}, not {expected:?}");
    }
}

const ROUNDING: f64 = 0.5 + 1e-3;

#[test]
fn brightness_scales_pixels() {
    for factor in [0.0, 0.6, 1.4] {
        let found = jittered(&image(&colours()), |jitter| jitter.brightness = factor);
        assert_changed(&found, ROUNDING, |colour| colour.map(|value| f64::from(value) * f64::from(factor)));
    }
}

#[test]
fn contrast_scales_distances_from_the_mean() {
    let mean = colours().into_iter().map(|colour| brightness_of(colour).round()).sum::<f64>();
    let mean = (mean / colours().len() as f64).round();
    for factor in [0.0, 0.6, 1.4] {
        let found = jittered(&image(&colours()), |jitter| jitter.contrast = factor);
        let scaled = |value: u8| mean + f64::from(factor) * (f64::from(value) - mean);
        assert_changed(&found, ROUNDING, |colour| colour.map(scaled));
    }
}

#[test]
fn saturation_scales_distances_from_the_own_brightness() {
    for factor in [0.0, 0.8, 1.2] {
        let found = jittered(&image(&colours()), |jitter| jitter.saturation = factor);
        let tolerance = ROUNDING + 0.5 * f64::from(1.0 - factor).abs(); // brightness is rounded to a byte first
        assert_changed(&found, tolerance, |colour| {
            let gray = brightness_of(colour);
            colour.map(|value| gray + f64::from(factor) * (f64::from(value) - gray))
        });
    }
}

/// From HSV as textbooks have it: a hue in degrees from the two larger channels, and six sectors back.
fn hue_turned([red, green, blue]: [f64; 3], degrees: f64) -> [f64; 3] {
    let (value, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let chroma = value - least;
    if chroma == 0.0 {
        return [value; 3];
    }
    let hue = if value == red {
        60.0 * ((green - blue) / chroma)
    } else if value == green {
        60.0 * ((blue - red) / chroma) + 120.0
    } else {
        60.0 * ((red - green) / chroma) + 240.0
    };
    let hue = (hue + degrees).rem_euclid(360.0);
    let middle = least + chroma * (1.0 - ((hue / 60.0).rem_euclid(2.0) - 1.0).abs());
    match (hue / 60.0) as usize {
        0 => [value, middle, least],
        1 => [middle, value, least],
        2 => [least, value, middle],
        3 => [least, middle, value],
        4 => [middle, least, value],
        _ => [value, least, middle],
    }
}

#[test]
fn hue_turns_colours() {
    for turn in [-0.5, -0.1, 0.05, 0.1, 1.0 / 3.0, 0.5] {
        let found = jittered(&image(&colours()), |jitter| jitter.hue = turn);
        assert_changed(&found, ROUNDING, |colour| hue_turned(colour.map(f64::from), 360.0 * f64::from(turn)));
    }
    let primary = image(&[[255, 0, 0], [0, 255, 0], [0, 0, 255]]);
    let third = jittered(&primary, |jitter| jitter.hue = 1.0 / 3.0);
    assert_eq!(third, [[0, 255, 0], [0, 0, 255], [255, 0, 0]]);
}

#[test]
fn parts_go_in_their_order() {
    let bright_first = jittered(&image(&[[200, 80, 0]]), |jitter| {
        (jitter.brightness, jitter.saturation) = (2.0, 0.0);
        jitter.order = [Brightness, Saturation, Contrast, Hue];
    });
    // Clipped to (255, 160, 0) first, whose brightness is 170.2; the other way round 106.8, rounded, then doubled.
    assert_eq!(bright_first, [[170; 3]]);
    let gray_first = jittered(&image(&[[200, 80, 0]]), |jitter| {
        (jitter.brightness, jitter.saturation) = (2.0, 0.0);
        jitter.order = [Saturation, Brightness, Contrast, Hue];
    });
    assert_eq!(gray_first, [[214; 3]]);
}

#[test]
fn nothing_changes_where_nothing_is_asked() {
    assert_eq!(jittered(&image(&colours()), |_| ()), colours());
}

#[test]
fn a_grey_image_has_no_saturation_and_no_hue() {
    let mut gray = Image::new(1, 1, 3, vec![0, 100, 200]).unwrap();
    let step = ColorJitter { brightness: 0.0, contrast: 0.0, saturation: 1.0, hue: 0.5, p: 1.0 };
    let jitter = Jitter {
        brightness: 1.0,
        contrast: 1.5,
        saturation: 0.0,
        hue: 0.5,
        order: JitterPart::ALL,
        strength: [0.0, 0.5, 1.0, 0.5],
    };
    step.apply(&mut gray, &jitter);
    assert_eq!(gray.pixels(), [0, 100, 250]); // the mean is 100
    Grayscale { p: 1.0 }.apply(&mut gray);
    assert_eq!(gray.pixels(), [0, 100, 250]);
}

#[test]
fn grayscale_is_the_brightness_of_each_pixel() {
    let mut image = image(&colours());
    Grayscale { p: 1.0 }.apply(&mut image);
    let area = colours().len();
    let pixels = image.pixels();
    assert!(pixels[..area] == pixels[area..2 * area] && pixels[..area] == pixels[2 * area..]);
    for (&pixel, colour) in pixels.iter().zip(colours()) {
        assert!((f64::from(pixel) - brightness_of(colour)).abs() <= ROUNDING, "{colour:?} became {pixel}");
    }
}

#[test]
fn solarize_inverts_from_the_threshold_on() {
    let mut image = Image::new(1, 1, 5, vec![0, 127, 128, 200, 255]).unwrap();
    Solarize { threshold: 0.5, p: 1.0 }.apply(&mut image, 0.5);
    assert_eq!(image.pixels(), [0, 127, 127, 55, 0]);
    Solarize { threshold: 0.0, p: 1.0 }.apply(&mut image, 0.0);
    assert_eq!(image.pixels(), [255, 128, 128, 200, 255]);
}

#[test]
fn draws_stay_within_their_strengths() {
    let step = ColorJitter { brightness: 0.4, contrast: 2.0, saturation: 0.0, hue: 0.1, p: 0.8 };
    let drawn: Vec<Jitter> = (0..1000).filter_map(|key| step.draw(&mut Draw::new(1, &[key]))).collect();
    assert!((735..865).contains(&drawn.len()), "{}", drawn.len());
    for jitter in &drawn {
        assert!((0.6..=1.4).contains(&jitter.brightness) && (0.0..=3.0).contains(&jitter.contrast));
        assert!(jitter.saturation == 1.0 && (-0.1..=0.1).contains(&jitter.hue));
        assert_eq!(jitter.strength, [0.4, 2.0, 0.0, 0.1]);
    }
    let orders: std::collections::HashSet<_> = drawn.iter().map(|jitter| jitter.order).collect();
    assert_eq!(orders.len(), 24);
}
