"""Writes tests/data/placer/: where TensorFlow places the nodes of random graphs, and what it says where it cannot.

random.txt.gz holds random graphs, errors.txt those of cases() below. Each graph is a line `graph K NAME`, a line for each
node (a field of a GraphDef's text form) and two lines of outcomes, `soft` and `hard` placement on four CPU devices: the
nodes in the order in which they were placed, each with the number of its CPU (`a=0 b=3`), or `!CODE` and the message as
JSON. log.txt has a graph with the lines that TensorFlow logs in a first run, and in one when the graph has grown. Where
K is not 0, the graph was run with its first K nodes before, so that those with a state stay where they were.
Devices and `_class` are what the placer sees, not what an import makes of them; all nodes of a graph are placed.

    placer.py [--out DIR] [--seed N] [--count N] [--check]

--check asks TensorFlow again whether it still says what the files say. `TENSORLOOM_PLACER=DIR cargo test --lib recorded`
reads other files.
"""
import argparse
import gzip
import io
import json
import os
import re
import sys
import tempfile

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.framework import errors_impl

tf.disable_v2_behavior()

HERE = os.path.dirname(os.path.abspath(__file__))
FLOAT, INT, STRING, BOOL, RESOURCE, INT64 = 1, 3, 7, 10, 20, 9
CODES = {3: "InvalidArgument", 5: "NotFound", 13: "Internal"}
PLACED = re.compile(rb"placer\.cc:\d+\] (\S+): \(\w+\): /job:localhost/replica:0/task:0/device:CPU:(\d)\n")

CPUS = ["/cpu:%d", "/CPU:%d", "/device:CPU:%d", "/job:localhost/replica:0/task:0/device:CPU:%d",
        "/job:localhost/device:CPU:%d", "/device:CPU:%d/task:0", "/replica:0/cpu:%d", "/device:*:%d", "/cpu:0/cpu:%d"]
PARTIAL = ["/job:localhost", "/replica:0", "/task:0", "/device:CPU:*", "/cpu:*", "/job:localhost/task:0", "/", "/job:*",
           "/device:CPU", "/device:*"]
ELSEWHERE = ["/gpu:0", "/gpu:1", "/device:GPU:*", "/device:GPU:2", "/GPU:0", "/cpu:9", "/device:cpu:1", "/device:XLA_CPU:0",
             "/job:localhost/gpu:3", "/device:TPU:0", "/task:0/gpu:*", "/device:*:7"]
JOBS = ["/job:worker", "/job:worker/cpu:1", "/task:1", "/replica:1/cpu:0", "/job:localhost/task:7", "/job:ps/gpu:0"]
MALFORMED = ["cpu:0", "/cpu", "/foo:1", "/device:CPU:-1", "/job:1a", "//", "/cpu:x", "/cpu:1/", "/job:localhost/", "/device:",
             "/device:CPU:0:1", " /cpu:1"]


