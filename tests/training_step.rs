//! A whole training step at full size: the memory it takes, and one model trained on token maps of two sizes.

#[path = "../examples/moco_v3_step.rs"]
#[allow(dead_code, reason = "its main is a program; the step is what is tested here")]
mod moco_v3_step;

use equilayer::bench::memory::peak_bytes;
use equilayer::engine::optim::{AdamWOptions, Optimizer};
use equilayer::engine::{CpuExecutor, CpuOptions, Error, Executor, Plan, random};
use moco_v3_step::step;

const BATCH: usize = 2;

fn train(
    executor: &mut CpuExecutor,
    plan: &Plan,
    optimizer: &Optimizer,
    pixels: usize,
    at: u64,
) -> Result<f32, Error> {
    let view = |stream| -> Vec<f32> {
        random::Stream::new(0, stream).normals().take(BATCH * 3 * pixels * pixels).collect()
    };
    let (views, hyper) = ([view(1), view(2)], optimizer.hyper(at, 1e-4, 0.1));
    let mut inputs: Vec<(&str, &[f32])> =
        hyper.iter().map(|(name, values)| (name.as_str(), &values[..])).collect();
    inputs.extend([("view0", &views[0][..]), ("view1", &views[1]), ("momentum", &[0.99])]);
    executor.run(plan, &inputs)?.scalar("loss")
}

/// ViT-S/16 with MoCo v3's heads, both views forward and backward, teacher, AdamW: what the plan asks for is what the
/// process takes, within a tenth; and a plan for another token map carries on with the same weights.
#[test]
fn a_step_takes_the_memory_its_plan_says_and_sizes_share_their_state() -> Result<(), Error> {
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let (plan, smaller) = (step(BATCH, 224, &optimizer)?, step(BATCH, 208, &optimizer)?);
    let planned = plan.arena_bytes() + plan.state_bytes() + plan.constant_bytes();
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    let first = train(&mut executor, &plan, &optimizer, 224, 0)?;
    if let Some(peak) = peak_bytes() {
        println!("planned {planned} bytes, the process took {peak} at its peak");
        assert!(peak.abs_diff(planned) * 10 <= planned, "planned {planned} bytes, took {peak}");
    }
    let names = executor.state_names();
    let before = executor.state("student.pos_embed")?;
    let other = train(&mut executor, &smaller, &optimizer, 208, 1)?;
    assert_eq!(executor.state_names(), names);
    assert_ne!(executor.state("student.pos_embed")?, before);
    let last = train(&mut executor, &plan, &optimizer, 224, 2)?;
    assert!(first.is_finite() && other.is_finite() && last < first, "{first} {other} {last}");
    Ok(())
}
