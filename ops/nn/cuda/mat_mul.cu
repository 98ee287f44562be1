// Matrix products, also many at once; either operand transposed.

// Where the operands of each product begin: the batch's dimensions, and the steps of both operands.
struct Batch {
    index_t size[8], a[8], b[8];
    index_t rank;
};

template <int BM, int BK, bool AT, bool BT>
__device__ void mat_mul(const E* a, const E* b, E* out, W* work, const Sizes& s, const Batch& batch) {
    Place p = place_of<BM>(s);
    index_t rest = p.batch;
    for (int d = (int)batch.rank - 1; d >= 0; d--) {
        index_t at = rest % batch.size[d];
        rest /= batch.size[d];
        a += at * batch.a[d];
        b += at * batch.b[d];
    }
    Plain to = {out + p.batch * s.m * s.n, work + p.part * s.m * s.n, s.n};
    index_t i = p.i, j = p.j;
    const bool ALONG_A = !AT, ALONG_B = BT;
    i += quad_i<BM, BK, ALONG_A>();
    j += quad_i<BM, BK, ALONG_B>();
    index_t ka = p.k + quad_k<BM, BK, ALONG_A>(), kb = p.k + quad_k<BM, BK, ALONG_B>();
    typedef typename Choose<ALONG_A, Rows<BK>, Columns<BK>>::type A;
    typedef typename Choose<ALONG_B, Rows<BK>, Columns<BK>>::type B;
    product<BM, BK>(p, s, A(a, AT ? s.m : s.k, s.m, i, ka, p.end), B(b, BT ? s.k : s.n, s.n, j, kb, p.end), to);
}
#define MAT_MUL(NAME, BM, BK, AT, BT) \
    extern "C" __global__ void __launch_bounds__(256) \
        NAMED(NAME, ELEMENT)(const E* a, const E* b, E* out, W* work, Sizes s, Batch batch) { \
        mat_mul<BM, BK, AT, BT>(a, b, out, work, s, batch); \
    }
#define MAT_MULS(SIZE, BM, BK) \
    MAT_MUL(mat_mul_##SIZE, BM, BK, false, false) \
    MAT_MUL(mat_mul_##SIZE##_b, BM, BK, false, true) \
    MAT_MUL(mat_mul_##SIZE##_a, BM, BK, true, false) \
    MAT_MUL(mat_mul_##SIZE##_ab, BM, BK, true, true)
MAT_MULS(64, 64, 16)
MAT_MULS(128, 128, 8)
