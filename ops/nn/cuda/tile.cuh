// Products in tiles: what matrix products and convolutions share. A block of 256 threads makes a tile of BM x BM results
// from tiles of BM x BK operands in shared memory; each thread carries one quad (four neighbours) of each operand
// from memory and sums up Q x Q quads of 4 x 4 results.

template <class V> struct alignas(sizeof(V) * 4 > 16 ? 16 : sizeof(V) * 4) Quad { V v[4]; };

__device__ inline bool quads_fit(const E* data, index_t step) {
    return (size_t)data % sizeof(Quad<E>) == 0 && step % 4 == 0;
}
__device__ inline void load_quad(const E* at, W* to) {
    Quad<E> q = *(const Quad<E>*)at;
    for (int j = 0; j < 4; j++) to[j] = (W)q.v[j];
}
__device__ inline void zero_quad(W* to) {
    for (int j = 0; j < 4; j++) to[j] = W(0);
}

// Operands are read as element (i, k): i counts the results, k the terms of their sums. ALONG says that neighbours in
// memory differ in k; otherwise they differ in i. next(to) gives the thread's quad and goes on by BK terms.

// A matrix with element (i, k) at data[i * step + k].
template <int BK> struct Rows {
    static const bool ALONG = true;
    const E* at;
    index_t left;
    bool inside, whole;
    __device__ Rows(const E* data, index_t step, index_t count, index_t i, index_t k, index_t end) {
        whole = quads_fit(data, step) && k % 4 == 0;
        inside = i < count;
        left = end - k;
        at = data + (inside ? i : 0) * step + k;
    }
    __device__ void next(W* to) {
        if (inside && whole && left >= 4) {
            load_quad(at, to);
        } else {
            for (int j = 0; j < 4; j++) to[j] = inside && j < left ? (W)at[j] : W(0);
        }
        at += BK;
        left -= BK;
    }
};

// A matrix with element (i, k) at data[k * step + i].
template <int BK> struct Columns {
    static const bool ALONG = false;
    const E* at;
    index_t step, left;
    int inside;
    bool whole;
    __device__ Columns(const E* data, index_t step, index_t count, index_t i, index_t k, index_t end) : step(step) {
        inside = i >= count ? 0 : count - i < 4 ? (int)(count - i) : 4;
        whole = inside == 4 && quads_fit(data, step);
        left = end - k;
        at = data + k * step + (inside ? i : 0);
    }
    __device__ void next(W* to) {
        if (left > 0 && whole) {
            load_quad(at, to);
        } else {
            for (int j = 0; j < 4; j++) to[j] = left > 0 && j < inside ? (W)at[j] : W(0);
        }
        at += step * BK;
        left -= BK;
    }
};

// Where results go: (i, j) at out[i * step + j]; as a part of a sum, at work[i * step + j] instead.
struct Plain {
    E* out;
    W* work;
    index_t step;
    __device__ index_t row(index_t i) const { return i * step; }
};

// The tile of a block of a one-dimensional grid.
struct Place {
    index_t i, j, k, end; // first row and column of results, the terms from and to
    index_t split, batch, part; // the split, the product, and which of all slices this is
};
// Sizes of a product, and into how many sums of `per_split` terms it is split.
struct Sizes {
    index_t m, n, k, splits, per_split;
};
template <int BM> __device__ Place place_of(const Sizes& s) {
    Place p;
    index_t across = (s.n + BM - 1) / BM, down = (s.m + BM - 1) / BM, b = blockIdx.x;
    p.j = b % across * BM;
    b /= across;
    p.i = b % down * BM;
    b /= down;
    p.split = b % s.splits;
    p.batch = b / s.splits;
    p.part = p.split * (gridDim.x / (across * down * s.splits)) + p.batch;
    p.k = p.split * s.per_split;
    p.end = p.k + s.per_split < s.k ? p.k + s.per_split : s.k;
    return p;
}

template <bool CONDITION, class X, class Y> struct Choose { typedef X type; };
template <class X, class Y> struct Choose<false, X, Y> { typedef Y type; };

