//! WebDataset-style shards: tar files in which the files of a sample share a name up to the first dot.
//!
//! Shards are indexed when opened, from their headers alone, and never unpacked: an image is read from its place in
//! the shard. Files beside images (`.jpg`, `.jpeg`, `.png`) and labels (`.cls`, a number as text) are passed over.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::dataset::{check_index, numbered};
use super::folder::is_image;
use super::{DataError, Dataset, Image, decode_image};

/// Labels from here on are taken for mistakes: class names of that many would fill memory.
const MOST_CLASSES: usize = 1 << 20;

/// A label is a few digits; more than this is no label.
const LONGEST_LABEL: u64 = 64;

/// A block of a tar file; one of zeros ends it.
const BLOCK: u64 = 512;

/// Images in tar files, decoded when asked for; all images are RGB, grey ones repeated.
#[derive(Clone, Debug)]
pub struct TarShards {
    name: String,
    shards: Vec<PathBuf>,
    samples: Vec<Sample>,
    classes: Vec<String>,
}

/// Where an image lies.
#[derive(Clone, Debug)]
struct Sample {
    shard: usize,
    name: String,
    position: u64,
    size: u64,
    label: Option<usize>,
}

impl TarShards {
    /// Indexes a shard, or all `.tar` files of a folder in the order of their names. Samples keep their order. Either
    /// every sample has a label or none.
    ///
    /// # Errors
    /// When there is no shard, one is torn, a sample has two images, or a label is missing, no number, or too large.
    pub fn open(path: impl AsRef<Path>) -> Result<TarShards, DataError> {
        let path = path.as_ref();
        let shards = if path.is_dir() { shards_in(path)? } else { vec![path.to_owned()] };
        let mut samples = Vec::new();
        for (number, shard) in shards.iter().enumerate() {
            index(shard, number, &mut samples)?;
        }
        let name = path.display().to_string();
        if samples.is_empty() {
            return Err(DataError::NoSamples { path: name });
        }
        let labelled = samples.iter().filter(|sample| sample.label.is_some()).count();
        if let Some(unlabelled) = samples.iter().find(|sample| labelled > 0 && sample.label.is_none()) {
            let file = shards[unlabelled.shard].display().to_string();
            let problem = format!(
                "has no label (.cls), and {labelled} of {} have one; label all or none",
                samples.len()
            );
            return Err(DataError::Sample { file, sample: unlabelled.name.clone(), problem });
        }
        let classes = samples.iter().filter_map(|sample| sample.label).max().map_or(0, |label| label + 1);
        Ok(TarShards { name, shards, samples, classes: numbered(classes) })
    }
}

impl Dataset for TarShards {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.samples.len()
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        check_index(self, index)?;
        let sample = &self.samples[index];
        let shard = &self.shards[sample.shard];
        let file = format!("{}:{}", shard.display(), sample.name);
        match read_part(shard, sample.position, sample.size) {
            Ok(content) => Ok(decode_image(&file, &content)?.into_rgb()),
            Err(source) => Err(DataError::Read { file, source }),
        }
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.samples.get(index)?.label
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }
}

/// Opens the shard anew, so that workers share no position in it.
fn read_part(shard: &Path, position: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(shard)?;
    file.seek(SeekFrom::Start(position))?;
    let mut content = Vec::new();
    file.take(size).read_to_end(&mut content)?;
    if content.len() as u64 == size { Ok(content) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn shards_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |source| DataError::Read { file: folder.display().to_string(), source };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unreadable)?;
    let is_tar = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "tar");
    let mut shards: Vec<PathBuf> = paths.into_iter().filter(is_tar).collect();
    shards.sort();
    if shards.is_empty() {
        return Err(DataError::NoShards { folder: folder.display().to_string() });
    }
    Ok(shards)
}

/// Appends the samples of a shard.
fn index(shard: &Path, number: usize, samples: &mut Vec<Sample>) -> Result<(), DataError> {
    let file = shard.display().to_string();
    let torn = |reason: String| DataError::Tar { file: file.clone(), reason };
    let unreadable = |source| DataError::Read { file: file.clone(), source };
    let content = File::open(shard).map_err(unreadable)?;
    let length = content.metadata().map_err(unreadable)?.len();
    let mut labels = BTreeMap::new();
    let first = samples.len();
    let mut end = 0;

    let mut archive = tar::Archive::new(content);
    for entry in archive.entries_with_seek().map_err(|error| torn(error.to_string()))? {
        let mut entry = entry.map_err(|error| torn(error.to_string()))?;
        let path = entry.path().map_err(|error| torn(error.to_string()))?.into_owned();
        let (position, size) = (entry.raw_file_position(), entry.size());
        end = position.saturating_add(size);
        // Seeking beyond the end succeeds, so an entry that is cut off shows only here.
        if end > length {
            return Err(torn(format!("{} goes on after the end of the file", path.display())));
        }
        let name = key(&path);
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if is_image(&path) {
            samples.push(Sample { shard: number, name, position, size, label: None });
        } else if path.extension().is_some_and(|ending| ending == "cls") {
            let mut text = String::new();
            let read = entry.by_ref().take(LONGEST_LABEL).read_to_string(&mut text);
            let label = read.ok().and_then(|_| text.trim().parse().ok());
            let problem =
                || format!("has a label that is no number from 0: {:?}; write its class's number", text);
            let label = label.ok_or_else(|| DataError::Sample {
                file: file.clone(),
                sample: name.clone(),
                problem: problem(),
            })?;
            labels.insert(name, label);
        }
    }
    end_mark(shard, end).map_err(torn)?;
    assign(&file, &mut samples[first..], labels)
}

/// Checks that a block of zeros follows the last entry: without it, entries are missing, or may be.
fn end_mark(shard: &Path, end: u64) -> Result<(), String> {
    match read_part(shard, end.next_multiple_of(BLOCK), BLOCK) {
        Ok(block) if block.iter().all(|&byte| byte == 0) => Ok(()),
        _ => Err("the mark of its end is missing".into()),
    }
}

/// Gives each sample its label.
fn assign(file: &str, samples: &mut [Sample], mut labels: BTreeMap<String, usize>) -> Result<(), DataError> {
    let refuse = |sample: &str, problem: &str| {
        Err(DataError::Sample { file: file.into(), sample: sample.into(), problem: problem.into() })
    };
    let mut seen = std::collections::BTreeSet::new();
    for sample in samples {
        if !seen.insert(sample.name.clone()) {
            return refuse(&sample.name, "has two images; give each a name of its own, up to the first dot");
        }
        sample.label = labels.remove(&sample.name);
        if let Some(label) = sample.label.filter(|&label| label >= MOST_CLASSES) {
            let (file, sample) = (file.into(), sample.name.clone());
            return Err(DataError::Label { file, sample, label, classes: MOST_CLASSES });
        }
    }
    match labels.keys().next() {
        Some(orphan) => {
            refuse(orphan, "has a label but no image (.jpg, .jpeg, .png); add it or remove the label")
        }
        None => Ok(()),
    }
}

/// The name of the sample that a file belongs to: its path up to the first dot of its last part.
fn key(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    path.with_file_name(stem).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
