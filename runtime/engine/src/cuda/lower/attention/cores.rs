//! Attention in `f32`, outside the tensor cores.
//!
//! What limits such kernels is the rate at which shared memory is read. So a thread keeps a small square of the scores
//! and a strip of neighbouring columns of the result in registers, and reads four numbers at a time.

use super::Lengths;
use crate::cuda::lower::call::Call;
use crate::cuda::lower::code::literal;
use crate::cuda::task::Address;

/// Shared memory that every device gives a block without asking.
const SHARED_BYTES: usize = 48 * 1024;

/// Blocks of a multiprocessor: a thread may have the registers that a square of scores and a strip of columns take.
const RESIDENT: u32 = 2;

/// Elements from a row of a tile to the next: rows begin at 16 bytes where their length allows it, and in other banks.
fn pitch(width: usize) -> usize {
    if width.is_multiple_of(4) { width + 4 } else { width | 1 }
}

/// The same for scores, beyond their length: two rows that a warp writes lie in all banks.
const SCORE_PADDING: usize = 16;

/// An attention and its tiles.
struct Sizes {
    lengths: Lengths,
    tile: usize,
}

impl Sizes {
    /// With tiles as large as `buffers` of them, and the scores, fit shared memory.
    fn new(lengths: Lengths, buffers: usize, scores: usize) -> Result<Sizes, String> {
        let width = lengths.width;
        let bytes =
            |tile: usize| 4 * (buffers * tile * pitch(width) + scores * tile * (tile + SCORE_PADDING));
        let tile = [32, 16, 8].into_iter().find(|&tile| bytes(tile) <= SHARED_BYTES).ok_or_else(|| {
            format!("heads of width {width} do not fit the shared memory of a GPU; use more heads")
        })?;
        Ok(Sizes { lengths, tile })
    }

    /// Threads along each side of a tile.
    fn side(&self) -> usize {
        self.tile.min(16)
    }

    fn tiles(&self) -> usize {
        self.lengths.tokens.div_ceil(self.tile)
    }

    fn blocks(&self) -> usize {
        self.lengths.batch * self.lengths.heads * self.tiles()
    }

    /// Which tile of which head of which sample a block owns, and how tiles come to shared memory. A thread owns the
    /// rows `down + SIDE · i` of its tile and, of these, the scores with `across + SIDE · j` and a strip of columns.
    fn head(&self) -> String {
        let Lengths { tokens, heads, width, scale, .. } = self.lengths;
        format!(
            "    constexpr unsigned TILE = {tile}, SIDE = {side}, EACH = TILE / SIDE, WIDTH = {width}, PITCH = {pitch};
    constexpr unsigned TOKENS = {tokens}, HEADS = {heads}, SPAN = HEADS * WIDTH, SCORES = TILE + {SCORE_PADDING};
    constexpr unsigned COLUMNS = (WIDTH + SIDE - 1) / SIDE, STEP = WIDTH % 4 == 0 ? 4 : 1;
    constexpr bool IS_WHOLE = COLUMNS * SIDE == WIDTH;
    constexpr float SCALE = {scale};
    const unsigned own = blockIdx.x % {tiles}u * TILE, pair = blockIdx.x / {tiles}u;
    const unsigned sample = pair / HEADS, head = pair % HEADS;
    const unsigned across = threadIdx.x % SIDE, down = threadIdx.x / SIDE, strip = across * COLUMNS;
",
            tile = self.tile,
            side = self.side(),
            pitch = pitch(width),
            scale = literal(scale),
            tiles = self.tiles(),
        ) + SHARED
    }

    fn threads(&self) -> u32 {
        (self.side() * self.side()) as u32
    }
}

