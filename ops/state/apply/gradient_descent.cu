// A step of gradient descent: `out` may be the variable's own memory.

#define DESCENT(T, TYPE, WIDE)                                                                                \
    extern "C" __global__ void apply_gradient_descent_##T(const TYPE *var, const TYPE *alpha, const TYPE *delta, \
                                                          TYPE *out, index_t n) {                             \
        const WIDE rate = WIDE(*alpha);                                                                       \
        GRID_STRIDE(i, n) out[i] = TYPE(WIDE(var[i]) - WIDE(TYPE(WIDE(delta[i]) * rate)));                    \
    }
DESCENT(f16, f16, float)
DESCENT(bf16, bf16, float)
DESCENT(f32, float, float)
DESCENT(f64, double, double)
