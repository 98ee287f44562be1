"""Cases of array ops: shapes, slicing, joining, gathering, filling."""
import numpy as np

from .harness import Case
from .values import (ALL, FLOATS, INTS, SHAPES, allowed, arr, broadcast_pair, i32, i64, pick, rand, scalar, shape_of, specials,
                     strings, zeros)

OPS = {}
BIG = 2**40


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


def index_type(r):
    """int32 or int64."""
    return pick(r, [np.int32, np.int64])


# ------------------------------------------------------------------ pass through
@op("Identity", "StopGradient", "PreventGradient", "ZerosLike", "OnesLike")
def like(name, r, n, fixed):
    types = allowed(name)
    kw = {"message": "no gradient here"} if name == "PreventGradient" else {}
    if fixed:
        for t in types:
            yield Case(specials(t), **kw)
        for i, s in enumerate(SHAPES):
            yield Case(rand(r, types[i % len(types)], s))
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, types), shape_of(r)))


@op("IdentityN")
def identity_n(name, r, n, fixed):
    if fixed:
        yield Case([rand(r, t, (2,)) for t in ALL])
        yield Case([rand(r, "float32")])
        yield Case([rand(r, "float32", (0, 2)), rand(r, "int32"), rand(r, "string", (2,)), rand(r, "float64", (1, 2))])
    for _ in range(0 if fixed else n):
        yield Case([rand(r, pick(r, ALL), shape_of(r)) for _ in range(int(r.integers(1, 5)))])


@op("CheckNumerics")
def check_numerics(name, r, n, fixed):
    if fixed:
        for t in FLOATS:
            yield Case(rand(r, t, (2, 3)), message="all is well")
            for bad in ([np.nan], [1, np.inf], [-np.inf, 2], [np.nan, np.inf, 0], [np.inf, -np.inf, np.nan]):
                yield Case(arr(bad, t), message="seen in test")
        yield Case(scalar(np.nan, "float32"), message="")
        yield Case(zeros(0), message="empty")
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, FLOATS), shape_of(r)), message="m")


@op("Assert")
def assertion(name, r, n, fixed):
    yes, no = np.array(True), np.array(False)
    if fixed:
        yield Case(yes, [i32(1)])
        yield Case(no, [i32(1)])
        yield Case(no, [i32(*range(9))])
        yield Case(no, [i32(*range(9))], summarize=5)
        yield Case(no, [i32(*range(4))], summarize=-1)
        yield Case(no, [i32(*range(4))], summarize=0, row=17)
        yield Case(no, [arr([0.1, 1e10, 123456789.0, 1 / 3]), strings(b'a"b', b"\n\x01"), np.array([True, False])], summarize=10)
        yield Case(no, [arr([[1, 2], [3, 4]], t) for t in FLOATS], summarize=3)
        yield Case(no, [arr([[1, 2], [3, 4]], t) for t in INTS], summarize=9)
        yield Case(no, [strings(b"x must be positive:"), scalar(-1.5, "float32"), zeros(0), zeros(2, 0, dtype="int32")])
        yield Case(no, [rand(r, "int32", (2, 2, 2))], summarize=8)
        yield Case(no, [arr([np.nan, np.inf, -0.0]), arr([1e-7, 100000, 1e6, 1e20], "float64")], summarize=9)
        yield Case(np.array([False, True]), [i32(1)], row=9)
        yield Case(np.array([True]), [i32(1)], row=9)
        yield Case(np.array([], bool), [i32(1)], row=9)
    for _ in range(0 if fixed else n):
        types = [t for t in ALL if t not in ("complex64", "complex128", "string")]
        yield Case(np.array(bool(r.integers(2))), [rand(r, pick(r, types), shape_of(r, 0, 3)) for _ in range(int(r.integers(1, 4)))],
                   summarize=int(r.integers(-1, 6)))


# ------------------------------------------------------------------ shape readers
@op("Shape", "Size")
def shape_reader(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, SHAPES[i % len(SHAPES)]), out_type=("int32", "int64")[i % 2])
        for s in SHAPES:
            yield Case(rand(r, "float32", s))
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, ALL), shape_of(r)), out_type=pick(r, ["int32", "int64"]))


@op("Rank")
def rank(name, r, n, fixed):
    for i, s in enumerate(SHAPES * 2 if fixed else [shape_of(r) for _ in range(n)]):
        yield Case(rand(r, ALL[i % len(ALL)], s))


@op("ShapeN")
def shape_n(name, r, n, fixed):
    if fixed:
        yield Case([rand(r, "float32", s) for s in SHAPES], out_type="int64")
        yield Case([rand(r, "string", (2, 1))])
    for _ in range(0 if fixed else n):
        t = pick(r, ALL)
        yield Case([rand(r, t, shape_of(r)) for _ in range(int(r.integers(1, 4)))], out_type=pick(r, ["int32", "int64"]))


@op("BroadcastArgs")
def broadcast_args(name, r, n, fixed):
    if fixed:
        for a, b in (([], []), ([2, 3], [3]), ([2, 1], [1, 3]), ([1], []), ([0, 3], [1, 1]), ([4, 1, 5], [3, 1]), ([], [7])):
            yield Case(i32(*a), i32(*b))
            yield Case(i64(*b), i64(*a))
        for a, b in (([2], [3]), ([2, 3], [2]), ([0], [2]), ([-1], [1]), ([-1], [2])):
            yield Case(i32(*a), i32(*b), row=11)
        yield Case(np.array([[2]], np.int32), i32(3), row=11)
        yield Case(i32(2), scalar(2), row=11)
    for _ in range(0 if fixed else n):
        a, b = broadcast_pair(r)
        t = index_type(r)
        yield Case(np.array(a, t), np.array(b, t))


@op("BroadcastGradientArgs")
def broadcast_gradient_args(name, r, n, fixed):
    if fixed:
        for a, b in (([], []), ([2, 3], [3]), ([2, 1], [1, 3]), ([1], []), ([0, 3], [1, 1]), ([4, 1, 5], [3, 1]), ([], [7]),
                     ([1, 1], [1, 1]), ([1, 2], [1, 2]), ([2, 3], [2, 3]), ([1, 2, 1, 3], [2, 1, 1]), ([1], [1, 1, 1])):
            yield Case(i32(*a), i32(*b))
            yield Case(i64(*b), i64(*a))
        yield Case(i32(2), i32(3), row=11)
        yield Case(i32(2, 3), i32(2), row=11)
        yield Case(np.array([[2]], np.int32), i32(3), row=11)
        yield Case(i32(2), scalar(2), row=11)
    for _ in range(0 if fixed else n):
        a, b = broadcast_pair(r)
        t = index_type(r)
        yield Case(np.array(a, t), np.array(b, t))


@op("ConcatOffset")
def concat_offset(name, r, n, fixed):
    if fixed:
        for t in (np.int32, np.int64):
            yield Case(scalar(0), [np.array(x, t) for x in ([2, 3], [4, 3], [0, 3])])
            yield Case(scalar(-1), [np.array(x, t) for x in ([2, 3], [2, 1])])
        yield Case(scalar(1), [i32(2, 3, 4), i32(2, 7, 4)])
        yield Case(scalar(0), [i32(2, 3), i32(2, 4)], row=82)
        yield Case(scalar(5), [i32(2, 3), i32(2, 3)], row=81)
        yield Case(scalar(-3), [i32(2, 3), i32(2, 3)], row=81)
        yield Case(i32(0), [i32(2, 3), i32(2, 3)], row=81)
        yield Case(scalar(0), [i32(2, 3), i32(2)], row=82)
        yield Case(scalar(0), [np.array([[2, 3]], np.int32), i32(2, 3)], row=82, words=False)
        yield Case(scalar(0), [i32(), i32()], row=82)
    for _ in range(0 if fixed else n):
        s = list(shape_of(r, 1, 4))
        axis = int(r.integers(len(s)))
        t = index_type(r)
        yield Case(scalar(axis - (len(s) if r.integers(2) else 0)),
                   [np.array([int(r.integers(5)) if i == axis else d for i, d in enumerate(s)], t) for _ in range(int(r.integers(2, 5)))])


# ------------------------------------------------------------------ reshaping
@op("Reshape")
def reshape(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, (2, 6)), np.array([3, -1, 2], (np.int32, np.int64)[i % 2]))
        for s, to in (((), ()), ((1,), ()), ((), (1, 1)), ((6,), (2, 3)), ((2, 3), (-1,)), ((0,), (0, 5)), ((0, 3), (-1, 3)), ((0, 3), (-1, 0)),
                      ((2, 3), (6, 1, 1, 1, 1)), ((3, 0), (0,))):
            yield Case(rand(r, "float32", s), i32(*to))
        for s, to in (((2, 3), (4,)), ((2, 3), (-1, -1)), ((2, 3), (-2, 3)), ((2, 3), (-1, 4)), ((2, 3), (0, -1)), ((0, 3), (2, -1)), ((), (0,)),
                      ((2, 3), ()), ((2, 3), (2**31 - 1, 2**31 - 1))):
            yield Case(zeros(*s), i32(*to), row=71)
        yield Case(zeros(0, 3), i32(-1, 0), row=72)
        yield Case(zeros(2, 3), np.array([[2, 3]], np.int32), row=71)
        yield Case(zeros(2, 3), scalar(6), row=71)
        yield Case(zeros(2, 3), i64(BIG, BIG), row=71)
        yield Case(zeros(2, 3), i64(2**62, 4, -1), row=71)
        yield Case(zeros(1), i32(*[1] * 255), row=3)
        yield Case(zeros(0), i32(*[0] * 255), row=3)
    for _ in range(0 if fixed else n):
        s = shape_of(r)
        to = list(r.permutation(s).astype(int)) if s else []
        if to and 0 not in to and r.integers(2):
            to[int(r.integers(len(to)))] = -1
        yield Case(rand(r, pick(r, ALL), s), np.array(to, index_type(r)))


