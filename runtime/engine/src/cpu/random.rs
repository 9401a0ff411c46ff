//! Random tensors: blocks of counters, in any order and on any thread.

use rayon::prelude::*;

use super::call::Call;
use super::instructions;
use crate::ops::{Counter, Distribution, Random};

/// Elements drawn by one task; a multiple of the four that a block gives.
const TASK: usize = 4096;

/// Fills the output with draws.
pub fn run(random: &Random, call: &mut Call<'_>) {
    let (key, samples) = (call.input(0), call.input(1));
    let [output] = call.outputs();
    let elements = random.shape.elements();
    if output.is_empty() {
        return;
    }
    let key = [f64::from(key[0]), f64::from(key[1])];
    output.par_chunks_mut(elements).zip(samples).for_each(|(target, &sample)| {
        match Counter::new(key, f64::from(sample), random.use_id) {
            Some(counter) => draw(random, counter, target),
            None => target.fill(f32::NAN),
        }
    });
}

fn draw(random: &Random, counter: Counter, target: &mut [f32]) {
    target.par_chunks_mut(TASK).enumerate().for_each(|(task, part)| {
        let first = (task * (TASK / 4)) as u32;
        // The distribution is known to each loop, so that the uniform one vectorises.
        match random.distribution {
            Distribution::Uniform => fill(part, first, |number| Distribution::Uniform.four(counter, number)),
            Distribution::Normal => fill(part, first, |number| Distribution::Normal.four(counter, number)),
        }
    });
}

fn fill(target: &mut [f32], first: u32, four: impl Fn(u32) -> [f32; 4]) {
    instructions::arch().dispatch(
        #[inline(always)]
        || {
            let (blocks, rest) = target.as_chunks_mut::<4>();
            let last = first + blocks.len() as u32;
            for (number, block) in (first..last).zip(blocks) {
                *block = four(number);
            }
            if !rest.is_empty() {
                rest.copy_from_slice(&four(last)[..rest.len()]);
            }
        },
    );
}
