//! `equilayer parity --device cuda`: values from PyTorch, lightly and timm, computed again on the GPU.

use std::path::{Path, PathBuf};

use equilayer::engine::DeviceChoice;
use equilayer::parity::{self, Tolerance, Verdict};

fn goldens() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime");
    let folders = ["tests/goldens/a", "tests/goldens/b", "engine/tests/goldens/a", "engine/tests/goldens/b"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("a folder"));
    files.map(|entry| entry.expect("a readable folder").path()).collect()
}

#[test]
fn all_reference_values_agree_on_the_gpu() {
    let Some(_gpu) = equilayer_cuda_tests::gpu() else { return };
    let files = goldens();
    assert_eq!(files.len(), 38);
    let report = parity::run(&files, Tolerance::default(), DeviceChoice::Cuda(0));
    println!("{report}");
    assert_eq!(report.verdict(), Verdict::Agree, "{report}");
}
