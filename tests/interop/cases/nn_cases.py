"""Cases of convolution, pooling, normalization, activations and losses."""
import numpy as np

from .harness import Case
from .values import COMPLEX, FLOATS, INTS, NUMBERS, SHAPES, allowed, arr, i32, i64, pick, rand, scalar, shape_of, specials, zeros

OPS = {}


def op(*names):
    """Registers a family for the named ops."""
    def add(f):
        for n in names:
            OPS[n] = f
        return f
    return add


# ------------------------------------------------------------------ convolution
def window(size, k, stride, dilation, padding, pads=(0, 0)):
    """The output size of a sliding window."""
    k = (k - 1) * dilation + 1
    if padding == "SAME":
        return -(-size // stride)
    return (size + sum(pads) - k) // stride + 1


# n, h, w, c, kh, kw, out, stride h, stride w, dilation h, dilation w, padding, groups
CONVS = [(1, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1, "SAME", 1), (2, 4, 5, 3, 3, 3, 2, 1, 1, 1, 1, "SAME", 1), (2, 4, 5, 3, 3, 3, 2, 1, 1, 1, 1, "VALID", 1),
         (1, 5, 5, 2, 3, 2, 3, 2, 2, 1, 1, "SAME", 1), (1, 6, 5, 2, 2, 3, 3, 2, 1, 1, 1, "VALID", 1), (1, 7, 6, 1, 3, 3, 2, 1, 1, 2, 2, "SAME", 1),
         (1, 7, 6, 2, 3, 2, 1, 1, 1, 2, 3, "VALID", 1), (1, 5, 4, 1, 3, 3, 2, 2, 1, 2, 1, "SAME", 1), (2, 3, 3, 4, 1, 1, 5, 1, 1, 1, 1, "VALID", 1),
         (1, 4, 4, 2, 4, 4, 3, 1, 1, 1, 1, "VALID", 1), (1, 5, 5, 1, 1, 1, 2, 3, 3, 1, 1, "SAME", 1), (1, 4, 4, 4, 3, 3, 6, 1, 1, 1, 1, "SAME", 2),
         (1, 2, 3, 1, 5, 5, 1, 1, 1, 1, 1, "SAME", 1), (3, 1, 1, 3, 1, 1, 2, 1, 1, 1, 1, "SAME", 1), (1, 1, 9, 2, 1, 4, 2, 1, 2, 1, 1, "SAME", 1),
         (1, 4, 5, 2, 3, 3, 2, 1, 1, 1, 1, [[0, 0], [1, 2], [0, 3], [0, 0]], 1), (1, 4, 5, 2, 3, 2, 2, 2, 2, 1, 1, [[0, 0], [2, 0], [1, 1], [0, 0]], 1)]
CONV_ATTR_BAD = [(dict(strides=[1, 0, 1, 1]), 22), (dict(strides=[1, 1, -1, 1]), 22), (dict(strides=[2, 1, 1, 1]), 23), (dict(strides=[1, 1, 1, 2]), 23), (dict(strides=[1, 1, 1]), 23), (dict(strides=[]), 23),
                 (dict(dilations=[1, 0, 1, 1]), 23), (dict(dilations=[1, 1]), 23), (dict(dilations=[2, 1, 1, 1]), 23), (dict(padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1]), 24),
                 (dict(padding="EXPLICIT", explicit_paddings=[0, 0, -1, 1, 1, 1, 0, 0]), 24), (dict(padding="EXPLICIT", explicit_paddings=[1, 0, 1, 1, 1, 1, 0, 0]), 24),
                 (dict(padding="EXPLICIT"), 24), (dict(explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0]), 24), (dict(data_format="NHCW"), 28), (dict(padding="same"), 28)]


