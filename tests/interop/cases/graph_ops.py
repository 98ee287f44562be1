"""Random nodes for random graphs: each function takes a Builder and returns the tensors that it added (none if nothing fits)."""
import numpy as np
import tensorflow.compat.v1 as tf

raw = tf.raw_ops
OPS = []


def op(weight=1):
    """A function that adds nodes; weight is how often it is chosen."""
    def register(f):
        OPS.append((f, weight))
        return f
    return register


FLOATS = ("float32", "float64", "float16", "bfloat16")
REALS = FLOATS + ("int32", "int64", "uint8", "int16", "int8")


def is_float(v):
    return v.dtype.name in FLOATS


def is_wide(v):
    return v.dtype.name in ("float32", "float64")


# ------------------------------------------------------------------ math
UNARY = ["Abs", "Neg", "Sign", "Square", "Exp", "Expm1", "Tanh", "Sigmoid", "Sin", "Cos", "Floor", "Ceil", "Round", "Rint", "Relu", "Relu6", "Elu",
         "Selu", "Softplus", "Softsign", "Erf", "Erfc", "Atan", "Asinh", "Sinh", "Cosh", "LeakyRelu", "IsNan", "IsInf", "IsFinite", "ZerosLike", "OnesLike",
         "Identity", "StopGradient"]
POSITIVE = ["Sqrt", "Rsqrt", "Log", "Log1p", "Inv", "Reciprocal", "Lgamma", "Digamma"]
SMALL = ["Asin", "Acos", "Atanh", "Tan"]


def unary(name, x):
    if name in ("Inv", "Rint", "Abs", "LeakyRelu", "IsNan", "IsInf", "IsFinite", "Neg", "Sign", "Square", "Erf"):
        arg = {"LeakyRelu": "features"}.get(name, "x")
        return getattr(raw, name)(**{arg: x})
    features = name in ("Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign")
    return getattr(raw, name)(**{"features" if features else "input" if name in ("Identity", "StopGradient") else "x": x})


@op(9)
def unaries(b):
    x = b.pick(is_float)
    if x is None:
        return []
    kind = b.r.integers(6)
    v = b.value(x)
    if kind < 4:
        name = b.choose(UNARY)
        if name in ("Exp", "Expm1", "Sinh", "Cosh", "Square") and v.size and np.nanmax(np.abs(v.astype(float))) > 6:
            name = "Tanh"
    elif kind == 4:
        name, x = b.choose(POSITIVE), tf.abs(x) + b.constant(0.5, x.dtype)
    else:
        name, x = b.choose(SMALL), tf.sin(x) * b.constant(0.75, x.dtype)
    if x.dtype == tf.bfloat16 and name in ("Lgamma", "Digamma", "Erf", "Erfc", "Selu", "Sinh", "Cosh", "Asin", "Acos", "Atanh", "Tan", "Atan", "Asinh", "Softplus"):
        return []
    return [unary(name, x)]


BINARY = ["AddV2", "Add", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference", "RealDiv", "Div", "DivNoNan", "Atan2", "Pow", "FloorDiv", "FloorMod", "Mod",
          "TruncateMod", "TruncateDiv"]
COMPARE = ["Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual"]


@op(14)
def binaries(b):
    x = b.pick(lambda v: v.dtype.name in REALS)
    y = x is not None and b.like(x)
    if x is None or y is None:
        return []
    name = b.choose(BINARY + BINARY[:8] + COMPARE)
    floating = x.dtype.is_floating
    if name in ("RealDiv", "DivNoNan", "Atan2", "Pow", "Div", "FloorDiv", "FloorMod", "Mod", "TruncateMod", "TruncateDiv"):
        if not floating and name in ("RealDiv", "DivNoNan", "Atan2", "Pow", "TruncateMod"):
            return []
        if x.dtype == tf.bfloat16 and name in ("Atan2", "Mod", "TruncateMod") or floating and name == "TruncateDiv":
            return []
        if x.dtype in (tf.int8, tf.int16, tf.uint8) and name in ("Mod", "DivNoNan", "FloorMod"):
            return []
        if floating:
            y = tf.abs(y) + b.constant(0.5, y.dtype)
            if name == "Pow":
                x, y = tf.abs(x) + b.constant(0.25, x.dtype), tf.tanh(y)
        else:
            y = tf.bitcast(y, y.dtype) * b.constant(0, y.dtype) + b.constant(3, y.dtype)
    return [getattr(raw, name)(x=x, y=y)]


