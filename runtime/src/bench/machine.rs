//! What the machine can do: rates that are measured, not read from a data sheet.

use std::time::Instant;

use equilayer_engine::cpu;
use serde::Serialize;

/// A processor, as far as kernels are limited by it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// Cores that the process may use.
    pub cores: usize,
    /// Threads that the rates are measured with.
    pub threads: usize,
    /// Vector instructions that kernels use.
    pub isa: &'static str,
    /// Billions of floating-point operations a second, multiply-adds in registers on all threads, two each.
    pub fma_gflops: f64,
    /// Billions of bytes a second between memory and all threads, of a ← b + s · c, each operand counted once.
    pub bandwidth_gbs: f64,
}

/// Multiply-adds of a thread: a few hundredths of a second.
const ROUNDS: u64 = 4_000_000;

/// Elements of each of the three arrays: 64 MiB, beyond every cache.
const ELEMENTS: usize = 16 << 20;

/// The best of this many tries counts: what disturbs a try only makes it slower.
const TRIES: usize = 20;

impl Machine {
    /// Measures this machine with so many threads, one a core if not given, in about a second.
    pub fn measured(threads: Option<usize>) -> Machine {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.unwrap_or(cores).max(1);
        Machine {
            cores,
            threads,
            isa: cpu::instruction_set(),
            fma_gflops: multiply_adds(threads) / 1e9,
            bandwidth_gbs: triad(threads) / 1e9,
        }
    }

    /// Seconds that this many operations take at least.
    pub fn seconds_of_flops(&self, flops: f64) -> f64 {
        flops / (1e9 * self.fma_gflops)
    }

    /// Seconds that this much traffic with memory takes at least.
    pub fn seconds_of_bytes(&self, bytes: f64) -> f64 {
        bytes / (1e9 * self.bandwidth_gbs)
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} cores, {} threads, {}; measured: {:.0} GFLOP/s of multiply-adds, {:.1} GB/s between memory and cores",
            self.cores, self.threads, self.isa, self.fma_gflops, self.bandwidth_gbs
        )
    }
}

fn multiply_adds(threads: usize) -> f64 {
    let rate = || {
        let started = Instant::now();
        let flops: u64 = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| cpu::multiply_adds(ROUNDS))).collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).sum()
        });
        flops as f64 / started.elapsed().as_secs_f64()
    };
    best(rate)
}

/// STREAM's triad, one slice of the arrays a thread.
fn triad(threads: usize) -> f64 {
    let mut sum = vec![0.0_f32; ELEMENTS];
    let [first, second] = [1.0_f32, 2.0].map(|value| vec![value; ELEMENTS]);
    let slice = ELEMENTS.div_ceil(threads);
    let rate = || {
        let started = Instant::now();
        std::thread::scope(|scope| {
            let operands = first.chunks(slice).zip(second.chunks(slice));
            for (sum, (first, second)) in sum.chunks_mut(slice).zip(operands) {
                scope.spawn(move || {
                    cpu::dispatch(
                        #[inline(always)]
                        || {
                            for ((sum, first), second) in sum.iter_mut().zip(first).zip(second) {
                                *sum = first + 3.0 * second;
                            }
                        },
                    );
                });
            }
        });
        let bytes = 3 * size_of::<f32>() * ELEMENTS;
        bytes as f64 / started.elapsed().as_secs_f64()
    };
    best(rate)
}

fn best(rate: impl FnMut() -> f64) -> f64 {
    std::iter::repeat_with(rate).take(TRIES).fold(0.0, f64::max)
}
