//! The IDX format: `00 00 type rank`, each dimension as a big-endian `u32`, then the elements, last axis fastest.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::DataError;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const UNSIGNED_BYTE: u8 = 0x08;

/// The content of an IDX file of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    pub(super) file: String,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

impl Idx {
    /// Reads a file, gzip-compressed or not.
    ///
    /// # Errors
    /// When the file cannot be read, or for any reason of [`Idx::decode`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let file = path.as_ref().display().to_string();
        match std::fs::read(path) {
            Ok(content) => Self::decode(&file, &content),
            Err(source) => Err(DataError::Read { file, source }),
        }
    }

    /// Decodes the content of a file, gzip-compressed or not. Errors call the file by the name given.
    ///
    /// # Errors
    /// When the gzip stream is torn, the content is not IDX, its elements are not unsigned bytes, or it has fewer or
    /// more of them than its header declares.
    pub fn decode(file: &str, content: &[u8]) -> Result<Self, DataError> {
        if content.starts_with(&GZIP) {
            decode(MultiGzDecoder::new(content), file)
        } else {
            decode(content, file)
        }
    }

    /// The dimensions, slowest first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, last axis fastest; as many as the dimensions multiply to.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn decode(mut content: impl Read, file: &str) -> Result<Idx, DataError> {
    let shape = header(&mut content, file)?;
    let Some(expected) = shape.iter().try_fold(1_usize, |size, &dim| size.checked_mul(dim)) else {
        return Err(DataError::TooLarge { file: file.into(), shape });
    };
    // One byte more than declared, to see that nothing follows. The buffer grows with what is there, so a header that
    // lies about its size costs no memory.
    let bytes = up_to(&mut content, (expected as u64).saturating_add(1), file)?;
    let found = bytes.len();
    if found < expected {
        return Err(DataError::TruncatedPayload { file: file.into(), shape, expected, found });
    }
    if found > expected {
        return Err(DataError::TrailingBytes { file: file.into(), shape, expected });
    }
    Ok(Idx { file: file.into(), shape, bytes })
}

/// Reads the header and returns the dimensions.
fn header(content: &mut impl Read, file: &str) -> Result<Vec<usize>, DataError> {
    let start = up_to(content, 4, file)?;
    let &[zero, also_zero, element, rank] = start.as_slice() else {
        return Err(DataError::TruncatedHeader { file: file.into(), expected: 4, found: start.len() });
    };
    if [zero, also_zero] != [0, 0] {
        return Err(DataError::Magic { file: file.into(), found: [zero, also_zero] });
    }
    if element != UNSIGNED_BYTE {
        return Err(DataError::Element { file: file.into(), code: element });
    }
    let size = 4 * usize::from(rank);
    let dims = up_to(content, size as u64, file)?;
    if dims.len() < size {
        return Err(DataError::TruncatedHeader {
            file: file.into(),
            expected: 4 + size,
            found: 4 + dims.len(),
        });
    }
    Ok(dims
        .chunks_exact(4)
        .map(|dim| u32::from_be_bytes([dim[0], dim[1], dim[2], dim[3]]) as usize)
        .collect())
}

/// Reads `limit` bytes, or fewer where the content ends.
fn up_to(content: &mut impl Read, limit: u64, file: &str) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let read: io::Result<usize> = content.take(limit).read_to_end(&mut bytes);
    match read {
        Ok(_) => Ok(bytes),
        Err(source) => Err(DataError::Gzip { file: file.into(), source }), // a slice cannot fail: only gzip can
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// Two images of 2×3.
    const WHOLE: &[u8] =
        &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn refusal(content: &[u8]) -> String {
        Idx::decode("some-file", content).unwrap_err().to_string()
    }

    #[test]
    fn reads_plain_and_compressed() {
        for content in [WHOLE.to_vec(), gzip(WHOLE)] {
            let idx = Idx::decode("some-file", &content).unwrap();
            assert_eq!(idx.shape(), [2, 2, 3]);
            assert_eq!(idx.bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        }
    }

    #[test]
    fn reads_an_empty_set() {
        let idx = Idx::decode("some-file", &[0, 0, 8, 1, 0, 0, 0, 0]).unwrap();
        assert_eq!((idx.shape(), idx.bytes()), (&[0][..], &[][..]));
    }

    /// A prefix is never taken for the whole: wherever a file is torn, it is refused, compressed or not.
    #[test]
    fn refuses_every_prefix() {
        for len in 0..WHOLE.len() {
            let error = Idx::decode("some-file", &WHOLE[..len]).unwrap_err();
            match len {
                0..16 => assert!(matches!(error, DataError::TruncatedHeader { found, .. } if found == len)),
                _ => assert!(matches!(error, DataError::TruncatedPayload { found, .. } if found == len - 16)),
            }
        }
        let compressed = gzip(WHOLE);
        for len in 2..compressed.len() {
            let error = Idx::decode("some-file", &compressed[..len]).unwrap_err();
            assert!(matches!(error, DataError::Gzip { .. }), "{len}: {error}");
        }
    }

    #[test]
    fn refuses_a_gzip_stream_with_a_wrong_checksum() {
        let mut compressed = gzip(WHOLE);
        let checksum = compressed.len() - 8;
        compressed[checksum] ^= 1;
        let message = refusal(&compressed);
        assert!(message.starts_with("some-file: the gzip stream is torn or corrupt"), "{message}");
        assert!(message.ends_with("fetch or copy the file again"), "{message}");
    }

    #[test]
    fn says_what_is_wrong_and_what_to_do() {
        let mut png = WHOLE.to_vec();
        png[..2].copy_from_slice(&[0x89, 0x50]);
        assert_eq!(
            refusal(&png),
            "some-file: not an IDX file: it starts with the bytes [89, 50], IDX with [00, 00]; \
             give the raw or the gzip-compressed IDX file"
        );

        let mut floats = WHOLE.to_vec();
        floats[2] = 0x0d;
        assert_eq!(
            refusal(&floats),
            "some-file: its elements are 32-bit floats (0x0d); \
             only unsigned bytes (0x08) are read, so convert the file"
        );

        let mut unknown = WHOLE.to_vec();
        unknown[2] = 0x07;
        assert!(refusal(&unknown).contains("its elements are of the unknown type 0x07"));

        assert_eq!(
            refusal(&WHOLE[..10]),
            "some-file: ends inside its header, after 10 of 16 bytes; fetch or copy the file again"
        );
        assert_eq!(
            refusal(&WHOLE[..20]),
            "some-file: its header declares [2, 2, 3], 12 bytes, but only 4 follow; fetch or copy the file again"
        );
        assert_eq!(
            refusal(&[WHOLE, &[13]].concat()),
            "some-file: its header declares [2, 2, 3], 12 bytes, but more follow; the header or the file is wrong"
        );
    }

    #[test]
    fn a_lying_header_costs_no_memory() {
        let mut lie = WHOLE.to_vec();
        lie[4] = 0xff; // four billion images
        assert!(matches!(Idx::decode("some-file", &lie), Err(DataError::TruncatedPayload { found: 12, .. })));

        lie[4..16].fill(0xff);
        assert!(matches!(Idx::decode("some-file", &lie), Err(DataError::TooLarge { .. })));
    }

    #[test]
    fn names_the_file_that_is_not_there() {
        let message = Idx::read("no/such/file").unwrap_err().to_string();
        assert!(message.starts_with("no/such/file: cannot be read: "), "{message}");
    }
}
