//! Which images: the section `[data]`.

use std::path::Path;
use std::sync::Arc;

use crate::config::Section;
use crate::data::{Cifar, DataError, Dataset, ImageFolder, Split, TarShards, digits};

/// Which reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Digits,
    Cifar10,
    Cifar100,
    Folder,
    Shards,
}

/// Their names.
pub(super) const DATA: &[(&str, Kind)] = &[
    ("digits", Kind::Digits),
    ("cifar10", Kind::Cifar10),
    ("cifar100", Kind::Cifar100),
    ("folder", Kind::Folder),
    ("shards", Kind::Shards),
];

/// Images to learn from, and splits to measure on.
type Sets = (Arc<dyn Dataset>, Option<[Arc<dyn Dataset>; 2]>);

impl Kind {
    /// Opens the data set; what is wrong is reported at the section's `path`.
    pub fn open(self, path: &Path, section: &Section<'_>) -> Option<Sets> {
        let opened: Result<Sets, DataError> = match self {
            Kind::Digits => {
                let [train, test]: [Arc<dyn Dataset>; 2] =
                    [Arc::new(digits(Split::Train)), Arc::new(digits(Split::Test))];
                Ok((train.clone(), Some([train, test])))
            }
            Kind::Cifar10 | Kind::Cifar100 => {
                let open = if self == Kind::Cifar10 { Cifar::cifar_10 } else { Cifar::cifar_100 };
                open(path, Split::Train).and_then(|train| {
                    let (train, test): (Arc<dyn Dataset>, Arc<dyn Dataset>) =
                        (Arc::new(train), Arc::new(open(path, Split::Test)?));
                    Ok((train.clone(), Some([train, test])))
                })
            }
            Kind::Folder => {
                let (train, test) = (path.join("train"), path.join("test"));
                if train.is_dir() && test.is_dir() {
                    ImageFolder::open(&train).and_then(|train| {
                        let (train, test): (Arc<dyn Dataset>, Arc<dyn Dataset>) =
                            (Arc::new(train), Arc::new(ImageFolder::open(&test)?));
                        Ok((train.clone(), Some([train, test])))
                    })
                } else {
                    ImageFolder::open_unlabelled(path).map(|set| (Arc::new(set) as Arc<dyn Dataset>, None))
                }
            }
            Kind::Shards => TarShards::open(path).map(|set| (Arc::new(set) as Arc<dyn Dataset>, None)),
        };
        match opened {
            Ok(sets) => Some(sets),
            Err(error) => {
                section.report("path", &error.to_string());
                None
            }
        }
    }

    /// Side of the images that the encoder is made for, and colour channels.
    pub fn image(self) -> (usize, usize) {
        match self {
            Kind::Digits => (28, 1),
            Kind::Cifar10 | Kind::Cifar100 => (32, 3),
            Kind::Folder | Kind::Shards => (224, 3),
        }
    }
}
