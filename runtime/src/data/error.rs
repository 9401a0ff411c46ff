//! What can be wrong with a data file.

use std::io;

/// A data file that cannot be used: which one, what is wrong with it, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system could not read the file.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The gzip stream ends early or fails its checksum.
    #[error("{file}: the gzip stream is torn or corrupt ({source}); fetch or copy the file again")]
    Gzip {
        /// The file.
        file: String,
        /// The decoder's reason.
        source: io::Error,
    },

    /// The first two bytes of an IDX file are zero, and these are not.
    #[error(
        "{file}: not an IDX file: it starts with the bytes {found:02x?}, IDX with [00, 00]; \
         give the raw or the gzip-compressed IDX file"
    )]
    Magic {
        /// The file.
        file: String,
        /// Its first two bytes.
        found: [u8; 2],
    },

    /// The elements are not unsigned bytes.
    #[error("{file}: its elements are {}; only unsigned bytes (0x08) are read, so convert the file", element(*.code))]
    Element {
        /// The file.
        file: String,
        /// The element type's code in the IDX header.
        code: u8,
    },

    /// The file ends before its header does.
    #[error(
        "{file}: ends inside its header, after {found} of {expected} bytes; fetch or copy the file again"
    )]
    TruncatedHeader {
        /// The file.
        file: String,
        /// The bytes that a header of this rank has.
        expected: usize,
        /// The bytes that are there.
        found: usize,
    },

    /// The file ends before the last element that its header declares.
    #[error(
        "{file}: its header declares {shape:?}, {expected} bytes, but only {found} follow; \
         fetch or copy the file again"
    )]
    TruncatedPayload {
        /// The file.
        file: String,
        /// The dimensions in the header.
        shape: Vec<usize>,
        /// The bytes that these dimensions have.
        expected: usize,
        /// The bytes that are there.
        found: usize,
    },

    /// The file goes on after the last element that its header declares.
    #[error(
        "{file}: its header declares {shape:?}, {expected} bytes, but more follow; the header or the file is wrong"
    )]
    TrailingBytes {
        /// The file.
        file: String,
        /// The dimensions in the header.
        shape: Vec<usize>,
        /// The bytes that these dimensions have.
        expected: usize,
    },

    /// The dimensions in the header multiply to more than this machine can address.
    #[error("{file}: its header declares {shape:?}, more than this machine can address; the header is wrong")]
    TooLarge {
        /// The file.
        file: String,
        /// The dimensions in the header.
        shape: Vec<usize>,
    },

    /// The file has another number of dimensions than its role needs.
    #[error("{file}: has the shape {found:?}, but {role} need {needs}; are the two files swapped?")]
    Rank {
        /// The file.
        file: String,
        /// What the file was given as: images or labels.
        role: &'static str,
        /// The dimensions that they need.
        needs: &'static str,
        /// The dimensions in the header.
        found: Vec<usize>,
    },

    /// There are not as many labels as images.
    #[error(
        "{images_file} has {images} images, but {labels_file} has {labels} labels; take both from the same split"
    )]
    Count {
        /// The file of the images.
        images_file: String,
        /// How many images it has.
        images: usize,
        /// The file of the labels.
        labels_file: String,
        /// How many labels it has.
        labels: usize,
    },
}

fn element(code: u8) -> String {
    let name = match code {
        0x09 => "signed bytes",
        0x0b => "16-bit integers",
        0x0c => "32-bit integers",
        0x0d => "32-bit floats",
        0x0e => "64-bit floats",
        _ => return format!("of the unknown type {code:#04x}"),
    };
    format!("{name} ({code:#04x})")
}