class Graphs:
    """Random graphs of ops that hold and pass on values, references and resources."""

    def __init__(self, r):
        self.r = r

    def one(self, options):
        return options[int(self.r.integers(len(options)))]

    def chance(self, p):
        return self.r.random() < p

    def make(self):
        self.def_ = tf.GraphDef()
        self.def_.versions.producer = tf.version.GRAPH_DEF_VERSION
        self.outs = []
        # How much is asked for, how wildly, and how often nodes are put together.
        self.asks = self.one([0.15, 0.3, 0.5, 0.8])
        self.wild = self.one([0, 0, 0, 0.1, 0.3, 0.6])
        self.jobs = self.one([0, 0, 0, 0, 0.1])
        self.malformed = self.one([0] * 11 + [0.1])
        self.groups = self.one([0, 0, 0.1, 0.3])
        self.cpus = self.one([1, 2, 4, 4])
        makers = [(m, w) for m, w in self.makers()]
        weights = np.array([w * self.one([0, 1, 1, 3]) for _, w in makers], float) + 1e-9
        for maker in (self.const_float, self.const_int, self.const_string, self.const_bool):
            maker()
        size = int(self.r.integers(5, 22))
        while len(self.def_.node) < size:
            makers[int(self.r.choice(len(makers), p=weights / weights.sum()))][0]()
        self.dress()
        return self.def_

    def dress(self):
        nodes = self.def_.node
        for i, n in enumerate(nodes):
            if self.chance(self.asks):
                n.device = self.device()
            if i and self.chance(0.15):
                n.input.append("^" + nodes[int(self.r.integers(i))].name)
            if self.chance(self.groups):
                for _ in range(int(self.r.integers(1, 3))):
                    name = self.one(["elsewhere", "group"]) if self.chance(0.2) else self.one(nodes).name
                    n.attr["_class"].list.s.append(b"loc:@" + name.encode())
                if self.chance(0.1):
                    n.attr["_class"].list.s.append(b"other:" + self.one(nodes).name.encode())

    def device(self):
        if self.chance(self.malformed):
            return self.one(MALFORMED)
        if self.chance(self.jobs):
            return self.one(JOBS)
        if self.chance(self.wild):
            return self.one(ELSEWHERE)
        if self.chance(0.2):
            return self.one(PARTIAL)
        return self.one(CPUS) % int(self.r.integers(self.cpus))

    def node(self, op, inputs=(), outs=(), **attrs):
        """Adds a node; its outputs are told as (type, is it a reference)."""
        n = self.def_.node.add(name="n%d" % len(self.def_.node), op=op)
        n.input.extend(inputs)
        for key, value in attrs.items():
            if isinstance(value, tf.AttrValue):
                n.attr[key].CopyFrom(value)
            elif isinstance(value, bytes):
                n.attr[key].s = value
            elif isinstance(value, bool):
                n.attr[key].b = value
            elif isinstance(value, list):
                n.attr[key].list.type.extend(value)
            elif key in ("N", "num_cores"):
                n.attr[key].i = value
            else:
                n.attr[key].type = value
        for port, (dtype, ref, what) in enumerate(outs):
            self.outs.append(("%s:%d" % (n.name, port) if port else n.name, dtype, ref, what))
        return n.name

    def pick(self, dtype, ref=False, what=""):
        """A tensor of the type; a reference where a value is wanted is one, too."""
        found = [o for o in self.outs if (dtype is None or o[1] == dtype) and (o[2] or not ref) and o[3] == what]
        if not found:
            return None
        return found[len(found) - 1 - int(len(found) * self.r.random() ** 1.5)][0]

    def number(self):
        return FLOAT if self.chance(0.7) else INT

    def shape(self):
        return tf.AttrValue(shape=tf.TensorShape([]).as_proto())

    def const(self, value, dtype):
        tensor = tf.AttrValue(tensor=tf.make_tensor_proto(value, dtype=tf.as_dtype(dtype)))
        self.node("Const", outs=[(dtype, False, "")], dtype=dtype, value=tensor)

    def const_float(self):
        self.const(1.5, FLOAT)

    def const_int(self):
        self.const(2, INT)

    def const_string(self):
        self.const("3", STRING)

    def const_bool(self):
        self.const(True, BOOL)

    def random(self):
        self.node("RandomUniform", [self.vector()], [(FLOAT, False, "row")], T=INT, dtype=FLOAT)

    def vector(self):
        tensor = tf.AttrValue(tensor=tf.make_tensor_proto([2], dtype=tf.int32))
        return self.node("Const", dtype=INT, value=tensor)

    def variable(self):
        t = self.number()
        self.node(self.one(["VariableV2", "VariableV2", "Variable"]), outs=[(t, True, "")], dtype=t, shape=self.shape())

    def handle(self):
        t = self.number()
        name = b"shared%d" % len(self.def_.node)
        self.node("VarHandleOp", outs=[(RESOURCE, False, "v%d" % t)], dtype=t, shape=self.shape(), shared_name=name)

    def assign(self):
        t = self.number()
        ref, value = self.pick(t, ref=True), self.pick(t)
        if ref:
            self.node(self.one(["Assign", "AssignAdd", "AssignSub"]), [ref, value], [(t, True, "")], T=t)

    def initialized(self):
        t = self.number()
        ref = self.pick(t, ref=True)
        if ref:
            self.node("IsVariableInitialized", [ref], [(BOOL, False, "")], dtype=t)

    def count_up(self):
        ref = self.pick(INT, ref=True)
        if ref:
            self.node("CountUpTo", [ref], [(INT, False, "")], T=INT, limit=tf.AttrValue(i=9))

    def read(self):
        t = self.number()
        handle = self.pick(RESOURCE, what="v%d" % t)
        if handle:
            self.node("ReadVariableOp", [handle], [(t, False, "")], dtype=t)

    def store(self):
        t = self.number()
        handle, value = self.pick(RESOURCE, what="v%d" % t), self.pick(t)
        if handle:
            self.node(self.one(["AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"]), [handle, value], dtype=t)

    def pass_handle(self):
        t = self.number()
        what = self.one(["v%d" % t, "queue"])
        handle = self.pick(RESOURCE, what=what)
        if handle:
            self.node("Identity", [handle], [(RESOURCE, False, what)], T=RESOURCE)

    def branch_handle(self):
        what = "v%d" % self.number()
        handle = self.pick(RESOURCE, what=what)
        if handle:
            name = self.node("Switch", [handle, self.pick(BOOL)], [(RESOURCE, False, what)] * 2, T=RESOURCE)
            self.node("Merge", [name, name + ":1"], [(RESOURCE, False, what), (INT, False, "")], T=RESOURCE, N=2)

    def queue(self):
        self.node("FIFOQueueV2", outs=[(RESOURCE, False, "queue")], component_types=[FLOAT])

    def old_queue(self):
        self.node(self.one(["FIFOQueue", "RandomShuffleQueue"]), outs=[(STRING, True, "queue")], component_types=[FLOAT])

    def use_queue(self):
        handle = self.pick(RESOURCE, what="queue")
        if handle:
            kind = int(self.r.integers(3))
            if kind == 0:
                self.node("QueueEnqueueV2", [handle, self.pick(FLOAT)], Tcomponents=[FLOAT])
            elif kind == 1:
                self.node("QueueDequeueV2", [handle], [(FLOAT, False, "")], component_types=[FLOAT])
            else:
                self.node("QueueSizeV2", [handle], [(INT, False, "")])

    def use_old_queue(self):
        handle = self.pick(STRING, ref=True, what="queue")
        if handle:
            kind = int(self.r.integers(3))
            if kind == 0:
                self.node("QueueEnqueue", [handle, self.pick(FLOAT)], Tcomponents=[FLOAT])
            elif kind == 1:
                self.node("QueueDequeue", [handle], [(FLOAT, False, "")], component_types=[FLOAT])
            else:
                self.node("QueueSize", [handle], [(INT, False, "")])

    def stack(self):
        handle = self.node("StackV2", [self.pick(INT)], elem_type=FLOAT)
        pushed = self.node("StackPushV2", [handle, self.pick(FLOAT)], [(FLOAT, False, "")], T=FLOAT)
        self.node("StackPopV2", [handle, "^" + pushed], [(FLOAT, False, "")], elem_type=FLOAT)

    def array(self):
        a = self.node("TensorArrayV3", [self.pick(INT)], dtype=FLOAT)
        flow = self.node("TensorArrayWriteV3", [a, self.pick(INT), self.pick(FLOAT), a + ":1"], T=FLOAT)
        self.node("TensorArrayReadV3", [a, self.pick(INT), flow], [(FLOAT, False, "")], dtype=FLOAT)

    def binary(self):
        t = self.number()
        self.node(self.one(["Add", "Mul", "Sub", "Maximum"]), [self.pick(t), self.pick(t)], [(t, False, "")], T=t)

    def add_n(self):
        n = int(self.r.integers(1, 4))
        self.node("AddN", [self.pick(FLOAT) for _ in range(n)], [(FLOAT, False, "")], T=FLOAT, N=n)

    def unary(self):
        self.node(self.one(["Neg", "Square", "Identity", "Identity"]), [self.pick(FLOAT)], [(FLOAT, False, "")], T=FLOAT)

    def cast(self):
        self.node("Cast", [self.pick(FLOAT)], [(INT, False, "")], SrcT=FLOAT, DstT=INT)

    def ref_identity(self):
        t = self.number()
        ref = self.pick(t, ref=True)
        if ref:
            self.node("RefIdentity", [ref], [(t, True, "")], T=t)

    def describe(self):
        t = self.one([FLOAT, INT, STRING, BOOL])
        x = self.pick(t)
        op = self.one(["Shape", "Size", "Rank"])
        attrs = {} if op == "Rank" else {"out_type": INT}
        self.node(op, [x], [(INT, False, "" if op != "Shape" else "row")], T=t, **attrs)

    def describe_row(self):
        x = self.pick(FLOAT, what="row")
        if x:
            self.node("Shape", [x], [(INT, False, "row")], T=FLOAT, out_type=INT)

    def text(self):
        kind = int(self.r.integers(3))
        if kind == 0:
            self.node("StringJoin", [self.pick(STRING), self.pick(STRING)], [(STRING, False, "")], N=2)
        elif kind == 1:
            self.node("AsString", [self.pick(FLOAT)], [(STRING, False, "")], T=FLOAT)
        else:
            self.node("StringToNumber", [self.pick(STRING)], [(FLOAT, False, "")], out_type=FLOAT)

    def compare(self):
        self.node("Less", [self.pick(FLOAT), self.pick(FLOAT)], [(BOOL, False, "")], T=FLOAT)

    def branch(self):
        t = self.number()
        name = self.node("Switch", [self.pick(t), self.pick(BOOL)], T=t)
        left = self.node("Identity", [name], T=t) if self.chance(0.5) else name
        self.node("Merge", [left, name + ":1"], [(t, False, ""), (INT, False, "")], T=t, N=2)

    def ref_branch(self):
        t = self.number()
        ref = self.pick(t, ref=True)
        if ref:
            name = self.node("RefSwitch", [ref, self.pick(BOOL)], [(t, True, "")] * 2, T=t)
            self.node("RefMerge", [name, name + ":1"], [(t, True, ""), (INT, False, "")], T=t, N=2)

    def join_handles(self):
        """One that may be of either of two resources, or variables."""
        what = "v%d" % self.number()
        a, b = self.pick(RESOURCE, what=what), self.pick(RESOURCE, what=what)
        if a:
            self.node("Merge", [a, b], [(RESOURCE, False, what), (INT, False, "")], T=RESOURCE, N=2)

    def join_refs(self):
        t = self.number()
        a, b = self.pick(t, ref=True), self.pick(t, ref=True)
        if a and self.chance(0.5):
            self.node("RefMerge", [a, b], [(t, True, ""), (INT, False, "")], T=t, N=2)
        elif a:
            self.node("RefSelect", [self.pick(INT), a, b], [(t, True, "")], T=t, N=2)

    def loop(self):
        frame = b"frame%d" % len(self.def_.node)
        enter = self.node("Enter", [self.pick(FLOAT)], T=FLOAT, frame_name=frame)
        bound = self.node("Enter", [self.pick(FLOAT)], T=FLOAT, frame_name=frame, is_constant=True)
        merge = self.node("Merge", [enter, "n%d" % (len(self.def_.node) + 5)], T=FLOAT, N=2)
        less = self.node("Less", [merge, bound], T=FLOAT)
        cond = self.node("LoopCond", [less])
        switch = self.node("Switch", [merge, cond], T=FLOAT)
        body = self.node("Add", [switch + ":1", bound], T=FLOAT)
        self.node("NextIteration", [body], T=FLOAT)
        self.node("Exit", [switch], [(FLOAT, False, "")], T=FLOAT)

    def enter_handle(self):
        handle = self.pick(RESOURCE, what="v1")
        if handle:
            frame = b"frame%d" % len(self.def_.node)
            enter = self.node("Enter", [handle], T=RESOURCE, frame_name=frame, is_constant=True)
            read = self.node("ReadVariableOp", [enter], dtype=FLOAT)
            self.node("Exit", [read], [(FLOAT, False, "")], T=FLOAT)

    def wait(self):
        self.node(self.one(["NoOp", "ControlTrigger"]))

    def makers(self):
        return [(self.const_float, 2), (self.random, 1), (self.variable, 3), (self.handle, 3), (self.assign, 4), (self.initialized, 1),
                (self.count_up, 1), (self.read, 3), (self.store, 3), (self.pass_handle, 1), (self.branch_handle, 0.5), (self.queue, 1),
                (self.old_queue, 0.7), (self.use_queue, 2), (self.use_old_queue, 1.4), (self.stack, 0.7), (self.array, 0.7),
                (self.binary, 4), (self.add_n, 2), (self.unary, 3), (self.cast, 1), (self.ref_identity, 1), (self.describe, 3),
                (self.describe_row, 1), (self.text, 2), (self.compare, 1), (self.branch, 1), (self.ref_branch, 0.7), (self.join_handles, 0.7), (self.join_refs, 0.7),
                (self.loop, 0.4),
                (self.enter_handle, 0.4), (self.wait, 1)]


