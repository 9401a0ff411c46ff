//! Attention that never holds a score matrix (Dao et al., arXiv 2205.14135): tiles of queries and keys meet in shared
//! memory. Forward, a block owns a tile of queries and passes all keys by it, with a running maximum and sum. Backward,
//! one kernel owns tiles of keys and another tiles of queries; each makes the probabilities again from the saved
//! log-sum-exp. Nothing is added by two blocks, so every run has the same bits.

use super::call::Call;
use super::code::literal;
use crate::ops::{Attention, AttentionGradient};
use crate::shape::Shape;

/// Shared memory that every device gives a block without asking.
const SHARED_BYTES: usize = 48 * 1024;

/// Lengths of an attention, and the text that all of its kernels begin with.
struct Sizes {
    batch: usize,
    tokens: usize,
    heads: usize,
    width: usize,
    tile: usize,
    scale: f32,
}

impl Sizes {
    /// With tiles as large as `buffers` of them, and the scores, fit shared memory.
    fn new(attention: &Attention, qkv: &Shape, buffers: usize, scores: usize) -> Result<Sizes, String> {
        let width = attention.head_width(qkv);
        let bytes = |tile: usize| 4 * (buffers * tile * (width + 1) + scores * tile * (tile + 1));
        let tile = [32, 16, 8].into_iter().find(|&tile| bytes(tile) <= SHARED_BYTES).ok_or_else(|| {
            format!("heads of width {width} do not fit the shared memory of a GPU; use more heads")
        })?;
        let (batch, tokens) = (qkv[0], qkv[1]);
        Ok(Sizes { batch, tokens, heads: attention.heads, width, tile, scale: attention.scale })
    }

    /// Threads along each side of a tile.
    fn side(&self) -> usize {
        self.tile.min(16)
    }

    fn tiles(&self) -> usize {
        self.tokens.div_ceil(self.tile)
    }

    fn blocks(&self) -> usize {
        self.batch * self.heads * self.tiles()
    }

    /// Which tile of which head of which sample a block owns, and how tiles come to shared memory. A thread owns the
    /// rows `down + SIDE · i` of its tile and, of these, the columns `across + SIDE · j`.
    fn head(&self) -> String {
        format!(
            "    constexpr unsigned TILE = {tile}, SIDE = {side}, EACH = TILE / SIDE, WIDTH = {width}, TOKENS = {tokens};
    constexpr unsigned HEADS = {heads}, SPAN = HEADS * WIDTH, COLUMNS = (WIDTH + SIDE - 1) / SIDE;
    constexpr float SCALE = {scale};
    const unsigned own = blockIdx.x % {tiles}u * TILE, pair = blockIdx.x / {tiles}u;
    const unsigned sample = pair / HEADS, head = pair % HEADS;
    const unsigned across = threadIdx.x % SIDE, down = threadIdx.x / SIDE;
    (void)pair;
    // Rows `from` to `from + TILE` of queries (part 0), keys (1) or values (2); zeros after the last.
    const auto take = [&](float (*to)[WIDTH + 1], unsigned part, unsigned from) {{
        for (unsigned e = threadIdx.x; e < TILE * WIDTH; e += SIDE * SIDE) {{
            const unsigned row = e / WIDTH, i = e % WIDTH, token = from + row;
            to[row][i] = token < TOKENS
                ? qkv[((size_t)(sample * TOKENS + token) * 3u + part) * SPAN + head * WIDTH + i] : 0.0f;
        }}
    }};
",
            tile = self.tile,
            side = self.side(),
            width = self.width,
            tokens = self.tokens,
            heads = self.heads,
            scale = literal(self.scale),
            tiles = self.tiles(),
        )
    }

    fn threads(&self) -> u32 {
        (self.side() * self.side()) as u32
    }
}

/// Forward: the result and the log-sum-exp of each query's scores.
pub fn run(attention: &Attention, call: &mut Call) -> Result<(), String> {
    let qkv = call.inputs[0];
    let sizes = Sizes::new(attention, &qkv.shape(), 2, 1)?;
    let body = sizes.head() + FORWARD;
    let [out, lse] = [0, 1].map(|output| call.outputs[output].address);
    call.kernel("attention")
        .threads(sizes.threads())
        .reads("qkv", qkv.address)
        .writes("out", out)
        .writes("lse", lse)
        .launch(sizes.blocks(), &body);
    Ok(())
}

