//! Random draws: Philox-4x32-10, word for word what `crate::random` computes. Uniform numbers, and so all masks, have
//! the CPU's bits. Normal numbers are computed in `f64` and rounded once, as there; the device's logarithm, sine and
//! cosine may differ from the CPU's in the last of 53 bits, which shows in one `f32` of some hundred million.

use super::call::Call;
use crate::ops::{Distribution, INDEX_LIMIT, Random};
use crate::random::{MULTIPLIERS, ROUNDS, WEYL};

/// A thread a block of four numbers.
pub fn run(random: &Random, call: &mut Call) {
    let ([key, samples], y) = ([call.inputs[0], call.inputs[1]], call.outputs[0]);
    let elements = random.shape.elements();
    let fours = elements.div_ceil(4);
    let mut body = format!(
        "    const unsigned number = i % {fours}u, row = i / {fours}u;
    const int seed = place(key[0], {INDEX_LIMIT}), step = place(key[1], {INDEX_LIMIT});
    const int sample = place(samples[row], {INDEX_LIMIT});
    const bool is_whole = seed >= 0 && step >= 0 && sample >= 0;
    unsigned k0 = seed, k1 = step, w0 = number, w1 = sample, w2 = {}u, w3 = {}u;
    for (int round = 0; round < {ROUNDS}; ++round) {{
        const unsigned high0 = __umulhi({:#x}u, w0), low0 = {:#x}u * w0;
        const unsigned high1 = __umulhi({:#x}u, w2), low1 = {:#x}u * w2;
        w0 = high1 ^ w1 ^ k0; w1 = low1; w2 = high0 ^ w3 ^ k1; w3 = low0;
        k0 += {:#x}u; k1 += {:#x}u;
    }}
",
        random.use_id,
        Random::DOMAIN,
        MULTIPLIERS[0],
        MULTIPLIERS[0],
        MULTIPLIERS[1],
        MULTIPLIERS[1],
        WEYL[0],
        WEYL[1],
    );
    body += match random.distribution {
        Distribution::Uniform => {
            "    const float drawn[4] = {(w0 >> 8) * 5.9604644775390625e-8f, (w1 >> 8) * 5.9604644775390625e-8f,
        (w2 >> 8) * 5.9604644775390625e-8f, (w3 >> 8) * 5.9604644775390625e-8f};
"
        }
        Distribution::Normal => {
            "    const double unit = 2.3283064365386962890625e-10;
    const double radius0 = sqrt(-2.0 * log((w0 + 0.5) * unit)), radius1 = sqrt(-2.0 * log((w2 + 0.5) * unit));
    double sine0, cosine0, sine1, cosine1;
    sincospi(2.0 * w1 * unit, &sine0, &cosine0);
    sincospi(2.0 * w3 * unit, &sine1, &cosine1);
    const float drawn[4] = {(float)(radius0 * cosine0), (float)(radius0 * sine0), (float)(radius1 * cosine1),
        (float)(radius1 * sine1)};
"
        }
    };
    body += &format!(
        "    for (unsigned e = 0; e < 4 && number * 4 + e < {elements}u; ++e)
        y[(size_t)row * {elements}u + number * 4 + e] = is_whole ? drawn[e] : NOT_A_NUMBER;
"
    );
    call.kernel(if random.distribution == Distribution::Uniform {
        "random_uniform"
    } else {
        "random_normal"
    })
    .reads("key", key.address)
    .reads("samples", samples.address)
    .writes("y", y.address)
    .each(fours * samples.shape().elements(), &body);
}
