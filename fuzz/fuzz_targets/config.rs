//! A configuration and an override, one after a line of dashes: read by every part of the program, with every mistake
//! reported; and what was resolved reads back to itself.
#![no_main]

use equilayer::config::{Document, read_method};
use equilayer::plugin::Registry;
use equilayer::schedule::Schedule;
use libfuzzer_sys::fuzz_target;

fn read(document: &Document) -> bool {
    let registry = Registry::of(Vec::new());
    let _ = read_method(document, &registry, ("none", &[]));
    let mut train = document.section("train");
    let _: usize = train.count("batch", 128, 2, "");
    let _: u64 = train.read("seed", 0, "");
    let _: String = train.read("directory", "runs/latest".into(), "");
    let _: bool = train.read("quiet", false, "");
    train.finish();
    let mut optimizer = document.section("optim");
    let _: Schedule = optimizer.read("lr", Schedule::constant(1e-3), "");
    let _: f64 = optimizer.read("clip", 0.0, "");
    optimizer.texts("names", &[], "");
    optimizer.choice("name", "a", &[("a", 1), ("b", 2)], "");
    optimizer.finish();
    match document.finish() {
        Ok(()) => true,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fuzz_target!(|text: &str| {
    let (file, overrides) = text.split_once("\n---\n").unwrap_or((text, ""));
    let Ok(mut document) = Document::parse("fuzz.toml", file) else { return };
    for argument in overrides.lines() {
        if let Err(error) = document.set(argument) {
            let _ = error.to_string();
        }
    }
    read(&document);
    let resolved = document.resolved();
    let again = Document::parse("resolved.toml", &resolved).expect("what was resolved is TOML");
    read(&again);
    assert_eq!(resolved, again.resolved());
});