@op("ExpandDims")
def expand_dims(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, SHAPES[i % len(SHAPES)]), scalar(-1 if i % 2 else 0, ("int32", "int64")[i % 3 == 0]))
        for s in SHAPES:
            for axis in range(-len(s) - 1, len(s) + 1):
                if r.random() < 0.4:
                    yield Case(rand(r, "float32", s), scalar(axis))
        yield Case(rand(r, "float32", (2,)), i32(1))
        for s, a in (((1,), 3), ((1,), -3), ((), 1), ((), -2), ((2, 3), 2**31 - 1), ((2, 3), -2**31)):
            yield Case(zeros(*s), scalar(a), row=106)
        yield Case(zeros(2), i32(0, 1), row=106)
        yield Case(zeros(2), i32(), row=106)
    for _ in range(0 if fixed else n):
        s = shape_of(r)
        yield Case(rand(r, pick(r, ALL), s), scalar(int(r.integers(-len(s) - 1, len(s) + 1))))


@op("Squeeze")
def squeeze(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, (1, 2, 1)), squeeze_dims=[[], [0], [-1], [2, 0]][i % 4])
        for s in SHAPES:
            yield Case(rand(r, "float32", s))
        yield Case(rand(r, "float32", (1, 1, 2)), squeeze_dims=[0, 1])
        yield Case(rand(r, "float32", (1, 1, 2)), squeeze_dims=[0, 0])
        yield Case(rand(r, "float32", (1, 1, 2)), squeeze_dims=[0, -3])
        yield Case(rand(r, "float32", (1, 0, 1)), squeeze_dims=[-1])
        for s, d in (((2, 1), [0]), ((2, 1), [5]), ((2, 1), [-3]), ((), [0]), ((0,), [0]), ((1,), [2**40])):
            yield Case(zeros(*s), squeeze_dims=d, row=106, words=d[0] < BIG)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 5, 2)
        ones = [i for i, d in enumerate(s) if d == 1]
        yield Case(rand(r, pick(r, ALL), s), squeeze_dims=[i - len(s) * int(r.integers(2)) for i in ones if r.integers(2)])


@op("Transpose", "ConjugateTranspose")
def transpose(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, (2, 3)), np.array([1, 0], (np.int32, np.int64)[i % 2]))
        for s, p in (((), ()), ((4,), (0,)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, 2, 1)), ((2, 3, 4), (1, 0, 2)), ((2, 3, 4), (2, 1, 0)),
                     ((2, 1, 3, 2), (3, 1, 0, 2)), ((2, 2, 1, 2, 3), (4, 0, 3, 1, 2)), ((1, 2, 1, 3, 1, 2), (5, 3, 1, 0, 2, 4)), ((0, 3), (1, 0)), ((2, 0, 3), (2, 1, 0)),
                     ((2, 1, 2, 1, 2, 1, 2), (6, 5, 4, 3, 2, 1, 0)), ((2, 1, 2, 1, 2, 1, 2, 1, 3), (8, 0, 2, 4, 6, 1, 3, 5, 7)), ((2, 3, 2), (0, 1, 2))):
            yield Case(rand(r, "float32", s), i32(*p))
            if len(s) > 2:
                yield Case(rand(r, "uint8", s), i32(*p))
        yield Case(rand(r, "float32", (19, 23)), i32(1, 0))
        yield Case(rand(r, "uint8", (3, 16, 16)), i32(1, 2, 0))
        yield Case(rand(r, "float32", (2, 7, 9, 3)), i32(0, 3, 1, 2))
        for s, p in (((2, 3), (0, 0)), ((2, 3), (0,)), ((2, 3), (0, 5)), ((2, 3), (-1, 0)), ((2, 3), (0, 1, 2)), ((), (0,)), ((2, 3), (1, -2)),
                     ((2,), ())):
            yield Case(zeros(*s), i32(*p), row=87)
        yield Case(zeros(2, 3), scalar(0), row=87)
        yield Case(zeros(2, 3), np.array([[1, 0]], np.int32), row=87)
        yield Case(zeros(2, 3), i64(1, 2**32), row=87, must="InvalidArgument")
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 6, 3)
        yield Case(rand(r, pick(r, ALL), s), r.permutation(len(s)).astype(index_type(r)))


@op("InvertPermutation")
def invert_permutation(name, r, n, fixed):
    if fixed:
        for p in ([], [0], [1, 0], [2, 0, 1, 4, 3]):
            yield Case(i32(*p))
            yield Case(i64(*p))
        for p in ([0, 5], [0, 0], [-1, 0], [1], [2, 0, 2]):
            yield Case(i32(*p), row=89)
        yield Case(np.array([[0]], np.int32), row=89)
        yield Case(scalar(0), row=89)
        yield Case(i64(2**40, 0), row=89)
    for _ in range(0 if fixed else n):
        yield Case(r.permutation(int(r.integers(1, 20))).astype(index_type(r)))


# ------------------------------------------------------------------ joining and splitting
@op("Concat", "ConcatV2")
def concat(name, r, n, fixed):
    def make(parts, axis, row=None, **kw):
        return Case(axis, parts, row=row, **kw) if name == "Concat" else Case(parts, axis, row=row, **kw)
    if fixed:
        for t in ALL:
            yield make([rand(r, t, (2, 3)), rand(r, t, (1, 3))], scalar(0))
            yield make([rand(r, t, (2, 3)), rand(r, t, (2, 2)), rand(r, t, (2, 1))], scalar(-1))
        for shapes, axis in ((((2,), (3,)), 0), (((0,), (3,)), 0), (((0, 3), (2, 3)), 0), (((2, 0), (2, 3)), 1), (((2, 0), (1, 0)), 0),
                             (((2, 1, 3), (2, 4, 3), (2, 0, 3)), 1), (((1, 2, 1, 2, 1), (1, 2, 1, 2, 3)), 4), (((1, 2, 1, 2, 1),) * 2, -5), (((2, 2),) * 5, 1)):
            yield make([rand(r, "float32", s) for s in shapes], scalar(axis))
        yield make([rand(r, "float32", (10, 9)), rand(r, "float32", (10, 17))], scalar(1))
        yield make([rand(r, "float32", (2, 3))] * 2, i32(0))
        if name == "ConcatV2":
            yield make([rand(r, "float32", (2, 3))] * 2, scalar(1, "int64"))
        for shapes, axis in ((((2, 3), (2, 4)), 0), (((2, 3), (2,)), 0), (((2, 3), (2, 3)), 2), (((2, 3), (2, 3)), -3), (((), ()), 0), (((2, 3), (2, 3)), -1256914853),
                             (((2,), ()), 0), (((0,), (2, 3)), 0), (((2, 3), (0,)), 0), (((2, 3), (2, 3, 1)), 0)):
            yield make([zeros(*s) for s in shapes], scalar(axis), row=81 if shapes[0] == shapes[1] else 82, words=shapes != ((2,), ()))
        yield make([zeros(2, 3)] * 2, i32(0, 1), row=81)
        yield make([zeros(2, 3)] * 2, i32(), row=81)
        if name == "ConcatV2":
            yield make([zeros(2, 3)] * 2, scalar(2**32, "int64"), row=81, must="InvalidArgument")
    for _ in range(0 if fixed else n):
        s, t = shape_of(r, 1, 5), pick(r, ALL)
        axis = int(r.integers(len(s)))
        parts = [rand(r, t, s[:axis] + (int(r.integers(0, 4)),) + s[axis + 1:]) for _ in range(int(r.integers(2, 6)))]
        yield make(parts, scalar(axis - (len(s) if r.integers(2) else 0)))


@op("Split")
def split(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(scalar(1), rand(r, t, (2, 4)), num_split=2)
        for s, axis, k in (((6,), 0, 3), ((6,), -1, 6), ((4, 2), 0, 2), ((2, 6, 2), 1, 3), ((2, 1, 4), -1, 4), ((1, 2, 1, 2, 2), 4, 2), ((3, 0), 0, 3), ((0, 3), 0, 2), ((2, 3), 0, 1),
                           ((6, 40), 1, 5)):
            yield Case(scalar(axis), rand(r, "float32", s), num_split=k)
        yield Case(i32(0), rand(r, "float32", (2,)), num_split=2)
        for s, axis, k in (((3,), 0, 2), ((3,), 3, 1), ((3,), -2, 1), ((), 0, 1), ((4,), 0, 5)):
            yield Case(scalar(axis), zeros(*s), num_split=k, row=84 if axis == 0 else 86)
        yield Case(i32(0, 1), zeros(3), num_split=1, row=86)
        yield Case(scalar(0), zeros(3), num_split=0, row=84)
        yield Case(scalar(0), zeros(3), num_split=-1, row=84)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 5)
        axis, k = int(r.integers(len(s))), int(r.integers(1, 4))
        yield Case(scalar(axis), rand(r, pick(r, ALL), s[:axis] + (s[axis] * k,) + s[axis + 1:]), num_split=k)


