//! Reading a checkpoint: first that it is whole, then what is in it, state by state.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use equilayer_engine::{Executor, MAX_RANK, Plan, Shape};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::{
    CHECKSUM, CHECKSUM_BYTES, CheckpointError, CheckpointInfo, FORMAT, Mismatch, StateShapes, VERSION,
    states_of,
};

/// Bytes of the field that says how long the header is.
const LENGTH_BYTES: u64 = 8;

/// A checkpoint that was found whole. Its states stay in the file until they are asked for.
#[derive(Debug)]
pub struct Checkpoint<R = File> {
    file: String,
    source: R,
    info: CheckpointInfo,
    states: BTreeMap<String, Place>,
}

/// Where a state lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    shape: Shape,
    /// From the start of the file, in bytes.
    start: u64,
}

impl Checkpoint {
    /// Opens a file and makes sure that it is whole.
    ///
    /// # Errors
    /// See [`Checkpoint::new`].
    pub fn open(path: impl AsRef<Path>) -> Result<Checkpoint, CheckpointError> {
        let file = path.as_ref().display().to_string();
        let source = File::open(path).map_err(CheckpointError::io(&file, "opened"))?;
        Checkpoint::new(file, source)
    }
}

impl<R: Read + Seek> Checkpoint<R> {
    /// Reads the header and the checksum of a file of any kind, which errors call by the name given.
    ///
    /// # Errors
    /// A file that is torn, corrupt, not a checkpoint, or of a newer version; the source's own errors.
    pub fn new(file: String, mut source: R) -> Result<Checkpoint<R>, CheckpointError> {
        let header = Header::read(&file, &mut source)?;
        verify_checksum(&file, &mut source, header.expected_bytes - CHECKSUM_BYTES as u64)?;
        Ok(Checkpoint { file, source, info: header.info, states: header.states })
    }

    /// What the run remembers besides its states.
    pub fn info(&self) -> &CheckpointInfo {
        &self.info
    }

    /// Shapes of the states.
    pub fn shapes(&self) -> StateShapes {
        self.states.iter().map(|(name, place)| (name.clone(), place.shape)).collect()
    }

