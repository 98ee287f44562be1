// Functions of two elements with broadcasting, one line an op: `x` and `y` are floats for halves, R rounds to the type.

#define R(e) W(E(e))
#define BINARY(NAME, OUT, e)                                                                           \
    KERNEL(NAME)(const E *left, const E *right, OUT *out, index_t n, Broadcast b) {                    \
        const bool narrow = n <= 0x7fffffff;                                                           \
        GRID_STRIDE(i, n) {                                                                            \
            index_t at[2];                                                                             \
            if (narrow) find<2, u32>(b, i, at); else find<2, u64>(b, i, at);                           \
            const W x = W(left[at[0]]), y = W(right[at[1]]);                                           \
            out[i] = OUT(e);                                                                           \
        }                                                                                              \
    }
#define NOTHING(NAME, e)
#define SAME(NAME, e) BINARY(NAME, E, e)
#define TEST(NAME, e) BINARY(NAME, bool, e)
#if IS_FLOAT
#define FLOATS SAME
#else
#define FLOATS NOTHING
#endif
#if IS_INTEGER
#define INTEGERS SAME
#else
#define INTEGERS NOTHING
#endif
#if IS_FLOAT || IS_INTEGER
#define REALS SAME
#define TESTS TEST
#else
#define REALS NOTHING
#define TESTS NOTHING
#endif

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
FLOATS(mod, fmod(x, y))
INTEGERS(mod, rest(x, y))
FLOATS(truncate_mod, fmod(x, y))
INTEGERS(truncate_mod, rest(x, y))
FLOATS(pow, power(x, y))
INTEGERS(pow, power(x, y))
REALS(maximum, x > y || x != x ? x : y)
REALS(minimum, x < y || x != x ? x : y)
FLOATS(squared_difference, R(x - y) * R(x - y))
INTEGERS(squared_difference, times(minus(x, y), minus(x, y)))
FLOATS(atan2, atan2(x, y))
TESTS(less, x < y)
TESTS(less_equal, x <= y)
TESTS(greater, x > y)
TESTS(greater_equal, x >= y)
TESTS(equal, x == y)
TESTS(not_equal, x != y)
#if IS_BOOL
TEST(equal, x == y)
TEST(not_equal, x != y)
TEST(logical_and, x && y)
TEST(logical_or, x || y)
#endif
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

#if IS_FLOAT || IS_INTEGER
// Each element moved into a range; the limits' steps are 0 or 1. NaN stays, a limit that is NaN does not limit.
KERNEL(clip_by_value)(const E *in, const E *low, index_t low_step, const E *high, index_t high_step, E *out, index_t n) {
    GRID_STRIDE(i, n) {
        W x = W(in[i]);
        const W lo = W(low[i * low_step]), hi = W(high[i * high_step]);
        if (x > hi) x = hi;
        if (x < lo) x = lo;
        out[i] = E(x);
    }
}

// Sums of some tensors of one shape, one after the other, put down or added to what `out` holds.
struct Terms {
    u64 address[9];
    index_t count;
    index_t add_to;
};
KERNEL(add_n)(Terms terms, E *out, index_t n) {
    GRID_STRIDE(i, n) {
        W sum = W(((const E *)terms.address[0])[i]);
        for (int k = 1; k < terms.count; k++) sum = R(plus(sum, W(((const E *)terms.address[k])[i])));
        out[i] = E(terms.add_to ? plus(W(out[i]), sum) : sum);
    }
}
#endif
