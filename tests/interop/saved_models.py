"""Writes tests/data/saved_models/: SavedModels that TensorFlow and Keras wrote, with what they answer.

NAME.tar.gz holds the model's folder (saved_model.pb, variables, assets) and runs.pb, a GraphDef that only holds
values: its Const nodes say what was asked of which signature, call after call on one loaded model.

    runK/SIGNATURE/in/INPUT      the value of an input
    runK/SIGNATURE/out/OUTPUT    the value that came out

    saved_models.py [--out DIR] [--only NAME,NAME]
    saved_models.py --check      makes them anew with other inputs and weights, and has the project's test run those
"""
import argparse
import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from keras import Input, Sequential
from keras import layers as kl
from keras import utils as keras_utils

from cases.harness import const

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = {}
RNG = np.random.default_rng(1)


def model(f):
    """A function that writes a model into a folder and gives the calls: (signature, inputs)."""
    MODELS[f.__name__] = f
    return f


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def spec(shape, dtype=tf.float32, name=None):
    return tf.TensorSpec(shape, dtype, name=name)


def export(net, folder):
    """Gives the weights some values that none has at the start, and writes the model."""
    for w in net.weights:
        value = floats(*w.shape) * 0.4
        if "variance" in w.path:
            value = np.abs(value) + 0.5
        if "seed" not in w.path:
            w.assign(value)
    net.export(folder, verbose=False)


@model
def conv_net(folder):
    """Convolutions of all kinds, batch normalization, dropout, pooling, dense layers."""
    net = Sequential([
        Input((8, 8, 3)),
        kl.Conv2D(4, 3, padding="same", use_bias=False),
        kl.BatchNormalization(),
        kl.ReLU(),
        kl.DepthwiseConv2D(3, strides=1, depth_multiplier=2),
        kl.BatchNormalization(scale=False),
        kl.Activation("swish"),
        kl.Dropout(0.5),
        kl.MaxPooling2D(2),
        kl.ZeroPadding2D(1),
        kl.SeparableConv2D(5, 2, padding="same", activation="elu"),
        kl.AveragePooling2D(2, 1, padding="same"),
        kl.Conv2DTranspose(3, 2, strides=2, padding="valid"),
        kl.LayerNormalization(),
        kl.GlobalAveragePooling2D(),
        kl.Dense(3, activation="softmax"),
    ])
    export(net, folder)
    return [("serving_default", {"keras_tensor": floats(n, 8, 8, 3)}) for n in (2, 1)]


@model
def residual_net(folder):
    """Two branches that meet, global maximum, flattening, several activations."""
    from keras import Model

    x = Input((6, 6, 2), name="image")
    a = kl.Conv2D(3, 3, padding="same", activation="relu", name="c1")(x)
    b = kl.Conv2D(3, 1, activation="tanh", name="c2")(x)
    y = kl.Add()([a, b])
    y = kl.Concatenate()([y, kl.LeakyReLU()(a), kl.Multiply()([a, b])])
    y = kl.GroupNormalization(3)(y)
    y = kl.UpSampling2D(2)(kl.MaxPooling2D(3)(y))
    wide = kl.Dense(4, activation="gelu", name="wide")(kl.Flatten()(y))
    top = kl.Dense(2, activation="sigmoid", name="top")(kl.GlobalMaxPooling2D()(y))
    export(Model(x, {"wide": wide, "top": top}), folder)
    return [("serving_default", {"image": floats(3, 6, 6, 2)})]


@model
def lstm(folder):
    net = Sequential([Input((None, 4)), kl.LSTM(5, return_sequences=True), kl.LSTM(3), kl.Dense(2)])
    export(net, folder)
    return [("serving_default", {"keras_tensor": floats(n, t, 4)}) for n, t in ((2, 6), (3, 1))]


@model
def gru(folder):
    net = Sequential([
        Input((None, 4)),
        kl.Bidirectional(kl.GRU(3, return_sequences=True)),
        kl.GRU(4, reset_after=False, go_backwards=True),
        kl.Dense(2),
    ])
    export(net, folder)
    return [("serving_default", {"keras_tensor": floats(n, t, 4)}) for n, t in ((2, 5), (1, 3))]