def conv_parts(r, t, c):
    """input, filter, output gradient and attributes of a convolution."""
    n, h, w, cin, kh, kw, out, sh, sw, dh, dw, padding, groups = c
    x, f = rand(r, t, (n, h, w, cin)), rand(r, t, (kh, kw, cin // groups, out))
    kw_ = dict(strides=[1, sh, sw, 1])
    if isinstance(padding, list):
        kw_.update(padding="EXPLICIT", explicit_paddings=[p for pair in padding for p in pair])
        oh, ow = window(h, kh, sh, dh, "EXPLICIT", padding[1]), window(w, kw, sw, dw, "EXPLICIT", padding[2])
    else:
        kw_.update(padding=padding)
        oh, ow = window(h, kh, sh, dh, padding), window(w, kw, sw, dw, padding)
    if dh * dw != 1:
        kw_.update(dilations=[1, dh, dw, 1])
    return x, f, rand(r, t, (n, oh, ow, out)), kw_


def random_conv(r):
    while True:
        c = [int(r.integers(1, 4)), int(r.integers(1, 9)), int(r.integers(1, 9)), int(r.integers(1, 5)), int(r.integers(1, 5)), int(r.integers(1, 5)), int(r.integers(1, 5)), int(r.integers(1, 4)),
             int(r.integers(1, 4)), int(r.integers(1, 3)), int(r.integers(1, 3)), pick(r, ["SAME", "VALID"]), 1]
        if window(c[1], c[4], c[7], c[9], c[11]) > 0 and window(c[2], c[5], c[8], c[10], c[11]) > 0:
            return c


@op("Conv2D")
def conv2d(name, r, n, fixed):
    def make(c, t="float32", **extra):
        x, f, _, kw = conv_parts(r, t, c)
        kw.update(extra)
        return Case(x, f, **kw)
    if fixed:
        for c in CONVS:
            yield make(c)
        for t in allowed(name):
            yield make(CONVS[1], t, use_cudnn_on_gpu=False)
        yield make((1, 7, 8, 4, 5, 5, 6, 1, 1, 1, 1, "SAME", 1))
        yield make((1, 9, 9, 3, 3, 3, 8, 1, 1, 1, 1, "VALID", 1))
        s = dict(strides=[1, 1, 1, 1], padding="SAME")
        for x, f, row in (((0, 4, 4, 3), (3, 3, 3, 2), None), ((1, 0, 4, 3), (3, 3, 3, 2), None), ((1, 4, 4, 3), (3, 3, 3, 0), None), ((0, 0, 0, 0), (0, 0, 0, 0), 19), ((1, 4, 4, 0), (3, 3, 0, 2), 19),
                          ((1, 4, 4, 3), (3, 3, 0, 2), 19), ((1, 4, 4, 3), (0, 3, 3, 2), 20), ((1, 4, 4, 3), (3, 0, 3, 2), 20), ((1, 4, 4, 3), (3, 3, 4, 2), 26), ((1, 4, 4, 3), (3, 3, 2, 2), 26), ((1, 4, 4, 4), (3, 3, 2, 3), 26),
                          ((4, 4, 3), (3, 3, 3, 2), 27), ((1, 4, 4, 3), (3, 3, 2), 27), ((1, 4, 4, 3, 1), (3, 3, 3, 2), 27), ((), (3, 3, 3, 2), 27), ((1, 4, 4, 3), (), 27)):
            yield Case(zeros(*x), zeros(*f), row=row, grad=False, **s)
        for f in ((7, 7, 3, 2), (5, 1, 3, 2), (1, 9, 3, 2)):
            yield Case(zeros(1, 4, 4, 3), zeros(*f), strides=[1, 1, 1, 1], padding="VALID", row=25, grad=False)
        yield Case(zeros(1, 0, 2, 1), zeros(1, 1, 1, 1), strides=[1, 1, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0], row=21, grad=False)
        for extra, row in CONV_ATTR_BAD:
            yield Case(zeros(1, 4, 4, 3), zeros(3, 3, 3, 2), row=row, **{**s, **extra})
        yield Case(zeros(1, 3, 4, 4), zeros(3, 3, 3, 2), data_format="NCHW", row=28, **s)
        yield Case(zeros(1, 4, 4, 3), zeros(3, 3, 3, 2), strides=[1, 2**40, 1, 1], padding="SAME", row=206)
    for _ in range(0 if fixed else n):
        yield make(random_conv(r), pick(r, allowed(name)))


@op("Conv2DBackpropInput")
def conv2d_input(name, r, n, fixed):
    def make(c, t="float32", sizes=None, **extra):
        x, f, dy, kw = conv_parts(r, t, c)
        kw.update(extra)
        return Case(i32(*(sizes or x.shape)), f, dy, **kw)
    if fixed:
        for c in CONVS:
            yield make(c)
        for t in allowed(name):
            yield make(CONVS[1], t)
        yield make(CONVS[1], sizes=(4, 5))
        yield make((1, 7, 8, 4, 5, 5, 6, 1, 1, 1, 1, "SAME", 1))
        s = dict(strides=[1, 1, 1, 1], padding="SAME")
        for sizes, f, dy, row in (([0, 4, 4, 3], (3, 3, 3, 2), (0, 4, 4, 2), None), ([1, 4, 4, 3], (0, 3, 3, 2), (1, 4, 4, 2), 33), ([1, 4, 4, 3], (3, 3, 3, 0), (1, 4, 4, 0), 33), ([1, 4, 4, 3], (3, 3, 0, 2), (1, 4, 4, 2), 33),
                                  ([1, 4, 4], (3, 3, 3, 2), (1, 4, 4, 2), 34), ([65534, 65534], (3, 3, 3, 2), (1, 4, 4, 2), 34), ([], (3, 3, 3, 2), (1, 4, 4, 2), 34), ([1, -4, 4, 3], (3, 3, 3, 2), (1, 4, 4, 2), 34),
                                  ([1, 4, 4, 3], (3, 3, 3, 2), (0, 0, 0, 0), 35), ([3, 1, 1, 3], (3, 3, 3, 3), (3, 1, 0, 3), 35), ([1, 4, 4, 3], (3, 3, 3, 2), (1, 3, 4, 2), 36), ([2, 4, 4, 3], (3, 3, 3, 2), (1, 4, 4, 2), 36),
                                  ([1, 4, 4, 4], (3, 3, 3, 2), (1, 4, 4, 2), 36), ([1, 4, 4, 3], (3, 3, 3, 2), (1, 4, 4, 3), 36), ([1, 4, 4, 3], (3, 3, 3, 2), (4, 4, 2), 36), ([1, 4, 4, 3], (3, 3, 3), (1, 4, 4, 2), 36)):
            yield Case(i32(*sizes), zeros(*f), zeros(*dy), row=row, grad=False, words=len(dy) == 4, **s)
        yield Case(np.array([[1, 4, 4, 3]], np.int32), zeros(3, 3, 3, 2), zeros(1, 4, 4, 2), row=34, **s)
        for extra, row in CONV_ATTR_BAD:
            yield Case(i32(1, 4, 4, 3), zeros(3, 3, 3, 2), zeros(1, 4, 4, 2), row=row, **{**s, **extra})
    for _ in range(0 if fixed else n):
        yield make(random_conv(r), pick(r, allowed(name)))


@op("Conv2DBackpropFilter")
def conv2d_filter(name, r, n, fixed):
    def make(c, t="float32", **extra):
        x, f, dy, kw = conv_parts(r, t, c)
        kw.update(extra)
        return Case(x, i32(*f.shape), dy, **kw)
    if fixed:
        for c in CONVS:
            yield make(c)
        for t in allowed(name):
            yield make(CONVS[1], t)
        yield make((1, 7, 8, 4, 5, 5, 6, 1, 1, 1, 1, "SAME", 1))
        s = dict(strides=[1, 1, 1, 1], padding="SAME")
        for x, sizes, dy, row in (((0, 4, 4, 3), [3, 3, 3, 2], (0, 4, 4, 2), 30), ((1, 4, 4, 3), [3, 3, 0, 2], (1, 4, 4, 2), 29), ((1, 4, 4, 0), [3, 3, 0, 2], (1, 4, 4, 2), 29), ((0, 0, 1, 1), [1, 1, 1, 1], (0, 0, 1, 1), 30),
                                  ((0, 0, 0, 0), [0, 0, 0, 0], (0, 0, 0, 0), 30), ((1, 4, 4, 2), [3, 3, 3, 2], (1, 4, 4, 2), 31), ((1, 4, 4, 3), [3, 3, 2, 2], (1, 4, 4, 2), 31), ((1, 4, 4, 3), [3, 3, 3], (1, 4, 4, 2), 32),
                                  ((1, 4, 4, 3), [3, 3, -3, 2], (1, 4, 4, 2), 32), ((1, 4, 4, 3), [], (1, 4, 4, 2), 32), ((1, 4, 4, 3), [3, 3, 3, 5], (1, 4, 4, 2), 36), ((1, 4, 4, 3), [3, 3, 3, 2], (1, 3, 4, 2), 36),
                                  ((2, 4, 4, 3), [3, 3, 3, 2], (1, 4, 4, 2), 36), ((4, 4, 3), [3, 3, 3, 2], (1, 4, 4, 2), 36), ((1, 4, 4, 3), [3, 3, 3, 2], (4, 4, 2), 36), ((1, 4, 4, 3), [0, 3, 3, 2], (1, 4, 4, 2), 20)):
            yield Case(zeros(*x), i32(*sizes), zeros(*dy), row=row, grad=False, **s)
        yield Case(zeros(1, 4, 4, 3), np.array([[3, 3, 3, 2]], np.int32), zeros(1, 4, 4, 2), row=32, **s)
        yield Case(zeros(1, 4, 4, 3), i32(2**31 - 1, 2**31 - 1, 3, 2), zeros(1, 4, 4, 2), row=32, **s)
        for extra, row in CONV_ATTR_BAD:
            yield Case(zeros(1, 4, 4, 3), i32(3, 3, 3, 2), zeros(1, 4, 4, 2), row=row, **{**s, **extra})
    for _ in range(0 if fixed else n):
        yield make(random_conv(r), pick(r, allowed(name)))


def depthwise_parts(r, t, c, multiplier):
    """As conv_parts, for a depthwise convolution: one stride, no dilation."""
    n, h, w, depth, kh, kw, _, stride, _, _, _, padding, _ = c
    rows, columns = window(h, kh, stride, 1, padding), window(w, kw, stride, 1, padding)
    dy = rand(r, t, (n, rows, columns, depth * multiplier))
    return rand(r, t, (n, h, w, depth)), rand(r, t, (kh, kw, depth, multiplier)), dy, dict(strides=[1, stride, stride, 1], padding=padding)


@op("DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter")
def depthwise(name, r, n, fixed):
    def make(c, t="float32", multiplier=1):
        x, f, dy, kw = depthwise_parts(r, t, c, multiplier)
        ins = {"DepthwiseConv2dNative": (x, f), "DepthwiseConv2dNativeBackpropInput": (i32(*x.shape), f, dy)}
        return Case(*ins.get(name, (x, i32(*f.shape), dy)), **kw)
    plain = [c for c in CONVS if isinstance(c[11], str)]
    if fixed:
        for k, c in enumerate(plain):
            yield make(c, multiplier=1 + k % 3)
        for t in allowed(name):
            yield make(plain[1], t, 2)
        s = dict(strides=[1, 1, 1, 1], padding="SAME")
        for x, f, row in (((0, 4, 4, 3), (3, 3, 3, 2), None), ((1, 4, 4, 3), (3, 3, 2, 2), 37), ((4, 4, 3), (3, 3, 3, 2), 37), ((1, 4, 4, 3), (3, 3, 3), 37), ((1, 4, 4, 3), (3, 3, 3, 0), 37), ((1, 4, 4, 0), (3, 3, 0, 2), 37)):
            if name.endswith(("Input", "Filter")) and (x[0] == 0 or f[-1] == 0):
                continue  # TensorFlow leaves the result as memory was.
            dy = zeros(*(x[0], 4, 4, f[2] * f[3])) if len(x) == len(f) == 4 else zeros(1, 4, 4, 6)
            ins = {"DepthwiseConv2dNative": (zeros(*x), zeros(*f)), "DepthwiseConv2dNativeBackpropInput": (i32(*x), zeros(*f), dy)}
            yield Case(*ins.get(name, (zeros(*x), i32(*f), dy)), row=row, grad=False, words=False, **s)
        for extra in (dict(strides=[1, 0, 0, 1]), dict(strides=[2, 1, 1, 1]), dict(strides=[1, 1]), dict(padding="odd")):
            ins = {"DepthwiseConv2dNative": (zeros(1, 4, 4, 3), zeros(3, 3, 3, 2)), "DepthwiseConv2dNativeBackpropInput": (i32(1, 4, 4, 3), zeros(3, 3, 3, 2), zeros(1, 4, 4, 6))}
            yield Case(*ins.get(name, (zeros(1, 4, 4, 3), i32(3, 3, 3, 2), zeros(1, 4, 4, 6))), row=37, words=False, **{**s, **extra})
    for _ in range(0 if fixed else n):
        yield make(random_conv(r), pick(r, allowed(name)), int(r.integers(1, 4)))


# ------------------------------------------------------------------ batch normalization (outside of training: see replays.py)
@op("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3")
def batch_norm(name, r, n, fixed):
    def make(shape, t="float32", lengths=(None,) * 4, row=None, other=None, **attrs):
        last = attrs.get("data_format", "NHWC").endswith("C")
        c = (shape[-1] if last else shape[1]) if len(shape) > 1 else 1
        vectors = [np.abs(rand(r, "float32", (c if k is None else k,))) + np.float32(0.1) for k in lengths]
        x = rand(r, t, shape)
        if "Grad" not in name:
            return Case(x, *vectors, row=row, grad=row is None and t != "bfloat16", **attrs)
        extra = [zeros()] if name.endswith("V3") else []
        return Case(rand(r, t, other or shape), x, *vectors[:3], *extra, row=row, grad=False, **attrs)
    types = ["float32"] if name in ("FusedBatchNorm", "FusedBatchNormGrad") else ["float32", "float16", "bfloat16"]
    forms = [((2, 3, 4, 3), "NHWC"), ((2, 3, 4, 2), "NCHW"), ((1, 5, 1, 7), "NHWC"), ((300, 1, 1, 2), "NHWC")]
    if name.endswith("V3"):
        forms += [((2, 2, 1, 3, 2), "NDHWC"), ((1, 3, 2, 2, 2), "NCDHW")]
    if fixed:
        for t in types:
            for shape, form in forms:
                yield make(shape, t, data_format=form, epsilon=0.01)
        if "Grad" not in name:
            yield make((2, 3, 3, 2), exponential_avg_factor=0.25)
        else:
            yield make((2, 3, 3, 2), is_training=False)
            yield make((2, 3, 3, 2), other=(2, 3, 3, 1), row=69)
        for k in range(2 if "Grad" not in name else 3):
            for length in (0, 1, 5):
                lengths = [None] * 4
                lengths[k] = length
                yield make((2, 3, 3, 2), lengths=lengths, row=69)
        if "Grad" not in name:
            for lengths in ((None, None, 1, None), (None, None, None, 0)):
                yield make((2, 3, 3, 2), lengths=lengths, row=69, is_training=False)
                yield make((2, 3, 3, 2), lengths=lengths, row=69, exponential_avg_factor=0.5)
        for shape in ((2, 3), (), (2, 3, 2), (1, 1, 1, 1, 1, 1)):
            yield make(shape, row=69, lengths=(1,) * 4)
    for _ in range(0 if fixed else n):
        shape, form = pick(r, forms)
        yield make(tuple(int(r.integers(1, 6)) for _ in shape), pick(r, types), data_format=form)


# ------------------------------------------------------------------ pooling
# shape, window, stride, padding
POOLS = [((1, 4, 4, 1), (2, 2), (2, 2), "VALID"), ((2, 5, 5, 3), (3, 3), (2, 2), "SAME"), ((1, 5, 6, 2), (3, 2), (1, 2), "SAME"), ((1, 5, 6, 2), (2, 3), (1, 1), "VALID"), ((1, 4, 4, 2), (1, 1), (2, 2), "SAME"),
         ((1, 3, 3, 1), (3, 3), (1, 1), "VALID"), ((1, 2, 3, 1), (5, 5), (1, 1), "SAME"), ((3, 1, 1, 2), (1, 1), (1, 1), "VALID"), ((1, 7, 7, 1), (2, 2), (3, 3), "SAME"), ((1, 7, 5, 2), (3, 3), (3, 2), "VALID")]
POOL_BAD = [(dict(ksize=[1, 0, 2, 1]), 38), (dict(ksize=[1, -2, 2, 1]), 38), (dict(strides=[1, 0, 2, 1]), 38), (dict(strides=[1, 2, -1, 1]), 38), (dict(ksize=[1, 2**40, 2, 1]), 39), (dict(strides=[1, 2, 2**33, 1]), 39),
            (dict(ksize=[1, 9, 9, 1], padding="VALID"), 40), (dict(ksize=[1, 2, 2]), 41), (dict(strides=[1, 2]), 41), (dict(ksize=[1, 2, 2, 1, 1]), 41), (dict(ksize=[2, 2, 2, 1]), 41), (dict(strides=[2, 2, 2, 1]), 41),
            (dict(ksize=[1, 2, 2, 3], strides=[1, 2, 2, 3]), 41), (dict(ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2]), 41), (dict(data_format="NHCW"), 28), (dict(padding="full"), 28)]


def pool_out(p):
    """The output shape of a pooling row."""
    (n, h, w, c), (kh, kw), (sh, sw), padding = p
    return n, window(h, kh, sh, 1, padding), window(w, kw, sw, 1, padding), c


def pool_attrs(p):
    _, (kh, kw), (sh, sw), padding = p
    return dict(ksize=[1, kh, kw, 1], strides=[1, sh, sw, 1], padding=padding)


def random_pool(r):
    while True:
        p = (tuple(int(d) for d in r.integers(1, 8, 4)), tuple(int(d) for d in r.integers(1, 5, 2)), tuple(int(d) for d in r.integers(1, 4, 2)), pick(r, ["SAME", "VALID"]))
        if min(pool_out(p)) > 0:
            return p


@op("MaxPool", "AvgPool", "MaxPoolV2")
def pool(name, r, n, fixed):
    types = allowed(name)

    def make(x, ksize, strides, padding, **kw):
        if name == "MaxPoolV2":
            return Case(x, np.array(ksize, np.int32), np.array(strides, np.int32), padding=padding, **kw)
        return Case(x, ksize=ksize, strides=strides, padding=padding, **kw)
    if fixed:
        for p in POOLS:
            yield make(rand(r, "float32", p[0]), **pool_attrs(p))
        for t in types:
            yield make(rand(r, t, POOLS[1][0]), **pool_attrs(POOLS[1]))
        yield make(rand(r, "float32", (1, 9, 9, 5)), [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
        yield make(arr([1, np.nan, 2, -np.inf, np.inf, 3, -0.0, 0.0, np.nan]).reshape(1, 3, 3, 1), [1, 2, 2, 1], [1, 1, 1, 1], "VALID", grad=False)
        yield make(arr([1, 1, 1, 2, 2, 1, 0, 0, 2]).reshape(1, 3, 3, 1), [1, 2, 2, 1], [1, 1, 1, 1], "SAME")  # ties
        for s in ((0, 4, 4, 3), (1, 4, 4, 0), (1, 0, 4, 3), (1, 4, 0, 3)):
            yield make(zeros(*s), [1, 2, 2, 1], [1, 2, 2, 1], "SAME", row=42, grad=False)
            yield make(zeros(*s), [1, 2, 2, 1], [1, 2, 2, 1], "VALID", row=42, grad=False)
        base = dict(ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
        for s in ((4, 4, 3), (1, 4, 4, 3, 1), (), (4,)):
            yield make(zeros(*s), row=41, **base)
        for extra, row in POOL_BAD:
            if name == "MaxPoolV2" and max(map(abs, extra.get("ksize", [0]) + extra.get("strides", [0]))) > 2**31:
                continue
            yield make(zeros(1, 4, 4, 3), row=row, grad=False, words=name != "MaxPoolV2", **{**base, **extra})
        if name != "AvgPool":
            for c, k in ((4, 2), (6, 3), (4, 4)):
                yield make(rand(r, "float32", (2, 2, 2, c)), [1, 1, 1, k], [1, 1, 1, k], "VALID")
                yield make(rand(r, "float32", (2, 2, 2, c)), [1, 1, 1, k], [1, 1, 1, k], "SAME")
            yield make(zeros(1, 2, 2, 4), [1, 1, 1, 2], [1, 1, 1, 1], "VALID", row=41)
        if name == "MaxPool":
            yield Case(rand(r, "float32", (1, 4, 4, 1)), ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1, 0, 2, 0, 0])
            yield Case(rand(r, "float32", (1, 4, 4, 1)), ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 3, 0, 0, 0, 0, 0], row=24, grad=False)
            yield Case(rand(r, "float32", (1, 4, 4, 1)), ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1], row=24)
            yield Case(rand(r, "float32", (1, 4, 4, 1)), ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="SAME", explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0], row=24)
        if name in ("MaxPool", "AvgPool"):
            yield Case(zeros(1, 3, 4, 4), data_format="NCHW", row=28, ksize=[1, 1, 2, 2], strides=[1, 1, 2, 2], padding="SAME")
        if name == "MaxPoolV2":
            good = i32(1, 2, 2, 1)
            for k, s in ((i32(2, 2), good), (i32(), good), (good, i32(1, 2)), (good, i32()), (scalar(2), good), (np.array([[1, 2, 2, 1]], np.int32), good)):
                yield Case(zeros(1, 4, 4, 3), k, s, padding="SAME", row=46, must="Any" if k.ndim == 2 else None)
    for _ in range(0 if fixed else n):
        p = random_pool(r)
        yield make(rand(r, pick(r, types), p[0]), **pool_attrs(p))