def case(*nodes):
    """A graph from (name, op, inputs, device, groups) and attributes of (name, value)."""
    out = tf.GraphDef()
    out.versions.producer = tf.version.GRAPH_DEF_VERSION
    for name, op, inputs, device, groups, attrs in nodes:
        n = out.node.add(name=name, op=op, input=inputs, device=device)
        for key, value in attrs.items():
            n.attr[key].CopyFrom(value if isinstance(value, tf.AttrValue) else tf.AttrValue(type=value))
        if groups:
            n.attr["_class"].list.s.extend(b"loc:@" + g.encode() for g in groups)
    return out


def const(name, device="", groups=(), value=1.0, dtype=FLOAT):
    tensor = tf.AttrValue(tensor=tf.make_tensor_proto(value, dtype=tf.as_dtype(dtype)))
    return (name, "Const", [], device, groups, {"dtype": dtype, "value": tensor})


def variable(name, device="", groups=()):
    return (name, "VariableV2", [], device, groups, {"dtype": FLOAT, "shape": tf.AttrValue(shape=tf.TensorShape([2, 3]).as_proto())})


def handle(name, device="", groups=()):
    return (name, "VarHandleOp", [], device, groups, {"dtype": FLOAT, "shape": tf.AttrValue(shape=tf.TensorShape([]).as_proto())})


