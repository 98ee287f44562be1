"""Writes tests/data/replays/: graphs that TensorFlow built, each with a recorded session.

For each topic there are two gzip files. NAME.pb.gz is the GraphDef, with the shapes
that TensorFlow inferred. NAME.runs.pb.gz is a GraphDef that only holds values:
its Const nodes say what a session did, run after run.

    runK/feed/TENSOR     the value fed to the tensor (TENSOR is like x:0)
    runK/target/NODE     a node that was run for its effects (the value is empty)
    runK/fetch/TENSOR    the value that came out
    runK/error           "Code: message" of a run that fails; its fetches are empty then

Of graphs of loops and conditionals NAME.meta.gz is a MetaGraphDef of the graph before its gradients were built.
The text @FOLDER@ in strings stands for a fresh folder of the session.
A reader imports the graph, makes one session, does the runs in order of K and compares each fetched value.
Sessions ran on one CPU thread, without oneDNN and without graph rewriting.

    replays.py [--out DIR] [--only NAME,NAME] [--seed N]
"""
import argparse
import gzip
import os
import tempfile

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow.compat.v1 as tf

from cases.harness import CODES, clean, config, const
from sessions import control_flow, spanning, storage, updates
from sessions.common import FOLDER

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)
HERE = os.path.dirname(os.path.abspath(__file__))
TOPICS = {}
SEED = 1


def topic(f):
    """A function that yields (name, graph, runs); runs are (feeds, fetches, targets)."""
    TOPICS[f.__name__] = f
    return f


def in_folder(value, old, new):
    """The value with one text for another in its strings."""
    if np.asarray(value).dtype.kind not in "OSU":
        return value
    value = np.asarray(value, object)
    out = np.empty(value.shape, object)
    for i in np.ndindex(*value.shape):
        x = value[i]
        out[i] = (x if isinstance(x, bytes) else x.encode()).replace(old.encode(), new.encode())
    return out


def record(out, name, graph, runs, meta=None, devices=1, parts=None):
    """Runs the session and writes both files, and the MetaGraphDef if there is one.

    With parts, the graph written is that of the partitions (see sessions/spanning.py), with the same values.

    Runs that say so may fail, with the code that they name instead of TensorFlow's if they do.
    """
    data, errors = tf.GraphDef(), 0
    with tempfile.TemporaryDirectory() as folder, tf.Session(graph=graph, config=config(devices)) as session:
        for k, (feeds, fetches, targets, *may_fail) in enumerate(runs):
            for t, value in feeds.items():
                const(data, f"run{k}/feed/{t.name}", np.asarray(value, t.dtype.as_numpy_dtype))
            for t in targets:
                const(data, f"run{k}/target/{t.name}", np.zeros(0, np.float32))
            try:
                fed = {t: in_folder(value, FOLDER, folder) for t, value in feeds.items()}
                got = session.run([list(fetches), list(targets)], fed)[0]
            except tf.errors.OpError as e:
                if not may_fail:
                    raise
                message = clean(e.message).replace(folder, FOLDER)
                code = CODES[e.error_code] if may_fail[0] is True else may_fail[0]
                const(data, f"run{k}/error", np.array(f"{code}: {message}".encode(), object))
                got, errors = [np.zeros(0, np.float32)] * len(fetches), errors + 1
            for t, value in zip(fetches, got):
                const(data, f"run{k}/fetch/{t.name}", np.asarray(in_folder(value, folder, FOLDER)))
    size, definition = 0, graph.as_graph_def(add_shapes=True)
    if parts:
        definition, names = parts
        data = spanning.renamed(data, names, [n.name for n in definition.node if n.op in ("_Send", "_HostSend")])
    files = [("pb", definition), ("runs.pb", data)] + ([("meta", meta)] if meta else [])
    for suffix, message in files:
        packed = gzip.compress(message.SerializeToString(deterministic=True), mtime=0)
        size += len(packed)
        with open(os.path.join(out, f"{name}.{suffix}.gz"), "wb") as f:
            f.write(packed)
    print(f"{name}: {len(definition.node)} nodes, {len(runs)} runs, {errors} errors, {size} bytes", flush=True)


# ------------------------------------------------------------------ random numbers
SEEDS = [(1, 0), (0, 1), (87654321, 7), (-5, 123456789012), (42, 42)]


