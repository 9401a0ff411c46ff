//! Small pictures, put into the page itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A picture in colours. Written with its pixels as base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    width: u32,
    height: u32,
    rgb: String,
}

impl From<Picture> for Written {
    fn from(picture: Picture) -> Written {
        let Picture { width, height, rgb } = picture;
        Written { width, height, rgb: STANDARD.encode(rgb) }
    }
}

impl TryFrom<Written> for Picture {
    type Error = PictureError;

    fn try_from(written: Written) -> Result<Picture, PictureError> {
        // What is no base64 has no bytes, which is no picture.
        let rgb = STANDARD.decode(written.rgb).unwrap_or_default();
        Picture::new(written.width, written.height, rgb)
    }
}

/// Pixels that are no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found} bytes are no picture of {width}×{height} pixels, which takes {width} · {height} · 3, at least 3"
)]
pub struct PictureError {
    width: u32,
    height: u32,
    found: usize,
}

impl Picture {
    /// A picture from its pixels, row by row, each red, green and blue.
    ///
    /// # Errors
    /// Another number of bytes than the size takes; a size of nothing.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Picture, PictureError> {
        let bytes = u64::from(width) * u64::from(height) * 3;
        match bytes > 0 && bytes == rgb.len() as u64 {
            true => Ok(Picture { width, height, rgb }),
            false => Err(PictureError { width, height, found: rgb.len() }),
        }
    }

    /// As an address of a PNG that has it all in itself; empty if it cannot be encoded, which a browser shows as the
    /// picture's description.
    pub(super) fn data_url(&self) -> String {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.rgb));
        written.map_or(String::new(), |()| format!("data:image/png;base64,{}", STANDARD.encode(&bytes)))
    }
}
