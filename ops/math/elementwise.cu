// Functions of each element, one line an op: `x` is the element (a float for halves), R rounds to the element type.

#define R(e) W(E(e))
#define UNARY(NAME, T, TYPE, OUT, e)                                                     \
    extern "C" __global__ void NAME##_##T(const TYPE *in, OUT *out, index_t n) {         \
        typedef TYPE E;                                                                  \
        typedef Wide<E>::type W;                                                       \
        GRID_STRIDE(i, n) {                                                              \
            const W x = W(in[i]);                                                        \
            out[i] = OUT(e);                                                             \
        }                                                                                \
    }
#define SAME(NAME, T, TYPE, e) UNARY(NAME, T, TYPE, TYPE, e)
#define FLOATS(NAME, e) \
    SAME(NAME, f16, f16, e) SAME(NAME, bf16, bf16, e) SAME(NAME, f32, float, e) SAME(NAME, f64, double, e)
#define SIGNED(NAME, e) SAME(NAME, i8, i8, e) SAME(NAME, i16, i16, e) SAME(NAME, i64, i64, e)
#define UNSIGNED(NAME, e) \
    SAME(NAME, u8, u8, e) SAME(NAME, u16, u16, e) SAME(NAME, u32, u32, e) SAME(NAME, u64, u64, e)
#define TESTS(NAME, e)                                                                   \
    UNARY(NAME, f16, f16, bool, e) UNARY(NAME, bf16, bf16, bool, e)                      \
    UNARY(NAME, f32, float, bool, e) UNARY(NAME, f64, double, bool, e)

#define SELU_SCALE 1.0507009873554804934193349852946
#define SELU_SCALE_ALPHA 1.7580993408473768599402175208123
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
SIGNED(square, times(x, x))
UNSIGNED(square, times(x, x))
SIGNED(relu, x < 0 ? W(0) : x)
UNSIGNED(relu, x)
SIGNED(relu6, x < 0 ? W(0) : x > 6 ? W(6) : x)
UNSIGNED(relu6, x > 6 ? W(6) : x)
SAME(round, i64, i64, x)
SAME(logical_not, bool, bool, !x)

#define LEAK(T, TYPE)                                                                                         \
    extern "C" __global__ void leaky_relu_##T(const TYPE *in, const TYPE *signs, TYPE *out, index_t n, float alpha) { \
        typedef Wide<TYPE>::type W;                                                                         \
        const W a = W(TYPE(alpha));                                                                           \
        GRID_STRIDE(i, n) out[i] = W(signs[i]) > 0 ? in[i] : TYPE(W(in[i]) * a);                              \
    }
LEAK(f16, f16) LEAK(bf16, bf16) LEAK(f32, float) LEAK(f64, double)
