"""Cases of string and summary ops."""
import numpy as np

from .harness import Case
from .values import FLOATS, INTS, SHAPES, allowed, arr, i32, pick, rand, scalar, shape_of, specials, strings, zeros

OPS = {}


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


def text(value):
    """A scalar string."""
    return arr(value, "string")


@op("StringJoin")
def string_join(name, r, n, fixed):
    if fixed:
        for s in SHAPES:
            yield Case([rand(r, "string", s), rand(r, "string", s)])
            yield Case([rand(r, "string", s), text(b"-"), rand(r, "string", s)], separator=", ")
        yield Case([rand(r, "string", (3,))], separator="x")
        yield Case([text(b"a"), text(b"b")])
        yield Case([], separator="x")
        yield Case([strings(b"a", b"b"), strings(b"a", b"b", b"c")], row=234)
        yield Case([strings(b"a"), rand(r, "string", (1, 1))], row=234)
        yield Case([strings(b"a"), strings(b"a", b"b")], row=234)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 0, 3)
        yield Case([rand(r, "string", pick(r, [s, s, ()])) for _ in range(int(r.integers(1, 4)))], separator=pick(r, ["", "/", "\0"]))


NUMBERS = {
    "float32": ["0", "1", "-1.5", "+2", "3.", ".5", "1e3", "1E-3", "-0", "inf", "-inf", "nan", "Infinity", "3.4028235e38", "1e-40", " 7", "7 ", "\t8\n", "1e-50", "16777217", "0.1",
                "1.17549435e-38", "123456789.123", "0x10", "1e39", "-1e39"],
    "int32": ["0", "1", "-1", "+2", "2147483647", "-2147483648", " 7", "7 ", "007", "-0"],
}
NUMBERS["float64"] = NUMBERS["float32"] + ["1e308", "1e309", "1e-320", "2.2250738585072014e-308", "0.1234567890123456789"]
NUMBERS["int64"] = NUMBERS["int32"] + ["9223372036854775807", "-9223372036854775808"]
NUMBERS["uint32"] = ["0", "1", "4294967295", " 7", "7 ", "007"]
NUMBERS["uint64"] = NUMBERS["uint32"] + ["18446744073709551615"]
BAD = ["", " ", "x", "1x", "--1", "1 2", "1e", "0x", "1,5", "1_0", "\0", "1\0", ".", "e5", "+", "inff", "+-1", "\u0661"]
BAD_INT = BAD + ["1.0", "1e3", "0x10", "2147483648", "99999999999", "-2147483649", "9223372036854775808", "-1", "18446744073709551616", "inf", "+2", "-0"]


@op("StringToNumber")
def string_to_number(name, r, n, fixed):
    for t in allowed(name, "out_type"):
        if fixed:
            yield Case(strings(*[s.encode() for s in NUMBERS[t][:10]]), out_type=t)
            for s in NUMBERS[t][10:]:
                yield Case(text(s.encode()), out_type=t)
            bad = BAD if t in FLOATS else BAD_INT
            for s in bad if t in ("float32", "int32", "uint32") else bad[-12:]:
                yield Case(text(s.encode()), out_type=t, row=233)
        for s in SHAPES if fixed else [shape_of(r, 0, 3) for _ in range(n)]:
            x = r.integers(0, 1000, s)
            yield Case(arr(np.array([str(v).encode() for v in x.reshape(-1)], object).reshape(s), "string"), out_type=t)


