//! Parity files: all reference values agree, and what does not is named.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use equilayer::engine::DeviceChoice;
use equilayer::parity::{self, Outcome, Report, Tolerance, Verdict, known_cases};
use equilayer::plugin::Registry;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

fn run(files: &[PathBuf], tolerance: Tolerance, registry: &Registry) -> Report {
    parity::run(files, tolerance, registry, DeviceChoice::Cpu)
}

/// Folders of reference values: the runtime's, and the engine's, which its own tests read.
fn goldens() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/goldens/a", "tests/goldens/b", "engine/tests/goldens/a", "engine/tests/goldens/b"];
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("a folder of goldens"))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/goldens/a/{name}.safetensors"))
}

/// No plugins: the cases of the crate itself.
fn nothing() -> Registry {
    Registry::of(Vec::new())
}

/// A golden's parts, to be changed.
struct Parts {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Parts {
    fn of(name: &str) -> Parts {
        let bytes = std::fs::read(golden(name)).expect("a golden");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        let file = SafeTensors::deserialize(&bytes).expect("a whole file");
        let floats = |data: &[u8]| data.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        let tensor = |(name, view): (&str, TensorView<'_>)| {
            (name.to_owned(), view.shape().to_vec(), floats(view.data()))
        };
        Parts {
            metadata: header.metadata().clone().expect("metadata"),
            tensors: file.iter().map(|(name, view)| tensor((name, view))).collect(),
        }
    }

    fn values(&mut self, name: &str) -> &mut Vec<f32> {
        &mut self.tensors.iter_mut().find(|(known, ..)| known == name).expect("a tensor").2
    }

    fn with(mut self, key: &str, value: &str) -> Parts {
        self.metadata.insert(key.into(), value.into());
        self
    }

    fn bytes(&self, dtype: Dtype) -> Vec<u8> {
        let data: Vec<Vec<u8>> = self
            .tensors
            .iter()
            .map(|(_, _, values)| match dtype {
                Dtype::F64 => values.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect(),
                _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            })
            .collect();
        let views = self.tensors.iter().zip(&data).map(|((name, shape, _), data)| {
            (name.as_str(), TensorView::new(dtype, shape.clone(), data).expect("matching sizes"))
        });
        safetensors::serialize(views, Some(self.metadata.clone())).expect("a file")
    }

    fn checked(&self) -> Report {
        checked(&self.bytes(Dtype::F32))
    }
}

/// The report on a file with these bytes.
fn checked(bytes: &[u8]) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("case.safetensors");
    std::fs::write(&path, bytes).expect("a file");
    run(&[path], Tolerance::default(), &nothing())
}