@op("MaxPoolGrad")
def max_pool_grad(name, r, n, fixed):
    import tensorflow as tf
    types = allowed(name)

    def make(t, p, x=None):
        x = rand(r, t, p[0]) if x is None else x
        kw = pool_attrs(p)
        y = tf.raw_ops.MaxPool(input=x.astype("f4"), **kw).numpy().astype(x.dtype)
        return Case(x, y, rand(r, t, y.shape), **kw)
    if fixed:
        for p in POOLS:
            yield make("float32", p)
        for t in types:
            yield make(t, POOLS[1])
        yield make("float32", ((1, 9, 9, 4), (3, 3), (2, 2), "SAME"))
        yield make("float32", ((1, 3, 3, 1), (2, 2), (1, 1), "SAME"), arr([1, 1, 1, 2, 2, 1, 0, 0, 2]).reshape(1, 3, 3, 1))
        yield make("float32", ((1, 3, 3, 1), (2, 2), (1, 1), "VALID"), zeros(1, 3, 3, 1))
        yield Case(rand(r, "float32", (1, 4, 4, 1)), zeros(1, 2, 2, 1), rand(r, "float32", (1, 2, 2, 1)), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")  # output values do not matter
        base = dict(ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
        for a, b, g, row in (((0, 4, 4, 3), (0, 2, 2, 3), (0, 2, 2, 3), None), ((1, 4, 4, 3), (1, 2, 2, 3), (0, 0, 0, 0), 43), ((1, 4, 4, 3), (1, 2, 2, 3), (1, 1, 2, 3), 43), ((1, 4, 4, 3), (1, 3, 2, 3), (1, 2, 2, 3), 44),
                             ((1, 4, 4, 3), (), (1, 2, 2, 3), 44), ((1, 4, 4, 3), (1, 2, 2, 3), (), 43), ((4, 4, 3), (1, 2, 2, 3), (1, 2, 2, 3), 44), ((1, 4, 4, 3), (1, 2, 2, 3), (12,), 43), ((0, 0, 0, 0), (1, 2, 2, 3), (1, 2, 2, 3), 44)):
            yield Case(zeros(*a), zeros(*b), zeros(*g), row=row, grad=False, **base)
        yield Case(zeros(0, 0, 0, 0), zeros(1, 1, 1, 1), zeros(1, 1, 1, 1), ksize=[1, 1, 1, 1], strides=[1, 1, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 0, 1, 0, 1, 0, 0], row=45, grad=False)
        for extra, row in POOL_BAD:
            yield Case(zeros(1, 4, 4, 3), zeros(1, 2, 2, 3), zeros(1, 2, 2, 3), row=row, grad=False, must="InvalidArgument" if row == 38 else None, **{**base, **extra})
    for _ in range(0 if fixed else n):
        yield make(pick(r, ["float32", "float64", "int32"]), random_pool(r))


@op("AvgPoolGrad")
def avg_pool_grad(name, r, n, fixed):
    if fixed:
        for p in POOLS:
            yield Case(i32(*p[0]), rand(r, "float32", pool_out(p)), **pool_attrs(p))
        for t in allowed(name):
            yield Case(i32(*POOLS[1][0]), rand(r, t, pool_out(POOLS[1])), **pool_attrs(POOLS[1]))
        base = dict(ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
        yield Case(i32(0, 4, 4, 3), zeros(0, 2, 2, 3), grad=False, **base)
        for s, g, row in (([1, 4, 4], (1, 2, 2, 3), 51), ([1, -4, 4, 3], (1, 2, 2, 3), 51), ([-536870912] * 4, (1, 2, 2, 3), 51), ([], (1, 2, 2, 3), 51), ([1, 4, 4, 3], (1, 9, 2, 3), 53), ([1, 4, 4, 3], (2, 2, 3), 53),
                          ([1, 4, 4, 3], (), 53), ([1, 4, 4, 3], (1, 1, 2, 3), 53), ([2, 4, 4, 3], (1, 2, 2, 3), 53), ([1, 4, 4, 2], (1, 2, 2, 3), 53), ([1, 4, 4, 3], (0, 0, 0, 0), 53), ([1, 0, 4, 3], (1, 2, 2, 3), 53)):
            yield Case(i32(*s), zeros(*g), row=row, grad=False, must="InvalidArgument", **base)
        yield Case(np.array([[1, 4, 4, 3]], np.int32), zeros(1, 2, 2, 3), row=51, **base)
        for extra, row in POOL_BAD:
            yield Case(i32(1, 4, 4, 3), zeros(1, 2, 2, 3), row=52 if "strides" in extra else row, grad=False, must="InvalidArgument" if row in (38, 40) else None, **{**base, **extra})
        yield Case(i32(1, 4, 4, 3), zeros(1, 2, 2, 3), row=53, must="Any", ksize=[1, 2, 2, 1], strides=[1, 2, 2, 30], padding="SAME")
    for _ in range(0 if fixed else n):
        p = random_pool(r)
        yield Case(i32(*p[0]), rand(r, pick(r, allowed(name)), pool_out(p)), **pool_attrs(p))


# ------------------------------------------------------------------ normalization and bias
LRNS = [dict(), dict(depth_radius=4, bias=1.0, alpha=0.001 / 9.0, beta=0.75), dict(depth_radius=1, bias=2.0, alpha=0.1, beta=1.0), dict(depth_radius=0, alpha=0.5, beta=0.3), dict(depth_radius=100), dict(depth_radius=2, bias=0.5, alpha=-0.01, beta=-0.5)]


@op("LRN", "LRNGrad")
def lrn(name, r, n, fixed):
    def make(t, s, **kw):
        if name == "LRN":
            return Case(rand(r, t, s), **kw)
        import tensorflow as tf
        x = rand(r, t, s)
        y = tf.raw_ops.LRN(input=x.astype("f4"), **kw).numpy().astype(x.dtype) if x.size else x
        return Case(rand(r, t, s), x, y, **kw)
    if fixed:
        for kw in LRNS:
            for s in ((1, 2, 1, 6), (2, 1, 2, 3)):
                yield make("float32", s, **kw)
        for t in allowed(name):
            yield make(t, (1, 2, 2, 5), depth_radius=2)
        yield make("float32", (2, 3, 3, 20), **LRNS[1])
        for s in ((1, 1, 1, 1), (0, 2, 2, 3), (1, 0, 2, 3)):
            yield make("float32", s)
        if name == "LRN":
            yield Case(zeros(1, 1, 1, 4), bias=0.0, row=57, grad=False)
            for s in ((4,), (), (2, 2, 2), (1, 2, 2, 2, 2)):
                yield Case(zeros(*s), row=55)
            yield Case(zeros(1, 1, 1, 0), row=55, grad=False)
            for d in (-1, 2**40, 2**31):
                yield Case(zeros(1, 1, 1, 4), depth_radius=d, row=56)
            yield Case(zeros(1, 1, 1, 4), depth_radius=2**31 - 1, row=56, must="Any")
        else:
            for a, b, c in (((1, 1, 1, 4), (1, 1, 1, 5), (1, 1, 1, 4)), ((1, 1, 1, 4), (1, 1, 1, 4), (4,)), ((4,), (4,), (4,)), ((1, 1, 1, 4), (1, 1, 1, 4), (1, 1, 1, 5)), ((1, 1, 1, 4), (), (1, 1, 1, 4))):
                yield Case(zeros(*a), zeros(*b), zeros(*c), row=58)
            yield Case(zeros(1, 1, 1, 4), zeros(1, 1, 1, 4), zeros(1, 1, 1, 4), depth_radius=-1, row=56)
            yield Case(zeros(1, 1, 1, 4), zeros(1, 1, 1, 4), zeros(1, 1, 1, 4), depth_radius=2**40, row=56)
    for _ in range(0 if fixed else n):
        yield make(pick(r, allowed(name)), tuple(int(d) for d in r.integers(1, 9, 4)), depth_radius=int(r.integers(0, 6)), bias=1.0 + float(r.random()), alpha=float(r.random()), beta=float(r.random()))


@op("BiasAdd", "BiasAddV1", "BiasAddGrad")
def bias_add(name, r, n, fixed):
    types = allowed(name)

    def make(t, s, nchw=False, **kw):
        kw.update({"data_format": "NCHW"} if nchw else {})
        x = rand(r, t, s)
        return Case(x, **kw) if name == "BiasAddGrad" else Case(x, rand(r, t, (s[1 if nchw else -1],)), **kw)
    if fixed:
        for t in types:
            yield make(t, (2, 3))
            if name != "BiasAddV1":
                yield make(t, (2, 3, 2), True)
        for s in ((1, 1), (4, 1), (2, 3, 4), (2, 2, 1, 3), (1, 2, 1, 2, 3), (0, 3), (3, 0), (2, 0, 3), (1, 2, 1, 2, 1, 2)):
            yield make("float32", s)
            if len(s) > 2 and len(s) < 6 and name != "BiasAddV1":
                yield make("float32", s, True)
        yield make("float32", (9, 17))
        if name != "BiasAddV1":
            yield make("float32", (2, 3), True, row=59, must="Any")
            yield make("float32", (2, 3), row=59)
        if name == "BiasAddGrad":
            yield Case(zeros(2), row=60)
            yield Case(zeros(), row=60)
            yield Case(zeros(2), data_format="NCHW", row=60, words=False)
            yield Case(zeros(0, 0), row=60)
            yield Case(zeros(2, 0, 3), data_format="NCHW", row=60)
        else:
            for a, b in (((2, 3), (2,)), ((2,), (2,)), ((), (1,)), ((2, 3), (3, 1)), ((2, 3), ()), ((2, 3), (0,)), ((2, 3), (1,))):
                yield Case(zeros(*a), zeros(*b), row=59)
            if name == "BiasAdd":
                yield Case(zeros(2, 3, 4), zeros(4), data_format="NCHW", row=59, words=False)
                yield Case(zeros(2, 3), zeros(3), data_format="NHWD", row=59)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 2, 5)
        yield make(pick(r, types), s, name != "BiasAddV1" and len(s) > 2 and bool(r.integers(2)))


# ------------------------------------------------------------------ activations
@op("Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Softplus", "Softsign")
def activation(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            x = specials(t)
            if name == "Elu" and t != "float32":
                x = x[(np.abs(x) > 0.01) | (x == 0) | (x != x)]  # TensorFlow subtracts 1 from the exponential there
            yield Case(x)
            yield Case(rand(r, t, (2, 5), 4.0))
        for s in SHAPES:
            yield Case(rand(r, "float32", s, 4.0))
        yield Case(arr(np.linspace(-20, 20, 80)))
        if name == "LeakyRelu":
            for a in (0.0, 1.0, -0.5, 3.0):
                yield Case(rand(r, "float32", (6,)), alpha=a)
    for _ in range(0 if fixed else n):
        kw = {"alpha": float(r.normal())} if name == "LeakyRelu" else {}
        yield Case(rand(r, pick(r, types), shape_of(r), 4.0), **kw)


@op("ReluGrad", "Relu6Grad", "EluGrad", "SeluGrad", "LeakyReluGrad", "SoftplusGrad", "SoftsignGrad")
def activation_grad(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            x = specials(t)
            yield Case(rand(r, t, x.shape), x)
            yield Case(rand(r, t, (2, 5)), rand(r, t, (2, 5), 4.0))
        for s in SHAPES:
            yield Case(rand(r, "float32", s), rand(r, "float32", s, 4.0))
        yield Case(rand(r, "float32", (67,)), arr(np.linspace(-9, 9, 67)))
        yield Case(arr([np.nan, np.inf, np.nan]), arr([1, 1, -1]), grad=False)
        if name == "LeakyReluGrad":
            for a in (0.0, 1.0, -0.5, 3.0):
                yield Case(rand(r, "float32", (6,)), rand(r, "float32", (6,)), alpha=a)
        for a, b in (((2,), (3,)), ((0,), (3,)), ((3,), (0,)), ((), (3,)), ((2, 3), (3, 2)), ((2, 3), (6,))):
            yield Case(zeros(*a), zeros(*b), row=10)
    for _ in range(0 if fixed else n):
        t, s = pick(r, types), shape_of(r)
        yield Case(rand(r, t, s), rand(r, t, s, 4.0))


# ------------------------------------------------------------------ softmax and losses
@op("Softmax", "LogSoftmax")
def softmax(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (2, 5)))
            yield Case(arr([[1, 2, 60], [-60, 0, 60], [0, 0, 0]], t))
        for s in ((4,), (1,), (0,), (3, 0), (0, 3), (2, 2, 3), (1, 2, 1, 2, 3)):
            yield Case(rand(r, "float32", s))
        yield Case(arr([[np.nan, 1, 2], [np.inf, 1, 2], [-np.inf, 1, 2], [-np.inf, -np.inf, -np.inf], [3e38, -3e38, 0]]), grad=False)
        yield Case(rand(r, "float32", (5, 33)))
        yield Case(zeros())
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, types), shape_of(r, 1, 4)))