@topic
def random_streams():
    with tf.Graph().as_default() as g:
        fetches = []

        def add(t):
            fetches.append(tf.cast(t, tf.float32) if t.dtype == tf.bfloat16 else t)
        for s, s2 in SEEDS:
            for d in (tf.float32, tf.float64, tf.float16, tf.bfloat16):
                for i, shape in enumerate(([], [1], [3], [2, 5], [0], [37])):
                    if d == tf.float32 or i in (2, 3):
                        sh = tf.constant(shape, tf.int64 if i % 2 else tf.int32, shape=[len(shape)])
                        for op in ("random_uniform", "random_standard_normal", "truncated_normal"):
                            add(getattr(tf.raw_ops, {"random_uniform": "RandomUniform", "random_standard_normal": "RandomStandardNormal",
                                                     "truncated_normal": "TruncatedNormal"}[op])(shape=sh, dtype=d, seed=s, seed2=s2))
            for d, lo, hi in ((tf.int32, -3, 9), (tf.int64, 0, 1 << 40), (tf.int32, -2**31, 2**31 - 1), (tf.int64, -2**63, 2**63 - 1)):
                add(tf.raw_ops.RandomUniformInt(shape=[2, 5], minval=tf.constant(lo, d), maxval=tf.constant(hi, d), seed=s, seed2=s2))
            for x in (tf.range(10), tf.reshape(tf.range(12), [6, 2]), tf.constant(["a", "b", "c", "d"]), tf.zeros([0, 3]), tf.constant(7.0), tf.range(100, dtype=tf.int64)):
                add(tf.raw_ops.RandomShuffle(value=x, seed=s, seed2=s2))
            for d in (tf.float32, tf.float64):
                for o in (tf.int32, tf.int64):
                    logits = tf.constant([[0.1, 2.0, -1.0, 0.5], [3.0, -np.inf, 0.0, 3.0]], d)
                    add(tf.raw_ops.Multinomial(logits=logits, num_samples=7, seed=s, seed2=s2, output_dtype=o))
    yield "random_streams", g, [({}, fetches, [])] * 3


def draw_calls(r):
    """One call of each random op beside those above, with random types, shapes, parameters and seeds: lists of tensors."""
    raw = tf.raw_ops
    pick = lambda *xs: xs[r.integers(len(xs))]
    shape = lambda: [int(x) for x in r.integers(0, 7, r.integers(0, 4))]
    as_shape = lambda s: tf.constant(s, pick(tf.int32, tf.int64), shape=[len(s)])
    state = {"seed": int(r.integers(-2**62, 2**62)), "seed2": int(r.integers(1, 2**62))}
    seed = tf.constant(r.integers(-2**31, 2**31, 2), pick(tf.int32, tf.int64))
    wide = tf.constant(r.integers(-2**63, 2**63 - 1, 2), tf.int64)
    floats = pick(tf.float16, tf.bfloat16, tf.float32, tf.float64)
    key, counter = raw.StatelessRandomGetKeyCounter(seed=wide)
    alg = pick(tf.constant(1), tf.constant(3), raw.StatelessRandomGetAlg())
    v2 = {"key": key, "counter": counter, "alg": alg}
    yield list(raw.StatelessRandomGetKeyCounterAlg(seed=seed)) + [key, counter, raw.StatelessRandomGetAlg()]
    for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
        s = as_shape(shape())
        yield [getattr(raw, op)(shape=s, seed=seed, dtype=floats), getattr(raw, op + "V2")(shape=s, dtype=floats, **v2)]
    for d in (tf.int32, tf.int64):
        lo, hi = sorted(int(x) for x in r.integers(d.min, d.max, 2) >> r.integers(0, 30))
        low, high = tf.constant(lo, d), tf.constant(hi + 1, d)
        s = as_shape(shape())
        yield [raw.StatelessRandomUniformInt(shape=s, seed=seed, minval=low, maxval=high),
               raw.StatelessRandomUniformIntV2(shape=s, minval=low, maxval=high, **v2)]
    for d in (tf.int32, tf.int64, tf.uint32, tf.uint64):
        s = as_shape(shape())
        yield [raw.StatelessRandomUniformFullInt(shape=s, seed=wide, dtype=d), raw.StatelessRandomUniformFullIntV2(shape=s, dtype=d, **v2)]
    logits = tf.constant(r.normal(size=(r.integers(1, 5), r.integers(1, 9))) * 3, floats)
    yield [raw.StatelessMultinomial(logits=logits, num_samples=int(r.integers(0, 20)), seed=seed, output_dtype=pick(tf.int32, tf.int64)),
           raw.Multinomial(logits=logits, num_samples=int(r.integers(0, 20)), output_dtype=pick(tf.int32, tf.int64), **state)]
    for s in ([], [0], [1], [int(r.integers(2, 40))], [int(r.integers(2, 9)), 3]):
        value = tf.reshape(tf.range(int(np.prod(s))), s)
        value = pick(lambda v: v, tf.as_string, lambda v: tf.cast(v, tf.complex64), lambda v: v > 2)(value)
        yield [raw.StatelessShuffle(value=value, **v2), raw.RandomShuffle(value=value, **state)]
    for d in (tf.float16, tf.float32, tf.float64):
        alpha = tf.constant(np.exp(r.normal(size=shape()[:2]) * 2), d)
        s = as_shape(shape()[:2])
        whole = tf.concat([s, tf.shape(alpha, out_type=s.dtype)], 0)
        yield [raw.RandomGamma(shape=s, alpha=alpha, **state), raw.RandomGamma(shape=s, alpha=tf.constant(1, d), **state),
               raw.StatelessRandomGammaV2(shape=whole, seed=seed, alpha=alpha), raw.StatelessRandomGammaV3(shape=whole, alpha=alpha, **v2)]
    for rates in (tf.float16, tf.float32, tf.float64, tf.int32, tf.int64):
        d = pick(tf.float16, tf.float32, tf.float64, tf.int32, tf.int64)
        rate = tf.constant(np.exp(r.normal(size=shape()[:2]) * 2 + 1), rates)
        s = as_shape(shape()[:2])
        whole = tf.concat([s, tf.shape(rate, out_type=s.dtype)], 0)
        yield [raw.RandomPoissonV2(shape=s, rate=rate, dtype=d, **state), raw.StatelessRandomPoisson(shape=whole, seed=seed, lam=rate, dtype=d)]
        yield [raw.RandomPoissonV2(shape=s, rate=tf.constant([0.0, np.inf, -1.0]), dtype=d, **state)]
    for d in (tf.float16, tf.float32, tf.float64):
        rows = int(r.integers(1, 5))
        for size, number in (([rows] + shape()[:1], lambda: r.normal(size=pick((), (1,), (rows,)))), ([int(r.integers(0, 300))], r.normal)):
            mean, deviation = number(), np.exp(number())
            kind = int(r.integers(4))
            low = -np.inf if kind == 0 else mean + deviation * (4 if kind == 3 else number() - 2)
            high = np.inf if kind == 1 else (low if kind else mean) + deviation * np.exp(number())
            yield [raw.ParameterizedTruncatedNormal(shape=as_shape(size), means=tf.constant(mean, d), stdevs=tf.constant(deviation, d),
                                                    minvals=tf.constant(low, d), maxvals=tf.constant(high, d), **state)]
    image = tf.constant(r.integers(0, 100, (int(r.integers(1, 9)), int(r.integers(1, 9)), int(r.integers(0, 4)))), pick(tf.uint8, tf.int64, tf.float32))
    size = tf.constant([int(r.integers(0, n + 1)) for n in image.shape[:2]], tf.int64)
    yield [old_op("RandomCrop", 7, [image, size], T=image.dtype, **state)]
    rate = tf.constant(np.exp(r.normal(size=3) * 2 + 1), pick(tf.float16, tf.float32, tf.float64))
    yield [old_op("RandomPoisson", 24, [as_shape([4]), rate], S=None, dtype=rate.dtype, **state)]


