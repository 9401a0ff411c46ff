//! What the kernels of real training take of a GPU: every kernel of ViT-S/16 and of the digits' recipes, trained by
//! MoCo v3, DINO and Barlow Twins with SER, in `f32` and in bfloat16, is compiled by NVRTC for three generations of GPUs. None spills registers,
//! none but normal draws uses `f64`, and none takes more than `budget.tsv` grants kernels of its operator.
//!
//! `EQUILAYER_WRITE_BUDGET=1 cargo test -p equilayer-cuda-tests --test budget` writes the table anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use equilayer::bench::{Work, Workload};
use equilayer::config::Document;
use equilayer::engine::cuda::compile::Target;
use equilayer::engine::cuda::lower::lower;
use equilayer::engine::cuda::task::Kernel;
use equilayer::engine::cuda::{Resources, resources};
use equilayer::engine::{Plan, Precision};
use equilayer::plugin::Registry;
use equilayer::train::{Settings, Trainer};

/// Ampere, Hopper and Blackwell.
const CAPABILITIES: [(i32, i32); 3] = [(8, 0), (9, 0), (10, 0)];

const WRITE_VARIABLE: &str = "EQUILAYER_WRITE_BUDGET";

/// ViT-S/16 on the bundled digits, enlarged: what there is of images plays no part in a plan.
const VIT_S: [&str; 7] = [
    "encoder.image=224",
    "encoder.patch=16",
    "encoder.width=384",
    "encoder.depth=12",
    "encoder.heads=6",
    "train.batch=16",
    "method.ser.batch=0.125",
];

/// The operators whose kernels may use `f64`, as they do on the processor.
const WITH_F64: [&str; 1] = ["random"];

/// Registers are granted in steps, so that a pass that fuses a little more needs no new table.
const REGISTER_STEP: u32 = 16;

/// The most that kernels of an operator take, by operator and architecture.
type Budget = BTreeMap<(String, String), Resources>;

fn recipe(name: &str, keys: &[&str], registry: &Registry) -> Arc<Plan> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/recipes/digits");
    let mut document = Document::read(&folder.join(format!("{name}+ser@layer3.toml"))).unwrap();
    keys.iter().for_each(|key| document.set(key).unwrap());
    let settings = Settings::read(&document, registry, ("moco_v3", &[]));
    document.finish().unwrap();
    Trainer::new(settings.unwrap()).unwrap().first_plan().unwrap()
}

/// The kernels of all plans, in `f32` and with factors of bfloat16, each once.
fn kernels() -> Vec<Arc<Kernel>> {
    equilayer_plugins::link();
    let registry = Registry::linked().unwrap();
    let mut plans = vec![Work::prepare(&Workload::VitS.setup(), &registry).unwrap().plan().unwrap()];
    for name in ["moco_v3", "dino", "barlow_twins"] {
        plans.push(recipe(name, &[], &registry));
        plans.push(recipe(name, &VIT_S, &registry));
    }
    let mut kernels = BTreeMap::new();
    for plan in plans {
        for precision in [Precision::F32, Precision::Bf16] {
            for kernel in lower(&plan, precision).unwrap().kernels() {
                kernels.insert(kernel.name.clone(), kernel);
            }
        }
    }
    kernels.into_values().collect()
}

/// A kernel's name without the hash of its text.
fn operator(kernel: &str) -> &str {
    kernel.rsplit_once('_').map_or(kernel, |(operator, _)| operator)
}

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.tsv")
}

const TITLES: &str = "operator\tarchitecture\tregisters\tshared bytes\tlocal bytes\n";

fn write(budget: &Budget) {
    let mut text = TITLES.to_owned();
    for ((operator, architecture), taken) in budget {
        let Resources { registers, shared_bytes, local_bytes, .. } = taken;
        let registers = registers.next_multiple_of(REGISTER_STEP);
        writeln!(text, "{operator}\t{architecture}\t{registers}\t{shared_bytes}\t{local_bytes}").unwrap();
    }
    std::fs::write(table(), text).unwrap();
}

fn read() -> Budget {
    let text = std::fs::read_to_string(table()).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| cells[at].parse().unwrap();
        let [registers, shared_bytes, local_bytes] = [2, 3, 4].map(number);
        let granted = Resources { registers, shared_bytes, local_bytes, ..Resources::default() };
        ((cells[0].to_owned(), cells[1].to_owned()), granted)
    };
    text.strip_prefix(TITLES).expect("the titles").lines().map(row).collect()
}

/// Whether all that was taken was granted.
fn fits(taken: &Resources, granted: &Resources) -> bool {
    taken.registers <= granted.registers
        && taken.shared_bytes <= granted.shared_bytes
        && taken.local_bytes <= granted.local_bytes
}

#[test]
fn kernels_of_real_training_compile_and_stay_within_their_budget() {
    if !equilayer_cuda_tests::has_nvrtc() {
        return;
    }
    let kernels = kernels();
    let mut taken = Budget::new();
    let mut wrong = Vec::new();
    for capability in CAPABILITIES {
        let target = Target::of(capability).unwrap();
        for (name, found) in resources(&kernels, &target).unwrap() {
            let operator = operator(&name);
            if found.spilled_bytes > 0 {
                wrong.push(format!("{name} spills {} bytes on {}", found.spilled_bytes, target.architecture));
            }
            if found.f64_instructions > 0 && !WITH_F64.contains(&operator) {
                wrong.push(format!("{name} has {} instructions on f64", found.f64_instructions));
            }
            let most = taken.entry((operator.to_owned(), target.architecture.clone())).or_default();
            *most = most.most(found);
        }
    }
    println!(
        "{} kernels of {} operators compile for sm_80, sm_90 and sm_100",
        kernels.len(),
        taken.len() / 3
    );
    if std::env::var(WRITE_VARIABLE).is_ok_and(|value| value == "1") {
        write(&taken);
    }
    let budget = read();
    for (place, taken) in &taken {
        match budget.get(place) {
            Some(granted) if fits(taken, granted) => {}
            granted => wrong.push(format!("{place:?} takes {taken:?}, granted is {granted:?}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nIf that is meant, set {WRITE_VARIABLE}=1 to write the table anew",
        wrong.join("\n")
    );
}