@op("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy(name, r, n, fixed):
    types = allowed(name)

    def labels(t, s):
        p = r.random(s) + 0.01
        return (p / p.sum(-1, keepdims=True)).astype(np.float32).astype(rand(r, t).dtype)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (3, 4)), labels(t, (3, 4)))
        for a, b in (((1, 4), (3, 4)), ((3, 4), (1, 4)), ((3, 1), (3, 4)), ((3, 4), (4,)), ((4,), (3, 4)), ((1, 1), (1, 1)), ((2, 0), (2, 0)), ((0, 3), (0, 3)), ((5, 33), (5, 33))):
            yield Case(rand(r, "float32", a), labels("float32", b))
        yield Case(arr([[1000, 0, -1000], [0, 0, 0]]), arr([[1, 0, 0], [0.5, 0.25, 0.5]]))
        yield Case(arr([[np.nan, 0], [np.inf, 0]]), arr([[1, 0], [0, 1]]), grad=False)
        for a, b in (((2, 3), (2, 4)), ((3,), (3,)), ((), ()), ((2, 3), (3, 3)), ((2, 2, 3), (2, 2, 3)), ((2, 0), (2, 3)), ((2, 3), ())):
            yield Case(zeros(*a), zeros(*b), row=66, grad=False)
    for _ in range(0 if fixed else n):
        s = (int(r.integers(1, 9)), int(r.integers(1, 20)))
        t = pick(r, types)
        yield Case(rand(r, t, s), labels(t, s))


