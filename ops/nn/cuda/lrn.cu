// Local response normalization over channels. A block of 256 threads takes `rows` rows of `depth` channels at a time and
// keeps what neighbours share in a buffer: dynamic shared memory, or, where that is too small, the block's part of `spill`.

struct Lrn {
    index_t count; // rows in all
    int depth, rows, radius; // channels, rows at a time, channels to each side
    float bias, alpha, beta;
};
extern __shared__ float lrn_memory[];

// The sum over the window of channel c in a row.
__device__ inline float window_sum(const float* row, int c, const Lrn& l) {
    int from = c > l.radius ? c - l.radius : 0, to = c + l.radius + 1 < l.depth ? c + l.radius + 1 : l.depth;
    float sum = 0.0f;
    for (int k = from; k < to; k++) sum += row[k];
    return sum;
}
__device__ inline float norm_of(const float* squares, int c, const Lrn& l) {
    return l.bias + l.alpha * window_sum(squares, c, l);
}
__device__ inline float power(float norm, const Lrn& l) { return expf(-l.beta * logf(norm)); }

// The squares of n elements, which all threads may use from here on.
__device__ inline void square(const E* x, float* squares, index_t n) {
    for (index_t i = threadIdx.x; i < n; i += blockDim.x) squares[i] = (float)x[i] * (float)x[i];
    __syncthreads();
}

extern "C" __global__ void __launch_bounds__(256) NAMED(lrn, ELEMENT)(const E* x, E* y, float* spill, Lrn l) {
    index_t size = (index_t)l.rows * l.depth;
    float* squares = spill ? spill + blockIdx.x * size : lrn_memory;
    for (index_t first = (index_t)blockIdx.x * l.rows; first < l.count; first += (index_t)gridDim.x * l.rows) {
        index_t left = (l.count - first) * l.depth, n = left < size ? left : size, at = first * l.depth;
        square(x + at, squares, n);
        for (int i = threadIdx.x; i < n; i += blockDim.x) {
            int c = i % l.depth;
            float norm = norm_of(squares + (i - c), c, l);
            y[at + i] = E((float)x[at + i] * power(norm, l));
        }
        __syncthreads();
    }
}
// dx = g norm^-beta - 2 alpha beta x sum(g y / norm), the sum over the window.
extern "C" __global__ void __launch_bounds__(256)
NAMED(lrn_grad, ELEMENT)(const E* g, const E* x, const E* y, E* dx, float* spill, Lrn l) {
    index_t size = (index_t)l.rows * l.depth;
    float* squares = spill ? spill + blockIdx.x * 3 * size : lrn_memory;
    float* norms = squares + size;
    float* weighted = norms + size;
    float factor = -2.0f * l.alpha * l.beta;
    for (index_t first = (index_t)blockIdx.x * l.rows; first < l.count; first += (index_t)gridDim.x * l.rows) {
        index_t left = (l.count - first) * l.depth, n = left < size ? left : size, at = first * l.depth;
        square(x + at, squares, n);
        for (int i = threadIdx.x; i < n; i += blockDim.x) {
            int c = i % l.depth;
            float norm = norm_of(squares + (i - c), c, l);
            norms[i] = norm;
            weighted[i] = (float)g[at + i] * (float)y[at + i] / norm;
        }
        __syncthreads();
        for (int i = threadIdx.x; i < n; i += blockDim.x) {
            int c = i % l.depth;
            float sum = window_sum(weighted + (i - c), c, l);
            dx[at + i] = E((float)g[at + i] * power(norms[i], l) + factor * (float)x[at + i] * sum);
        }
        __syncthreads();
    }
}
