"""Cases of image ops and raw decoding."""
import numpy as np

from .harness import Case
from .values import allowed, arr, pick, rand, scalar, strings, zeros

OPS = {}


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


@op("DecodeRaw")
def decode_raw(name, r, n, fixed):
    types = allowed(name, "out_type")

    def make(t, shape, k, **kw):
        size = arr(0, t).dtype.itemsize
        out = np.empty(shape, object)
        for i in np.ndindex(*shape):
            data = r.integers(0, 2, k * size) if t == "bool" else rand(r, t, (k,)).view(np.uint8) if t != "bfloat16" else np.frombuffer(rand(r, t, (k,)).tobytes(), np.uint8)
            out[i] = bytes(np.asarray(data, np.uint8))
        return Case(out, out_type=t, **kw)
    if fixed:
        for t in types:
            yield make(t, (2,), 3)
            yield make(t, (2,), 3, little_endian=False)
        for s in ((), (0,), (2, 2), (1, 2, 1, 2)):
            yield make("int16", s, 2)
        yield make("uint8", (), 50)
        yield Case(strings(b""), out_type="int16")
        yield Case(strings(b"", b""), out_type="float32")
        yield Case(strings(b"abc"), out_type="int16", row=135)
        yield Case(strings(b"abcd", b"ab"), out_type="int16", row=135)
        yield Case(strings(b"ab", b"abcd"), out_type="int16", row=135)
        yield Case(strings(b"", b"ab"), out_type="int16", row=135)
        yield Case(strings(b"abcdefg"), out_type="float64", row=135)
    for _ in range(0 if fixed else n):
        yield make(pick(r, types), (int(r.integers(1, 4)),), int(r.integers(0, 9)), little_endian=bool(r.integers(2)))


@op("AdjustContrast")
def adjust_contrast(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (2, 3, 3)), scalar(0.5, "float32"), scalar(0.0, "float32"), scalar(8.0, "float32"))
        for s, f in (((1, 1, 1), 2.0), ((2, 2, 2, 3), 1.5), ((2, 1, 2, 2, 1), -1.0), ((2, 2, 0), 1.0), ((0, 2, 3), 1.0), ((0, 2, 2, 3), 1.0)):
            yield Case(rand(r, "float32", s), scalar(f, "float32"), scalar(-1.0, "float32"), scalar(1.0, "float32"))
        ok = scalar(1.0, "float32")
        yield Case(zeros(3, 3), ok, ok, ok, row=143)
        yield Case(zeros(3), ok, ok, ok, row=143)
        yield Case(zeros(3, 3, 3), zeros(2), ok, ok, row=143)
        yield Case(zeros(3, 3, 3), ok, zeros(1), ok, row=143)
        yield Case(zeros(3, 3, 3), ok, ok, zeros(1), row=143)
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, types), tuple(int(d) for d in r.integers(1, 6, int(r.integers(3, 5))))), rand(r, "float32"), scalar(-5.0, "float32"), scalar(5.0, "float32"))


@op("AdjustContrastv2")
def adjust_contrast_v2(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            for f in (0.0, 0.5, 1.0, 1.8, -1.0):
                yield Case(rand(r, t, (3, 4, 3), 50.0), scalar(f, "float32"))
        for s in ((1, 1, 1), (2, 2, 2, 3), (2, 1, 2, 2, 1), (5, 5, 2), (2, 2, 0), (0, 2, 3), (0, 2, 2, 3)):
            yield Case(rand(r, "float32", s), scalar(1.5, "float32"))
        yield Case(rand(r, "float32", (12, 12, 3), 60.0), scalar(0.7, "float32"))
        yield Case(arr([[[np.inf], [1]], [[np.nan], [2]]]), scalar(0.5, "float32"))
        ok = scalar(1.0, "float32")
        for s in ((3, 3), (3,), ()):
            yield Case(zeros(*s), ok, row=143)
        yield Case(zeros(3, 3, 3), arr([1.0, 2.0]), row=143)
        yield Case(zeros(3, 3, 3), arr([1.0]), row=143)
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, types), tuple(int(d) for d in r.integers(1, 9, int(r.integers(3, 5)))), 20.0), rand(r, "float32"))