def unary(name, x, device="", groups=(), op="Neg", dtype=FLOAT):
    return (name, op, [x], device, groups, {"T": dtype})


def choose(name, refs, device=""):
    return (name, "RefSelect", ["one"] + refs, device, (), {"T": FLOAT, "N": tf.AttrValue(i=len(refs))})


def cases():
    """What is refused, and a few graphs beside it that are not: (name, graph), (name, graph, how many nodes come first)."""
    one = const("one", value=1, dtype=INT)
    for i, device in enumerate(MALFORMED):
        yield "malformed %d" % i, case(const("a"), unary("b", "a", device))
    yield "malformed variable", case(variable("v", "/cpu"), unary("b", "v"))
    yield "malformed with long attributes", case(const("a", "/x", value="a\"b" * 40, dtype=STRING), unary("b", "a", op="Identity", dtype=STRING))
    yield "malformed and many values", case(const("a", "/x", ("b", "c"), value=[[1.5, -2.25], [1e20, 0]]))
    zeros = unary("b", "v", "/cpu:1", op="ZerosLike", dtype=RESOURCE)
    yield "no kernel", case(handle("v"), zeros, const("a", "/x"))
    yield "malformed before no kernel", case(handle("v"), const("a", "/x"), zeros)
    for device in JOBS + ELSEWHERE:
        yield "elsewhere " + device, case(const("a"), unary("b", "a", device))
    yield "variable elsewhere", case(variable("v", "/gpu:0"), unary("b", "v", "/cpu:1"))
    yield "variable elsewhere, read by reference", case(variable("v", "/gpu:0"), unary("b", "v", op="RefIdentity"), unary("c", "b"))
    yield "handle elsewhere", case(handle("v", "/gpu:0"), ("r", "ReadVariableOp", ["v"], "/cpu:1", (), {"dtype": FLOAT}))
    yield "handle of another job", case(handle("v", "/job:ps"), ("r", "ReadVariableOp", ["v"], "/cpu:1", (), {"dtype": FLOAT}))
    yield "reader of another job", case(handle("v", "/cpu:1"), ("r", "ReadVariableOp", ["v"], "/job:ps/cpu:2", (), {"dtype": FLOAT}))
    pairs = [("/cpu:1", "/cpu:2"), ("/cpu:1", "/gpu:1"), ("/job:a", "/job:b"), ("/task:0/cpu:1", "/task:1/cpu:2"),
             ("/replica:0", "/replica:1/cpu:2"), ("/job:localhost/cpu:1", "/task:0/gpu:1"), ("/device:*:2", "/cpu:1"),
             ("/cpu:*", "/device:*:9"), ("/gpu:*", "/device:*:1"), ("/cpu:3", "/task:0")]
    for a, b in pairs:
        yield "together %s %s" % (a, b), case(const("a", a), const("b", b, ["a"]))
        yield "reference %s %s" % (a, b), case(variable("v", a), unary("r", "v", b, op="RefIdentity"))
        yield "two variables %s %s" % (a, b), case(one, variable("v", a), variable("w", b), choose("c", ["v", "w"]))
        yield "two handles %s %s" % (a, b), case(handle("v", a), handle("w", b), (
            "m", "Merge", ["v", "w"], "", (), {"T": RESOURCE, "N": tf.AttrValue(i=2)}))
        yield "reference to a variable %s %s" % (a, b), case(
            one, variable("v"), unary("r", "v", a, op="RefIdentity"), variable("w", b), choose("c", ["w", "r"]))
        yield "reference from a group %s %s" % (a, b), case(
            one, variable("v"), unary("r", "v", a, op="RefIdentity"), unary("q", "r", b, op="RefIdentity"), unary("z", "q", groups=["r"]))
        yield "three together %s %s" % (a, b), case(const("a", a), const("b", groups=["a"]), const("c", b, ["b"]))
        yield "colocated variables %s %s" % (a, b), case(variable("v", a), variable("w", b, ["v"]))
    yield "contradicting chain", case(const("a", "/job:localhost", ["g"]), const("b", "/task:0", ["g"]), const("c", "/cpu:1", ["g"]), const("d", "/cpu:2", ["g"]))
    yield "many members", case(variable("v", "/gpu:0"), *[unary("r%d" % i, "v", "/cpu:1" if i % 3 else "", ["v"]) for i in range(25)])
    yield "a missing group", case(const("a", "/cpu:1", ["nobody"]), const("b", "", ["nobody"]), unary("c", "b", "/gpu:1", ["nobody", "c"]))
    yield "edges before groups", case(one, const("a", "/cpu:1"), const("b", "/cpu:2", ["a"]), variable("v", "/cpu:1"), variable("w", "/cpu:2"), choose("c", ["v", "w"]))
    yield "groups before devices", case(const("x", "/gpu:0"), const("a", "/cpu:1"), const("b", "/cpu:2", ["a"]))
    yield "generators last", case(const("a", "/gpu:0"), unary("b", "a", "/gpu:1"))
    beside = (variable("v", "/cpu:1"), const("a"), unary("b", "a", groups=["v"]), unary("i", "b", op="Identity"))
    yield "identity", case(*beside)
    yield "identity with a consumer", case(*beside, unary("j", "i"))
    yield "identity with a consumer elsewhere", case(*beside, unary("j", "i", "/cpu:2"))
    yield "identity with two consumers", case(*beside, unary("j", "i"), unary("k", "i"))
    yield "identity that only controls", case(*beside, ("k", "NoOp", ["^i"], "", (), {}))
    yield "identity that waits", case(*beside[:3], ("i", "Identity", ["b", "^a"], "", (), {"T": FLOAT}))
    yield "identity of a constant", case(variable("v", "/cpu:1"), const("a", groups=["v"]), unary("i", "a", op="Identity"))
    yield "identity of what asks for a device", case(const("a"), unary("b", "a", "/cpu:1"), unary("i", "b", op="Identity"))
    yield "later colocated elsewhere", case(variable("v"), const("a", "/cpu:2", ["v"])), 1
    yield "later used elsewhere", case(variable("v"), unary("a", "v", "/cpu:2", op="RefIdentity"), unary("b", "a")), 1
    yield "later tied", case(variable("v", "/cpu:1"), variable("w", "/cpu:2"), one, choose("c", ["v", "w"])), 2
    yield "a handle that stands", case(handle("v"), ("r", "ReadVariableOp", ["v"], "/cpu:3", (), {"dtype": FLOAT}), const("a", "/cpu:3", ["r"])), 1
    yield "what has no state moves", case(const("a"), unary("b", "a", "/cpu:2")), 1
    group = (const("x"), unary("a", "x", groups=["v"]), variable("v"))
    yield "a new variable on a missing GPU beside one that stands", case(*group, variable("w", "/gpu:1", ["v"])), 3
    yield "a new variable elsewhere beside one that stands", case(*group, variable("w", "/cpu:2", ["v"])), 3
    text = case(const("a", "/cpu:1"), const("b"))
    text.node[1].attr["_class"].s = b"loc:@a"
    yield "a class that is no list", text
    yield "a number beyond 32 bits", case(const("a", "/cpu:99999999999"))


