//! Tar shards, and the pictures in them.
#![no_main]

use std::io::Write;

use equilayer::data::{Dataset, TarShards};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    match TarShards::open(file.path()) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(shards) => {
            for index in 0..shards.len().min(4) {
                if let Err(error) = shards.image(index) {
                    assert!(!error.to_string().is_empty());
                }
                assert!(shards.label(index).is_none_or(|label| label < shards.classes().len()));
            }
        }
    }
});
