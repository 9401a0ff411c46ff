//! Which crate may depend on which, read from the manifests (ARCHITECTURE.md, "Invariants").
//!
//! The rules look at every dependency a manifest names: normal, build and test; of any target; under its own name
//! even where it is renamed.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

/// Crates that compute. A crate whose name continues one of these with `-` or `_` counts too: `luminal_cuda`.
const TENSOR_CRATES: &[&str] = &[
    "burn", "candle", "cudarc", "dfdx", "faer", "gemm", "luminal", "nalgebra", "ndarray", "ort", "pulp",
    "tch", "wgpu",
];

/// Crates that only the engine may name.
const ENGINE_ONLY: &[&str] = &["cudarc", "luminal"];

/// The emulated GPU, which stands in for a real one in tests and nowhere else.
const EMULATED_GPU: &[&str] = &["equilayer-fake-driver", "equilayer-ptx-emulator"];

fn is_of_family(name: &str, families: &[&str]) -> bool {
    families.iter().any(|family| {
        name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })
}

/// Why `krate` must not depend on `dependency`, if it must not. `workspace` has the names of all workspace crates.
fn violated_rule(krate: &str, dependency: &str, workspace: &BTreeSet<&str>) -> Option<&'static str> {
    let in_workspace = workspace.contains(dependency);
    match krate {
        "equilayer-engine" if in_workspace => Some("the engine stands alone"),
        "equilayer-grammar" if in_workspace => Some("the grammar stands alone"),
        "equilayer-macros" if in_workspace && dependency != "equilayer-grammar" => {
            Some("the macros build on the grammar only")
        }
        "equilayer-macros" if is_of_family(dependency, TENSOR_CRATES) => Some("the macros know no tensors"),
        "equilayer"
            if in_workspace
                && !["equilayer-engine", "equilayer-grammar", "equilayer-macros"].contains(&dependency) =>
        {
            Some("the runtime builds on the engine, the macros and their grammar only")
        }
        "equilayer-plugins" if in_workspace && dependency != "equilayer" => {
            Some("plugins use `equilayer`, as a user's own would")
        }
        "equilayer-ptx-emulator" if in_workspace => Some("the emulator knows PTX only"),
        "equilayer-fake-driver" if in_workspace && dependency != "equilayer-ptx-emulator" => {
            Some("the fake driver builds on the emulator only")
        }
        "equilayer-cuda-tests" if is_of_family(dependency, &["cudarc"]) => None,
        _ if !["equilayer-cuda-tests", "equilayer-fake-driver"].contains(&krate)
            && EMULATED_GPU.contains(&dependency) =>
        {
            Some("only tests of CUDA name the emulated GPU")
        }
        _ if krate != "equilayer-engine" && is_of_family(dependency, ENGINE_ONLY) => {
            Some("only the engine names luminal and cudarc")
        }
        _ => None,
    }
}

/// Every violation in what `cargo metadata` printed, one line each.
fn violations(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("name").to_owned();
    let names: Vec<String> = packages.iter().map(name).collect();
    let workspace: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for package in packages {
        let krate = name(package);
        for dependency in package["dependencies"].as_array().expect("dependencies").iter().map(name) {
            if let Some(rule) = violated_rule(&krate, &dependency, &workspace) {
                found.push(format!("{krate} depends on {dependency}: {rule}"));
            }
        }
    }
    found
}

fn workspace_metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

#[test]
fn the_workspace_keeps_its_layers() {
    let metadata = workspace_metadata();
    let crates: BTreeSet<&str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    // The rules speak of crates by name: after a renaming they would hold of nothing.
    for named in
        ["equilayer", "equilayer-engine", "equilayer-grammar", "equilayer-macros", "equilayer-plugins"]
    {
        assert!(crates.contains(named), "no crate {named} in {crates:?}");
    }
    assert_eq!(violations(&metadata), Vec::<String>::new());
}