@op("SplitV")
def split_v(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (2, 5)), i64(2, 3), scalar(1), num_split=2)
        for t in allowed(name, "Tlen"):
            yield Case(rand(r, "float32", (4,)), arr([1, -1, 2], t), scalar(0), num_split=3, must="Any" if t == "int8" else None)
        for s, sizes, axis in (((6,), [1, 2, 3], 0), ((6,), [0, -1, 0], -1), ((4, 2), [4], 0), ((2, 6, 2), [5, 1], 1), ((3, 0), [1, 2], 0), ((0, 3), [0, 0], 0), ((0, 3), [-1, 0], 0),
                               ((1, 2, 1, 2, 3), [1, 2], 4), ((4, 60), [7, 33, 20], 1)):
            yield Case(rand(r, "float32", s), i32(*sizes), scalar(axis), num_split=len(sizes))
        yield Case(zeros(3), i32(3), i32(0), num_split=1)
        for s, sizes, axis, k in (((3,), [1, 1], 0, 2), ((3,), [-2, 5], 0, 2), ((3,), [-1, -1], 0, 2), ((3,), [1, 1, 1], 0, 2), ((3,), [5, -1], 0, 2), ((3,), [2, 2], 0, 2),
                                  ((3,), [-1, -2], 0, 2), ((3,), [3], 1, 1), ((3,), [3], -2, 1), ((), [1], 0, 1), ((3,), [-3], 0, 1)):
            yield Case(zeros(*s), i32(*sizes), scalar(axis), num_split=k, row=85 if axis == 0 else 86, words=sizes != [-3])
        yield Case(zeros(3), i32(1, 2), i32(0, 0), num_split=2, row=86)
        yield Case(zeros(3), np.array([[1, 2]], np.int32), scalar(0), num_split=2, row=85)
        yield Case(zeros(3), scalar(3), scalar(0), num_split=1, row=85)
        yield Case(zeros(3), i64(2**62, 2**62), scalar(0), num_split=2, row=85, words=False)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 5)
        axis, sizes = int(r.integers(len(s))), r.integers(0, 4, int(r.integers(1, 5)))
        x = rand(r, pick(r, ALL), s[:axis] + (int(sizes.sum()),) + s[axis + 1:])
        if len(sizes) > 1 and r.integers(2):
            sizes[int(r.integers(len(sizes)))] = -1
        yield Case(x, sizes.astype(index_type(r)), scalar(axis), num_split=len(sizes))


@op("Pack")
def pack(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case([rand(r, t, (2, 3)) for _ in range(2)], axis=1)
        for s in SHAPES:
            for axis in (0, -1, -len(s) - 1, len(s)):
                if r.random() < 0.5:
                    yield Case([rand(r, "float32", s) for _ in range(3)], axis=axis)
        yield Case([rand(r, "float32", (2, 3))])
        yield Case([rand(r, "float32")] * 11)
        yield Case([zeros(2), zeros(3)], row=107)
        yield Case([zeros(2), zeros(2, 1)], row=107)
        yield Case([zeros(2), zeros(2)], axis=5, row=107)
        yield Case([zeros(2), zeros(2)], axis=-3, row=107)
        yield Case([zeros(), zeros()], axis=1, row=107)
    for _ in range(0 if fixed else n):
        s, t = shape_of(r, 0, 4), pick(r, ALL)
        yield Case([rand(r, t, s) for _ in range(int(r.integers(1, 5)))], axis=int(r.integers(-len(s) - 1, len(s) + 1)))


@op("Unpack")
def unpack(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (2, 3)), num=3, axis=1)
        for s, axis in (((4,), 0), ((2, 3), -1), ((2, 3), -2), ((2, 3, 2), 1), ((1, 2, 1, 2, 2), 3), ((3, 0), 0), ((1,), 0)):
            yield Case(rand(r, "float32", s), num=s[axis], axis=axis)
        yield Case(zeros(0, 2), num=0, grad=False)
        yield Case(zeros(3), num=2, row=107)
        yield Case(zeros(3), num=0, row=107)
        yield Case(zeros(), num=2, row=107)
        yield Case(zeros(3), num=3, axis=1, row=107)
        yield Case(zeros(3), num=3, axis=-2, row=107)
        yield Case(zeros(3), num=-1, row=107)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 5)
        axis = int(r.integers(-len(s), len(s)))
        if s[axis]:
            yield Case(rand(r, pick(r, ALL), s), num=s[axis], axis=axis)


# ------------------------------------------------------------------ slicing
@op("Slice")
def slices(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (3, 4)), i32(1, 1), i32(2, -1))
        for s, b, z in (((), (), ()), ((4,), (0,), (4,)), ((4,), (4,), (0,)), ((4,), (1,), (-1,)), ((4,), (4,), (-1,)), ((2, 3, 4), (1, 0, 2), (1, 3, 2)), ((2, 3, 4), (0, 1, 0), (2, 1, -1)),
                        ((2, 1, 2, 1, 3), (1, 0, 0, 0, 1), (1, 1, 2, -1, 2)), ((0, 3), (0, 1), (0, 2)), ((3, 3), (1, 0), (1, 3)), ((1, 2, 1, 2, 1, 2), (0, 1, 0, 1, 0, 0), (1, 1, 1, 1, 1, 1)),
                        ((2, 1, 1, 1, 1, 1, 3), (0, 0, 0, 0, 0, 0, 1), (2, 1, 1, 1, 1, 1, 2))):
            yield Case(rand(r, "float32", s), i32(*b), i32(*z))
            yield Case(rand(r, "float64", s), i64(*b), i64(*z))
        yield Case(rand(r, "float32", (10, 30)), i32(5, 7), i32(4, 21))
        for b, z in (((0,), (4,)), ((-1,), (1,)), ((4,), (-1,)), ((0,), (-2,)), ((0, 0), (1, 1)), ((0,), (1, 1)), ((), ()), ((2,), (2,))):
            yield Case(zeros(3), i32(*b), i32(*z), row=74)
        yield Case(zeros(0), i64(2**62), i64(2**62), row=73, words=False)
        yield Case(zeros(3), i64(1), i64(2**63 - 1), row=73, must="InvalidArgument")
        yield Case(zeros(3), i64(2**63 - 1), i64(1), row=73)
        yield Case(zeros(3), scalar(0), scalar(1), row=74)
        yield Case(zeros(3), np.array([[0]], np.int32), np.array([[1]], np.int32), row=74)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 5)
        b = [int(r.integers(0, d + 1)) for d in s]
        z = [-1 if r.integers(4) == 0 else int(r.integers(0, d - x + 1)) for d, x in zip(s, b)]
        t = index_type(r)
        yield Case(rand(r, pick(r, ALL), s), np.array(b, t), np.array(z, t))


STRIDED = [  # shape, begin, end, strides, masks (begin, end, ellipsis, new axis, shrink axis)
    ((5,), [0], [5], [2], {}), ((5,), [4], [0], [-2], {}), ((5,), [4], [-6], [-1], {}), ((5,), [-1], [-4], [-1], {}), ((5,), [0], [0], [1], dict(begin_mask=1, end_mask=1)),
    ((5,), [0], [0], [-1], dict(begin_mask=1, end_mask=1)), ((5,), [-100], [100], [3], {}), ((5,), [3], [1], [1], {}), ((5,), [1], [2], [1], dict(shrink_axis_mask=1)), ((5,), [-1], [0], [1], dict(shrink_axis_mask=1)),
    ((2, 3), [0, 1], [2, 3], [1, 1], {}), ((2, 3), [1], [2], [1], {}), ((2, 3), [0, 1], [0, 2], [1, 1], dict(begin_mask=1, end_mask=1, shrink_axis_mask=2)),
    ((2, 3, 4), [0, 1], [0, 3], [1, 2], dict(ellipsis_mask=1)), ((2, 3, 4), [1, 0, 2], [2, 0, 3], [1, 1, 1], dict(ellipsis_mask=2, shrink_axis_mask=5)),
    ((2, 3, 4), [1, 0, 0], [2, 0, 0], [1, 1, 1], dict(begin_mask=2, end_mask=2, new_axis_mask=4)), ((2, 3), [0, 0, 1], [0, 2, 3], [1, 1, 1], dict(new_axis_mask=1)),
    ((2, 3), [0, 0, 0], [0, 0, 0], [1, 1, 1], dict(new_axis_mask=5, ellipsis_mask=2)), ((2, 3), [0], [0], [1], dict(new_axis_mask=1, shrink_axis_mask=1)),
    ((2, 3), [], [], [], {}), ((), [], [], [], {}), ((), [0], [0], [1], dict(new_axis_mask=1)), ((), [0], [0], [1], dict(ellipsis_mask=1)), ((0, 3), [0, 0], [0, 2], [1, 1], dict(end_mask=1)), ((0, 3), [0], [5], [-1], dict(begin_mask=1)),
    ((2, 1, 3, 2), [0, 0, 2, 0], [2, 1, -4, 2], [1, 1, -1, 1], {}), ((2, 2, 2, 1, 3), [1, 0, 0, 0, 2], [2, 2, 1, 1, -9], [1, 1, 1, 1, -2], {}), ((4, 4), [3, 3], [0, 0], [-1, -2], dict(end_mask=3)),
    ((2, 3, 2), [1, 0, 1], [0, 0, 0], [1, 1, 1], dict(shrink_axis_mask=7, end_mask=2, begin_mask=2)), ((2, 3, 2), [0, 0, 0], [0, 0, 0], [1, 1, 1], dict(shrink_axis_mask=7)),
    ((3073,), [1], [3073], [512], {}), ((3,), [2**31 - 1], [-2**31], [-1], {}), ((3,), [-2**31], [2**31 - 1], [2**31 - 1], {}), ((3,), [0], [3], [-2**31], dict(begin_mask=1)),
]
STRIDED_BAD = [
    ((3,), [0], [1], [0], {}, 75), ((3,), [5], [6], [1], dict(shrink_axis_mask=1), 76), ((2,), [4], [5], [1], dict(shrink_axis_mask=1), 76), ((2,), [-3], [5], [1], dict(shrink_axis_mask=1), 76), ((0,), [0], [1], [1], dict(shrink_axis_mask=1), 76),
    ((3,), [0], [1], [-1], dict(shrink_axis_mask=1), 76), ((3,), [0, 0], [1, 1], [1, 1], {}, 77), ((), [0], [1], [1], {}, 77), ((), [0], [1], [1], dict(shrink_axis_mask=1), 77),
    ((3, 3), [0, 0], [1, 1], [1, 1], dict(ellipsis_mask=3), 78), ((3,), [0], [1, 2], [1], {}, 78), ((3,), [0], [1], [1, 1], {}, 78), ((3,), [0] * 33, [1] * 33, [1] * 33, {}, 78), ((3, 3), [0, 0], [3, 3], [1, 0], {}, 75),
]


