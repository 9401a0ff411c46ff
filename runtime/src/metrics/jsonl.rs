//! `metrics.jsonl`: appended line by line, read back whole.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::{MetricsError, Record};

/// Appends records to a file.
#[derive(Debug)]
pub struct MetricsWriter {
    name: String,
    file: File,
}

impl MetricsWriter {
    /// Starts a new file.
    ///
    /// # Errors
    /// A file of that name; a folder that cannot be written.
    pub fn create(path: impl AsRef<Path>) -> Result<MetricsWriter, MetricsError> {
        let name = path.as_ref().display().to_string();
        let file = File::create_new(path).map_err(MetricsError::io(&name, "created"))?;
        Ok(MetricsWriter { name, file })
    }

    /// Goes on with a file after a checkpoint: keeps what was measured up to its step, cuts off the rest. After step 0
    /// there is no checkpoint: the run starts again, and what it measured before its first step is cut off too. A file that
    /// is not there is made.
    ///
    /// # Errors
    /// A line that is no record, but for a torn one at the end; a file that cannot be read or written.
    pub fn resume(path: impl AsRef<Path>, step: u64) -> Result<MetricsWriter, MetricsError> {
        if !path.as_ref().exists() {
            return MetricsWriter::create(path);
        }
        let name = path.as_ref().display().to_string();
        let content = std::fs::read(&path).map_err(MetricsError::io(&name, "read"))?;
        let kept =
            records(&name, &content)?.into_iter().take_while(|(record, _)| step > 0 && record.step <= step);
        let end = kept.last().map_or(0, |(_, end)| end);
        let file = File::options().append(true).open(path).map_err(MetricsError::io(&name, "opened"))?;
        file.set_len(end as u64).map_err(MetricsError::io(&name, "cut back"))?;
        Ok(MetricsWriter { name, file })
    }

    /// Appends a line, at once.
    ///
    /// # Errors
    /// A full disk, or another reason of the system.
    pub fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        let failed = MetricsError::io(&self.name, "written");
        let mut line = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(failed)
    }

    /// Waits until all lines are on the disk. To be called before a checkpoint, so that none of its past is lost.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), MetricsError> {
        self.file.sync_data().map_err(MetricsError::io(&self.name, "written"))
    }
}

/// Reads all records of a file. A torn last line is left out.
///
/// # Errors
/// Any other line that is no record; a file that cannot be read.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Record>, MetricsError> {
    let name = path.as_ref().display().to_string();
    let content = std::fs::read(path).map_err(MetricsError::io(&name, "read"))?;
    Ok(records(&name, &content)?.into_iter().map(|(record, _)| record).collect())
}

/// The records in a file's content, each with the offset where its line ends. What follows the last newline was never
/// finished.
fn records(file: &str, content: &[u8]) -> Result<Vec<(Record, usize)>, MetricsError> {
    let mut end = 0;
    let lines = content.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let record = |(index, line): (usize, &[u8])| {
        end += line.len();
        let wrong = |error: serde_json::Error| MetricsError::Line {
            file: file.into(),
            line: index + 1,
            detail: error.to_string(),
        };
        Ok((serde_json::from_slice(line).map_err(wrong)?, end))
    };
    lines.enumerate().map(record).collect()
}
