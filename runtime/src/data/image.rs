//! An image of bytes, plane by plane.
//!
//! Planes, because colour operations then run over contiguous bytes of one channel, which vectorises; bytes, because
//! files hold bytes and four times as many of them fit the cache. Networks take `f32`; the conversion comes last.

use equilayer_engine::cpu::dispatch;

use super::DataError;

/// A grey (one channel) or RGB (three channels) image, one byte a pixel and channel, channel by channel, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    channels: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// An image of (channels, height, width).
    ///
    /// # Errors
    /// When there are not 1 or 3 channels, a side is zero, or the pixels are not as many as the shape says.
    pub fn new(channels: usize, height: usize, width: usize, pixels: Vec<u8>) -> Result<Image, DataError> {
        let expected = [channels, height, width].into_iter().try_fold(1_usize, usize::checked_mul);
        if !matches!(channels, 1 | 3) || height == 0 || width == 0 || expected != Some(pixels.len()) {
            return Err(DataError::Pixels { channels, height, width, found: pixels.len() });
        }
        Ok(Image { channels, height, width, pixels })
    }

    /// An image of (height, width, channels), as decoders give it. Of two or four channels the last, opacity, is left
    /// out, as PIL's `convert` does.
    ///
    /// # Errors
    /// When there are not 1 to 4 channels, a side is zero, or the pixels are not as many as the shape says.
    pub fn from_interleaved(
        channels: usize,
        height: usize,
        width: usize,
        pixels: &[u8],
    ) -> Result<Image, DataError> {
        let fits = [channels, height, width].into_iter().try_fold(1_usize, usize::checked_mul);
        if fits != Some(pixels.len()) {
            return Err(DataError::Pixels { channels, height, width, found: pixels.len() });
        }
        let planes = match channels {
            1 => pixels.to_vec(),
            2 => pixels.chunks_exact(2).map(|pixel| pixel[0]).collect(),
            3 => deinterleave::<3>(pixels, height * width),
            4 => deinterleave::<4>(pixels, height * width),
            _ => return Err(DataError::Pixels { channels, height, width, found: pixels.len() }),
        };
        Image::new(if channels < 3 { 1 } else { 3 }, height, width, planes)
    }

    /// 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All pixels: (channels, height, width).
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All pixels, to change.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The channels, each (height, width).
    pub fn planes(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.height * self.width)
    }

    /// The rows of all channels, to change: the first channel's from top to bottom, then the next one's.
    pub fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [u8]> {
        self.pixels.chunks_exact_mut(self.width)
    }

    /// Red, green and blue, to change; nothing for a grey image.
    pub fn rgb_mut(&mut self) -> Option<[&mut [u8]; 3]> {
        let mut planes = self.pixels.chunks_exact_mut(self.height * self.width);
        Some([planes.next()?, planes.next()?, planes.next()?])
    }

    /// The image with three channels: a grey one is repeated.
    pub fn into_rgb(mut self) -> Image {
        if self.channels == 1 {
            self.pixels = self.pixels.repeat(3);
            self.channels = 3;
        }
        self
    }

    /// The image with one channel: of a coloured one, its [`luma`].
    pub fn into_gray(mut self) -> Image {
        if let Some([red, green, blue]) = self.rgb_mut() {
            replace_by_luma(red, green, blue);
            self.pixels.truncate(self.height * self.width);
            self.channels = 1;
        }
        self
    }

    /// Left and right exchanged.
    pub fn flip_horizontal(&mut self) {
        self.rows_mut().for_each(<[u8]>::reverse);
    }

    /// Quarter turns counterclockwise, as `torch.rot90`.
    pub fn turned(&self, quarters: u8) -> Image {
        let mut turned = match quarters % 2 {
            0 => self.clone(),
            _ => self.transposed(),
        };
        match quarters % 4 {
            1 => turned.flip_vertical(),
            2 => {
                turned.flip_vertical();
                turned.flip_horizontal();
            }
            3 => turned.flip_horizontal(),
            _ => {}
        }
        turned
    }

    /// Rows made columns and columns rows.
    pub(super) fn transposed(&self) -> Image {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for plane in self.planes() {
            for column in 0..self.width {
                pixels.extend(plane[column..].iter().step_by(self.width));
            }
        }
        Image { channels: self.channels, height: self.width, width: self.height, pixels }
    }

    /// Top and bottom exchanged.
    pub(super) fn flip_vertical(&mut self) {
        let width = self.width;
        for plane in self.pixels.chunks_exact_mut(self.height * width) {
            let (top, bottom) = plane.split_at_mut(self.height / 2 * width);
            let opposite = bottom.chunks_exact_mut(width).rev();
            top.chunks_exact_mut(width).zip(opposite).for_each(|(above, below)| above.swap_with_slice(below));
        }
    }
}

