// The part of CUDA C++ that kernels use, for the host's compiler. `__global__` and `__shared__` are left to the loader
// (compile.rs), which rewrites them in the preprocessed text.

#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __grid_constant__
#define TENSORLOOM_EMULATOR 1
#define __syncthreads() emulator::barrier(__COUNTER__, __LINE__)

typedef __SIZE_TYPE__ size_t;

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;

#define EMULATOR_VECTORS(T, NAME) \
    struct NAME##2 { T x, y; }; \
    struct alignas(sizeof(T) == 8 ? 16 : 4 * sizeof(T)) NAME##4 { T x, y, z, w; }; \
    static inline NAME##2 make_##NAME##2(T x, T y) { return {x, y}; } \
    static inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMULATOR_VECTORS(float, float)
EMULATOR_VECTORS(double, double)
EMULATOR_VECTORS(int, int)
EMULATOR_VECTORS(unsigned, uint)
EMULATOR_VECTORS(long long, longlong)
#undef EMULATOR_VECTORS

// ---- functions of the C library, under the names of both widths and, for float, the short one ----
extern "C" {
void* memcpy(void*, const void*, size_t);
void* memset(void*, int, size_t);
int printf(const char*, ...);
int abs(int);
long long llabs(long long);
}
#ifdef EMULATOR_OFF_BY_ONE
// A neighbour of a result, or the result; short numbers, as results of simple arguments are, stay.
static inline float emulator_off(float v) {
    unsigned b;
    __builtin_memcpy(&b, &v, 4);
    if ((b & 0xffff) && (b & 0x7f800000) && (b & 0x7f800000) != 0x7f800000) b += (b * 2654435761u >> 16) % 3 - 1;
    __builtin_memcpy(&v, &b, 4);
    return v;
}
#define EMULATOR_FLOAT1(NAME) \
    extern "C" float emulator_##NAME##f(float) __asm__(#NAME "f"); \
    static inline float NAME##f(float x) { return emulator_off(emulator_##NAME##f(x)); }
#define EMULATOR_FLOAT2(NAME) \
    extern "C" float emulator_##NAME##f(float, float) __asm__(#NAME "f"); \
    static inline float NAME##f(float x, float y) { return emulator_off(emulator_##NAME##f(x, y)); }