// This thread's quad of a tile: its first i and k.
template <int BM, int BK, bool ALONG> __device__ inline int quad_i() {
    return ALONG ? threadIdx.x / (BK / 4) : threadIdx.x % (BM / 4) * 4;
}
template <int BM, int BK, bool ALONG> __device__ inline int quad_k() {
    return ALONG ? threadIdx.x % (BK / 4) * 4 : threadIdx.x / (BM / 4);
}
template <int BM, int BK, bool ALONG> __device__ inline void keep_quad(W (*tile)[BM + 4], const W* q) {
    int i = quad_i<BM, BK, ALONG>(), k = quad_k<BM, BK, ALONG>();
    if (ALONG) {
        for (int j = 0; j < 4; j++) tile[k + j][i] = q[j];
    } else {
        Quad<W> all;
        for (int j = 0; j < 4; j++) all.v[j] = q[j];
        *(Quad<W>*)&tile[k][i] = all;
    }
}

// Sums up one tile and stores it. BM * BK is 1024; BM is 64 Q.
template <int BM, int BK, class A, class B, class Out>
__device__ void product(const Place& p, const Sizes& s, A a, B b, const Out& out) {
    const int Q = BM / 64;
    __shared__ Quad<W> a_memory[BK * (BM + 4) / 4];
    __shared__ Quad<W> b_memory[BK * (BM + 4) / 4];
    W(*a_tile)[BM + 4] = (W(*)[BM + 4])a_memory;
    W(*b_tile)[BM + 4] = (W(*)[BM + 4])b_memory;
    const int ti = threadIdx.x / 16 * 4, tj = threadIdx.x % 16 * 4;
    W sums[4 * Q][4 * Q];
#pragma unroll
    for (int i = 0; i < 4 * Q; i++)
#pragma unroll
        for (int j = 0; j < 4 * Q; j++) sums[i][j] = W(0);
    W a_next[4], b_next[4];
    if (p.k < p.end) {
        a.next(a_next);
        b.next(b_next);
    }
    for (index_t k = p.k; k < p.end; k += BK) {
        __syncthreads();
        keep_quad<BM, BK, A::ALONG>(a_tile, a_next);
        keep_quad<BM, BK, B::ALONG>(b_tile, b_next);
        __syncthreads();
        if (k + BK < p.end) {
            a.next(a_next);
            b.next(b_next);
        }
#pragma unroll
        for (int kk = 0; kk < BK; kk++) {
            Quad<W> x[Q], y[Q];
#pragma unroll
            for (int q = 0; q < Q; q++) {
                x[q] = *(const Quad<W>*)&a_tile[kk][q * 64 + ti];
                y[q] = *(const Quad<W>*)&b_tile[kk][q * 64 + tj];
            }
#pragma unroll
            for (int i = 0; i < 4 * Q; i++)
#pragma unroll
                for (int j = 0; j < 4 * Q; j++) sums[i][j] += x[i / 4].v[i % 4] * y[j / 4].v[j % 4];
        }
    }
#pragma unroll
    for (int i = 0; i < 4 * Q; i++) {
        index_t row = p.i + i / 4 * 64 + ti + i % 4;
        if (row >= s.m) continue;
        index_t at = out.row(row);
#pragma unroll
        for (int q = 0; q < Q; q++) {
            index_t col = p.j + q * 64 + tj;
            index_t to = at + col;
            Quad<W> sum;
            for (int j = 0; j < 4; j++) sum.v[j] = sums[i][4 * q + j];
            if (s.splits > 1) {
                if (col + 4 <= s.n && (size_t)(out.work + to) % sizeof(Quad<W>) == 0) {
                    *(Quad<W>*)(out.work + to) = sum;
                } else {
                    for (int j = 0; j < 4; j++)
                        if (col + j < s.n) out.work[to + j] = sum.v[j];
                }
            } else if (col + 4 <= s.n && (size_t)(out.out + to) % sizeof(Quad<E>) == 0) {
                Quad<E> rounded;
                for (int j = 0; j < 4; j++) rounded.v[j] = E(sum.v[j]);
                *(Quad<E>*)(out.out + to) = rounded;
            } else {
                for (int j = 0; j < 4; j++)
                    if (col + j < s.n) out.out[to + j] = E(sum.v[j]);
            }
        }
    }
}
