//! Folders of corrupted images, as ImageNet-C and Tiny ImageNet-C have them: `CORRUPTION/SEVERITY/CLASS/IMAGE`, the
//! severity 1 to 5.
//!
//! The layout is checked when they are opened; images are listed one corruption and severity at a time, for all 75 have
//! 3.75 million files.

use std::path::{Path, PathBuf};

use super::folder::{Listing, file_name, text};
use super::{DataError, ImageFolder};

const LAYOUT: &str = "ImageNet-C has CORRUPTION/SEVERITY/CLASS/IMAGE in its folder, severities 1 to 5: give the folder \
                      that holds the corruptions";

/// Where corrupted images are, and which corruptions at which severities.
#[derive(Clone, Debug)]
pub struct CorruptedFolders {
    parts: Vec<CorruptedImages>,
    classes: Vec<String>,
}

/// The images of one corruption at one severity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorruptedImages {
    /// The corruption's name: "gaussian_noise".
    pub corruption: String,
    /// 1 to 5.
    pub severity: u8,
    folder: PathBuf,
}

impl CorruptedFolders {
    /// Looks for corruptions, severities and classes in a folder. `classes` are those of the training images.
    ///
    /// # Errors
    /// A folder that cannot be read or has another layout; a class that is none of these.
    pub fn open(folder: impl AsRef<Path>, classes: &[String]) -> Result<CorruptedFolders, DataError> {
        let folder = folder.as_ref();
        let wrong = |folder: &Path, problem: &str| DataError::Layout {
            folder: text(folder),
            problem: problem.into(),
            layout: LAYOUT,
        };
        let mut parts = Vec::new();
        for corruption in Listing::of(folder)?.folders {
            for severity in Listing::of(&corruption)?.folders {
                let number = file_name(&severity).parse().ok().filter(|number| (1..=5).contains(number));
                let number = number.ok_or_else(|| wrong(&severity, "is no severity"))?;
                check_classes(&severity, classes)?;
                let corruption = file_name(&corruption);
                parts.push(CorruptedImages { corruption, severity: number, folder: severity });
            }
        }
        match parts.is_empty() {
            true => Err(wrong(folder, "holds no folder of corrupted images")),
            false => Ok(CorruptedFolders { parts, classes: classes.to_vec() }),
        }
    }

    /// Corruptions in the order of their names, severities rising.
    pub fn parts(&self) -> &[CorruptedImages] {
        &self.parts
    }

    /// The images of a part, with the labels of the training images.
    ///
    /// # Errors
    /// A folder that cannot be read, a class without images.
    pub fn images(&self, part: &CorruptedImages) -> Result<ImageFolder, DataError> {
        let images = ImageFolder::open(&part.folder)?.with_classes(&self.classes)?;
        Ok(images.named(format!("{}, severity {}", part.corruption, part.severity)))
    }
}

/// That a folder's folders are classes.
pub(super) fn check_classes(folder: &Path, classes: &[String]) -> Result<Vec<PathBuf>, DataError> {
    let found = Listing::of(folder)?.folders;
    match found.iter().find(|class| !classes.contains(&file_name(class))) {
        Some(class) => Err(DataError::Class { folder: text(class), valid: classes.to_vec() }),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::data::folder::folder;

    fn classes() -> Vec<String> {
        ["cat", "dog", "fox"].map(String::from).to_vec()
    }

    #[test]
    fn corruptions_severities_and_classes_are_found() {
        let folder = folder(&["fog/1/cat/1.JPEG", "fog/3/fox/1.JPEG", "blur/5/dog/1.png", "readme.txt"]);
        let found = CorruptedFolders::open(folder.path(), &classes()).unwrap();
        let parts: Vec<(&str, u8)> =
            found.parts().iter().map(|part| (part.corruption.as_str(), part.severity)).collect();
        assert_eq!(parts, [("blur", 5), ("fog", 1), ("fog", 3)]);
        let images = found.images(&found.parts()[2]).unwrap();
        assert_eq!((images.name(), images.label(0)), ("fog, severity 3", Some(2)));
    }

    #[test]
    fn another_layout_is_refused() {
        let refusal = |files: &[&str]| {
            let folder = folder(files);
            let message = CorruptedFolders::open(folder.path(), &classes()).unwrap_err().to_string();
            message.replace(&text(folder.path()), "FOLDER")
        };
        assert!(
            refusal(&["1.png"]).starts_with("FOLDER: holds no folder of corrupted images; ImageNet-C has")
        );
        assert!(refusal(&["1/cat/1.png"]).starts_with("FOLDER/1/cat: is no severity; "));
        assert!(refusal(&["fog/6/cat/1.png"]).starts_with("FOLDER/fog/6: is no severity; "));
        assert!(refusal(&["fog/1/cow/1.png"]).starts_with(
            "FOLDER/fog/1/cow: is no class of the training images; their 3 classes are cat, dog, fox: "
        ));
    }
}
