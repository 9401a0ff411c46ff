//! Attention on tensor cores, after FlashAttention-2 (Dao, arXiv 2307.08691): factors are bfloat16, sums, softmax and its
//! statistics `f32`. Probabilities, and the slopes of the loss in scores, are rounded where they become factors.
//!
//! A warp owns strips of 16 rows and keeps their fragments in registers; a tile of the others' rows lies in shared memory
//! for all warps of the block. Scores are made a chunk at a time and never leave registers: as they lie there when they
//! are results, two by two, they are the left factor of the next product.

use super::Lengths;
use crate::cuda::lower::call::Call;
use crate::cuda::lower::code::literal;
use crate::cuda::task::Address;
use crate::device::Precision;

/// Rows of a fragment.
const STRIP: usize = 16;

/// The widest heads whose fragments and results fit a thread's registers.
const WIDEST: usize = 128;

/// The widest heads of which a thread has registers to spare.
const NARROW: usize = 64;

/// Tokens from which on products take longer than memory does: a token's bytes are read once for about as many operations
/// as there are tokens, and GPUs do some hundreds of operations in the time of a byte. Then a warp owns two strips, so
/// that each row it reads of a tile serves twice; with less, more warps wait for memory at a time.
const LONG: usize = 512;

/// Warps of a block where there are rows for them.
const MOST_WARPS: usize = 4;

/// Rows of a tile where there are as many.
const TILE: usize = 64;

/// Elements that a thread reads at a time.
const PIECE: usize = 8;

/// Whether a call's attention is these kernels': factors may be rounded, rows are whole fragments and pieces, and the
/// highest score is so after scaling too.
pub fn take(lengths: &Lengths, call: &Call) -> bool {
    let width = lengths.width;
    let operands = call.inputs.iter().map(|input| input.address);
    call.precision == Precision::Bf16
        && width.is_multiple_of(STRIP)
        && width <= WIDEST
        && lengths.scale > 0.0
        && operands.chain(call.outputs.iter().map(|output| output.address)).all(begins_a_piece)
}

fn begins_a_piece(address: Address) -> bool {
    address.offset.is_multiple_of(PIECE)
}

/// How the rows of an attention are shared out.
struct Shares {
    lengths: Lengths,
    /// Strips of a warp.
    strips: usize,
    /// Of the others' rows, how many meet a warp's at a time.
    chunk: usize,
    /// Blocks of a multiprocessor: a thread may have the registers that this leaves.
    resident: u32,
}

impl Shares {
    /// Of queries.
    fn of_queries(lengths: Lengths, chunk: usize) -> Shares {
        let strips = if lengths.width <= NARROW && lengths.tokens >= LONG { 2 } else { 1 };
        Shares::new(lengths, strips, chunk)
    }

    /// Of keys and values, whose fragments and both of whose gradients leave no registers for a second strip.
    fn of_keys(lengths: Lengths) -> Shares {
        Shares::new(lengths, 1, STRIP)
    }

    fn new(lengths: Lengths, strips: usize, chunk: usize) -> Shares {
        let resident = if lengths.width <= NARROW && strips == 1 { 3 } else { 2 };
        Shares { lengths, strips, chunk, resident }
    }

    fn warps(&self) -> usize {
        self.lengths.tokens.div_ceil(self.strips * STRIP).min(MOST_WARPS)
    }

    /// Blocks of a head of a sample.
    fn parts(&self) -> usize {
        self.lengths.tokens.div_ceil(self.warps() * self.strips * STRIP)
    }

    fn blocks(&self) -> usize {
        self.lengths.batch * self.lengths.heads * self.parts()
    }

    fn threads(&self) -> u32 {
        32 * self.warps() as u32
    }

    /// Which rows of which head of which sample a warp owns. Of a strip's scores, number `i` of a lane has row
    /// `down + 8 · (i / 2)` and column `across + i % 2`.
    fn head(&self) -> String {
        let Lengths { tokens, heads, width, scale, .. } = self.lengths;
        let (Shares { strips, chunk, .. }, warps, parts) = (self, self.warps(), self.parts());
        format!(
            "    constexpr unsigned WIDTH = {width}, DEPTH = WIDTH / 16, TOKENS = {tokens}, HEADS = {heads}, SPAN = HEADS * WIDTH;
    constexpr unsigned STRIPS = {strips}, CHUNK = {chunk}, TILE = {tile}, THREADS = {threads};
    constexpr float SCALE = {scale}, LOG2_E = 1.44269504f, STEEPNESS = SCALE * LOG2_E;
    const unsigned pair = blockIdx.x / {parts}u, sample = pair / HEADS, head = pair % HEADS;
    const unsigned lane = threadIdx.x % 32u, down = lane / 4u, across = lane % 4u * 2u;
    const unsigned own = (blockIdx.x % {parts}u * {warps}u + threadIdx.x / 32u) * STRIPS * 16u;
    const bool is_idle = own >= TOKENS;
    const size_t in_packed = (size_t)sample * TOKENS * 3u * SPAN + head * WIDTH;
    const size_t in_result = (size_t)sample * TOKENS * SPAN + head * WIDTH;
    const auto queries = rows(qkv + in_packed, 3u * SPAN, TOKENS);
    const auto keys = rows(qkv + in_packed + SPAN, 3u * SPAN, TOKENS);
    const auto values = rows(qkv + in_packed + 2u * SPAN, 3u * SPAN, TOKENS);
",
            tile = tokens.next_multiple_of(*chunk).min(TILE),
            threads = self.threads(),
            scale = literal(scale),
        )
    }
}

