//! Writing a checkpoint, in one pass.

use std::collections::HashMap;
use std::io::{self, Write};

use equilayer_engine::Executor;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{CHECKSUM, CHECKSUM_BYTES, CheckpointError, CheckpointInfo, FORMAT, StateShapes, VERSION};

/// Writes a checkpoint of the given states, in the format described [above](super). Errors call it by the name given.
///
/// # Errors
/// A state that the executor does not hold, or holds in another shape; the writer's.
pub fn write(
    file: &str,
    output: &mut dyn Write,
    info: &CheckpointInfo,
    states: &StateShapes,
    executor: &dyn Executor,
) -> Result<(), CheckpointError> {
    if states.contains_key(CHECKSUM) {
        return Err(bad_state(CHECKSUM, "a checkpoint needs this name for itself; rename the state".into()));
    }
    let failed = CheckpointError::io(file, "written");
    let header = header(info, states).map_err(&failed)?;
    let mut output = Checksummed { output, checksum: 0 };
    output.write_all(&(header.len() as u64).to_le_bytes()).map_err(&failed)?;
    output.write_all(&header).map_err(&failed)?;
    for (name, shape) in states {
        let values = executor.state(name)?;
        if values.len() != shape.elements() {
            let detail = format!("holds {} values, which do not fill shape {shape}", values.len());
            return Err(bad_state(name, detail));
        }
        output.write_floats(&values).map_err(&failed)?;
    }
    let checksum = output.checksum.to_le_bytes();
    output.write_all(&checksum).map_err(&failed)
}

fn bad_state(name: &str, detail: String) -> CheckpointError {
    equilayer_engine::Error::Name { kind: "state", name: name.into(), detail }.into()
}

/// The header, padded so that the data after it is aligned.
fn header(info: &CheckpointInfo, states: &StateShapes) -> io::Result<Vec<u8>> {
    let mut end = 0;
    let mut tensors = Vec::with_capacity(states.len() + 1);
    let mut add = |name: &str, dtype, shape: Vec<usize>, bytes| {
        tensors.push((name.to_owned(), TensorInfo { dtype, shape, data_offsets: (end, end + bytes) }));
        end += bytes;
    };
    for (name, shape) in states {
        add(name, Dtype::F32, shape.to_vec(), 4 * shape.elements());
    }
    add(CHECKSUM, Dtype::U8, vec![CHECKSUM_BYTES], CHECKSUM_BYTES);
    let about = HashMap::from([
        ("format".into(), FORMAT.into()),
        ("version".into(), VERSION.to_string()),
        ("run".into(), serde_json::to_string(info)?),
    ]);
    let metadata = Metadata::new(Some(about), tensors).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

/// A writer that sums up what passes through.
struct Checksummed<'a> {
    output: &'a mut dyn Write,
    checksum: u32,
}

impl Checksummed<'_> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        self.output.write_all(bytes)
    }

    fn write_floats(&mut self, values: &[f32]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(1 << 16);
        for some in values.chunks(1 << 14) {
            bytes.clear();
            bytes.extend(some.iter().flat_map(|value| value.to_le_bytes()));
            self.write_all(&bytes)?;
        }
        Ok(())
    }
}
