//! `equilayer parity --device cuda`: values from PyTorch, lightly, timm and the methods' authors, computed again on the
//! GPU.

use std::path::{Path, PathBuf};

use equilayer::engine::DeviceChoice;
use equilayer::parity::{self, Tolerance, Verdict};
use equilayer::plugin::Registry;

const FOLDERS: [&str; 5] = [
    "runtime/tests/goldens/a",
    "runtime/tests/goldens/b",
    "runtime/engine/tests/goldens/a",
    "runtime/engine/tests/goldens/b",
    "plugins/tests/goldens",
];

fn goldens() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = FOLDERS.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("a folder"));
    let files = files.map(|entry| entry.expect("a readable folder").path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")).collect()
}

#[test]
fn all_reference_values_agree_on_the_gpu() {
    let Some(_gpu) = equilayer_cuda_tests::gpu() else { return };
    equilayer_plugins::link();
    let registry = Registry::linked().expect("the plugins fit together");
    let files = goldens();
    assert!(files.len() > 40, "{files:?}");
    let report = parity::run(&files, Tolerance::default(), &registry, DeviceChoice::Cuda(0));
    println!("{report}");
    assert_eq!(report.verdict(), Verdict::Agree, "{report}");
}
