//! What the processor can do at most, for benchmarks to compare kernels with.

use std::hint::black_box;

use super::instructions;

/// Independent chains of multiply-adds: enough to fill two pipes of four cycles' latency, few enough for the registers.
const CHAINS: usize = 12;

/// Does nothing but multiply-adds in registers, on the calling thread; how many floating-point operations those were.
pub fn multiply_adds(rounds: u64) -> u64 {
    struct Chains(u64);

    impl pulp::WithSimd for Chains {
        type Output = u64;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, simd: S) -> u64 {
            // The values stay finite and normal: x ↦ 0.9 x + 0.1 has the fixed point 1.
            let [factor, term] = [0.9, 0.1].map(|value| simd.splat_f32s(black_box(value)));
            let mut chains = [simd.splat_f32s(0.5); CHAINS];
            for _ in 0..self.0 {
                for chain in &mut chains {
                    *chain = simd.mul_add_e_f32s(*chain, factor, term);
                }
            }
            black_box(chains.map(|chain| simd.reduce_sum_f32s(chain)));
            2 * (S::F32_LANES * CHAINS) as u64 * self.0
        }
    }

    instructions::arch().dispatch(Chains(rounds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::instructions::instruction_set;

    #[test]
    fn counts_two_operations_a_lane() {
        let lanes = match instruction_set() {
            "AVX-512" => 16,
            "AVX2" => 8,
            "NEON" => 4,
            _ => 1,
        };
        assert_eq!(multiply_adds(7), 7 * 2 * lanes * CHAINS as u64);
    }
}
