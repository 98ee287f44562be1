// Elements of one of two tensors, with broadcasting. Only the elements' size matters.

KERNEL(select)(const bool *condition, const E *then, const E *otherwise, E *out, index_t n, Broadcast b) {
    const bool narrow = n <= 0x7fffffff;
    GRID_STRIDE(i, n) {
        index_t at[3];
        if (narrow) find<3, u32>(b, i, at); else find<3, u64>(b, i, at);
        out[i] = condition[at[0]] ? then[at[1]] : otherwise[at[2]];
    }
}
