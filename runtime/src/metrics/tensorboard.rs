//! Event files for TensorBoard: scalars only.
//!
//! Written here because the crates that do it panic on a full disk, bring a protocol-buffer compiler's output of 16,000
//! lines, and are not kept up. A file is a sequence of records in TFRecord's framing:
//!
//! ```text
//! length   u64, little-endian
//! crc      masked CRC-32C of the length
//! payload  a protocol buffer of type Event
//! crc      masked CRC-32C of the payload
//! ```
//!
//! and of `Event` these fields are used:
//!
//! ```text
//! Event      1: double wall_time   2: int64 step   3: string file_version   5: Summary   7: SessionLog
//! Summary    1: repeated Value
//! Value      1: string tag   2: float simple_value
//! SessionLog 1: enum status, START = 1
//! ```

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{MetricsError, Record};

/// Kinds of fields on the wire.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// Writes an event file.
#[derive(Debug)]
pub struct EventWriter {
    name: String,
    file: BufWriter<File>,
}

impl EventWriter {
    /// Starts a file in a folder, named after the time, as TensorBoard wants it; it shows all files of a folder as one
    /// run. What earlier files of the folder have after step `resumed_at` will be left out by TensorBoard.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn create(folder: impl AsRef<Path>, resumed_at: u64) -> Result<EventWriter, MetricsError> {
        // Nanoseconds, so that two starts within one second do not meet.
        let path =
            folder.as_ref().join(format!("events.out.tfevents.{}.equilayer", since_epoch().as_nanos()));
        let name = path.display().to_string();
        let file = File::create_new(path).map_err(MetricsError::io(&name, "created"))?;
        let mut writer = EventWriter { name, file: BufWriter::new(file) };
        writer.write_event(0, |event| event.bytes(3, b"brain.Event:2"))?;
        writer.write_event(resumed_at + 1, |event| event.message(7, |session| session.varint(1, 1)))?;
        writer.flush()?;
        Ok(writer)
    }

    /// Adds all values of a record.
    ///
    /// # Errors
    /// A full disk, or another reason of the system; perhaps not before [`EventWriter::flush`].
    pub fn write(&mut self, record: &Record) -> Result<(), MetricsError> {
        self.write_event(record.step, |event| {
            event.message(5, |summary| {
                for (name, &value) in &record.values {
                    summary.message(1, |scalar| {
                        scalar.bytes(1, name.as_bytes());
                        scalar.fixed32(2, (value as f32).to_bits());
                    });
                }
            });
        })
    }

    /// Hands everything to the system, so that TensorBoard can show it.
    ///
    /// # Errors
    /// A full disk, or another reason of the system.
    pub fn flush(&mut self) -> Result<(), MetricsError> {
        self.file.flush().map_err(MetricsError::io(&self.name, "written"))
    }

    fn write_event(&mut self, step: u64, fill: impl FnOnce(&mut Message)) -> Result<(), MetricsError> {
        let mut event = Message::default();
        event.fixed64(1, since_epoch().as_secs_f64().to_bits());
        event.varint(2, step);
        fill(&mut event);
        self.file.write_all(&framed(&event.0)).map_err(MetricsError::io(&self.name, "written"))
    }
}

fn since_epoch() -> Duration {
    // A clock before 1970 is wrong anyway; events need only some time.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [&length, &masked_checksum(&length)[..], payload, &masked_checksum(payload)].concat()
}

/// TFRecord's checksum: rotated and shifted, so that sums of data that has sums in it stay good.
fn masked_checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A protocol buffer in the making.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, field: u64, value: u64) {
        self.raw_varint(field << 3 | VARINT);
        self.raw_varint(value);
    }

    fn fixed64(&mut self, field: u64, bits: u64) {
        self.raw_varint(field << 3 | FIXED64);
        self.0.extend(bits.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, bits: u32) {
        self.raw_varint(field << 3 | FIXED32);
        self.0.extend(bits.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.raw_varint(field << 3 | BYTES);
        self.raw_varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }

    /// Seven bits a byte, lowest first; the top bit says that more follow.
    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