const FORWARD: &str = "    __shared__ float queries[TILE][WIDTH + 1], others[TILE][WIDTH + 1], scores[TILE][TILE + 1];
    take(queries, 0, own);
    float highest[EACH], sums[EACH], results[EACH][COLUMNS];
    for (unsigned i = 0; i < EACH; ++i) {
        highest[i] = -INFINITE;
        sums[i] = 0.0f;
        for (unsigned c = 0; c < COLUMNS; ++c) results[i][c] = 0.0f;
    }
    for (unsigned from = 0; from < TOKENS; from += TILE) {
        __syncthreads();
        take(others, 1, from);
        __syncthreads();
        for (unsigned i = 0; i < EACH; ++i) {
            const unsigned q = down + SIDE * i;
            float score[EACH], most = -INFINITE;
            for (unsigned j = 0; j < EACH; ++j) {
                const unsigned k = across + SIDE * j;
                float product = 0.0f;
                for (unsigned w = 0; w < WIDTH; ++w) product += queries[q][w] * others[k][w];
                score[j] = from + k < TOKENS ? product * SCALE : -INFINITE;
                most = larger(most, score[j]);
            }
            for (unsigned distance = SIDE / 2; distance > 0; distance /= 2)
                most = larger(most, __shfl_xor_sync(0xffffffffu, most, distance));
            const float now = larger(highest[i], most);
            float sum = 0.0f;
            for (unsigned j = 0; j < EACH; ++j) {
                const float probability = expf(score[j] - now);
                scores[q][across + SIDE * j] = probability;
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
        for (unsigned i = 0; i < EACH; ++i)
            for (unsigned c = 0; c < COLUMNS; ++c) {
                const unsigned w = across + SIDE * c;
                if (w < WIDTH)
                    for (unsigned k = 0; k < TILE; ++k) results[i][c] += scores[down + SIDE * i][k] * others[k][w];
            }
    }
    for (unsigned i = 0; i < EACH; ++i) {
        const unsigned token = own + down + SIDE * i;
        if (token >= TOKENS) continue;
        for (unsigned c = 0; c < COLUMNS; ++c) {
            const unsigned w = across + SIDE * c;
            if (w < WIDTH) out[(size_t)(sample * TOKENS + token) * SPAN + head * WIDTH + w] = results[i][c] / sums[i];
        }
        if (across == 0) lse[(size_t)pair * TOKENS + token] = highest[i] + logf(sums[i]);
    }
";

/// Backward.
pub fn gradient(gradient: &AttentionGradient, call: &mut Call) -> Result<(), String> {
    let [qkv, out, lse, d_out] = [0, 1, 2, 3].map(|input| call.inputs[input]);
    let sizes = Sizes::new(&gradient.attention, &qkv.shape(), 4, 2)?;
    let target = call.outputs[0].address;
    let (heads, width) = (sizes.heads, sizes.width);
    let count = sizes.batch * heads * sizes.tokens;
    let along = call.scratch(count);
    let body = format!(
        "    float sum = 0.0f;
    const unsigned token = i % {0}u, head = i / {0}u % {heads}u, sample = i / {1}u;
    const size_t first = ((size_t)(sample * {0}u + token) * {heads}u + head) * {width}u;
    for (unsigned w = 0; w < {width}u; ++w) sum += out[first + w] * d_out[first + w];
    along[i] = sum;
",
        sizes.tokens,
        sizes.tokens * heads
    );
    call.kernel("attention_along")
        .reads("out", out.address)
        .reads("d_out", d_out.address)
        .writes("along", along)
        .each(count, &body);
    for (name, sums, store) in
        [("attention_keys", KEYS, KEYS_STORE), ("attention_queries", QUERIES, QUERIES_STORE)]
    {
        let is_keys = name == "attention_keys";
        let body = sizes.head() + TAKE_GRADIENT + &backward(is_keys, sums, store);
        call.kernel(name)
            .threads(sizes.threads())
            .reads("qkv", qkv.address)
            .reads("lse", lse.address)
            .reads("d_out", d_out.address)
            .reads("along", along)
            .writes("d_qkv", target)
            .launch(sizes.blocks(), &body);
    }
    Ok(())
}

/// The arriving gradient, as `take` takes its tiles.
const TAKE_GRADIENT: &str = "    const auto take_gradient = [&](float (*to)[WIDTH + 1], unsigned from) {
        for (unsigned e = threadIdx.x; e < TILE * WIDTH; e += SIDE * SIDE) {
            const unsigned row = e / WIDTH, i = e % WIDTH, token = from + row;
            to[row][i] = token < TOKENS ? d_out[(size_t)(sample * TOKENS + token) * SPAN + head * WIDTH + i] : 0.0f;
        }
    };
    __shared__ float queries[TILE][WIDTH + 1], keys[TILE][WIDTH + 1], values[TILE][WIDTH + 1];
    __shared__ float arriving[TILE][WIDTH + 1], probabilities[TILE][TILE + 1], slopes[TILE][TILE + 1];
";

/// A kernel that owns a tile of keys and values, or one of queries, and passes the others by it.
fn backward(owns_keys: bool, sums: &str, store: &str) -> String {
    let (mine, others, query, key) = match owns_keys {
        true => (
            "take(keys, 1, own); take(values, 2, own);",
            "take(queries, 0, from); take_gradient(arriving, from);",
            "from",
            "own",
        ),
        false => (
            "take(queries, 0, own); take_gradient(arriving, own);",
            "take(keys, 1, from); take(values, 2, from);",
            "own",
            "from",
        ),
    };
    format!(
        "    {mine}
    float first[EACH][COLUMNS] = {{}}, second[EACH][COLUMNS] = {{}};
    (void)second;
    for (unsigned from = 0; from < TOKENS; from += TILE) {{
        __syncthreads();
        {others}
        __syncthreads();
        for (unsigned i = 0; i < EACH; ++i)
            for (unsigned j = 0; j < EACH; ++j) {{
                const unsigned q = down + SIDE * i, k = across + SIDE * j, token = {query} + q;
                float score = 0.0f, slope = 0.0f;
                for (unsigned w = 0; w < WIDTH; ++w) {{
                    score += queries[q][w] * keys[k][w];
                    slope += arriving[q][w] * values[k][w];
                }}
                const bool is_pair = token < TOKENS && {key} + k < TOKENS;
                const size_t at = (size_t)pair * TOKENS + token;
                const float probability = is_pair ? expf(score * SCALE - lse[at]) : 0.0f;
                probabilities[q][k] = probability;
                slopes[q][k] = is_pair ? probability * (slope - along[at]) * SCALE : 0.0f;
            }}
        __syncthreads();
        for (unsigned i = 0; i < EACH; ++i)
            for (unsigned c = 0; c < COLUMNS; ++c) {{
                const unsigned row = down + SIDE * i, w = across + SIDE * c;
                if (w >= WIDTH) continue;
{sums}            }}
    }}
    for (unsigned i = 0; i < EACH; ++i)
        for (unsigned c = 0; c < COLUMNS; ++c) {{
            const unsigned token = own + down + SIDE * i, w = across + SIDE * c;
            if (token >= TOKENS || w >= WIDTH) continue;
            float* to = d_qkv + (size_t)(sample * TOKENS + token) * 3u * SPAN + head * WIDTH + w;
{store}        }}
"
    )
}

const KEYS: &str = "                for (unsigned q = 0; q < TILE; ++q) {
                    first[i][c] += slopes[q][row] * queries[q][w];
                    second[i][c] += probabilities[q][row] * arriving[q][w];
                }
";
const KEYS_STORE: &str = "            to[SPAN] = first[i][c];
            to[2u * SPAN] = second[i][c];
";
const QUERIES: &str =
    "                for (unsigned k = 0; k < TILE; ++k) first[i][c] += slopes[row][k] * keys[k][w];
";
const QUERIES_STORE: &str = "            to[0] = first[i][c];
";