def old_op(op, producer, inputs, **attrs):
    """A node of an op that only graphs of older producers may hold."""
    data = tf.GraphDef()
    data.versions.producer = producer
    node = data.node.add(name=op, op=op, input=[f"in{i}" for i in range(len(inputs))])
    for key, value in attrs.items():
        if isinstance(value, int):
            node.attr[key].i = value
        else:
            node.attr[key].type = (value or inputs[0].dtype).as_datatype_enum
    for i, t in enumerate(inputs):
        p = data.node.add(name=f"in{i}", op="Placeholder")
        p.attr["dtype"].type = t.dtype.as_datatype_enum
    return tf.import_graph_def(data, {f"in{i}": t for i, t in enumerate(inputs)}, [f"{op}:0"], name=op)[0]


@topic
def random_draws():
    """Every other random op, at random; --seed makes other calls."""
    for k in range(4):
        with tf.Graph().as_default() as g:
            fetches = []
            for tensors in draw_calls(np.random.default_rng([SEED, k])):
                fetches += [tf.cast(t, tf.float32) if t.dtype == tf.bfloat16 else t for t in tensors]
        yield f"random_draws_{k}", g, [({}, fetches, [])] * 2


@topic
def random_gamma_gradients():
    with tf.Graph().as_default() as g:
        alphas, fetches = [], []
        for d in (tf.float32, tf.float64):
            a = tf.placeholder(d, [3, None])
            alphas.append(a)
            samples = tf.random_gamma([5, 2], a, dtype=d, seed=4)
            stateless = tf.random.stateless_gamma(tf.concat([[4], tf.shape(a)], 0), [3, 7], a, dtype=d)
            fetches += [samples, stateless] + tf.gradients([samples, stateless], a)
            fetches.append(tf.raw_ops.RandomGammaGrad(alpha=tf.constant([[1e-3], [0.5], [1.0], [7.0], [300.0]], d), sample=tf.constant([0, 1e-4, 0.3, 1, 4, 90, 310], d)))
    value = np.array([[0.1, 1.0], [2.5, 30.0], [0.7, 400.0]])
    yield "random_gamma_gradients", g, [({a: value for a in alphas}, fetches, [])] * 2


@topic
def random_seeds():
    """The seed attributes that follow from the graph's seed, the op's seed and the op's place; and what they draw."""
    for seed in (None, 0, 1, 2**31 - 1):
        with tf.Graph().as_default() as g:
            if seed is not None:
                tf.set_random_seed(seed)
            fetches = []
            for k, op_seed in enumerate((None, 0, 5, None, 2**31 - 1)):
                if seed is not None or op_seed is not None:
                    fetches += [tf.random_uniform([2], seed=op_seed), tf.random_normal([2], mean=1.0, stddev=2.0, seed=op_seed),
                                tf.truncated_normal([2], seed=op_seed), tf.random_uniform([2], 3, 9, tf.int32, seed=op_seed),
                                tf.random_shuffle(tf.range(5), seed=op_seed), tf.multinomial([[0.5, 0.2, 0.1]], 4, seed=op_seed)]
        yield f"random_seeds_{seed}".lower(), g, [({}, fetches, [])] * 2