/// Forward: the result and the log-sum-exp of each query's scores.
pub fn run(lengths: Lengths, call: &mut Call) {
    let shares = Shares::of_queries(lengths, 2 * STRIP);
    let qkv = call.inputs[0].address;
    let [out, lse] = [0, 1].map(|output| call.outputs[output].address);
    call.kernel("attention_bf16")
        .threads(shares.threads())
        .resident(shares.resident)
        .tensor_cores()
        .reads("qkv", qkv)
        .writes("out", out)
        .writes("lse", lse)
        .launch(shares.blocks(), &(shares.head() + FORWARD));
}

/// Powers are of 2, which takes one instruction. Each lane has its own part of the sums until the end.
const FORWARD: &str = "    __shared__ Tile<TILE, WIDTH> tile_of_keys, tile_of_values;
    unsigned mine[STRIPS][DEPTH][4];
    hold(mine, queries, own);
    float highest[STRIPS][2], sums[STRIPS][2] = {}, results[STRIPS][WIDTH / 8][4] = {};
    for (unsigned s = 0; s < STRIPS; ++s) highest[s][0] = highest[s][1] = -INFINITE;
    for (unsigned from = 0; from < TOKENS; from += TILE) {
        __syncthreads();
        take<THREADS>(tile_of_keys, keys, from);
        take<THREADS>(tile_of_values, values, from);
        __syncthreads();
        if (is_idle) continue;
        #pragma unroll 1
        for (unsigned first = 0; first < TILE && from + first < TOKENS; first += CHUNK) {
            float scores[STRIPS][CHUNK / 8][4] = {};
            multiply(scores, mine, tile_of_keys, first);
            cut(scores, TOKENS - from - first);
            for (unsigned s = 0; s < STRIPS; ++s)
                for (unsigned half = 0; half < 2; ++half) {
                    float most = highest[s][half];
                    for (unsigned n = 0; n < CHUNK / 8; ++n)
                        most = largest(most, largest(scores[s][n][2 * half], scores[s][n][2 * half + 1]));
                    for (unsigned distance = 1; distance < 4; distance *= 2)
                        most = largest(most, __shfl_xor_sync(0xffffffffu, most, distance));
                    const float steep = most * STEEPNESS, fading = power_of_two(highest[s][half] * STEEPNESS - steep);
                    highest[s][half] = most;
                    sums[s][half] *= fading;
                    for (unsigned n = 0; n < CHUNK / 8; ++n)
                        for (unsigned i = 2 * half; i < 2 * half + 2; ++i) {
                            scores[s][n][i] = power_of_two(scores[s][n][i] * STEEPNESS - steep);
                            sums[s][half] += scores[s][n][i];
                        }
                    for (unsigned w = 0; w < WIDTH / 8; ++w)
                        for (unsigned i = 2 * half; i < 2 * half + 2; ++i) results[s][w][i] *= fading;
                }
            gather(results, scores, tile_of_values, first);
        }
    }
    if (is_idle) return;
    for (unsigned s = 0; s < STRIPS; ++s)
        for (unsigned half = 0; half < 2; ++half) {
            float& sum = sums[s][half];
            for (unsigned distance = 1; distance < 4; distance *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
            const unsigned token = own + 16 * s + down + 8 * half;
            if (token < TOKENS && across == 0)
                lse[(size_t)pair * TOKENS + token] = highest[s][half] * SCALE + logf(sum);
            sum = 1.0f / sum;
        }
    store(rows(out + in_result, SPAN, TOKENS), own, results, sums);
";

/// Backward; `along` is the arriving gradient along each query's result.
pub fn gradient(lengths: Lengths, along: Address, call: &mut Call) {
    let [qkv, lse, d_out] = [0, 2, 3].map(|input| call.inputs[input].address);
    let target = call.outputs[0].address;
    let kernels = [
        ("attention_keys_bf16", Shares::of_keys(lengths), KEYS),
        ("attention_queries_bf16", Shares::of_queries(lengths, STRIP), QUERIES),
    ];
    for (name, shares, body) in kernels {
        call.kernel(name)
            .threads(shares.threads())
            .resident(shares.resident)
            .tensor_cores()
            .reads("qkv", qkv)
            .reads("lse", lse)
            .reads("d_out", d_out)
            .reads("along", along)
            .writes("d_qkv", target)
            .launch(shares.blocks(), &(shares.head() + BACKWARD + body));
    }
}

/// What arrives, and the factors of results. Slopes are those of the loss in scores before they are scaled.
const BACKWARD: &str = "    const auto arriving = rows(d_out + in_result, SPAN, TOKENS);
    const float* const lse_here = lse + (size_t)pair * TOKENS;
    const float* const along_here = along + (size_t)pair * TOKENS;
    __shared__ Tile<TILE, WIDTH> tile_a, tile_b;
    unsigned mine_a[STRIPS][DEPTH][4], mine_b[STRIPS][DEPTH][4];
    float scaled[STRIPS][2];
    for (unsigned s = 0; s < STRIPS; ++s) scaled[s][0] = scaled[s][1] = SCALE;
";

/// A kernel that owns keys and values, and passes queries and what arrives at them by. A query after the last has no
/// probability.
const KEYS: &str = "    __shared__ float tile_of_lse[TILE], tile_of_along[TILE];
    hold(mine_a, keys, own);
    hold(mine_b, values, own);
    float of_keys[STRIPS][WIDTH / 8][4] = {}, of_values[STRIPS][WIDTH / 8][4] = {}, whole[STRIPS][2];
    for (unsigned s = 0; s < STRIPS; ++s) whole[s][0] = whole[s][1] = 1.0f;
    for (unsigned from = 0; from < TOKENS; from += TILE) {
        __syncthreads();
        take<THREADS>(tile_a, queries, from);
        take<THREADS>(tile_b, arriving, from);
        for (unsigned e = threadIdx.x; e < TILE; e += THREADS) {
            tile_of_lse[e] = from + e < TOKENS ? lse_here[from + e] * LOG2_E : INFINITE;
            tile_of_along[e] = from + e < TOKENS ? along_here[from + e] : 0.0f;
        }
        __syncthreads();
        if (is_idle) continue;
        #pragma unroll 1
        for (unsigned first = 0; first < TILE && from + first < TOKENS; first += CHUNK) {
            float scores[STRIPS][CHUNK / 8][4] = {}, slopes[STRIPS][CHUNK / 8][4] = {};
            multiply(scores, mine_a, tile_a, first);
            for (unsigned s = 0; s < STRIPS; ++s)
                for (unsigned n = 0; n < CHUNK / 8; ++n)
                    for (unsigned i = 0; i < 4; ++i) {
                        const float steep = scores[s][n][i] * STEEPNESS;
                        scores[s][n][i] = power_of_two(steep - tile_of_lse[first + 8 * n + across + i % 2]);
                    }
            gather(of_values, scores, tile_b, first);
            multiply(slopes, mine_b, tile_b, first);
            for (unsigned s = 0; s < STRIPS; ++s)
                for (unsigned n = 0; n < CHUNK / 8; ++n)
                    for (unsigned i = 0; i < 4; ++i) {
                        const float apart = slopes[s][n][i] - tile_of_along[first + 8 * n + across + i % 2];
                        slopes[s][n][i] = scores[s][n][i] * apart;
                    }
            gather(of_keys, slopes, tile_a, first);
        }
    }
    if (is_idle) return;
    store(rows(d_qkv + in_packed + SPAN, 3u * SPAN, TOKENS), own, of_keys, scaled);
    store(rows(d_qkv + in_packed + 2u * SPAN, 3u * SPAN, TOKENS), own, of_values, whole);
";

/// A kernel that owns queries and what arrives at them, and passes keys and values by.
const QUERIES: &str = "    hold(mine_a, queries, own);
    hold(mine_b, arriving, own);
    float of_queries[STRIPS][WIDTH / 8][4] = {}, my_lse[STRIPS][2], my_along[STRIPS][2];
    for (unsigned s = 0; s < STRIPS; ++s)
        for (unsigned half = 0; half < 2; ++half) {
            const unsigned token = own + 16 * s + down + 8 * half;
            my_lse[s][half] = token < TOKENS ? lse_here[token] * LOG2_E : INFINITE;
            my_along[s][half] = token < TOKENS ? along_here[token] : 0.0f;
        }
    for (unsigned from = 0; from < TOKENS; from += TILE) {
        __syncthreads();
        take<THREADS>(tile_a, keys, from);
        take<THREADS>(tile_b, values, from);
        __syncthreads();
        if (is_idle) continue;
        #pragma unroll 1
        for (unsigned first = 0; first < TILE && from + first < TOKENS; first += CHUNK) {
            float scores[STRIPS][CHUNK / 8][4] = {}, slopes[STRIPS][CHUNK / 8][4] = {};
            multiply(scores, mine_a, tile_a, first);
            multiply(slopes, mine_b, tile_b, first);
            cut(scores, TOKENS - from - first);
            for (unsigned s = 0; s < STRIPS; ++s)
                for (unsigned n = 0; n < CHUNK / 8; ++n)
                    for (unsigned i = 0; i < 4; ++i) {
                        scores[s][n][i] = power_of_two(scores[s][n][i] * STEEPNESS - my_lse[s][i / 2]);
                        slopes[s][n][i] = scores[s][n][i] * (slopes[s][n][i] - my_along[s][i / 2]);
                    }
            gather(of_queries, slopes, tile_a, first);
        }
    }
    if (is_idle) return;
    store(rows(d_qkv + in_packed, 3u * SPAN, TOKENS), own, of_queries, scaled);
";
