// Conversion between element types, with x86's results where C++ leaves them open.

// The least integer stands for everything out of range.
template <class F> __device__ i32 to_i32(F x) {
    return x >= F(-2147483648.0) && x < F(2147483648.0) ? i32(x) : i32(-2147483647 - 1);
}
template <class F> __device__ i64 to_i64(F x) {
    return x >= F(-9223372036854775808.0) && x < F(9223372036854775808.0) ? i64(x) : i64(u64(1) << 63);
}
// In two halves of the range, the upper one only when the lower fails.
template <class F> __device__ u64 to_u64(F x) {
    const i64 lower = to_i64(x), upper = to_i64(x - F(9223372036854775808.0));
    return u64(lower | (upper & (lower >> 63)));
}

template <class D> struct To {
    template <class S> static __device__ D of(S x, S) { return D(x); }
    static __device__ D of(float x, float) { return D(to_i32(x)); }
    static __device__ D of(double x, double) { return D(to_i32(x)); }
};
#define TO(TYPE, GENERAL, OF_FLOAT)                                                   \
    template <> struct To<TYPE> {                                                     \
        template <class S> static __device__ TYPE of(S x, S) { return GENERAL; }      \
        static __device__ TYPE of(float x, float im) { return OF_FLOAT; }             \
        static __device__ TYPE of(double x, double im) { return OF_FLOAT; }           \
    };
TO(i64, i64(x), to_i64(x))
TO(u32, u32(x), u32(to_i64(x)))
TO(u64, u64(x), to_u64(x))
TO(bool, x != 0, x != 0)
TO(float, float(x), float(x))
TO(double, double(x), double(x))
TO(f16, f16(float(x)), f16(float(x)))
TO(bf16, bf16(float(x)), bf16(float(x)))
#define COMPLEX(TYPE, PART) TO(TYPE, (TYPE{PART(x), PART(0)}), (TYPE{PART(x), PART(im)}))
COMPLEX(c64, float)
COMPLEX(c128, double)

// What is converted: the number (a float for halves) and its imaginary part, without the lowest `cut` bits.
template <class T> struct From {
    typedef T part;
    static __device__ T re(T x, int) { return x; }
    static __device__ T im(T, int) { return T(0); }
};
__device__ inline float shortened(float x, int cut) { return float_of(bits_of(x) & 0xffffffffu << cut); }
__device__ inline double shortened(double x, int cut) {
    union { double f; u64 bits; } v;
    v.f = x;
    v.bits &= ~u64(0) << cut;
    return v.f;
}
#define FROM(TYPE, PART, RE, IM)                                                      \
    template <> struct From<TYPE> {                                                   \
        typedef PART part;                                                            \
        static __device__ PART re(TYPE x, int cut) { return RE; }                     \
        static __device__ PART im(TYPE x, int cut) { return IM; }                     \
    };
FROM(f16, float, float(x), 0)
FROM(bf16, float, float(x), 0)
FROM(float, float, shortened(x, cut), 0)
FROM(double, double, shortened(x, cut), 0)
FROM(c64, float, shortened(x.re, cut), shortened(x.im, cut))
FROM(c128, double, shortened(x.re, cut), shortened(x.im, cut))

template <class S, class D> __device__ void convert(const S *in, void *to, int cut, index_t n) {
    D *out = (D *)to;
    GRID_STRIDE(i, n) out[i] = To<D>::of(From<S>::re(in[i], cut), From<S>::im(in[i], cut));
}

// `to` is the number of the type in TensorFlow's enumeration.
KERNEL(cast)(const E *in, void *out, int to, int cut, index_t n) {
    switch (to) {
    case 1: convert<E, float>(in, out, cut, n); break;
    case 2: convert<E, double>(in, out, cut, n); break;
    case 3: convert<E, i32>(in, out, cut, n); break;
    case 4: convert<E, u8>(in, out, cut, n); break;
    case 5: convert<E, i16>(in, out, cut, n); break;
    case 6: convert<E, i8>(in, out, cut, n); break;
    case 8: convert<E, c64>(in, out, cut, n); break;
    case 9: convert<E, i64>(in, out, cut, n); break;
    case 10: convert<E, bool>(in, out, cut, n); break;
    case 14: convert<E, bf16>(in, out, cut, n); break;
    case 17: convert<E, u16>(in, out, cut, n); break;
    case 18: convert<E, c128>(in, out, cut, n); break;
    case 19: convert<E, f16>(in, out, cut, n); break;
    case 22: convert<E, u32>(in, out, cut, n); break;
    case 23: convert<E, u64>(in, out, cut, n); break;
    }
}