@topic
def shuffle_queue():
    for s, s2, capacity, least in ((1, 2, 200, 0), (0, 3, 50, 10), (87654321, 0, -1, 30)):
        with tf.Graph().as_default() as g:
            q = tf.raw_ops.RandomShuffleQueueV2(component_types=[tf.int32, tf.string], shapes=[[], [2]], capacity=capacity, min_after_dequeue=least, seed=s, seed2=s2)
            x, y = tf.placeholder(tf.int32, []), tf.placeholder(tf.string, [2])
            xs, ys = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.string, [None, 2])
            one = tf.raw_ops.QueueEnqueueV2(handle=q, components=[x, y])
            many = tf.raw_ops.QueueEnqueueManyV2(handle=q, components=[xs, ys])
            get = tf.raw_ops.QueueDequeueV2(handle=q, component_types=[tf.int32, tf.string])
            n = tf.placeholder(tf.int32, [])
            get_many = tf.raw_ops.QueueDequeueManyV2(handle=q, n=n, component_types=[tf.int32, tf.string])
            up_to = tf.raw_ops.QueueDequeueUpToV2(handle=q, n=n, component_types=[tf.int32, tf.string])
            size, close = tf.raw_ops.QueueSizeV2(handle=q), tf.raw_ops.QueueCloseV2(handle=q)
        count, runs = 0, []

        def label(i):
            return [f"a{i}", f"b{i}"]

        def put(k):
            nonlocal count
            ids = list(range(count, count + k))
            count += k
            return {xs: ids, ys: np.array([label(i) for i in ids], object).reshape(-1, 2)}, [], [many]
        runs.append(put(40))
        runs += [({}, get, [])] * 5
        for _ in range(3):
            runs.append(({x: count, y: np.array(label(count), object)}, [], [one]))
            count += 1
        runs += [({n: 4}, get_many, []), ({}, [size], []), put(6), ({n: 1}, get_many, []), ({n: 0}, get_many, [])]
        runs += [({}, get, [])] * 2 + [({}, [], [close]), ({n: 3}, get_many, [])]
        runs += [({n: 1000}, up_to, []), ({}, [size], [])]
        yield f"shuffle_queue_{s}_{s2}", g, runs


# ------------------------------------------------------------------ training
OPTIMIZERS = {
    "gradient_descent": lambda lr: tf.train.GradientDescentOptimizer(lr),
    "momentum": lambda lr: tf.train.MomentumOptimizer(lr, 0.9),
    "nesterov": lambda lr: tf.train.MomentumOptimizer(lr, 0.9, use_nesterov=True),
    "adam": lambda lr: tf.train.AdamOptimizer(lr),
    "adam_odd": lambda lr: tf.train.AdamOptimizer(lr, 0.8, 0.95, 1e-3),
    "adagrad": lambda lr: tf.train.AdagradOptimizer(lr),
    "adagrad_odd": lambda lr: tf.train.AdagradOptimizer(lr, 0.5),
    "rmsprop": lambda lr: tf.train.RMSPropOptimizer(lr),
    "rmsprop_momentum": lambda lr: tf.train.RMSPropOptimizer(lr, 0.8, 0.5, 1e-4),
    "rmsprop_centered": lambda lr: tf.train.RMSPropOptimizer(lr, 0.8, 0.5, 1e-4, centered=True),
    "ftrl": lambda lr: tf.train.FtrlOptimizer(lr),
    "ftrl_odd": lambda lr: tf.train.FtrlOptimizer(lr, -0.3, 0.2, 0.01, 0.02),
    "ftrl_shrinkage": lambda lr: tf.train.FtrlOptimizer(lr, l2_shrinkage_regularization_strength=0.05),
    "adadelta": lambda lr: tf.train.AdadeltaOptimizer(lr),
}


@topic
def optimizers():
    r = np.random.default_rng(7)
    grads = [(r.normal(size=3).astype("f4"), r.normal(size=(2, 2)).astype("f4")) for _ in range(5)]
    for name, make in OPTIMIZERS.items():
        for kind in ("ref", "resource"):
            with tf.Graph().as_default() as g:
                with tf.variable_scope("", use_resource=kind == "resource"):
                    w = tf.get_variable("w", initializer=tf.constant([1.0, -2.0, 0.5]))
                    m = tf.get_variable("scope/m", initializer=tf.constant([[0.1, 0.2], [-0.3, 4.0]]))
                    gw, gm = tf.placeholder(tf.float32, [3], name="gw"), tf.placeholder(tf.float32, [2, 2], name="gm")
                    step = tf.train.get_or_create_global_step()
                    train = make(0.1).apply_gradients([(gw, w), (gm, m)], global_step=step)
                    init = tf.global_variables_initializer()
                    state = [tf.identity(v, name=f"read/{v.op.name}") for v in tf.global_variables()]
            runs = [({}, [], [init]), ({}, state, [])]
            for a, b in grads:
                runs += [({gw: a, gm: b}, [], [train]), ({}, state, [])]
            yield f"optimizer_{name}_{kind}", g, runs


