//! JPEG and PNG files to images.
//!
//! The format is told by the first bytes, not by the name: ImageNet holds a PNG named `.JPEG`. EXIF orientation is
//! applied, grey stays grey, opacity is left out, 16-bit samples keep their upper byte.

use std::cell::RefCell;
use std::io::Cursor;

use exif::{In, Reader, Tag};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{DataError, Image};

const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
const PNG: &[u8] = &[0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Larger pictures are refused before memory is asked for: a header of a few bytes can claim any size.
const MOST_PIXELS: usize = 1 << 26;

thread_local! {
    /// Interleaved pixels on their way to planes, kept between images: pages that the system has to give and clear anew
    /// cost a fifth of the decoding.
    static INTERLEAVED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Decodes the content of a JPEG or PNG file, upright as its EXIF orientation says. Errors call the file by the name
/// given.
///
/// # Errors
/// When the content is neither, is torn or corrupt, or has more than 2²⁶ pixels, 8,192 × 8,192.
pub fn decode_image(file: &str, content: &[u8]) -> Result<Image, DataError> {
    let decoded = if content.starts_with(JPEG) {
        decode_jpeg(content)
    } else if content.starts_with(PNG) {
        decode_png(content)
    } else {
        let start = &content[..content.len().min(4)];
        Err(format!("it starts with the bytes {start:02x?}, which is neither JPEG nor PNG"))
    };
    decoded.map_err(|reason| DataError::Image { file: file.into(), reason })
}

fn decode_jpeg(content: &[u8]) -> Result<Image, String> {
    // Strict, for otherwise the missing part of a torn file is grey, without a word.
    let options = DecoderOptions::new_fast().set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(content), options);
    let reason = |error: zune_jpeg::errors::DecodeErrors| format!("the JPEG is torn or corrupt ({error})");
    decoder.decode_headers().map_err(reason)?;
    let (width, height) = decoder.dimensions().ok_or("the JPEG declares no size")?;
    check_size(width, height)?;
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let space = if gray { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let channels = if gray { 1 } else { 3 };
    let image = INTERLEAVED.with_borrow_mut(|pixels| {
        pixels.resize(channels * width * height, 0);
        decoder.decode_into(pixels).map_err(reason)?;
        Image::from_interleaved(channels, height, width, pixels).map_err(|error| error.to_string())
    })?;
    Ok(upright(image, decoder.exif().map(Vec::as_slice)))
}

fn decode_png(content: &[u8]) -> Result<Image, String> {
    let reason = |error: png::DecodingError| format!("the PNG is torn or corrupt ({error})");
    let mut decoder = png::Decoder::new(Cursor::new(content));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info().map_err(reason)?.size();
    check_size(width as usize, height as usize)?;
    let mut reader = decoder.read_info().map_err(reason)?;
    let size = reader.output_buffer_size().ok_or("the PNG is larger than memory")?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(reason)?;
    pixels.truncate(frame.buffer_size());
    let image = Image::from_interleaved(
        frame.color_type.samples(),
        frame.height as usize,
        frame.width as usize,
        &pixels,
    );
    let image = image.map_err(|error| error.to_string())?;
    Ok(upright(image, reader.info().exif_metadata.as_deref()))
}

fn check_size(width: usize, height: usize) -> Result<(), String> {
    if width.checked_mul(height).is_some_and(|pixels| pixels <= MOST_PIXELS) {
        return Ok(());
    }
    Err(format!("it is {width} × {height} pixels, and at most {MOST_PIXELS} are read; scale it down"))
}

/// Turns the image as its EXIF data says; a file whose EXIF data cannot be read is taken as it lies.
fn upright(image: Image, exif: Option<&[u8]>) -> Image {
    let orientation = || {
        let data = Reader::new().read_raw(exif?.to_vec()).ok()?;
        data.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0)
    };
    oriented(image, orientation().unwrap_or(1))
}

/// Undoes an orientation of EXIF (1 to 8; any other is taken as 1). The value names the sides on which the stored
/// image's first row and first column are to be seen: 2, 3 and 4 are top-right, bottom-right and bottom-left; 5 to 8
/// are left-top, right-top, right-bottom and left-bottom, of a transposed image.
fn oriented(image: Image, orientation: u32) -> Image {
    let mut image = if (5..=8).contains(&orientation) { image.transposed() } else { image };
    if matches!(orientation, 2 | 3 | 6 | 7) {
        image.flip_horizontal();
    }
    if matches!(orientation, 3 | 4 | 7 | 8) {
        image.flip_vertical();
    }
    image
}

#[cfg(test)]
mod tests;
