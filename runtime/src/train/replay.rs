//! What is kept of a step that went wrong.

use std::path::PathBuf;

use super::error::TrainError;
use crate::run_directory::RunDirectory;

/// Writes the inputs of a step that went wrong, as a safetensors file of flat tensors.
pub(super) fn write_replay(
    directory: &RunDirectory,
    step: u64,
    fed: &[(&str, &[f32])],
) -> Result<PathBuf, TrainError> {
    let path = directory.path().join(format!("replay-{step}.safetensors"));
    let cannot = |error: &dyn std::fmt::Display| {
        TrainError::Write(format!("{}: cannot be written: {error}", path.display()))
    };
    let bytes: Vec<(&str, usize, Vec<u8>)> = fed
        .iter()
        .map(|(name, values)| {
            (*name, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views: Vec<_> = bytes
        .iter()
        .filter_map(|(name, length, bytes)| {
            Some((
                *name,
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![*length], bytes).ok()?,
            ))
        })
        .collect();
    let file = safetensors::serialize(views, None).map_err(|error| cannot(&error))?;
    std::fs::write(&path, file).map_err(|error| cannot(&error))?;
    Ok(path)
}
