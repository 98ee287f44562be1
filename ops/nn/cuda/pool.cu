// Pooling over space: one thread for each result. Halves are added up in float.

template <class E> struct Lowest;
template <> struct Lowest<float> { static __device__ float value() { return -3.402823466e+38f; } };
template <> struct Lowest<double> { static __device__ double value() { return -1.7976931348623157e+308; } };
template <> struct Lowest<f16> { static __device__ float value() { return -65504.0f; } };
template <> struct Lowest<bf16> { static __device__ float value() { return -3.3895313892515355e+38f; } };

struct Slide {
    int input, output, window, stride, before;
};
struct Pool {
    Slide rows, cols;
    index_t batch, depth;
    index_t planes; // whether the order is NCHW
};
// The place of element i of an image batch, and where its channel's image begins in one of other sizes.
struct Cell {
    int row, col;
    index_t image, channel;
};
template <class I> __device__ Cell cell_of(index_t at, const Pool& p, int rows, int cols) {
    I i = (I)at;
    Cell c;
    if (p.planes) {
        c.col = (int)(i % (I)cols), i /= (I)cols;
        c.row = (int)(i % (I)rows), i /= (I)rows;
        c.channel = i % (I)p.depth, c.image = i / (I)p.depth;
    } else {
        c.channel = i % (I)p.depth, i /= (I)p.depth;
        c.col = (int)(i % (I)cols), i /= (I)cols;
        c.row = (int)(i % (I)rows), c.image = i / (I)rows;
    }
    return c;
}
__device__ inline Cell cell(index_t i, const Pool& p, int rows, int cols) {
    return i <= 0x7fffffff ? cell_of<unsigned>(i, p, rows, cols) : cell_of<index_t>(i, p, rows, cols);
}
// The elements of a cell's channel lie at start + (row * cols + col) * step().
__device__ inline index_t start(const Cell& c, const Pool& p, index_t rows, index_t cols) {
    return p.planes ? (c.image * p.depth + c.channel) * rows * cols : c.image * rows * cols * p.depth + c.channel;
}
__device__ inline index_t apart(const Pool& p) { return p.planes ? 1 : p.depth; }
// The input cells of a window, clipped to the input.
__device__ inline void clip(const Slide& s, int i, int* from, int* to) {
    index_t begin = (index_t)i * s.stride - s.before, end = begin + s.window;
    if (end > s.input) end = s.input;
    if (end < 0) end = 0;
    if (begin < 0) begin = 0;
    *from = (int)(begin < end ? begin : end);
    *to = (int)end;
}
// The windows that may hold an input cell: from and to (exclusive).
__device__ inline void windows(const Slide& s, int at, int* from, int* to) {
    index_t reach = (index_t)at + s.before, first = reach + 1 - s.window;
    first = first <= 0 ? 0 : (first + s.stride - 1) / s.stride;
    index_t last = reach / s.stride + 1;
    *to = (int)(last < s.output ? last : s.output);
    *from = (int)(first < *to ? first : *to);
}

// Neighbours in an image: those of rows y0 .. y1 and columns x0 .. x1 of one channel.
struct Area {
    index_t first, cols, step;
    int y0, y1, x0, x1;
    __device__ index_t cell(int y, int x) const { return (index_t)y * cols + x; }
    __device__ index_t at(int y, int x) const { return first + cell(y, x) * step; }
    __device__ index_t count() const { return (index_t)(y1 - y0) * (x1 - x0); }
};
// What output i sees of the input.
__device__ inline Area window(index_t i, const Pool& p) {
    Cell c = cell(i, p, p.rows.output, p.cols.output);
    Area a;
    a.first = start(c, p, p.rows.input, p.cols.input), a.cols = p.cols.input, a.step = apart(p);
    clip(p.rows, c.row, &a.y0, &a.y1);
    clip(p.cols, c.col, &a.x0, &a.x1);
    return a;
}
// The outputs that may see input i, which lies in cell c.
__device__ inline Area seen_by(const Cell& c, const Pool& p) {
    Area a;
    a.first = start(c, p, p.rows.output, p.cols.output), a.cols = p.cols.output, a.step = apart(p);
    windows(p.rows, c.row, &a.y0, &a.y1);
    windows(p.cols, c.col, &a.x0, &a.x1);
    return a;
}

