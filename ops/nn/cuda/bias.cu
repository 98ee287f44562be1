// A number for each channel added everywhere, and the sum over everything but the channels.

// Element i belongs to channel i / inner % channels. `out` may be `value`.
template <class I> __device__ void bias_add(const E* value, const E* bias, E* out, I count, I channels, I inner) {
    const I step = (I)gridDim.x * blockDim.x;
    for (I i = (I)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
        I group = inner == 1 ? i : i / inner;
        out[i] = E((W)value[i] + (W)bias[group % channels]);
    }
}
KERNEL(bias_add)(const E* value, const E* bias, E* out, index_t count, index_t channels, index_t inner) {
    if (count <= 0x7fffffff)
        bias_add<unsigned>(value, bias, out, (unsigned)count, (unsigned)channels, (unsigned)inner);
    else
        bias_add<index_t>(value, bias, out, count, channels, inner);
}
#if IS_FLOAT
// Sums of the columns of a matrix count x channels: block (x, y) takes 32 columns and `per` rows; 32 x 8 threads.
KERNEL(column_sums)(const E* value, W* parts, index_t count, index_t channels, index_t per) {
    __shared__ W sums[8][33];
    index_t tiles = (channels + 31) / 32;
    index_t part = blockIdx.x / tiles, c = blockIdx.x % tiles * 32 + threadIdx.x;
    index_t end = (part + 1) * per < count ? (part + 1) * per : count;
    W sum = W(0);
    if (c < channels) {
        index_t r = part * per + threadIdx.y;
        for (; r + 24 < end; r += 32) {
            W x0 = (W)value[r * channels + c], x1 = (W)value[(r + 8) * channels + c];
            W x2 = (W)value[(r + 16) * channels + c], x3 = (W)value[(r + 24) * channels + c];
            sum += (x0 + x1) + (x2 + x3);
        }
        for (; r < end; r += 8) sum += (W)value[r * channels + c];
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
KERNEL(plane_sums)(
    const E* value, W* parts, index_t outer, index_t channels, index_t inner, index_t per) {
    __shared__ W sums[256];
    index_t part = blockIdx.x / channels, c = blockIdx.x % channels, count = outer * inner;
    index_t end = (part + 1) * per < count ? (part + 1) * per : count;
    W sum = W(0);
    for (index_t i = part * per + threadIdx.x; i < end; i += 256) {
        index_t o = i / inner;
        sum += (W)value[(o * channels + c) * inner + (i - o * inner)];
    }
    sums[threadIdx.x] = sum;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) parts[part * channels + c] = sums[0];
}
#endif