@model
def text(folder):
    """An embedding and a simple recurrent layer with a mask."""
    net = Sequential([
        Input((7,), dtype="int32"),
        kl.Embedding(9, 4, mask_zero=True),
        kl.SimpleRNN(3),
        kl.Dense(2),
    ])
    export(net, folder)
    words = RNG.integers(1, 9, (3, 7)).astype(np.int32)
    words[1, 4:] = 0
    words[2, 2:] = 0
    return [("serving_default", {"keras_tensor": words})]


class Control(tf.Module):
    """Conditionals, loops and calls of functions, nested in each other."""

    def __init__(self):
        super().__init__()
        self.count = tf.Variable(0, dtype=tf.int64)
        self.w = tf.Variable(floats(3))

    @tf.function(input_signature=[spec([None], name="x"), spec([], tf.int32, "n")])
    def loop(self, x, n):
        i, y = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, y * 0.5 + tf.cast(i, tf.float32)), (0, x))
        return {"i": i, "y": y}

    @tf.function(input_signature=[spec([None], name="x")])
    def branch(self, x):
        total = tf.reduce_sum(x)
        inner = lambda: tf.cond(total > 10.0, lambda: x * 3.0, lambda: x + self.w[0])
        return {"y": tf.cond(total > 0.0, inner, lambda: -x), "same": tf.cond(total > 0.0, lambda: x, lambda: x)}

    @tf.function(input_signature=[spec([], tf.int32, "which"), spec([None], name="x")])
    def choose(self, which, x):
        return tf.switch_case(which, [lambda: x + 1.0, lambda: x * self.w[1], lambda: tf.zeros_like(x)])

    @tf.function
    def helper(self, x):
        return tf.square(x) + self.w[2]

    @tf.function(input_signature=[spec([None], name="x")])
    def nested(self, x):
        y = self.helper(x) + self.helper(2.0 * x)
        for _ in tf.range(3):
            if tf.reduce_mean(y) > 1.0:
                y = self.helper(y) * 0.1
            else:
                j = 0
                while j < 4:
                    y = y + 0.25
                    j = j + 1
        return y

    @tf.function(input_signature=[spec([], tf.int64, "by")])
    def step(self, by):
        """Effects in branches and loops: the order counts."""
        before = self.count.read_value()
        if by > 0:
            for _ in tf.range(by):
                self.count.assign_add(1)
            self.count.assign(self.count * 2)
        else:
            self.count.assign_sub(1)
        return {"before": before, "after": self.count.read_value()}

    @tf.function(input_signature=[spec([None, 2], name="x")])
    def arrays(self, x):
        """TensorArrays, of fixed and of growing size."""
        n = tf.shape(x)[0]
        rows = tf.TensorArray(tf.float32, size=n).unstack(x)
        out = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[2])
        total = tf.zeros([2])
        for i in tf.range(n):
            total = total + rows.read(i)
            out = out.write(i, total)
        return {"sums": out.stack(), "size": out.size(), "some": rows.gather([0, n - 1])}

    @tf.function(input_signature=[spec([None], tf.string, "lines")])
    def strings(self, lines):
        low = tf.strings.regex_replace(lines, "[0-9]+", "#")
        return {
            "low": low,
            "match": tf.strings.regex_full_match(lines, "a.*[0-9]"),
            "joined": tf.strings.join([lines, low], "-"),
        }


@model
def control(folder):
    m = Control()
    names = ("loop", "branch", "choose", "nested", "step", "arrays", "strings")
    tf.saved_model.save(m, folder, signatures={n: getattr(m, n) for n in names})
    x = floats(4)
    runs = [("loop", {"x": x, "n": np.int32(n)}) for n in (0, 1, 7)]
    runs += [("branch", {"x": v}) for v in (np.abs(x), -np.abs(x), np.abs(x) + 9)]
    runs += [("choose", {"which": np.int32(k), "x": x}) for k in (0, 1, 2, 9, -3)]
    runs += [("nested", {"x": v}) for v in (x, x * 0, x * 5)]
    runs += [("step", {"by": np.int64(k)}) for k in (3, 0, 1, -2)]
    runs += [("arrays", {"x": floats(n, 2)}) for n in (5, 1)]
    runs += [("strings", {"lines": np.array([b"abc12", b"x", b"a7b88", b""], object)})]
    return runs


