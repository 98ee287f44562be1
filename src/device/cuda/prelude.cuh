// What every source of kernels begins with. NVRTC compiles it without any header of the toolkit, and the
// emulator as plain C++17 behind its own definitions of threadIdx, __global__ and so on.
#if !defined(__CUDACC__) && !defined(TENSORLOOM_EMULATOR)
#include <cmath>
#include <cstring>
#endif

typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;
typedef long long index_t;

// for (index_t i of this thread; i < n; the next one of this thread): every i < n is visited once by some thread.
#define GRID_STRIDE(i, n)                                                          \
    for (index_t i = (index_t)blockIdx.x * blockDim.x + threadIdx.x; i < (index_t)(n); \
         i += (index_t)gridDim.x * blockDim.x)

__device__ __forceinline__ u32 bits_of(f32 v) {
#ifdef __CUDACC__
    return __float_as_uint(v);
#else
    u32 b;
    __builtin_memcpy(&b, &v, 4);
    return b;
#endif
}

__device__ __forceinline__ f32 float_of(u32 b) {
#ifdef __CUDACC__
    return __uint_as_float(b);
#else
    f32 v;
    __builtin_memcpy(&v, &b, 4);
    return v;
#endif
}

// IEEE binary16. Arithmetic goes through float; each result is rounded to the nearest, ties to even.
struct f16 {
    u16 bits;
    f16() = default;
    __device__ __forceinline__ f16(f32 v) {
#ifdef __CUDA_ARCH__
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(v));
#else
        u32 b = bits_of(v);
        u32 sign = (b >> 16) & 0x8000u;
        u32 a = b & 0x7fffffffu;
        u32 h;
        if (a > 0x7f800000u) {
            h = 0x7e00u | ((a >> 13) & 0x1ffu);  // a NaN stays one, and quiet
        } else if (a >= 0x477ff000u) {
            h = 0x7c00u;  // 65520 and above round to infinity
        } else if (a >= 0x38800000u) {
            u32 r = a - 0x38000000u;  // the exponent's bias from 127 to 15
            h = (r + 0xfffu + ((r >> 13) & 1u)) >> 13;
        } else if (a > 0x33000000u) {
            u32 shift = 126u - (a >> 23);  // 14 .. 24: a subnormal is a multiple of 2^-24
            u32 m = (a & 0x7fffffu) | 0x800000u;
            u32 half_ulp = 1u << (shift - 1);
            h = m >> shift;
            u32 rest = m & ((1u << shift) - 1u);
            h += (rest > half_ulp || (rest == half_ulp && (h & 1u))) ? 1u : 0u;
        } else {
            h = 0;  // 2^-25 and below round to zero
        }
        bits = (u16)(sign | h);
#endif
    }
    __device__ __forceinline__ operator f32() const {
#ifdef __CUDA_ARCH__
        f32 wide;
        asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(bits));
        return wide;
#else
        u32 sign = (u32)(bits & 0x8000u) << 16;
        u32 e = (bits >> 10) & 31u, m = bits & 0x3ffu;
        if (e == 31u) return float_of(sign | 0x7f800000u | (m << 13));
        if (e != 0) return float_of(sign | ((e + 112u) << 23) | (m << 13));
        f32 v = (f32)m * 5.9604644775390625e-08f;  // 2^-24, exact
        return float_of(sign | bits_of(v));
#endif
    }
};

// bfloat16: the upper half of a float. Arithmetic as for f16.
struct bf16 {
    u16 bits;
    bf16() = default;
    __device__ __forceinline__ bf16(f32 v) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(v));
#else
        u32 b = bits_of(v);
        if ((b & 0x7fffffffu) > 0x7f800000u) {
            bits = (u16)((b >> 16) | 0x40u);  // a NaN stays one, and quiet
        } else {
            bits = (u16)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
        }
#endif
    }
    __device__ __forceinline__ operator f32() const { return float_of((u32)bits << 16); }
};

// A product that is rounded before anything is added to it, as on the host. Where sums of products nearly cancel, what a
// fused multiply-add keeps would be most of the result.
__device__ __forceinline__ f32 rounded_product(f32 x, f32 y) {
#if defined(__CUDACC__) || defined(TENSORLOOM_EMULATOR)
    return __fmul_rn(x, y);
#else
    return x * y;
#endif
}
__device__ __forceinline__ f64 rounded_product(f64 x, f64 y) {
#if defined(__CUDACC__) || defined(TENSORLOOM_EMULATOR)
    return __dmul_rn(x, y);
#else
    return x * y;
#endif
}

struct c64 { f32 re, im; };
struct c128 { f64 re, im; };

// The type in which values of T are computed.
template <typename T> struct Wide { typedef T type; };
template <> struct Wide<f16> { typedef f32 type; };
template <> struct Wide<bf16> { typedef f32 type; };

// A source is compiled for one element type at a time. Behind this text stand the definitions of E, the type, of W, the
// one that it is computed in, and of what kind it is: IS_FLOAT, IS_INTEGER, IS_SIGNED, IS_BOOL, IS_COMPLEX (0 or 1).
// The name of an entry point ends with the type's: KERNEL(add)(...) { ... } defines add_f32.
#define NAMED_WITH(NAME, TYPE) NAME##_##TYPE
#define NAMED(NAME, TYPE) NAMED_WITH(NAME, TYPE)
#define KERNEL(NAME) extern "C" __global__ void NAMED(NAME, ELEMENT)
