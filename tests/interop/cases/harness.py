"""Turns cases into GraphDefs: builds the node, asks TensorFlow for results, errors and gradients, writes the nodes."""
import re

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2
from tensorflow.core.protobuf import rewriter_config_pb2
from tensorflow.python.framework import op_def_registry, tensor_shape

from . import values as v

tf1 = tf.compat.v1
CODES = {3: "InvalidArgument", 5: "NotFound", 8: "ResourceExhausted", 9: "FailedPrecondition", 11: "OutOfRange",
         12: "Unimplemented", 13: "Internal", 15: "DataLoss", 6: "AlreadyExists", 1: "Cancelled", 2: "Unknown"}


class Case:
    """One call of an op.

    ins: one array (or a list of arrays, for list inputs) per input of the op. attrs: Python values of attributes that
    cannot be inferred from the inputs. row: the number of the known hazard that it stands for. must: the error code to
    demand whatever TensorFlow answers (where it aborts or answers wrongly); "Any": a result or an error, but no crash.
    grad: whether to record gradients. words: whether the error's message is to be recorded (not where it only tells how
    TensorFlow happens to compute).
    """

    def __init__(self, *ins, row=None, must=None, grad=True, words=True, **attrs):
        self.ins, self.row, self.must, self.grad, self.words, self.attrs = list(ins), row, must, grad, words, attrs


# What TensorFlow's CPU kernels cannot do although the op is defined for it: another runtime may do better.
LIMITS = re.compile(r"not yet support|not supported on CPU|[Uu]nhandled input dim|data type is not supported|No WhereOp|is not implemented"
                    r"|Gradients for grouped|only supports (the )?NHWC|cannot be converted to a boolean|filter_size does not have enough elements, requested")


def _set(attr, kind, value):
    if kind.startswith("list("):
        kind = kind[5:-1]
        attr.list.SetInParent()
        for x in value:
            if kind == "type":
                attr.list.type.append(tf.as_dtype(x).as_datatype_enum)
            elif kind == "string":
                attr.list.s.append(x if isinstance(x, bytes) else x.encode())
            else:
                getattr(attr.list, {"int": "i", "float": "f", "bool": "b"}[kind]).append(x)
    elif kind == "type":
        attr.type = tf.as_dtype(value).as_datatype_enum
    elif kind == "string":
        attr.s = value if isinstance(value, bytes) else value.encode()
    elif kind == "shape":
        attr.shape.CopyFrom(tensor_shape.TensorShape(value).as_proto())
    elif kind == "tensor":
        attr.tensor.CopyFrom(tf.make_tensor_proto(value))
    else:
        setattr(attr, {"int": "i", "float": "f", "bool": "b"}[kind], value)


def node_of(op, name, case):
    """The NodeDef of the case (inputs name/in0 …) and its flat list of input arrays."""
    op_def = op_def_registry.get(op)
    node = node_def_pb2.NodeDef(name=f"{name}/op", op=op)
    flat, attrs = [], dict(case.attrs)
    kinds = {a.name: a.type for a in op_def.attr}
    if len(case.ins) != len(op_def.input_arg):
        raise ValueError(f"{op} takes {len(op_def.input_arg)} inputs, the case has {len(case.ins)}")
    for arg, value in zip(op_def.input_arg, case.ins):
        arrays = value if isinstance(value, list) else [value]
        if arg.number_attr:
            attrs.setdefault(arg.number_attr, len(arrays))
        if arg.type_list_attr:
            attrs.setdefault(arg.type_list_attr, [v.tf_type(a) for a in arrays])
        elif arg.type_attr:
            if arrays:
                attrs.setdefault(arg.type_attr, v.tf_type(arrays[0]))
        elif any(v.tf_type(a) != tf.as_dtype(arg.type) for a in arrays):
            raise ValueError(f"{op}: input {arg.name} is {arrays[0].dtype}")
        flat += arrays
    for key, value in attrs.items():
        _set(node.attr[key], kinds[key], value)
    node.input.extend(f"{name}/in{i}" for i in range(len(flat)))
    return node, flat


def producer(op):
    """The graph version to write: a removed op may only stand in graphs older than its removal."""
    removed = op_def_registry.get(op).deprecation.version
    return removed - 1 if removed else tf.version.GRAPH_DEF_VERSION


def const(graph, name, array):
    """Adds a Const node."""
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = v.tf_type(np.asarray(array)).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array, dtype=v.tf_type(np.asarray(array))))


def clean(message):
    """The kernel's own message, without what Python and the executor wrap around it."""
    message = re.split(r"\nNode: '[^']*'\n", message)[-1]
    return re.split(r"\n\t ?\[\[\{\{node|\n\nOriginal stack|\n\t \[\[", message)[0].strip()


def config(devices=1):
    """Sessions that rewrite nothing, with so many CPU devices."""
    c = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    c.device_count["CPU"] = devices
    off = rewriter_config_pb2.RewriterConfig.OFF
    c.graph_options.rewrite_options.disable_meta_optimizer = True
    c.graph_options.rewrite_options.constant_folding = off
    c.graph_options.optimizer_options.opt_level = tf1.OptimizerOptions.L0
    return c


def _inference(error):
    """The message of a node that the graph rejects."""
    return re.split(r" for '\{\{node|; NodeDef: |\n\t \[\[", str(error))[0].strip()