@op("StridedSlice")
def strided_slice(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, (3, 4)), i32(2, 1), i32(-4, 4), i32(-1, 2))
        for i, (s, b, e, st, kw) in enumerate(STRIDED):
            t = ("int32", "int64", "int16")[i % 3 if max(map(abs, b + e + st), default=0) < 2**15 else 0]
            yield Case(rand(r, "float32" if len(s) != 1 or s[0] < 100 else "uint8", s), arr(b, t), arr(e, t), arr(st, t), **kw)
        for s, b, e, st, kw, row in STRIDED_BAD:
            yield Case(zeros(*s), i32(*b), i32(*e), i32(*st), row=row, **kw)
        yield Case(zeros(3), scalar(0), scalar(1), scalar(1), row=78)
        yield Case(zeros(3), i64(-2**63), i64(2**63 - 1), i64(2**63 - 1))
        yield Case(zeros(3), i64(2**63 - 1), i64(-2**63), i64(-2**63))
        yield Case(zeros(3), i64(0), i64(3), i64(-2**63), begin_mask=1)
        yield Case(zeros(3), np.array([[0]], np.int32), np.array([[0]], np.int32), np.array([[1]], np.int32), row=78)
        yield Case(rand(r, "float32", (2, 1, 2, 1, 2, 1, 2, 1, 2)), i32(*[0] * 9), i32(*[1] * 9), i32(*[1] * 9), row=78, grad=False)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 5)
        k = int(r.integers(1, len(s) + 1))
        t = index_type(r)
        b, e = r.integers(-5, 6, k), r.integers(-5, 6, k)
        st = np.array([pick(r, [-2, -1, 1, 1, 2, 3]) for _ in range(k)])
        shrink = 0
        for i in range(k):
            if s[i] and st[i] > 0 and r.random() < 0.25:
                b[i], shrink = int(r.integers(-s[i], s[i])), shrink | 1 << i
                st[i] = 1
        yield Case(rand(r, pick(r, ALL), s), b.astype(t), e.astype(t), st.astype(t), begin_mask=int(r.integers(2**k)) & ~shrink,
                   end_mask=int(r.integers(2**k)), shrink_axis_mask=shrink)


@op("StridedSliceGrad")
def strided_slice_grad(name, r, n, fixed):
    import tensorflow as tf
    for i, (s, b, e, st, kw) in enumerate(STRIDED if fixed else []):
        if 3073 in s:
            continue
        y = tf.raw_ops.StridedSlice(input=np.zeros(s, np.float32), begin=i32(*b), end=i32(*e), strides=i32(*st), **kw)
        t = (np.int32, np.int64)[i % 2]
        yield Case(np.array(s, t), np.array(b, t), np.array(e, t), np.array(st, t), rand(r, "float32", y.shape), **kw)
    if fixed:
        for t in ALL:
            if t != "string":
                yield Case(i32(3, 4), i32(2, 1), i32(-4, 4), i32(-1, 2), rand(r, t, (3, 2)))
        for s, b, e, st, kw, row in STRIDED_BAD:
            yield Case(i32(*s), i32(*b), i32(*e), i32(*st), zeros(1), row=row, **kw)
        for dy in ((3,), (), (2, 1), (0,)):
            yield Case(i32(3), i32(0), i32(2), i32(1), zeros(*dy), row=79)
        yield Case(i32(-3), i32(0), i32(2), i32(1), zeros(2), row=79)
        yield Case(scalar(3), i32(0), i32(2), i32(1), zeros(2), row=79)
        yield Case(np.array([[3]], np.int32), i32(0), i32(2), i32(1), zeros(2), row=79)
        yield Case(i64(BIG, BIG), i64(0), i64(0), i64(1), zeros(0), row=79)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 4)
        b, e = r.integers(-5, 6, len(s)), r.integers(-5, 6, len(s))
        st = np.array([pick(r, [-2, -1, 1, 1, 2, 3]) for _ in s])
        y = tf.raw_ops.StridedSlice(input=np.zeros(s, np.float32), begin=b, end=e, strides=st)
        yield Case(i64(*s), b.astype("i8"), e.astype("i8"), st.astype("i8"), rand(r, "float32", y.shape))


# ------------------------------------------------------------------ padding and repeating
PADS = [((), np.zeros((0, 2))), ((3,), [[1, 2]]), ((3,), [[0, 0]]), ((2, 3), [[1, 0], [0, 2]]), ((0, 3), [[1, 1], [0, 0]]), ((2, 1, 2), [[0, 1], [2, 0], [1, 1]]), ((1, 2, 1, 2), [[1, 0], [0, 1], [0, 0], [1, 1]]),
        ((1, 2, 1, 2, 2), [[0, 0], [1, 1], [0, 1], [0, 0], [1, 0]]), ((2, 1, 1, 1, 1, 2), [[0, 1], [0, 0], [1, 0], [0, 0], [0, 1], [1, 0]])]
PADS_BAD = [((1,), [[-1, 0]]), ((1,), [[0, -1]]), ((1,), [[0, 0], [0, 0]]), ((1,), [0, 0]), ((1,), [[0, 0, 0]]), ((), [[0, 0]]), ((2, 3), [[1, 1]])]


@op("Pad", "PadV2")
def pad(name, r, n, fixed):
    def make(x, p, **kw):
        return Case(x, p, **kw) if name == "Pad" else Case(x, p, rand(r, str_type(x)), **kw)

    def str_type(x):
        return "string" if x.dtype == object else {"complex64": "complex64"}.get(x.dtype.name, x.dtype.name)
    if fixed:
        for i, t in enumerate(ALL):
            yield make(rand(r, t, (2, 3)), np.array([[1, 0], [0, 2]], (np.int32, np.int64)[i % 2]))
        for s, p in PADS:
            yield make(rand(r, "float32", s), np.array(p, np.int32).reshape(-1, 2))
        yield make(rand(r, "float32", (7, 11)), np.array([[2, 3], [4, 5]], np.int32))
        for s, p in PADS_BAD:
            yield make(zeros(*s), np.array(p, np.int32), row=97)
        yield make(zeros(1), i64(2**62, 2**62).reshape(1, 2), row=97, words=False)
        yield make(zeros(1, 1), i64(BIG, 0, BIG, 0).reshape(2, 2), row=97, words=False)
        if name == "PadV2":
            yield Case(zeros(1), np.array([[1, 1]], np.int32), zeros(1), row=97)
            yield Case(zeros(1), np.array([[1, 1]], np.int32), zeros(2), row=97)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 5)
        yield make(rand(r, pick(r, ALL), s), r.integers(0, 3, (len(s), 2)).astype(index_type(r)))


@op("MirrorPad", "MirrorPadGrad")
def mirror_pad(name, r, n, fixed):
    import tensorflow as tf
    types = ALL

    def make(t, s, p, mode, index=np.int32):
        p = np.array(p, index).reshape(-1, 2)
        if name == "MirrorPadGrad":
            s = tuple(d + int(a) + int(b) for d, (a, b) in zip(s, p))
        return Case(rand(r, t, s), p, mode=mode)
    if fixed:
        for i, t in enumerate(types):
            if name == "MirrorPad" or t not in ("bool", "string"):
                yield make(t, (2, 3), [[1, 0], [0, 2]], ("REFLECT", "SYMMETRIC")[i % 2], (np.int32, np.int64)[i // 2 % 2])
        for mode in ("REFLECT", "SYMMETRIC"):
            for s, p in (((3,), [[2, 1]]), ((3,), [[0, 0]]), ((4, 3), [[3, 2], [1, 2]]), ((2, 1, 2), [[0, 1], [0, 0], [1, 1]]), ((1, 2, 2, 3), [[0, 0], [1, 1], [0, 1], [2, 0]]), ((2, 1, 2, 1, 2), [[1, 0], [0, 0], [1, 1], [0, 0], [0, 1]])):
                yield make("float32", s, p, mode)
            for s, p in PADS_BAD:
                yield Case(zeros(*s), np.array(p, np.int32), mode=mode, row=98)
            if name == "MirrorPad":
                over = 3 if mode == "REFLECT" else 4
                yield Case(zeros(3), np.array([[over, 0]], np.int32), mode=mode, row=98)
                yield Case(zeros(3), np.array([[0, over]], np.int32), mode=mode, row=98)
                yield Case(zeros(0), np.array([[1, 0]], np.int32), mode=mode, row=98)
                yield Case(zeros(3), i64(2**62, 2**62).reshape(1, 2), mode=mode, row=98)
                yield Case(rand(r, "float32", (3,)), np.array([[3, 3]], np.int32), mode="SYMMETRIC")
                yield Case(zeros(), np.zeros((0, 2), np.int32), mode=mode, row=98)
                yield Case(zeros(0, 2), np.array([[0, 0], [1, 1]], np.int32), mode=mode, row=98, must=None)
            else:
                yield Case(zeros(3), np.array([[2, 2]], np.int32), mode=mode, row=98)
                yield Case(zeros(4), np.array([[3, 0]], np.int32), mode=mode, row=98)
                yield Case(zeros(3), i64(2**62, 2**62).reshape(1, 2), mode=mode, row=98, words=False)
                yield Case(zeros(), np.zeros((0, 2), np.int32), mode=mode, row=98)
    for _ in range(0 if fixed else n):
        s = tuple(int(d) for d in r.integers(2, 5, int(r.integers(1, 5))))
        p = [[int(r.integers(0, d)), int(r.integers(0, d))] for d in s]
        yield make(pick(r, FLOATS + INTS), s, p, pick(r, ["REFLECT", "SYMMETRIC"]), index_type(r))
    del tf


@op("Tile")
def tile(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, (2, 1)), np.array([2, 3], (np.int32, np.int64)[i % 2]))
        for s, m in (((), ()), ((3,), (1,)), ((3,), (0,)), ((0,), (3,)), ((2, 3), (1, 2)), ((2, 3), (2, 1)), ((2, 1, 2), (1, 3, 2)), ((1, 2, 1, 2), (2, 1, 2, 1)), ((1, 2, 1, 2, 1), (2, 1, 1, 1, 3)), ((2, 3), (0, 2)), ((1, 2, 1, 1, 2, 1), (2, 1, 1, 2, 1, 1))):
            yield Case(rand(r, "float32", s), i32(*m))
        yield Case(rand(r, "float32", (6, 7)), i32(5, 6))
        for s, m in (((1,), (-1,)), ((1,), (1, 1)), ((2, 2), (1,)), ((), (1,)), ((1,), ())):
            yield Case(zeros(*s), i32(*m), row=99)
        yield Case(zeros(2, 2), i64(BIG, BIG), row=99)
        yield Case(zeros(2), i64(2**62), row=99, words=False)
        yield Case(zeros(2), scalar(2), row=99)
        yield Case(zeros(2), np.array([[2]], np.int32), row=99)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 5, 3)
        yield Case(rand(r, pick(r, ALL), s), r.integers(0, 4, len(s)).astype(index_type(r)))


