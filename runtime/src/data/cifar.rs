//! CIFAR-10 and CIFAR-100 in their binary version: records of the label or labels and 32×32 pixels, plane by plane.

use std::path::Path;

use super::dataset::{check_index, numbered};
use super::{DataError, Dataset, Image, Split};

const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;

/// How a version is laid out.
struct Layout {
    kind: &'static str,
    /// Bytes of labels before the pixels; the last of them is the class.
    labels: usize,
    classes: usize,
    names: &'static str,
}

const CIFAR_10: Layout = Layout { kind: "CIFAR-10", labels: 1, classes: 10, names: "batches.meta.txt" };
const CIFAR_100: Layout =
    Layout { kind: "CIFAR-100", labels: 2, classes: 100, names: "fine_label_names.txt" };

/// CIFAR-10, or CIFAR-100 with its 100 fine classes, held in memory (at most 154 MB).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cifar {
    name: String,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: Vec<String>,
}

impl Cifar {
    /// Reads CIFAR-10 from its folder, `cifar-10-batches-bin`: the five `data_batch_*.bin`, or `test_batch.bin`. Classes
    /// have the names of `batches.meta.txt`, or numbers where it is missing.
    ///
    /// # Errors
    /// When a file cannot be read, does not hold whole records, or a label is above 9.
    pub fn cifar_10(folder: impl AsRef<Path>, split: Split) -> Result<Cifar, DataError> {
        let train: Vec<String> = (1..=5).map(|batch| format!("data_batch_{batch}.bin")).collect();
        let test = ["test_batch.bin".into()];
        Cifar::read(folder.as_ref(), if split == Split::Train { &train } else { &test }, &CIFAR_10)
    }

    /// Reads CIFAR-100 from its folder, `cifar-100-binary`: `train.bin` or `test.bin`. Classes have the names of
    /// `fine_label_names.txt`, or numbers where it is missing.
    ///
    /// # Errors
    /// When a file cannot be read, does not hold whole records, or a fine label is above 99.
    pub fn cifar_100(folder: impl AsRef<Path>, split: Split) -> Result<Cifar, DataError> {
        let file = if split == Split::Train { "train.bin" } else { "test.bin" };
        Cifar::read(folder.as_ref(), &[file.into()], &CIFAR_100)
    }

    fn read(folder: &Path, files: &[String], layout: &Layout) -> Result<Cifar, DataError> {
        let names = std::fs::read_to_string(folder.join(layout.names)).unwrap_or_default();
        let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        let numbers = || numbered(layout.classes);
        let mut set = Cifar {
            name: folder.display().to_string(),
            pixels: Vec::new(),
            labels: Vec::new(),
            classes: if names.len() == layout.classes { names } else { numbers() },
        };
        for name in files {
            let path = folder.join(name);
            let file = path.display().to_string();
            let content = std::fs::read(&path)
                .map_err(|source| DataError::Read { file: format!("{file} ({})", layout.kind), source })?;
            set.append(&file, &content, layout)?;
        }
        Ok(set)
    }

    fn append(&mut self, file: &str, content: &[u8], layout: &Layout) -> Result<(), DataError> {
        let record = layout.labels + PIXELS;
        if content.is_empty() || !content.len().is_multiple_of(record) {
            let (kind, bytes) = (layout.kind, content.len());
            return Err(DataError::CifarLength { file: file.into(), kind, bytes, record });
        }
        for (number, record) in content.chunks_exact(record).enumerate() {
            let (labels, pixels) = record.split_at(layout.labels);
            let label = labels[layout.labels - 1];
            if usize::from(label) >= layout.classes {
                return Err(DataError::Label {
                    file: file.into(),
                    sample: format!("record {number}"),
                    label: label.into(),
                    classes: layout.classes,
                });
            }
            self.labels.push(label);
            self.pixels.extend(pixels);
        }
        Ok(())
    }
}

impl Dataset for Cifar {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        check_index(self, index)?;
        Image::new(3, SIDE, SIDE, self.pixels[index * PIXELS..(index + 1) * PIXELS].to_vec())
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index).map(|&label| label.into())
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Records with these labels before pixels of 0, 1, 2, …
    fn records(labels: &[&[u8]]) -> Vec<u8> {
        let pixels = |record: u8| (0..PIXELS).map(move |i| (i as u8).wrapping_add(record));
        labels
            .iter()
            .zip(0..)
            .flat_map(|(labels, record)| labels.iter().copied().chain(pixels(record)))
            .collect()
    }

    #[test]
    fn reads_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        for batch in 1..=5_u8 {
            let content = records(&[&[batch], &[9]]);
            fs::write(folder.path().join(format!("data_batch_{batch}.bin")), content).unwrap();
        }
        fs::write(
            folder.path().join("batches.meta.txt"),
            "plane car bird cat deer dog frog horse ship truck\n\n",
        )
        .unwrap();
        let set = Cifar::cifar_10(folder.path(), Split::Train).unwrap();
        assert_eq!((set.len(), set.label(4), set.label(5), set.label(10)), (10, Some(3), Some(9), None));
        assert_eq!(set.classes()[3], "cat");
        let image = set.image(1).unwrap();
        assert_eq!((image.channels(), image.height(), image.width()), (3, 32, 32));
        assert_eq!(image.pixels()[..3], [1, 2, 3]);

        fs::write(folder.path().join("test.bin"), records(&[&[7, 99]])).unwrap();
        let set = Cifar::cifar_100(folder.path(), Split::Test).unwrap();
        assert_eq!((set.label(0), set.classes().len(), set.classes()[99].as_str()), (Some(99), 100, "99"));
        assert_eq!(set.image(0).unwrap().pixels()[..3], [0, 1, 2]);
    }

    #[test]
    fn says_what_is_wrong_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |content: Option<&[u8]>| {
            let path = folder.path().join("test_batch.bin");
            content.iter().for_each(|content| fs::write(&path, content).unwrap());
            let message = Cifar::cifar_10(folder.path(), Split::Test).unwrap_err().to_string();
            message.replace(&path.display().to_string(), "FILE")
        };
        let message = refusal(None);
        assert!(message.starts_with("FILE (CIFAR-10): cannot be read: "), "{message}");
        assert_eq!(
            refusal(Some(&[0; 3000])),
            "FILE: has 3000 bytes, and CIFAR-10 files are made of records of 3073, with none missing; \
             fetch or copy the file again, or check that it is the binary version"
        );
        assert!(refusal(Some(&[])).starts_with("FILE: has 0 bytes"));
        assert_eq!(
            refusal(Some(&records(&[&[9], &[10]]))),
            "FILE: the label 10 of record 1 is out of range: there are 10 classes, counted from 0"
        );
    }
}
