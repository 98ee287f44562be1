"""Writes random graphs with what TensorFlow computes for them, forward and backward.

Each graph has two gzip files in the form of replays.py. NAME.pb.gz is the GraphDef with TensorFlow's gradient nodes, NAME.runs.pb.gz
what two runs fed and fetched (runK/feed/TENSOR, runK/target/NODE, runK/fetch/TENSOR), and further Const nodes:

    runK/off/TENSOR    how far the fetched value is at most from that of the same graph in double precision (floats
                       only); nothing stands here where the two differ in kind: a rounding error decided
    meta/forward       how many nodes the graph has without the gradients
    meta/y             the tensor that was differentiated
    meta/x/I           the tensor to which, and meta/grad/I the tensor of its gradient (empty where it has none)

    random_graphs.py --out DIR [--seed N] [--count N] [--first N] [--nodes N]
"""
import argparse
import collections
import gzip
import os
import re

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.framework import tensor_util

from cases.graph_ops import FLOATS, OPS
from cases.harness import config, const

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)

OPS_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "graph_defs", "ops.pbtxt")
with open(OPS_FILE, encoding="utf-8") as f:
    VOCABULARY = set(re.findall(r'^op {\n  name: "(\w+)"', f.read(), re.M))


def floating(v):
    return v.dtype.name in FLOATS


class Builder:
    """A graph that grows; every tensor's value is known, so that the next node fits."""

    def __init__(self, r, graph):
        self.r, self.tensors, self.values, self.feeds = r, [], {}, {}
        self.session = tf.Session(graph=graph, config=config())
        self.base = [int(d) for d in r.choice([1, 2, 3, 4], 3)]
        if r.integers(12) == 0:
            self.base[int(r.integers(3))] = 0

    def choose(self, options):
        return options[self.r.integers(len(options))]

    def value(self, t):
        return self.values[t.name] if t.name in self.values else self.evaluate([t])[0]

    def evaluate(self, tensors):
        return [np.asarray(v, object) if isinstance(v, bytes) else np.asarray(v) for v in self.session.run(tensors, self.feeds)]

    def pick(self, fits=lambda v: True):
        found = [t for t in self.tensors if fits(self.values[t.name])]
        # The latest are taken more often: graphs grow deep.
        return found[-1 - int(len(found) * self.r.random() ** 2)] if found else None

    def compatible(self, *tensors):
        try:
            np.broadcast_shapes(*(self.value(t).shape for t in tensors))
            return True
        except ValueError:
            return False

    def like(self, x):
        return self.pick(lambda v: v.dtype == self.value(x).dtype and self.fits(v.shape, self.value(x).shape))

    @staticmethod
    def fits(a, b):
        try:
            return np.prod(np.broadcast_shapes(a, b)) <= 300
        except ValueError:
            return False

    def constant(self, number, dtype):
        return tf.constant(number, dtype)

    def const(self, v):
        v = np.asarray(v)
        return tf.constant(v.astype("int32") if v.dtype == np.int64 and self.r.integers(2) else v)

    def keep(self, tensors):
        """Adds tensors whose values are tame."""
        tensors = [t for t in tensors if isinstance(t, tf.Tensor)]
        for t, v in zip(tensors, self.evaluate(tensors)):
            if v.size > 1000 or floating(v) and v.size and not np.nanmax(np.abs(v.astype("f8"))) < 1e3:
                continue
            self.values[t.name] = v
            self.tensors.append(t)

    def inputs(self):
        for i in range(int(self.r.integers(2, 5))):
            shape = self.base[int(self.r.integers(0, 3)):]
            shape = [1 if self.r.integers(5) == 0 else d for d in shape]
            dtype = self.choose(["float32"] * 5 + ["float64"] * 2 + ["float16", "int32", "int64", "bool"])
            v = self.r.normal(size=shape) * 1.5
            v = (v > 0) if dtype == "bool" else np.round(v * 8) / (8 if dtype.startswith("f") else 2)
            static = self.choose([None, shape, [None] * len(shape)])
            t = tf.placeholder(dtype, static, name=f"x{i}")
            self.feeds[t] = v.astype(dtype)
            self.keep([t])
        v = tf.get_variable("w", initializer=tf.constant(self.r.integers(-8, 9, (self.base[1], self.base[2])).astype("f4") / 8), use_resource=bool(self.r.integers(2)))
        self.session.run(v.initializer)
        read = tf.convert_to_tensor(v)
        self.keep([read])
        self.xs = [t for t in self.feeds if t.dtype.is_floating] + [read]

    def grow(self, nodes):
        functions = [f for f, weight in OPS for _ in range(weight)]
        while len(self.tensors) < nodes:
            known = set(tf.global_variables())
            try:
                added = self.choose(functions)(self)
            except (ValueError, TypeError, tf.errors.OpError):
                added = []
            for v in tf.global_variables():
                if v not in known:
                    self.session.run(v.initializer)
            try:
                self.keep(added)
            except tf.errors.OpError:
                pass


FLOAT_ONLY = {"LRN", "LRNGrad", "AdjustContrastv2", "InTopKV2", "ScalarSummary", "MaxPoolWithArgmax", "MaxPoolGradWithArgmax", "StringToNumber"}
DRAWS = {"RandomUniform", "RandomStandardNormal", "TruncatedNormal", "ParameterizedTruncatedNormal", "RandomGamma", "StatelessRandomUniform",
         "StatelessRandomNormal", "StatelessTruncatedNormal", "StatelessRandomUniformV2", "StatelessRandomNormalV2", "StatelessTruncatedNormalV2"}
NARROW = {1, 19, 14}


