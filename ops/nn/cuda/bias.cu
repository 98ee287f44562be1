// A number for each channel added everywhere, and the sum over everything but the channels.

// Element i belongs to channel i / inner % channels. `out` may be `value`.
template <class E, class I> __device__ void bias_add(const E* value, const E* bias, E* out, I count, I channels, I inner) {
    typedef typename Wide<E>::type S;
    const I step = (I)gridDim.x * blockDim.x;
    for (I i = (I)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
        I group = inner == 1 ? i : i / inner;
        out[i] = E((S)value[i] + (S)bias[group % channels]);
    }
}
// Sums of the columns of a matrix count x channels: block (x, y) takes 32 columns and `per` rows; 32 x 8 threads.
template <class E>
__device__ void column_sums(const E* value, typename Wide<E>::type* parts, index_t count, index_t channels, index_t per) {
    typedef typename Wide<E>::type S;
    __shared__ S sums[8][33];
    index_t tiles = (channels + 31) / 32;
    index_t part = blockIdx.x / tiles, c = blockIdx.x % tiles * 32 + threadIdx.x;
    index_t end = (part + 1) * per < count ? (part + 1) * per : count;
    S sum = S(0);
    if (c < channels) {
        index_t r = part * per + threadIdx.y;
        for (; r + 24 < end; r += 32) {
            S x0 = (S)value[r * channels + c], x1 = (S)value[(r + 8) * channels + c];
            S x2 = (S)value[(r + 16) * channels + c], x3 = (S)value[(r + 24) * channels + c];
            sum += (x0 + x1) + (x2 + x3);
        }
        for (; r < end; r += 8) sum += (S)value[r * channels + c];
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && c < channels) {
        for (int y = 1; y < 8; y++) sum += sums[y][threadIdx.x];
        parts[part * channels + c] = sum;
    }
}
// Sums of planes: element (outer, channel, inner) of value; block (part, channel) takes `per` of the outer * inner
// elements of its channel; 256 threads.
template <class E>
__device__ void plane_sums(
    const E* value, typename Wide<E>::type* parts, index_t outer, index_t channels, index_t inner, index_t per) {
    typedef typename Wide<E>::type S;
    __shared__ S sums[256];
    index_t part = blockIdx.x / channels, c = blockIdx.x % channels, count = outer * inner;
    index_t end = (part + 1) * per < count ? (part + 1) * per : count;
    S sum = S(0);
    for (index_t i = part * per + threadIdx.x; i < end; i += 256) {
        index_t o = i / inner;
        sum += (S)value[(o * channels + c) * inner + (i - o * inner)];
    }
    sums[threadIdx.x] = sum;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) parts[part * channels + c] = sums[0];
}
#define BIAS_ADD(E, NAME) \
    extern "C" __global__ void bias_add_##NAME( \
        const E* value, const E* bias, E* out, index_t count, index_t channels, index_t inner) { \
        if (count <= 0x7fffffff) \
            bias_add<E, unsigned>(value, bias, out, (unsigned)count, (unsigned)channels, (unsigned)inner); \
        else \
            bias_add<E, index_t>(value, bias, out, count, channels, inner); \
    }
#define BIAS(E, NAME) \
    BIAS_ADD(E, NAME) \
    extern "C" __global__ void column_sums_##NAME( \
        const E* value, Wide<E>::type* parts, index_t count, index_t channels, index_t per) { \
        column_sums<E>(value, parts, count, channels, per); \
    } \
    extern "C" __global__ void plane_sums_##NAME( \
        const E* value, Wide<E>::type* parts, index_t outer, index_t channels, index_t inner, index_t per) { \
        plane_sums<E>(value, parts, outer, channels, inner, per); \
    }
BIAS(float, f32)
BIAS(double, f64)
BIAS(f16, f16)
BIAS(bf16, bf16)
BIAS_ADD(i32, i32)