class Unsupported(Exception):
    """TensorFlow's CPU has no kernel for these types."""


def run(op, name, case, r):
    """Asks TensorFlow. Returns the nodes of the case."""
    if op == "TopK":
        return _top_k(name, case, r)
    node, flat = node_of(op, name, case)
    source = graph_pb2.GraphDef()
    source.versions.producer = producer(op)
    source.node.add().CopyFrom(node)
    for i, a in enumerate(flat):
        p = source.node.add(name=f"{name}/in{i}", op="Placeholder")
        p.attr["dtype"].type = v.tf_type(a).as_datatype_enum
    out = graph_pb2.GraphDef()
    for i, a in enumerate(flat):
        const(out, f"{name}/in{i}", a)
    if case.row is not None:
        const(out, f"{name}/row", np.int32(case.row))

    def failed(code, message):
        out.node.add().CopyFrom(node)
        if LIMITS.search(message):
            code = "Unimplemented"
        if case.must and code != case.must:
            code, message = case.must, ""
        if not case.words:
            message = ""
        const(out, f"{name}/error", np.array(f"{code}: {message}".encode(), object))
        if code in ("OutOfRange", "Internal"):
            static()
        return out

    def static():
        with tf.Graph().as_default():
            try:
                tf1.import_graph_def(out, name="")
            except ValueError as e:
                const(out, f"{name}/static", np.array(_inference(e).encode(), object))

    graph = tf.Graph()
    with graph.as_default():
        try:
            tf1.import_graph_def(source, name="")
        except ValueError as e:
            return failed("InvalidArgument", "(import) " + _inference(e))
        this = graph.get_operation_by_name(f"{name}/op")
        ins = [graph.get_tensor_by_name(f"{name}/in{i}:0") for i in range(len(flat))]
        feeds = dict(zip(ins, flat))
        with tf1.Session(graph=graph, config=config()) as session:
            try:
                results = session.run(list(this.outputs) or this, feeds)
            except tf.errors.OpError as e:
                message = clean(e.message)
                if "No OpKernel was registered" in message:
                    raise Unsupported(message.split("Registered")[0])
                return failed(CODES.get(e.error_code, str(e.error_code)), message)
            if case.must:  # TensorFlow answers where an error is due
                return failed("OK", "")
            results = [np.asarray(x) if x.dtype != object else v.arr(x, "string") for x in
                       map(_array, results or [])]
            # Every second case keeps only the attributes that differ from the op's defaults.
            kept = node_def_pb2.NodeDef()
            kept.CopyFrom(this.node_def if int(name[1:]) % 2 == 0 else node)
            del kept.input[:]
            kept.input.extend(node.input)
            out.node.add().CopyFrom(kept)
            for i, x in enumerate(results):
                const(out, f"{name}/out{i}", x)
            if case.grad:
                _gradients(session, name, this, ins, feeds, flat, results, r, out)
    static()
    return out


def _top_k(name, case, r):
    """TopK has no usable kernel in this release; TopKV2 answers for it."""
    out = run("TopKV2", name, Case(*case.ins, np.int32(case.attrs["k"]), row=case.row, must=case.must, grad=case.grad, words=case.words,
                                   **{k: x for k, x in case.attrs.items() if k != "k"}), r)
    for node in list(out.node):
        if node.name == f"{name}/in1":
            out.node.remove(node)
        elif node.name == f"{name}/op":
            node.op = "TopK"
            del node.input[1]
            node.attr.pop("Tk", None)
            node.attr.pop("index_type", None)
            node.attr["k"].i = case.attrs["k"]
    return out


def _array(x):
    return np.array(x, object) if isinstance(x, (bytes, str)) else np.asarray(x)


def _gradients(session, name, this, ins, feeds, flat, results, r, out):
    real = v.FLOATS + v.COMPLEX
    xs = [(i, t) for i, t in enumerate(ins) if t.dtype.name in real]
    ys = [(i, t) for i, t in enumerate(this.outputs) if t.dtype.name in real]
    if not xs or not ys:
        return
    incoming = {i: v.rand(r, t.dtype.name, results[i].shape, 1.0) for i, t in ys}
    with this.graph.as_default():
        seeds = [tf1.placeholder(t.dtype, shape=None) for _, t in ys]
        try:
            grads = tf.gradients([t for _, t in ys], [t for _, t in xs], seeds)
        except LookupError:
            const(out, "nograd", np.bool_(True))
            return
        except (ValueError, TypeError, IndexError) as e:
            print(f"  {this.type} {name}: no gradient recorded: {type(e).__name__} {str(e)[:120]}")
            return
        none = [i for (i, _), g in zip(xs, grads) if g is None]
        some = [(i, tf.convert_to_tensor(g)) for (i, _), g in zip(xs, grads) if g is not None]
    fed = dict(feeds)
    fed.update({s: incoming[i] for s, (i, _) in zip(seeds, ys)})
    try:
        got = session.run([g for _, g in some], fed)
    except tf.errors.OpError as e:
        print(f"  {this.type} {name}: no gradient recorded: {clean(e.message)[:160]}")
        return
    for i, _ in ys if some else []:
        const(out, f"{name}/dy{i}", incoming[i])
    for (i, _), g in zip(some, got):
        const(out, f"{name}/dx{i}", np.asarray(g))
    if none:
        const(out, f"{name}/dxnone", np.array(none, np.int32))