@model
def simple_save(folder):
    """A model of TensorFlow 1: reference variables, a table in an asset file, a main op."""
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        asset = os.path.join(tempfile.mkdtemp(), "scale.txt")
        with open(asset, "w", encoding="utf-8") as f:
            f.write("2.5")
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        w = v1.get_variable("w", initializer=floats(3, 2), use_resource=False)
        b = v1.get_variable("b", initializer=floats(2), use_resource=True)
        scale = v1.get_variable("scale", initializer=np.float32(0), collections=[v1.GraphKeys.LOCAL_VARIABLES], use_resource=False)
        path = tf.constant(asset)
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
        init = v1.assign(scale, v1.string_to_number(v1.read_file(path)))
        keep = v1.placeholder_with_default(1.0, [], name="keep")
        y = v1.identity(v1.cond(keep > 0.5, lambda: v1.matmul(x, w) + b, lambda: v1.zeros([1, 2])) * scale, name="y")
        builder = v1.saved_model.Builder(folder)
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
            sign = v1.saved_model.predict_signature_def({"x": x, "keep": keep}, {"y": y})
            builder.add_meta_graph_and_variables(
                session, ["serve"], {"serving_default": sign}, main_op=v1.group(init),
                assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS))
            builder.save()
    return [("serving_default", {"x": floats(4, 3), "keep": np.float32(k)}) for k in (1.0, 0.0)]


def slim(folder):
    """Leaves out what only Python reads: objects, and definitions of TensorFlow's own ops."""
    path = os.path.join(folder, "saved_model.pb")
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    with open(path, "rb") as f:
        proto.ParseFromString(f.read())
    for m in proto.meta_graphs:
        m.ClearField("object_graph_def")
        m.meta_info_def.ClearField("stripped_op_list")
    with open(path, "wb") as f:
        f.write(proto.SerializeToString(deterministic=True))


def record(name, out):
    """Writes a model, asks it, and packs both."""
    tf.keras.backend.clear_session()
    keras_utils.set_random_seed(1)
    folder = os.path.join(tempfile.mkdtemp(), name)
    runs = MODELS[name](folder)
    loaded = tf.saved_model.load(folder)
    data = tf.compat.v1.GraphDef()
    for k, (signature, inputs) in enumerate(runs):
        got = loaded.signatures[signature](**{n: tf.constant(v) for n, v in inputs.items()})
        for n, v in inputs.items():
            const(data, f"run{k}/{signature}/in/{n}", np.asarray(v))
        for n, v in got.items():
            const(data, f"run{k}/{signature}/out/{n}", v.numpy())
    slim(folder)
    with open(os.path.join(folder, "runs.pb"), "wb") as f:
        f.write(data.SerializeToString(deterministic=True))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for base, folders, files in os.walk(folder):
            folders.sort()
            for file in sorted(files):
                if file == "fingerprint.pb":
                    continue
                path = os.path.join(base, file)
                entry = tarfile.TarInfo(os.path.relpath(path, folder))
                with open(path, "rb") as f:
                    content = f.read()
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    packed = gzip.compress(packed.getvalue(), mtime=0)
    with open(os.path.join(out, f"{name}.tar.gz"), "wb") as f:
        f.write(packed)
    print(f"{name}: {len(runs)} calls, {len(packed)} bytes", flush=True)


def main():
    global RNG
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=os.path.join(HERE, "..", "data", "saved_models"))
    parser.add_argument("--only", default="")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if args.check:
        args.out = tempfile.mkdtemp()
        RNG = np.random.default_rng(2)
    os.makedirs(args.out, exist_ok=True)
    for name in args.only.split(",") if args.only else MODELS:
        record(name, args.out)
    if args.check:
        env = dict(os.environ, TENSORLOOM_SAVED_MODELS=args.out)
        command = ["cargo", "test", "--test", "main", "saved_models"]
        return subprocess.run(command, cwd=os.path.join(HERE, "..", ".."), env=env, check=False).returncode
    return 0


sys.exit(main())
