//! A folder of pictures, with a folder for each class or without labels.

use std::fs;
use std::path::{Path, PathBuf};

use super::dataset::check_index;
use super::{DataError, Dataset, Image, decode_image};

const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// JPEG and PNG files in a folder, decoded when asked for; all images are RGB, grey ones repeated.
///
/// Files are ordered by path, so an index means the same image on every machine. Names that start with a dot are
/// passed over, as are files that do not end in `.jpg`, `.jpeg` or `.png`.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    name: String,
    files: Vec<PathBuf>,
    labels: Vec<usize>,
    classes: Vec<String>,
}

impl ImageFolder {
    /// Lists a folder. Sub-folders are classes, named so and in the order of their names, with all images below them;
    /// images in the folder itself, without sub-folders of images, have no labels.
    ///
    /// # Errors
    /// When a folder cannot be read, none holds an image, a class holds none, or there are images beside classes.
    pub fn open(folder: impl AsRef<Path>) -> Result<ImageFolder, DataError> {
        let folder = folder.as_ref();
        let listing = Listing::of(folder)?;
        let classes = listing.folders.iter().map(|class| Ok((class, Tree::below(class)?)));
        let classes: Vec<(&PathBuf, Tree)> = classes.collect::<Result<_, DataError>>()?;
        if classes.iter().all(|(_, tree)| tree.images.is_empty()) {
            let others = listing.others + classes.iter().map(|(_, tree)| tree.others).sum::<usize>();
            return ImageFolder::unlabelled(folder, listing.images, others);
        }
        if let Some(image) = listing.images.first() {
            return Err(DataError::Mixed { folder: text(folder), image: file_name(image) });
        }
        if let Some((empty, _)) = classes.iter().find(|(_, tree)| tree.images.is_empty()) {
            return Err(DataError::EmptyClass { folder: text(empty) });
        }
        let label = |(label, (_, tree)): (usize, &(_, Tree))| vec![label; tree.images.len()];
        Ok(ImageFolder {
            name: text(folder),
            labels: classes.iter().enumerate().flat_map(label).collect(),
            classes: classes.iter().map(|(class, _)| file_name(class)).collect(),
            files: classes.into_iter().flat_map(|(_, tree)| tree.images).collect(),
        })
    }

    /// Lists all images in and below a folder, without labels.
    ///
    /// # Errors
    /// When a folder cannot be read, or none holds an image.
    pub fn open_unlabelled(folder: impl AsRef<Path>) -> Result<ImageFolder, DataError> {
        let tree = Tree::below(folder.as_ref())?;
        ImageFolder::unlabelled(folder.as_ref(), tree.images, tree.others)
    }

    fn unlabelled(folder: &Path, files: Vec<PathBuf>, others: usize) -> Result<ImageFolder, DataError> {
        if files.is_empty() {
            return Err(DataError::NoImages { folder: text(folder), others });
        }
        Ok(ImageFolder { name: text(folder), files, labels: Vec::new(), classes: Vec::new() })
    }

    /// The same images with the labels that another set's classes give their folders: of a test split, the classes of
    /// training, some of which it may lack.
    ///
    /// # Errors
    /// A class that is none of these.
    pub fn with_classes(mut self, classes: &[String]) -> Result<ImageFolder, DataError> {
        let place = |name: &String| {
            classes.iter().position(|class| class == name).ok_or_else(|| DataError::Class {
                folder: text(&Path::new(&self.name).join(name)),
                valid: classes.to_vec(),
            })
        };
        let places: Vec<usize> = self.classes.iter().map(place).collect::<Result<_, _>>()?;
        self.labels.iter_mut().for_each(|label| *label = places[*label]);
        self.classes = classes.to_vec();
        Ok(self)
    }

    /// These files in this order, without labels.
    pub(super) fn of_files(name: String, files: Vec<PathBuf>) -> ImageFolder {
        ImageFolder { name, files, labels: Vec::new(), classes: Vec::new() }
    }

    /// Under another name than the folder's.
    pub(super) fn named(self, name: String) -> ImageFolder {
        ImageFolder { name, ..self }
    }

    /// The file of one image; nothing beyond the last.
    pub fn file(&self, index: usize) -> Option<&Path> {
        self.files.get(index).map(PathBuf::as_path)
    }
}

impl Dataset for ImageFolder {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        check_index(self, index)?;
        let file = text(&self.files[index]);
        match fs::read(&self.files[index]) {
            Ok(content) => Ok(decode_image(&file, &content)?.into_rgb()),
            Err(source) => Err(DataError::Read { file, source }),
        }
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index).copied()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }
}

