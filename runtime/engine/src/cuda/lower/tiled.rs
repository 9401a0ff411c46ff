//! Products that cuBLASLt has no form for: any layout, convolutions. A tile of the result a block, its operands staged
//! through shared memory.

use super::call::Call;
use super::reduce::Reduction;
use crate::cuda::task::Address;
use crate::ops::ReduceKind;

/// Blocks below which a device of today is not full.
const FULL: usize = 132;

/// Terms that are worth a block of their own.
const WORTH_A_BLOCK: usize = 256;

/// Products `value[m, n] = Σₖ left(m, k) · right(k, n)`, one for each `z`.
pub struct TiledProduct<'a> {
    /// In kernel names.
    pub name: &'a str,
    /// How many products there are.
    pub products: usize,
    /// Their rows, columns and terms.
    pub rows: usize,
    /// Columns of the result.
    pub columns: usize,
    /// Terms of each sum.
    pub depth: usize,
    /// What is read, by parameter name.
    pub reads: &'a [(&'a str, Address)],
    /// Body of a function of `m` and `k` that returns an element of the left matrix.
    pub left: &'a str,
    /// Body of a function of `k` and `n` that returns an element of the right matrix.
    pub right: &'a str,
    /// Whether neighbours along k, not along m, lie side by side on the left.
    pub left_dense_in_depth: bool,
    /// Where the result goes.
    pub result: Address,
    /// Place of element (`z`, `m`, `n`) in it.
    pub place: &'a str,
}

impl TiledProduct<'_> {
    /// Adds the kernels.
    pub fn lower(&self, call: &mut Call) {
        let values = self.products * self.rows * self.columns;
        if values == 0 {
            return;
        }
        let side = if self.rows.min(self.columns) <= 16 { 16 } else { 64 };
        let tiles = [self.rows.div_ceil(side), self.columns.div_ceil(side)];
        let blocks = self.products * tiles[0] * tiles[1];
        let parts = (FULL / blocks).min(self.depth / WORTH_A_BLOCK).max(1);
        if parts == 1 {
            let store = format!("result[{}] = value;", self.place);
            return self.launch(call, side, tiles, 1, self.result, &store);
        }
        let between = call.scratch(parts * values);
        let (rows, columns) = (self.rows, self.columns);
        let place = format!("((part * {}u + z) * {rows}u + m) * {columns}u + n", self.products);
        self.launch(call, side, tiles, parts, between, &format!("result[{place}] = value;"));
        let finish = format!(
            "    const unsigned n = k % {columns}u, m = k / {columns}u % {rows}u, z = k / {}u;\n    \
             (void)n; (void)m; (void)z;\n    y[{}] = t0;\n",
            rows * columns,
            self.place
        );
        Reduction {
            name: &format!("{}_parts", self.name),
            kind: ReduceKind::Sum,
            kept: values,
            reduced: parts,
            reads: &[("parts", between)],
            terms: &[format!("parts[r * {values}u + k]")],
            writes: &[("y", self.result)],
            finish: &finish,
            results_adjacent: true,
        }
        .lower(call);
    }

    fn launch(
        &self,
        call: &mut Call,
        side: usize,
        tiles: [usize; 2],
        parts: usize,
        result: Address,
        store: &str,
    ) {
        let TiledProduct { rows, columns, depth, left, right, .. } = self;
        let each = depth.div_ceil(parts).next_multiple_of(16);
        let (left_m, left_k) = match self.left_dense_in_depth {
            true => ("e / DEPTH", "e % DEPTH"),
            false => ("e % TILE", "e / TILE"),
        };
        let body = format!(
            "    constexpr unsigned SHARE = {share}, TILE = {side}, DEPTH = 16;
    const unsigned part = blockIdx.x % {parts}u, tile = blockIdx.x / {parts}u;
    const unsigned z = tile / {tiles}u, first_m = tile / {tiles_n}u % {tiles_m}u * TILE, first_n = tile % {tiles_n}u * TILE;
    const unsigned begin = part * {each}u, end = min(begin + {each}u, {depth}u);
    const auto left = [&](unsigned m, unsigned k) -> float {{ {left} }};
    const auto right = [&](unsigned k, unsigned n) -> float {{ {right} }};
    __shared__ float a[DEPTH][TILE + 1], b[DEPTH][TILE + 1];
    const unsigned across = threadIdx.x % 16u, down = threadIdx.x / 16u;
    float sums[SHARE][SHARE] = {{}};
    (void)z; (void)part;
    for (unsigned start = begin; start < end; start += DEPTH) {{
        for (unsigned e = threadIdx.x; e < DEPTH * TILE; e += 256u) {{
            const unsigned m = {left_m}, k = {left_k};
            a[k][m] = first_m + m < {rows}u && start + k < end ? left(first_m + m, start + k) : 0.0f;
        }}
        for (unsigned e = threadIdx.x; e < DEPTH * TILE; e += 256u) {{
            const unsigned n = e % TILE, k = e / TILE;
            b[k][n] = first_n + n < {columns}u && start + k < end ? right(start + k, first_n + n) : 0.0f;
        }}
        __syncthreads();
        for (unsigned k = 0; k < DEPTH; ++k)
            for (unsigned i = 0; i < SHARE; ++i)
                for (unsigned j = 0; j < SHARE; ++j) sums[i][j] += a[k][down + 16u * i] * b[k][across + 16u * j];
        __syncthreads();
    }}
    for (unsigned i = 0; i < SHARE; ++i)
        for (unsigned j = 0; j < SHARE; ++j) {{
            const unsigned m = first_m + down + 16u * i, n = first_n + across + 16u * j;
            const float value = sums[i][j];
            if (m < {rows}u && n < {columns}u) {store}
        }}
",
            share = side / 16,
            tiles = tiles[0] * tiles[1],
            tiles_m = tiles[0],
            tiles_n = tiles[1],
        );
        let mut kernel = call.kernel(self.name);
        for (name, address) in self.reads {
            kernel = kernel.reads(name, *address);
        }
        kernel.writes("result", result).launch(self.products * tiles[0] * tiles[1] * parts, &body);
    }
}
