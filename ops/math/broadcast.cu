// Functions of two elements with broadcasting, one line an op: `x` and `y` are floats for halves, R rounds to the type.

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

#define R(e) W(E(e))
#define BINARY(NAME, T, TYPE, OUT, e)                                                                          \
    extern "C" __global__ void NAME##_##T(const TYPE *left, const TYPE *right, OUT *out, index_t n, Broadcast b) { \
        typedef TYPE E;                                                                                        \
        typedef Wide<E>::type W;                                                                             \
        const bool narrow = n <= 0x7fffffff;                                                                   \
        GRID_STRIDE(i, n) {                                                                                    \
            index_t at[2];                                                                                     \
            if (narrow) find<2, u32>(b, i, at); else find<2, u64>(b, i, at);                                   \
            const W x = W(left[at[0]]), y = W(right[at[1]]);                                                   \
            out[i] = OUT(e);                                                                                   \
        }                                                                                                      \
    }
#define SAME(NAME, T, TYPE, e) BINARY(NAME, T, TYPE, TYPE, e)
#define TEST(NAME, T, TYPE, e) BINARY(NAME, T, TYPE, bool, e)
#define FLOATS_OF(KIND, NAME, e) \
    KIND(NAME, f16, f16, e) KIND(NAME, bf16, bf16, e) KIND(NAME, f32, float, e) KIND(NAME, f64, double, e)
#define INTEGERS_OF(KIND, NAME, e)                                               \
    KIND(NAME, i8, i8, e) KIND(NAME, i16, i16, e) KIND(NAME, i64, i64, e)        \
    KIND(NAME, u8, u8, e) KIND(NAME, u16, u16, e) KIND(NAME, u32, u32, e) KIND(NAME, u64, u64, e)
#define FLOATS(NAME, e) FLOATS_OF(SAME, NAME, e)
#define INTEGERS(NAME, e) INTEGERS_OF(SAME, NAME, e)
#define REALS(NAME, e) FLOATS(NAME, e) INTEGERS(NAME, e)
#define TESTS(NAME, e) FLOATS_OF(TEST, NAME, e) INTEGERS_OF(TEST, NAME, e)

#define SELU_SCALE 1.0507009873554804934193349852946
#define SELU_SCALE_ALPHA 1.7580993408473768599402175208123

REALS(add, plus(x, y))
REALS(sub, minus(x, y))
REALS(mul, times(x, y))
FLOATS(div, x / y)
INTEGERS(div, quotient(x, y))
FLOATS(real_div, x / y)
FLOATS(div_no_nan, y == 0 ? W(0) : x / y)
FLOATS(floor_div, floor(R(x / y)))
INTEGERS(floor_div, floored(x, y))
REALS(floor_mod, floored_rest(x, y))
FLOATS(truncate_div, trunc(R(x / y)))
INTEGERS(truncate_div, quotient(x, y))
SAME(mod, f32, float, fmod(x, y))
SAME(mod, f64, double, fmod(x, y))
SAME(mod, i64, i64, rest(x, y))
SAME(truncate_mod, f32, float, fmod(x, y))
SAME(truncate_mod, f64, double, fmod(x, y))
SAME(truncate_mod, i64, i64, rest(x, y))
FLOATS(pow, power(x, y))
SAME(pow, i8, i8, power(x, y))
SAME(pow, i16, i16, power(x, y))
SAME(pow, i64, i64, power(x, y))
REALS(maximum, x > y || x != x ? x : y)
REALS(minimum, x < y || x != x ? x : y)
FLOATS(squared_difference, R(x - y) * R(x - y))
SAME(squared_difference, i64, i64, times(minus(x, y), minus(x, y)))
FLOATS(atan2, atan2(x, y))
TESTS(less, x < y)
TESTS(less_equal, x <= y)
TESTS(greater, x > y)
TESTS(greater_equal, x >= y)
TESTS(equal, x == y)
TESTS(not_equal, x != y)
TEST(equal, bool, bool, x == y)
TEST(not_equal, bool, bool, x != y)
TEST(logical_and, bool, bool, x && y)
TEST(logical_or, bool, bool, x || y)
// Gradients from the result y (`x` here) and what arrives (`y`).
FLOATS(sigmoid_grad, R(y * R(W(1) - x)) * x)
FLOATS(tanh_grad, y * R(W(1) - R(x * x)))
FLOATS(sqrt_grad, y == 0 ? W(0) : R(W(0.5) * y) / x)
FLOATS(rsqrt_grad, y == 0 ? W(0) : R(W(-0.5) * R(y * x)) * R(x * x))
FLOATS(reciprocal_grad, y == 0 ? W(0) : -x * R(y * x))
FLOATS(inv_grad, y == 0 ? W(0) : -x * R(y * x))
// Gradients from what arrives (`x`) and the features or the result (`y`); products keep a NaN that arrives.
REALS(relu_grad, times(x, y > 0 ? W(1) : W(0)))
REALS(relu6_grad, times(x, y > 0 && y < 6 ? W(1) : W(0)))
FLOATS(elu_grad, y < 0 ? R(y + W(1)) * x : x)
FLOATS(selu_grad, y < 0 ? R(y + R(SELU_SCALE_ALPHA)) * x : x * R(SELU_SCALE))
FLOATS(softplus_grad, x / (exp(-y) + W(1)))
FLOATS(softsign_grad, x / R(R(fabs(y) + W(1)) * R(fabs(y) + W(1))))