    /// Reads the values of a state; nothing if there is no such state.
    ///
    /// # Errors
    /// The source's.
    pub fn values(&mut self, name: &str) -> Result<Option<Vec<f32>>, CheckpointError> {
        let Some(place) = self.states.get(name) else { return Ok(None) };
        let mut bytes = vec![0; 4 * place.shape.elements()];
        self.source
            .seek(SeekFrom::Start(place.start))
            .and_then(|_| self.source.read_exact(&mut bytes))
            .map_err(CheckpointError::io(&self.file, "read"))?;
        let (floats, _) = bytes.as_chunks::<4>();
        Ok(Some(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }

    /// Gives a program the states of this checkpoint. `plans` are all plans of the program.
    ///
    /// # Errors
    /// Names or shapes that differ: the executor is then untouched, nothing is allocated. Too little memory, or a file
    /// that stops to be readable half-way: the executor is then to be thrown away.
    pub fn restore(&mut self, executor: &mut dyn Executor, plans: &[&Plan]) -> Result<(), CheckpointError> {
        let program = states_of(plans.iter().copied());
        if let Some(mismatch) = Mismatch::between(&self.shapes(), &program) {
            return Err(CheckpointError::Mismatch { file: self.file.clone(), mismatch });
        }
        plans.iter().try_for_each(|plan| executor.prepare(plan))?;
        for name in program.keys() {
            if let Some(values) = self.values(name)? {
                executor.set_state(name, &values)?;
            }
        }
        Ok(())
    }
}

/// Reads what a run remembers from the header alone; the states are not looked at.
pub(super) fn read_info(path: &Path) -> Result<CheckpointInfo, CheckpointError> {
    let file = path.display().to_string();
    let mut source = File::open(path).map_err(CheckpointError::io(&file, "opened"))?;
    Ok(Header::read(&file, &mut source)?.info)
}

/// What stands before the states.
struct Header {
    info: CheckpointInfo,
    states: BTreeMap<String, Place>,
    expected_bytes: u64,
}

impl Header {
    fn read(file: &str, source: &mut (impl Read + Seek)) -> Result<Header, CheckpointError> {
        let unreadable = |source| CheckpointError::io(file, "read")(source);
        let found = source.seek(SeekFrom::End(0)).map_err(unreadable)?;
        let (text, length) = header_text(file, source, found)?;
        let foreign = |detail: String| CheckpointError::Foreign { file: file.into(), detail };
        let metadata: Metadata = serde_json::from_slice(&text)
            .map_err(|error| foreign(format!("its header is not safetensors ({error})")))?;
        let info = info(file, &metadata)?;
        let start = LENGTH_BYTES + length;
        let expected_bytes = start + metadata.data_len() as u64;
        if found < expected_bytes {
            return Err(CheckpointError::Torn { file: file.into(), expected: expected_bytes, found });
        }
        let corrupt = |detail: String| CheckpointError::Corrupt { file: file.into(), detail };
        if found > expected_bytes {
            return Err(corrupt(format!("{} bytes follow its end", found - expected_bytes)));
        }
        Ok(Header { info, states: places(&metadata, start).map_err(corrupt)?, expected_bytes })
    }
}

/// The JSON text, and how long it is. Nothing is allocated for a length that the file does not have.
fn header_text(
    file: &str,
    source: &mut (impl Read + Seek),
    found: u64,
) -> Result<(Vec<u8>, u64), CheckpointError> {
    let unreadable = |source: io::Error| CheckpointError::io(file, "read")(source);
    let torn = |expected| CheckpointError::Torn { file: file.into(), expected, found };
    if found < LENGTH_BYTES {
        return Err(torn(LENGTH_BYTES));
    }
    let mut length = [0; LENGTH_BYTES as usize];
    source.rewind().and_then(|()| source.read_exact(&mut length)).map_err(unreadable)?;
    let length = u64::from_le_bytes(length);
    let available = length.min(found - LENGTH_BYTES);
    let mut text = Vec::new();
    source.take(available).read_to_end(&mut text).map_err(unreadable)?;
    if text.first().is_some_and(|&first| first != b'{') {
        let detail = "it does not begin as a safetensors file does".into();
        return Err(CheckpointError::Foreign { file: file.into(), detail });
    }
    match available < length {
        true => Err(torn(length.saturating_add(LENGTH_BYTES))),
        false => Ok((text, length)),
    }
}

/// Whose file it is, and what it says about the run.
fn info(file: &str, metadata: &Metadata) -> Result<CheckpointInfo, CheckpointError> {
    let foreign = |detail: &str| CheckpointError::Foreign { file: file.into(), detail: detail.into() };
    let entry = |key: &str| metadata.metadata().as_ref().and_then(|entries| entries.get(key));
    if entry("format").is_none_or(|format| format != FORMAT) {
        return Err(foreign("it is a safetensors file of another program"));
    }
    let corrupt = |detail: String| CheckpointError::Corrupt { file: file.into(), detail };
    let version = entry("version").and_then(|version| version.parse().ok());
    match version {
        None => return Err(corrupt("its version is not a number".into())),
        Some(found) if found > VERSION => return Err(CheckpointError::Newer { file: file.into(), found }),
        Some(_) => {}
    }
    let run = entry("run").ok_or_else(|| corrupt("it does not say which step it is of".into()))?;
    serde_json::from_str(run)
        .map_err(|error| corrupt(format!("what it says about the run cannot be read ({error})")))
}

/// Where each state lies, or what is wrong with the list of them.
fn places(metadata: &Metadata, start: u64) -> Result<BTreeMap<String, Place>, String> {
    let mut states = BTreeMap::new();
    for (name, tensor) in metadata.tensors() {
        if name == CHECKSUM {
            continue;
        }
        if tensor.shape.len() > MAX_RANK {
            return Err(format!("its state {name} has {} axes, more than {MAX_RANK}", tensor.shape.len()));
        }
        if tensor.dtype != Dtype::F32 {
            return Err(format!("its state {name} is of type {:?}, not F32", tensor.dtype));
        }
        let place = Place { shape: Shape::new(&tensor.shape), start: start + tensor.data_offsets.0 as u64 };
        states.insert(name, place);
    }
    let checksum_ends_it = metadata.info(CHECKSUM).is_some_and(|checksum| {
        let (first, end) = checksum.data_offsets;
        end == metadata.data_len() && end - first == CHECKSUM_BYTES
    });
    if checksum_ends_it { Ok(states) } else { Err("its last tensor is not a checksum".into()) }
}

fn verify_checksum(file: &str, source: &mut (impl Read + Seek), end: u64) -> Result<(), CheckpointError> {
    let unreadable = |source: io::Error| CheckpointError::io(file, "read")(source);
    source.rewind().map_err(unreadable)?;
    let mut buffer = vec![0; 1 << 18];
    let (mut left, mut checksum) = (end, 0);
    while left > 0 {
        let part = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        source.read_exact(&mut buffer[..part]).map_err(unreadable)?;
        checksum = crc32c::crc32c_append(checksum, &buffer[..part]);
        left -= part as u64;
    }
    let mut written = [0; CHECKSUM_BYTES];
    source.read_exact(&mut written).map_err(unreadable)?;
    let written = u32::from_le_bytes(written);
    if written == checksum {
        return Ok(());
    }
    let detail = format!("its checksum is {checksum:08x}, but {written:08x} was written");
    Err(CheckpointError::Corrupt { file: file.into(), detail })
}
