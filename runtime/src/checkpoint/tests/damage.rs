//! No damage goes unnoticed, and none panics.

use proptest::prelude::*;

use super::*;

fn refusal(bytes: &[u8]) -> CheckpointError {
    read(bytes).expect_err("a damaged file")
}

/// A file whose header is this text and which has this much data.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn a_file_cut_anywhere_is_torn() {
    let bytes = a_file();
    for cut in 0..17 {
        let error = refusal(&bytes[..bytes.len() * cut / 17]);
        assert!(matches!(error, CheckpointError::Torn { .. }), "{cut}/17: {error}");
        assert!(error.is_damage());
    }
    let error = refusal(&bytes[..bytes.len() - 1]).to_string();
    assert!(error.starts_with(&format!(
        "it: torn: it ends after {} of {} bytes",
        bytes.len() - 1,
        bytes.len()
    )));
    assert!(refusal(&[&bytes[..], &[0]].concat()).to_string().contains("1 bytes follow its end"));
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let mut bytes = a_file();
    for byte in 0..bytes.len() {
        let mask = 1 << (byte % 8);
        bytes[byte] ^= mask;
        refusal(&bytes);
        bytes[byte] ^= mask;
    }
    let state = bytes.len() - 10;
    bytes[state] ^= 1;
    let error = refusal(&bytes).to_string();
    assert!(error.starts_with("it: corrupt: its checksum is "), "{error}");
    assert!(error.ends_with("was written; resume from an earlier checkpoint, or copy it again"), "{error}");
}

#[test]
fn foreign_files_are_told_from_damaged_ones() {
    for (bytes, detail) in [
        (b"\x89PNG\r\n\x1a\n and so on".to_vec(), "does not begin as a safetensors file does"),
        (with_header("{\"a\": 3}", 0), "its header is not safetensors"),
        (with_header("{}", 0), "safetensors file of another program"),
        (with_header("{\"__metadata__\": {\"format\": \"pt\"}}", 0), "safetensors file of another program"),
    ] {
        let error = refusal(&bytes);
        assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(detail), "{error}");
        assert!(error.to_string().ends_with("give a file of a run's `checkpoints` folder"), "{error}");
    }
}

#[test]
fn a_newer_format_asks_for_a_newer_program() {
    let header = format!("{{\"__metadata__\": {{\"format\": \"{FORMAT}\", \"version\": \"2\"}}}}");
    assert_eq!(
        refusal(&with_header(&header, 0)).to_string(),
        "it: has version 2 of the format, this program reads up to 1; update equilayer"
    );
}

#[test]
fn headers_that_lie_cost_no_memory() {
    let about = |tensors: &str| {
        let run = serde_json::to_string(&info(0, None)).expect("JSON");
        let run = serde_json::to_string(&run).expect("JSON");
        format!("{{\"__metadata__\":{{\"format\":\"{FORMAT}\",\"version\":\"1\",\"run\":{run}}},{tensors}}}")
    };
    let checksum = r#""__checksum__":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
    let axes = r#""a":{"dtype":"F32","shape":[9999999,9999999,1,1,1,1,0],"data_offsets":[0,0]}"#;
    let integers = r#""a":{"dtype":"I32","shape":[0],"data_offsets":[0,0]}"#;
    let huge = r#""a":{"dtype":"F32","shape":[2000000000],"data_offsets":[0,8000000000]}"#;
    for (tensors, detail) in [
        (format!("{axes},{checksum}"), "has 7 axes, more than 6"),
        (format!("{integers},{checksum}"), "is of type I32, not F32"),
        (huge.into(), "torn: it ends after"),
        (
            r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#.into(),
            "its last tensor is not a checksum",
        ),
    ] {
        let error = refusal(&with_header(&about(&tensors), 4)).to_string();
        assert!(error.contains(detail), "{error}");
    }
    let error = refusal(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat());
    assert!(matches!(error, CheckpointError::Torn { .. }), "{error}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn arbitrary_headers_are_refused(header in r#"\{("(__metadata__|a|__checksum__)":[\[\]{}0-9,":a-z]{0,40},?){0,3}\}"#) {
        prop_assert!(read(&with_header(&header, 16)).is_err());
    }

    #[test]
    fn arbitrary_changes_are_refused(at in any::<prop::sample::Index>(), change in 1..=u8::MAX, cut in any::<bool>()) {
        let mut bytes = a_file();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        bytes.truncate(if cut { at + 1 } else { bytes.len() });
        prop_assert!(read(&bytes).is_err());
    }
}