// Elements of one of two tensors, by their size in bytes.
struct Pair { u64 low, high; };
#define SELECT(BYTES, TYPE)                                                                                    \
    extern "C" __global__ void select_##BYTES(const bool *condition, const TYPE *then, const TYPE *otherwise,  \
                                              TYPE *out, index_t n, Broadcast b) {                             \
        const bool narrow = n <= 0x7fffffff;                                                                   \
        GRID_STRIDE(i, n) {                                                                                    \
            index_t at[3];                                                                                     \
            if (narrow) find<3, u32>(b, i, at); else find<3, u64>(b, i, at);                                   \
            out[i] = condition[at[0]] ? then[at[1]] : otherwise[at[2]];                                        \
        }                                                                                                      \
    }
SELECT(1, u8) SELECT(2, u16) SELECT(4, u32) SELECT(8, u64) SELECT(16, Pair)

// Each element moved into a range; the limits' steps are 0 or 1. NaN stays, a limit that is NaN does not limit.
#define CLIP(T, TYPE)                                                                                          \
    extern "C" __global__ void clip_by_value_##T(const TYPE *in, const TYPE *low, index_t low_step, const TYPE *high, \
                                                 index_t high_step, TYPE *out, index_t n) {                    \
        typedef Wide<TYPE>::type W;                                                                          \
        GRID_STRIDE(i, n) {                                                                                    \
            W x = W(in[i]);                                                                                    \
            const W lo = W(low[i * low_step]), hi = W(high[i * high_step]);                                    \
            if (x > hi) x = hi;                                                                                \
            if (x < lo) x = lo;                                                                                \
            out[i] = TYPE(x);                                                                                  \
        }                                                                                                      \
    }
CLIP(f16, f16) CLIP(bf16, bf16) CLIP(f32, float) CLIP(f64, double)
CLIP(i8, i8) CLIP(i16, i16) CLIP(i64, i64) CLIP(u8, u8) CLIP(u16, u16) CLIP(u32, u32) CLIP(u64, u64)

// Sums of some tensors of one shape, one after the other, put down or added to what `out` holds.
struct Terms {
    u64 address[9];
    index_t count;
    index_t add_to;
};
#define ADD_N(T, TYPE)                                                                                         \
    extern "C" __global__ void add_n_##T(Terms terms, TYPE *out, index_t n) {                                  \
        typedef TYPE E;                                                                                        \
        typedef Wide<E>::type W;                                                                             \
        GRID_STRIDE(i, n) {                                                                                    \
            W sum = W(((const TYPE *)terms.address[0])[i]);                                                    \
            for (int k = 1; k < terms.count; k++) sum = R(plus(sum, W(((const TYPE *)terms.address[k])[i])));  \
            out[i] = TYPE(terms.add_to ? plus(W(out[i]), sum) : sum);                                          \
        }                                                                                                      \
    }
ADD_N(f16, f16) ADD_N(bf16, bf16) ADD_N(f32, float) ADD_N(f64, double)
ADD_N(i8, i8) ADD_N(i16, i16) ADD_N(i64, i64) ADD_N(u8, u8) ADD_N(u16, u16) ADD_N(u32, u32) ADD_N(u64, u64)
