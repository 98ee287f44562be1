// Elements moved, by their size in bytes: what these kernels do holds for every type.

// A box of elements: its sizes, outermost first, and where its elements lie on either side.
struct Box {
    index_t rank;
    index_t size[12], from[12], to[12];   // strides
    index_t first_from, first_to;
};
template <class I> __device__ void move(const E *in, E *out, const Box &b, index_t i) {
    index_t from = b.first_from, to = b.first_to;
    I left = I(i);
    for (int d = int(b.rank) - 1; d > 0; d--) {
        const I size = I(b.size[d]), next = left / size;
        const index_t j = index_t(left - next * size);
        from += j * b.from[d];
        to += j * b.to[d];
        left = next;
    }
    if (b.rank > 0) {
        from += index_t(left) * b.from[0];
        to += index_t(left) * b.to[0];
    }
    out[to] = in[from];
}
KERNEL(move)(const E *in, E *out, index_t n, Box b) {
    const bool narrow = n <= 0x7fffffff;
    GRID_STRIDE(i, n) {
        if (narrow) move<u32>(in, out, b, i); else move<u64>(in, out, b, i);
    }
}

// An element from its bytes.
#if IS_COMPLEX
__device__ inline E made_of(u64 low, u64 high) {
    union { u64 bits[2]; E element; } v = {{low, high}};
    return v.element;
}
#else
__device__ inline E made_of(u64 low, u64) { return E(low); }
#endif

// One element, given or read, everywhere.
KERNEL(fill)(E *out, u64 low, u64 high, index_t n) {
    GRID_STRIDE(i, n) out[i] = made_of(low, high);
}
KERNEL(repeat)(const E *value, E *out, index_t n) {
    GRID_STRIDE(i, n) out[i] = *value;
}

// Rows of `row` elements of tables of `rows` rows each, in the order of the indices, of which `outer` tables have the
// same `picked` ones; zeros for a row that is not there.
#define GATHER(INDEX)                                                                                            \
    KERNEL(gather_##INDEX)(const E *in, const INDEX *indices, E *out, index_t rows, index_t row, index_t outer,  \
                           index_t picked, index_t n) {                                                          \
        GRID_STRIDE(i, n) {                                                                                      \
            const index_t line = i / row, table = line / picked;                                                 \
            const index_t k = index_t(indices[table / outer * picked + (line - table * picked)]);                \
            out[i] = k >= 0 && k < rows ? in[(table * rows + k) * row + (i - line * row)] : made_of(0, 0);       \
        }                                                                                                        \
    }
GATHER(i32)
GATHER(i64)