KERNEL(max_pool)(const E* input, E* out, index_t count, Pool p) {
    GRID_STRIDE(i, count) {
        const Area a = window(i, p);
        W most = (W)Lowest<E>::value();
        for (int y = a.y0; y < a.y1; y++) {
            for (int x = a.x0; x < a.x1; x++) {
                W v = (W)input[a.at(y, x)];
                most = v > most ? v : most;
            }
        }
        out[i] = E(most);
    }
}
// The greatest of `depth` channels next to each other.
KERNEL(max_pool_depth)(const E* input, E* out, index_t count, index_t depth, index_t step) {
    GRID_STRIDE(i, count) {
        const E* from = input + i / step * step * depth + i % step;
        W most = (W)from[0];
        for (index_t k = 1; k < depth; k++) {
            W v = (W)from[k * step];
            most = v > most ? v : most;
        }
        out[i] = E(most);
    }
}
// Where the (first) maximum of each window lies, as row * cols + col of the input; -1 for a window without a cell. The
// first cell stands until a greater one comes, even if it is NaN.
KERNEL(max_places)(const E* input, index_t* places, index_t count, Pool p) {
    GRID_STRIDE(i, count) {
        const Area a = window(i, p);
        index_t place = -1;
        W most = W(0);
        for (int y = a.y0; y < a.y1; y++) {
            for (int x = a.x0; x < a.x1; x++) {
                W v = (W)input[a.at(y, x)];
                if (place < 0 || v > most) {
                    most = v;
                    place = a.cell(y, x);
                }
            }
        }
        places[i] = place;
    }
}
// Each input cell gathers the gradients of the windows whose maximum it is.
KERNEL(max_pool_grad)(const index_t* places, const E* gradient, E* out, index_t count, Pool p) {
    GRID_STRIDE(i, count) {
        const Cell c = cell(i, p, p.rows.input, p.cols.input);
        const Area a = seen_by(c, p);
        const index_t here = (index_t)c.row * p.cols.input + c.col;
        W sum = W(0);
        for (int y = a.y0; y < a.y1; y++)
            for (int x = a.x0; x < a.x1; x++)
                if (places[a.at(y, x)] == here) sum += (W)gradient[a.at(y, x)];
        out[i] = E(sum);
    }
}
// The gradient's element at the first cell of each window that equals the window's maximum; zero if none does.
KERNEL(max_pool_grad_grad)(const E* input, const E* maxima, const E* gradient, E* out, index_t count, Pool p) {
    GRID_STRIDE(i, count) {
        const Area a = window(i, p);
        const W most = (W)maxima[i];
        index_t found = -1;
        for (int y = a.y0; y < a.y1 && found < 0; y++)
            for (int x = a.x0; x < a.x1 && found < 0; x++)
                if ((W)input[a.at(y, x)] == most) found = a.at(y, x);
        out[i] = found < 0 ? E(0.0f) : gradient[found];
    }
}
KERNEL(avg_pool)(const E* input, E* out, index_t count, Pool p) {
    GRID_STRIDE(i, count) {
        const Area a = window(i, p);
        W sum = W(0);
        for (int y = a.y0; y < a.y1; y++)
            for (int x = a.x0; x < a.x1; x++) sum += (W)input[a.at(y, x)];
        out[i] = E(sum / (W)a.count());
    }
}
// Each input cell gathers its share of the gradients of the windows that hold it.
KERNEL(avg_pool_grad)(const E* gradient, E* out, index_t count, Pool p) {
    GRID_STRIDE(i, count) {
        const Area a = seen_by(cell(i, p, p.rows.input, p.cols.input), p);
        W sum = W(0);
        for (int y = a.y0; y < a.y1; y++) {
            int y0, y1;
            clip(p.rows, y, &y0, &y1);
            for (int x = a.x0; x < a.x1; x++) {
                int x0, x1;
                clip(p.cols, x, &x0, &x1);
                W share = W(1) / (W)((index_t)(y1 - y0) * (x1 - x0));
                sum += rounded_product((W)gradient[a.at(y, x)], share);
            }
        }
        out[i] = E(sum);
    }
}