@topic
def minimize():
    """A loss with a gathered (sparse) gradient, minimized: the names and values of the whole graph."""
    for kind in ("ref", "resource"):
        for name in ("gradient_descent", "momentum", "adagrad", "adam"):
            with tf.Graph().as_default() as g:
                with tf.variable_scope("", use_resource=kind == "resource"):
                    table = tf.get_variable("table", initializer=tf.reshape(tf.range(12, dtype=tf.float32) / 10, [4, 3]))
                    w = tf.get_variable("w", initializer=tf.constant([[0.5], [-1.0], [2.0]]))
                    ids = tf.placeholder(tf.int32, [None], name="ids")
                    y = tf.matmul(tf.gather(table, ids), w)
                    loss = tf.reduce_mean(tf.square(y - 1.0)) + 0.01 * tf.nn.l2_loss(w)
                    train = OPTIMIZERS[name](0.05).minimize(loss)
                    init = tf.global_variables_initializer()
                    state = [tf.identity(v, name=f"read/{v.op.name}") for v in tf.global_variables()]
            runs = [({}, [], [init])]
            for i in ([0, 2], [2, 2, 1], [3], [1, 0, 3]):
                runs += [({ids: i}, [loss], []), ({ids: i}, [], [train]), ({}, state, [])]
            yield f"minimize_{name}_{kind}", g, runs


@topic
def schedules():
    with tf.Graph().as_default() as g:
        step = tf.placeholder(tf.int64, [], name="step")
        rates = [tf.train.exponential_decay(0.1, step, 10, 0.5), tf.train.exponential_decay(0.1, step, 10, 0.5, staircase=True),
                 tf.train.piecewise_constant(step, [5, 20], [1.0, 0.5, 0.1]), tf.train.polynomial_decay(0.1, step, 20, 0.01, 2.0),
                 tf.train.polynomial_decay(0.1, step, 20, 0.01, 0.5, cycle=True), tf.train.natural_exp_decay(0.1, step, 7, 0.3),
                 tf.train.natural_exp_decay(0.1, step, 7, 0.3, staircase=True), tf.train.inverse_time_decay(0.1, step, 7, 0.3),
                 tf.train.inverse_time_decay(0.1, step, 7, 0.3, staircase=True), tf.train.cosine_decay(0.1, step, 25, 0.1),
                 tf.train.cosine_decay_restarts(0.1, step, 5, 2.0, 0.9, 0.1), tf.train.linear_cosine_decay(0.1, step, 25)]
    yield "schedules", g, [({step: s}, rates, []) for s in (0, 1, 4, 5, 6, 9, 10, 11, 20, 21, 25, 40, 1000)]


@topic
def moving_averages():
    for name, kw, with_step in (("plain", {}, False), ("num_updates", {}, True), ("zero_debias", dict(zero_debias=True), False), ("both", dict(zero_debias=True), True)):
        for kind in ("ref", "resource"):
            with tf.Graph().as_default() as g:
                with tf.variable_scope("", use_resource=kind == "resource"):
                    v = tf.get_variable("v", initializer=tf.constant([10.0, -1.0]))
                    value = tf.placeholder(tf.float32, [2], name="value")
                    step = tf.placeholder(tf.int64, [], name="step")
                    set_v = tf.assign(v, value).op
                    t = tf.identity(value * 2.0, name="loss")
                    ema = tf.train.ExponentialMovingAverage(0.9, step if with_step else None, name="avg", **kw)
                    update = ema.apply([v, t])
                    init = tf.global_variables_initializer()
                    state = [tf.identity(x, name=f"read/{x.op.name}") for x in tf.global_variables()] + [ema.average(v) + 0.0, ema.average(t) + 0.0]
            runs = [({}, [], [init]), ({}, state, [])]
            for i, x in enumerate(([1.0, 2.0], [3.0, -2.0], [0.5, 0.25], [7.0, 7.0])):
                runs += [({value: x}, [], [set_v]), ({value: x, **({step: 5 * i} if with_step else {})}, [], [update]), ({}, state, [])]
            yield f"moving_average_{name}_{kind}", g, runs