@op("Fill")
def fill(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(np.array([2, 3], (np.int32, np.int64)[i % 2]), rand(r, t))
        for d in ([], [0], [3], [2, 0, 3], [1, 2, 1, 2, 1]):
            yield Case(i32(*d), rand(r, "float32"))
        yield Case(scalar(3), rand(r, "float32"), row=100)
        yield Case(i32(2), zeros(1), row=100)
        yield Case(i32(-1), zeros(), row=100)
        yield Case(i32(2, -1), zeros(), row=100)
        yield Case(i32(1), zeros(2), row=100)
        yield Case(np.array([[3, 3]], np.int32), zeros(), row=100)
        yield Case(i64(BIG, BIG), zeros(), row=100)
        yield Case(i64(2**63 - 1), zeros(), row=4)
        yield Case(i64(2**60), zeros(dtype="float64"), row=4)
        yield Case(i64(BIG, 0, BIG), zeros(), row=100, must="Any")
        yield Case(i32(*[1] * 255), zeros(), row=3, words=False)
    for _ in range(0 if fixed else n):
        yield Case(np.array(shape_of(r), index_type(r)), rand(r, pick(r, ALL)))


@op("Range")
def ranges(name, r, n, fixed):
    types = allowed(name, "Tidx")
    if fixed:
        for t in types:
            for a, b, d in ((0, 5, 1), (2, 9, 3), (3, 3, 1)):
                yield Case(scalar(a, t), scalar(b, t), scalar(d, t))
            if t not in ("uint16", "uint32"):
                yield Case(scalar(5, t), scalar(-3, t), scalar(-2, t))
        for a, b, d in ((0, 1, 0.1), (0, 1, 0.25), (1, 0, -0.3), (-1, 1, 0.5), (0, 0, 1), (0.5, 10, 3.1), (1e10, 1e10 + 5000, 1024)):
            yield Case(scalar(a, "float32"), scalar(b, "float32"), scalar(d, "float32"))
            yield Case(scalar(a, "float64"), scalar(b, "float64"), scalar(d, "float64"))
        yield Case(scalar(2**31 - 3), scalar(2**31 - 1), scalar(1))
        yield Case(scalar(-2**31), scalar(2**31 - 1), scalar(2**30))
        yield Case(scalar(2**63 - 3, "int64"), scalar(2**63 - 1, "int64"), scalar(1, "int64"))
        for a, b, d in ((0, 5, 0), (0, 5, -1), (5, 0, 1)):
            yield Case(scalar(a), scalar(b), scalar(d), row=102)
            yield Case(scalar(a, "float32"), scalar(b, "float32"), scalar(d, "float32"), row=102)
        yield Case(i32(0, 1), scalar(5), scalar(1), row=102)
        yield Case(scalar(0), i32(5, 5), scalar(1), row=102)
        yield Case(scalar(0), scalar(5), i32(1, 1), row=102)
        yield Case(i32(0), i32(3), i32(1))
        yield Case(scalar(-1e38, "float32"), scalar(3e38, "float32"), scalar(1e-3, "float32"), row=102)
        yield Case(scalar(0.0, "float32"), scalar(np.inf, "float32"), scalar(1.0, "float32"), row=102)
        yield Case(scalar(0.0, "float32"), scalar(np.nan, "float32"), scalar(1.0, "float32"), row=102, words=False)
        yield Case(scalar(-2**63, "int64"), scalar(2**63 - 1, "int64"), scalar(1, "int64"), row=102, must="InvalidArgument")
    for _ in range(0 if fixed else n):
        t = pick(r, types)
        a, b, d = (int(x) for x in (r.integers(0, 10), r.integers(0, 30), r.integers(1, 4)))
        yield Case(scalar(min(a, b), t), scalar(max(a, b), t), scalar(d, t))


@op("LinSpace")
def lin_space(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            for a, b, k in ((0, 1, 5), (3, -2, 4), (1, 1, 3), (2, 5, 1), (-1, 1, 2)):
                yield Case(scalar(a, t), scalar(b, t), scalar(k, "int64" if k == 4 else "int32"))
        yield Case(scalar(0.1, "float32"), scalar(0.7, "float32"), scalar(100))
        yield Case(scalar(0, "float32"), scalar(1, "float32"), scalar(0), row=103)
        yield Case(scalar(0, "float32"), scalar(1, "float32"), scalar(-3), row=103)
        yield Case(zeros(1), scalar(1, "float32"), scalar(2), row=103)
        yield Case(scalar(0, "float32"), zeros(2), scalar(2), row=103)
        yield Case(scalar(0, "float32"), scalar(1, "float32"), i32(2, 2), row=103)
        yield Case(scalar(0, "float32"), scalar(1, "float32"), scalar(2**62, "int64"), row=103, must="ResourceExhausted")
    for _ in range(0 if fixed else n):
        t = pick(r, types)
        yield Case(rand(r, t), rand(r, t), scalar(int(r.integers(1, 30))))


@op("OneHot")
def one_hot(name, r, n, fixed):
    if fixed:
        for t in ALL:
            on, off = (strings(b"on")[0:1].reshape(()), strings(b"off").reshape(())) if t == "string" else (scalar(1, t), scalar(0, t))
            yield Case(i64(0, 2, 1), scalar(3), on, off)
        for t in allowed(name, "TI"):
            yield Case(arr([[0, 1], [2, 0]], t), scalar(3), scalar(5.0, "float32"), scalar(-1.0, "float32"), axis=1)
        one, nil = scalar(1.0, "float32"), scalar(0.0, "float32")
        for s in ((), (3,), (0,), (2, 2), (2, 0), (1, 2, 1, 2)):
            for axis in (-1, 0, len(s)):
                yield Case(r.integers(-1, 4, s).astype(np.int32), scalar(3), one, nil, axis=axis)
        yield Case(i32(-1, 3, 100, -2**31, 2**31 - 1, 0), scalar(3), one, nil)
        yield Case(arr([255, 0, 1], "uint8"), scalar(2), one, nil)
        yield Case(i64(2**32, 0), scalar(2), one, nil)
        yield Case(i32(0, 1), scalar(0), one, nil)
        yield Case(i32(0), scalar(-1), one, nil, row=104)
        yield Case(i32(0), i32(1, 2), one, nil, row=104)
        yield Case(i32(0), i32(2), one, nil, row=104)
        yield Case(i32(0), scalar(2), zeros(2), nil, row=104)
        yield Case(i32(0), scalar(2), one, zeros(1), row=104)
        for axis in (7, 2, -2, 856, 2**31 - 1):
            yield Case(i32(0), scalar(2), one, nil, axis=axis, row=104)
        yield Case(np.zeros(2**10, np.uint8), scalar(2**31 - 1), one, nil, row=104)
    for _ in range(0 if fixed else n):
        s, t = shape_of(r, 0, 4), pick(r, ALL)
        yield Case(r.integers(-1, 6, s).astype(index_type(r)), scalar(int(r.integers(1, 6))), rand(r, t), rand(r, t), axis=int(r.integers(-1, len(s) + 1)))


# ------------------------------------------------------------------ gathering and scattering
@op("Gather", "GatherV2")
def gather(name, r, n, fixed):
    def make(params, indices, axis=None, **kw):
        if name == "Gather":
            return Case(params, indices, **kw)
        return Case(params, indices, scalar(axis or 0), **kw)
    if fixed:
        for i, t in enumerate(ALL):
            yield make(rand(r, t, (4, 2)), np.array([3, 0, 3], (np.int32, np.int64)[i % 2]))
        for s, index in (((4,), i32(2)), ((4,), scalar(2)), ((4,), i32()), ((4, 3), np.array([[0, 3], [1, 1]], np.int32)), ((4, 0), i32(1, 1)), ((0, 3), i32()), ((2, 1, 2, 1, 2), i32(1, 0)), ((40, 9), i32(*range(39, 0, -3)))):
            yield make(rand(r, "float32", s), index)
        for p, index in (((3,), [5]), ((3,), [-1]), ((3,), [0, 3]), ((0,), [0]), ((3, 2), [[0, 1], [2, 3]])):
            yield make(zeros(*p), np.array(index, np.int32), row=90)
        yield make(zeros(), i32(0), row=90)
        yield make(zeros(3), i64(2**32), row=90)
        yield make(zeros(3), i64(-2**63), row=90)
        if name == "Gather":
            yield make(rand(r, "float32", (3,)), i32(1), validate_indices=False)
        else:
            for s, axis, index in (((2, 3), 1, i32(2, 0)), ((2, 3), -1, i32(1)), ((2, 3), -2, i32(1)), ((2, 3, 4), 1, np.array([[0, 2], [1, 1]], np.int32)), ((2, 3, 4), 2, scalar(3)), ((2, 0, 3), 2, i32(1)), ((2, 3, 0), 1, i32(1)), ((1, 2, 1, 3, 2), 3, i32(2, 2, 0))):
                yield make(rand(r, "float32", s), index, axis)
            yield Case(rand(r, "float32", (2, 3)), arr([1, 1], "int16"), scalar(1, "int64"))
            for s, ishape, axis, b in (((2, 3), (2, 2), 1, 1), ((2, 3, 2), (2, 4), 1, 1), ((2, 3, 2), (2, 3), 2, 2), ((2, 3, 2), (2, 3, 2), 2, 2), ((2, 3, 2), (2, 3), 2, -1), ((2, 3, 4), (2, 2), 2, 1), ((2, 0, 3), (2, 0), 2, 2), ((0, 2), (0, 3), 1, 1), ((2, 3), (2,), 1, 1)):
                top = max(s[axis], 1)
                yield Case(rand(r, "float32", s), r.integers(0, top, ishape).astype(np.int32), scalar(axis), batch_dims=b)
            for axis in (4, -3, 2, 2**31 - 1, -2**31):
                yield make(zeros(2, 3), i32(0), axis, row=91)
            yield Case(zeros(2, 3), i32(0), scalar(-2**63, "int64"), row=91)
            yield Case(zeros(2, 3), i32(0), scalar(2**62, "int64"), row=91)
            yield Case(zeros(2, 3), i32(0), i32(0), row=91)
            yield Case(zeros(2, 3), i32(0), i32(0, 1), row=91)
            for b, axis in ((1, 0), (3, 1), (-3, 1), (2, 1)):
                yield Case(zeros(2, 3), i32(0, 0), scalar(axis), batch_dims=b, row=92)
            yield Case(zeros(2, 3), np.zeros((3, 1), np.int32), scalar(1), batch_dims=1, row=92)
            yield Case(zeros(0, 3), np.zeros((0, 2), np.int32), scalar(1), batch_dims=1, row=93)
            yield Case(zeros(2, 0), np.zeros((2, 2), np.int32), scalar(1), batch_dims=1, row=93)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 5)
        axis = 0 if name == "Gather" else int(r.integers(len(s)))
        if s[axis]:
            yield make(rand(r, pick(r, ALL), s), r.integers(0, s[axis], shape_of(r, 0, 3)).astype(index_type(r)), axis)


@op("GatherNd")
def gather_nd(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (3, 2)), np.array([[2], [0]], np.int32))
        for i, (s, index) in enumerate((((3, 2), [[0, 1], [2, 0]]), ((3, 2), [1]), ((3, 2), [1, 1]), ((3, 2), [[[0, 0]], [[2, 1]]]), ((2, 3, 2), [[1, 2], [0, 0]]), ((2, 1, 2, 1, 2), [[1, 0, 1, 0, 1]]), ((3, 0), [[1]]))):
            yield Case(rand(r, "float32", s), arr(index, ("int32", "int64", "int16")[i % 3]))
        yield Case(rand(r, "float32", (3, 2)), np.zeros((2, 0), np.int32))
        yield Case(rand(r, "float32", (3, 2)), np.zeros((0, 2), np.int32))
        yield Case(zeros(0, 2), np.zeros((0, 1), np.int32))
        for s, index in (((2,), [[5]]), ((2,), [[-1]]), ((2,), [[0, 0]]), ((5, 5, 5), [[6, 6, 6]]), ((0, 2), [[0]]), ((2, 3), [[0, 3], [1, 1]])):
            yield Case(zeros(*s), np.array(index, np.int32), row=94)
        yield Case(zeros(), i32(0), row=94)
        yield Case(zeros(2), scalar(0), row=94)
        yield Case(zeros(2), i64(2**40).reshape(1, 1), row=94)
    for _ in range(0 if fixed else n):
        s = tuple(int(d) for d in r.integers(1, 4, int(r.integers(1, 5))))
        k = int(r.integers(1, len(s) + 1))
        outer = shape_of(r, 0, 2)
        index = np.stack([r.integers(0, s[i], outer) for i in range(k)], -1)
        yield Case(rand(r, pick(r, ALL), s), index.astype(index_type(r)))


