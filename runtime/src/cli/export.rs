//! `export` and `features`.

use std::path::Path;
use std::process::ExitCode;

use super::failure::Failure;
use super::loaded::Loaded;
use super::output;
use crate::assess::Read;
use crate::encoder;
use crate::plugin::Registry;
use crate::program::names::ENCODER;

/// Writes a run's encoder in timm's names.
pub fn weights(registry: &Registry, run: &Path, to: &Path) -> Result<ExitCode, Failure> {
    let loaded = Loaded::open(run, registry, &[])?;
    encoder::export(to, loaded.settings.encoder.as_ref(), ENCODER, &loaded.executor)
        .map_err(Failure::fault)?;
    println!("{}: the encoder after step {}", to.display(), loaded.step);
    Ok(ExitCode::SUCCESS)
}

/// Which images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Those of training.
    Train,
    /// Those held out.
    Test,
}

/// Writes what a run's encoder makes of a split's images, `[images, width]`, in their order.
pub fn features(
    registry: &Registry,
    run: &Path,
    to: &Path,
    read: Option<Read>,
    part: Part,
) -> Result<ExitCode, Failure> {
    let mut loaded = Loaded::open(run, registry, &[])?;
    let bench = loaded.bench();
    let read = read.unwrap_or(bench.options.read);
    let found = bench.features(&mut loaded.executor, read, part == Part::Test).map_err(Failure::fault)?;
    let bytes = npy([found.len(), found.width()], found.values());
    output::write(to, &bytes)?;
    println!("{}: {} × {} numbers, {read}", to.display(), found.len(), found.width());
    Ok(ExitCode::SUCCESS)
}

/// NumPy's format, version 1.0, of a matrix of `f32` in rows.
fn npy(shape: [usize; 2], values: &[f32]) -> Vec<u8> {
    let [rows, columns] = shape;
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // Magic, version and length take 10 bytes; values start at a multiple of 64, after a newline.
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::npy;

    #[test]
    fn a_matrix_is_written_as_numpy_does() {
        let bytes = npy([2, 1], &[1.0, -2.0]);
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        assert_eq!((bytes.len() - 8) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..128]).unwrap();
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }"));
        assert!(header.ends_with(" \n"));
        assert_eq!(&bytes[128..], [0, 0, 128, 63, 0, 0, 0, 192]);
    }
}
