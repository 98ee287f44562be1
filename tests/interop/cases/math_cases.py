"""Cases of elementwise ops, matrix products, reductions, scans and segments."""
import numpy as np

from .harness import Case
from .values import (ALL, COMPLEX, FLOATS, INTS, NUMBERS, SHAPES, UNSIGNED, allowed, arr, broadcast_pair, i32, i64,
                     pick, positive, rand, scalar, shape_of, specials, zeros)

OPS = {}


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


# ------------------------------------------------------------------ one input
LOW, HIGH = {}, {}
for _n in ("Sqrt", "Rsqrt", "Log", "Log1p", "Lgamma", "Digamma"):
    LOW[_n] = True  # mostly positive arguments besides the special ones


def domain(name, r, dtype, shape):
    if name in ("Tanh", "Sigmoid") and dtype in COMPLEX:
        return rand(r, dtype, shape, 0.3)  # away from the poles
    return positive(r, dtype, shape) if name in LOW else rand(r, dtype, shape)


@op("Neg", "Abs", "Sign", "Square", "Sqrt", "Rsqrt", "Exp", "Expm1", "Log", "Log1p", "Inv", "Reciprocal", "Tanh",
    "Sigmoid", "Sin", "Cos", "Floor", "Ceil", "Round", "Rint", "IsNan", "IsInf", "IsFinite", "Erf", "Lgamma",
    "Digamma")
def unary(name, r, n, fixed):
    types = allowed(name)
    if name == "Round":
        types = [t for t in types if t in FLOATS]  # TensorFlow rounds integers to zero
    if fixed:
        for t in types:
            x = specials(t)
            if name in ("Inv", "Reciprocal") and t in INTS:
                x = x[x != 0]  # division by zero traps there
            if (name in ("Inv", "Reciprocal") and t == "float16") or (name == "Log1p" and t in COMPLEX):
                x = x[(x == 0) | (np.abs(x) > 0.01) | (x != x)]  # its square overflows; TensorFlow loses digits there
            yield Case(np.concatenate([x, domain(name, r, t, (9,))]) if t not in INTS else x)
        for i, s in enumerate(SHAPES):
            yield Case(domain(name, r, types[i % len(types)] if i % 2 else "float32", s))
        yield Case(domain(name, r, "float32", (67,)))
    for _ in range(n if not fixed else 0):
        t = pick(r, types)
        x = domain(name, r, t, shape_of(r))
        if name in ("Inv", "Reciprocal") and t in INTS:
            x = np.where(x == 0, arr(3, t), x)
        yield Case(x)


@op("LogicalNot")
def logical_not(name, r, n, fixed):
    for s in SHAPES if fixed else [shape_of(r) for _ in range(n)]:
        yield Case(rand(r, "bool", s))