@op("AsString")
def as_string(name, r, n, fixed):
    types = allowed(name)
    floats = FLOATS + ["complex64", "complex128"]
    if fixed:
        for t in types:
            yield Case(specials(t))
            if t in floats:
                for kw in (dict(precision=0), dict(precision=3), dict(scientific=True), dict(scientific=True, precision=2), dict(shortest=True), dict(shortest=True, precision=3), dict(width=12), dict(width=12, fill="0"),
                           dict(width=10, fill="-", precision=2), dict(fill="+"), dict(width=9, fill=" "), dict(width=0), dict(fill="#", precision=0)):
                    if t in ("float32", "complex64") or len(kw) == 1:
                        yield Case(arr([0.0, -0.0, 1, -1.5, 1 / 3, 12345.678, 1e10, 1e-10, 123456789] + ([np.inf, -np.inf, np.nan] if t in FLOATS else [1 - 2j]), t), **kw)
            elif t in INTS:
                for kw in (dict(width=6), dict(width=6, fill="0"), dict(width=6, fill="-"), dict(fill="+"), dict(width=6, fill=" "), dict(width=1)):
                    if t in ("int32", "uint64", "int8"):
                        yield Case(specials(t), **kw)
        for s in SHAPES:
            yield Case(rand(r, "int32", s))
        for kw in (dict(fill="x"), dict(fill="%n"), dict(fill="12"), dict(scientific=True, shortest=True), dict(width=5, fill="a")):
            yield Case(rand(r, "float32", (2,)), row=231, **kw)
        for kw in (dict(precision=3), dict(scientific=True), dict(shortest=True), dict(fill="#")):
            yield Case(rand(r, "int32", (2,)), row=231, **kw)
        for kw in (dict(width=5), dict(precision=2), dict(fill="0"), dict(scientific=True)):
            yield Case(np.array([True, False]), row=231, **kw)
            yield Case(strings(b"ab"), row=231, **kw)
        yield Case(rand(r, "float32", (2,)), precision=-5, width=-7)
    for _ in range(0 if fixed else n):
        t = pick(r, types)
        yield Case(rand(r, t, shape_of(r, 0, 3), 1000.0), **({"precision": int(r.integers(-1, 9))} if t in floats else {}))


@op("ShardedFilename")
def sharded_filename(name, r, n, fixed):
    for i, k in ((0, 1), (3, 10), (99999, 100000), (123456, 1234567), (-1, 2), (5, 2)) if fixed else [tuple(int(x) for x in r.integers(0, 10**6, 2)) for _ in range(n)]:
        yield Case(text(b"dir/model.ckpt"), scalar(i), scalar(k))
    if fixed:
        yield Case(text(b""), scalar(0), scalar(1))
        yield Case(strings(b"a"), scalar(0), scalar(1), row=9)
        yield Case(strings(b"a", b"b"), scalar(0), scalar(1), row=9)
        yield Case(text(b"a"), i32(0, 1), scalar(1), row=9)
        yield Case(text(b"a"), scalar(0), i32(), row=9)


@op("ShardedFilespec")
def sharded_filespec(name, r, n, fixed):
    for k in (1, 10, 100000, 1234567, 0, -1) if fixed else [int(x) for x in r.integers(0, 10**6, n)]:
        yield Case(text(b"dir/model.ckpt"), scalar(k))
    if fixed:
        yield Case(strings(b"a", b"b"), scalar(1), row=9)
        yield Case(text(b"a"), i32(0, 1), row=9)


