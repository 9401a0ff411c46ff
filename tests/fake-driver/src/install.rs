//! Puts the fake driver in the real one's place, in this process only.
//!
//! `cudarc` opens `libcuda.so`, `libcublas.so` and `libcublasLt.so` by name. The dynamic loader takes a library that is
//! loaded already if it knows it under that name. So:
//!
//! 1. the shared object's own name (SONAME) is `libcuda.so`, and it is loaded by its path before anything else asks;
//! 2. links named like the other two lie in a folder beside it, which is its search path (DT_RPATH); its constructor
//!    function opens them by name, the loader sees that they are the file loaded already, and notes the name.
//!
//! No environment variable is needed, and no other process sees any of it.

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::state::Driver;

/// The file that cargo builds of this crate.
const FILE: &str = "libequilayer_fake_driver.so";
/// Folder of links beside it, as `build.rs` says too.
const LINKS: &str = "fake-driver";
/// The names it goes by, besides its own.
const NAMES: [&str; 2] = ["libcublas.so", "libcublasLt.so"];

/// Why the driver cannot be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    /// The shared object is not where cargo puts it.
    #[error(
        "{FILE} is not in {}: depend on equilayer-fake-driver from the crate whose tests run, and let cargo build it",
        folders.join(" nor in ")
    )]
    Missing {
        /// Where it was looked for.
        folders: Vec<String>,
    },
    /// It cannot be loaded, or not under all names.
    #[error("{what}: {reason}")]
    Refused {
        /// What was tried.
        what: String,
        /// What the system says.
        reason: String,
    },
}

fn refused(what: impl Into<String>, reason: impl ToString) -> InstallError {
    InstallError::Refused { what: what.into(), reason: reason.to_string() }
}

/// Makes this process find the fake driver when it asks for the real one. Idempotent; to be called before anything else
/// loads CUDA.
///
/// # Errors
/// If the shared object is not found, or the system refuses it.
pub fn install() -> Result<(), InstallError> {
    driver().map(|_| ())
}

/// The driver's state, in the shared object.
pub(crate) fn driver() -> Result<&'static Driver, InstallError> {
    static INSTALLED: OnceLock<Result<&'static Driver, InstallError>> = OnceLock::new();
    INSTALLED.get_or_init(load).clone()
}

fn load() -> Result<&'static Driver, InstallError> {
    let file = find()?;
    link_names(&file)?;
    let library = open(&file)?;
    type Adopt = unsafe extern "C" fn() -> *const Driver;
    // SAFETY: the symbol is the function below, of this very crate, built by the same call of the compiler.
    let adopt = unsafe { library.get::<Adopt>(b"equilayer_fake_driver_adopt\0") }
        .map_err(|error| refused(file.display().to_string(), error))?;
    // SAFETY: as above; it takes nothing and may be called at any time.
    let driver = unsafe { adopt() };
    // The library stays loaded to the end of the process: what it gave out is used until then.
    std::mem::forget(library);
    // SAFETY: not null, the pointer is to a static of the library, which is never unloaded. Its type has the same layout
    // there and here, since library and shared object come from one call of the compiler.
    unsafe { driver.as_ref() }.ok_or_else(|| refused("libcublas.so", "the loader did not take the link"))
}

fn open(path: &Path) -> Result<Library, InstallError> {
    // SAFETY: the file is the shared object of this crate, which runs nothing when it is loaded.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|error| refused(path.display().to_string(), error))
}

/// Beside the test's executable, or where cargo puts what it builds for dependencies.
fn find() -> Result<PathBuf, InstallError> {
    let program = std::env::current_exe().map_err(|error| refused("the path of this program", error))?;
    let folder = program.parent().unwrap_or(Path::new("."));
    let folders = [folder.to_path_buf(), folder.join("deps"), folder.join("../deps")];
    folders
        .iter()
        .map(|folder| folder.join(FILE))
        .find(|file| file.exists())
        .ok_or(InstallError::Missing { folders: folders.map(|folder| folder.display().to_string()).to_vec() })
}

/// Links to the file, under all names, beside it. Several processes may do so at once.
fn link_names(file: &Path) -> Result<(), InstallError> {
    let folder = file.with_file_name(LINKS);
    std::fs::create_dir_all(&folder).map_err(|error| refused(folder.display().to_string(), error))?;
    for name in NAMES {
        let link = folder.join(name);
        match std::os::unix::fs::symlink(Path::new("..").join(FILE), &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(refused(link.display().to_string(), error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// In the shared object: opens the links, so that the loader knows the object under their names, and says where the
/// driver's state is; null if a link led elsewhere.
#[unsafe(no_mangle)]
extern "C" fn equilayer_fake_driver_adopt() -> *const Driver {
    let own: *const c_void = std::ptr::from_ref(Driver::get()).cast();
    for name in NAMES {
        // SAFETY: the link leads to this object, which is loaded.
        let Ok(library) = (unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }) else {
            return std::ptr::null();
        };
        // SAFETY: if the symbol is there, it is the function below.
        let address =
            unsafe { library.get::<extern "C" fn() -> *const c_void>(b"equilayer_fake_driver_state\0") }
                .map(|state| state());
        std::mem::forget(library);
        if address.ok() != Some(own) {
            return std::ptr::null();
        }
    }
    Driver::get()
}

/// In the shared object: where its state is, to tell whether two names lead to one object.
#[unsafe(no_mangle)]
extern "C" fn equilayer_fake_driver_state() -> *const c_void {
    std::ptr::from_ref(Driver::get()).cast()
}
