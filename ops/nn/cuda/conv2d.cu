// Convolutions as products: rows are pixels, columns channels, terms what the filter covers. Images are NHWC here. The
// forward pass and the input's gradient are one kernel that differs in how the filter lies in memory.

// One dimension: output g reads input g * step + offset + tap * apart for each tap, where that lies in 0..size.
struct Axis {
    int size, grid, step, taps, offset, apart;
};
// The pixels that a pass makes or reads, as (image, row, column), counted in that order.
struct Grid {
    int rows, cols;
};
struct Conv {
    Axis rows, cols;
    index_t channels, depth; // of the image that is read: all, and those of a group
    // The filter: element (tap row, tap column, term, result) at data[first_tap + row * tap_row + column * tap_col +
    // term * filter_term + result * filter_result]; the next group's begins filter_group later.
    index_t first_tap, tap_row, tap_col, filter_term, filter_result, filter_group;
    // What is written: pixel (row, column) of the grid at (origin + row * step), in an image of out_rows x out_cols.
    index_t out_rows, out_cols, out_channels, out_depth;
    int origin_row, origin_col, step_row, step_col;
};

// A place in three nested dimensions of sizes (any, b, c), moved on by a fixed distance without division.
struct Odometer {
    int b_size, c_size, a_step, b_step, c_step;
    index_t a;
    int b, c;
    __device__ Odometer(index_t at, index_t step, int b_size, int c_size) : b_size(b_size), c_size(c_size) {
        if (b_size < 1) b_size = 1;
        if (c_size < 1) c_size = 1;
        this->b_size = b_size;
        this->c_size = c_size;
        c = (int)(at % c_size);
        at /= c_size;
        b = (int)(at % b_size);
        a = at / b_size;
        c_step = (int)(step % c_size);
        step /= c_size;
        b_step = (int)(step % b_size);
        a_step = (int)(step / b_size);
    }
    __device__ void advance() {
        c += c_step;
        bool carry = c >= c_size;
        if (carry) c -= c_size;
        b += b_step + (carry ? 1 : 0);
        carry = b >= b_size;
        if (carry) b -= b_size;
        a += a_step + (carry ? 1 : 0);
    }
    __device__ void increment() {
        if (++c == c_size) {
            c = 0;
            if (++b == b_size) {
                b = 0;
                a++;
            }
        }
    }
};

// What the taps see of an image around one pixel: terms are (tap row, tap column, channel).
template <int BK> struct Around {
    static const bool ALONG = true;
    const E* image;
    index_t left, channels;
    int row, col;
    Axis rows, cols;
    Odometer at;
    bool inside, whole;
    __device__ Around(const E* data, const Conv& c, index_t group, index_t count, index_t i, index_t k, index_t end)
        : left(end - k), channels(c.channels), rows(c.rows), cols(c.cols), at(k, BK, c.cols.taps, (int)c.depth) {
        inside = i < count;
        whole = quads_fit(data, c.channels) && c.depth % 4 == 0;
        Odometer pixel(inside ? i : 0, 0, c.rows.grid, c.cols.grid);
        row = pixel.b * c.rows.step + c.rows.offset;
        col = pixel.c * c.cols.step + c.cols.offset;
        image = data + pixel.a * c.rows.size * c.cols.size * c.channels + group * c.depth;
    }
    // The element at the odometer; null outside of the image.
    __device__ const E* element(const Odometer& o) const {
        int y = row + (int)o.a * rows.apart, x = col + o.b * cols.apart;
        bool seen = (unsigned)y < (unsigned)rows.size && (unsigned)x < (unsigned)cols.size;
        return seen ? image + ((index_t)y * cols.size + x) * channels + o.c : nullptr;
    }
    __device__ void next(W* to) {
        zero_quad(to);
        if (inside && left > 0) {
            if (whole) {
                const E* from = element(at);
                if (from) load_quad(from, to);
            } else {
                Odometer o = at;
                for (int j = 0; j < 4; j++) {
                    if (j < left) {
                        const E* from = element(o);
                        if (from) to[j] = (W)*from;
                    }
                    o.increment();
                }
            }
        }
        at.advance();
        left -= BK;
    }
};

