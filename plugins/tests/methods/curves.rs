//! Twenty steps of every pair on one batch: finite, falling, guarded, and the same numbers as when they were written down.
//!
//! Training on so few samples makes another rounding of a sum another curve within ten steps: batch norms divide by small
//! deviations, and units of a ReLU go out. So curves are computed by the portable instructions, in a process of their own,
//! the same on every machine; the widest instructions have to agree on the first step, the same weights.
//!
//! `EQUILAYER_BLESS=1 cargo test -p equilayer-plugins --test methods` writes `curves.txt` anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use equilayer::engine::cpu::INSTRUCTIONS_VARIABLE;
use equilayer::plugin::Layer;

use super::bench::Bench;
use super::zoo::pairs;

const STEPS: u64 = 20;
const TOLERANCE: f32 = 1e-4;

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/methods/curves.txt"))
}

fn written() -> BTreeMap<String, Vec<f32>> {
    let text = std::fs::read_to_string(file()).expect("the curves");
    let line = |line: &str| {
        let (method, values) = line.split_once(": ").expect("METHOD: VALUES");
        (method.to_owned(), values.split(' ').map(|value| value.parse().expect("a number")).collect())
    };
    text.lines().map(line).collect()
}

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs()
}

#[test]
fn every_pair_learns_as_it_did() {
    if std::env::var_os(INSTRUCTIONS_VARIABLE).is_some_and(|name| name == "portable") {
        compare_curves();
        return;
    }
    let mut portable = Command::new(std::env::current_exe().expect("this test"));
    portable.args(["--exact", "curves::every_pair_learns_as_it_did", "--nocapture"]);
    let done = portable.env(INSTRUCTIONS_VARIABLE, "portable").output().expect("a process");
    let said = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn the_widest_instructions_begin_every_curve() {
    let known = written();
    for method in pairs() {
        let (found, expected) = (Bench::new(&method).run(1).0[0]["loss"], known[&method.to_string()][0]);
        assert!(close(found, expected), "{method}: {found}, and by the portable instructions {expected}");
    }
}

fn compare_curves() {
    let bless = std::env::var_os("EQUILAYER_BLESS").is_some();
    let known = if bless { BTreeMap::new() } else { written() };
    let mut text = String::new();
    let methods = pairs();
    for method in &methods {
        let history = Bench::new(method).run(STEPS).0;
        for term in ["loss".to_owned(), format!("loss.{}", method.names()[1])] {
            let curve: Vec<f32> = history.iter().map(|step| step[&term]).collect();
            assert!(curve.iter().all(|loss| loss.is_finite()), "{term} of {method}: {curve:?}");
            let (first, last) = (curve[0], curve[STEPS as usize - 1]);
            assert!(last < first, "{term} of {method} goes from {first} to {last}");
        }
        let curve: Vec<f32> = history.iter().map(|step| step["loss"]).collect();
        let values: Vec<String> = curve.iter().map(f32::to_string).collect();
        writeln!(text, "{method}: {}", values.join(" ")).expect("a string grows");
        if bless {
            continue;
        }
        let expected = known.get(&method.to_string()).unwrap_or_else(|| panic!("no curve of {method}"));
        for (step, (found, expected)) in curve.iter().zip(expected).enumerate() {
            assert!(close(*found, *expected), "{method}, step {step}: {found}, and it was {expected}");
        }
    }
    match bless {
        true => std::fs::write(file(), text).expect("a file"),
        false => assert_eq!(known.len(), methods.len(), "curves of methods that are gone"),
    }
}

/// Each term trains what lies before its tap, and its heads.
#[test]
fn every_pair_passes_the_guard() {
    for method in pairs() {
        let found = Bench::new(&method).guard().unwrap_or_else(|error| panic!("{method}: {error}"));
        assert_eq!(found.len(), 2, "{method}");
        let heads: Vec<&str> = found[1].heads.iter().map(|(head, _)| head.as_str()).collect();
        let expected = method.regularizers()[0].spec().heads().count();
        let own_norm = matches!(method.regularizers()[0].at().layer, Layer::After(layer) if layer < 4);
        assert_eq!(heads.len(), expected + usize::from(own_norm), "{method}: {heads:?}");
    }
}
