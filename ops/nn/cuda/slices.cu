// The second pass of sums that were made in parts: out[i] = sum over s of work[s * count + i], in ascending order of s.

KERNEL(sum_slices)(const W* work, E* out, index_t count, index_t slices) {
    GRID_STRIDE(i, count) {
        const W* at = work + i;
        W sum = W(0);
        index_t s = 0;
        for (; s + 8 <= slices; s += 8) {
            W part[8];
#pragma unroll
            for (int j = 0; j < 8; j++) part[j] = at[(s + j) * count];
#pragma unroll
            for (int j = 0; j < 8; j++) sum += part[j];
        }
        for (; s < slices; s++) sum += at[s * count];
        out[i] = E(sum);
    }
}