def doubled(data):
    """The same graph in double precision; draws and ops that only know floats stand between casts."""
    out = tf.GraphDef()
    out.versions.CopyFrom(data.versions)
    for node in data.node:
        n = out.node.add()
        n.CopyFrom(node)
        kept = node.op in FLOAT_ONLY | DRAWS
        if kept:
            n.name += "/narrow"
            for i, x in enumerate(node.input):
                if node.op in FLOAT_ONLY and i == 0 and not x.startswith("^"):
                    cast = out.node.add(name=f"{n.name}/in{i}", op="Cast", input=[x])
                    cast.attr["SrcT"].type, cast.attr["DstT"].type = 2, 1
                    n.input[i] = cast.name
            back = out.node.add(name=node.name, op="Cast", input=[n.name])
            back.attr["SrcT"].type, back.attr["DstT"].type = 1, 2
            continue
        for attr in n.attr.values():
            if attr.type in NARROW:
                attr.type = 2
            elif attr.type in (101, 119, 114):
                attr.type = 102
            elif attr.HasField("tensor") and attr.tensor.dtype in NARROW:
                v = tensor_util.MakeNdarray(attr.tensor).astype("f8")
                attr.tensor.CopyFrom(tensor_util.make_tensor_proto(v))
            elif attr.HasField("list"):
                for i, t in enumerate(attr.list.type):
                    attr.list.type[i] = 2 if t in NARROW else t
        if node.op == "AsString":
            return None
    return out


def run_doubled(graph, init, feeds, names, runs):
    """The fetched values in double precision, run after run; None where TensorFlow cannot do it."""
    try:
        data = doubled(graph.as_graph_def())
        with tf.Graph().as_default() as g:
            tf.import_graph_def(data, name="")
            with tf.Session(graph=g, config=config()) as s:
                s.run([g.get_operation_by_name(i) for i in init])
                feeds = {t.name: v.astype("f8") if floating(v) else v for t, v in feeds.items()}
                return [s.run(names, feeds) for _ in range(runs)]
    except Exception:
        return None


def off(wide, v):
    """The largest difference; None where it is not one of rounding."""
    if wide is None:
        return None
    wide = np.asarray(wide)
    if wide.shape != v.shape:
        return None
    if not floating(v):
        return 0.0 if v.dtype == object or np.array_equal(wide, v) else None
    d = np.abs(v.astype("f8") - wide)
    finite = np.isfinite(d)
    return float(d[finite].max()) if finite.any() else 0.0


def write(path, data):
    with open(path, "wb") as f:
        f.write(gzip.compress(data.SerializeToString(deterministic=True), mtime=0))


def make(out, name, r, nodes, seen):
    with tf.Graph().as_default() as g:
        b = Builder(r, g)
        b.inputs()
        b.grow(int(r.integers(5, nodes + 1)))
        ys = [tf.reduce_sum(tf.cast(t, tf.float64)) for t in b.tensors if t.dtype.is_floating and not b.r.integers(3)]
        y = tf.add_n(ys + [tf.constant(0.0, tf.float64)])
        init = [v.initializer.name for v in tf.global_variables()]
        forward = len(g.as_graph_def().node)
        try:
            grads = tf.gradients(y, b.xs)
            grads = [None if t is None else tf.convert_to_tensor(t) for t in grads]
        except (LookupError, TypeError) as e:  # no gradient, or none for this type
            print(f"{name}: {str(e)[:100]}")
            grads = []
        fetches = b.tensors + [y] + [t for t in grads if t is not None]
        names = list(dict.fromkeys(t.name for t in fetches))
        data = tf.GraphDef()
        const(data, "meta/forward", np.int64(forward))
        const(data, "meta/y", np.array(y.name.encode(), object))
        for i, (x, t) in enumerate(zip(b.xs, grads)):
            const(data, f"meta/x/{i}", np.array(x.name.encode(), object))
            const(data, f"meta/grad/{i}", np.array((t.name if t is not None else "").encode(), object))
        b.session.close()
        wide = run_doubled(g, init, b.feeds, names, 2)
        with tf.Session(graph=g, config=config()) as s:
            for i in init:
                const(data, f"run0/target/{i}", np.zeros(0, "f4"))
            s.run([g.get_operation_by_name(i) for i in init])
            for k in range(2):
                for t, v in b.feeds.items():
                    const(data, f"run{k + 1}/feed/{t.name}", v)
                for i, (t, v) in enumerate(zip(names, s.run(names, b.feeds))):
                    v = np.asarray(v, object) if isinstance(v, bytes) else np.asarray(v)
                    const(data, f"run{k + 1}/fetch/{t}", v)
                    d = off(wide and wide[k][i], v)
                    if d is not None:
                        const(data, f"run{k + 1}/off/{t}", np.float64(d))
        graph = g.as_graph_def(add_shapes=True)
        foreign = {n.op for n in graph.node} - VOCABULARY
        if foreign:
            raise ValueError(f"{sorted(foreign)} are not among the ops of graph_defs/ops.pbtxt")
        seen.update(n.op for n in graph.node)
        write(os.path.join(out, f"{name}.pb.gz"), graph)
        write(os.path.join(out, f"{name}.runs.pb.gz"), data)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--nodes", type=int, default=40)
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    seen, failed = collections.Counter(), 0
    for k in range(args.first, args.first + args.count):
        try:
            make(args.out, f"graph_{args.seed}_{k}", np.random.default_rng([args.seed, k]), args.nodes, seen)
        except (tf.errors.OpError, ValueError) as e:
            failed += 1
            print(f"graph {k} is left out: {type(e).__name__} {str(e)[:200]}")
    print(f"{args.count - failed} graphs of {len(seen)} ops; {failed} left out")
    print(" ".join(sorted(seen)))


if __name__ == "__main__":
    main()
