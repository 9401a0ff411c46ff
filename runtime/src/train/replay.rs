//! The inputs of a step that went wrong, for whoever looks into it.
//!
//! `replay-STEP.safetensors` in the run's folder has every input of the step's plan, images and rates alike, by the
//! names and shapes that the plan has; its metadata has the step and what was not finite. The weights from before are
//! not in it: the last checkpoint and the run's own configuration lead to the same step again, bit for bit.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use equilayer_engine::Plan;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::error::TrainError;
use crate::atomic_file;
use crate::run_directory::RunDirectory;

/// Writes the file and says where it is.
///
/// # Errors
/// The file system's.
pub(super) fn write_replay(
    directory: &RunDirectory,
    step: u64,
    term: &str,
    plan: &Plan,
    fed: &[(String, Vec<f32>)],
) -> Result<PathBuf, TrainError> {
    let path = directory.path().join(format!("replay-{step}.safetensors"));
    let file = path.display().to_string();
    let failed = |source| TrainError::Replay { file: file.clone(), source };
    let content = serialized(step, term, plan, fed).map_err(failed)?;
    atomic_file::replace(&path, failed, |output| output.write_all(&content).map_err(failed))?;
    Ok(path)
}

fn serialized(step: u64, term: &str, plan: &Plan, fed: &[(String, Vec<f32>)]) -> io::Result<Vec<u8>> {
    let bytes: Vec<(&str, Vec<u8>)> = fed
        .iter()
        .map(|(name, values)| (name.as_str(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let mut tensors = Vec::with_capacity(bytes.len());
    for port in plan.inputs() {
        if let Some((name, bytes)) = bytes.iter().find(|(name, _)| *name == port.name) {
            let view = TensorView::new(Dtype::F32, port.shape.to_vec(), bytes).map_err(io::Error::other)?;
            tensors.push((*name, view));
        }
    }
    let about = HashMap::from([
        ("format".into(), "equilayer replay".into()),
        ("step".into(), step.to_string()),
        ("not_finite".into(), term.into()),
    ]);
    safetensors::serialize(tensors, Some(about)).map_err(io::Error::other)
}
