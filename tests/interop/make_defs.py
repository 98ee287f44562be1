"""Writes the graph definitions and tensors of tests/data/defs with the real TensorFlow (2.19.1).

Run: python tests/interop/make_defs.py
"""

import json
import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from google.protobuf import json_format, text_format
from tensorflow.core.framework import graph_pb2, tensor_pb2, types_pb2
from tensorflow.core.protobuf import saved_model_pb2

tf1 = tf.compat.v1
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "defs")


def write(name, message):
    """Bytes and text of a message."""
    with open(os.path.join(OUT, name + ".pb"), "wb") as f:
        f.write(message.SerializeToString(deterministic=True))
    with open(os.path.join(OUT, name + ".pbtxt"), "w", encoding="utf-8", newline="\n") as f:
        f.write(text_format.MessageToString(message))


def training_graph():
    """A small model with variables, gradients and an optimizer."""
    with tf.Graph().as_default() as g:
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        with tf1.variable_scope("layer", use_resource=False):
            w = tf1.get_variable("w", [3, 2], initializer=tf1.truncated_normal_initializer(stddev=0.1, seed=7))
            b = tf1.get_variable("b", initializer=tf.constant(0.1, shape=[2]))
        y = tf.nn.relu(tf.matmul(x, w) + b, name="y")
        loss = tf.reduce_mean(tf.square(y)) + tf.nn.l2_loss(w) * 1e-5
        tf1.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=tf1.train.get_or_create_global_step())
        with tf.device("/device:GPU:0"), tf.control_dependencies([loss]):
            tf.constant([b"a", "é".encode(), b"\xff\x00"], name="strings")
        tf1.while_loop(lambda i: i < 10, lambda i: i + 1, [0])
        tf1.summary.scalar("loss", loss)
        return g.as_graph_def(add_shapes=True)


def function_graph():
    """A graph with a function library: nested calls, a while loop, captured arguments."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def inner(v):
        return v * 2.0

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def outer(v):
        i = tf.constant(0)
        for _ in tf.range(3):
            v = inner(v) + tf.cast(i, tf.float32)
            i += 1
        return v

    with tf.Graph().as_default() as g:
        x = tf1.placeholder(tf.float32, [None], name="x")
        tf.identity(outer(x), name="y")
        return g.as_graph_def()


def tensors():
    """Messages, what TensorFlow's runtime reads from them, and what Python writes for the same value."""
    cases = []

    def runtime(p):
        with tf.Graph().as_default():
            t = tf.io.parse_tensor(p.SerializeToString(), tf.dtypes.as_dtype(p.dtype))
            with tf1.Session() as s:
                return s.run(t)

    def add(p):
        v = runtime(p)
        case = {"proto": p.SerializeToString().hex(), "dtype": p.dtype, "shape": list(np.shape(v))}
        dtype = tf.dtypes.as_dtype(p.dtype)
        if p.dtype == types_pb2.DT_STRING:
            flat = [v] if not np.shape(v) else list(v.reshape(-1))
            case["strings"] = [s.hex() for s in flat]
        else:
            case["bytes"] = np.asarray(v).tobytes().hex()
        if not dtype.is_quantized:
            case["python"] = tf.make_tensor_proto(v, dtype=dtype, shape=np.shape(v)).SerializeToString().hex()
        cases.append(case)

    def proto(dtype, dims, **fields):
        p = tensor_pb2.TensorProto(dtype=dtype)
        for d in dims:
            p.tensor_shape.dim.add(size=d)
        for name, v in fields.items():
            if isinstance(v, list):
                getattr(p, name).extend(v)
            else:
                setattr(p, name, v)
        return p

    typed = {
        "DT_FLOAT": ("float_val", [1.5, float("nan"), -0.0]),
        "DT_DOUBLE": ("double_val", [1.5, float("inf"), 1e-300]),
        "DT_INT32": ("int_val", [1, -2, 2**31 - 1]),
        "DT_INT16": ("int_val", [1, -2, 70000]),
        "DT_INT8": ("int_val", [1, -2, 300]),
        "DT_UINT8": ("int_val", [1, -1, 300]),
        "DT_UINT16": ("int_val", [1, -1, 65535]),
        "DT_QINT8": ("int_val", [1, -2, 3]),
        "DT_QUINT8": ("int_val", [1, 254, 3]),
        "DT_QINT32": ("int_val", [1, -2, 3]),
        "DT_QINT16": ("int_val", [1, -2, 3]),
        "DT_QUINT16": ("int_val", [1, 65000, 3]),
        "DT_STRING": ("string_val", [b"a", b"", b"\xff\x00"]),
        "DT_INT64": ("int64_val", [1, -2, 2**63 - 1]),
        "DT_BOOL": ("bool_val", [True, False, True]),
        "DT_HALF": ("half_val", [15360, 32768, 31745]),
        "DT_BFLOAT16": ("half_val", [16256, 32768, 65535]),
        "DT_UINT32": ("uint32_val", [1, 2**32 - 1, 0]),
        "DT_UINT64": ("uint64_val", [1, 2**64 - 1, 0]),
        "DT_COMPLEX64": ("scomplex_val", [1.0, 2.0, -3.0, 4.0, 5.0, -0.0]),
        "DT_COMPLEX128": ("dcomplex_val", [1.0, 2.0, -3.0, 4.0, 5.0, -0.0]),
    }
    for name, (field, values) in typed.items():
        dtype = types_pb2.DataType.Value(name)
        per = 2 if "complex" in field else 1
        add(proto(dtype, [3], **{field: values}))  # as many as there are elements
        add(proto(dtype, [2, 2], **{field: values}))  # the last repeats
        add(proto(dtype, [2], **{field: values}))  # one too many
        add(proto(dtype, [], **{field: values[:per]}))  # a scalar
        add(proto(dtype, [2], **{field: values[:per]}))  # one fills all
        add(proto(dtype, [2]))  # none: all zero
        add(proto(dtype, [0, 3], **{field: values}))  # no elements
        size = tf.dtypes.as_dtype(dtype).size
        if name != "DT_STRING":
            content = bytes(range(1, 2 * size + 1)) if name != "DT_BOOL" else b"\x01\x00"
            add(proto(dtype, [2, 1], tensor_content=content))
            add(proto(dtype, [2], tensor_content=content, float_val=[9.0]))  # content wins
    add(proto(types_pb2.DT_STRING, [3], tensor_content=b"\x01\x00\x82\x01" + b"a" + b"x" * 130))
    add(proto(types_pb2.DT_FLOAT, [2], int_val=[7], double_val=[3.0]))  # other fields do not count
    with open(os.path.join(OUT, "tensors.json"), "w") as f:
        json.dump(cases, f, indent=0)
        f.write("\n")


write("training", training_graph())
g = function_graph()
write("functions", g)
with open(os.path.join(OUT, "functions.json"), "w") as f:
    f.write(json_format.MessageToJson(g, sort_keys=True))

with open(os.path.join(OUT, "saved_model.pb"), "rb") as f:
    model = saved_model_pb2.SavedModel.FromString(f.read())
with open(os.path.join(OUT, "saved_model_sorted.pbtxt"), "w", encoding="utf-8", newline="\n") as f:
    f.write(text_format.MessageToString(model))
tensors()
