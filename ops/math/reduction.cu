// Reductions over any axes in an order that depends only on the shape, one line an op.
//
// 256 threads are seen as `lanes` threads for each of 256 / lanes results. A lane adds up every lanes-th element of
// its part, then the lanes are combined in pairs. Where there are several parts, further passes combine their results.

struct Layout {
    index_t results, parts;        // parts of each result
    index_t count, per_part;       // elements that are reduced to one result, and how many of them make a part
    index_t total;                 // elements of one result before the first pass
    index_t lanes, rows, last;     // rows: neighbouring threads are lanes of one result; last: `out` holds results
    index_t kept_rank, reduced_rank;
    index_t kept_size[8], kept_stride[8], reduced_size[8], reduced_stride[8];
};

__device__ inline index_t place(const index_t *size, const index_t *stride, index_t rank, index_t i) {
    index_t at = 0;
    for (int d = int(rank) - 1; d > 0; d--) {
        const index_t next = i / size[d];
        at += (i - next * size[d]) * stride[d];
        i = next;
    }
    return rank > 0 ? at + i * stride[0] : at;
}

// `Op` gives: what a lane begins with, one element more, two results together, the value for so many elements.
template <class Op, class In, class Out, class First>
__device__ void reduce(const In *in, void *out, const Layout &g) {
    typedef typename Op::Acc Acc;
    __shared__ Acc shared[256];
    const index_t lanes = g.lanes, together = 256 / lanes, thread = threadIdx.x;
    const index_t lane = g.rows ? thread % lanes : thread / together;
    const index_t column = g.rows ? thread / lanes : thread % together;
    const index_t tiles = (g.results + together - 1) / together;
    for (index_t unit = blockIdx.x; unit < tiles * g.parts; unit += gridDim.x) {
        const index_t result = unit / g.parts * together + column, part = unit % g.parts;
        Acc acc = Op::start();
        if (result < g.results) {
            const index_t base = place(g.kept_size, g.kept_stride, g.kept_rank, result);
            const index_t from = part * g.per_part;
            const index_t to = from + g.per_part < g.count ? from + g.per_part : g.count;
            for (index_t i = from + lane; i < to; i += lanes)
                acc = First::add(acc, in[base + place(g.reduced_size, g.reduced_stride, g.reduced_rank, i)]);
        }
        const index_t slot = column * lanes + lane;
        shared[slot] = acc;
        for (index_t half = lanes / 2; half > 0; half /= 2) {
            __syncthreads();
            if (lane < half) shared[slot] = Op::merge(shared[slot], shared[slot + half]);
        }
        __syncthreads();
        if (lane == 0 && result < g.results) {
            if (g.last) ((Out *)out)[result] = Op::finish(shared[slot], g.total);
            else ((Acc *)out)[result * g.parts + part] = shared[slot];
        }
        __syncthreads();
    }
}
// Partial results are taken as they are.
template <class Op> struct Again {
    static __device__ typename Op::Acc add(typename Op::Acc acc, typename Op::Acc x) { return Op::merge(acc, x); }
};


__device__ inline float infinity() { return float_of(0x7f800000); }
template <class T> __device__ T lowest() { return T(-1) < T(0) ? T(u64(1) << (8 * sizeof(T) - 1)) : T(0); }
template <class T> __device__ T highest() { return T(~u64(lowest<T>())); }

