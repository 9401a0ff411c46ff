// Kernels without host code or headers, as a generator would write them.
#define TILE 16

// C[M, N] = A[M, K] B[K, N], row by row, of any size.
extern "C" __global__ void gemm_tiled(const float* __restrict__ A, const float* __restrict__ B,
                                      float* __restrict__ C, int M, int N, int K) {
  __shared__ float As[TILE][TILE];
  __shared__ float Bs[TILE][TILE + 1];
  int row = blockIdx.y * TILE + threadIdx.y, col = blockIdx.x * TILE + threadIdx.x;
  float sum = 0.0f;
  for (int t = 0; t < (K + TILE - 1) / TILE; ++t) {
    int ka = t * TILE + threadIdx.x, kb = t * TILE + threadIdx.y;
    As[threadIdx.y][threadIdx.x] = (row < M && ka < K) ? A[row * K + ka] : 0.0f;
    Bs[threadIdx.y][threadIdx.x] = (kb < K && col < N) ? B[kb * N + col] : 0.0f;
    __syncthreads();
#pragma unroll
    for (int k = 0; k < TILE; ++k) sum = fmaf(As[threadIdx.y][k], Bs[k][threadIdx.x], sum);
    __syncthreads();
  }
  if (row < M && col < N) C[row * N + col] = sum;
}

__device__ __forceinline__ float warp_max(float v) {
  for (int o = 16; o > 0; o >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, o));
  return v;
}
__device__ __forceinline__ float warp_sum(float v) {
  for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return v;
}

// One block a row, of whole warps.
extern "C" __global__ void softmax_row(const float* __restrict__ x, float* __restrict__ y, int cols) {
  __shared__ float part[32];
  int lane = threadIdx.x & 31, w = threadIdx.x >> 5, warps = blockDim.x >> 5;
  const float* xr = x + (size_t)blockIdx.x * cols;
  float* yr = y + (size_t)blockIdx.x * cols;
  float m = __int_as_float(0xff800000);
  for (int i = threadIdx.x; i < cols; i += blockDim.x) m = fmaxf(m, xr[i]);
  m = warp_max(m);
  if (lane == 0) part[w] = m;
  __syncthreads();
  m = warp_max((lane < warps) ? part[lane] : __int_as_float(0xff800000));
  __syncthreads();
  float s = 0.0f;
  for (int i = threadIdx.x; i < cols; i += blockDim.x) s += __expf(xr[i] - m);
  s = warp_sum(s);
  if (lane == 0) part[w] = s;
  __syncthreads();
  s = warp_sum((lane < warps) ? part[lane] : 0.0f);
  float inverse = 1.0f / s;
  for (int i = threadIdx.x; i < cols; i += blockDim.x) yr[i] = __expf(xr[i] - m) * inverse;
}

// One block a row; sums by a tree in dynamic shared memory.
extern "C" __global__ void layernorm_row(const float* __restrict__ x, const float* __restrict__ g,
                                         const float* __restrict__ b, float* __restrict__ y, int cols,
                                         float epsilon) {
  extern __shared__ float part[];
  const float* xr = x + (size_t)blockIdx.x * cols;
  float s = 0.f;
  for (int i = threadIdx.x; i < cols; i += blockDim.x) s += xr[i];
  part[threadIdx.x] = s;
  __syncthreads();
  for (int o = blockDim.x / 2; o > 0; o >>= 1) {
    if ((int)threadIdx.x < o) part[threadIdx.x] += part[threadIdx.x + o];
    __syncthreads();
  }
  float mean = part[0] / cols;
  __syncthreads();
  s = 0.f;
  for (int i = threadIdx.x; i < cols; i += blockDim.x) { float d = xr[i] - mean; s += d * d; }
  part[threadIdx.x] = s;
  __syncthreads();
  for (int o = blockDim.x / 2; o > 0; o >>= 1) {
    if ((int)threadIdx.x < o) part[threadIdx.x] += part[threadIdx.x + o];
    __syncthreads();
  }
  float inverse = rsqrtf(part[0] / cols + epsilon);
  for (int i = threadIdx.x; i < cols; i += blockDim.x)
    y[(size_t)blockIdx.x * cols + i] = (xr[i] - mean) * inverse * g[i] + b[i];
}

// w[index[r], c] += x[r, c]
extern "C" __global__ void scatter_add(const int* __restrict__ index, const float* __restrict__ x,
                                       float* __restrict__ w, int rows, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < rows * cols) atomicAdd(&w[(size_t)index[i / cols] * cols + i % cols], x[i]);
}

// gelu(x) exp(-|x|) + 1 / sqrt(1 + x^2), each thread many.
extern "C" __global__ void elementwise(const float* __restrict__ x, float* __restrict__ y, unsigned int n) {
  for (unsigned int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    float v = x[i];
    float u = 0.7978845608f * fmaf(0.044715f * v * v, v, v);
    float g = 0.5f * v * (1.0f + tanhf(u));
    y[i] = g * __expf(-fabsf(v)) + rsqrtf(1.0f + v * v);
  }
}