# ------------------------------------------------------------------ images
@topic
def images():
    r = np.random.default_rng(3)
    value = r.integers(0, 256, (7, 6, 3)).astype(np.float32)
    with tf.Graph().as_default() as g:
        tf.set_random_seed(11)
        x = tf.placeholder(tf.float32, [7, 6, 3], name="image")
        out = [tf.random_crop(x, [4, 3, 3], seed=3), tf.random_crop(x, [4, 3, 3]), tf.image.random_flip_left_right(x, seed=4), tf.image.random_flip_up_down(x),
               tf.image.random_brightness(x, 63, seed=5), tf.image.random_contrast(x, 0.2, 1.8, seed=6), tf.image.per_image_standardization(x),
               tf.image.resize_image_with_crop_or_pad(x, 4, 4), tf.image.resize_image_with_crop_or_pad(x, 9, 10), tf.image.resize_image_with_crop_or_pad(x, 4, 9),
               tf.image.flip_left_right(x), tf.image.flip_up_down(x), tf.image.transpose_image(x), tf.image.adjust_brightness(x, -10.0), tf.image.adjust_contrast(x, 0.5),
               tf.image.central_crop(x, 0.5), tf.image.crop_to_bounding_box(x, 1, 2, 3, 3), tf.image.pad_to_bounding_box(x, 1, 2, 10, 9)]
    yield "images", g, [({x: value}, out, [])] * 4
    with tf.Graph().as_default() as g:
        tf.set_random_seed(11)
        x = tf.placeholder(tf.float32, [2, 7, 6, 3], name="images")
        out = [tf.image.random_flip_left_right(x, seed=4), tf.image.per_image_standardization(x), tf.image.resize_image_with_crop_or_pad(x, 4, 9)]
    yield "image_batches", g, [({x: np.stack([value, value[::-1]])}, out, [])] * 3



@topic
def image_builders():
    """One node name scope for each kind of image; tests/oracle/images.rs builds the same graph with our helpers."""
    def value(t, shape):
        return (np.arange(np.prod(shape)) * 37 % 101).reshape(shape).astype(t)
    kinds = {"one": [4, 5, 3], "batch": [2, 4, 5, 3], "any": None, "partial": [None, None, 3], "several": [None, 4, 5, 3]}
    with tf.Graph().as_default() as g:
        feeds, fetches = {}, []
        for name, shape in kinds.items():
            x = tf.placeholder(tf.float32, shape, name=name)
            feeds[x] = value(np.float32, [2, 4, 5, 3] if name in ("batch", "several") else [4, 5, 3])
            with tf.name_scope(f"in_{name}"):
                fetches += [tf.image.flip_left_right(x), tf.image.random_flip_left_right(x, seed=1), tf.image.crop_to_bounding_box(x, 1, 2, 2, 3),
                            tf.image.pad_to_bounding_box(x, 1, 2, 8, 9), tf.image.resize_image_with_crop_or_pad(x, 3, 8),
                            tf.image.per_image_standardization(x), tf.image.random_brightness(x, 63.0, seed=2), tf.image.random_contrast(x, 0.2, 1.8, seed=3)]
                if name not in ("batch", "several"):
                    fetches.append(tf.random_crop(x, [2, 2, 3], seed=4))
        rows, columns = tf.placeholder(tf.int32, [], name="rows"), tf.placeholder(tf.int32, [], name="columns")
        feeds.update({rows: 3, columns: 2})
        with tf.name_scope("computed"):
            for name in ("one", "any"):
                x = g.get_tensor_by_name(f"{name}:0")
                fetches += [tf.image.crop_to_bounding_box(x, 1, 2, rows, columns), tf.image.crop_to_bounding_box(x, 0, columns, 2, 2),
                            tf.image.pad_to_bounding_box(x, rows, columns, 8, 9), tf.image.resize_image_with_crop_or_pad(x, rows, 8)]
        for t in (tf.uint8, tf.int16, tf.float16, tf.float64):
            x = tf.placeholder(t, [2, 2, 3], name=t.name)
            feeds[x] = value(t.as_numpy_dtype, [2, 2, 3])
            with tf.name_scope(f"in_{t.name}"):
                fetches += [tf.image.adjust_brightness(x, 0.3), tf.image.per_image_standardization(x), tf.image.random_flip_left_right(tf.expand_dims(x, 0), seed=5)]
                if t != tf.float16:  # TensorFlow has no CPU kernel for it.
                    fetches.append(tf.image.adjust_contrast(x, 0.3))
        types = [tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.uint8, tf.uint16]
        for t in types:
            x = tf.placeholder(t, [5], name=f"from_{t.name}")
            feeds[x] = np.array([0, 1, 100, 7, 3] if t.is_integer else [0.0, 0.25, 300.0, -0.75, -1e4], t.as_numpy_dtype)
            for to in types:
                with tf.name_scope(f"{t.name}_to_{to.name}"):
                    made = [tf.saturate_cast(x, to), tf.image.convert_image_dtype(x, to), tf.image.convert_image_dtype(x, to, saturate=True)]
                    # What does not fit is undefined in the second; some infinities are in the third.
                    if tf.bfloat16 not in (t, to):
                        fetches += made[:1] if t.is_floating and to.is_integer else made
        for t, to in ((tf.complex64, tf.float32), (tf.complex64, tf.uint8), (tf.complex128, tf.complex64), (tf.complex64, tf.complex128), (tf.float64, tf.complex64)):
            x = tf.placeholder(t, [3], name=f"from_{t.name}_to_{to.name}")
            feeds[x] = np.array([1.5, -1e30, 300.0], t.as_numpy_dtype)
            with tf.name_scope(f"{t.name}_to_{to.name}"):
                fetches.append(tf.saturate_cast(x, to))
    yield "image_builders", g, [(feeds, fetches, [])] * 3


