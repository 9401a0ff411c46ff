//! Compiled kernels on disk, found by what they were compiled from.
//!
//! A file is written whole under another name and then renamed, so readers see all of it or none. One that is torn all
//! the same, or belongs to another text with the same hash, is noticed and compiled anew. A cache that cannot be
//! written costs time, never a run.

use std::fs;
use std::path::{Path, PathBuf};

use super::compile::{Image, Target};
use crate::random::fnv1a;

/// First bytes of a file; another version of the format has others.
const MAGIC: &[u8; 8] = b"eqlkern1";

/// A folder of compiled kernels.
#[derive(Clone, Debug)]
pub struct KernelCache {
    directory: PathBuf,
}

impl KernelCache {
    /// A cache in this folder, which is made when the first file is written.
    pub fn new(directory: &Path) -> KernelCache {
        KernelCache { directory: directory.to_path_buf() }
    }

    /// `$XDG_CACHE_HOME/equilayer/kernels` or `~/.cache/equilayer/kernels`; nothing where neither is known.
    pub fn default_directory() -> Option<PathBuf> {
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = given("XDG_CACHE_HOME").or_else(|| Some(given("HOME")?.join(".cache")))?;
        Some(base.join("equilayer").join("kernels"))
    }

    /// What a text was compiled to, if that is known.
    pub fn load(&self, source: &str, target: &Target) -> Option<Image> {
        let key = key(source, target);
        let bytes = fs::read(self.file(&key)).ok()?;
        let (rest, sum) = bytes.split_last_chunk::<8>()?;
        if fnv1a(rest) != u64::from_le_bytes(*sum) {
            return None;
        }
        let mut rest = rest.strip_prefix(MAGIC)?;
        let mut part = || {
            let (length, tail) = rest.split_first_chunk::<8>()?;
            let (part, tail) = tail.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            rest = tail;
            Some(part)
        };
        let (compiled_from, cubin, ptx) = (part()?, part()?, part()?);
        (compiled_from == key.as_bytes()).then(|| Image { cubin: cubin.to_vec(), ptx: ptx.to_vec() })
    }

    /// Keeps what a text was compiled to. A failure is of no consequence.
    pub fn store(&self, source: &str, target: &Target, image: &Image) {
        let key = key(source, target);
        let mut bytes = MAGIC.to_vec();
        for part in [key.as_bytes(), &image.cubin, &image.ptx] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        bytes.extend(fnv1a(&bytes).to_le_bytes());
        let file = self.file(&key);
        let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
        let written = fs::create_dir_all(&self.directory)
            .and_then(|()| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &file));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
    }

    fn file(&self, key: &str) -> PathBuf {
        self.directory.join(format!("{:016x}.kernels", fnv1a(key.as_bytes())))
    }
}

/// Everything that the compiled code depends on.
fn key(source: &str, Target { architecture, version: (major, minor) }: &Target) -> String {
    format!("{architecture} NVRTC {major}.{minor}\n{source}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("equilayer-kernel-cache-{}-{name}", std::process::id()))
    }

    fn target() -> Target {
        Target { architecture: "sm_90".into(), version: (12, 9) }
    }

    #[test]
    fn what_was_stored_is_found_for_the_same_text_and_target_only() {
        let folder = folder("found");
        let cache = KernelCache::new(&folder);
        let image = Image { cubin: vec![1, 2, 3], ptx: b"ptx\0".to_vec() };
        cache.store("text", &target(), &image);
        assert_eq!(cache.load("text", &target()), Some(image));
        assert_eq!(cache.load("other", &target()), None);
        assert_eq!(cache.load("text", &Target { version: (13, 0), ..target() }), None);
        fs::remove_dir_all(folder).expect("the folder was made");
    }

    #[test]
    fn a_file_torn_anywhere_is_not_read() {
        let folder = folder("torn");
        let cache = KernelCache::new(&folder);
        cache.store("text", &target(), &Image { cubin: vec![7; 40], ptx: vec![8; 20] });
        let file = cache.file(&key("text", &target()));
        let whole = fs::read(&file).expect("just written");
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).expect("the folder is there");
            assert_eq!(cache.load("text", &target()), None, "{length} of {} bytes", whole.len());
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&file, damaged).expect("the folder is there");
            assert_eq!(cache.load("text", &target()), None, "byte {at} changed");
        }
        fs::remove_dir_all(folder).expect("the folder was made");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_failure() {
        let file = folder("file");
        fs::write(&file, b"in the way").expect("the temporary folder is writable");
        let cache = KernelCache::new(&file.join("kernels"));
        cache.store("text", &target(), &Image { cubin: Vec::new(), ptx: Vec::new() });
        assert_eq!(cache.load("text", &target()), None);
        fs::remove_file(file).expect("just written");
    }
}
