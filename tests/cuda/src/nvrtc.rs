//! Finds NVRTC, the compiler from CUDA to PTX, in the folder that `pip install --target` filled.
//!
//! It is loaded once by its path; `cudarc` then gets it when it asks for its name, which the library itself holds.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

/// The folder is looked for here, or else as `target/nvrtc` of the workspace.
const FOLDER_VARIABLE: &str = "EQUILAYER_NVRTC";
/// Where the wheels of CUDA 12 and 13 put libraries.
const LIBRARIES: [&str; 2] = ["nvidia/cuda_nvrtc/lib", "nvidia/cu13/lib"];

/// Why there is no NVRTC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NvrtcError {
    /// It is not in the folder.
    #[error(
        "NVRTC is not in {folder}. Get it with `pip install --no-deps --target {folder} \
         nvidia-cuda-nvrtc-cu12==12.9.86`, or name its folder in {FOLDER_VARIABLE}"
    )]
    Missing {
        /// The folder.
        folder: String,
    },
    /// It is there and does not load.
    #[error("{file}: {reason}")]
    Refused {
        /// The library.
        file: String,
        /// What the system says.
        reason: String,
    },
}

/// Loads NVRTC into this process, once.
///
/// # Errors
/// If it is not there, or does not load.
pub fn load_nvrtc() -> Result<(), NvrtcError> {
    static LOADED: OnceLock<Result<(), NvrtcError>> = OnceLock::new();
    LOADED.get_or_init(load).clone()
}

fn folder() -> PathBuf {
    match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => workspace().join("target/nvrtc"),
    }
}

/// Two folders above this crate.
fn workspace() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

fn load() -> Result<(), NvrtcError> {
    let folder = folder();
    let libraries = LIBRARIES.iter().find_map(|libraries| {
        let libraries = folder.join(libraries);
        // The compiler opens its library of built-in functions by name, so that one comes first.
        Some([file(&libraries, "libnvrtc-builtins.so.")?, file(&libraries, "libnvrtc.so.")?])
    });
    let missing = || NvrtcError::Missing { folder: folder.display().to_string() };
    for library in libraries.ok_or_else(missing)? {
        // SAFETY: NVIDIA's library, which does nothing when it is loaded that is not its own affair.
        let loaded = unsafe { Library::open(Some(&library), RTLD_NOW | RTLD_GLOBAL) };
        let refused = |error: libloading::Error| NvrtcError::Refused {
            file: library.display().to_string(),
            reason: error.to_string(),
        };
        // It stays to the end of the process, under the name it gives itself.
        std::mem::forget(loaded.map_err(refused)?);
    }
    Ok(())
}

/// The file in a folder whose name begins so.
fn file(folder: &Path, beginning: &str) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning)))
        .collect();
    found.sort();
    found.into_iter().next()
}