@op("InvGrad", "ReciprocalGrad", "SqrtGrad", "RsqrtGrad", "TanhGrad", "SigmoidGrad")
def unary_grad(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            x = specials(t)
            k = len(x)
            yield Case(np.repeat(x[:9], 4), np.tile(rand(r, t, (4,)), min(k, 9)))
            yield Case(positive(r, t, (2, 3)), rand(r, t, (2, 3)))
        for s in SHAPES:
            yield Case(positive(r, "float32", s), rand(r, "float32", s))
        yield Case(positive(r, "float32", (67,)), rand(r, "float32", (67,)))
        yield Case(zeros(2), zeros(3), row=10)
        yield Case(zeros(0), zeros(3), row=10)
        yield Case(zeros(3), zeros(0), row=10)
        yield Case(positive(r, "float32", (2, 3)), rand(r, "float32", (6,)), grad=False)
        yield Case(positive(r, "float32", (2, 3)), rand(r, "float32", (3, 2)), grad=False)
    for _ in range(n if not fixed else 0):
        t, s = pick(r, types), shape_of(r)
        yield Case(positive(r, t, s), rand(r, t, s))


# ------------------------------------------------------------------ two inputs
PAIRS = [((), ()), ((1,), ()), ((), (1,)), ((0,), (1,)), ((3,), ()), ((2, 3), (3,)), ((3,), (2, 3)),
         ((2, 1, 3), (1, 4, 1)), ((1, 2, 1, 3, 1), (2, 1, 2, 1, 3)), ((0, 3), (1, 3)), ((2, 3), (2, 1)), ((1, 1), (2, 3)),
         ((2, 1, 1, 2, 1, 2), (2, 1, 3, 1, 2, 1))]
INT_DIV = ("Div", "RealDiv", "FloorDiv", "TruncateDiv", "Mod", "FloorMod", "TruncateMod")


def second(name, r, t, shape):
    y = rand(r, t, shape)
    if name in INT_DIV:
        y = np.where(y == 0, arr(2, t), y)
    if name == "Pow" and t in INTS:
        y = np.abs(y) % arr(5, t)
    return np.asarray(y)


@op("Add", "AddV2", "Sub", "Mul", "Div", "RealDiv", "FloorDiv", "TruncateDiv", "Mod", "FloorMod", "TruncateMod",
    "Maximum", "Minimum", "Pow", "SquaredDifference", "Less", "LessEqual", "Greater", "GreaterEqual", "Equal",
    "NotEqual")
def binary(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            x = y = specials(t)
            if t in FLOATS:
                x = y = x[[0, 1, 2, 3, 5, 6, 8, 11, 13, 16, 17, 18, 19]]
            if t in INTS and name in INT_DIV:
                y = y[y != 0]
            if t in INTS and name == "Pow":
                y = arr([0, 1, 2, 3, 7], t)
            if t in COMPLEX and name == "Pow":
                x = x[x != 0]  # the logarithm of zero
            yield Case(x[:, None], y[None, :])
            if t in FLOATS + COMPLEX:
                yield Case(positive(r, t, (2, 3)), second(name, r, t, (3,)))
        for i, (a, b) in enumerate(PAIRS):
            t = types[i % len(types)] if i % 2 else "float32" if "float32" in types else types[0]
            yield Case(rand(r, t, a), second(name, r, t, b))
        yield Case(rand(r, types[0], (67,)), second(name, r, types[0], (67,)))
        yield Case(rand(r, "float32", (3, 17)), second(name, r, "float32", (17,)))
        yield Case(rand(r, "float32", (17,)), second(name, r, "float32", ()))
        yield Case(zeros(2), zeros(3), row=11)
        yield Case(zeros(2, 3), zeros(2, 3, 4), row=11)
        if name in INT_DIV:
            for t in ("int32", "int64"):
                yield Case(arr([5, -7, 0], t), arr([2, 0, 1], t), row=12, must="InvalidArgument")
                yield Case(arr([1], t), scalar(0, t), row=12, must="InvalidArgument")
                low = np.iinfo(np.dtype(t)).min
                yield Case(arr([low, low, low + 1], t), arr([-1, 1, -1], t), row=13)
        if name == "Pow":
            yield Case(i32(2), i32(-1), row=14)
            yield Case(i64(2, 0), i64(1, -3), row=14)
            yield Case(arr([2], "int8"), arr([-1], "int8"), row=14)
            yield Case(rand(r, "float32", (2, 3)), scalar(0.0, "float32"))
            yield Case(arr([0, 0, 0, -2, 2]), arr([0, -1, 2, 0.5, 0.5]))
        if name in ("Equal", "NotEqual"):
            for a, b in (((2,), (3,)), ((2,), (2,)), ((2, 3), (2, 3, 4)), ((1,), (3,))):
                yield Case(rand(r, "int32", a), rand(r, "int32", b), incompatible_shape_error=False)
    for _ in range(n if not fixed else 0):
        t, (a, b) = pick(r, types), broadcast_pair(r)
        yield Case(rand(r, t, a), second(name, r, t, b))


@op("LogicalAnd", "LogicalOr")
def logical(name, r, n, fixed):
    for a, b in PAIRS if fixed else [broadcast_pair(r) for _ in range(n)]:
        yield Case(rand(r, "bool", a), rand(r, "bool", b))
    if fixed:
        yield Case(np.array([[True], [False]]), np.array([True, False]))
        yield Case(rand(r, "bool", (2,)), rand(r, "bool", (3,)), row=11)


@op("AddN")
def add_n(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case([rand(r, t, (2, 3)) for _ in range(3)])
        for k in (1, 2, 3, 8, 9, 10, 17):
            yield Case([rand(r, "float32", (3,)) for _ in range(k)])
        for s in SHAPES:
            yield Case([rand(r, "float32", s) for _ in range(2)])
        yield Case([zeros(1), zeros(2)], row=127)
        yield Case([zeros(2, 3), zeros(3, 2)], row=127)
        yield Case([zeros(), zeros(1)], row=127)
        yield Case([zeros(1), zeros(1), zeros(1, 1)], row=127)
    for _ in range(n if not fixed else 0):
        t, s = pick(r, types), shape_of(r)
        yield Case([rand(r, t, s) for _ in range(int(r.integers(1, 20)))])


# ------------------------------------------------------------------ matrix products
@op("MatMul")
def matmul(name, r, n, fixed):
    types = allowed(name)

    def make(t, m, k, p, ta, tb, **kw):
        return Case(rand(r, t, (k, m) if ta else (m, k)), rand(r, t, (p, k) if tb else (k, p)),
                    **({"transpose_a": True} if ta else {}), **({"transpose_b": True} if tb else {}), **kw)
    if fixed:
        for t in types:
            for ta in (False, True):
                for tb in (False, True):
                    if t in FLOATS + COMPLEX or ta == tb:
                        yield make(t, 2, 3, 4, ta, tb)
        for m, k, p in ((1, 1, 1), (1, 5, 1), (5, 1, 5), (1, 7, 6), (6, 7, 1)):
            yield make("float32", m, k, p, False, False)
            yield make("float64", m, k, p, True, True)
        for m, k, p in ((0, 3, 2), (2, 0, 3), (2, 3, 0), (0, 0, 0)):
            yield make("float32", m, k, p, False, False, row=62)
            yield make("float64", m, k, p, False, True, row=62)
        yield make("float32", 17, 33, 10, False, False)
        yield make("float32", 9, 17, 10, True, False)
        yield make("float32", 5, 70, 9, False, True)
        yield Case(zeros(2, 3), zeros(4, 5), row=61)
        yield Case(zeros(2, 3), zeros(2, 3), row=61)
        yield Case(zeros(2, 3), zeros(3, 2), row=61, transpose_a=True)
        yield Case(zeros(2, 3, 1), zeros(4, 5), row=61)
        yield Case(zeros(2), zeros(2, 2), row=61)
        yield Case(zeros(2, 2), zeros(2), row=61)
        yield Case(zeros(), zeros(), row=61, words=False)
        yield Case(zeros(2, 2, 2), zeros(2, 2, 2), row=61, words=False)
        yield Case(arr([[np.inf, 1], [np.nan, 0]]), arr([[0, 1], [1, 1]]))
    for _ in range(n if not fixed else 0):
        d = [int(x) for x in r.integers(1, 9, 3)]
        yield make(pick(r, types), *d, bool(r.integers(2)), bool(r.integers(2)))


@op("BatchMatMul", "BatchMatMulV2")
def batch_matmul(name, r, n, fixed):
    types = allowed(name)
    wide = name == "BatchMatMulV2"

    def make(t, bx, by, m, k, p, ax, ay, **kw):
        return Case(rand(r, t, bx + ((k, m) if ax else (m, k))), rand(r, t, by + ((p, k) if ay else (k, p))),
                    **({"adj_x": True} if ax else {}), **({"adj_y": True} if ay else {}), **kw)
    if fixed:
        for t in types:
            for ax in (False, True):
                for ay in (False, True):
                    if t in FLOATS + COMPLEX or ax == ay:
                        yield make(t, (2,), (2,), 2, 3, 4, ax, ay)
        for b in ((), (1,), (0,), (3, 2), (2, 0), (1, 2, 1, 2)):
            yield make("float32", b, b, 2, 3, 2, False, False)
        for m, k, p in ((0, 3, 2), (2, 0, 3), (2, 3, 0), (1, 1, 1), (1, 4, 1)):
            yield make("float32", (2,), (2,), m, k, p, False, True)
        yield make("float32", (2,), (2,), 7, 12, 9, False, False)
        pairs = (((1,), (3,)), ((3,), ()), ((), (2,)), ((2, 1), (3,)), ((1, 1), (1,)), ((0,), (1,)),
                 ((2, 1, 2), (1, 2, 1)))
        for bx, by in pairs:
            for t in ("float32", "complex64") if wide else ("float32",):
                yield make(t, bx, by, 2, 3, 2, False, True, row=None if wide else 61)
        yield Case(zeros(2, 2, 3), zeros(2, 4, 5), row=61)
        yield Case(zeros(2, 2, 3), zeros(3, 3, 2), row=61)
        yield Case(zeros(3), zeros(3, 2), row=61)
        yield Case(zeros(2, 3), zeros(3), row=61)
    for _ in range(n if not fixed else 0):
        d = [int(x) for x in r.integers(1, 7, 3)]
        bx, by = broadcast_pair(r) if wide else [shape_of(r, 0, 3)] * 2
        yield make(pick(r, types), bx[:3], by[:3], *d, bool(r.integers(2)), bool(r.integers(2)))


# ------------------------------------------------------------------ reductions
AXES = [((2, 3), i32(0)), ((2, 3), i32(1)), ((2, 3), i32(-1)), ((2, 3), i32(0, 1)), ((2, 3), i32(1, 0)), ((2, 3), i32()),
        ((2, 3), scalar(0)), ((2, 3), scalar(-2)), ((2, 3), i64(1)), ((2, 3), scalar(1, "int64")), ((), i32()), ((4,), i32(0)),
        ((2, 3, 2), i32(1)), ((2, 3, 2), i32(0, 2)), ((2, 3, 2), i32(-1, 0)), ((2, 2, 1, 3), i32(0, 2)), ((2, 2, 3, 2), i32(1, 3)),
        ((1, 2, 2, 2, 3), i32(0, 2, 4)), ((2, 1, 2, 2, 2), i32(1, 3)), ((0, 3), i32(0)), ((0, 3), i32(1)), ((3, 0), i32(1)),
        ((3, 0), i32(0, 1)), ((0,), i32(0)), ((1, 1), i32(0))]


@op("Sum", "Mean", "Prod", "Max", "Min", "All", "Any")
def reduction(name, r, n, fixed):
    types = ["bool"] if name in ("All", "Any") else allowed(name)
    if fixed:
        if name not in ("All", "Any"):
            for t in types:
                yield Case(rand(r, t, (3, 4)), i32(0))
                yield Case(rand(r, t, (2, 5)), scalar(-1), keep_dims=True)
                x = specials(t)
                yield Case(np.tile(x[:, None], (1, 2)), i32(1))
                if t in FLOATS:
                    yield Case(arr([[1, np.nan, 2], [np.nan, 1, 1], [np.inf, 1, -np.inf], [-0.0, 0.0, -0.0]], t), i32(1))
                if t in INTS and name == "Mean":
                    yield Case(arr([100, 100, 3] if t != "int8" else [100, 27, 3], t), i32(0))
        for i, (s, a) in enumerate(AXES):
            t = types[i % len(types)] if i % 3 == 2 else types[0]
            yield Case(rand(r, t, s), a, **({"keep_dims": True} if i % 2 else {}))
        yield Case(rand(r, types[0], (19, 9)), i32(0))
        yield Case(rand(r, types[0], (9, 19)), i32(1))
        yield Case(rand(r, types[0], (5, 3, 7)), i32(0, 2))
        yield Case(rand(r, types[0], (5, 3, 7)), i32(1), keep_dims=True)
        yield Case(rand(r, types[0], (1100,)), i32(0), grad=False)
        for s, a in (((2, 3), i32(2)), ((2, 3), i32(-3)), ((2, 3), i32(0, -2)), ((2, 3), i32(1, 1)), ((), i32(0)),
                     ((2,), i64(2**40)), ((2, 3), i32(0, 7))):
            yield Case(zeros(*s, dtype=types[0]), a, row=120)
        yield Case(zeros(2, 3, dtype=types[0]), np.array([[0]], np.int32))
        yield Case(zeros(2, 3, dtype=types[0]), i32(0, 0, 0), row=120)
    for _ in range(n if not fixed else 0):
        s = shape_of(r, 1, 5)
        k = int(r.integers(0, len(s) + 1))
        axes = r.permutation(len(s))[:k]
        axes = np.where(r.integers(0, 2, k) == 1, axes - len(s), axes)
        yield Case(rand(r, pick(r, types), s, 1.0), axes.astype(pick(r, [np.int32, np.int64])), keep_dims=bool(r.integers(2)))


@op("ArgMax", "ArgMin")
def arg_extreme(name, r, n, fixed):
    types = allowed(name)
    outs = allowed(name, "output_type")
    if fixed:
        for t in types:
            yield Case(rand(r, t, (3, 4)), scalar(0))
            yield Case(rand(r, t, (3, 4)), scalar(-1, "int64"), output_type=pick(r, outs))
        for o in outs:
            yield Case(rand(r, "float32", (2, 3, 2)), scalar(1), output_type=o)
        for i in ("int32", "int64"):  # TensorFlow reads an int16 dimension past its end
            yield Case(rand(r, "float32", (2, 3, 2)), scalar(2, i))
        for s in ((4,), (2, 3, 2, 2), (2, 1, 2, 1, 3), (1,), (3, 0), (1, 2, 1, 2, 1, 2)):
            yield Case(rand(r, "float32", s), scalar(0))
            yield Case(rand(r, "float32", s), scalar(-1) if s[-1] else scalar(0))
        yield Case(arr([1, np.nan, 3, np.nan, 3]), scalar(0))
        yield Case(arr([np.nan, 1, 3]), scalar(0))
        yield Case(arr([[2, 2, 2], [-0.0, 0.0, 0.0]]), scalar(1))
        yield Case(arr([np.inf, -np.inf, np.inf]), scalar(0))
        yield Case(rand(r, "float32", (50, 9)), scalar(0))
        yield Case(rand(r, "float32", (9, 50)), scalar(1))
        yield Case(zeros(2, 3), scalar(3), row=121)
        yield Case(zeros(2, 3), scalar(-3), row=121)
        yield Case(zeros(0, 3), scalar(0), row=121)
        yield Case(zeros(2, 3), i32(0, 1), row=121)
        yield Case(zeros(2, 3), i32(0), row=121)
        yield Case(zeros(), scalar(0), row=121)
        yield Case(zeros(0), scalar(0), row=121)
    for _ in range(n if not fixed else 0):
        s = shape_of(r, 1, 5)
        yield Case(rand(r, pick(r, types), s), scalar(int(r.integers(-len(s), len(s)))), output_type=pick(r, outs))


@op("Cumsum", "Cumprod")
def scan(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for i, t in enumerate(types):
            yield Case(rand(r, t, (3, 4), 1.0), scalar(i % 2), exclusive=bool(i & 2), reverse=bool(i & 4))
        for ex in (False, True):
            for rev in (False, True):
                for s, a in (((5,), 0), ((2, 3), -1), ((2, 3), 0), ((2, 2, 3), 1)):
                    yield Case(rand(r, "float32", s), scalar(a), exclusive=ex, reverse=rev)
        for s in ((0,), (0, 3), (3, 0), (1,), (2, 1, 2, 1, 2)):
            yield Case(rand(r, "float32", s), scalar(0, "int64"))
        yield Case(arr([1, np.inf, -np.inf, 0, np.nan]), scalar(0))
        yield Case(rand(r, "float32", (100,), 0.1), scalar(0))
        yield Case(zeros(2), scalar(3), row=126)
        yield Case(zeros(2), scalar(-2), row=126, words=False)
        yield Case(zeros(2), i32(0), row=126)
        yield Case(zeros(2), i32(0, 0), row=126)
        yield Case(zeros(), scalar(0), row=126)
    for _ in range(n if not fixed else 0):
        s = shape_of(r, 1, 5)
        yield Case(rand(r, pick(r, types), s, 1.0), scalar(int(r.integers(-len(s), len(s)))),
                   exclusive=bool(r.integers(2)), reverse=bool(r.integers(2)))


# ------------------------------------------------------------------ segments
@op("SegmentSum", "SegmentMean")
def segment_sum(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (4, 2)), i32(0, 0, 2, 3))
        for ids in ([0, 0, 0], [0, 1, 2], [2, 2, 5], [0, 0, 4], [7, 7, 7]):
            yield Case(rand(r, "float32", (3, 2)), i64(*ids))
            yield Case(rand(r, "float32", (3,)), i32(*ids))
        yield Case(zeros(0, 2), i32())
        yield Case(zeros(0), i32())
        yield Case(rand(r, "float32", (3, 0)), i32(0, 0, 1))
        yield Case(rand(r, "float32", (3, 2, 2)), i32(0, 1, 1))
        yield Case(zeros(2), i32(1, 0), row=123)
        yield Case(zeros(2), i32(-1, 0), row=123)
        yield Case(zeros(2), i32(-2, -1), row=123)
        yield Case(zeros(2), i32(0), row=123)
        yield Case(zeros(2), i32(0, 1, 2), row=123)
        yield Case(zeros(2), np.array([[0], [1]], np.int32), row=123)
        yield Case(zeros(), i32(0), row=123)
        yield Case(zeros(2), scalar(0), row=123)
        yield Case(zeros(2), i64(0, 2**62), row=123, must="InvalidArgument")
    for _ in range(n if not fixed else 0):
        s = shape_of(r, 1, 4)
        ids = np.sort(r.integers(0, 6, s[0])).astype(pick(r, [np.int32, np.int64]))
        yield Case(rand(r, pick(r, types), s), ids)


@op("UnsortedSegmentSum")
def unsorted_segment_sum(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (4, 2)), i32(2, 0, 2, 1), scalar(4))
        for index in ("int16", "int32", "int64"):
            for count in ("int32", "int64"):
                yield Case(rand(r, "float32", (3,)), arr([0, 2, 0], index), scalar(3, count))
        yield Case(rand(r, "float32", (2, 3, 2)), np.array([[0, 1, 0], [4, 4, -1]], np.int32), scalar(5))
        yield Case(rand(r, "float32", (2, 2)), np.array([[0, 1], [1, 0]], np.int32), scalar(2))
        yield Case(rand(r, "float32", (2, 3)), scalar(1), scalar(2))
        yield Case(rand(r, "float32"), scalar(1), scalar(2))
        yield Case(zeros(0, 2), i32(), scalar(3))
        yield Case(zeros(3, 0), i32(0, 1, 0), scalar(2))
        yield Case(zeros(0), i32(), scalar(0))
        yield Case(zeros(2), i32(-1, 0), scalar(2), row=124)
        yield Case(zeros(2), i32(-5, -5), scalar(0), row=124)
        yield Case(zeros(2), i32(5, 0), scalar(2), row=124)
        yield Case(zeros(2), i32(0, 0), scalar(-2), row=124)
        yield Case(zeros(2), i32(0, 0), scalar(0), row=124)
        yield Case(zeros(2), i32(0, 0), i32(1, 2), row=124)
        yield Case(zeros(2), i32(0, 0, 0), scalar(2), row=124)
        yield Case(zeros(2, 3), i32(0, 0, 0), scalar(2), row=124)
        yield Case(zeros(2), np.array([[0], [0]], np.int32), scalar(2), row=124)
    for _ in range(n if not fixed else 0):
        s = shape_of(r, 1, 4)
        k = int(r.integers(0, len(s) + 1))
        yield Case(rand(r, pick(r, types), s), r.integers(-1, 5, s[:k]).astype(pick(r, [np.int32, np.int64])), scalar(5))
