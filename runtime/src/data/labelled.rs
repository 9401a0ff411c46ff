//! Images, each with a label.

use super::dataset::{check_index, numbered};
use super::{DataError, Dataset, Idx, Image};

/// Grey images of one size, each with a label.
///
/// As a [`Dataset`] its classes are the numbers up to its largest label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImages {
    name: String,
    shape: [usize; 3],
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: Vec<String>,
}

impl LabelledImages {
    /// Puts images of shape (N, height, width) and labels of shape (N) together.
    ///
    /// # Errors
    /// When one of the two has another number of dimensions, or there are not as many labels as images.
    pub fn new(images: Idx, labels: Idx) -> Result<Self, DataError> {
        let &[count, height, width] = images.shape.as_slice() else {
            return Err(wrong_rank(images, "images", "(count, height, width)"));
        };
        let &[label_count] = labels.shape.as_slice() else {
            return Err(wrong_rank(labels, "labels", "(count)"));
        };
        if count != label_count {
            return Err(DataError::Count {
                images_file: images.file,
                images: count,
                labels_file: labels.file,
                labels: label_count,
            });
        }
        let classes = labels.bytes.iter().max().map_or(0, |&largest| usize::from(largest) + 1);
        Ok(Self {
            name: images.file,
            shape: [count, height, width],
            pixels: images.bytes,
            labels: labels.bytes,
            classes: numbered(classes),
        })
    }

    /// Under another name than that of the images' file.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// (N, height, width).
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One image, row by row; each pixel in 0..=255.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> &[u8] {
        let [count, height, width] = self.shape;
        assert!(index < count, "image {index} of {count}");
        let size = height * width;
        &self.pixels[index * size..(index + 1) * size]
    }

    /// All pixels, image by image, row by row, in 0..=255. For a network: `f32::from(pixel) / 255.0`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// One label an image, in the images' order.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }
}

impl Dataset for LabelledImages {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.shape[0]
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        check_index(self, index)?;
        let [_, height, width] = self.shape;
        Image::new(1, height, width, LabelledImages::image(self, index).to_vec())
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index).map(|&label| label.into())
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }
}

fn wrong_rank(idx: Idx, role: &'static str, needs: &'static str) -> DataError {
    DataError::Rank { file: idx.file, role, needs, found: idx.shape }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idx(file: &str, shape: &[usize]) -> Idx {
        let size: usize = shape.iter().product();
        Idx { file: file.into(), shape: shape.into(), bytes: (0..size as u8).collect() }
    }

    #[test]
    fn images_keep_their_order() {
        let set = LabelledImages::new(idx("images", &[3, 2, 2]), idx("labels", &[3])).unwrap();
        assert_eq!(set.image(1), [4, 5, 6, 7]);
        assert_eq!(set.labels(), [0, 1, 2]);
        assert_eq!((set.len(), set.is_empty()), (3, false));
    }

    #[test]
    fn is_a_data_set() {
        let set = LabelledImages::new(idx("images", &[3, 2, 2]), idx("labels", &[3])).unwrap();
        let set: &dyn Dataset = &set;
        assert_eq!((set.name(), set.len(), set.classes().len()), ("images", 3, 3));
        assert_eq!(set.image(2).unwrap().pixels(), [8, 9, 10, 11]);
        assert_eq!((set.label(2), set.label(3)), (Some(2), None));
        let message = set.image(3).unwrap_err().to_string();
        assert_eq!(message, "images: there is no image 3; it has 3, counted from 0");
    }

    #[test]
    fn refuses_what_does_not_belong_together() {
        let refusal = |images, labels| LabelledImages::new(images, labels).unwrap_err().to_string();
        assert_eq!(
            refusal(idx("images", &[3, 2, 2]), idx("labels", &[4])),
            "images has 3 images, but labels has 4 labels; take both from the same split"
        );
        assert_eq!(
            refusal(idx("a", &[3]), idx("b", &[3, 2, 2])),
            "a: has the shape [3], but images need (count, height, width); are the two files swapped?"
        );
        assert_eq!(
            refusal(idx("a", &[3, 2, 2]), idx("b", &[3, 1])),
            "b: has the shape [3, 1], but labels need (count); are the two files swapped?"
        );
    }
}
