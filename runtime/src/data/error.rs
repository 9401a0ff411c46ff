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

    /// A folder of images is none of the classes that are known.
    #[error(
        "{folder}: is no class of the training images; {}: give images of the same classes",
        known(.valid)
    )]
    Class {
        /// The folder.
        folder: String,
        /// The classes there are.
        valid: Vec<String>,
    },

    /// A folder that is not laid out as asked for.
    #[error("{folder}: {problem}; {layout}")]
    Layout {
        /// The folder.
        folder: String,
        /// What is wrong.
        problem: String,
        /// What it should be, and what to do.
        layout: &'static str,
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

    /// The bytes are not an image of the shape given.
    #[error(
        "{found} bytes are no image of {channels} channels, {height} rows and {width} columns: give \
         channels × rows × columns bytes, of 1 channel or 3, and no side of zero"
    )]
    Pixels {
        /// The channels given.
        channels: usize,
        /// The rows given.
        height: usize,
        /// The columns given.
        width: usize,
        /// The bytes given.
        found: usize,
    },

    /// There is no image of this index.
    #[error("{name}: there is no image {index}; it has {len}, counted from 0")]
    Index {
        /// The data set.
        name: String,
        /// The index asked for.
        index: usize,
        /// How many images there are.
        len: usize,
    },

    /// An image that cannot be decoded.
    #[error("{file}: cannot be decoded: {reason}; replace the file or remove it")]
    Image {
        /// The file, with its archive if it is in one.
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A label beyond the data set's classes.
    #[error(
        "{file}: the label {label} of {sample} is out of range: there are {classes} classes, counted from 0"
    )]
    Label {
        /// The file of the label.
        file: String,
        /// Which sample has it: its number or name.
        sample: String,
        /// The label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },

    /// A CIFAR file whose length is not that of whole records.
    #[error(
        "{file}: has {bytes} bytes, and {kind} files are made of records of {record}, with none missing; \
         fetch or copy the file again, or check that it is the binary version"
    )]
    CifarLength {
        /// The file.
        file: String,
        /// CIFAR-10 or CIFAR-100.
        kind: &'static str,
        /// The file's length.
        bytes: usize,
        /// The length of a record.
        record: usize,
    },

    /// A folder of images without any.
    #[error(
        "{folder}: holds no image in its folders: none of its {others} files ends in .jpg, .jpeg or .png; \
         give the folder that holds the images, or one folder for each class"
    )]
    NoImages {
        /// The folder.
        folder: String,
        /// How many other files there are.
        others: usize,
    },

    /// The folder of a class without images.
    #[error("{folder}: this class has no image (.jpg, .jpeg, .png); add some or remove the folder")]
    EmptyClass {
        /// The class's folder.
        folder: String,
    },

    /// Images beside the folders of classes.
    #[error(
        "{folder}: holds the image {image} beside folders with images, so it is unclear whether folders are \
         classes; move the image into one of them, or read the folder without labels"
    )]
    Mixed {
        /// The folder.
        folder: String,
        /// One of the images in it.
        image: String,
    },

    /// A folder with no shard in it.
    #[error("{folder}: holds no .tar file; give the folder of the shards, or the shards themselves")]
    NoShards {
        /// The folder.
        folder: String,
    },

    /// Shards without any image.
    #[error(
        "{path}: holds no image; a sample is NAME.jpg (or .jpeg, .png) in a tar file, with its class's number in \
         NAME.cls"
    )]
    NoSamples {
        /// The shard or the folder of shards.
        path: String,
    },

    /// A tar file that ends early or whose headers are wrong.
    #[error("{file}: the tar file is torn or corrupt ({reason}); fetch or copy the file again")]
    Tar {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A sample of a shard that cannot be used.
    #[error("{file}: the sample {sample} {problem}")]
    Sample {
        /// The shard.
        file: String,
        /// The sample's name.
        sample: String,
        /// What is wrong with it and what to do.
        problem: String,
    },
}

/// "their 3 classes are a, b, c", the first few of many.
fn known(classes: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if classes.len() > SHOWN { ", …" } else { "" };
    format!("their {} classes are {}{more}", classes.len(), classes[..classes.len().min(SHOWN)].join(", "))
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