/// What is said of a file that cannot be used.
fn refusal(report: &Report) -> String {
    assert_eq!(report.verdict(), Verdict::Unusable, "{report}");
    assert_eq!(report.verdict().exit_code(), 2);
    match &report.files[0].outcome {
        Outcome::Unusable { error } => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_reference_values_agree() {
    let files = goldens();
    assert_eq!(files.len(), 38);
    let report = run(&files, Tolerance::default(), &nothing());
    println!("{report}");
    assert_eq!(report.verdict(), Verdict::Agree, "{report}");
    assert!(report.to_string().ends_with("38 passed, 0 failed"));
    let covered = |case: &str| report.files.iter().any(|file| file.case.as_deref() == Some(case));
    let missing: Vec<String> = known_cases(&nothing()).into_iter().filter(|case| !covered(case)).collect();
    assert!(missing.is_empty(), "no reference values for {missing:?}");
}

#[test]
fn a_changed_value_is_found_with_its_place() {
    let mut parts = Parts::of("moco_v3");
    parts.values("grad.q1")[23] += 0.01;
    parts.values("grad.q1")[27] -= 0.5;
    let report = parts.checked();
    assert_eq!((report.verdict(), report.verdict().exit_code()), (Verdict::Differ, 1));
    let Outcome::Differs { differences, largest } = &report.files[0].outcome else { panic!("{report}") };
    assert_eq!(differences.len(), 1);
    let found = &differences[0];
    assert_eq!((found.tensor.as_str(), found.elements, &found.worst[..]), ("grad.q1", 2, &[1, 7][..]));
    assert!((largest - 0.5).abs() < 1e-3);
    let text = report.to_string();
    assert!(text.contains("`grad.q1`: 2 of 220 elements differ, the worst at [1, 7]"), "{text}");
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["files"][0]["outcome"], "differs");
    assert_eq!(json["files"][0]["differences"][0]["worst"], serde_json::json!([1, 7]));
}

/// A NaN on both sides is no agreement: nothing was shown.
#[test]
fn a_value_that_is_no_number_differs() {
    let mut parts = Parts::of("simclr");
    parts.values("out.loss")[0] = f32::NAN;
    assert_eq!(parts.checked().verdict(), Verdict::Differ);
    parts.values("in.z1")[0] = f32::NAN;
    assert_eq!(parts.checked().verdict(), Verdict::Differ);
}

#[test]
fn tolerances_are_relative_and_absolute() {
    let mut parts = Parts::of("vicreg");
    parts.values("out.loss")[0] *= 1.001;
    let path = tempfile::tempdir().expect("a folder");
    let path = path.path().join("case.safetensors");
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(&path, parts.bytes(Dtype::F32)).expect("a file");
    let verdict = |relative, absolute| {
        run(std::slice::from_ref(&path), Tolerance { relative, absolute }, &nothing()).verdict()
    };
    assert_eq!(verdict(1e-4, 1e-5), Verdict::Differ);
    assert_eq!(verdict(2e-3, 1e-5), Verdict::Agree);
    assert_eq!(verdict(0.0, 1.0), Verdict::Agree);
}

#[test]
fn files_of_no_use_say_why() {
    let known = refusal(&Parts::of("byol").with("case", "loss.byool").checked());
    assert!(
        known.starts_with("unknown case `loss.byool`; did you mean `loss.byol`? Known cases: "),
        "{known}"
    );
    assert!(known_cases(&nothing()).iter().all(|case| known.contains(case)), "{known}");

    let whole = Parts::of("byol").bytes(Dtype::F32);
    for kept in [0, 4, whole.len() / 2, whole.len() - 1] {
        let torn = refusal(&checked(&whole[..kept]));
        assert!(torn.contains("no whole safetensors file"), "{torn}");
    }
    let wide = refusal(&checked(&Parts::of("byol").bytes(Dtype::F64)));
    assert!(wide.contains("holds F64; convert it to F32"), "{wide}");

    let absent = refusal(&run(&["nowhere.safetensors".into()], Tolerance::default(), &nothing()));
    assert!(absent.starts_with("cannot be read"), "{absent}");
    let nameless = refusal(&checked(&{
        let mut parts = Parts::of("byol");
        parts.metadata.remove("case");
        parts.bytes(Dtype::F32)
    }));
    assert!(nameless.contains("its metadata lack `case`"), "{nameless}");
}

/// Nothing passes by not being looked at.
#[test]
fn what_a_case_does_not_have_is_refused() {
    let mut parts = Parts::of("byol");
    parts.tensors.push(("grad.z1".into(), vec![1], vec![0.0]));
    let constant = refusal(&parts.checked());
    assert!(constant.starts_with("`grad.z1` is no part of the case; it has grad.p1, grad.p2"), "{constant}");

    let mut parts = Parts::of("byol");
    parts.tensors.push(("in.z3".into(), vec![1], vec![0.0]));
    let surplus = refusal(&parts.checked());
    assert!(surplus.starts_with("`in.z3` is no part of the case"), "{surplus}");

    let mut parts = Parts::of("byol");
    parts.tensors.retain(|(name, ..)| !name.starts_with("out."));
    assert!(refusal(&parts.checked()).contains("nothing to compare"));

    let mut parts = Parts::of("byol");
    parts.tensors.retain(|(name, ..)| name != "in.p2");
    let missing = refusal(&parts.checked());
    assert!(missing.starts_with("`in.p2` is missing, which the case needs"), "{missing}");

    let mut parts = Parts::of("byol");
    let width = parts.tensors.iter().find(|(name, ..)| name == "in.p1").expect("p1").1[1];
    parts.tensors.retain(|(name, ..)| name != "in.p1");
    parts.tensors.push(("in.p1".into(), vec![2, width], vec![0.5; 2 * width]));
    let misshapen = refusal(&parts.checked());
    assert!(misshapen.starts_with("the case cannot be computed from this file"), "{misshapen}");
}

#[test]
fn parameters_are_checked() {
    for (name, params, says) in [
        ("moco_v3", "{}", "the case's parameter `temperature` is missing; it is a number"),
        ("moco_v3", r#"{"temperature": "warm"}"#, "is \"warm\"; it is a number"),
        ("moco_v3", "[1]", "no JSON object"),
        (
            "ser_both_views",
            r#"{"temperature": 1, "negatives": "all"}"#,
            r#"it is one of "cross_view", "both_views""#,
        ),
        (
            "bicubic_0",
            r#"{"size": [6, 5], "mode": "bicubic", "loss": "sum(y)"}"#,
            r#"it is one of "sum(y^2)", "sum(y * cos(stop_grad(y)))""#,
        ),
        ("bicubic_0", r#"{"size": [0, 5], "mode": "bicubic"}"#, "whole numbers from 1 on"),
    ] {
        let said = refusal(&Parts::of(name).with("params", params).checked());
        assert!(said.contains(says), "{said}");
    }
}
