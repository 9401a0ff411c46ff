use super::*;

/// The convolution in two dimensions, from the definition.
fn reference(image: &Image, sigma: f64) -> Vec<f64> {
    let reach = (3.0 * sigma).ceil() as isize;
    let gaussian = |x: isize| (-(x as f64).powi(2) / (2.0 * sigma * sigma)).exp();
    let sum: f64 = (-reach..=reach).map(gaussian).sum();
    let (height, width) = (image.height() as isize, image.width() as isize);
    let mirror = |mut position: isize, length: isize| {
        while length > 1 && !(0..length).contains(&position) {
            position = if position < 0 { -position } else { 2 * (length - 1) - position };
        }
        if length == 1 { 0 } else { position }
    };
    let mut blurred = Vec::new();
    for plane in image.planes() {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let mut value = 0.0;
            for (down, right) in
                (-reach..=reach).flat_map(|down| (-reach..=reach).map(move |right| (down, right)))
            {
                let cell = mirror(y + down, height) * width + mirror(x + right, width);
                value += gaussian(down) * gaussian(right) / (sum * sum) * f64::from(plane[cell as usize]);
            }
            blurred.push(value);
        }
    }
    blurred
}

fn noise(channels: usize, height: usize, width: usize) -> Image {
    let mut draw = Draw::new(1, &[]);
    let pixels = (0..channels * height * width).map(|_| draw.below(256) as u8).collect();
    Image::new(channels, height, width, pixels).unwrap()
}

fn blurred(image: &Image, sigma: f32) -> Image {
    let mut image = image.clone();
    GaussianBlur { sigma: [sigma; 2], p: 1.0 }.apply(&mut image, sigma);
    image
}

/// Sides below, at and above the block of the vector loop, and below the kernel's reach.
#[test]
fn is_the_convolution_with_a_gaussian() {
    let cases =
        [(3, 9, 13, 0.5), (1, 5, 64, 1.0), (1, 7, 70, 2.0), (3, 28, 28, 1.7), (1, 3, 2, 2.0), (1, 1, 4, 1.0)];
    for (channels, height, width, sigma) in cases {
        let image = noise(channels, height, width);
        let found = blurred(&image, sigma);
        for (&found, expected) in found.pixels().iter().zip(reference(&image, f64::from(sigma))) {
            let error = (f64::from(found) - expected).abs();
            assert!(error <= 0.502, "{height} × {width}, σ = {sigma}: {found} instead of {expected}");
        }
    }
}

#[test]
fn a_flat_image_and_a_tiny_sigma_change_nothing() {
    let flat = Image::new(1, 10, 10, vec![77; 100]).unwrap();
    assert_eq!(blurred(&flat, 2.0), flat);
    let image = noise(3, 10, 10);
    assert_eq!(blurred(&image, 0.1), image);
    assert_eq!(blurred(&image, 1e-30), image);
}
