//! IDX files, gzip-compressed or not.
#![no_main]

use equilayer::data::Idx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Idx::decode("fuzz.idx", bytes) {
        Ok(idx) => assert_eq!(idx.shape().iter().product::<usize>(), idx.bytes().len()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
