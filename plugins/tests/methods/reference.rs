//! Losses and gradients of methods without public reference values, against the equations written out in NumPy
//! (`tests/goldens/reference.py`), as `equilayer parity` compares them.

use std::path::{Path, PathBuf};

use equilayer::engine::DeviceChoice;
use equilayer::parity::{Tolerance, Verdict, known_cases, run};
use equilayer::plugin::{PluginKind, Registry};
use equilayer_plugins::link;

fn goldens() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let entries = std::fs::read_dir(folder).expect("a folder of goldens");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")).collect();
    files.sort();
    files
}

#[test]
fn every_regularizer_is_its_equation() {
    link();
    let registry = Registry::linked().expect("sound plugins");
    let report = run(&goldens(), Tolerance::default(), &registry, DeviceChoice::Cpu);
    println!("{report}");
    assert_eq!(report.verdict(), Verdict::Agree, "{report}");
    let compared = |case: &String| report.files.iter().any(|file| file.case.as_ref() == Some(case));
    let regularizers = registry.of_kind(PluginKind::Regularizer);
    let missing: Vec<String> = regularizers
        .map(|plugin| format!("loss.{}", plugin.spec().name))
        .filter(|case| !compared(case))
        .collect();
    assert!(missing.is_empty(), "no reference values for {missing:?}");
}

/// Objectives have reference values of others' code, with the cases that the library knows by itself.
#[test]
fn every_loss_is_a_case() {
    link();
    let registry = Registry::linked().expect("sound plugins");
    let (own, all) = (known_cases(&Registry::of(Vec::new())), known_cases(&registry));
    for plugin in registry.plugins() {
        let case = format!("loss.{}", plugin.spec().name);
        assert!(all.contains(&case), "{case}");
        assert_eq!(own.contains(&case), plugin.spec().kind == PluginKind::Objective, "{case}");
    }
}