def grows():
    """The graph of log.txt, and how many nodes come first."""
    def scalar(name, device, groups=()):
        return (name, "VariableV2", [], device, groups, {"dtype": FLOAT, "shape": tf.AttrValue(shape=tf.TensorShape([]).as_proto())})
    assign = ("init", "Assign", ["v", "one"], "/cpu:2", (), {"T": FLOAT})
    first = [const("one"), scalar("v", "/cpu:1"), assign, unary("r", "v", op="Identity"), unary("y", "r", "/cpu:3"), unary("far", "y", "/gpu:0")]
    later = [scalar("w", "/cpu:2", ["v"]), scalar("u", "/cpu:0"), scalar("t", "/cpu:3", ["u"]), unary("z", "y"), const("three", value=3.0), unary("q", "three", "/cpu:3")]
    return case(*first, *later), len(first)


def settings(soft):
    c = tf.ConfigProto(device_count={"CPU": 4}, allow_soft_placement=soft, log_device_placement=True)
    c.graph_options.rewrite_options.disable_meta_optimizer = True
    c.graph_options.optimizer_options.opt_level = config_pb2.OptimizerOptions.L0
    c.graph_options.optimizer_options.do_constant_folding = False
    return c


def logged(run):
    """What is written to stderr meanwhile."""
    with tempfile.TemporaryFile() as f:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(f.fileno(), 2)
        try:
            result = run()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        f.seek(0)
        return result, f.read()


