//! CUDA C for kernels on tensor cores: rows from memory as bfloat16, fragments from shared memory, and their products.
//!
//! What lies where in a fragment is drawn in the *PTX ISA*, "Matrix Fragments for mma.m16n8k16". A lane holds of the left
//! factor (16 by 16) and of the result (16 by 8) the rows `lane / 4` and `lane / 4 + 8`, and in these the columns
//! `lane % 4 * 2` and the next, of each 8 columns. So two neighbouring results, rounded, are a left factor.
//!
//! Only kernels that are lowered for [`Precision::Bf16`](crate::device::Precision) use this; it takes compute
//! capability 8.0 where it is used.

/// What stands between [`PRELUDE`](super::PRELUDE) and the kernels of a translation unit.
pub const FRAGMENTS: &str = r#"
// Two numbers as bfloat16, the first in the lower half.
static __device__ __forceinline__ unsigned packed(float first, float second) {
    unsigned both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
    return both;
}

// Two and eight neighbours as bfloat16, from and to addresses that are a multiple of as many elements.
static __device__ __forceinline__ unsigned two(const float* from) {
    const float2 both = *(const float2*)from;
    return packed(both.x, both.y);
}
static __device__ __forceinline__ unsigned two(const bf16* from) { return *(const unsigned*)from; }
static __device__ __forceinline__ uint4 eight(const float* from) {
    const float4 low = *(const float4*)from, high = *(const float4*)(from + 4);
    return uint4{packed(low.x, low.y), packed(low.z, low.w), packed(high.x, high.y), packed(high.z, high.w)};
}
static __device__ __forceinline__ uint4 eight(const bf16* from) { return *(const uint4*)from; }
static __device__ __forceinline__ void put(float* to, float first, float second) {
    *(float2*)to = float2{first, second};
}
static __device__ __forceinline__ void put(bf16* to, float first, float second) {
    *(unsigned*)to = packed(first, second);
}

// Four matrices of 8 by 8 from shared memory: lane 8 i + r says where row r of matrix i begins.
static __device__ __forceinline__ void load_matrices(unsigned (&to)[4], const unsigned short* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"((unsigned)__cvta_generic_to_shared(row)) : "memory");
}
// The same, each with its rows for columns.
static __device__ __forceinline__ void load_turned(unsigned (&to)[4], const unsigned short* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"((unsigned)__cvta_generic_to_shared(row)) : "memory");
}

// Adds the product of fragments, 16 by 16 and 16 by 8, in `f32`.
static __device__ __forceinline__ void add_product(
    float (&sums)[4], const unsigned (&left)[4], unsigned right_above, unsigned right_below) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right_above), "r"(right_below));
}

// Rows of a matrix in memory, `stride` apart, with zeros after the last. Each begins at a multiple of 8 elements.
template <class Number> struct Rows { Number* first; unsigned stride, count; };
template <class Number> static __device__ __forceinline__ Rows<Number> rows(Number* first, unsigned stride, unsigned count) {
    return {first, stride, count};
}

// Rows in shared memory: any 8 that follow each other lie in all banks.
template <unsigned COUNT, unsigned WIDTH> struct alignas(16) Tile { unsigned short of[COUNT][WIDTH + 8]; };

// Brings rows `from` to `from + COUNT` to shared memory, with all threads of a block.
template <unsigned THREADS, unsigned COUNT, unsigned WIDTH, class Number>
static __device__ __forceinline__ void take(Tile<COUNT, WIDTH>& to, Rows<Number> rows, unsigned from) {
    for (unsigned e = threadIdx.x; e < COUNT * WIDTH / 8; e += THREADS) {
        const unsigned row = e / (WIDTH / 8), i = e % (WIDTH / 8) * 8;
        *(uint4*)&to.of[row][i] =
            from + row < rows.count ? eight(rows.first + (size_t)(from + row) * rows.stride + i) : uint4{};
    }
}

// Strips of 16 rows from `from` on as left factors.
template <unsigned STRIPS, unsigned DEPTH, class Number>
static __device__ __forceinline__ void hold(unsigned (&to)[STRIPS][DEPTH][4], Rows<Number> rows, unsigned from) {
    const unsigned lane = threadIdx.x % 32;
    for (unsigned s = 0; s < STRIPS; ++s)
        for (unsigned k = 0; k < DEPTH; ++k)
            for (unsigned i = 0; i < 4; ++i) {
                const unsigned row = from + 16 * s + lane / 4 + 8 * (i % 2), column = 16 * k + lane % 4 * 2 + 8 * (i / 2);
                to[s][k][i] = row < rows.count ? two(rows.first + (size_t)row * rows.stride + column) : 0u;
            }
}