@op("ScatterNd")
def scatter_nd(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(np.array([[2], [0]], np.int32), rand(r, t, (2, 2)), i32(4, 2))
        for t in ("float32", "int64", "bool", "string"):
            yield Case(np.array([[1], [1], [0]], np.int32), rand(r, t, (3,)), i32(3))
        for i, (index, u, s) in enumerate((([[0, 1], [1, 0]], (2,), (2, 2)), ([[[0], [2]]], (1, 2, 3), (3, 3)), ([[1, 0, 1]], (1, 2), (2, 1, 2, 2)), ([1], (2,), (3, 2)))):
            t = ("int32", "int64", "int16")[i % 3]
            yield Case(arr(index, t), rand(r, "float32", u), arr(s, t), words=index != [1])
        yield Case(np.zeros((0, 1), np.int32), zeros(0, 2), i32(3, 2))
        yield Case(np.zeros((2, 0), np.int32), rand(r, "float32", (2, 3)), i32(3), words=False)
        yield Case(np.zeros((2, 1), np.int32), zeros(2, 0), i32(3, 0), words=False)
        for index, u, s in (([[5]], (1,), (3,)), ([[-1]], (1,), (3,)), ([[0, 0]], (1,), (3,)), ([[0]], (2,), (3,)), ([[0]], (1, 2), (3,)), ([[0]], (1,), (3, 2)), ([[0]], (1,), (-3,)), ([[0]], (1,), (0,)), ([[0]], (), (3,))):
            yield Case(np.array(index, np.int32), zeros(*u), i32(*s), row=94)
        yield Case(np.array([[0]], np.int32), zeros(1), scalar(3), row=94)
        yield Case(scalar(0), zeros(), i32(3), row=94)
        yield Case(i64(0).reshape(1, 1), zeros(1), i64(BIG, BIG), row=94)
    for _ in range(0 if fixed else n):
        s = tuple(int(d) for d in r.integers(1, 4, int(r.integers(1, 5))))
        k = int(r.integers(1, len(s) + 1))
        outer = shape_of(r, 1, 2, 3)
        index = np.stack([r.integers(0, s[i], outer) for i in range(k)], -1)
        t = index_type(r)
        yield Case(index.astype(t), rand(r, pick(r, FLOATS + INTS), outer + s[k:]), np.array(s, t))


@op("SparseToDense")
def sparse_to_dense(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(i32(0, 2), i32(4), rand(r, t, (2,)), rand(r, t))
        d = scalar(0.5, "float32")
        yield Case(scalar(2), i32(4), rand(r, "float32"), d)
        yield Case(i64(1, 3), i64(4), rand(r, "float32"), d)
        yield Case(np.array([[0, 1], [2, 0]], np.int32), i32(3, 2), rand(r, "float32", (2,)), d)
        yield Case(np.array([[0, 1, 0], [1, 0, 1]], np.int64), i64(2, 2, 2), rand(r, "float32", (2,)), d)
        yield Case(i32(1, 0), i32(3), rand(r, "float32", (2,)), d, validate_indices=False)
        yield Case(i32(1, 1), i32(3), rand(r, "float32", (2,)), d, validate_indices=False)
        yield Case(i32(), i32(3), zeros(0), d, grad=False)  # TensorFlow gathers one row there
        yield Case(i32(), i32(0), zeros(0), d)
        yield Case(np.zeros((0, 2), np.int32), i32(2, 2), zeros(0), d)
        one = scalar(1.0, "float32")
        for index, shape in (([5], [3]), ([1, 0], [3]), ([1, 1], [3]), ([-1], [3]), ([0], [-3]), ([0], [0]), ([[[1]]], [3]), ([[0, 1]], [3]), ([0], [2, 2]), ([0], [[3]])):
            yield Case(np.array(index, np.int32), np.array(shape, np.int32), one, d, row=105)
        yield Case(i32(-1), i32(3), one, d, validate_indices=False, row=105)
        yield Case(i32(3), i32(3), one, d, validate_indices=False, row=105)
        yield Case(i32(0, 1), i32(3), rand(r, "float32", (3,)), d, row=105)
        yield Case(i32(0, 1), i32(3), zeros(2, 1), d, row=105)
        yield Case(i32(0, 1), i32(3), zeros(2), zeros(1), row=105)
        yield Case(i32(0), scalar(3), one, d, row=105)
        yield Case(i64(0, 0).reshape(1, 2), i64(BIG, BIG), one, d, row=105)
    for _ in range(0 if fixed else n):
        size = int(r.integers(1, 12))
        k = int(r.integers(0, size + 1))
        t, v = index_type(r), pick(r, ALL)
        yield Case(np.sort(r.permutation(size)[:k]).astype(t), np.array([size], t), rand(r, v, (k,)), rand(r, v), grad=False)


@op("Where")
def where(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            x = rand(r, t, (2, 3))
            yield Case(np.where(rand(r, "bool", (2, 3)), x, arr(0, t)))
        for s in SHAPES + [(1, 2, 1, 2, 1, 2), (2, 1, 2, 1, 2, 1, 2, 2)]:
            yield Case(rand(r, "bool", s))
        yield Case(arr([0.0, -0.0, np.nan, np.inf, -1]))
        yield Case(rand(r, "bool", (700,)))
        yield Case(rand(r, "bool", (2, 1, 2, 1, 2, 1, 2, 1, 2)))
    for _ in range(0 if fixed else n):
        t, s = pick(r, types), shape_of(r)
        yield Case(np.where(rand(r, "bool", s), rand(r, t, s), arr(0, t)))


@op("Unique", "UniqueWithCounts")
def unique(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (8,)), out_idx=pick(r, ["int32", "int64"]))
        yield Case(zeros(0))
        yield Case(arr([0.0, -0.0, 1.0, 0.0]))
        yield Case(arr([np.nan, 1.0, np.nan]))
        yield Case(i32(5))
        yield Case(zeros(2, 2), row=None)
        yield Case(zeros())
        yield Case(r.integers(0, 50, 300).astype(np.int32))
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, ALL), (int(r.integers(0, 30)),)), out_idx=pick(r, ["int32", "int64"]))