// A filter whose terms are neighbours in memory: that of the input's gradient.
template <int BK> struct Taps {
    static const bool ALONG = true;
    const E* data;
    index_t left, tap_row, tap_col;
    Odometer at;
    bool inside, whole;
    __device__ Taps(const E* filter, const Conv& c, index_t group, index_t count, index_t i, index_t k, index_t end)
        : left(end - k), tap_row(c.tap_row), tap_col(c.tap_col), at(k, BK, c.cols.taps, (int)c.depth) {
        inside = i < count;
        data = filter + c.first_tap + group * c.filter_group + (inside ? i : 0) * c.filter_result;
        whole = quads_fit(filter, c.filter_result) && c.depth % 4 == 0 && c.filter_group % 4 == 0;
    }
    __device__ void next(W* to) {
        zero_quad(to);
        if (inside && left > 0) {
            if (whole) {
                load_quad(data + at.a * tap_row + at.b * tap_col + at.c, to);
            } else {
                Odometer o = at;
                for (int j = 0; j < 4; j++) {
                    if (j < left) to[j] = (W)data[o.a * tap_row + o.b * tap_col + o.c];
                    o.increment();
                }
            }
        }
        at.advance();
        left -= BK;
    }
};

// Results at the pixels of a grid within an image.
struct Pixels {
    E* out;
    W* work;
    const Conv* conv;
    bool dense; // whether the grid is the image
    __device__ index_t row(index_t i) const {
        const Conv& c = *conv;
        if (dense) return i * c.out_channels;
        Odometer pixel(i, 0, c.rows.grid, c.cols.grid);
        index_t y = c.origin_row + (index_t)pixel.b * c.step_row, x = c.origin_col + (index_t)pixel.c * c.step_col;
        return ((pixel.a * c.out_rows + y) * c.out_cols + x) * c.out_channels;
    }
};

template <int BM, int BK, bool FORWARD>
__device__ void convolve(const E* image, const E* filter, E* out, W* work, const Sizes& s, const Conv& c, index_t total) {
    Place p = place_of<BM>(s);
    index_t group = p.batch, first = group * c.out_depth;
    bool dense = c.step_row == 1 && c.step_col == 1;
    Pixels to = {out + first, work + p.split * total + first, &c, dense};
    Around<BK> a(image, c, group, s.m, p.i + quad_i<BM, BK, true>(), p.k + quad_k<BM, BK, true>(), p.end);
    index_t j = p.j + quad_i<BM, BK, !FORWARD>(), k = p.k + quad_k<BM, BK, !FORWARD>();
    if (FORWARD) {
        const E* from = filter + c.first_tap + group * c.filter_group;
        product<BM, BK>(p, s, a, Columns<BK>(from, c.filter_term, s.n, j, k, p.end), to);
    } else {
        product<BM, BK>(p, s, a, Taps<BK>(filter, c, group, s.n, j, k, p.end), to);
    }
}
#define CONVOLVE(NAME, BM, BK, FORWARD) \
    extern "C" __global__ void __launch_bounds__(256) \
        NAMED(NAME, ELEMENT)(const E* image, const E* filter, E* out, W* work, Sizes s, Conv c, index_t total) { \
        convolve<BM, BK, FORWARD>(image, filter, out, work, s, c, total); \
    }
CONVOLVE(conv2d_64, 64, 16, true)
CONVOLVE(conv2d_128, 128, 8, true)
CONVOLVE(conv2d_input_64, 64, 16, false)
CONVOLVE(conv2d_input_128, 128, 8, false)