#else
#define EMULATOR_FLOAT1(NAME) extern "C" float NAME##f(float);
#define EMULATOR_FLOAT2(NAME) extern "C" float NAME##f(float, float);
#endif
#define EMULATOR_DOUBLE1(NAME) \
    extern "C" double NAME(double); \
    static inline float NAME(float x) { return NAME##f(x); }
#define EMULATOR_DOUBLE2(NAME) \
    extern "C" double NAME(double, double); \
    static inline float NAME(float x, float y) { return NAME##f(x, y); }
#define EMULATOR_F1(NAME) EMULATOR_FLOAT1(NAME) EMULATOR_DOUBLE1(NAME)
#define EMULATOR_F2(NAME) EMULATOR_FLOAT2(NAME) EMULATOR_DOUBLE2(NAME)
// Those that are exact, or correctly rounded everywhere.
#define EMULATOR_EXACT1(NAME) extern "C" float NAME##f(float); EMULATOR_DOUBLE1(NAME)
#define EMULATOR_EXACT2(NAME) extern "C" float NAME##f(float, float); EMULATOR_DOUBLE2(NAME)
EMULATOR_F1(acos) EMULATOR_F1(acosh) EMULATOR_F1(asin) EMULATOR_F1(asinh) EMULATOR_F1(atan) EMULATOR_F1(atanh)
EMULATOR_F1(cos) EMULATOR_F1(cosh) EMULATOR_F1(sin) EMULATOR_F1(sinh) EMULATOR_F1(tan) EMULATOR_F1(tanh)
EMULATOR_F1(exp) EMULATOR_F1(exp2) EMULATOR_F1(expm1) EMULATOR_F1(log) EMULATOR_F1(log2) EMULATOR_F1(log10)
EMULATOR_F1(log1p) EMULATOR_F1(cbrt) EMULATOR_F1(erf) EMULATOR_F1(erfc) EMULATOR_F1(lgamma) EMULATOR_F1(tgamma)
EMULATOR_EXACT1(sqrt) EMULATOR_EXACT1(fabs) EMULATOR_EXACT1(floor) EMULATOR_EXACT1(ceil) EMULATOR_EXACT1(trunc)
EMULATOR_EXACT1(round) EMULATOR_EXACT1(rint) EMULATOR_EXACT1(nearbyint) EMULATOR_EXACT1(logb)
EMULATOR_F2(atan2) EMULATOR_F2(pow) EMULATOR_F2(hypot)
EMULATOR_EXACT2(fmod) EMULATOR_EXACT2(remainder) EMULATOR_EXACT2(fmin) EMULATOR_EXACT2(fmax) EMULATOR_EXACT2(fdim)
EMULATOR_EXACT2(copysign) EMULATOR_EXACT2(nextafter)
#undef EMULATOR_F1
#undef EMULATOR_F2
#undef EMULATOR_EXACT1
#undef EMULATOR_EXACT2
#undef EMULATOR_FLOAT1
#undef EMULATOR_FLOAT2
#undef EMULATOR_DOUBLE1
#undef EMULATOR_DOUBLE2
extern "C" {
float fmaf(float, float, float);
double fma(double, double, double);
float ldexpf(float, int);
double ldexp(double, int);
float frexpf(float, int*);
double frexp(double, int*);
float modff(float, float*);
double modf(double, double*);
long lrintf(float);
long lrint(double);
long long llrintf(float);
long long llrint(double);
long lroundf(float);
long lround(double);
long long llroundf(float);
long long llround(double);
int ilogbf(float);
int ilogb(double);
}
static inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
static inline float ldexp(float x, int n) { return ldexpf(x, n); }
static inline float frexp(float x, int* n) { return frexpf(x, n); }
static inline float rsqrtf(float x) { return (float)(1.0 / sqrt((double)x)); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
static inline void sincosf(float x, float* s, float* c) { *s = sinf(x), *c = cosf(x); }
static inline void sincos(double x, double* s, double* c) { *s = sin(x), *c = cos(x); }
static inline float exp10f(float x) { return powf(10.0f, x); }
static inline double exp10(double x) { return pow(10.0, x); }
static inline float normcdff(float x) { return 0.5f * erfcf(x * -0.70710678118654752f); }
static inline double normcdf(double x) { return 0.5 * erfc(x * -0.70710678118654752440); }
static inline float nanf(const char*) { return __builtin_nanf(""); }
static inline double nan(const char*) { return __builtin_nan(""); }

#define EMULATOR_CLASS(T) \
    static inline bool isnan(T x) { return __builtin_isnan(x); } \
    static inline bool isinf(T x) { return __builtin_isinf(x) != 0; } \
    static inline bool isfinite(T x) { return __builtin_isfinite(x); } \
    static inline bool signbit(T x) { return __builtin_signbit(x) != 0; }
EMULATOR_CLASS(float)
EMULATOR_CLASS(double)
#undef EMULATOR_CLASS

static inline long abs(long x) { return x < 0 ? -x : x; }
static inline long long abs(long long x) { return x < 0 ? -x : x; }
static inline float abs(float x) { return fabsf(x); }
static inline double abs(double x) { return fabs(x); }
#define EMULATOR_ORDER(A, B, R) \
    static inline R min(A a, B b) { return (R)a < (R)b ? (R)a : (R)b; } \
    static inline R max(A a, B b) { return (R)a > (R)b ? (R)a : (R)b; }
EMULATOR_ORDER(int, int, int)
EMULATOR_ORDER(unsigned, unsigned, unsigned)
EMULATOR_ORDER(int, unsigned, unsigned)
EMULATOR_ORDER(unsigned, int, unsigned)
EMULATOR_ORDER(long, long, long)
EMULATOR_ORDER(unsigned long, unsigned long, unsigned long)
EMULATOR_ORDER(long, unsigned long, unsigned long)
EMULATOR_ORDER(unsigned long, long, unsigned long)
EMULATOR_ORDER(long long, long long, long long)
EMULATOR_ORDER(unsigned long long, unsigned long long, unsigned long long)
EMULATOR_ORDER(long long, unsigned long long, unsigned long long)
EMULATOR_ORDER(unsigned long long, long long, unsigned long long)
#undef EMULATOR_ORDER
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
static inline double min(float a, double b) { return fmin(a, b); }
static inline double max(float a, double b) { return fmax(a, b); }
static inline double min(double a, float b) { return fmin(a, b); }
static inline double max(double a, float b) { return fmax(a, b); }

// ---- CUDA's own functions ----
template <class To, class From> static inline To emulator_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "");
    To to;
    memcpy(&to, &from, sizeof(To));
    return to;
}
static inline int __float_as_int(float x) { return emulator_bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return emulator_bits<unsigned>(x); }
static inline float __int_as_float(int x) { return emulator_bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return emulator_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return emulator_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return emulator_bits<double>(x); }

// Rounded results, which no compiler fuses with what follows.
#if defined(__x86_64__)
#define EMULATOR_KEEP "+x"
#else
#define EMULATOR_KEEP "+w"
#endif
#define EMULATOR_ROUNDED(NAME, T, OP) \
    static inline T NAME(T a, T b) { \
        T r = a OP b; \
        __asm__("" : EMULATOR_KEEP(r)); \
        return r; \
    }
EMULATOR_ROUNDED(__fadd_rn, float, +)
EMULATOR_ROUNDED(__fsub_rn, float, -)
EMULATOR_ROUNDED(__fmul_rn, float, *)
EMULATOR_ROUNDED(__fdiv_rn, float, /)
EMULATOR_ROUNDED(__fdividef, float, /)
EMULATOR_ROUNDED(__dadd_rn, double, +)
EMULATOR_ROUNDED(__dsub_rn, double, -)
EMULATOR_ROUNDED(__dmul_rn, double, *)
EMULATOR_ROUNDED(__ddiv_rn, double, /)
#undef EMULATOR_ROUNDED
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline double __dsqrt_rn(double x) { return sqrt(x); }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float __frsqrt_rn(float x) { return rsqrtf(x); }
static inline float __expf(float x) { return expf(x); }
static inline float __logf(float x) { return logf(x); }
static inline float __log2f(float x) { return log2f(x); }
static inline float __powf(float x, float y) { return powf(x, y); }
static inline float __sinf(float x) { return sinf(x); }
static inline float __cosf(float x) { return cosf(x); }
static inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
static inline float __int2float_rn(int x) { return (float)x; }
static inline float __uint2float_rn(unsigned x) { return (float)x; }
static inline float __ll2float_rn(long long x) { return (float)x; }
static inline float __ull2float_rn(unsigned long long x) { return (float)x; }
static inline float __double2float_rn(double x) { return (float)x; }
static inline int __float2int_rz(float x) { return (int)x; }
static inline int __float2int_rn(float x) { return (int)rintf(x); }
static inline int __float2int_rd(float x) { return (int)floorf(x); }
static inline int __float2int_ru(float x) { return (int)ceilf(x); }
static inline long long __float2ll_rn(float x) { return llrintf(x); }
static inline int __double2int_rn(double x) { return (int)rint(x); }
static inline long long __double2ll_rn(double x) { return llrint(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline unsigned __brev(unsigned x) {
    unsigned y = 0;
    for (int i = 0; i < 32; i++) y |= (x >> i & 1) << (31 - i);
    return y;
}
static inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
static inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
template <class T> static inline T __ldg(const T* p) { return *p; }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

// No atomics of floats: their results would depend on the order.
#define EMULATOR_ATOMIC(NAME, T, NEW) \
    static inline T NAME(T* p, T x) { \
        T old = *p; \
        *p = NEW; \
        return old; \
    }
#define EMULATOR_ATOMICS(T) \
    EMULATOR_ATOMIC(atomicMax, T, old > x ? old : x) \
    EMULATOR_ATOMIC(atomicMin, T, old < x ? old : x) \
    EMULATOR_ATOMIC(atomicAnd, T, old & x) \
    EMULATOR_ATOMIC(atomicOr, T, old | x) \
    EMULATOR_ATOMIC(atomicXor, T, old ^ x)
EMULATOR_ATOMICS(int)
EMULATOR_ATOMICS(unsigned)
EMULATOR_ATOMICS(long long)
EMULATOR_ATOMICS(unsigned long long)
EMULATOR_ATOMIC(atomicAdd, int, (int)((unsigned)old + (unsigned)x))
EMULATOR_ATOMIC(atomicAdd, unsigned, old + x)
EMULATOR_ATOMIC(atomicAdd, unsigned long long, old + x)
EMULATOR_ATOMIC(atomicSub, int, (int)((unsigned)old - (unsigned)x))
EMULATOR_ATOMIC(atomicSub, unsigned, old - x)
EMULATOR_ATOMIC(atomicExch, int, x)
EMULATOR_ATOMIC(atomicExch, unsigned, x)
EMULATOR_ATOMIC(atomicExch, unsigned long long, x)
#undef EMULATOR_ATOMIC
#undef EMULATOR_ATOMICS
#define EMULATOR_CAS(T) \
    static inline T atomicCAS(T* p, T expected, T x) { \
        T old = *p; \
        if (old == expected) *p = x; \
        return old; \
    }
EMULATOR_CAS(int)
EMULATOR_CAS(unsigned)
EMULATOR_CAS(unsigned short)
EMULATOR_CAS(unsigned long long)
#undef EMULATOR_CAS