@op("ListDiff")
def list_diff(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (8,)), rand(r, t, (3,)), out_idx=pick(r, ["int32", "int64"]))
        yield Case(zeros(0), zeros(2))
        yield Case(rand(r, "float32", (3,)), zeros(0))
        yield Case(arr([0.0, -0.0, np.nan]), arr([0.0, np.nan]))
        yield Case(zeros(2, 2), zeros(2))
        yield Case(zeros(2), zeros(2, 2))
        yield Case(zeros(), zeros(2))
    for _ in range(0 if fixed else n):
        t = pick(r, ALL)
        yield Case(rand(r, t, (int(r.integers(0, 20)),)), rand(r, t, (int(r.integers(0, 9)),)))


# ------------------------------------------------------------------ reversing, broadcasting, selecting
@op("Reverse")
def reverse(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (2, 3)), np.array([False, True]))
        for s in SHAPES + [(2, 1, 2, 1, 1, 2, 1, 2)]:
            yield Case(rand(r, "float32", s), rand(r, "bool", (len(s),)), **({"must": "Any"} if s[:1] == (0,) else {}))
        yield Case(zeros(0, 2), np.array([True, True]), row=108, must="Any")
        yield Case(zeros(2), np.array([True, False]), row=108)
        yield Case(zeros(2), np.array([[True]]), row=108)
        yield Case(zeros(2), np.array(True), row=108)
        yield Case(zeros(*[1] * 9), np.array([True] * 9), row=109)
    for _ in range(0 if fixed else n):
        s = shape_of(r)
        yield Case(rand(r, pick(r, types), s), rand(r, "bool", (len(s),)), must="Any" if s[:1] == (0,) else None)


@op("ReverseV2")
def reverse_v2(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (2, 3)), i32(-1))
        for s, a in (((), ()), ((4,), (0,)), ((4,), ()), ((2, 3), (0, 1)), ((2, 3, 3), (1,)), ((2, 3, 3), (2,)), ((2, 3, 2), (-1, 0)), ((1, 2, 1, 2, 2), (1, 3, -1)), ((0, 3), (1,)), ((2, 1, 2, 1, 1, 2, 1, 2), (0, 7, 5))):
            yield Case(rand(r, "float32", s), i32(*a))
            yield Case(rand(r, "float64", s), i64(*a))
        yield Case(rand(r, "float32", (9, 11, 3)), i32(1))
        for s, a in (((2,), (3,)), ((2,), (0, 0)), ((2,), (0, -1)), ((2,), (-2,)), ((), (0,))):
            yield Case(zeros(*s), i32(*a), row=109, must=None if s else "Any")
        yield Case(zeros(2), scalar(0), row=109, words=False)
        yield Case(zeros(2), np.array([[0]], np.int32), row=109, words=False)
        yield Case(zeros(*[1] * 9), i32(0), row=109)
        yield Case(zeros(2), i64(2**32), row=109)
    for _ in range(0 if fixed else n):
        s = shape_of(r)
        k = int(r.integers(0, len(s) + 1))
        yield Case(rand(r, pick(r, types), s), r.permutation(len(s))[:k].astype(index_type(r)))


@op("BroadcastTo")
def broadcast_to(name, r, n, fixed):
    if fixed:
        for i, t in enumerate(ALL):
            yield Case(rand(r, t, (2, 1)), np.array([2, 3], (np.int32, np.int64)[i % 2]))
        for s, to in (((), ()), ((), (2, 3)), ((1,), (3,)), ((3,), (2, 3)), ((2, 1, 3), (2, 4, 3)), ((1, 2), (3, 1, 2)), ((0,), (2, 0)), ((1,), (0,)), ((1, 2, 1, 2, 1), (2, 2, 1, 2, 3)), ((2, 1), (2, 0)), ((3,), (3,))):
            yield Case(rand(r, "float32", s), i32(*to))
        for s, to in (((3,), (2,)), ((2, 3), (3,)), ((3,), (-1,)), ((3,), ()), ((0,), (2,)), ((2,), (2, 3))):
            yield Case(zeros(*s), i32(*to), row=101)
        yield Case(zeros(1), i64(BIG, BIG), row=101)
        yield Case(zeros(3), scalar(3), row=101)
        yield Case(zeros(3), np.array([[3]], np.int32), row=101)
    for _ in range(0 if fixed else n):
        full = shape_of(r, 0, 5, 3)
        s = tuple(1 if r.random() < 0.3 else d for d in full)[int(r.integers(0, len(full) + 1)):]
        yield Case(rand(r, pick(r, ALL), s), np.array(full, index_type(r)))


@op("Select")
def select(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, "bool", (2, 3)), rand(r, t, (2, 3)), rand(r, t, (2, 3)))
        for s in SHAPES:
            yield Case(rand(r, "bool", s), rand(r, "float32", s), rand(r, "float32", s))
            yield Case(np.array(True), rand(r, "float32", s), rand(r, "float32", s))
            if s:
                yield Case(rand(r, "bool", s[:1]), rand(r, "float32", s), rand(r, "float32", s))
        yield Case(np.array([True, False]), arr([np.nan, 1]), arr([1, np.inf]))
        yield Case(rand(r, "bool", (2,)), zeros(3), zeros(3), row=114)
        yield Case(rand(r, "bool", (2,)), zeros(2, 3), zeros(2), row=114)
        yield Case(rand(r, "bool", (2, 3)), zeros(2, 3), zeros(3, 2), row=114)
        yield Case(rand(r, "bool", (3,)), zeros(2, 3), zeros(2, 3), row=114)
        yield Case(rand(r, "bool", (2, 1)), zeros(2, 3), zeros(2, 3), row=114)
        yield Case(rand(r, "bool", (1,)), zeros(2, 3), zeros(2, 3), row=114)
        yield Case(rand(r, "bool", (2,)), zeros(), zeros(), row=114)
        yield Case(np.array(True), zeros(2), zeros(3), row=114)
    for _ in range(0 if fixed else n):
        s, t = shape_of(r), pick(r, ALL)
        yield Case(rand(r, "bool", pick(r, [s, (), s[:1]])), rand(r, t, s), rand(r, t, s))


@op("SelectV2")
def select_v2(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, "bool", (2, 1)), rand(r, t, (2, 3)), rand(r, t, (3,)))
        for s in SHAPES:
            yield Case(rand(r, "bool", s), rand(r, "float32", s), rand(r, "float32"))
            yield Case(rand(r, "bool"), rand(r, "float32", s), rand(r, "float32", s))
        for a, b, c in (((2, 1, 2), (3, 1), (2, 1, 1)), ((1,), (2, 3), (1, 3)), ((0,), (1,), ()), ((), (2, 1), (1, 2)), ((2, 1, 1, 2, 1), (1, 2, 1, 1, 2), (2,)), ((3,), (1,), (2, 1))):
            yield Case(rand(r, "bool", a), rand(r, "float32", b), rand(r, "float32", c))
        yield Case(rand(r, "bool", (2,)), zeros(3), zeros(3), row=114)
        yield Case(rand(r, "bool", (3,)), zeros(2), zeros(3), row=114)
        yield Case(rand(r, "bool", ()), zeros(2), zeros(3), row=114)
    for _ in range(0 if fixed else n):
        (a, b), t = broadcast_pair(r), pick(r, ALL)
        yield Case(rand(r, "bool", a), rand(r, t, b), rand(r, t, pick(r, [a, b, ()])))


@op("DynamicPartition")
def dynamic_partition(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (4, 2)), i32(0, 2, 0, 1), num_partitions=3)
        for s, p in (((), scalar(1)), ((3,), i32(1, 1, 1)), ((2, 2), np.array([[0, 1], [1, 0]], np.int32)), ((2, 2, 3), np.array([[0, 1], [1, 0]], np.int32)), ((0, 2), i32()), ((3, 0), i32(0, 1, 0))):
            yield Case(rand(r, "float32", s), p, num_partitions=2)
        yield Case(rand(r, "float32", (2,)), i32(0, 0), num_partitions=1)
        yield Case(zeros(2), i32(5, 0), num_partitions=2, row=112)
        yield Case(zeros(2), i32(-1, 0), num_partitions=2, row=112)
        yield Case(zeros(2), i32(0), num_partitions=2, row=112)
        yield Case(zeros(2), np.zeros((2, 2), np.int32), num_partitions=2, row=112)
        yield Case(zeros(2), i32(0, 0), num_partitions=0, row=112)
        yield Case(zeros(2, 2), i32(0, 0, 1), num_partitions=2, row=112)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 4)
        yield Case(rand(r, pick(r, ALL), s), r.integers(0, 3, s[:int(r.integers(0, len(s) + 1))]).astype(np.int32), num_partitions=3)


