// Running sums and products along an axis: one thread for each line, in the order of the CPU's kernel.

struct Scan {
    index_t length, width, lines; // elements of a line, their distance, lines in all
    index_t exclusive, reverse;
};
#define SCAN(NAME, START, OP)                                                                  \
    KERNEL(NAME)(const E *x, E *y, Scan s) {                                                   \
        GRID_STRIDE(i, s.lines) {                                                              \
            const index_t first = i / s.width * s.length * s.width + i % s.width;              \
            W so_far = W(START);                                                               \
            for (index_t k = 0; k < s.length; k++) {                                           \
                const index_t at = first + (s.reverse ? s.length - 1 - k : k) * s.width;       \
                const W next = W(E(so_far OP W(x[at])));                                       \
                y[at] = E(s.exclusive ? so_far : next);                                        \
                so_far = next;                                                                 \
            }                                                                                  \
        }                                                                                      \
    }
SCAN(cumsum, 0, +)
SCAN(cumprod, 1, *)
