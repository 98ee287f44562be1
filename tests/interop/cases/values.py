"""Values for op cases: dtypes, special numbers, seeded random tensors and shapes."""
import zlib

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

FLOATS = ["float32", "float64", "float16", "bfloat16"]
COMPLEX = ["complex64", "complex128"]
SIGNED = ["int32", "int64", "int16", "int8"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTS + COMPLEX
ALL = NUMBERS + ["bool", "string"]
STRINGS = [b"", b"a", b"tensor", b"\x00\xff", b"line\nbreak", "\u00fcml".encode(), b"x" * 20]


def np_type(name):
    """The numpy type of a TensorFlow type name."""
    return object if name == "string" else tf.as_dtype(name).as_numpy_dtype


def tf_type(array):
    """The TensorFlow type of an array (object arrays hold strings)."""
    return tf.string if array.dtype == object else tf.as_dtype(array.dtype)


def allowed(op, attr="T"):
    """The types that the registered op allows for a type attribute, without quantized and 4/8-bit float types."""
    for a in op_def_registry.get(op).attr:
        if a.name == attr:
            names = [tf.as_dtype(t).name for t in a.allowed_values.list.type] or ALL
            return [n for n in ALL if n in names]
    raise KeyError(f"{op} has no attribute {attr}")


def rng(op, seed):
    """An own stream for each op, so that changing one op's cases leaves the others as they were."""
    return np.random.default_rng([zlib.crc32(op.encode()), seed])


def arr(values, dtype="float32"):
    """An array of a TensorFlow type."""
    if dtype == "string":
        out = np.empty(np.shape(values), object)
        out[...] = values
        return out
    return np.asarray(values).astype(np_type(dtype))


def i32(*values):
    """An int32 vector."""
    return np.array(values, np.int32)


def i64(*values):
    """An int64 vector."""
    return np.array(values, np.int64)


def scalar(value, dtype="int32"):
    """A scalar of a TensorFlow type."""
    return arr(value, dtype)


def strings(*values):
    """A vector of strings."""
    return arr(list(values), "string")


def zeros(*shape, dtype="float32"):
    """Zeros of the shape (strings: empty)."""
    if dtype == "string":
        return arr(np.full(shape, b"", object), "string")
    return np.zeros(shape, np_type(dtype))


def rand(r, dtype, shape=(), scale=2.0):
    """Moderate random values: small integers, floats that half precision can hold, short strings."""
    shape = tuple(shape)
    if dtype == "bool":
        return np.asarray(r.integers(0, 2, shape)).astype(bool)
    if dtype == "string":
        pick = r.integers(0, len(STRINGS), shape)
        out = np.empty(shape, object)
        for i in np.ndindex(*shape):
            out[i] = STRINGS[pick[i]] if shape else STRINGS[pick]
        return out
    if dtype in INTS:
        low = 0 if dtype in UNSIGNED else -9
        return np.asarray(r.integers(low, 10, shape)).astype(np_type(dtype))
    if dtype in COMPLEX:
        return (rand(r, "float16", shape, scale).astype("f8")
                + 1j * rand(r, "float16", shape, scale).astype("f8")).astype(np_type(dtype))
    return np.asarray(r.normal(size=shape) * scale).astype("f2").astype(np_type(dtype))


def positive(r, dtype, shape=()):
    """Random values above zero."""
    x = rand(r, dtype, shape)
    return (np.abs(x) + arr(1, dtype)).astype(np_type(dtype))


def specials(dtype):
    """The awkward values of a type, as a vector."""
    if dtype == "bool":
        return arr([True, False], dtype)
    if dtype == "string":
        return strings(*STRINGS)
    if dtype in INTS:
        info = np.iinfo(np_type(dtype))
        base = [0, 1, 2, 3, 7, info.max, info.max - 1, info.min]
        return arr([v for v in base + ([-1, -2, -5, info.min + 1] if info.min else [])
                    if info.min <= v <= info.max], dtype)
    if dtype in COMPLEX:
        return arr([0, 1, -1, 1j, -1j, 0.5 - 0.25j, -2 + 3j, 3 + 0j, -1e-3 - 1e-3j, 40 + 2j], dtype)
    info = tf.as_dtype(dtype)
    return arr([0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.75, -7.25, 1e-3, -1e-3, 10, 50, -50, 300,
                np.inf, -np.inf, np.nan, float(info.max), float(info.min)], dtype)


SHAPES = [(), (1,), (0,), (4,), (2, 3), (0, 3), (3, 0), (2, 1, 3), (1, 2, 2, 1), (2, 1, 2, 1, 3)]


def shape_of(r, low=0, high=5, most=4):
    """A random shape of rank low..=high; now and then with an empty dimension, or a large one."""
    dims = [int(d) for d in r.integers(1, most + 1, int(r.integers(low, high + 1)))]
    if dims and r.random() < 0.08:
        dims[int(r.integers(len(dims)))] = 0
    elif dims and r.random() < 0.05:
        at = int(r.integers(len(dims)))
        dims[at] = 1
        dims[at] = int(r.integers(50, 700)) % (20000 // int(np.prod(dims))) + 1
    return tuple(dims)


def broadcast_pair(r):
    """Two random shapes that broadcast together."""
    full = list(shape_of(r, 0, 5, 3))
    sides = []
    for _ in range(2):
        s = [1 if r.random() < 0.3 else d for d in full]
        sides.append(tuple(s[int(r.integers(0, len(s) + 1)):] if r.random() < 0.5 else s))
    return sides


def pick(r, items):
    """One of the items."""
    return items[int(r.integers(len(items)))]