// Adds the products of held rows with rows `first` to `first + 8 COLUMNS` of a tile.
template <unsigned STRIPS, unsigned COLUMNS, unsigned DEPTH, unsigned COUNT, unsigned WIDTH>
static __device__ __forceinline__ void multiply(float (&sums)[STRIPS][COLUMNS][4], const unsigned (&held)[STRIPS][DEPTH][4],
                                                const Tile<COUNT, WIDTH>& tile, unsigned first) {
    const unsigned lane = threadIdx.x % 32, row = first + lane / 16 * 8 + lane % 8, column = lane / 8 % 2 * 8;
    for (unsigned n = 0; n < COLUMNS / 2; ++n)
        for (unsigned k = 0; k < DEPTH; ++k) {
            unsigned right[4];
            load_matrices(right, &tile.of[row + 16 * n][column + 16 * k]);
            for (unsigned s = 0; s < STRIPS; ++s) {
                add_product(sums[s][2 * n], held[s][k], right[0], right[1]);
                add_product(sums[s][2 * n + 1], held[s][k], right[2], right[3]);
            }
        }
}

// Puts products with rows from `count` on below all numbers.
template <unsigned STRIPS, unsigned COLUMNS>
static __device__ __forceinline__ void cut(float (&products)[STRIPS][COLUMNS][4], unsigned count) {
    if (count >= 8 * COLUMNS) return;
    for (unsigned s = 0; s < STRIPS; ++s)
        for (unsigned n = 0; n < COLUMNS; ++n)
            for (unsigned i = 0; i < 4; ++i)
                if (8 * n + threadIdx.x % 4 * 2 + i % 2 >= count) products[s][n][i] = -INFINITE;
}

// Adds the same rows of a tile, in the shares that such products have become.
template <unsigned STRIPS, unsigned COLUMNS, unsigned SHARES, unsigned COUNT, unsigned WIDTH>
static __device__ __forceinline__ void gather(float (&sums)[STRIPS][COLUMNS][4], const float (&shares)[STRIPS][SHARES][4],
                                              const Tile<COUNT, WIDTH>& tile, unsigned first) {
    const unsigned lane = threadIdx.x % 32, row = first + lane % 16, column = lane / 16 * 8;
    for (unsigned k = 0; k < SHARES / 2; ++k) {
        unsigned left[STRIPS][4];
        for (unsigned s = 0; s < STRIPS; ++s)
            for (unsigned i = 0; i < 4; ++i)
                left[s][i] = packed(shares[s][2 * k + i / 2][i % 2 * 2], shares[s][2 * k + i / 2][i % 2 * 2 + 1]);
        for (unsigned w = 0; w < COLUMNS / 2; ++w) {
            unsigned right[4];
            load_turned(right, &tile.of[row + 16 * k][column + 16 * w]);
            for (unsigned s = 0; s < STRIPS; ++s) {
                add_product(sums[s][2 * w], left[s], right[0], right[1]);
                add_product(sums[s][2 * w + 1], left[s], right[2], right[3]);
            }
        }
    }
}

// Stores strips of results as rows from `from` on, each times a factor of its own.
template <unsigned STRIPS, unsigned COLUMNS, class Number>
static __device__ __forceinline__ void store(Rows<Number> rows, unsigned from, const float (&results)[STRIPS][COLUMNS][4],
                                             const float (&factors)[STRIPS][2]) {
    const unsigned lane = threadIdx.x % 32;
    for (unsigned s = 0; s < STRIPS; ++s)
        for (unsigned half = 0; half < 2; ++half) {
            const unsigned row = from + 16 * s + lane / 4 + 8 * half;
            if (row >= rows.count) continue;
            for (unsigned w = 0; w < COLUMNS; ++w) {
                const float (&pair)[4] = results[s][w];
                put(rows.first + (size_t)row * rows.stride + 8 * w + lane % 4 * 2, pair[2 * half] * factors[s][half],
                    pair[2 * half + 1] * factors[s][half]);
            }
        }
}

// One instruction each: the larger, or what is no number; and 2^x, which is 0 below normal numbers.
static __device__ __forceinline__ float largest(float a, float b) {
    float larger;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
    return larger;
}
static __device__ __forceinline__ float power_of_two(float x) {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
}
"#;
