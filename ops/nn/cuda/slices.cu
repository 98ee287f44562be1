// The second pass of sums that were made in parts: out[i] = sum over s of work[s * count + i], in ascending order of s.

template <class E>
__device__ void sum_slices(const typename Wide<E>::type* work, E* out, index_t count, index_t slices) {
    typedef typename Wide<E>::type S;
    GRID_STRIDE(i, count) {
        const S* at = work + i;
        S sum = S(0);
        index_t s = 0;
        for (; s + 8 <= slices; s += 8) {
            S part[8];
#pragma unroll
            for (int j = 0; j < 8; j++) part[j] = at[(s + j) * count];
#pragma unroll
            for (int j = 0; j < 8; j++) sum += part[j];
        }
        for (; s < slices; s++) sum += at[s * count];
        out[i] = E(sum);
    }
}
#define SUM_SLICES(E, NAME) \
    extern "C" __global__ void sum_slices_##NAME(const Wide<E>::type* work, E* out, index_t count, index_t slices) { \
        sum_slices<E>(work, out, count, slices); \
    }
SUM_SLICES(float, f32)
SUM_SLICES(double, f64)
SUM_SLICES(f16, f16)
SUM_SLICES(bf16, bf16)