/// Brightness of a pixel: ITU-R BT.601's 0.299 R + 0.587 G + 0.114 B, in PIL's fixed-point arithmetic.
#[inline(always)]
pub fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue) + 32_768) >> 16) as u8
}

/// Puts each pixel's brightness where its red was.
fn replace_by_luma(red: &mut [u8], green: &[u8], blue: &[u8]) {
    dispatch(
        #[inline(always)]
        || {
            for ((red, &green), &blue) in red.iter_mut().zip(green).zip(blue) {
                *red = luma(*red, green, blue);
            }
        },
    );
}

/// Three planes of the first three of `CHANNELS` interleaved channels.
fn deinterleave<const CHANNELS: usize>(pixels: &[u8], area: usize) -> Vec<u8> {
    let mut planes = vec![0; 3 * area];
    let (red, rest) = planes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    dispatch(
        #[inline(always)]
        || {
            let (pixels, _) = pixels.as_chunks::<CHANNELS>();
            for (((pixel, red), green), blue) in
                pixels.iter().zip(red.iter_mut()).zip(green.iter_mut()).zip(blue.iter_mut())
            {
                (*red, *green, *blue) = (pixel[0], pixel[1], pixel[2]);
            }
        },
    );
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_channels_become_planes_and_opacity_goes() {
        let planes =
            |channels, pixels: &[u8]| Image::from_interleaved(channels, 1, 2, pixels).unwrap().pixels;
        assert_eq!(planes(1, &[1, 2]), [1, 2]);
        assert_eq!(planes(2, &[1, 9, 2, 9]), [1, 2]);
        assert_eq!(planes(3, &[1, 3, 5, 2, 4, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(planes(4, &[1, 3, 5, 9, 2, 4, 6, 9]), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn turns_are_counterclockwise() {
        let image = Image::new(1, 2, 3, vec![0, 1, 2, 3, 4, 5]).unwrap();
        let pixels = |quarters| image.turned(quarters).pixels().to_vec();
        assert_eq!(pixels(0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(pixels(1), [2, 5, 1, 4, 0, 3]);
        assert_eq!(pixels(2), [5, 4, 3, 2, 1, 0]);
        assert_eq!(pixels(3), [3, 0, 4, 1, 5, 2]);
        assert_eq!([image.turned(1).height(), image.turned(1).width()], [3, 2]);
    }

    #[test]
    fn flips_and_transposition_move_every_channel() {
        let image = Image::new(3, 2, 3, (0..18).collect()).unwrap();
        let mut flipped = image.clone();
        flipped.flip_horizontal();
        assert_eq!(flipped.pixels[6..12], [8, 7, 6, 11, 10, 9]);
        let mut upside_down = image.clone();
        upside_down.flip_vertical();
        assert_eq!(upside_down.pixels[6..12], [9, 10, 11, 6, 7, 8]);
        let transposed = image.transposed();
        assert_eq!((transposed.height, transposed.width), (3, 2));
        assert_eq!(transposed.pixels[6..12], [6, 9, 7, 10, 8, 11]);
    }

    #[test]
    fn gray_and_back() {
        let image = Image::new(3, 1, 4, vec![255, 0, 0, 9, 0, 255, 0, 9, 0, 0, 255, 9]).unwrap();
        let gray = image.into_gray();
        assert_eq!(gray.pixels, [76, 150, 29, 9]); // 0.299, 0.587 and 0.114 of 255
        assert_eq!(gray.into_rgb().pixels, [76, 150, 29, 9, 76, 150, 29, 9, 76, 150, 29, 9]);
    }

    #[test]
    fn refuses_what_is_no_image() {
        let refusal = |channels, height, width, len| {
            Image::new(channels, height, width, vec![0; len]).unwrap_err().to_string()
        };
        assert_eq!(
            refusal(3, 2, 2, 11),
            "11 bytes are no image of 3 channels, 2 rows and 2 columns: give channels × rows × columns bytes, \
             of 1 channel or 3, and no side of zero"
        );
        assert!(refusal(2, 1, 1, 2).starts_with("2 bytes are no image of 2 channels"));
        assert!(refusal(1, 0, 4, 0).starts_with("0 bytes are no image"));
        assert!(refusal(3, usize::MAX, 2, 6).starts_with("6 bytes are no image"));
        assert!(Image::from_interleaved(5, 1, 1, &[0; 5]).is_err());
        assert!(Image::from_interleaved(4, 1, 1, &[0; 3]).is_err());
    }
}
