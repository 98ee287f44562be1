// Softmax of rows and the losses that go with it. A block of `lanes` x `rows` threads (lanes a power of two) takes that
// many rows; each row's maximum and sums are made by its lanes and put together in pairs.

__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return exp(x); }
__device__ inline float logarithm(float x) { return logf(x); }
__device__ inline double logarithm(double x) { return log(x); }
__device__ inline float lowest(float) { return -3.402823466e+38f; }
__device__ inline double lowest(double) { return -1.7976931348623157e+308; }
__device__ inline float no_number(float) { return nanf(""); }
__device__ inline double no_number(double) { return nan(""); }

// Put together by all threads of the block; `all` has one element for each.
template <class W> __device__ W greatest(W x, W* all) {
    int t = threadIdx.y * blockDim.x + threadIdx.x;
    __syncthreads();
    all[t] = x;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) all[t] = all[t + half] > all[t] ? all[t + half] : all[t];
    }
    __syncthreads();
    return all[threadIdx.y * blockDim.x];
}
template <class W> __device__ W added(W x, W* all) {
    int t = threadIdx.y * blockDim.x + threadIdx.x;
    __syncthreads();
    all[t] = x;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) all[t] += all[t + half];
    }
    __syncthreads();
    return all[threadIdx.y * blockDim.x];
}
// The maximum of a row that is not NaN (the lowest number when there is none) and the sum of exp(x - maximum).
template <class E, class W>
__device__ void scan(const E* row, index_t step, index_t width, W* all, W* most, W* sum) {
    W m = lowest(W(0));
    for (index_t k = threadIdx.x; k < width; k += blockDim.x) {
        W x = (W)row[k * step];
        m = x > m ? x : m;
    }
    *most = m = greatest(m, all);
    W s = W(0);
    for (index_t k = threadIdx.x; k < width; k += blockDim.x) s += exponential((W)row[k * step] - m);
    *sum = added(s, all);
}

template <class E, bool LOG> __device__ void softmax(const E* x, E* out, index_t rows, index_t width) {
    typedef typename Wide<E>::type W;
    __shared__ W all[256];
    index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y;
    index_t n = row < rows ? width : 0;
    x += (row < rows ? row : 0) * width;
    out += (row < rows ? row : 0) * width;
    W most, sum;
    scan<E, W>(x, 1, n, all, &most, &sum);
    W log_sum = LOG ? logarithm(sum) : W(0);
    for (index_t k = threadIdx.x; k < n; k += blockDim.x) {
        W v = (W)x[k] - most;
        out[k] = E(LOG ? v - log_sum : exponential(v) / sum);
    }
}
// An operand that is repeated to rows x width: element (i, k) at data[i * row + k * col].
struct Steps {
    index_t row, col;
};
template <class E>
__device__ void cross_entropy(
    const E* features, const E* labels, E* loss, E* backprop, index_t rows, index_t width, Steps f, Steps l) {
    typedef typename Wide<E>::type W;
    __shared__ W all[256];
    index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y, r = row < rows ? row : 0;
    index_t n = row < rows ? width : 0;
    features += r * f.row;
    labels += r * l.row;
    W most, sum;
    scan<E, W>(features, f.col, n, all, &most, &sum);
    W along = W(0), total = W(0);
    for (index_t k = threadIdx.x; k < n; k += blockDim.x) {
        W v = (W)features[k * f.col] - most, w = (W)labels[k * l.col];
        along += w * v;
        total += w;
        backprop[r * width + k] = E(exponential(v) / sum - w);
    }
    along = added(along, all);
    total = added(total, all);
    // Without classes there is no loss.
    if (threadIdx.x == 0 && row < rows) loss[row] = E(width > 0 ? total * logarithm(sum) - along : W(0));
}
// A label outside of the classes makes its row NaN.
template <class E, class L>
__device__ void sparse_cross_entropy(
    const E* features, const L* labels, E* loss, E* backprop, index_t rows, index_t width) {
    typedef typename Wide<E>::type W;
    __shared__ W all[256];
    index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y, r = row < rows ? row : 0;
    index_t n = row < rows ? width : 0;
    features += r * width;
    backprop += r * width;
    W most, sum;
    scan<E, W>(features, 1, n, all, &most, &sum);
    if (row >= rows) return;
    index_t label = labels[row];
    bool known = label >= 0 && label < width;
    for (index_t k = threadIdx.x; k < n; k += blockDim.x) {
        W v = exponential((W)features[k] - most) / sum;
        backprop[k] = E(known ? v - (k == label ? W(1) : W(0)) : no_number(W(0)));
    }
    if (threadIdx.x == 0)
        loss[row] = E(known ? logarithm(sum) - ((W)features[label] - most) : no_number(W(0)));
}
#define SPARSE(E, NAME, L, LABEL) \
    extern "C" __global__ void sparse_cross_entropy_##NAME##_##LABEL( \
        const E* features, const L* labels, E* loss, E* backprop, index_t rows, index_t width) { \
        sparse_cross_entropy<E, L>(features, labels, loss, backprop, rows, width); \
    }
#define SOFTMAX(E, NAME) \
    extern "C" __global__ void softmax_##NAME(const E* x, E* out, index_t rows, index_t width) { \
        softmax<E, false>(x, out, rows, width); \
    } \
    extern "C" __global__ void log_softmax_##NAME(const E* x, E* out, index_t rows, index_t width) { \
        softmax<E, true>(x, out, rows, width); \
    } \
    extern "C" __global__ void cross_entropy_##NAME( \
        const E* features, const E* labels, E* loss, E* backprop, index_t rows, index_t width, Steps f, Steps l) { \
        cross_entropy<E>(features, labels, loss, backprop, rows, width, f, l); \
    } \
    SPARSE(E, NAME, i32, i32) \
    SPARSE(E, NAME, i64, i64)
SOFTMAX(float, f32)
SOFTMAX(double, f64)
SOFTMAX(f16, f16)
SOFTMAX(bf16, bf16)
