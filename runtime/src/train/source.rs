//! Which images: the section `[data]`.

use std::path::Path;
use std::sync::Arc;

use crate::config::Section;
use crate::data::{
    Cifar, DataError, Dataset, ImageFolder, OpenDataset, Split, TarShards, digits, registered,
};

/// Which reader.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Digits,
    Cifar10,
    Cifar100,
    Folder,
    Shards,
    /// Registered by the program or a crate of plugins.
    Own(OpenDataset),
}

/// Images to learn from, and splits to measure on.
type Sets = (Arc<dyn Dataset>, Option<[Arc<dyn Dataset>; 2]>);

impl Kind {
    /// All readers with their names, those of the program's own last.
    pub fn all() -> Vec<(&'static str, Kind)> {
        let built_in = [
            ("digits", Kind::Digits),
            ("cifar10", Kind::Cifar10),
            ("cifar100", Kind::Cifar100),
            ("folder", Kind::Folder),
            ("shards", Kind::Shards),
        ];
        let own = registered().into_iter().map(|set| (set.name, Kind::Own(set.open)));
        built_in.into_iter().chain(own).collect()
    }

    /// Opens the data set; what is wrong is reported at the section's `path`.
    pub fn open(self, path: &Path, section: &Section<'_>) -> Option<Sets> {
        let opened: Result<Sets, DataError> = match self {
            Kind::Digits => {
                let [train, test]: [Arc<dyn Dataset>; 2] =
                    [Arc::new(digits(Split::Train)), Arc::new(digits(Split::Test))];
                Ok((train.clone(), Some([train, test])))
            }
            Kind::Cifar10 | Kind::Cifar100 => {
                let open = if matches!(self, Kind::Cifar10) { Cifar::cifar_10 } else { Cifar::cifar_100 };
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
                        let test = ImageFolder::open(&test)?.with_classes(train.classes())?;
                        let (train, test): (Arc<dyn Dataset>, Arc<dyn Dataset>) =
                            (Arc::new(train), Arc::new(test));
                        Ok((train.clone(), Some([train, test])))
                    })
                } else {
                    ImageFolder::open_unlabelled(path).map(|set| (Arc::new(set) as Arc<dyn Dataset>, None))
                }
            }
            Kind::Shards => TarShards::open(path).map(|set| (Arc::new(set) as Arc<dyn Dataset>, None)),
            Kind::Own(open) => open(path).map(|set| (set, None)),
        };
        match opened {
            Ok(sets) => Some(sets),
            Err(error) => {
                section.report("path", &error.to_string());
                None
            }
        }
    }

    /// Side of the images that the encoder is made for, and colour channels. Of an own data set the first image says.
    pub fn image(self, dataset: Option<&dyn Dataset>) -> (usize, usize) {
        match (self, dataset.and_then(|set| set.image(0).ok())) {
            (Kind::Digits, _) => (28, 1),
            (Kind::Cifar10 | Kind::Cifar100, _) => (32, 3),
            (Kind::Own(_), Some(image)) => (image.height().min(image.width()), image.channels()),
            (Kind::Folder | Kind::Shards | Kind::Own(_), _) => (224, 3),
        }
    }
}
