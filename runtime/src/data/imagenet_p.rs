//! Folders of perturbation sequences, as ImageNet-P's: `PERTURBATION/CLASS/SEQUENCE/FRAME`.
//!
//! ImageNet-P itself has a video for each sequence. Videos are not read: `ffmpeg -i SEQUENCE.mp4 SEQUENCE/%03d.png` makes
//! frames of one. Frames are in the order of their names, shorter names first, so that `frame9` comes before `frame10`.

use std::path::{Path, PathBuf};

use super::folder::{Listing, file_name, text};
use super::imagenet_c::check_classes;
use super::{DataError, ImageFolder};

const LAYOUT: &str = "sequences are read as PERTURBATION/CLASS/SEQUENCE/FRAME, a folder of at least two images for each \
                      sequence: make frames of ImageNet-P's videos, `ffmpeg -i SEQUENCE.mp4 SEQUENCE/%03d.png`";

/// Where perturbation sequences are.
#[derive(Clone, Debug)]
pub struct PerturbedFolders {
    perturbations: Vec<PathBuf>,
    classes: Vec<String>,
}

/// All sequences of a perturbation.
#[derive(Clone, Debug)]
pub struct Sequences {
    /// The frames of all sequences, one sequence after the other.
    pub frames: ImageFolder,
    /// How many frames each sequence has, at least 2.
    pub lengths: Vec<usize>,
}

impl PerturbedFolders {
    /// Looks for perturbations and classes in a folder. `classes` are those of the training images.
    ///
    /// # Errors
    /// A folder that cannot be read or has no folders; a class that is none of these, or whose first sequence is none.
    pub fn open(folder: impl AsRef<Path>, classes: &[String]) -> Result<PerturbedFolders, DataError> {
        let perturbations = Listing::of(folder.as_ref())?.folders;
        if perturbations.is_empty() {
            return Err(wrong(folder.as_ref(), "holds no folder of a perturbation"));
        }
        for perturbation in &perturbations {
            for class in check_classes(perturbation, classes)? {
                match Listing::of(&class)?.folders.first() {
                    None => return Err(wrong(&class, "holds no folder of frames")),
                    Some(first) => drop(frames(first)?),
                }
            }
        }
        Ok(PerturbedFolders { perturbations, classes: classes.to_vec() })
    }

    /// Names of the perturbations, in order.
    pub fn names(&self) -> Vec<String> {
        self.perturbations.iter().map(|folder| file_name(folder)).collect()
    }

    /// The sequences of the perturbation at `index` of the names; none beyond the last.
    ///
    /// # Errors
    /// A folder that cannot be read; a sequence of fewer than two frames.
    pub fn sequences(&self, index: usize) -> Result<Option<Sequences>, DataError> {
        let Some(folder) = self.perturbations.get(index) else { return Ok(None) };
        let (mut files, mut lengths) = (Vec::new(), Vec::new());
        for class in check_classes(folder, &self.classes)? {
            for sequence in Listing::of(&class)?.folders {
                let frames = frames(&sequence)?;
                lengths.push(frames.len());
                files.extend(frames);
            }
        }
        Ok(Some(Sequences { frames: ImageFolder::of_files(file_name(folder), files), lengths }))
    }
}

/// The frames of a sequence, in their order.
fn frames(sequence: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut frames = Listing::of(sequence)?.images;
    if frames.len() < 2 {
        return Err(wrong(sequence, "has fewer than two frames"));
    }
    frames.sort_by_key(|frame| (file_name(frame).len(), file_name(frame)));
    Ok(frames)
}

fn wrong(folder: &Path, problem: &str) -> DataError {
    DataError::Layout { folder: text(folder), problem: problem.into(), layout: LAYOUT }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::data::folder::folder;

    #[test]
    fn frames_follow_each_other_by_number() {
        let names = ["tilt/cat/b/9.png", "tilt/cat/b/10.png", "tilt/cat/a/1.png", "tilt/cat/a/2.png"];
        let folder = folder(&names);
        let found = PerturbedFolders::open(folder.path(), &["cat".into()]).unwrap();
        assert_eq!(found.names(), ["tilt"]);
        let Sequences { frames, lengths } = found.sequences(0).unwrap().unwrap();
        assert_eq!((frames.name(), lengths), ("tilt", vec![2, 2]));
        let order: Vec<_> = (0..4).map(|index| file_name(frames.file(index).unwrap())).collect();
        assert_eq!(order, ["1.png", "2.png", "9.png", "10.png"]);
        assert!(found.sequences(1).unwrap().is_none());
    }

    #[test]
    fn videos_are_refused_with_the_way_to_frames() {
        let refusal = |files: &[&str]| {
            let folder = folder(files);
            let opened = PerturbedFolders::open(folder.path(), &["cat".into()]);
            let message = opened.and_then(|found| found.sequences(0)).unwrap_err().to_string();
            message.replace(&text(folder.path()), "FOLDER")
        };
        let video = refusal(&["tilt/cat/1.mp4"]);
        assert!(
            video.starts_with("FOLDER/tilt/cat: holds no folder of frames; sequences are read as"),
            "{video}"
        );
        assert!(video.ends_with("`ffmpeg -i SEQUENCE.mp4 SEQUENCE/%03d.png`"), "{video}");
        assert!(refusal(&["notes.txt"]).starts_with("FOLDER: holds no folder of a perturbation; "));
        assert!(refusal(&["tilt/cat/1/1.png"]).starts_with("FOLDER/tilt/cat/1: has fewer than two frames; "));
        assert!(refusal(&["tilt/cow/1/1.png"]).starts_with("FOLDER/tilt/cow: is no class of"));
    }
}
