"""Writes tests/data/function_gradients/: graphs that call functions, as TensorFlow builds them, and the gradients through them.

NAME.pb.gz is the GraphDef before gradients were asked for. NAME.runs.pb.gz is a GraphDef that only holds values; its Const
nodes say what was asked, run after run.

    runK/feed/TENSOR      the value fed to the tensor
    runK/fetch/TENSOR     the value of a tensor; `y:0` is what was differentiated
    runK/grad/TENSOR      the gradient of y with respect to the tensor, of a variable by its handle
    runK/second/TENSOR    the gradient of the sum of all those gradients

A graph with a node `init` runs it first.

    function_gradients.py [--out DIR] [--only NAME,NAME]
    function_gradients.py --check      makes them anew with other values, has the project's test run those, and runs the
                                       graphs that it writes with its own gradients
"""
import argparse
import gzip
import os
import subprocess
import sys
import tempfile

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import function

from cases.harness import config, const

tf1 = tf.compat.v1
tf1.disable_eager_execution()
tf1.enable_control_flow_v2()
tf1.enable_resource_variables()
HERE = os.path.dirname(os.path.abspath(__file__))
GRAPHS = {}
RNG = np.random.default_rng(1)


def graph(f):
    """A function that builds a graph and gives y, the xs, the feeds of each run, and whether to differentiate twice."""
    GRAPHS[f.__name__] = f
    return f


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def inputs(*shapes):
    return [tf1.placeholder(tf.float32, shape, name=f"x{i}") for i, shape in enumerate(shapes)]


def runs(xs, count=2, **others):
    """Random values for the xs, several times."""
    feeds = []
    for k in range(count):
        feed = {x.name: floats(*x.shape.as_list()) for x in xs}
        feed.update({f"{name}:0": values[k] for name, values in others.items()})
        feeds.append(feed)
    return feeds


@graph
def call():
    """A function with two results, of which one is used twice."""
    a, b = inputs([3, 4], [4, 2])

    @tf.function
    def f(a, b):
        m = tf.matmul(a, b)
        return tf.tanh(m), tf.reduce_sum(a * a)

    t, s = f(a, b)
    return tf.reduce_sum(t * t) * s, [a, b], runs([a, b]), True


@graph
def nested():
    """A function that calls another one twice, and passes an argument on."""
    a, b = inputs([5], [5])

    @tf.function
    def inner(x, y):
        return tf.sigmoid(x) * y

    @tf.function
    def outer(x, y):
        z = inner(x, y)
        return inner(z, x) + z, x

    u, v = outer(a, b)
    return tf.reduce_sum(u * v), [a, b], runs([a, b]), True


@graph
def defun():
    """A node whose op is the function's name."""
    a, b = inputs([4], [4])

    @function.Defun(tf.float32, tf.float32)
    def square_sum(x, y):
        return x * x * y

    return tf.reduce_sum(square_sum(a, b) * b), [a, b], runs([a, b]), False


@graph
def one_of_two():
    """If: each branch uses an input of its own."""
    p = tf1.placeholder(tf.bool, [], name="p")
    a, b, c = inputs([3], [3], [3])
    r = tf.cond(p, lambda: tf.exp(a) * c, lambda: b * b * b * c)
    return tf.reduce_sum(r * r), [a, b, c], runs([a, b, c], p=[True, False]), True


@graph
def branches_within():
    """If within If within a function; an argument is the result of a branch."""
    n = tf1.placeholder(tf.int32, [], name="n")
    a, b = inputs([2, 2], [2, 2])

    @tf.function
    def f(n, a, b):
        def deep():
            return tf.cond(tf.equal(n, 1), lambda: tf.matmul(a, b), lambda: b)
        return tf.cond(n > 0, deep, lambda: a * 3.0) + a

    return tf.reduce_sum(tf.sin(f(n, a, b))), [a, b], runs([a, b], 3, n=[np.int32(i) for i in range(3)]), False


@graph
def one_of_many():
    """Case: the last branch for an index that fits none."""
    n = tf1.placeholder(tf.int32, [], name="n")
    a, b = inputs([3], [3])
    r = tf.switch_case(n, {0: lambda: a * b, 1: lambda: a - b * b, 2: lambda: tf.tanh(b)})
    values = [np.int32(i) for i in (0, 1, 2, 7, -1)]
    return tf.reduce_sum(r * a), [a, b], runs([a, b], 5, n=values), True


@graph
def loop():
    """While: a matrix that stays, a vector that changes, a number of iterations that is fed."""
    n = tf1.placeholder(tf.int32, [], name="n")
    a, b = inputs([3, 3], [3, 1])
    _, v = tf.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, tf.tanh(tf.matmul(a, v)) + v), [0, b])
    values = [np.int32(i) for i in (0, 1, 4)]
    return tf.reduce_sum(v * v), [a, b], runs([a, b], 3, n=values), False


@graph
def loop_in_a_branch():
    """While within If within a function, with an If in its body."""
    n = tf1.placeholder(tf.int32, [], name="n")
    a, b = inputs([4], [4])

    @tf.function
    def f(n, a, b):
        def step(i, v):
            return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: v * a, lambda: v + tf.sin(b))
        def many():
            return tf.while_loop(lambda i, v: i < n, step, [0, b])[1]
        return tf.cond(n > 0, many, lambda: a * b)

    values = [np.int32(i) for i in (0, 1, 5)]
    return tf.reduce_sum(f(n, a, b) * a), [a, b], runs([a, b], 3, n=values), False


@graph
def growing():
    """While whose variable grows: nothing is known of its shape."""
    a, b = inputs([2], [2])
    shapes = [tf.TensorShape([]), tf.TensorShape([None])]
    _, v = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.concat([v * b[0], a], 0)), [0, b], shapes)
    return tf.reduce_sum(v * v), [a, b], runs([a, b]), False