def steady(message):
    """What TensorFlow lists in any order, or in two ways, in one; without its list of kernels, and the node in brackets behind it."""
    message = re.sub(r"\n\t \[\[.*", "", message, flags=re.S)
    message = re.sub(r"(?<=Registered kernels:\n).*", "", message, flags=re.S)
    message = re.sub(r"(?<=attrs: \[)[^\]]*", lambda m: ", ".join(sorted(m[0].split(", "))), message)
    message = re.sub(r"\b(n\d+):0(?=[,)])", r"\1", message)
    return re.sub(r"(\w+: CPU \n)+", lambda m: "".join(sorted(m[0].splitlines(True))), message)


def place(graph_def, soft, first=0):
    """Where TensorFlow places all nodes, or why it does not; after a run with the first nodes only, if there are any."""
    error, _, log = logs(graph_def, soft, first)
    if error is not None:
        return "!%s %s" % (CODES[error.error_code], json.dumps(steady(error.message)))
    found = PLACED.findall(log)
    assert len(found) == len(graph_def.node), log
    return " ".join("%s=%s" % (name.decode(), cpu.decode()) for name, cpu in found)


def logs(graph_def, soft, first):
    """How the last run ended, and what TensorFlow logs in a run with the first nodes, and in one with all."""
    nodes = list(graph_def.node)
    with tf.Graph().as_default() as g:
        def bring(nodes):
            """Adds nodes to the graph; nothing that an import makes of devices and groups stays."""
            part = tf.GraphDef(versions=graph_def.versions)
            for n in nodes:
                part.node.add(name=n.name, op=n.op, input=n.input)
                for key in n.attr:
                    if key != "_class":
                        part.node[-1].attr[key].CopyFrom(n.attr[key])
            # An import cannot map control inputs without a prefix.
            before = {op.name for op in g.get_operations()}
            waits = [(n.name, x[1:]) for n in nodes for x in n.input if x[1:] in before and x.startswith("^")]
            for n in part.node:
                n.input[:] = [x for x in n.input if (n.name, x[1:]) not in waits]
            outputs = {t.name: t for op in g.get_operations() for t in op.outputs}
            used = {x if ":" in x else x + ":0" for n in part.node for x in n.input}
            tf.import_graph_def(part, input_map={k: outputs[k] for k in used & outputs.keys()}, name="")
            for name, on in waits:
                g.get_operation_by_name(name)._add_control_input(g.get_operation_by_name(on))
            for n in nodes:
                op = g.get_operation_by_name(n.name)
                op._set_device_from_string(n.device)
                if "_class" in n.attr:
                    op._set_attr("_class", n.attr["_class"])

        def run(session):
            try:
                session._call_tf_sessionrun(None, {}, [], [g.get_operation_by_name(nodes[0].name)._c_op], None)
            except errors_impl.OpError as e:
                return e
        if first:
            bring(nodes[:first])
        else:
            bring(nodes)
        with tf.Session(graph=g, config=settings(soft)) as session:
            before = b""
            if first:
                _, before = logged(lambda: run(session))
                bring(nodes[first:])
            error, log = logged(lambda: run(session))
            return error, before, log