// What each element of a filter sees of all pixels: results are (tap row, tap column, channel), terms are pixels.
template <int BK> struct Seen {
    static const bool ALONG = false;
    const E* data;
    index_t left, channels;
    Axis rows, cols;
    Odometer pixel;
    int row[4], col[4], channel[4], count;
    bool whole;
    __device__ Seen(const E* image, const Conv& c, index_t group, index_t n, index_t i, index_t k, index_t end)
        : left(end - k), channels(c.channels), rows(c.rows), cols(c.cols), pixel(k, BK, c.rows.grid, c.cols.grid) {
        data = image + group * c.depth;
        count = i >= n ? 0 : n - i < 4 ? (int)(n - i) : 4;
        whole = count == 4 && quads_fit(image, channels) && c.depth % 4 == 0;
        Odometer at(i, 0, c.cols.taps, (int)c.depth);
        for (int j = 0; j < 4; j++) {
            row[j] = c.rows.offset + (int)at.a * c.rows.apart;
            col[j] = c.cols.offset + at.b * c.cols.apart;
            channel[j] = at.c;
            at.increment();
        }
    }
    __device__ const E* element(int j) const {
        int y = row[j] + pixel.b * rows.step, x = col[j] + pixel.c * cols.step;
        bool seen = (unsigned)y < (unsigned)rows.size && (unsigned)x < (unsigned)cols.size;
        return seen ? data + ((pixel.a * rows.size + y) * cols.size + x) * channels + channel[j] : nullptr;
    }
    __device__ void next(W* to) {
        zero_quad(to);
        if (left > 0) {
            if (whole) {
                const E* from = element(0);
                if (from) load_quad(from, to);
            } else {
                for (int j = 0; j < 4; j++) {
                    const E* from = j < count ? element(j) : nullptr;
                    if (from) to[j] = (W)*from;
                }
            }
        }
        pixel.advance();
        left -= BK;
    }
};

template <int BM, int BK>
__device__ void filter_gradient(
    const E* image, const E* gradient, E* out, W* work, const Sizes& s, const Conv& c, index_t total) {
    Place p = place_of<BM>(s);
    index_t group = p.batch, first = group * c.out_depth;
    Plain to = {out + first, work + p.split * total + first, c.out_channels};
    index_t i = p.i + quad_i<BM, BK, false>(), j = p.j + quad_i<BM, BK, false>();
    index_t k = p.k + quad_k<BM, BK, false>();
    product<BM, BK>(p, s, Seen<BK>(image, c, group, s.m, i, k, p.end),
                    Columns<BK>(gradient + first, c.out_channels, s.n, j, k, p.end), to);
}
#define FILTER_GRADIENT(NAME, BM, BK) \
    extern "C" __global__ void __launch_bounds__(256) \
        NAMED(NAME, ELEMENT)(const E* image, const E* gradient, E* out, W* work, Sizes s, Conv c, index_t total) { \
        filter_gradient<BM, BK>(image, gradient, out, work, s, c, total); \
    }
FILTER_GRADIENT(conv2d_filter_64, 64, 16)
FILTER_GRADIENT(conv2d_filter_128, 128, 8)

// Transposes each of `batch` matrices rows x cols: 32 x 32 elements by a block of 32 x 8 threads.
KERNEL(transpose)(const E* from, E* to, index_t batch, index_t rows, index_t cols) {
    __shared__ E tile[32][33];
    index_t across = (cols + 31) / 32, down = (rows + 31) / 32, b = blockIdx.x;
    index_t c0 = b % across * 32, r0 = b / across % down * 32, n = b / across / down;
    from += n * rows * cols;
    to += n * rows * cols;
    for (int y = threadIdx.y; y < 32; y += 8) {
        index_t r = r0 + y, c = c0 + threadIdx.x;
        if (r < rows && c < cols) tile[y][threadIdx.x] = from[r * cols + c];
    }
    __syncthreads();
    for (int y = threadIdx.y; y < 32; y += 8) {
        index_t c = c0 + y, r = r0 + threadIdx.x;
        if (r < rows && c < cols) to[c * rows + r] = tile[threadIdx.x][y];
    }
}