# ------------------------------------------------------------------ summaries
@op("ScalarSummary")
def scalar_summary(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(strings(b"a", b"b/c"), rand(r, t, (2,)))
        yield Case(text(b"loss"), scalar(0.1, "float32"))
        yield Case(text(b"loss"), scalar(0.1, "float64"))
        yield Case(text(b""), scalar(np.nan, "float32"))
        yield Case(strings(b"x", b"x"), arr([np.inf, -0.0]))
        yield Case(strings(), zeros(0))
        yield Case(rand(r, "string", (2, 2)), rand(r, "float32", (2, 2)))
        yield Case(strings(b"a", b"b"), arr([1.0]))
        yield Case(text(b"a"), arr([1.0]))
        yield Case(strings(b"a"), scalar(1.0, "float32"))
        yield Case(text(b"a"), zeros(2))
        yield Case(text(b"a"), scalar(2**53 + 1, "int64"))
    for _ in range(0 if fixed else n):
        yield Case(text(b"t"), rand(r, pick(r, types)))


@op("HistogramSummary")
def histogram_summary(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(text(b"h"), rand(r, t, (2, 3)))
        yield Case(text(b"h"), arr([1, -1, 0, 1e-12, 1.1e-12, 3.5, 1e30, -2e20], "float64"))
        yield Case(text(b"conv1/weights"), rand(r, "float32", (100,), 0.05))
        yield Case(text(b"h"), scalar(3.0, "float32"))
        yield Case(text(b"h"), zeros(0))
        yield Case(text(b"h"), zeros(40))
        yield Case(text(b""), arr([-5.0, 5, -1e-13, 1e-13, 1e300, -1e300], "float64"))
        for bad in ([np.nan], [1, np.inf], [-np.inf, np.nan]):
            yield Case(text(b"h"), arr(bad), row=145)
            yield Case(text(b"h"), arr(bad, "float16"), row=145)
        yield Case(strings(b"h", b"i"), arr([1.0]))
        yield Case(strings(b"h"), arr([1.0]))
    for _ in range(0 if fixed else n):
        yield Case(text(b"h"), rand(r, pick(r, types), shape_of(r), 10.0))


@op("ImageSummary")
def image_summary(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            for c in (1, 3, 4):
                x = rand(r, t, (2, 3, 2, c))
                yield Case(text(b"img"), (np.abs(x) * arr(20, t)).astype(x.dtype) if t == "uint8" else x)
        for k in (1, 2, 7):
            yield Case(text(b"img"), rand(r, "float32", (3, 2, 2, 1)), max_images=k)
        yield Case(text(b"img"), np.abs(rand(r, "float32", (1, 2, 3, 3))))
        yield Case(text(b"img"), zeros(1, 2, 2, 1))
        yield Case(text(b"img"), arr([np.nan, 1, np.inf, -1]).reshape(1, 2, 2, 1))
        yield Case(text(b"img"), arr([np.nan, 1, np.inf, -1]).reshape(1, 2, 2, 1), bad_color=np.array([7], np.uint8))
        yield Case(text(b"img"), zeros(0, 2, 2, 1))
        for s in ((1, 2, 2, 2), (1, 2, 2, 5), (2, 2, 1), (1, 2, 2, 0), (), (1, 1, 2, 2, 1)):
            yield Case(text(b"img"), zeros(*s), row=144)
        yield Case(strings(b"a", b"b"), zeros(1, 2, 2, 1), row=144)
        yield Case(text(b"img"), zeros(1, 2, 2, 3), bad_color=np.array([7], np.uint8), row=144)
        yield Case(text(b"img"), zeros(1, 2, 2, 3), bad_color=np.array([1.0, 2, 3, 4], np.float32), row=144)
        yield Case(text(b"img"), zeros(1, 2, 2, 3), bad_color=np.zeros((2, 2), np.uint8), row=144)
        yield Case(text(b"img"), zeros(1, 0, 2, 3), row=144)
        yield Case(text(b"img"), zeros(1, 2, 2, 1), max_images=0, row=144)
        yield Case(text(b"img"), zeros(1, 2, 2, 1), max_images=-1, row=144)
    for _ in range(0 if fixed else n):
        t = pick(r, types)
        x = rand(r, t, (int(r.integers(1, 4)), 3, 4, pick(r, [1, 3, 4])))
        yield Case(text(b"img"), np.abs(x) if t == "uint8" else x)


@op("MergeSummary")
def merge_summary(name, r, n, fixed):
    import tensorflow as tf

    def one(*pairs):
        return tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag=t, simple_value=v) for t, v in pairs]).SerializeToString()
    if fixed:
        a, b = one(("a", 1.0)), one(("b", 2.0), ("c", 3.0))
        yield Case([text(a)])
        yield Case([text(a), text(b)])
        yield Case([strings(a, b), text(one(("d", 4.0)))])
        yield Case([text(b""), text(a)])
        yield Case([strings()])
        yield Case([text(a), text(a)], row=146)
        yield Case([text(b), text(one(("c", 3.0)))], row=146)
        yield Case([text(b"\xff\xff")], row=146)
        yield Case([text(a), text(b"\x0a\x7f")], row=146)
        yield Case([text(one(("", 1.0)))])
        yield Case([text(one(("", 1.0), ("", 2.0)))], row=146)
    for _ in range(0 if fixed else n):
        yield Case([text(one((f"t{i}", float(r.normal())))) for i in range(int(r.integers(1, 5)))])
