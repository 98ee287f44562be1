// A step of gradient descent: `out` may be the variable's own memory.

KERNEL(apply_gradient_descent)(const E *var, const E *alpha, const E *delta, E *out, index_t n) {
    const W rate = W(*alpha);
    GRID_STRIDE(i, n) out[i] = E(W(var[i]) - W(E(W(delta[i]) * rate)));
}
