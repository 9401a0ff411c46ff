//! `equilayer bench`, as a user runs it: what it counts and says, never how long it takes.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use equilayer::bench::{Setup, Work, Workload, growth};
use equilayer::engine::Plan;
use equilayer::plugin::Registry;
use serde_json::Value;

fn bench(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_equilayer"));
    let Output { status, stdout, stderr } =
        command.arg("bench").args(arguments).current_dir(folder).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(record: &Value, field: &str) -> f64 {
    record[field].as_f64().unwrap_or_else(|| panic!("{field} in {record}"))
}

/// Floating-point operations of a workload's matrix products, from the widths of its layers.
struct Model {
    tokens: u64,
    /// Numbers of a patch.
    patch: u64,
    width: u64,
    depth: u64,
    /// Width of the heads' hidden layers.
    hidden: u64,
}

const VIT_S: Model = Model { tokens: 196, patch: 768, width: 384, depth: 12, hidden: 4096 };
const DIGITS: Model = Model { tokens: 49, patch: 48, width: 192, depth: 6, hidden: 1024 };

/// Widths of the embeddings and of SER's projected tokens.
const OUT: u64 = 256;
const DENSE: u64 = 512;

/// A linear layer's backward pass is two products of its size, attention's, which makes the scores again, five of ten.
const LINEAR: u64 = 3;
const ATTENTION: (u64, u64) = (7, 2);

impl Model {
    fn patches(&self) -> u64 {
        2 * self.tokens * self.patch * self.width
    }

    /// What the last block's projection and MLP would do for tokens that nobody reads. PyTorch does it.
    fn unread(&self) -> u64 {
        18 * self.tokens * self.width.pow(2)
    }

    /// The same for two views, through the student and back, and through the teacher.
    fn unread_by_moco_v3(&self, batch: u64) -> u64 {
        2 * batch * (LINEAR + 1) * self.unread()
    }

    /// Linear layers and attention of the blocks, CLS joining after block `cls_after`.
    fn blocks(&self, cls_after: u64) -> (u64, u64) {
        let lengths = [(cls_after, self.tokens), (self.depth - cls_after, self.tokens + 1)];
        let sum =
            |cost: &dyn Fn(u64) -> u64| lengths.iter().map(|(blocks, tokens)| blocks * cost(*tokens)).sum();
        let linear = sum(&|tokens| 24 * tokens * self.width.pow(2)) - self.unread();
        (linear, sum(&|tokens| 4 * tokens.pow(2) * self.width))
    }

    fn forward(&self, batch: u64) -> u64 {
        let (linear, attention) = self.blocks(0);
        batch * (self.patches() + linear + attention)
    }

    /// Nothing asks for the gradient by the images.
    fn step(&self, batch: u64) -> u64 {
        let (linear, attention) = self.blocks(0);
        batch * (2 * self.patches() + LINEAR * linear + ATTENTION.0 * attention / ATTENTION.1)
    }

    /// Two views through student and teacher; the patch embedding is frozen.
    fn moco_v3(&self, batch: u64) -> u64 {
        let (linear, attention) = self.blocks(3);
        let projector = 2 * (self.width * self.hidden + self.hidden.pow(2) + self.hidden * OUT);
        let predictor = 2 * 2 * OUT * self.hidden;
        let student = self.patches()
            + LINEAR * (linear + projector + predictor)
            + ATTENTION.0 * attention / ATTENTION.1;
        let teacher = self.patches() + linear + attention + projector;
        let contrast = 2 * 2 * 2 * batch.pow(2) * OUT;
        2 * batch * (student + teacher) + contrast
    }

    /// Both directions: the projected tokens of the student, those of the teacher, which get no gradient, and scores that
    /// are made twice.
    fn ser(&self, samples: u64) -> u64 {
        let tokens = samples * self.tokens;
        let project = self.width * DENSE + DENSE.pow(2);
        let heads = 2 * tokens * (2 * LINEAR * project - self.width * DENSE);
        2 * (heads + 8 * (2 * tokens).pow(2) * DENSE)
    }
}

fn planned(workload: Workload, batch: usize, ser: bool) -> Arc<Plan> {
    equilayer_plugins::link();
    let registry = Registry::linked().unwrap();
    let setup = Setup { batch, ser, ..workload.setup() };
    Work::prepare(&setup, &registry).unwrap().plan().unwrap()
}

fn counted(workload: Workload, batch: usize, ser: bool) -> u64 {
    planned(workload, batch, ser).steps().iter().map(|step| step.product_flops()).sum()
}

/// The numbers are those of PyTorch's `FlopCounterMode` for benches/compare/torch_peer.py.
#[test]
fn work_is_what_the_layers_say_and_what_pytorch_counts_but_for_unread_tokens() {
    let forward = counted(Workload::VitSForward, 16, false);
    assert_eq!(forward, VIT_S.forward(16));
    assert_eq!(forward + 16 * VIT_S.unread(), 147_151_945_728);
    let step = counted(Workload::VitSStep, 16, false);
    assert_eq!(step, VIT_S.step(16));
    assert_eq!(step + 16 * LINEAR * VIT_S.unread(), 445_328_769_024);
    let moco = counted(Workload::VitS, 16, false);
    assert_eq!(moco, VIT_S.moco_v3(16));
    assert_eq!(moco + VIT_S.unread_by_moco_v3(16), 1_185_011_556_352);
    let digits = counted(Workload::Digits, 128, false);
    assert_eq!(digits, DIGITS.moco_v3(128));
    assert_eq!(digits + DIGITS.unread_by_moco_v3(128), 286_469_554_176);
}

/// PyTorch keeps the scores of dense InfoNCE, which are made twice here, and multiplies by ρ as a dense matrix.
#[test]
fn ser_adds_what_its_equation_says() {
    for (workload, model, batch, samples) in
        [(Workload::VitS, VIT_S, 16, 2), (Workload::Digits, DIGITS, 128, 2), (Workload::VitS, VIT_S, 256, 3)]
    {
        let [with, without] = [true, false].map(|ser| counted(workload, batch, ser));
        assert_eq!(with - without, model.ser(samples), "{workload}, batch {batch}");
    }
    let ratio = |batch, samples| {
        let all = counted(Workload::VitS, batch as usize, false) + VIT_S.unread_by_moco_v3(batch);
        1.0 + VIT_S.ser(samples) as f64 / all as f64
    };
    assert!((ratio(16, 2) - 1.0068).abs() < 1e-3, "{}", ratio(16, 2));
    assert!((ratio(256, 3) - 1.0008).abs() < 2e-4, "{}", ratio(256, 3));
}

/// The backward pass reads ten widths of a token in each block: those of the three that attention reads, of what it gives,
/// of two residual sums and of the MLP's hidden layer. When the last block runs, it takes one more hidden layer and norm;
/// a plan that keeps anything else for long, another network's activations or gradients that wait, asks for more.
#[test]
fn a_step_asks_for_what_the_backward_pass_reads_and_one_block_more() {
    for (workload, model, views) in
        [(Workload::VitS, VIT_S, 2), (Workload::Digits, DIGITS, 2), (Workload::VitSStep, VIT_S, 1)]
    {
        let tokens = views * workload.batch() as u64 * (model.tokens + 1);
        let kept = 4 * tokens * model.width * (10 * model.depth + 5);
        let asked = planned(workload, workload.batch(), workload.has_method()).arena_bytes() as u64;
        assert!(100 * asked <= 103 * kept, "{workload}: {asked} bytes, of which {kept} are needed");
    }
}

/// What the plan asks for a token of dense InfoNCE does not grow with the tokens.
#[test]
fn memory_of_dense_info_nce_is_linear_in_tokens() {
    let bytes = |tokens: usize| {
        let plan = growth::dense_info_nce(tokens).unwrap();
        plan.arena_bytes() + plan.state_bytes()
    };
    let each = growth::TOKENS.map(|tokens| bytes(tokens) as f64 / tokens as f64);
    for per_token in each {
        assert!((per_token / each[0] - 1.0).abs() < 0.01, "{each:?}");
    }
}

#[test]
fn a_record_says_what_was_done_how_fast_and_where() {
    let (code, stdout, stderr) =
        bench(Path::new("."), &["--workload", "digits", "--batch", "8", "--steps", "2", "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let [record] = &lines(&stdout)[..] else { panic!("{stdout}") };
    assert_eq!(record["workload"], "digits");
    assert_eq!((&record["ser"], &record["grids"]), (&Value::from("on"), &Value::from("fixed")));
    for (field, value) in [("batch", 8.0), ("n_eq", 2.0), ("steps", 2.0)] {
        assert_eq!(number(record, field), value, "{field}");
    }
    for field in ["ms", "min_ms", "max_ms", "img_s", "gflop", "gflops", "roofline", "arena_mb", "state_mb"] {
        assert!(number(record, field) > 0.0, "{field} in {record}");
    }
    assert!(
        number(record, "min_ms") <= number(record, "ms") && number(record, "ms") <= number(record, "max_ms")
    );
    let seconds = number(record, "ms") / 1e3;
    assert!((number(record, "img_s") * seconds / 8.0 - 1.0).abs() < 1e-9);
    assert!((number(record, "gflops") * seconds / number(record, "gflop") - 1.0).abs() < 1e-9);
    if cfg!(target_os = "linux") {
        assert!(number(record, "rss_mb") > number(record, "state_mb"), "{record}");
    }
    let machine = &record["machine"];
    assert!(
        machine["isa"].is_string() && machine["cores"].is_u64() && machine["threads"].is_u64(),
        "{machine}"
    );
    assert!(number(machine, "fma_gflops") > 0.0 && number(machine, "bandwidth_gbs") > 0.0, "{machine}");
}

#[test]
fn views_are_made_of_the_images_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        let encoder = jpeg_encoder::Encoder::new_file(folder.path().join(name), 90).unwrap();
        encoder.encode(&[128; 50 * 40 * 3], 50, 40, jpeg_encoder::ColorType::Rgb).unwrap();
    }
    let arguments = ["--images", ".", "--steps", "2", "--threads", "2", "--json"];
    let (code, stdout, stderr) = bench(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let records = lines(&stdout);
    assert_eq!(records.iter().map(|record| number(record, "views")).collect::<Vec<_>>(), [1.0, 2.0]);
    for record in &records {
        assert_eq!(number(record, "images"), 6.0);
        assert_eq!(number(record, "img_s"), 2.0 * number(record, "img_s_worker"));
    }

    std::fs::write(folder.path().join("b.jpg"), "no image").unwrap();
    let (code, _, stderr) = bench(folder.path(), &arguments);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("b.jpg"), "{stderr}");
}

#[test]
fn with_and_without_ser_take_turns_and_are_compared() {
    let arguments = ["--workload", "digits", "--batch", "8", "--steps", "3", "--ser", "both", "--json"];
    let (code, stdout, stderr) = bench(Path::new("."), &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let [without, with, comparison] = &lines(&stdout)[..] else { panic!("{stdout}") };
    assert_eq!((&without["ser"], &with["ser"]), (&Value::from("off"), &Value::from("on")));
    let flops = number(with, "gflop") / number(without, "gflop");
    assert!(flops > 1.0 && (flops - number(comparison, "flop_ratio")).abs() < 1e-9, "{comparison}");
    assert_eq!(number(comparison, "rounds"), 3.0);
    let [min, median, max] =
        ["min_time_ratio", "time_ratio", "max_time_ratio"].map(|field| number(comparison, field));
    assert!(0.0 < min && min <= median && median <= max, "{comparison}");
}

#[test]
fn a_profile_accounts_for_every_kernel_and_leaves_a_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["--workload", "digits", "--batch", "8", "--steps", "1", "--grids", "drawn", "--profile", "--json"];
    let (code, stdout, stderr) = bench(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let profile = &lines(&stdout)[0]["profile"];
    let total = |by: &str, field: &str| -> f64 {
        profile[by].as_array().unwrap().iter().map(|row| number(row, field)).sum()
    };
    for by in ["kernels", "calls", "parts"] {
        assert!((total(by, "share") - 1.0).abs() < 1e-9, "{by}");
        assert!((total(by, "ms") / total("calls", "ms") - 1.0).abs() < 1e-9, "{by}");
    }
    for part in ["student", "teacher", "moco_v3", "ser", "optimizer"] {
        assert!(profile["parts"].as_array().unwrap().iter().any(|row| row["name"] == part), "{part}");
    }
    let trace = std::fs::read_to_string(folder.path().join("digits.trace.json")).unwrap();
    let trace: Value = serde_json::from_str(&trace).unwrap();
    let kernels: Vec<&Value> =
        trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["tid"] == 2).collect();
    let complete = kernels.iter().filter(|event| event["ph"] == "X").collect::<Vec<_>>();
    assert!(complete.len() > 100, "{}", complete.len());
    for pair in complete.windows(2) {
        assert!(number(pair[0], "ts") <= number(pair[1], "ts"), "{} {}", pair[0], pair[1]);
    }
}

#[test]
fn a_step_on_a_gpu_that_is_not_there_is_estimated_and_says_so() {
    let arguments = ["--device", "cuda", "--model", "h100", "--workload", "digits", "--json"];
    let estimate = |precision: &str| {
        let (code, stdout, stderr) =
            bench(Path::new("."), &[&arguments[..], &["--precision", precision]].concat());
        assert_eq!(code, Some(0), "{stderr}");
        let [estimate] = &lines(&stdout)[..] else { panic!("{stdout}") };
        estimate.clone()
    };
    let [full, rounded] = ["f32", "bf16"].map(estimate);
    assert_eq!((&full["gpu"], &full["precision"]), (&Value::from("NVIDIA H100 SXM"), &Value::from("f32")));
    let rows = full["kernels"].as_array().unwrap();
    let total = |field: &str| rows.iter().map(|row| number(row, field)).sum::<f64>();
    assert!((total("ms") / number(&full, "estimated_ms") - 1.0).abs() < 1e-9, "{full}");
    assert_eq!(total("tasks"), number(&full, "tasks"));
    assert!(number(&full, "tasks") > 100.0 && number(&full, "roofline") < 1.0, "{full}");
    assert!(number(&rounded, "estimated_ms") < number(&full, "estimated_ms"));
    let (_, stdout, _) = bench(Path::new("."), &arguments[..6]);
    assert!(stdout.contains("an ESTIMATE from the plan and the data sheet"), "{stdout}");
}

#[test]
fn refusals_name_the_option_and_what_would_do() {
    let cases: [(&[&str], &[&str]); 17] = [
        (
            &["--workload", "vit"],
            &["invalid value 'vit' for '--workload <WORKLOAD>'", "vit_s_forward", "similar"],
        ),
        (
            &["--workload", "digits", "--batch", "0"],
            &["invalid value '0' for '--batch <BATCH>'", "1..=65536"],
        ),
        (&["--workload", "digits", "--batch", "many"], &["invalid value 'many' for '--batch <BATCH>'"]),
        (&["--batch", "8"], &["--workload <WORKLOAD>"]),
        (&["--images", "nowhere"], &["nowhere"]),
        (&["--images", ".", "--workload", "digits"], &["'--images <FOLDER>' cannot be used with"]),
        (&["--workload", "digits", "--steps", "0"], &["invalid value '0' for '--steps <STEPS>'"]),
        (&["--workload", "digits", "--threads", "0"], &["invalid value '0' for '--threads <THREADS>'"]),
        (&["--workload", "digits", "--ser", "maybe"], &["invalid value 'maybe'", "on, off, both"]),
        (
            &["--workload", "vit_s_step", "--ser", "on"],
            &["--ser", "vit_s_step has no use for it", "vit_s and digits"],
        ),
        (&["--workload", "token_growth", "--batch", "8"], &["--batch", "token_growth", "vit_s_forward"]),
        (&["--workload", "digits", "--ser", "off", "--grids", "drawn"], &["--grids", "leave it out"]),
        (&["--workload", "digits", "--batch", "1"], &["ser", "batch"]),
        (&["--device", "cuda"], &["a GPU's step is estimated, not measured", "--model h100"]),
        (&["--model", "h100"], &["--model: is for --device cuda"]),
        (&["--device", "cuda", "--model", "rtx"], &["`rtx` is not known", "a100", "h100"]),
        (
            &["--device", "cuda", "--model", "h100", "--profile", "--workload", "digits"],
            &["--profile", "--model"],
        ),
    ];
    for (arguments, words) in cases {
        let (code, stdout, stderr) = bench(Path::new("."), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(!stdout.contains("GFLOP/s  roofline"), "{arguments:?}: {stdout}");
        for word in words {
            assert!(stderr.contains(word), "{arguments:?}: `{word}` in {stderr}");
        }
    }
}
