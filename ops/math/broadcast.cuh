// How operands are repeated to one shape.

// The result's sizes, outermost first, and each operand's strides along them (0 where it is repeated).
struct Broadcast {
    index_t size[8];
    index_t stride[3][8];
    index_t rank;
};

// Where element `i` of the result lies in each operand. `I` is as wide as the number of elements asks for.
template <int N, class I> __device__ void find(const Broadcast &b, index_t i, index_t *at) {
    for (int k = 0; k < N; k++) at[k] = 0;
    I left = I(i);
    for (int d = int(b.rank) - 1; d > 0; d--) {
        const I size = I(b.size[d]), next = left / size;
        const index_t j = index_t(left - next * size);
        for (int k = 0; k < N; k++) at[k] += j * b.stride[k][d];
        left = next;
    }
    for (int k = 0; k < N; k++) at[k] += index_t(left) * b.stride[k][0];
}
