//! Checkpoints: whatever the bytes are, they are refused in words or every state can be read.
#![no_main]

use std::io::Cursor;

use equilayer::checkpoint::Checkpoint;
use libfuzzer_sys::fuzz_target;

/// CRC-32C of all but the last four bytes takes their place, so that what lies behind the checksum is reached too.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    if let Some(end) = bytes.len().checked_sub(4) {
        let checksum = crc32c::crc32c(&bytes[..end]);
        sealed[end..].copy_from_slice(&checksum.to_le_bytes());
    }
    sealed
}

fn read(bytes: Vec<u8>) {
    match Checkpoint::new("fuzz.safetensors".into(), Cursor::new(bytes)) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(mut checkpoint) => {
            for (name, shape) in checkpoint.shapes() {
                let values = checkpoint.values(&name).expect("a whole file").expect("a state of it");
                assert_eq!(values.len(), shape.elements());
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes.to_vec());
    read(sealed(bytes));
});