/// What the rules say of a made-up workspace in which only `krate` has a dependency, and only this one.
fn violations_with(krate: &str, dependency: &str) -> Vec<String> {
    let names = [
        "",
        "-engine",
        "-grammar",
        "-macros",
        "-plugins",
        "-examples",
        "-tests",
        "-cuda-tests",
        "-fake-driver",
        "-ptx-emulator",
    ]
    .map(|suffix| format!("equilayer{suffix}"));
    assert!(names.iter().any(|name| name == krate), "{krate} is not in the made-up workspace");
    let package = |name: &String| {
        let dependencies = if name == krate { json!([{ "name": dependency }]) } else { json!([]) };
        json!({ "name": name, "dependencies": dependencies })
    };
    violations(&json!({ "packages": names.iter().map(package).collect::<Vec<_>>() }))
}

#[test]
fn each_violation_is_found() {
    for (krate, dependency, rule) in [
        ("equilayer-engine", "equilayer", "the engine stands alone"),
        ("equilayer-engine", "equilayer-macros", "the engine stands alone"),
        ("equilayer-engine", "equilayer-tests", "the engine stands alone"),
        ("equilayer-grammar", "equilayer-macros", "the grammar stands alone"),
        ("equilayer-macros", "equilayer-engine", "the macros build on the grammar only"),
        ("equilayer-macros", "luminal", "the macros know no tensors"),
        ("equilayer-macros", "gemm-f32", "the macros know no tensors"),
        (
            "equilayer",
            "equilayer-plugins",
            "the runtime builds on the engine, the macros and their grammar only",
        ),
        ("equilayer", "luminal", "only the engine names luminal and cudarc"),
        ("equilayer-plugins", "equilayer-engine", "plugins use `equilayer`, as a user's own would"),
        ("equilayer-plugins", "equilayer-macros", "plugins use `equilayer`, as a user's own would"),
        ("equilayer-plugins", "luminal_cuda", "only the engine names luminal and cudarc"),
        ("equilayer-examples", "luminal", "only the engine names luminal and cudarc"),
        ("equilayer-tests", "cudarc", "only the engine names luminal and cudarc"),
        ("equilayer-tests", "equilayer-fake-driver", "only tests of CUDA name the emulated GPU"),
        ("equilayer-examples", "equilayer-ptx-emulator", "only tests of CUDA name the emulated GPU"),
        ("equilayer-cuda-tests", "luminal_cuda", "only the engine names luminal and cudarc"),
        ("equilayer-fake-driver", "equilayer-engine", "the fake driver builds on the emulator only"),
        ("equilayer-fake-driver", "cudarc", "only the engine names luminal and cudarc"),
        ("equilayer-ptx-emulator", "equilayer-engine", "the emulator knows PTX only"),
    ] {
        assert_eq!(violations_with(krate, dependency), [format!("{krate} depends on {dependency}: {rule}")]);
    }
}

#[test]
fn what_the_rules_allow_is_not_found() {
    for (krate, dependency) in [
        ("equilayer-engine", "luminal_cuda"),
        ("equilayer-engine", "cudarc"),
        ("equilayer-macros", "equilayer-grammar"),
        ("equilayer-macros", "syn"),
        ("equilayer-macros", "orthography"), // a name that only starts like `ort`
        ("equilayer", "equilayer-grammar"),
        ("equilayer", "equilayer-macros"),
        ("equilayer-plugins", "serde"),
        ("equilayer-examples", "equilayer-engine"),
        ("equilayer-cuda-tests", "cudarc"),
        ("equilayer-cuda-tests", "equilayer-engine"),
        ("equilayer-cuda-tests", "equilayer-fake-driver"),
        ("equilayer-fake-driver", "equilayer-ptx-emulator"),
    ] {
        assert_eq!(violations_with(krate, dependency), Vec::<String>::new(), "{krate} on {dependency}");
    }
}
