"""Cases of the places of maxima and of the first and second gradients of max pooling."""
import numpy as np

from .harness import Case
from .nn_cases import POOL_BAD, POOLS, pool_attrs, pool_out, random_pool
from .values import allowed, arr, i32, i64, pick, rand, zeros

OPS = {}


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


BASE = dict(ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
SMALL = ((1, 4, 3, 2), (3, 2), (2, 2), "SAME")
TIES = arr([1, 1, 1, 2, 2, 1, 0, 0, 2]).reshape(1, 3, 3, 1)


def small(attrs):
    """Whether sizes fit the inputs of the V2 ops."""
    return max(map(abs, attrs.get("ksize", [0]) + attrs.get("strides", [0]))) < 2**31


@op("MaxPoolWithArgmax")
def with_argmax(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for i, p in enumerate(POOLS):
            extra = dict(include_batch_in_index=True) if i % 2 else {}
            yield Case(rand(r, "float32", p[0]), **pool_attrs(p), **extra)
        for t in types:
            yield Case(rand(r, t, (2, 4, 3, 2)), ksize=[1, 2, 2, 1], strides=[1, 2, 1, 1], padding="SAME")
        yield Case(rand(r, "float32", (2, 5, 5, 3)), Targmax="int32", include_batch_in_index=True, **pool_attrs(POOLS[1]))
        yield Case(TIES, ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="VALID")
        yield Case(arr([1, np.nan, 2, -np.inf, np.inf, 3, -0.0, 0.0, np.nan]).reshape(1, 3, 3, 1), ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="VALID", grad=False)
        yield Case(arr([-np.inf] * 4).reshape(1, 2, 2, 1), grad=False, **BASE)
        for s in ((0, 4, 4, 3), (1, 4, 4, 0), (1, 0, 4, 3), (4, 4, 3), (), (1, 4, 4, 3, 1)):
            yield Case(zeros(*s), row=42, grad=False, **BASE)
        for extra, row in POOL_BAD:
            if "data_format" not in extra:
                yield Case(zeros(1, 4, 4, 3), row=row, grad=False, **{**BASE, **extra})
    for _ in range(0 if fixed else n):
        p = random_pool(r)
        yield Case(rand(r, pick(r, types), p[0]), include_batch_in_index=bool(r.integers(2)), **pool_attrs(p))


@op("MaxPoolGradWithArgmax")
def grad_with_argmax(name, r, n, fixed):
    import tensorflow as tf
    types = allowed(name)

    def make(t, p, index="int64", batch=False):
        x = rand(r, t, p[0])
        y, at = tf.raw_ops.MaxPoolWithArgmax(input=x.astype("f4"), include_batch_in_index=batch, **pool_attrs(p))
        return Case(x, rand(r, t, y.shape), arr(at.numpy(), index), **pool_attrs(p), **({"include_batch_in_index": True} if batch else {}))
    if fixed:
        for i, p in enumerate(POOLS):
            yield make("float32", p, batch=bool(i % 2))
        for t in types:
            yield make(t, SMALL)
        yield make("float32", SMALL, "int32")
        good = zeros(1, 2, 2, 1)
        for at in ([0, 0, 0, 0], [3, 3, 15, 2], [0, 1, 2, 16], [0, -1, 2, 3]):
            yield Case(zeros(1, 4, 4, 1), good + 1, i64(*at).reshape(1, 2, 2, 1), **BASE)
        for a, b, c in (((0, 4, 4, 1), (0, 2, 2, 1), (0, 2, 2, 1)), ((1, 4, 4, 1), (1, 2, 3, 1), (1, 2, 2, 1)), ((1, 4, 4, 1), (1, 2, 2, 1), (1, 2, 1, 1)), ((1, 4, 4, 1), (), (1, 2, 2, 1)), ((4, 4, 1), (1, 2, 2, 1), (1, 2, 2, 1)),
                        ((1, 4, 4, 1), (4,), (4,)), ((1, 4, 4, 1), (0, 0, 0, 0), (0, 0, 0, 0))):
            yield Case(zeros(*a), zeros(*b), zeros(*c, dtype="int64"), row=47, grad=False, **BASE)
        for extra, row in POOL_BAD:
            if "data_format" not in extra:
                yield Case(zeros(1, 4, 4, 3), zeros(1, 2, 2, 3), zeros(1, 2, 2, 3, dtype="int64"), row=row, grad=False, **{**BASE, **extra})
    for _ in range(0 if fixed else n):
        yield make(pick(r, ["float32", "float64", "int32"]), random_pool(r), pick(r, ["int32", "int64"]), bool(r.integers(2)))


@op("MaxPoolGradV2", "MaxPoolGradGrad", "MaxPoolGradGradV2")
def gradients(name, r, n, fixed):
    import tensorflow as tf
    types = allowed(name)
    second, inputs = "GradGrad" in name, name.endswith("V2")

    def case(x, y, g, ksize, strides, **kw):
        if inputs:
            return Case(x, y, g, i32(*ksize), i32(*strides), **kw)
        return Case(x, y, g, ksize=ksize, strides=strides, **kw)

    def make(t, p, x=None):
        x = rand(r, t, p[0]) if x is None else x
        y = tf.raw_ops.MaxPool(input=x.astype("f4"), **pool_attrs(p)).numpy().astype(x.dtype)
        return case(x, y, rand(r, t, x.shape if second else y.shape), **pool_attrs(p))
    if fixed:
        for p in POOLS[::2] if second else POOLS[1::2]:
            yield make("float32", p)
        for t in types:
            yield make(t, SMALL)
        yield make("float32", ((1, 3, 3, 1), (2, 2), (1, 1), "SAME"), TIES)
        yield make("float32", ((1, 3, 3, 1), (2, 2), (1, 1), "VALID"), zeros(1, 3, 3, 1))
        shapes = [((0, 4, 4, 3), (0, 2, 2, 3)), ((1, 4, 4, 3), (1, 3, 2, 3)), ((1, 4, 4, 3), ()), ((4, 4, 3), (1, 2, 2, 3)), ((0, 0, 0, 0), (1, 2, 2, 3)), ((1, 4, 4, 3), (1, 2, 2, 3))]
        for a, b in shapes:
            yield case(zeros(*a), zeros(*b), zeros(*(a if second else b)), row=44, grad=False, **BASE)
        for g in ((0, 0, 0, 0), (1, 1, 2, 3), (), (12,), (1, 4, 4, 2)):
            yield case(zeros(1, 4, 4, 3), zeros(1, 2, 2, 3), zeros(*g), row=43, grad=False, **BASE)
        for extra, row in POOL_BAD:
            if small(extra) or not inputs:
                yield case(zeros(1, 4, 4, 3), zeros(1, 2, 2, 3), zeros(*((1, 4, 4, 3) if second else (1, 2, 2, 3))), row=row, grad=False, words=not inputs,
                           **{**BASE, **extra}, must="InvalidArgument" if row == 38 else None)
        if inputs:
            good, g = i32(1, 2, 2, 1), zeros(*((1, 4, 4, 3) if second else (1, 2, 2, 3)))
            for k, s in ((i32(2, 2), good), (i32(), good), (good, i32(1, 2)), (good, i32()), (arr(2, "int32"), good), (good.reshape(1, 4), good)):
                yield Case(zeros(1, 4, 4, 3), zeros(1, 2, 2, 3), g, k, s, padding="SAME", row=46, must="Any" if k.ndim == 2 else None, words=False)
    for _ in range(0 if fixed else n):
        yield make(pick(r, ["float32", "float64", "int32"]), random_pool(r))