@graph
def two_loops():
    """A loop around a loop."""
    a, b = inputs([3], [3])

    def outer(i, v):
        w = tf.while_loop(lambda j, w: j < i, lambda j, w: (j + 1, w * a + b), [0, v])[1]
        return i + 1, tf.sin(w)

    v = tf.while_loop(lambda i, v: i < 3, outer, [0, b])[1]
    return tf.reduce_sum(v * b), [a, b], runs([a, b]), False


@graph
def variables():
    """A function that reads variables, in a loop too, and writes one after it was read."""
    a, = inputs([3])
    w = tf1.get_variable("w", initializer=tf.constant(floats(3)))
    u = tf1.get_variable("u", initializer=tf.constant(floats(3)))

    @tf.function
    def f(a):
        y = a * w.read_value()
        with tf.control_dependencies([y]):
            u.assign_add(y)
        z = tf.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, v * w + a), [0, y])[1]
        return z + u.read_value()

    y = tf.reduce_sum(f(a))
    tf.group(w.initializer, u.initializer, name="init")
    return y, [a, w, u], runs([a], 3), False


@graph
def random_mask():
    """A function that draws: the gradient is that of what was drawn."""
    a, = inputs([64])

    @tf.function
    def f(a):
        return tf.where(tf.random.uniform([64], seed=7) < 0.5, a * a, 3.0 * a)

    return tf.reduce_sum(f(a) * a), [a], runs([a]), False


def record(name, out):
    """Builds a graph, runs it, and writes both files; gives what was asked."""
    tf1.reset_default_graph()
    tf1.set_random_seed(5)
    y, xs, feeds, twice = GRAPHS[name]()
    y = tf.identity(y, name="y")
    g = tf1.get_default_graph()
    before = g.as_graph_def()
    grads = tf1.gradients(y, xs)
    second = tf1.gradients([tf.reduce_sum(d) for d in grads if d is not None], xs) if twice else []
    key = lambda x: (x if isinstance(x, tf.Tensor) else x.handle).name
    wanted = {"fetch/y:0": y}
    wanted.update({f"grad/{key(x)}": tf.convert_to_tensor(d) for x, d in zip(xs, grads) if d is not None})
    wanted.update({f"second/{key(x)}": tf.convert_to_tensor(d) for x, d in zip(xs, second) if d is not None})
    data = tf1.GraphDef()
    with tf1.Session(config=config()) as session:
        if "init" in {n.name for n in before.node}:
            session.run("init")
        for k, feed in enumerate(feeds):
            for tensor, value in feed.items():
                const(data, f"run{k}/feed/{tensor}", value)
            for path, value in session.run(wanted, feed).items():
                const(data, f"run{k}/{path}", value)
    for suffix, proto in (("pb", before), ("runs.pb", data)):
        packed = gzip.compress(proto.SerializeToString(deterministic=True), mtime=0)
        with open(os.path.join(out, f"{name}.{suffix}.gz"), "wb") as f:
            f.write(packed)
    print(f"{name}: {len(feeds)} runs, {len(wanted)} values", flush=True)


def values(name, folder):
    """What was recorded, run after run: path -> value."""
    data = tf1.GraphDef()
    with gzip.open(os.path.join(folder, f"{name}.runs.pb.gz")) as f:
        data.ParseFromString(f.read())
    found = {}
    for n in data.node:
        run, path = n.name.split("/", 1)
        found.setdefault(int(run[3:]), {})[path] = tf.make_ndarray(n.attr["value"].tensor)
    return [found[k] for k in sorted(found)]


def rerun(name, folder):
    """TensorFlow runs the graph that the project wrote, with the project's own gradient nodes `gradient_K`."""
    tf1.reset_default_graph()
    definition = tf1.GraphDef()
    with open(os.path.join(folder, f"{name}.out.pb"), "rb") as f:
        definition.ParseFromString(f.read())
    tf1.set_random_seed(5)
    tf1.import_graph_def(definition, name="")
    wrong = []
    with tf1.Session(config=config()) as session:
        if "init" in {n.name for n in definition.node}:
            session.run("init")
        for k, recorded in enumerate(values(name, folder)):
            feed = {p[5:]: v for p, v in recorded.items() if p.startswith("feed/")}
            paths = sorted(p for p in recorded if p.startswith("grad/"))
            fetches = [f"gradient_{i}:0" for i in range(len(paths))]
            for path, value in zip(paths, session.run(fetches, feed)):
                if not np.allclose(value, recorded[path], rtol=1e-4, atol=1e-5):
                    wrong.append(f"{name}: run {k}: {path}: {value} instead of {recorded[path]}")
    return wrong


def main():
    global RNG
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=os.path.join(HERE, "..", "data", "function_gradients"))
    parser.add_argument("--only", default="")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if args.check:
        args.out = tempfile.mkdtemp()
        RNG = np.random.default_rng(2)
    os.makedirs(args.out, exist_ok=True)
    names = args.only.split(",") if args.only else list(GRAPHS)
    for name in names:
        record(name, args.out)
    if not args.check:
        return 0
    env = dict(os.environ, TENSORLOOM_FUNCTION_GRADIENTS=args.out)
    command = ["cargo", "test", "--test", "main", "gradients_through_functions"]
    status = subprocess.run(command, cwd=os.path.join(HERE, "..", ".."), env=env, check=False).returncode
    wrong = [] if status else [w for name in names for w in rerun(name, args.out)]
    print("\n".join(wrong) or f"{len(names)} graphs")
    return status or bool(wrong)


sys.exit(main())