@op(2)
def logical(b):
    x = b.pick(lambda v: v.dtype == bool)
    y = x is not None and b.like(x)
    if x is None or y is None:
        return []
    return [b.choose([lambda: tf.logical_and(x, y), lambda: tf.logical_or(x, y), lambda: tf.logical_not(x)])()]


@op(3)
def casts(b):
    x = b.pick(lambda v: v.dtype.name in REALS or v.dtype == bool)
    if x is None:
        return []
    v = b.value(x)
    to = b.choose(["float32", "float64", "float16", "int32", "int64", "bool", "float32"])
    if is_float(v) and to.startswith("int"):
        x = tf.round(x)
    return [tf.cast(x, to)]


@op(3)
def selects(b):
    x = b.pick(lambda v: v.dtype.name in REALS)
    y = x is not None and b.like(x)
    if x is None or y is None:
        return []
    c = b.pick(lambda v: v.dtype == bool)
    if c is None or not b.compatible(c, x, y):
        c = tf.greater(x, b.constant(0, x.dtype))
    same = b.value(x).shape == b.value(y).shape
    if same and b.r.integers(2):
        c = tf.greater(x, b.constant(0, x.dtype))
        return [raw.Select(condition=c, x=x, y=y)]
    return [raw.SelectV2(condition=c, t=x, e=y)]


@op(3)
def ternary(b):
    x = b.pick(is_wide)
    if x is None:
        return []
    return [b.choose([lambda: tf.clip_by_value(x, -1.0, 1.5), lambda: raw.AddN(inputs=[x, x * b.constant(0.5, x.dtype), tf.tanh(x)]),
                      lambda: raw.AccumulateNV2(inputs=[x, tf.sin(x)], shape=b.value(x).shape) if x.shape.is_fully_defined() else x + x,
                      lambda: raw.CheckNumerics(tensor=x, message="bad"), lambda: tf.identity_n([x, x])[1],
                      lambda: raw.PlaceholderWithDefault(input=x, shape=None)])()]


@op(2)
def complexes(b):
    x = b.pick(is_wide)
    y = x is not None and b.like(x)
    if x is None or y is None or x.dtype != y.dtype:
        return []
    z = tf.complex(x, y)
    z = b.choose([lambda: z * z, lambda: tf.conj(z), lambda: z + z, lambda: -z, lambda: tf.square(z)])()
    parts = [tf.real(z), tf.imag(z)]
    return parts + [tf.abs(z + tf.cast(3.0, z.dtype)), z]


# ------------------------------------------------------------------ reductions
@op(7)
def reductions(b):
    x = b.pick(lambda v: v.ndim and (v.dtype.name in ("float32", "float64", "float16", "int32", "int64") or v.dtype == bool))
    if x is None:
        return []
    v = b.value(x)
    keep = bool(b.r.integers(2))
    axes = sorted(b.r.choice(v.ndim, b.r.integers(0, v.ndim + 1), replace=False).tolist())
    axes = [a - v.ndim if b.r.integers(2) else a for a in axes]
    if v.dtype == bool:
        return [b.choose([tf.reduce_all, tf.reduce_any])(x, axes, keep)]
    if b.r.integers(5) == 0:
        ax = int(b.r.integers(v.ndim))
        if v.shape[ax] == 0:
            return []
        return [b.choose([tf.argmax, tf.argmin])(x, ax, output_type=b.choose([tf.int32, tf.int64]))]
    if b.r.integers(5) == 0:
        ax = int(b.r.integers(-v.ndim, v.ndim))
        return [b.choose([tf.cumsum, tf.cumprod])(x, ax, exclusive=bool(b.r.integers(2)), reverse=bool(b.r.integers(2)))]
    return [b.choose([tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.reduce_min, tf.reduce_prod, tf.reduce_sum])(x, axes, keep)]


