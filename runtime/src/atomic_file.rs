//! Files that are there whole or not at all, whenever the process or the machine stops.
//!
//! The content goes to a temporary file in the same folder (a rename does not cross file systems), is flushed to the
//! disk, and takes the final name in one step. The folder is flushed too: without that, the rename itself could be lost
//! with the power.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What a file is called while it is being written. A leftover of this name is never read.
pub(crate) const TEMPORARY: &str = "tmp";

/// Writes a file, replacing what has its name. One writer at a time: the temporary name is the same for all.
///
/// # Errors
/// Those of `write`, and those of the file system as `wrap` makes them. The old file is then as it was, and the
/// temporary one is gone.
pub(crate) fn replace<E>(
    path: &Path,
    wrap: impl Fn(io::Error) -> E,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let temporary = temporary_path(path);
    let written = write_through(&temporary, &wrap, write)
        .and_then(|()| std::fs::rename(&temporary, path).map_err(&wrap));
    if written.is_err() {
        // The error that made the file useless is the one to report, not that of removing it.
        std::fs::remove_file(&temporary).ok();
        return written;
    }
    sync_folder(path).map_err(wrap)
}

fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(TEMPORARY);
    name.into()
}

fn write_through<E>(
    path: &Path,
    wrap: &impl Fn(io::Error) -> E,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(wrap)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(|error| wrap(error.into_error()))?;
    file.sync_all().map_err(wrap)
}

/// Flushes the entry of a file in its folder. Only Unix lets folders be opened.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        replace(&path, |error| error, |file| file.write_all(b"old")).expect("written");
        let failed = replace(
            &path,
            |error| error,
            |file| {
                file.write_all(&[7; 3 << 20])?;
                Err(io::ErrorKind::StorageFull.into())
            },
        );
        assert_eq!(failed.expect_err("a full disk").kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).expect("the old file"), b"old");
        assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 1);
    }

    #[test]
    fn a_leftover_of_a_killed_writer_is_no_obstacle() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(temporary_path(&path), b"a longer text that was never finished").expect("a leftover");
        replace(&path, |error| error, |file| file.write_all(b"new")).expect("written");
        assert_eq!(std::fs::read(&path).expect("the file"), b"new");
        assert!(!temporary_path(&path).exists());
    }
}