@op("DynamicStitch")
def dynamic_stitch(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case([i32(0, 2), i32(1)], [rand(r, t, (2, 2)), rand(r, t, (1, 2))])
        yield Case([scalar(1), np.array([[0, 2]], np.int32)], [rand(r, "float32", (2,)), rand(r, "float32", (1, 2, 2))])
        yield Case([i32(0, 1), i32(1, 2)], [rand(r, "float32", (2,)), rand(r, "float32", (2,))])
        yield Case([i32(), i32(0)], [zeros(0, 3), rand(r, "float32", (1, 3))])
        yield Case([i32()], [zeros(0)])
        yield Case([scalar(0)], [rand(r, "float32")])
        yield Case([i32(0, 1)], [zeros(2, 0)])
        yield Case([i32(5), i32(0, 1)], [zeros(1), zeros(3)], row=112)
        yield Case([i32(-1), i32(0)], [zeros(1), zeros(1)], row=112, words=False)
        yield Case([i32(0), i32(1)], [zeros(1, 2), zeros(1, 3)], row=112, words=False)
        yield Case([i32(0, 1)], [zeros(1)], row=112)
        yield Case([np.zeros((1, 1), np.int32)], [zeros(1)], row=112)
        yield Case([i32(0), i32(1)], [zeros(1), zeros(1, 1)], row=112, words=False)
        yield Case([i32(2**31 - 1)], [zeros(1)], row=112, must="InvalidArgument")
    for _ in range(0 if fixed else n):
        inner, t, k = shape_of(r, 0, 2), pick(r, ALL), int(r.integers(1, 4))
        order = r.permutation(3 * k).astype(np.int32)
        yield Case([order[i * 3:i * 3 + 3] for i in range(k)], [rand(r, t, (3,) + inner) for _ in range(k)])


# ------------------------------------------------------------------ types
@op("Cast")
def cast(name, r, n, fixed):
    types = [t for t in ALL if t != "string"]
    if fixed:
        for s in types:
            x = specials(s)
            if s in FLOATS:
                x = np.concatenate([x, arr([254.7, 255.9, 127.9, -128.5, 32767.5, 65535.5, 3e9, 1e19, -3e9], s)])
            if s in ("complex64", "complex128"):
                x = np.concatenate([x, arr([300 + 1j], s)])
            for d in types:
                y = x
                if s in FLOATS + ["complex64", "complex128"] and d in INTS + ["complex64", "complex128"]:
                    real = np.real(x.astype("c16")) if x.dtype.kind == "c" else x.astype("f8")
                    lo, hi = (np.iinfo(d).min, np.iinfo(d).max) if d in INTS else (-1e30, 1e30)
                    with np.errstate(all="ignore"):
                        y = x[np.isfinite(real) & (real > lo - 1) & (real < hi)]  # outside, the result is not defined
                yield Case(y, DstT=d)
        for d in ("bfloat16", "float16", "int32"):
            yield Case(arr([1.00390625, 1.005859375, 1.01171875, 65519.0, 3.5, -2.5]), DstT=d, Truncate=True)
        for d in ("float16", "bfloat16"):
            yield Case(arr([65504, 65519, 65520, 1e-5, 6e-8, 2.9e-8, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, 1e39, -1e39], "float64"), DstT=d)
        yield Case(arr([2**24 + 1, 2**53 + 1, -2**63, 2**63 - 1], "int64"), DstT="float32")
        yield Case(arr([2**64 - 1, 2**53 + 1], "uint64"), DstT="float32")
        for s in SHAPES:
            yield Case(rand(r, "float32", s), DstT="int64")
        yield Case(rand(r, "uint8", (600,)), DstT="float32")
        yield Case(strings(b"a"), DstT="int32", row=8)
        yield Case(zeros(1), DstT="string", row=8)
    for _ in range(0 if fixed else n):
        a, b = pick(r, types), pick(r, types)
        yield Case(np.abs(rand(r, a, shape_of(r))) if b in ("uint8", "uint16", "uint32", "uint64") and a != "bool" else rand(r, a, shape_of(r)), DstT=b)


@op("Bitcast")
def bitcast(name, r, n, fixed):
    size = {t: arr(0, t).dtype.itemsize for t in ALL if t not in ("bool", "string")}
    if fixed:
        for a in size:
            b = pick(r, [t for t in size if size[t] == size[a]])
            yield Case(specials(a), type=b)
            small = [t for t in size if size[t] < size[a]]
            if small:
                b = pick(r, small)
                yield Case(rand(r, a, (2, 3)), type=b)
                k = size[a] // size[b]
                yield Case(np.frombuffer(rand(r, a, (2, 3)).tobytes(), arr(0, b).dtype).reshape(2, 3, k), type=a)
        yield Case(rand(r, "float32"), type="int32")
        yield Case(rand(r, "int64"), type="uint8")
        yield Case(zeros(0), type="int32")
        yield Case(zeros(0), type="uint8")
        yield Case(zeros(3, dtype="uint8"), type="int32", row=8, words=False)
        yield Case(zeros(dtype="uint8"), type="int32", row=8, words=False)
        yield Case(zeros(2, 8, dtype="uint8"), type="int32", row=8, words=False)
        yield Case(zeros(0, dtype="uint8"), type="int32", row=8, words=False)
    for _ in range(0 if fixed else n):
        a = pick(r, list(size))
        yield Case(rand(r, a, shape_of(r)), type=pick(r, [t for t in size if size[t] <= size[a]]))


@op("Diag")
def diag(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (3,)))
        for s in ((1,), (0,), (2, 3), (2, 1, 2), (2, 0)):
            yield Case(rand(r, "float32", s))
        yield Case(zeros())
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, types), shape_of(r, 1, 3, 3)))


@op("DiagPart")
def diag_part(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (3, 3)))
        for s in ((1, 1), (0, 0), (2, 3, 2, 3), (2, 1, 2, 1), (2, 0, 2, 0)):
            yield Case(rand(r, "float32", s))
        for s in ((), (3,), (2, 3), (2, 2, 2), (2, 3, 3, 2)):
            yield Case(zeros(*s), words=False)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 2, 3)
        yield Case(rand(r, pick(r, types), tuple(s) + tuple(s)))


@op("ReverseSequence")
def reverse_sequence(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for i, t in enumerate(types):
            lengths = np.array([0, 3, 2, 4], (np.int32, np.int64)[i % 2])
            yield Case(rand(r, t, (4, 4)), lengths, seq_dim=1)
        for s, seq, batch in (((3, 2), 0, 1), ((2, 3, 4), 2, 0), ((2, 3, 4), 0, 2), ((2, 3, 4), 1, 2), ((2, 1, 3, 2), 3, 2), ((0, 3), 1, 0), ((3, 0), 1, 0)):
            yield Case(rand(r, "float32", s), r.integers(0, s[seq] + 1, s[batch]).astype(np.int64), seq_dim=seq, batch_dim=batch)
        ok = zeros(2, 3)
        for lengths, kw in ((i64(1, 4), {"seq_dim": 1}), (i64(1, -1), {"seq_dim": 1}), (i64(1), {"seq_dim": 1}), (i64(1, 1, 1), {"seq_dim": 1}),
                            (i64(1, 1), {"seq_dim": 2}), (i64(1, 1), {"seq_dim": 0}), (i64(1, 1), {"seq_dim": 1, "batch_dim": 2}), (i64(1, 1), {"seq_dim": -1}),
                            (i64(1, 1), {"seq_dim": 1, "batch_dim": -1}), (i64(1, 2**40), {"seq_dim": 1})):
            yield Case(ok, lengths, row=110, must="InvalidArgument", words=False, **kw)
        yield Case(ok, np.array([[1, 1]], np.int64), row=110, must="InvalidArgument", words=False, seq_dim=1)
        yield Case(zeros(), i64(1), row=110, must="InvalidArgument", words=False, seq_dim=0)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 2, 4, 4)
        seq, batch = (int(d) for d in r.permutation(len(s))[:2])
        yield Case(rand(r, pick(r, types), s), r.integers(0, s[seq] + 1, s[batch]).astype(index_type(r)), seq_dim=seq, batch_dim=batch)


@op("EnsureShape")
def ensure_shape(name, r, n, fixed):
    if fixed:
        for t in ALL:
            yield Case(rand(r, t, (2, 3)), shape=[2, 3])
        for s, expected in (((2, 3), [None, 3]), ((2, 3), None), ((), []), ((0,), [0]), ((0,), [None])):
            yield Case(rand(r, "float32", s), shape=expected)
        for s, expected in (((2, 3), [2, 4]), ((2, 3), [2]), ((), [1]), ((2,), [])):
            yield Case(zeros(*s), shape=expected, words=False)
    for _ in range(0 if fixed else n):
        s = shape_of(r)
        yield Case(rand(r, pick(r, ALL), s), shape=[None if r.integers(2) else int(d) for d in s])


@op("PlaceholderWithDefault")
def placeholder_with_default(name, r, n, fixed):
    for t in ALL if fixed else [pick(r, ALL) for _ in range(n)]:
        yield Case(rand(r, t, (2, 3)), dtype=t, shape=[None, 3])