def line_of(node):
    return "node { %s }" % text_format.MessageToString(node, as_one_line=True).strip()


def write_log(f):
    graph_def, first = grows()
    f.write("graph %d log\n" % first)
    for n in graph_def.node:
        f.write(line_of(n) + "\n")
    error, *both = logs(graph_def, True, first)
    assert error is None, error
    for kind, log in zip(("line", "next"), both):
        for text in re.findall(r"(?:placer|colocation_graph)\.cc:\d+\] (.*(?:\n\t.*)*)", log.decode()):
            f.write("%s %s\n" % (kind, json.dumps(text)))


def half(graph_def, r):
    """How many nodes may come first: none of them takes a later one."""
    known, found = set(), [0]
    for i, n in enumerate(graph_def.node):
        known.add(n.name)
        if all(x.strip("^").split(":")[0] in known for m in graph_def.node[:i + 1] for x in m.input):
            found.append(i + 1)
    return found[int(r.integers(len(found)))] % len(graph_def.node)


def write(f, name, graph_def, first=0):
    f.write("graph %d %s\n" % (first, name))
    for n in graph_def.node:
        f.write(line_of(n) + "\n")
    for kind, soft in (("soft", True), ("hard", False)):
        f.write("%s %s\n" % (kind, place(graph_def, soft, first)))


