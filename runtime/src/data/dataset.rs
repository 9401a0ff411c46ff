//! What a data set is to the rest of the crate.

use super::{DataError, Image};

/// Images by index, each with a label or without.
///
/// Workers call it from many threads at once, in any order; the same index must always give the same image, or runs
/// cannot be repeated.
pub trait Dataset: Send + Sync {
    /// What reports and errors call it: a path, or a word.
    fn name(&self) -> &str;

    /// How many images there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One image, decoded.
    ///
    /// # Errors
    /// When the index is not below [`len`](Dataset::len), or the image cannot be read or decoded.
    fn image(&self, index: usize) -> Result<Image, DataError>;

    /// The class of one image, an index into [`classes`](Dataset::classes); nothing where images have no labels.
    fn label(&self, index: usize) -> Option<usize>;

    /// The names of the classes; empty where images have no labels.
    fn classes(&self) -> &[String];
}

/// The refusal of an index that is not below `len`.
pub(super) fn check_index(set: &impl Dataset, index: usize) -> Result<(), DataError> {
    let (name, len) = (set.name(), set.len());
    if index < len { Ok(()) } else { Err(DataError::Index { name: name.into(), index, len }) }
}

/// `0`, `1`, … `count − 1`: names of classes that have none of their own.
pub(super) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}