// `x` is an element, `a` and `b` results, `acc` the result of `n` elements; E and Acc are the types of both.
#define REDUCTION(NAME, ACC, START, TAKE, MERGE, FINISH)                                                     \
    struct NAME##_op {                                                                                       \
        typedef ACC Acc;                                                                                     \
        static __device__ Acc start() { return START; }                                                      \
        static __device__ Acc take(Acc x) { return TAKE; }                                                   \
        static __device__ Acc merge(Acc a, Acc b) { return MERGE; }                                          \
        static __device__ Acc add(Acc acc, E element) { return merge(acc, take(Acc(element))); }             \
        static __device__ E finish(Acc acc, index_t n) { return E(FINISH); }                                 \
    };                                                                                                       \
    KERNEL(NAME)(const E *in, void *out, Layout g) { reduce<NAME##_op, E, E, NAME##_op>(in, out, g); }       \
    KERNEL(NAME##_parts)(const ACC *in, void *out, Layout g) {                                               \
        reduce<NAME##_op, ACC, E, Again<NAME##_op> >(in, out, g);                                            \
    }
#if IS_FLOAT
#define FLOATS(NAME, START, TAKE, MERGE, FINISH) REDUCTION(NAME, W, START, TAKE, MERGE, FINISH)
#else
#define FLOATS(NAME, START, TAKE, MERGE, FINISH)
#endif
#if IS_SIGNED
#define INTEGERS(NAME, START, MERGE, FINISH) REDUCTION(NAME, i64, START, x, MERGE, FINISH)
#elif IS_INTEGER
#define INTEGERS(NAME, START, MERGE, FINISH) REDUCTION(NAME, u64, START, x, MERGE, FINISH)
#else
#define INTEGERS(NAME, START, MERGE, FINISH)
#endif

FLOATS(sum, 0, x, a + b, acc)
INTEGERS(sum, 0, plus(a, b), acc)
FLOATS(mean, 0, x, a + b, acc / Acc(n))
INTEGERS(mean, 0, plus(a, b), quotient(acc, Acc(n)))
FLOATS(prod, 1, x, a * b, acc)
INTEGERS(prod, 1, times(a, b), acc)
FLOATS(max, -infinity(), x, b > a || b != b ? b : a, acc)
INTEGERS(max, Acc(lowest<E>()), b > a ? b : a, acc)
FLOATS(min, infinity(), x, b < a || b != b ? b : a, acc)
INTEGERS(min, Acc(highest<E>()), b < a ? b : a, acc)
FLOATS(l2_loss, 0, x * x, a + b, acc / 2)
#if IS_BOOL
REDUCTION(all, bool, true, x, a && b, acc)
REDUCTION(any, bool, false, x, a || b, acc)
#endif

// The place of the first element that beats all others along an axis of `n`, for each of slabs x width results. As in
// `reduce`, 256 threads are `lanes` threads for each of 256 / lanes results; `rows` means what it does there.
struct Axis {
    index_t n, width, results, lanes, rows;
};
#define PLACES(NAME, OUT, WORST, BEATS)                                                                      \
    KERNEL(NAME##_##OUT)(const E *in, OUT *out, Axis g) {                                                    \
        __shared__ W values[256];                                                                            \
        __shared__ index_t places[256];                                                                      \
        const index_t lanes = g.lanes, together = 256 / lanes, thread = threadIdx.x;                         \
        const index_t lane = g.rows ? thread % lanes : thread / together;                                    \
        const index_t column = g.rows ? thread / lanes : thread % together;                                  \
        for (index_t first = blockIdx.x * together; first < g.results; first += gridDim.x * together) {      \
            const index_t i = first + column, slot = column * lanes + lane;                                  \
            W best = WORST;                                                                                  \
            index_t at = g.n;                                                                                \
            if (i < g.results) {                                                                             \
                const E *from = in + i / g.width * g.n * g.width + i % g.width;                              \
                for (index_t k = lane; k < g.n; k += lanes) {                                                \
                    const W x = W(from[k * g.width]);                                                        \
                    if (BEATS) { best = x; at = k; }                                                         \
                }                                                                                            \
            }                                                                                                \
            values[slot] = best;                                                                             \
            places[slot] = at;                                                                               \
            for (index_t half = lanes / 2; half > 0; half /= 2) {                                            \
                __syncthreads();                                                                             \
                if (lane < half) {                                                                           \
                    const W x = values[slot + half];                                                         \
                    const index_t k = places[slot + half];                                                   \
                    best = values[slot];                                                                     \
                    if ((BEATS) || (x == best && k < places[slot])) {                                        \
                        values[slot] = x;                                                                    \
                        places[slot] = k;                                                                    \
                    }                                                                                        \
                }                                                                                            \
            }                                                                                                \
            __syncthreads();                                                                                 \
            /* Nothing beats the worst there is: then the first element stands. */                           \
            if (lane == 0 && i < g.results) out[i] = OUT(places[slot] < g.n ? places[slot] : 0);             \
            __syncthreads();                                                                                 \
        }                                                                                                    \
    }
#define ARG(LEAST, GREATEST)                                                                                 \
    PLACES(arg_max, i64, LEAST, x > best) PLACES(arg_min, i64, GREATEST, x < best)                           \
    PLACES(arg_max, i32, LEAST, x > best) PLACES(arg_min, i32, GREATEST, x < best)
#if IS_FLOAT
ARG(-infinity(), infinity())
#elif IS_INTEGER
ARG(lowest<E>(), highest<E>())
#else
ARG(false, true)
#endif