@op(2)
def segments(b):
    x = b.pick(lambda v: v.ndim >= 1 and v.shape[0] > 0 and is_wide(v))
    if x is None:
        return []
    n = b.value(x).shape[0]
    ids = np.sort(b.r.integers(0, 4, n)).astype(b.choose(["int32", "int64"]))
    kind = b.r.integers(3)
    if kind == 0:
        return [tf.segment_sum(x, ids)]
    if kind == 1:
        return [tf.segment_mean(x, ids)]
    return [tf.unsorted_segment_sum(x, b.r.permutation(ids) - int(b.r.integers(2)), 5)]


# ------------------------------------------------------------------ arrays
@op(12)
def shapes(b):
    x = b.pick()
    if x is None:
        return []
    v = b.value(x)
    n = v.ndim
    axis = int(b.r.integers(-n, n)) if n else 0

    def reshape():
        sizes = [v.size]
        if v.size and b.r.integers(2):
            divisors = [d for d in range(1, v.size + 1) if v.size % d == 0]
            d = int(b.choose(divisors))
            sizes = b.choose([[d, -1], [v.size // d, 1, d], [1, -1]])
        return tf.reshape(x, b.const(sizes))

    def tile():
        return tf.tile(x, [int(k) for k in b.r.integers(0 if b.r.integers(8) == 0 else 1, 3, n)]) if v.size < 200 else x

    def split():
        if not n or v.shape[axis] == 0:
            return []
        size = v.shape[axis]
        cut = int(b.r.integers(0, size + 1))
        return tf.split(x, [cut, size - cut], axis) if b.r.integers(2) else tf.split(x, size, axis)[:3]

    def pad():
        pads = b.r.integers(0, 3, (n, 2))
        if n == 0 or v.size > 200 or v.dtype == object or v.dtype == bool:
            return x
        kind = b.choose(["CONSTANT", "REFLECT", "SYMMETRIC"])
        if kind != "CONSTANT":
            if v.dtype.name not in ("float32", "float64", "int32"):
                return x
            limit = np.array(v.shape)[:, None] - (kind == "REFLECT")
            pads = np.minimum(pads, np.maximum(limit, 0))
        return tf.pad(x, pads.astype("int32"), kind, **({"constant_values": b.constant(2, x.dtype)} if kind == "CONSTANT" and b.r.integers(2) else {}))

    def slice_():
        begin = [int(b.r.integers(0, d + 1)) for d in v.shape]
        return tf.slice(x, begin, [-1 if b.r.integers(2) else int(b.r.integers(0, d - s + 1)) for d, s in zip(v.shape, begin)])

    def strided():
        index = []
        for d in v.shape:
            kind = b.r.integers(6)
            if kind == 0 and d:
                index.append(int(b.r.integers(-d, d)))
            elif kind == 1:
                index.append(slice(None, None, int(b.choose([-1, 2, -2]))))
            elif kind == 2:
                index.append(slice(int(b.r.integers(-d - 1, d + 2)), int(b.r.integers(-d - 1, d + 2))))
            elif kind == 3:
                index += [tf.newaxis, slice(None)]
            else:
                index.append(slice(int(b.r.integers(0, d + 1)), None))
        if b.r.integers(4) == 0:
            index = index[:1] + [Ellipsis]
        return x[tuple(index)]

    def gather():
        if not n or v.shape[axis] == 0:
            return x
        ids = b.r.integers(0, v.shape[axis], b.r.integers(0, 4, b.r.integers(0, 3))).astype(b.choose(["int32", "int64"]))
        return raw.GatherV2(params=x, indices=b.const(ids), axis=axis)

    def gather_nd():
        k = int(b.r.integers(0, n + 1))
        if 0 in v.shape[:k] or v.dtype == object:
            return x
        return tf.gather_nd(x, np.stack([b.r.integers(0, d, 3) for d in v.shape[:k]], -1).astype("int32") if k else np.zeros((2, 0), "int32"))

    def squeeze():
        ones = [i for i, d in enumerate(v.shape) if d == 1]
        return tf.squeeze(x, ones[:int(b.r.integers(0, len(ones) + 1))]) if ones else x

    def reverse():
        if v.dtype == object or n > 8:
            return x
        return tf.reverse(x, [a for a in range(n) if b.r.integers(2)])

    def one():
        return b.choose([lambda: tf.shape(x), lambda: tf.shape(x, out_type=tf.int64), lambda: tf.size(x), lambda: tf.rank(x), lambda: tf.shape_n([x, x])[1]])()

    def transpose():
        perm = b.r.permutation(n).astype("int32")
        return b.choose([lambda: tf.transpose(x, perm), lambda: tf.transpose(x), lambda: raw.ConjugateTranspose(x=x, perm=perm)])()

    def concat():
        y = b.like(x)
        if n == 0 or y is None or b.value(y).shape != v.shape:
            y = x
        return (tf.concat([x, y, x], axis) if n else tf.stack([x, y])) if b.r.integers(2) else tf.stack([x, y], int(b.r.integers(-n - 1, n + 1)))

    def unstack():
        if not n or v.shape[axis] == 0 or v.shape[axis] > 4:
            return []
        return tf.unstack(x, v.shape[axis], axis)

    def broadcast():
        return tf.broadcast_to(x, [2, *v.shape]) if v.size < 100 and v.dtype != object else x

    def sequence():
        if n < 2 or v.dtype == object:
            return x
        return tf.reverse_sequence(x, b.r.integers(0, v.shape[1] + 1, v.shape[0]).astype("int64"), seq_axis=1, batch_axis=0)

    def ensure():
        return tf.ensure_shape(x, [None if b.r.integers(2) else d for d in v.shape])

    def guarded():
        with tf.control_dependencies([tf.no_op(), b.pick()]):
            return tf.identity(x)

    def diag():
        return tf.linalg.tensor_diag(x) if n == 1 and v.size < 9 and v.dtype.name in ("float32", "float64", "int32") else x

    def scatter():
        if n == 0 or v.dtype.name not in ("float32", "float64", "int32") or v.shape[0] == 0:
            return x
        return tf.scatter_nd(b.r.integers(0, 5, (v.shape[0], 1)).astype("int32"), x, [5, *v.shape[1:]])

    def partition():
        if n == 0 or v.dtype == object:
            return x
        ids = b.r.integers(0, 2, v.shape[0]).astype("int32")
        parts = tf.dynamic_partition(x, ids, 2)
        where = tf.dynamic_partition(tf.range(v.shape[0]), ids, 2)
        return list(parts) + [tf.dynamic_stitch(where, parts)]

    def expand():
        return tf.expand_dims(x, int(b.r.integers(-n - 1, n + 1)))

    got = b.choose([reshape, tile, split, pad, slice_, strided, strided, gather, gather_nd, squeeze, reverse, one, transpose, transpose, concat, concat,
                    unstack, broadcast, sequence, ensure, guarded, diag, scatter, partition, expand, expand])()
    return got if isinstance(got, list) else [got]


@op(3)
def sources(b):
    n = int(b.r.integers(0, 6))
    got = b.choose([lambda: tf.range(n, dtype=b.choose([tf.int32, tf.int64, tf.float32])), lambda: tf.linspace(-1.0, 2.0, n + 1), lambda: tf.fill([2, n], 1.5),
                    lambda: tf.one_hot(b.r.integers(-1, 5, 3), 4, 2.0, -1.0, axis=int(b.choose([-1, 0]))), lambda: tf.zeros([n]),
                    lambda: tf.invert_permutation(b.r.permutation(n).astype("int32")), lambda: tf.constant(b.r.normal(size=(2, 3)).astype("f4"))])()
    return [got]


@op(2)
def finds(b):
    x = b.pick(lambda v: v.ndim == 1 and v.dtype.name in ("int32", "int64", "float32", "float64"))
    if x is None:
        return []
    return [b.choose([lambda: tf.unique(x)[0], lambda: tf.unique(x)[1], lambda: tf.unique_with_counts(x)[2], lambda: tf.setdiff1d(x, x[:1])[0],
                      lambda: tf.where(tf.greater(x, b.constant(0, x.dtype))), lambda: tf.cast(tf.raw_ops.Bincount(arr=tf.constant([1, 2, 1]), size=tf.constant(3), weights=tf.constant([], tf.int32)), x.dtype)])()]


# ------------------------------------------------------------------ nn
@op(6)
def products(b):
    x = b.pick(lambda v: v.ndim >= 2 and v.dtype.name in ("float32", "float64", "float16", "int32"))
    if x is None:
        return []
    v = b.value(x)
    ta, tb = bool(b.r.integers(2)), bool(b.r.integers(2))
    inner = v.shape[-2] if ta else v.shape[-1]
    n = int(b.r.integers(1, 5))
    w = b.r.integers(-4, 5, (n, inner) if tb else (inner, n)) / (4 if is_float(v) else 1)
    w = tf.constant(w, x.dtype)
    if v.ndim == 2 and b.r.integers(2):
        return [tf.matmul(x, w, ta, tb)]
    return [raw.BatchMatMulV2(x=x, y=w, adj_x=ta, adj_y=tb)]


@op(5)
def rows(b):
    x = b.pick(lambda v: v.ndim == 2 and v.shape[1] > 0 and is_wide(v))
    if x is None:
        return []
    n, c = b.value(x).shape
    labels = b.r.integers(0, c, n).astype(b.choose(["int32", "int64"]))
    target = np.abs(b.r.normal(size=(n, c))) + 0.1
    target = tf.constant(target / target.sum(1, keepdims=True), x.dtype)
    k = int(b.r.integers(0, c + 1))
    got = b.choose([lambda: tf.nn.softmax(x), lambda: tf.nn.log_softmax(x), lambda: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=target)[0],
                    lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x), lambda: tf.nn.l2_loss(x),
                    lambda: list(raw.TopKV2(input=x, k=k)), lambda: tf.nn.bias_add(x, tf.cast(tf.range(c), x.dtype)),
                    lambda: raw.NthElement(input=x, n=c - 1) if n else x,
                    lambda: raw.InTopKV2(predictions=tf.cast(x, tf.float32), targets=labels, k=tf.cast(max(k, 1), labels.dtype.name))])()
    return got if isinstance(got, list) else [got]


@op(6)
def images(b):
    x = b.pick(lambda v: v.size and is_wide(v) and v.size <= 400)
    if x is None:
        return []
    v = b.value(x)
    h, w, c = int(b.r.integers(2, 6)), int(b.r.integers(2, 6)), int(b.r.integers(1, 4))
    flat = tf.reshape(x, [-1])
    x = tf.reshape(tf.tile(flat, [-(-h * w * c * 2 // v.size)])[:2 * h * w * c], [2, h, w, c])
    padding = b.choose(["SAME", "VALID"])
    k = [int(b.r.integers(1, min(h, w) + 1)) for _ in range(2)]
    s = int(b.r.integers(1, 3))
    strides, size = [1, s, s, 1], [1, *k, 1]
    filters = tf.constant(b.r.integers(-4, 5, (*k, c, 2)) / 4, x.dtype)
    f32 = tf.cast(x, tf.float32)
    got = b.choose([lambda: tf.nn.conv2d(x, filters, strides, padding), lambda: tf.nn.conv2d(x, filters, [1, 1, 1, 1], "SAME"),
                    lambda: tf.nn.max_pool(x, size, strides, padding), lambda: tf.nn.avg_pool(x, size, strides, padding),
                    lambda: tf.nn.lrn(f32, 2, 1.0, 0.1, 0.5), lambda: raw.MaxPoolWithArgmax(input=f32, ksize=size, strides=strides, padding=padding)[0],
                    lambda: tf.stop_gradient(raw.AdjustContrastv2(images=f32, contrast_factor=1.5)), lambda: tf.image.per_image_standardization(x[0]),
                    lambda: tf.nn.conv2d_transpose(x, tf.constant(b.r.integers(-4, 5, (*k, 2, c)) / 4, x.dtype), [2, h * s, w * s, 2], strides, "SAME"),
                    lambda: tf.image.flip_left_right(x[0]), lambda: tf.image.resize_with_crop_or_pad(x[0], 4, 3)])()
    return [got]


# ------------------------------------------------------------------ state, control flow, random numbers, strings
@op(3)
def state(b):
    v = b.r.integers(-8, 9, (2, 3)).astype("f4") / 8
    use_resource = bool(b.r.integers(2))
    var = tf.get_variable(f"state{len(b.tensors)}_{b.r.integers(1 << 30)}", initializer=tf.constant(v), use_resource=use_resource, trainable=False)
    change = b.choose([lambda: tf.assign_add(var, v), lambda: tf.assign_sub(var, v), lambda: tf.assign(var, v * 2), lambda: tf.scatter_add(var, [1, 0, 1], np.ones((3, 3), "f4")),
                       lambda: tf.scatter_update(var, [1], np.ones((1, 3), "f4")),
                       lambda: tf.train.GradientDescentOptimizer(0.5).apply_gradients([(tf.constant(v), var)])])()
    with tf.control_dependencies([change]):
        return [tf.identity(var.read_value())]


@op(2)
def conditionals(b):
    x = b.pick(is_wide)
    if x is None:
        return []
    pred = tf.greater(tf.reduce_sum(x), b.constant(0, x.dtype)) if b.r.integers(2) else tf.constant(bool(b.r.integers(2)))
    return [tf.cond(pred, lambda: tf.sin(x) + x, lambda: x * b.constant(0.5, x.dtype))]


@op(2)
def loops(b):
    x = b.pick(is_wide)
    if x is None:
        return []
    n = int(b.r.integers(0, 4))
    i, y = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf.tanh(y) + x * b.constant(0.25, x.dtype)), (tf.constant(0), tf.stop_gradient(x)),
                         shape_invariants=(tf.TensorShape([]), tf.TensorShape(None)))
    return [i, tf.stop_gradient(y)]


@op(3)
def draws(b):
    seed, shape = int(b.r.integers(1, 1000)), [int(k) for k in b.r.integers(0, 4, 2)]
    two = [seed, 7]
    alpha = tf.constant([0.5, 3.0])
    return [b.choose([lambda: tf.random_uniform(shape, -1.0, 2.0, seed=seed), lambda: tf.random_normal(shape, seed=seed), lambda: tf.truncated_normal(shape, seed=seed),
                      lambda: tf.random_uniform(shape, -5, 9, tf.int32, seed=seed), lambda: tf.random_shuffle(tf.range(5), seed=seed),
                      lambda: tf.multinomial([[0.1, 0.5, 0.2]], 4, seed=seed), lambda: tf.random_gamma([2], alpha, seed=seed),
                      lambda: raw.RandomPoissonV2(shape=[2], rate=alpha * 9, seed=seed, dtype=tf.int32),
                      lambda: tf.random.stateless_uniform(shape, two), lambda: tf.random.stateless_normal(shape, two), lambda: tf.random.stateless_truncated_normal(shape, two),
                      lambda: tf.random.stateless_uniform(shape, two, -3, 40, tf.int32), lambda: raw.ParameterizedTruncatedNormal(
                          shape=[3], means=0.5, stdevs=1.0, minvals=-1.0, maxvals=2.0, seed=seed),
                      lambda: raw.StatelessRandomUniform(shape=shape, seed=two), lambda: raw.StatelessRandomUniformFullInt(shape=shape, seed=two, dtype=tf.int64)])()]


@op(3)
def strings(b):
    x = b.pick(lambda v: v.dtype == object)
    if x is None:
        y = b.pick(lambda v: v.dtype.name in ("int32", "int64") or v.dtype == bool)
        return [] if y is None else [tf.as_string(y)]
    y = tf.constant("ab,c")
    got = b.choose([lambda: tf.strings.join([x, y], "-"), lambda: tf.strings.substr(tf.strings.join([x, y]), 1, 2), lambda: tf.encode_base64(x),
                    lambda: tf.decode_base64(tf.encode_base64(x)), lambda: tf.strings.regex_replace(x, "[0-9]+", "n"), lambda: tf.strings.regex_full_match(x, ".*1"),
                    lambda: tf.reduce_join(x, list(range(len(b.value(x).shape)))), lambda: tf.equal(x, y), lambda: tf.string_to_number(tf.as_string(tf.constant([1.5, 2.0]))),
                    lambda: tf.decode_raw(tf.constant(["abcd", "efgh"]), tf.int16), lambda: tf.string_split(["a b c", "d"]).values,
                    lambda: raw.StringSplit(input=["x y", ""], delimiter=" ", skip_empty=True)[2]])()
    return [got]


@op(1)
def summaries(b):
    x = b.pick(is_wide)
    if x is None:
        return []
    return [b.choose([lambda: tf.summary.scalar("s", tf.reduce_sum(x)), lambda: tf.summary.merge([tf.summary.scalar("t", tf.constant(1.5))])])()]