/// What all kernels do with tiles in shared memory.
const SHARED: &str = "    // Rows `from` to `from + TILE` of queries (part 0), keys (1) or values (2); zeros after the last.
    const auto take = [&](float (*to)[PITCH], unsigned part, unsigned from) {
        for (unsigned e = threadIdx.x; e < TILE * WIDTH; e += SIDE * SIDE) {
            const unsigned row = e / WIDTH, i = e % WIDTH, token = from + row;
            to[row][i] = token < TOKENS
                ? qkv[((size_t)(sample * TOKENS + token) * 3u + part) * SPAN + head * WIDTH + i] : 0.0f;
        }
    };
    struct alignas(4 * STEP) Piece { float of[STEP]; };
    struct alignas(16) Four { float of[4]; };
    // Products of rows of one tile with rows of another.
    const auto multiply = [&](const float (*mine)[PITCH], const float (*others)[PITCH], float (&sums)[EACH][EACH]) {
        #pragma unroll 1
        for (unsigned w = 0; w < WIDTH; w += STEP) {
            Piece right[EACH];
            for (unsigned j = 0; j < EACH; ++j) right[j] = *(const Piece*)&others[across + SIDE * j][w];
            for (unsigned i = 0; i < EACH; ++i) {
                const Piece left = *(const Piece*)&mine[down + SIDE * i][w];
                for (unsigned n = 0; n < STEP; ++n)
                    for (unsigned j = 0; j < EACH; ++j) sums[i][j] += left.of[n] * right[j].of[n];
            }
        }
    };
    // Adds the rows of the other tile, in the shares that the scores say.
    const auto gather = [&](const float (*shares)[SCORES], const float (*others)[PITCH], float (&sums)[EACH][COLUMNS]) {
        #pragma unroll 1
        for (unsigned o = 0; o < TILE; o += 4) {
            Four share[EACH];
            for (unsigned i = 0; i < EACH; ++i) share[i] = *(const Four*)&shares[down + SIDE * i][o];
            for (unsigned n = 0; n < 4; ++n) {
                struct alignas(IS_WHOLE && STEP == 4 && COLUMNS % 4 == 0 ? 16 : 4) Strip { float of[COLUMNS]; } values;
                if (IS_WHOLE) values = *(const Strip*)&others[o + n][strip];
                else for (unsigned c = 0; c < COLUMNS; ++c)
                    values.of[c] = strip + c < WIDTH ? others[o + n][strip + c] : 0.0f;
                for (unsigned i = 0; i < EACH; ++i)
                    for (unsigned c = 0; c < COLUMNS; ++c) sums[i][c] += share[i].of[n] * values.of[c];
            }
        }
    };
";

/// Forward: the result and the log-sum-exp of each query's scores.
pub fn run(lengths: Lengths, call: &mut Call) -> Result<(), String> {
    let qkv = call.inputs[0];
    let sizes = Sizes::new(lengths, 2, 1)?;
    let body = sizes.head() + FORWARD;
    let [out, lse] = [0, 1].map(|output| call.outputs[output].address);
    call.kernel("attention")
        .threads(sizes.threads())
        .resident(RESIDENT)
        .reads("qkv", qkv.address)
        .writes("out", out)
        .writes("lse", lse)
        .launch(sizes.blocks(), &body);
    Ok(())
}

const FORWARD: &str = "    __shared__ __align__(16) float queries[TILE][PITCH], others[TILE][PITCH], scores[TILE][SCORES];
    take(queries, 0, own);
    float highest[EACH], sums[EACH] = {}, results[EACH][COLUMNS] = {};
    for (unsigned i = 0; i < EACH; ++i) highest[i] = -INFINITE;
    for (unsigned from = 0; from < TOKENS; from += TILE) {
        __syncthreads();
        take(others, 1, from);
        __syncthreads();
        float products[EACH][EACH] = {};
        multiply(queries, others, products);
        for (unsigned i = 0; i < EACH; ++i) {
            float most = -INFINITE;
            for (unsigned j = 0; j < EACH; ++j) {
                float& score = products[i][j];
                score = from + across + SIDE * j < TOKENS ? score * SCALE : -INFINITE;
                most = larger(most, score);
            }
            for (unsigned distance = SIDE / 2; distance > 0; distance /= 2)
                most = larger(most, __shfl_xor_sync(0xffffffffu, most, distance));
            const float now = larger(highest[i], most);
            float sum = 0.0f;
            for (unsigned j = 0; j < EACH; ++j) {
                const float probability = expf(products[i][j] - now);
                scores[down + SIDE * i][across + SIDE * j] = probability;
                sum += probability;
            }
            for (unsigned distance = SIDE / 2; distance > 0; distance /= 2)
                sum += __shfl_xor_sync(0xffffffffu, sum, distance);
            const float fading = expf(highest[i] - now);
            highest[i] = now;
            sums[i] = sums[i] * fading + sum;
            for (unsigned c = 0; c < COLUMNS; ++c) results[i][c] *= fading;
        }
        __syncthreads();
        take(others, 2, from);
        __syncthreads();
        gather(scores, others, results);
    }
    for (unsigned i = 0; i < EACH; ++i) {
        const unsigned token = own + down + SIDE * i;
        if (token >= TOKENS) continue;
        for (unsigned c = 0; c < COLUMNS; ++c) {
            const unsigned w = strip + c;
            if (w < WIDTH) out[(size_t)(sample * TOKENS + token) * SPAN + head * WIDTH + w] = results[i][c] / sums[i];
        }
        if (across == 0) lse[(size_t)pair * TOKENS + token] = highest[i] + logf(sums[i]);
    }
