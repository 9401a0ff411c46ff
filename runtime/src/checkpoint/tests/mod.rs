//! A small program whose states are saved, damaged and restored.

mod damage;
mod store;

use std::io::Cursor;

use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Init, Plan};
use serde_json::json;

use super::*;

/// A program with a weight `[3, 2]` and a counter, which grow with every run.
fn program() -> Plan {
    let graph = Graph::new();
    let weight = graph.parameter("weight", [3, 2], Init::XavierUniform);
    let count = graph.state("count", [], Init::Constant(0.0));
    graph.assign(&weight, &(&weight * 1.1));
    graph.assign(&count, &(&count + 1.0));
    graph.output("sum", &weight.sum_all());
    graph.compile(&CompileOptions::new()).expect("a plan")
}

fn executor(seed: u64) -> CpuExecutor {
    CpuExecutor::new(CpuOptions { threads: Some(1), seed, ..CpuOptions::default() }).expect("threads")
}

/// An executor that has run the program some times.
fn trained(plan: &Plan, runs: usize) -> CpuExecutor {
    let mut executor = executor(1);
    executor.prepare(plan).expect("memory");
    (0..runs).for_each(|_| drop(executor.run(plan, &[]).expect("a run")));
    executor
}

fn info(step: u64, score: Option<f64>) -> CheckpointInfo {
    let config = json!({ "learning_rate": 0.1, "name": "na\u{ef}ve \"run\"" });
    CheckpointInfo { config, step, epoch: step / 10, sampler_position: u64::MAX - step, score }
}

fn file_of(executor: &dyn Executor, info: &CheckpointInfo, states: &StateShapes) -> Vec<u8> {
    let mut bytes = Vec::new();
    write("memory", &mut bytes, info, states, executor).expect("memory takes everything");
    bytes
}

fn a_file() -> Vec<u8> {
    let plan = program();
    file_of(&trained(&plan, 2), &info(2, Some(0.5)), &states_of([&plan]))
}

fn read(bytes: &[u8]) -> Result<Checkpoint<Cursor<&[u8]>>, CheckpointError> {
    Checkpoint::new("it".into(), Cursor::new(bytes))
}

fn bits(executor: &dyn Executor) -> Vec<(String, Vec<u32>)> {
    let values = |name: &String| executor.state(name).expect("a state").iter().map(|x| x.to_bits()).collect();
    executor.state_names().iter().map(|name| (name.clone(), values(name))).collect()
}

#[test]
fn everything_is_restored_bit_for_bit() {
    let plan = program();
    let (original, info) = (trained(&plan, 3), info(u64::MAX - 7, Some(0.1 + 0.2)));
    let bytes = file_of(&original, &info, &states_of([&plan]));
    let mut checkpoint = read(&bytes).expect("a whole file");
    assert_eq!(checkpoint.info(), &info);
    let mut restored = executor(99);
    checkpoint.restore(&mut restored, &[&plan]).expect("the same program");
    assert_eq!(bits(&restored), bits(&original));
}

#[test]
fn values_that_are_no_numbers_and_the_sign_of_zero_survive() {
    let plan = program();
    let mut original = trained(&plan, 0);
    let odd = [f32::NAN, f32::INFINITY, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX, -1.0];
    original.set_state("weight", &odd).expect("six values");
    let bytes = file_of(&original, &info(0, Some(f64::NAN)), &states_of([&plan]));
    let mut checkpoint = read(&bytes).expect("a whole file");
    assert_eq!(checkpoint.info().score, None);
    let values = checkpoint.values("weight").expect("readable").expect("there");
    assert_eq!(values.map_bits(), odd.map_bits());
    assert_eq!(checkpoint.values("wieght").expect("readable"), None);
}

trait MapBits {
    fn map_bits(&self) -> Vec<u32>;
}

impl<T: AsRef<[f32]>> MapBits for T {
    fn map_bits(&self) -> Vec<u32> {
        self.as_ref().iter().map(|value| value.to_bits()).collect()
    }
}

#[test]
fn any_reader_of_safetensors_opens_it() {
    let bytes = a_file();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("the library's own reader");
    let weight = tensors.tensor("weight").expect("the weight");
    assert_eq!((weight.dtype(), weight.shape()), (safetensors::Dtype::F32, [3, 2].as_slice()));
    assert_eq!(weight.data().as_ptr() as usize % 4, bytes.as_ptr() as usize % 4);
}

#[test]
fn another_program_is_refused_with_the_difference_and_left_alone() {
    let bytes = a_file();
    let graph = Graph::new();
    let weight = graph.parameter("weights", [3, 2], Init::XavierUniform);
    let count = graph.state("count", [4], Init::Constant(0.0));
    graph.output("sum", &(weight.sum_all() + count.sum_all()));
    let other = graph.compile(&CompileOptions::new()).expect("a plan");
    let mut executor = executor(1);
    let error = read(&bytes).expect("whole").restore(&mut executor, &[&other]).expect_err("another program");
    assert_eq!(
        error.to_string(),
        "it: does not fit the program that this configuration makes:\n  \
         1 missing in the file:\n    weights [3, 2] (the other side has weight)\n  \
         1 unknown to the program:\n    weight [3, 2] (the other side has weights)\n  \
         1 of another shape:\n    count: [] in the file, [4] in the program\n\
         use the configuration that the run was started with"
    );
    assert_eq!((executor.held_bytes(), executor.state_names()), (0, Vec::new()));
}

#[test]
fn a_long_difference_is_counted() {
    let program = (0..20).map(|i| (format!("layer{i:02}.weight"), Shape::from([i]))).collect();
    let text = Mismatch::between(&StateShapes::new(), &program).expect("a difference").to_string();
    assert!(text.contains("20 missing") && text.contains("layer05") && !text.contains("layer06"), "{text}");
    assert!(text.contains("and 14 more"), "{text}");
    assert_eq!(Mismatch::between(&program, &program), None);
}

#[test]
fn a_state_that_cannot_be_written_is_named() {
    let plan = program();
    let refusal = |states: StateShapes| {
        let error = write("it", &mut Vec::new(), &info(0, None), &states, &trained(&plan, 0));
        error.expect_err("no such state").to_string()
    };
    assert!(refusal([("wieght".into(), Shape::SCALAR)].into()).contains("did you mean `weight`?"));
    assert!(refusal([("weight".into(), Shape::from([4]))].into()).contains("holds 6 values"));
    assert!(refusal([(CHECKSUM.into(), Shape::SCALAR)].into()).contains("rename the state"));
}