def read(text):
    """Each graph with its name, how many nodes come first, and its two lines of outcomes."""
    for part in re.split("^graph ", text, flags=re.M)[1:]:
        head, *lines = part.rstrip("\n").split("\n")
        first, name = head.split(" ", 1)
        nodes = text_format.Parse("\n".join(lines[:-2]), tf.GraphDef())
        nodes.versions.producer = tf.version.GRAPH_DEF_VERSION
        yield name, nodes, int(first), lines[-2:]


def check(path):
    with open(path, "rb") as f:
        data = f.read()
    text = gzip.decompress(data).decode() if path.endswith(".gz") else data.decode()
    total, differ = 0, []
    for name, graph_def, first, wanted in read(text):
        total += 1
        got = [kind + place(graph_def, soft, first) for kind, soft in (("soft ", True), ("hard ", False))]
        differ += ["%s:\n  %s\n  %s" % (name, w, g) for w, g in zip(wanted, got) if w != g]
    print("placer.py: %s: %d graphs, %d differ" % (os.path.basename(path), total, len(differ)))
    print("\n".join(differ[:20]), end="\n" if differ else "")
    return total > 0 and not differ


def main():
    # TensorFlow also prints where it places nodes.
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=os.path.join(HERE, "..", "data", "placer"))
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=800)
    p.add_argument("--check", action="store_true")
    args = p.parse_args()
    random, errors, log = (os.path.join(args.out, name) for name in ("random.txt.gz", "errors.txt", "log.txt"))
    if args.check:
        now = io.StringIO()
        write_log(now)
        with open(log) as f:
            same = f.read() == now.getvalue()
        print("placer.py: log.txt: %s" % ("the same lines" if same else "other lines:\n" + now.getvalue()))
        return 0 if all([same, check(random), check(errors)]) else 1
    os.makedirs(args.out, exist_ok=True)
    graphs = Graphs(np.random.default_rng(args.seed))
    with tempfile.TemporaryFile("w+") as f:
        for i in range(args.count):
            graph_def = graphs.make()
            write(f, str(i), graph_def, half(graph_def, graphs.r) if i % 4 == 3 else 0)
        f.seek(0)
        text = f.read()
    with open(random, "wb") as f:
        f.write(gzip.compress(text.encode(), mtime=0))
    refused = len(re.findall("^(?:soft|hard) !", text, re.M))
    print("placer.py: %d graphs, %d nodes, %d of %d refused, %d bytes" % (
        args.count, text.count("\nnode {"), refused, 2 * args.count, os.path.getsize(random)))
    with open(errors, "w") as f:
        for name, *graph in cases():
            write(f, name, *graph)
    with open(log, "w") as f:
        write_log(f)
    return 0


if __name__ == "__main__":
    sys.exit(main())