# ------------------------------------------------------------------ lists of tensors
def empty_list(dtype, shape=-1, most=-1):
    return tf.raw_ops.EmptyTensorList(element_shape=tf.constant(shape, tf.int32), max_num_elements=most, element_dtype=dtype)


@topic
def tensor_lists():
    raw = tf.raw_ops
    with tf.Graph().as_default() as g:
        fetches = []
        for dtype in (tf.float32, tf.float64, tf.int32, tf.uint8, tf.bool, tf.string, tf.complex64, tf.float16):
            rows = tf.strings.as_string(tf.reshape(tf.range(12), [4, 3])) if dtype == tf.string else tf.cast(tf.reshape(tf.range(12) % 7, [4, 3]), dtype)
            a = raw.TensorListFromTensor(tensor=rows, element_shape=[3])
            item = raw.TensorListGetItem(input_handle=a, index=2, element_shape=[-1], element_dtype=dtype)
            b = raw.TensorListSetItem(input_handle=a, index=0, item=item)
            b = raw.TensorListPushBack(input_handle=b, tensor=rows[1])
            c, last = raw.TensorListPopBack(input_handle=b, element_shape=-1, element_dtype=dtype)
            for handle in (a, b, c):
                fetches += [raw.TensorListStack(input_handle=handle, element_shape=-1, element_dtype=dtype), raw.TensorListLength(input_handle=handle)]
            d = raw.TensorListReserve(element_shape=[3], num_elements=3, element_dtype=dtype)
            d = raw.TensorListSetItem(input_handle=d, index=1, item=last)
            fetches += [raw.TensorListStack(input_handle=d, element_shape=[3], element_dtype=dtype, num_elements=3), item, last]
            grown = raw.TensorListSetItem(input_handle=d, index=5, item=last, resize_if_index_out_of_bounds=True)
            fetches.append(raw.TensorListStack(input_handle=grown, element_shape=[3], element_dtype=dtype))
            fetches.append(raw.TensorListGetItem(input_handle=d, index=0, element_shape=[3], element_dtype=dtype))
            fetches.append(raw.TensorListGather(input_handle=a, indices=[3, 0, 3], element_shape=-1, element_dtype=dtype))
            fetches.append(raw.TensorListGather(input_handle=d, indices=[2, 1], element_shape=[3], element_dtype=dtype))
            for size in (2, 6):
                fetches.append(raw.TensorListStack(input_handle=raw.TensorListResize(input_handle=a, size=size), element_shape=[3], element_dtype=dtype))
            e = raw.TensorListScatter(tensor=rows, indices=[4, 0, 2, 1], element_shape=[-1])
            f = raw.TensorListScatterV2(tensor=rows, indices=[1, 0, 2, 3], element_shape=[3], num_elements=6)
            h = raw.TensorListScatterIntoExistingList(input_handle=f, tensor=rows[:2], indices=[5, 1])
            fetches += [raw.TensorListStack(input_handle=x, element_shape=[3], element_dtype=dtype)
                        for x in tf.unstack(raw.TensorListPushBackBatch(input_handles=tf.stack([a, f]), tensor=rows[1:3]))]
            both = raw.TensorListConcatLists(input_a=a, input_b=h, element_dtype=dtype)
            for handle in (e, f, h, both):
                fetches.append(raw.TensorListStack(input_handle=handle, element_shape=[3], element_dtype=dtype))
            split = raw.TensorListSplit(tensor=rows, element_shape=[-1, 3], lengths=tf.constant([1, 0, 3], tf.int64))
            fetches += raw.TensorListConcat(input_handle=split, element_dtype=dtype)
            fetches += raw.TensorListConcatV2(input_handle=split, element_shape=[-1, 3], leading_dims=tf.zeros([0], tf.int64), element_dtype=dtype)
            gap = raw.TensorListReserve(element_shape=[-1, 3], num_elements=2, element_dtype=dtype)
            gap = raw.TensorListSetItem(input_handle=gap, index=1, item=rows)
            fetches += raw.TensorListConcatV2(input_handle=gap, element_shape=[-1, 3], leading_dims=tf.constant([2, 4], tf.int64), element_dtype=dtype)
        for shape in ([], [2, -1], -1, [0, 3]):
            for kind in (tf.int32, tf.int64):
                fetches.append(raw.TensorListElementShape(input_handle=empty_list(tf.float32, shape), shape_type=kind))
        fetches.append(raw.TensorListStack(input_handle=empty_list(tf.float32, [2, 0]), element_shape=-1, element_dtype=tf.float32))
        x, y = tf.placeholder(tf.float32, [4, 2], name="x"), tf.placeholder(tf.float32, [2], name="y")
        a = raw.TensorListPushBack(input_handle=raw.TensorListFromTensor(tensor=x, element_shape=[2]), tensor=y * y)
        a = raw.TensorListSetItem(input_handle=a, index=1, item=tf.sin(y))
        b, last = raw.TensorListPopBack(input_handle=a, element_shape=[2], element_dtype=tf.float32)
        z = raw.TensorListStack(input_handle=b, element_shape=[2], element_dtype=tf.float32) * tf.reduce_sum(last)
        z += 3.0 * raw.TensorListGetItem(input_handle=a, index=2, element_shape=[2], element_dtype=tf.float32)
        z += raw.TensorListGather(input_handle=a, indices=[0, 0, 4, 1], element_shape=[2], element_dtype=tf.float32)
        fetches += [z, *tf.gradients(z, [x, y])]
        values = np.random.default_rng(5).standard_normal((5, 2)).astype(np.float32)
    yield "tensor_lists", g, [({x: values[:4], y: values[4]}, fetches, [])]


