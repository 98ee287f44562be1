// Elements moved, by their size in bytes: what these kernels do holds for every type.

struct Pair { u64 low, high; };
#define FOR_SIZES(KERNEL) KERNEL(1, u8) KERNEL(2, u16) KERNEL(4, u32) KERNEL(8, u64) KERNEL(16, Pair)

// A box of elements: its sizes, outermost first, and where its elements lie on either side.
struct Box {
    index_t rank;
    index_t size[12], from[12], to[12];   // strides
    index_t first_from, first_to;
};
template <class I, class T> __device__ void move(const T *in, T *out, const Box &b, index_t i) {
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
#define MOVE(BYTES, T)                                                                            \
    extern "C" __global__ void move_##BYTES(const T *in, T *out, index_t n, Box b) {              \
        const bool narrow = n <= 0x7fffffff;                                                      \
        GRID_STRIDE(i, n) {                                                                       \
            if (narrow) move<u32>(in, out, b, i); else move<u64>(in, out, b, i);                  \
        }                                                                                         \
    }
FOR_SIZES(MOVE)

// An element from its bytes.
template <class T> __device__ T made_of(u64 low, u64) { return T(low); }
template <> __device__ Pair made_of<Pair>(u64 low, u64 high) {
    Pair p = {low, high};
    return p;
}

// One element, given or read, everywhere.
#define FILL(BYTES, T)                                                                            \
    extern "C" __global__ void fill_##BYTES(T *out, u64 low, u64 high, index_t n) {               \
        GRID_STRIDE(i, n) out[i] = made_of<T>(low, high);                                         \
    }                                                                                             \
    extern "C" __global__ void repeat_##BYTES(const T *value, T *out, index_t n) {                \
        GRID_STRIDE(i, n) out[i] = *value;                                                        \
    }
FOR_SIZES(FILL)

// Rows of `row` elements of tables of `rows` rows each, in the order of the indices, of which `outer` tables have the
// same `picked` ones; zeros for a row that is not there.
#define GATHER_BY(BYTES, T, INDEX)                                                                \
    extern "C" __global__ void gather_##BYTES##_##INDEX(const T *in, const INDEX *indices, T *out, \
                                                        index_t rows, index_t row, index_t outer, index_t picked, index_t n) { \
        GRID_STRIDE(i, n) {                                                                       \
            const index_t line = i / row, table = line / picked;                                  \
            const index_t k = index_t(indices[table / outer * picked + (line - table * picked)]);                            \
            out[i] = k >= 0 && k < rows ? in[(table * rows + k) * row + (i - line * row)] : made_of<T>(0, 0); \
        }                                                                                         \
    }
#define GATHER(BYTES, T) GATHER_BY(BYTES, T, i32) GATHER_BY(BYTES, T, i64)
FOR_SIZES(GATHER)
