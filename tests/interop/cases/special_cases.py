"""Cases of trigonometric, hyperbolic, special and complex functions, and of counting."""
import numpy as np

from .harness import Case
from .math_cases import PAIRS
from .values import ALL, COMPLEX, FLOATS, INTS, SHAPES, allowed, arr, broadcast_pair, i32, pick, positive, rand, scalar, shape_of, specials, zeros

OPS = {}


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


def domain(name, r, t, shape):
    """Random arguments for which the function is a number."""
    x = rand(r, t, shape, 1.0)
    if t in INTS or t in COMPLEX:
        return x
    if name in ("Acos", "Asin", "Atanh"):
        return np.tanh(x.astype("f8")).astype("f2").astype(x.dtype)
    return positive(r, t, shape) if name == "Acosh" else x


@op("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Tan", "Sinh", "Cosh", "Erfc")
def unary(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            x = specials(t)
            if t in COMPLEX:
                yield Case(np.concatenate([x, arr([2, -2, 0.5, -0.5, 2j, -2j, 1 + 1e-3j, 1e-3 - 1j, 3 - 3j, -30 + 1j], t)]), grad=False)
                yield Case(rand(r, t, (7,), 0.4) + arr(0.3 + 0.2j, t))
            else:
                yield Case(np.concatenate([x, domain(name, r, t, (9,))]))
        for i, s in enumerate(SHAPES):
            yield Case(domain(name, r, types[i % len(types)] if i % 2 else "float32", s))
        yield Case(domain(name, r, "float32", (67,)))
    for _ in range(0 if fixed else n):
        t = pick(r, types)
        yield Case(domain(name, r, t, shape_of(r)))


def orders(r, t, shape):
    """Whole numbers from 0 to 6."""
    return arr(r.integers(0, 7, shape), t)


@op("Atan2", "DivNoNan", "Polygamma", "Complex")
def binary(name, r, n, fixed):
    types = allowed(name)

    def make(t, a, b, **kw):
        kw.update({"Tout": "complex128"} if (name, t) == ("Complex", "float64") else {})
        if name == "Polygamma":
            return Case(orders(r, t, a), positive(r, t, b), **kw)
        return Case(rand(r, t, a), rand(r, t, b) + arr(0.0625, t), **kw)
    if fixed:
        for t in types:
            x = specials(t)
            if name == "Polygamma":
                order = arr([0, 1, 2, 3, 10, 0.5, -1, np.nan, np.inf], t)
                x = arr([0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, 10, 50, 300, np.inf, -np.inf, np.nan, 1e-3, -7.25], t)
                yield Case(order[:, None], x[None, :], grad=False)
            elif name == "Complex":
                yield Case(x[:, None], x[None, :], **({"Tout": "complex128"} if t == "float64" else {}))
            elif name == "DivNoNan" and t in FLOATS:
                yield Case(x[:, None], x[[0, 1, 2, 3, 5, 6, 8, 11, 17, 18, 19]][None, :], grad=False)
            elif t in COMPLEX:
                yield Case(x[:, None], x[None, :], grad=False)
            else:
                yield Case(x[:, None], x[[0, 1, 2, 3, 5, 6, 8, 11, 13, 16, 17, 18, 19]][None, :])
            yield make(t, (2, 3), (3,))
        for i, (a, b) in enumerate(PAIRS):
            yield make(types[i % len(types)] if i % 2 else "float32", a, b)
        yield make("float32", (3, 17), (17,))
        if name == "DivNoNan":
            yield Case(arr([1, 0, -2, np.nan, np.inf]), arr([0, 0, -0.0, 0, 0]))
        if name == "Complex":
            yield Case(zeros(2), zeros(2), Tout="complex128")
            yield Case(zeros(2, dtype="float64"), zeros(2, dtype="float64"), Tout="complex64")
        yield make("float32", (2,), (3,), row=11)
        yield make("float32", (2, 3), (2, 3, 4), row=11)
    for _ in range(0 if fixed else n):
        yield make(pick(r, types), *broadcast_pair(r))


@op("Real", "Imag", "Angle", "ComplexAbs", "Conj")
def parts(name, r, n, fixed):
    def make(t, x, **kw):
        return Case(x, **({"Tout": "float64"} if t == "complex128" and name != "Conj" else {}), **kw)
    if fixed:
        for t in COMPLEX:
            yield make(t, specials(t), grad=name not in ("Angle", "ComplexAbs"))
            x = arr([np.inf, -np.inf, np.nan, -0.0, 1e30, 1e-30], t)
            if name != "Angle":
                x = np.stack([np.repeat(x.real, 6), np.tile(x.real, 6)], -1).reshape(-1).view(x.dtype)
            yield make(t, x, grad=False)
        for i, s in enumerate(SHAPES):
            t = COMPLEX[i % 2]
            yield make(t, rand(r, t, s) + arr(0.0625, t))
        yield make("complex64", rand(r, "complex64", (67,)))
        if name != "Conj":
            any_error = "Any" if name == "ComplexAbs" else None
            yield Case(rand(r, "complex64", (2,)), Tout="float64", must=any_error)
            yield Case(rand(r, "complex128", (2,)), Tout="float32", must=any_error)
    for _ in range(0 if fixed else n):
        t = pick(r, COMPLEX)
        yield make(t, rand(r, t, shape_of(r)))


@op("Bincount")
def bincount(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(i32(0, 2, 2, 5, 1, 2), scalar(4), rand(r, t, (6,)))
            yield Case(i32(0, 2, 2, 5, 1, 2), scalar(7), zeros(0, dtype=t))
        for s in ((), (0,), (2, 3), (1, 1, 4)):
            yield Case(arr(r.integers(0, 6, s), "int32"), scalar(5), rand(r, "float32", s))
            yield Case(arr(r.integers(0, 6, s), "int32"), scalar(5), zeros(0))
        yield Case(i32(0, 1), scalar(0), zeros(2))
        yield Case(i32(0, 1, 1), scalar(3), rand(r, "float32", (1, 3)))
        yield Case(i32(0, 2**31 - 1), scalar(2), zeros(0))
        yield Case(i32(0, 1), scalar(-1), zeros(0))
        yield Case(i32(0, -1), scalar(3), zeros(0))
        yield Case(i32(0, 1), scalar(3), zeros(3))
        yield Case(i32(0, 1), scalar(3), zeros())
        yield Case(i32(0, 1), i32(3), zeros(2))
        yield Case(i32(0, 1), i32(3, 4), zeros(2))
        yield Case(i32(0, 1), i32(), zeros(2))
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 3)
        t = pick(r, types)
        yield Case(arr(r.integers(0, 9, s), "int32"), scalar(int(r.integers(0, 12))), zeros(0, dtype=t) if r.random() < 0.4 else rand(r, t, s))


@op("AccumulateNV2")
def accumulate_n(name, r, n, fixed):
    if fixed:
        for t in allowed(name):
            yield Case([rand(r, t, (2, 3)) for _ in range(3)], shape=(2, 3))
        for k in (1, 2, 9):
            yield Case([rand(r, "float32", (3,)) for _ in range(k)], shape=(3,))
        for s in SHAPES:
            yield Case([rand(r, "float32", s) for _ in range(2)], shape=s)
        yield Case([zeros(1), zeros(2)], shape=(2,), words=False)
        yield Case([zeros(2), zeros(2)], shape=(3,), words=False)
        yield Case([zeros(2, 3), zeros(3, 2)], shape=(2, 3), words=False)
        yield Case([zeros(2), zeros(2)], shape=(None,))
        yield Case([zeros(2), zeros(2)], shape=None)
    for _ in range(0 if fixed else n):
        s = shape_of(r)
        yield Case([rand(r, "float32", s) for _ in range(int(r.integers(1, 9)))], shape=s)


@op("ToBool")
def to_bool(name, r, n, fixed):
    for t in ALL if fixed else []:
        for x in (zeros(dtype=t), rand(r, t), zeros(0, dtype=t), zeros(2, dtype=t), rand(r, t, (2, 0, 3)), rand(r, t, (1, 1))):
            yield Case(x)
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, ALL), shape_of(r, 0, 2)))
