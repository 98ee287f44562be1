// Functions of each element, one line an op: `x` is the element (a float for halves), R rounds to the element type.

#define R(e) W(E(e))
#define UNARY(NAME, OUT, e)                                  \
    KERNEL(NAME)(const E *in, OUT *out, index_t n) {         \
        GRID_STRIDE(i, n) {                                  \
            const W x = W(in[i]);                            \
            out[i] = OUT(e);                                 \
        }                                                    \
    }
#define NOTHING(NAME, e)
#define SAME(NAME, e) UNARY(NAME, E, e)
#define TEST(NAME, e) UNARY(NAME, bool, e)
#if IS_FLOAT
#define FLOATS SAME
#define TESTS TEST
#else
#define FLOATS NOTHING
#define TESTS NOTHING
#endif
#if IS_INTEGER
#define INTEGERS SAME
#else
#define INTEGERS NOTHING
#endif
#if IS_SIGNED
#define SIGNED SAME
#else
#define SIGNED NOTHING
#endif

// From here on 1 is lost beside the square.
#define LARGE 1e9
#define LN_2 0.693147180559945309417232121458

__device__ inline bool is_inf(double x) { return x - x != 0 && x == x; }
__device__ inline double wide_asinh(double x) {
    return fabs(x) > LARGE ? copysign(log(fabs(x)) + LN_2, x) : asinh(x);
}
__device__ inline double wide_acosh(double x) { return x > LARGE ? log(x) + LN_2 : acosh(x); }

FLOATS(abs, fabs(x))
FLOATS(neg, -x)
FLOATS(sign, x > 0 ? W(1) : x < 0 ? W(-1) : x == 0 ? W(0) : x)
FLOATS(square, x * x)
FLOATS(reciprocal, W(1) / x)
FLOATS(inv, W(1) / x)
FLOATS(sqrt, sqrt(x))
FLOATS(rsqrt, W(1) / sqrt(x))
FLOATS(exp, exp(x))
FLOATS(expm1, expm1(x))
FLOATS(log, log(x))
FLOATS(log1p, log1p(x))
FLOATS(sin, sin(x))
FLOATS(cos, cos(x))
FLOATS(tan, tan(x))
FLOATS(asin, asin(x))
FLOATS(acos, acos(x))
FLOATS(atan, atan(x))
FLOATS(sinh, sinh(x))
FLOATS(cosh, cosh(x))
FLOATS(tanh, tanh(x))
FLOATS(asinh, wide_asinh(x))
FLOATS(acosh, wide_acosh(x))
FLOATS(atanh, atanh(double(x)))
FLOATS(erf, erf(x))
FLOATS(erfc, erfc(x))
FLOATS(sigmoid, W(1) / (W(1) + exp(-x)))
FLOATS(floor, floor(x))
FLOATS(ceil, ceil(x))
FLOATS(round, rint(x))
FLOATS(rint, rint(x))
// As on the CPU, -0 becomes 0, but not that of halves.
FLOATS(relu, x < 0 ? W(0) : sizeof(E) > 2 ? x + W(0) : x)
FLOATS(relu6, x < 0 ? W(0) : x > 6 ? W(6) : sizeof(E) > 2 ? x + W(0) : x)
FLOATS(elu, x < 0 ? R(exp(x)) - W(1) : x)
FLOATS(selu, x < 0 ? R(R(exp(x)) - W(1)) * R(SELU_SCALE_ALPHA) : x * R(SELU_SCALE))
FLOATS(softplus, log1p(exp(-fabs(x))) + (x < 0 ? W(0) : x))
FLOATS(softsign, x / R(fabs(x) + W(1)))
TESTS(is_nan, x != x)
TESTS(is_inf, is_inf(x))
TESTS(is_finite, x - x == 0)
SIGNED(abs, x < 0 ? minus(W(0), x) : x)
SIGNED(neg, minus(W(0), x))
SIGNED(sign, (x > 0) - (x < 0))
INTEGERS(square, times(x, x))
INTEGERS(relu, x < 0 ? W(0) : x)
INTEGERS(relu6, x < 0 ? W(0) : x > 6 ? W(6) : x)
INTEGERS(round, x)
#if IS_BOOL
SAME(logical_not, !x)
#endif

#if IS_FLOAT
KERNEL(leaky_relu)(const E *in, const E *signs, E *out, index_t n, float alpha) {
    const W a = W(E(alpha));
    GRID_STRIDE(i, n) out[i] = W(signs[i]) > 0 ? in[i] : E(W(in[i]) * a);
}
#endif
