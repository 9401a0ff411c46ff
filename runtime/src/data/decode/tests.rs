use super::*;
use jpeg_encoder::{ColorType, Encoder};

/// A smooth picture, which JPEG keeps to a few levels: (height, width, channels).
fn picture(channels: usize, height: usize, width: usize) -> Vec<u8> {
    let pixel = |i: usize, channel: usize| 40 + (2 * (i / width) + (i % width)) * (channel + 1);
    (0..height * width).flat_map(|i| (0..channels).map(move |channel| pixel(i, channel) as u8)).collect()
}

fn jpeg(pixels: &[u8], width: u16, height: u16, kind: ColorType, exif: Option<&[u8]>) -> Vec<u8> {
    let mut content = Vec::new();
    let mut encoder = Encoder::new(&mut content, 98);
    if let Some(exif) = exif {
        encoder.add_app_segment(1, [b"Exif\0\0", exif].concat()).unwrap();
    }
    encoder.encode(pixels, width, height, kind).unwrap();
    content
}

/// EXIF data whose only field is the orientation: a TIFF header, and a directory of one entry, little-endian.
fn exif(orientation: u8) -> Vec<u8> {
    let mut data = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    data.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    data
}

fn png(kind: png::ColorType, depth: png::BitDepth, pixels: &[u8], exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut content = Vec::new();
    let mut info = png::Info::with_size(2, 1);
    (info.color_type, info.bit_depth, info.exif_metadata) = (kind, depth, exif.map(Into::into));
    if kind == png::ColorType::Indexed {
        info.palette = Some(vec![9, 8, 7, 6, 5, 4].into());
    }
    let encoder = png::Encoder::with_info(&mut content, info).unwrap();
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    content
}

fn refusal(content: &[u8]) -> String {
    decode_image("some-file", content).unwrap_err().to_string()
}

#[test]
fn jpegs_keep_their_colours() {
    for (channels, kind) in [(3, ColorType::Rgb), (1, ColorType::Luma)] {
        let pixels = picture(channels, 16, 24);
        let image = decode_image("some-file", &jpeg(&pixels, 24, 16, kind, None)).unwrap();
        assert_eq!((image.channels(), image.height(), image.width()), (channels, 16, 24));
        let expected = Image::from_interleaved(channels, 16, 24, &pixels).unwrap();
        let worst = image.pixels().iter().zip(expected.pixels()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(6), "{kind:?}: {worst:?} levels off");
    }
}

#[test]
fn pngs_of_every_kind_are_read_exactly() {
    use png::BitDepth::{Eight, One, Sixteen};
    use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    let cases: [(_, _, &[u8], &[u8]); 8] = [
        (Grayscale, Eight, &[1, 2], &[1, 2]),
        (Grayscale, One, &[0b0100_0000], &[0, 255]),
        (Grayscale, Sixteen, &[1, 99, 2, 99], &[1, 2]),
        (GrayscaleAlpha, Eight, &[1, 0, 2, 0], &[1, 2]),
        (Rgb, Eight, &[1, 3, 5, 2, 4, 6], &[1, 2, 3, 4, 5, 6]),
        (Rgb, Sixteen, &[1, 99, 3, 99, 5, 99, 2, 99, 4, 99, 6, 99], &[1, 2, 3, 4, 5, 6]),
        (Rgba, Eight, &[1, 3, 5, 0, 2, 4, 6, 0], &[1, 2, 3, 4, 5, 6]),
        (Indexed, Eight, &[1, 0], &[6, 9, 5, 8, 4, 7]),
    ];
    for (kind, depth, pixels, expected) in cases {
        let image = decode_image("some-file", &png(kind, depth, pixels, None)).unwrap();
        assert_eq!(image.pixels(), expected, "{kind:?} {depth:?}");
    }
}

/// Each orientation of EXIF, of the picture `0 1 2 / 3 4 5` as the camera stored it.
#[test]
fn exif_orientations_are_undone() {
    let upright: [(u32, usize, [u8; 6]); 9] = [
        (1, 3, [0, 1, 2, 3, 4, 5]),
        (2, 3, [2, 1, 0, 5, 4, 3]),
        (3, 3, [5, 4, 3, 2, 1, 0]),
        (4, 3, [3, 4, 5, 0, 1, 2]),
        (5, 2, [0, 3, 1, 4, 2, 5]),
        (6, 2, [3, 0, 4, 1, 5, 2]), // turned a quarter clockwise
        (7, 2, [5, 2, 4, 1, 3, 0]),
        (8, 2, [2, 5, 1, 4, 0, 3]), // turned a quarter counterclockwise
        (9, 3, [0, 1, 2, 3, 4, 5]),
    ];
    for (orientation, width, expected) in upright {
        let stored = Image::new(1, 2, 3, (0..6).collect()).unwrap();
        let image = oriented(stored, orientation);
        assert_eq!((image.width(), image.pixels()), (width, &expected[..]), "orientation {orientation}");
    }
}

#[test]
fn orientation_is_read_from_jpeg_and_png() {
    let turned = jpeg(&picture(3, 16, 24), 24, 16, ColorType::Rgb, Some(&exif(6)));
    let image = decode_image("some-file", &turned).unwrap();
    assert_eq!((image.height(), image.width()), (24, 16));

    let mirrored = png(png::ColorType::Grayscale, png::BitDepth::Eight, &[1, 2], Some(exif(2)));
    assert_eq!(decode_image("some-file", &mirrored).unwrap().pixels(), [2, 1]);

    let nonsense = png(png::ColorType::Grayscale, png::BitDepth::Eight, &[1, 2], Some(vec![7; 9]));
    assert_eq!(decode_image("some-file", &nonsense).unwrap().pixels(), [1, 2]);
}

#[test]
fn torn_files_are_refused() {
    let pixels = picture(3, 64, 64);
    let jpeg = jpeg(&pixels, 64, 64, ColorType::Rgb, None);
    let png = png(png::ColorType::Grayscale, png::BitDepth::Eight, &[1, 2], None);
    for part in [20, 40, 60, 80, 95] {
        let message = refusal(&jpeg[..jpeg.len() * part / 100]);
        assert!(
            message.starts_with("some-file: cannot be decoded: the JPEG is torn or corrupt ("),
            "{message}"
        );
        assert!(message.ends_with("); replace the file or remove it"), "{message}");
    }
    let torn = refusal(&png[..png.len() - 20]);
    assert!(torn.starts_with("some-file: cannot be decoded: the PNG is torn or corrupt ("), "{torn}");
    let mut flipped = png.clone();
    flipped[20] ^= 1; // in the header, which has a checksum
    assert!(refusal(&flipped).contains("the PNG is torn or corrupt ("));
}

#[test]
fn what_is_no_picture_is_named() {
    assert_eq!(
        refusal(b"GIF89a"),
        "some-file: cannot be decoded: it starts with the bytes [47, 49, 46, 38], which is neither JPEG nor PNG; \
         replace the file or remove it"
    );
}

#[test]
fn a_header_that_claims_too_much_costs_no_memory() {
    let mut content = Vec::new();
    let mut encoder = png::Encoder::new(&mut content, 1 << 30, 1 << 30);
    encoder.set_color(png::ColorType::Rgba);
    drop(encoder.write_header().unwrap());
    let message = refusal(&content);
    assert!(
        message
            .contains("it is 1073741824 × 1073741824 pixels, and at most 67108864 are read; scale it down"),
        "{message}"
    );
}