";

/// Backward; `along` is the arriving gradient along each query's result.
pub fn gradient(lengths: Lengths, along: Address, call: &mut Call) -> Result<(), String> {
    let [qkv, lse, d_out] = [0, 2, 3].map(|input| call.inputs[input].address);
    let target = call.outputs[0].address;
    let sizes = Sizes::new(lengths, 4, 2)?;
    for (name, owns_keys) in [("attention_keys", true), ("attention_queries", false)] {
        let body = sizes.head() + TAKE_GRADIENT + &backward(owns_keys);
        call.kernel(name)
            .threads(sizes.threads())
            .resident(RESIDENT)
            .reads("qkv", qkv)
            .reads("lse", lse)
            .reads("d_out", d_out)
            .reads("along", along)
            .writes("d_qkv", target)
            .launch(sizes.blocks(), &body);
    }
    Ok(())
}

/// The arriving gradient, as `take` takes its tiles; and what meets: the products of `a` are the scores, those of `b` the
/// slopes of the loss in the probabilities.
const TAKE_GRADIENT: &str = "    const auto take_gradient = [&](float (*to)[PITCH], unsigned from) {
        for (unsigned e = threadIdx.x; e < TILE * WIDTH; e += SIDE * SIDE) {
            const unsigned row = e / WIDTH, i = e % WIDTH, token = from + row;
            to[row][i] = token < TOKENS ? d_out[(size_t)(sample * TOKENS + token) * SPAN + head * WIDTH + i] : 0.0f;
        }
    };
    __shared__ __align__(16) float my_a[TILE][PITCH], my_b[TILE][PITCH], other_a[TILE][PITCH], other_b[TILE][PITCH];
    __shared__ __align__(16) float probabilities[TILE][SCORES], slopes[TILE][SCORES];
";

/// A kernel that owns a tile of keys and values, or one of queries and arriving gradients, and passes the others by it.
fn backward(owns_keys: bool) -> String {
    let keys = |to: &str, from: &str| format!("take({to}_a, 1, {from}); take({to}_b, 2, {from});");
    let queries = |to: &str, from: &str| format!("take({to}_a, 0, {from}); take_gradient({to}_b, {from});");
    let (mine, others) = match owns_keys {
        true => (keys("my", "own"), queries("other", "from")),
        false => (queries("my", "own"), keys("other", "from")),
    };
    let (query, key) = match owns_keys {
        true => ("from + across + SIDE * j", "own + down + SIDE * i"),
        false => ("own + down + SIDE * i", "from + across + SIDE * j"),
    };
    let (declare, sums, store) = match owns_keys {
        true => (
            "float of_keys[EACH][COLUMNS] = {}, of_values[EACH][COLUMNS] = {};",
            "gather(slopes, other_a, of_keys);\n        gather(probabilities, other_b, of_values);",
            "to[SPAN] = of_keys[i][c];\n            to[2u * SPAN] = of_values[i][c];",
        ),
        false => (
            "float of_queries[EACH][COLUMNS] = {};",
            "gather(slopes, other_a, of_queries);",
            "to[0] = of_queries[i][c];",
        ),
    };
    format!(
        "    {mine}
    {declare}
    for (unsigned from = 0; from < TOKENS; from += TILE) {{
        __syncthreads();
        {others}
        __syncthreads();
        float score[EACH][EACH] = {{}}, slope[EACH][EACH] = {{}};
        multiply(my_a, other_a, score);
        multiply(my_b, other_b, slope);
        for (unsigned i = 0; i < EACH; ++i)
            for (unsigned j = 0; j < EACH; ++j) {{
                const unsigned query = {query}, key = {key};
                const bool is_pair = query < TOKENS && key < TOKENS;
                const size_t at = (size_t)pair * TOKENS + query;
                const float probability = is_pair ? expf(score[i][j] * SCALE - lse[at]) : 0.0f;
                probabilities[down + SIDE * i][across + SIDE * j] = probability;
                slopes[down + SIDE * i][across + SIDE * j] =
                    is_pair ? probability * (slope[i][j] - along[at]) * SCALE : 0.0f;
            }}
        __syncthreads();
        {sums}
    }}
    for (unsigned i = 0; i < EACH; ++i)
        for (unsigned c = 0; c < COLUMNS; ++c) {{
            const unsigned token = own + down + SIDE * i, w = strip + c;
            if (token >= TOKENS || w >= WIDTH) continue;
            auto* to = d_qkv + (size_t)(sample * TOKENS + token) * 3u * SPAN + head * WIDTH + w;
            {store}
        }}
"
    )
}
