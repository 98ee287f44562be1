"""Freezes graphs of TensorFlow with `tensorloom freeze`, and has TensorFlow import and run what came out.

Usage, in the repository: PYTHON_WITH_TENSORFLOW tests/interop/freeze.py

Each program below builds a graph of TensorFlow 1 with variables of one or the other kind, runs its outputs and
saves a checkpoint with its .meta file. The frozen graph must give the same bits for the same inputs. So must the
SavedModels of tests/data/saved_models for each signature, as a GraphDef and as a SavedModel folder.
`TENSORLOOM=FILE` names a built command; otherwise cargo builds and runs it.
"""
import glob
import json
import os
import subprocess
import sys
import tarfile
import tempfile

os.environ.update(TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.logging.set_verbosity(v1.logging.ERROR)
HERE = os.path.dirname(os.path.abspath(__file__))
RNG = np.random.default_rng(3)
# Constants are not folded: they would be computed by other kernels than variables.
CONFIG = v1.ConfigProto(graph_options=v1.GraphOptions(
    optimizer_options=v1.OptimizerOptions(opt_level=-1),
    rewrite_options={"disable_meta_optimizer": True}))


def tensorloom(*args, code=0):
    built = os.environ.get("TENSORLOOM")
    command = [built] if built else ["cargo", "run", "--quiet", "--release", "--bin", "tensorloom", "--"]
    done = subprocess.run(command + list(args), cwd=os.path.join(HERE, "..", ".."), capture_output=True, text=True)
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def variable(name, value, **options):
    return v1.get_variable(name, initializer=tf.constant(value), **options)


# Each gives inputs by tensor, and outputs.

def layers(x):
    """Dense layers; a variable that nothing needs; a step counter that the output waits for."""
    w, b = variable("w", floats(3, 4)), variable("b", floats(4))
    variable("unused", floats(7))
    step = v1.train.get_or_create_global_step()
    with tf.control_dependencies([v1.assign_add(step, 1)]):
        y = tf.nn.softmax(tf.nn.relu(x @ w + b), name="y")
    initialized = tf.identity(v1.is_variable_initialized(w), name="initialized")
    return [y, initialized, tf.identity(tf.shape(w), name="shape")]


def partitioned(x):
    """A variable in three parts, looked up and put together."""
    w = v1.get_variable("w", initializer=tf.constant(floats(6, 4)),
                        partitioner=v1.fixed_size_partitioner(3))
    rows = v1.nn.embedding_lookup(w, tf.constant([5, 0, 3]), partition_strategy="div")
    y = tf.matmul(tf.matmul(x, tf.ones([3, 6])), w, name="y")
    return [y, tf.identity(rows, name="rows")]


def averages(x):
    """Moving averages beside the variables, both read; batch statistics whose update is a control input."""
    w = variable("w", floats(3, 2))
    ema = v1.train.ExponentialMovingAverage(0.5)
    update = ema.apply([w])
    mean = variable("mean", floats(2), trainable=False)
    with tf.control_dependencies([v1.assign(mean, tf.zeros([2]))]):
        y = tf.identity(tf.matmul(x, w), name="y")
    tf.group(update, name="update")
    return [y, tf.identity(ema.average(w) * 2.0, name="average")]


def loops(x):
    """A loop and branches whose bodies read variables from outside."""
    w, b = variable("w", floats(3, 3) * 0.3), variable("b", floats(3))
    table = variable("table", floats(5, 3))

    def body(i, a):
        return i + 1, tf.tanh(a @ w + tf.gather(table, i % 5))

    _, a = v1.while_loop(lambda i, _: i < 4, body, [0, x])
    y = v1.cond(tf.reduce_sum(x) > 0, lambda: a + b, lambda: a * tf.reduce_sum(table))
    return [tf.identity(y, name="y")]


def functions(x):
    """Functions that get variables: nested, with a loop and branches within."""
    w, b = variable("w", floats(3, 3)), variable("b", floats(3))
    n = variable("n", np.int32(3))

    @tf.function
    def inner(v):
        return tf.nn.relu(v @ w) - b

    @tf.function
    def outer(v):
        for _ in tf.range(n):
            v = tf.cond(tf.reduce_sum(v) > 0, lambda: inner(v), lambda: v + tf.gather(b, [2, 0, 1]))
        return v, tf.size(w)

    y, size = outer(x)
    return [tf.identity(y, name="y"), tf.identity(inner(y), name="again"), tf.identity(size, name="size")]


def kinds(x):
    """Types other than float."""
    outputs = []
    for name, value in [("half", np.float16([1.5, -2])), ("double", np.array([1e300])), ("int8", np.int8([-7])),
                        ("bool", np.array([True, False])), ("complex", np.complex64([1 + 2j])),
                        ("string", np.array(b"text")), ("int64", np.array(2**40))]:
        outputs.append(tf.identity(variable(name, value), name="read_" + name))
    outputs.append(tf.identity(tf.cast(x, tf.bfloat16) * variable("bfloat16", tf.bfloat16.as_numpy_dtype(3)), name="y"))
    outputs[-1] = tf.cast(outputs[-1], tf.float32, name="y32")
    return outputs


PROGRAMS = [layers, partitioned, averages, loops, functions, kinds]


def same(what, a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape, (what, a, b)
    assert a.tobytes() == b.tobytes() if a.dtype != object else (a == b).all(), (what, a, b)


def run_frozen(path, outputs, feeds):
    """What TensorFlow computes with a graph that has no variables."""
    with open(path, "rb") as f:
        def_ = v1.GraphDef.FromString(f.read())
    every = list(def_.node) + [n for f in def_.library.function for n in f.node_def]
    left = [n.name for n in every if n.op in ("Variable", "VariableV2", "VarHandleOp", "ReadVariableOp")
            or "Assign" in n.op]
    assert not left, (path, left)
    with tf.Graph().as_default() as g:
        tf.import_graph_def(def_, name="")
        with v1.Session(config=CONFIG) as session:
            feeds = {k: v for k, v in feeds.items() if k.split(":")[0] in {n.name for n in def_.node}}
            return session.run(outputs, feeds)


def program(build, resource, control_flow_v2, folder):
    v1.disable_eager_execution()
    with tf.Graph().as_default(), v1.variable_scope("", use_resource=resource):
        (v1.enable_control_flow_v2 if control_flow_v2 else v1.disable_control_flow_v2)()
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        names = [o.name for o in build(x)]
        value = floats(2, 3)
        saver = v1.train.Saver()
        with v1.Session(config=CONFIG) as session:
            session.run(v1.global_variables_initializer())
            prefix = saver.save(session, os.path.join(folder, "m"))
            want = session.run(names, {x: value})
    out = os.path.join(folder, "frozen.pb")
    arguments = [a for n in names for a in ("--output", n)]
    tensorloom("freeze", prefix + ".meta", "--checkpoint", prefix, "--out", out, *arguments)
    for name, a, b in zip(names, want, run_frozen(out, names, {"x:0": value})):
        same((build.__name__, resource, control_flow_v2, name), a, b)


def saved_models(folder):
    count = 0
    for packed in sorted(glob.glob(os.path.join(HERE, "..", "data", "saved_models", "*.tar.gz"))):
        model = os.path.join(folder, os.path.basename(packed).split(".")[0])
        with tarfile.open(packed) as tar:
            tar.extractall(model, filter="data")
        with open(os.path.join(model, "runs.pb"), "rb") as f:
            recorded = v1.GraphDef.FromString(f.read())
        runs = {}
        for n in recorded.node:
            run, signature, side, name = n.name.split("/")
            values = runs.setdefault((run, signature), {"in": {}, "out": {}})
            values[side][name] = tf.make_ndarray(n.attr["value"].tensor)
        signatures = json.loads(tensorloom("inspect", model, "--json"))["signatures"]
        for (run, signature), values in runs.items():
            what = (model, signature, run)
            out = "%s_%s" % (model, signature)
            if signature == "step":
                error = tensorloom("freeze", model, "--signature", signature, "--out", out + ".pb", code=1)
                assert "it is no constant" in error, error
                continue
            if not os.path.exists(out + ".pb"):
                tensorloom("freeze", model, "--signature", signature, "--out", out + ".pb")
                tensorloom("freeze", model, "--signature", signature, "--out", out + "/")
            tensors = {side: {k: i["name"] for k, i in signatures[signature][side + "puts"].items()}
                       for side in ("in", "out")}
            feeds = {tensors["in"][k]: v for k, v in values["in"].items()}
            keys = sorted(values["out"])
            with tf.Graph().as_default(), v1.Session(config=CONFIG) as session:
                v1.saved_model.load(session, ["serve"], model)
                want = session.run([tensors["out"][k] for k in keys], feeds)
            for k, a, b in zip(keys, want, run_frozen(out + ".pb", [tensors["out"][k] for k in keys], feeds)):
                same(what + (k,), a, b)
            with tf.Graph().as_default(), v1.Session(config=CONFIG) as session:
                v1.saved_model.load(session, ["serve"], out)
                present = {n.name for n in session.graph.as_graph_def().node}
                fed = {t: v for t, v in feeds.items() if t.split(":")[0] in present}
                for k, a, b in zip(keys, want, session.run([tensors["out"][k] for k in keys], fed)):
                    same(what + (k, "folder"), a, b)
            count += 1
    return count


def main():
    for build in PROGRAMS:
        # Functions, and so the control flow made of them, do not take references.
        for resource, control_flow_v2 in ((False, False), (True, False), (True, True)):
            if build is not functions or control_flow_v2:
                with tempfile.TemporaryDirectory() as folder:
                    program(build, resource, control_flow_v2, folder)
        print("freeze.py: %s: equal" % build.__name__, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print("freeze.py: %d calls of SavedModels: equal" % saved_models(folder))


sys.exit(main())
