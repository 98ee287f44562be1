// Softmax of rows and the losses that go with it. A block of `lanes` x `rows` threads (lanes a power of two) takes that
// many rows; each row's maximum and sums are made by its lanes and put together in pairs.

// e to the x in the steps of the CPU's kernel (src/device/cpu/elementary.rs), each rounded by itself. A loss is the
// difference of nearly equal numbers where a row is certain: what is an ulp of an exponential would be a part of it.
__device__ inline float exponential(float x) {
    const float rounder = 12582912.0f, steps[6] = {1.9875691e-4f, 1.3981999e-3f, 8.333452e-3f, 4.1665796e-2f,
                                                   1.6666665e-1f, 5.000000e-1f};
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    const float shifted = rounded_product(x, 1.44269504088896341f) + rounder;
    const int n = (int)(bits_of(shifted) - bits_of(rounder));
    const float whole = shifted - rounder;
    const float r = x - rounded_product(whole, 0.6933594f) + rounded_product(whole, 2.1219444e-4f);
    float p = 0.0f;
    for (int i = 0; i < 6; i++) p = rounded_product(p, r) + steps[i];
    const float y = rounded_product(p, rounded_product(r, r)) + r + 1.0f;
    // Two steps, since 2^n alone may be out of range.
    const int half = n >> 1, rest = n - half;
    return y * float_of((u32)(half + 127) << 23) * float_of((u32)(rest + 127) << 23);
}
__device__ inline double exponential(double x) { return exp(x); }
// Of sums, one for each row: precise, since a loss may be what little remains of it.
__device__ inline float logarithm(float x) { return (float)log((double)x); }
__device__ inline double logarithm(double x) { return log(x); }
__device__ inline float lowest(float) { return -3.402823466e+38f; }
__device__ inline double lowest(double) { return -1.7976931348623157e+308; }
__device__ inline float no_number(float) { return nanf(""); }
__device__ inline double no_number(double) { return nan(""); }

// Put together by all threads of the block; `all` has one element for each.
__device__ inline W greatest(W x, W* all) {
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
__device__ inline W added(W x, W* all) {
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
__device__ inline void scan(const E* row, index_t step, index_t width, W* all, W* most, W* sum) {
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

template <bool LOG> __device__ void by_rows(const E* x, E* out, index_t rows, index_t width) {
    __shared__ W all[256];
    index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y;
    index_t n = row < rows ? width : 0;
    x += (row < rows ? row : 0) * width;
    out += (row < rows ? row : 0) * width;
    W most, sum;
    scan(x, 1, n, all, &most, &sum);
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
KERNEL(cross_entropy)(
    const E* features, const E* labels, E* loss, E* backprop, index_t rows, index_t width, Steps f, Steps l) {
    __shared__ W all[256];
    index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y, r = row < rows ? row : 0;
    index_t n = row < rows ? width : 0;
    features += r * f.row;
    labels += r * l.row;
    W most, sum;
    scan(features, f.col, n, all, &most, &sum);
    W along = W(0), total = W(0);
    for (index_t k = threadIdx.x; k < n; k += blockDim.x) {
        W v = (W)features[k * f.col] - most, w = (W)labels[k * l.col];
        along += rounded_product(w, v);
        total += w;
        backprop[r * width + k] = E(exponential(v) / sum - w);
    }
    along = added(along, all);
    total = added(total, all);
    // Without classes there is no loss.
    if (threadIdx.x == 0 && row < rows) loss[row] = E(width > 0 ? rounded_product(total, logarithm(sum)) - along : W(0));
}
// A label outside of the classes makes its row NaN.
template <class L>
__device__ void sparse_cross_entropy(
    const E* features, const L* labels, E* loss, E* backprop, index_t rows, index_t width) {
    __shared__ W all[256];
    index_t row = (index_t)blockIdx.x * blockDim.y + threadIdx.y, r = row < rows ? row : 0;
    index_t n = row < rows ? width : 0;
    features += r * width;
    backprop += r * width;
    W most, sum;
    scan(features, 1, n, all, &most, &sum);
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
KERNEL(softmax)(const E* x, E* out, index_t rows, index_t width) { by_rows<false>(x, out, rows, width); }
KERNEL(log_softmax)(const E* x, E* out, index_t rows, index_t width) { by_rows<true>(x, out, rows, width); }
#define SPARSE(L) \
    KERNEL(sparse_cross_entropy_##L)( \
        const E* features, const L* labels, E* loss, E* backprop, index_t rows, index_t width) { \
        sparse_cross_entropy(features, labels, loss, backprop, rows, width); \
    }
SPARSE(i32)
SPARSE(i64)