/// Whether a path ends as a JPEG's or a PNG's does.
pub(super) fn is_image(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// What lies in one folder, in the order of names.
pub(super) struct Listing {
    pub images: Vec<PathBuf>,
    pub folders: Vec<PathBuf>,
    pub others: usize,
}

impl Listing {
    pub fn of(folder: &Path) -> Result<Listing, DataError> {
        let unreadable = |source| DataError::Read { file: text(folder), source };
        let mut listing = Listing { images: Vec::new(), folders: Vec::new(), others: 0 };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if file_name(&path).starts_with('.') {
                continue;
            }
            if path.is_dir() {
                listing.folders.push(path);
            } else if is_image(&path) {
                listing.images.push(path);
            } else {
                listing.others += 1;
            }
        }
        listing.images.sort();
        listing.folders.sort();
        Ok(listing)
    }
}

/// What lies in and below one folder, in the order of paths.
struct Tree {
    images: Vec<PathBuf>,
    others: usize,
}

impl Tree {
    /// A loop of symbolic links ends in the operating system's error, when the path gets too long.
    fn below(folder: &Path) -> Result<Tree, DataError> {
        let Listing { images, folders, others } = Listing::of(folder)?;
        let mut tree = Tree { images, others };
        for folder in folders {
            let below = Tree::below(&folder)?;
            tree.images.extend(below.images);
            tree.others += below.others;
        }
        Ok(tree)
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A folder with empty files of these names, for tests.
#[cfg(test)]
pub(super) fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_classes() {
        let folder =
            folder(&["b/2.png", "b/1.JPG", "a/deep/er/3.jpeg", "a/notes.txt", "list.txt", ".git/x.png"]);
        let set = ImageFolder::open(folder.path()).unwrap();
        assert_eq!(set.classes(), ["a", "b"]);
        let names: Vec<String> = set.files.iter().map(|file| file_name(file)).collect();
        assert_eq!(names, ["3.jpeg", "1.JPG", "2.png"]);
        let labels: Vec<Option<usize>> = (0..4).map(|index| set.label(index)).collect();
        assert_eq!(labels, [Some(0), Some(1), Some(1), None]);
    }

    #[test]
    fn a_flat_folder_has_no_labels() {
        let flat = folder(&["2.png", "1.png", "notes/readme.txt"]);
        let set = ImageFolder::open(flat.path()).unwrap();
        assert_eq!((set.len(), set.label(0), set.classes().len()), (2, None, 0));
        assert!(set.file(0).unwrap().ends_with("1.png"));

        let classes = folder(&["a/1.png", "b/2.png", "3.png"]);
        let set = ImageFolder::open_unlabelled(classes.path()).unwrap();
        assert_eq!((set.len(), set.label(0)), (3, None));
    }

    #[test]
    fn says_what_is_wrong_and_what_to_do() {
        let refusal = |files: &[&str]| {
            let folder = folder(files);
            let message = ImageFolder::open(folder.path()).unwrap_err().to_string();
            message.replace(&text(folder.path()), "FOLDER")
        };
        assert_eq!(
            refusal(&["a/1.gif", "notes.txt"]),
            "FOLDER: holds no image in its folders: none of its 2 files ends in .jpg, .jpeg or .png; \
             give the folder that holds the images, or one folder for each class"
        );
        assert!(refusal(&[]).starts_with("FOLDER: holds no image in its folders: none of its 0 files"));
        assert_eq!(
            refusal(&["a/1.png", "b/1.gif"]),
            "FOLDER/b: this class has no image (.jpg, .jpeg, .png); add some or remove the folder"
        );
        assert_eq!(
            refusal(&["a/1.png", "0.png"]),
            "FOLDER: holds the image 0.png beside folders with images, so it is unclear whether folders are \
             classes; move the image into one of them, or read the folder without labels"
        );
        let message = ImageFolder::open("no/such/folder").unwrap_err().to_string();
        assert!(message.starts_with("no/such/folder: cannot be read: "), "{message}");
    }

    #[test]
    fn labels_are_those_of_the_training_classes() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let test = folder(&["b/1.png", "d/2.png"]);
        let set =
            ImageFolder::open(test.path()).unwrap().with_classes(&names(&["a", "b", "c", "d"])).unwrap();
        assert_eq!((set.label(0), set.label(1), set.classes().len()), (Some(1), Some(3), 4));
        let refused = ImageFolder::open(test.path()).unwrap().with_classes(&names(&["a", "b", "c"]));
        let message = refused.unwrap_err().to_string().replace(&text(test.path()), "FOLDER");
        assert_eq!(
            message,
            "FOLDER/d: is no class of the training images; their 3 classes are a, b, c: give images of the same classes"
        );
    }

    #[test]
    fn an_unreadable_image_is_named() {
        let folder = folder(&["1.png"]);
        let set = ImageFolder::open(folder.path()).unwrap();
        let message = set.image(0).unwrap_err().to_string();
        assert!(message.contains("1.png: cannot be decoded: it starts with the bytes []"), "{message}");
        assert!(message.ends_with("; replace the file or remove it"), "{message}");
        assert!(set.image(1).unwrap_err().to_string().contains("there is no image 1; it has 1"));
    }
}
