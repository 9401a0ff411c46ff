//! Models of GPUs, from NVIDIA's data sheets: dense rates, boost clock.

use crate::device::Precision;

/// What a model of a GPU can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpuModel {
    /// As users write it.
    pub name: &'static str,
    /// As NVIDIA does.
    pub title: &'static str,
    /// Compute capability.
    pub capability: (i32, i32),
    /// Multiprocessors.
    pub multiprocessors: usize,
    /// Bytes a second between memory and multiprocessors.
    pub bandwidth: f64,
    /// Operations a second on `f32`, outside the tensor cores.
    pub f32_rate: f64,
    /// Operations a second of the tensor cores on TF32.
    pub tf32_rate: f64,
    /// The same on bfloat16.
    pub bf16_rate: f64,
    /// Bytes of shared memory of a multiprocessor that blocks can have.
    pub shared_bytes: u32,
}

/// Threads that a multiprocessor holds, its blocks, and its registers (CUDA C++ programming guide, table of technical
/// specifications, compute capability 8.0 and 9.0).
pub const THREADS: u32 = 2048;
const BLOCKS: u32 = 32;
const REGISTERS: u32 = 65536;
/// Registers are given to warps in pieces of this many.
const REGISTER_PIECE: u32 = 256;
/// Bytes of shared memory that the system takes of each block.
const SYSTEM_BYTES: u32 = 1024;

impl GpuModel {
    /// All that are known.
    pub const ALL: [GpuModel; 2] = [
        GpuModel {
            name: "a100",
            title: "NVIDIA A100 80GB SXM",
            capability: (8, 0),
            multiprocessors: 108,
            bandwidth: 2039e9,
            f32_rate: 19.5e12,
            tf32_rate: 156e12,
            bf16_rate: 312e12,
            shared_bytes: 164 << 10,
        },
        GpuModel {
            name: "h100",
            title: "NVIDIA H100 SXM",
            capability: (9, 0),
            multiprocessors: 132,
            bandwidth: 3350e9,
            f32_rate: 67e12,
            tf32_rate: 494.7e12,
            bf16_rate: 989.4e12,
            shared_bytes: 228 << 10,
        },
    ];

    /// Operations a second of matrix products by cuBLASLt.
    pub fn product_rate(&self, precision: Precision) -> f64 {
        match precision {
            Precision::F32 => self.f32_rate,
            Precision::Tf32 => self.tf32_rate,
            Precision::Bf16 => self.bf16_rate,
        }
    }

    /// Blocks that a multiprocessor holds at a time.
    pub fn resident_blocks(&self, threads: u32, registers: u32, shared_bytes: u32) -> u32 {
        let warps = threads.div_ceil(32).max(1);
        let registers = warps * (32 * registers.max(1)).next_multiple_of(REGISTER_PIECE);
        let by_threads = THREADS / (32 * warps);
        let by_memory = self.shared_bytes / (shared_bytes + SYSTEM_BYTES);
        by_threads.min(REGISTERS / registers).min(by_memory).min(BLOCKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_limited_by_what_runs_out_first() {
        let [_, h100] = GpuModel::ALL;
        assert_eq!(h100.resident_blocks(256, 32, 0), 8); // 2048 threads
        assert_eq!(h100.resident_blocks(256, 64, 0), 4); // 65536 registers
        assert_eq!(h100.resident_blocks(256, 33, 0), 6); // 40 registers, rounded up
        assert_eq!(h100.resident_blocks(64, 16, 47 << 10), 4); // 48 KiB of 228
        assert_eq!(h100.resident_blocks(32, 16, 0), 32);
    }
}