@topic
def batch_norm():
    """Outputs that TensorFlow leaves uninitialized are not fetched."""
    raw = tf.raw_ops
    r = np.random.default_rng(3)
    with tf.Graph().as_default() as g:
        fetches, feeds, v2 = [], {}, raw.FusedBatchNormV2
        for k, (shape, form) in enumerate((((2, 3, 4, 3), "NHWC"), ((2, 3, 4, 5), "NCHW"), ((1, 1, 1, 4), "NHWC"), ((2, 2, 3, 2, 3), "NDHWC"), ((2, 3, 2, 1, 4), "NCDHW"), ((1, 9, 9, 6), "NHWC"))):
            for t in (tf.float32, tf.float16, tf.bfloat16):
                c = shape[-1] if form[-1] == "C" else shape[1]
                x = tf.placeholder(t, shape, name=f"x{k}_{t.name}")
                feeds[x] = (r.standard_normal(shape) * 2 + 1).astype(t.as_numpy_dtype)
                scale, offset, mean = (tf.constant(r.standard_normal(c), tf.float32) for _ in range(3))
                variance = tf.constant(r.random(c) + 0.1, tf.float32)
                for training, factor, epsilon in ((True, 1.0, 1e-3), (True, 0.3, 0.1), (False, 1.0, 1e-3)):
                    if form not in ("NHWC", "NDHWC") and not training:
                        continue
                    none = tf.zeros([0])
                    given = (none, none) if training and factor == 1.0 else (mean, variance)
                    args = dict(x=x, scale=scale, offset=offset, mean=given[0], variance=given[1], epsilon=epsilon, exponential_avg_factor=factor, is_training=training)
                    ops = [raw.FusedBatchNormV3(data_format=form, **args)]
                    if len(shape) == 4:
                        ops.append(v2(data_format=form, **args))
                        if t == tf.float32:
                            ops.append(raw.FusedBatchNorm(data_format=form, **args))
                    for out in ops:
                        made = [out.y, out.batch_mean, out.batch_variance] + ([out.reserve_space_1, out.reserve_space_2] if training else [])
                        if t != tf.bfloat16:
                            made += tf.gradients(tf.sin(out.y), [x, scale, offset])
                        fetches += [tf.cast(m, tf.float32) if m.dtype == tf.bfloat16 else m for m in made]
    yield "batch_norm", g, [(feeds, fetches, [])]


@topic
def functional():
    """Functions called by graphs of TensorFlow 1: If, While and Case that keep their own form."""
    tf.enable_control_flow_v2()
    with tf.Graph().as_default() as g:
        x = tf.placeholder(tf.float32, [None], name="x")
        n = tf.placeholder(tf.int32, [], name="n")
        v = tf.get_variable("v", initializer=[1.0, 2.0, 3.0], use_resource=True)
        i, y = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf.cond(i % 2 > 0, lambda: y * v, lambda: y + 1.0)), (0, x))
        z = tf.switch_case(n, [lambda: x, lambda: x * v, lambda: tf.square(x)], default=lambda: tf.zeros_like(x))
        pure = tf.switch_case(n, [lambda: x + 1.0, lambda: x * 2.0])  # no state: StatelessCase
        with tf.control_dependencies([tf.cond(n > 2, lambda: v.assign_add([1.0, 1.0, 1.0]), lambda: v.read_value())]):
            after = v.read_value()
        init = v.initializer
    value = np.array([0.5, -1.0, 2.0], np.float32)
    runs = [({}, [], [init])] + [({x: value, n: np.int32(k)}, [i, y, z, pure], []) for k in (0, 1, 2, 5)]
    runs += [({n: np.int32(k)}, [after], []) for k in (0, 3, 4)]
    yield "functional", g, runs
    tf.disable_control_flow_v2()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=os.path.join(HERE, "..", "data", "replays"))
    p.add_argument("--only", default="")
    p.add_argument("--seed", type=int, default=SEED, help="of the calls in random_draws")
    args = p.parse_args()
    globals()["SEED"] = args.seed
    os.makedirs(args.out, exist_ok=True)
    TOPICS.update(updates.TOPICS | storage.TOPICS | control_flow.TOPICS | spanning.TOPICS)
    for name, make in TOPICS.items():
        if not args.only or name in args.only.split(","):
            for fixture in make():
                record(args.out, *fixture)


if __name__ == "__main__":
    main()