@op("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            for i in (np.int32, np.int64):
                yield Case(rand(r, t, (3, 4)), r.integers(0, 4, 3).astype(i))
        for s in ((1, 1), (0, 3), (5, 33), (1, 7)):
            yield Case(rand(r, "float32", s), r.integers(0, s[1], s[0]).astype(np.int64))
        yield Case(arr([[1000, 0, -1000], [0, 0, 0], [-1000, 0, 1000]]), i32(2, 1, 2))
        yield Case(arr([[np.nan, 0], [np.inf, 0], [-np.inf, 0]]), i32(0, 1, 0), grad=False)
        for lab in ((1, 10), (1, -1), (3, 0)):
            yield Case(zeros(2, 3), i32(*lab), row=64)
        yield Case(zeros(2, 3), i64(2**32, 0), row=64)
        yield Case(zeros(2, 3), i32(1, 1, 1), row=65)
        yield Case(zeros(2, 3), i32(), row=65)
        yield Case(zeros(2), i32(1, 1), row=65)
        yield Case(zeros(), i32(1), row=65)
        yield Case(zeros(2, 2, 3), i32(1, 1), row=65)
        yield Case(zeros(2, 0), i32(0, 0), row=65)
        yield Case(zeros(0, 0), i32(), row=65, grad=False)
        yield Case(zeros(2, 3), np.array([[1], [1]], np.int32), row=65)
        yield Case(zeros(1, 3), scalar(1), row=65)
    for _ in range(0 if fixed else n):
        s = (int(r.integers(1, 9)), int(r.integers(1, 20)))
        yield Case(rand(r, pick(r, types), s), r.integers(0, s[1], s[0]).astype(pick(r, [np.int32, np.int64])))


@op("L2Loss")
def l2_loss(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for t in types:
            yield Case(rand(r, t, (2, 5)))
        for s in SHAPES:
            yield Case(rand(r, "float32", s))
        yield Case(rand(r, "float32", (300,)))
        yield Case(arr([np.inf, 1]))
        yield Case(arr([np.nan, 1]))
    for _ in range(0 if fixed else n):
        yield Case(rand(r, pick(r, types), shape_of(r)))


# ------------------------------------------------------------------ top k
@op("InTopK", "InTopKV2")
def in_top_k(name, r, n, fixed):
    def make(p, t, k, **kw):
        return Case(p, t, k=k, **kw) if name == "InTopK" else Case(p, t, np.array(k, t.dtype), **kw)
    if fixed:
        p = arr([[0.1, 0.9, 0.3], [0.5, 0.5, 0.1], [3, 2, 1]])
        for k in (1, 2, 3, 100, 0, -1):
            for t in (i32(1, 1, 2), i64(0, 0, 0)):
                yield make(p, t, k, row=68 if k < 1 else None)
        yield make(p, i32(-1, 3, 100), 1, row=68)
        yield make(arr([[np.nan, 1, 2], [1, np.nan, 2], [np.inf, 1, 2], [-np.inf, 1, 2], [1, np.inf, np.inf]]), i32(1, 0, 1, 0, 0), 2, row=68)
        yield make(arr([[np.nan, 1], [np.inf, 1], [1, np.inf]]), i32(0, 0, 0), 1, row=68)
        yield make(zeros(0, 3), i32(), 1)
        yield make(zeros(2, 0), i32(0, 0), 1)
        yield make(zeros(4, 4), i32(0, 1, 2, 3), 1)
        yield make(zeros(2, 3), i32(1), 1)
        yield make(zeros(2), i32(1, 1), 1)
        yield make(zeros(), i32(1), 1)
        yield make(zeros(2, 3), np.array([[1, 1]], np.int32), 1)
        yield make(zeros(2, 3), i64(2**32, 0), 1, row=68)
        if name == "InTopKV2":
            yield make(zeros(2, 3), i32(1, 1), [1], row=68)
            yield make(zeros(2, 3), i32(1, 1), [1, 2], row=68)
    for _ in range(0 if fixed else n):
        s = (int(r.integers(1, 9)), int(r.integers(1, 20)))
        yield make(rand(r, "float32", s), r.integers(-1, s[1] + 1, s[0]).astype(pick(r, [np.int32, np.int64])), int(r.integers(0, 6)))


@op("TopK", "TopKV2")
def top_k(name, r, n, fixed):
    types = allowed(name)

    def make(x, k, kt="int32", **kw):
        return Case(x, k=k, **kw) if name == "TopK" else Case(x, arr(k, kt), **kw)
    if fixed:
        for t in types:
            yield make(rand(r, t, (2, 6)), 3)
        for s, k in (((5,), 2), ((5,), 5), ((5,), 0), ((5,), 1), ((3, 1), 1), ((2, 0), 0), ((0, 4), 2), ((2, 2, 4), 2), ((1, 2, 1, 2, 3), 3), ((2, 40), 7)):
            yield make(rand(r, "float32", s), k)
        yield make(arr([1, 3, 3, 2, 3, 1]), 4)
        yield make(arr([0.0, -0.0, 0.0]), 2)
        yield make(arr([np.inf, 1, -np.inf, np.inf]), 3)
        yield make(rand(r, "float32", (6,)), 6, sorted=False)
        yield make(rand(r, "float32", (6,)), 1, sorted=False)
        if name == "TopKV2":
            for kt in allowed(name, "Tk"):
                yield make(rand(r, "float32", (6,)), 2, kt)
            for it in allowed(name, "index_type"):
                yield make(rand(r, "float32", (6,)), 2, index_type=it)
            yield make(zeros(2), [1], row=122)
            yield make(zeros(2), [1, 1], row=122)
        yield make(zeros(2), 3, row=122)
        yield make(zeros(2), -1, row=122, words=name != "TopK")
        yield make(zeros(), 1, row=122)
        yield make(zeros(), 0, row=122)
        yield make(zeros(0), 1, row=122)
    for _ in range(0 if fixed else n):
        s = shape_of(r, 1, 4)
        yield make(rand(r, pick(r, types), s), int(r.integers(0, s[-1] + 1)))


@op("NthElement")
def nth_element(name, r, n, fixed):
    types = allowed(name)
    if fixed:
        for i, t in enumerate(types):
            yield Case(r.permutation(9).astype(arr(0, t).dtype), scalar(i % 9), reverse=bool(i % 2))
        for s, k in (((1,), 0), ((5,), 4), ((3, 4), 2), ((2, 2, 3), 1), ((0, 3), 0), ((2, 0, 3), 2)):
            yield Case(rand(r, "float32", s), scalar(k))
            yield Case(rand(r, "float32", s), scalar(k), reverse=True)
        yield Case(arr([[1, 1, 2, 2], [3, 3, 3, 3]]), scalar(2))
        ok = zeros(2, 3)
        for x, k in ((ok, 3), (ok, -1), (zeros(2, 0), 0), (zeros(), 0)):
            yield Case(x, scalar(k), row=122)
        yield Case(ok, np.array([1], np.int32), row=122)
    for _ in range(0 if fixed else n):
        s = (*shape_of(r, 0, 2, 5), int(r.integers(1, 6)))
        yield Case(rand(r, pick(r, types), s), scalar(int(r.integers(0, s[-1]))), reverse=bool(r.integers(2)))
