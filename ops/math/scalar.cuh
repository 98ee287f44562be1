// Arithmetic of single elements, as the CPU kernels do it: integers wrap.

#define SELU_SCALE 1.0507009873554804934193349852946
#define SELU_SCALE_ALPHA 1.7580993408473768599402175208123

template <class T> __device__ T plus(T x, T y) { return T(u64(x) + u64(y)); }
template <> __device__ float plus(float x, float y) { return x + y; }
template <> __device__ double plus(double x, double y) { return x + y; }
template <class T> __device__ T minus(T x, T y) { return T(u64(x) - u64(y)); }
template <> __device__ float minus(float x, float y) { return x - y; }
template <> __device__ double minus(double x, double y) { return x - y; }
template <class T> __device__ T times(T x, T y) { return T(u64(x) * u64(y)); }
template <> __device__ float times(float x, float y) { return x * y; }
template <> __device__ double times(double x, double y) { return x * y; }

// Quotients of integers; 0 when dividing by 0, and the least integer by -1 stays as it is.
template <class T> __device__ T quotient(T x, T y) {
    if (y == T(0)) return T(0);
    if (T(-1) < T(0) && y == T(-1)) return T(u64(0) - u64(x));
    return T(x / y);
}
template <class T> __device__ T rest(T x, T y) {
    if (y == T(0) || (T(-1) < T(0) && y == T(-1))) return T(0);
    return T(x % y);
}
template <class T> __device__ T floored(T x, T y) {
    T q = quotient(x, y), r = rest(x, y);
    return r != T(0) && (r < T(0)) != (y < T(0)) ? T(u64(q) - u64(1)) : q;
}
__device__ inline float floored(float x, float y) { return floor(x / y); }
__device__ inline double floored(double x, double y) { return floor(x / y); }
__device__ inline float rest(float x, float y) { return fmod(x, y); }
__device__ inline double rest(double x, double y) { return fmod(x, y); }
template <class T> __device__ T floored_rest(T x, T y) {
    T r = rest(x, y);
    return r != T(0) && (r < T(0)) != (y < T(0)) ? plus(r, y) : r;
}
// An integer to a power that is not negative.
template <class T> __device__ T power(T x, T y) {
    u64 base = u64(x), result = 1;
    for (T left = y; left > T(0); left = T(left >> 1)) {
        if (left & T(1)) result *= base;
        base *= base;
    }
    return T(result);
}
__device__ inline float power(float x, float y) { return pow(x, y); }
__device__ inline double power(double x, double y) { return pow(x, y); }
