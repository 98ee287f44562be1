"""Recorded sessions of what outlives a step: queues, readers, files, checkpoints, counters and variables."""
import gzip
import itertools
import zlib

import numpy as np
import tensorflow.compat.v1 as tf

from cases import values
from .common import FOLDER, call, node, strings, variable

TOPICS = {}


def topic(f):
    """A function that yields (name, graph, runs)."""
    TOPICS[f.__name__] = f
    return f


def rows_of(r, types, rows, lengths=None):
    """One array for each type with that many rows."""
    return [values.rand(r, t, (rows,) + ((lengths,) if lengths is not None and k % 2 else ())) for k, t in enumerate(types)]


class QueueOps:
    """The ops on a queue in the version of its handle (references to strings, or resources)."""

    def __init__(self, kind, types, shapes, **attrs):
        self.v = "V2" if kind.endswith("V2") else ""
        self.types = [tf.as_dtype(t) for t in types]
        self.handle = call(kind, component_types=self.types, shapes=shapes, **attrs)

    def on(self, op, **kw):
        """The op called on the queue."""
        return call(op + self.v, handle=self.handle, **kw)


QUEUES = [("FIFOQueue", {}), ("FIFOQueueV2", {}), ("PaddingFIFOQueue", {}), ("PaddingFIFOQueueV2", {}),
          ("RandomShuffleQueue", {"seed": 3, "seed2": 5, "min_after_dequeue": 2}),
          ("RandomShuffleQueueV2", {"seed": 0, "seed2": 9, "min_after_dequeue": 0}), ("PriorityQueueV2", {})]


@topic
def queues():
    """Each kind of queue with components of every type: filled, emptied, closed, and asked for what it cannot give."""
    for kind, attrs in QUEUES:
        r = values.rng(kind, 1)
        padding, priority = kind.startswith("Padding"), kind.startswith("Priority")
        types = values.ALL
        shapes = [([None] if padding else [3]) if k % 2 else [] for k in range(len(types))]
        with tf.Graph().as_default() as g:
            q = QueueOps(kind, types, shapes, capacity=10, shared_name="" if kind.startswith("FIFO") else "shared", **attrs)
            all_types = ([tf.int64] if priority else []) + q.types
            one = [tf.placeholder(t, None, name=f"one_{k}") for k, t in enumerate(all_types)]
            many = [tf.placeholder(t, None, name=f"many_{k}") for k, t in enumerate(all_types)]
            count = tf.placeholder(tf.int32, [], name="count")
            enqueue = q.on("QueueEnqueue", components=one)
            enqueue_many = q.on("QueueEnqueueMany", components=many)
            taken = q.on("QueueDequeue", component_types=all_types)
            taken_many = q.on("QueueDequeueMany", component_types=all_types, n=count)
            taken_upto = [] if priority else q.on("QueueDequeueUpTo", component_types=all_types, n=count)
            size = q.on("QueueSize")
            close = q.on("QueueClose")
            state = [size] + ([call("QueueIsClosedV2", handle=q.handle)] if q.v else [])
        order = itertools.cycle([4, 2, 9, 2, 7, 0, -5, 4, 1, 1, 8, 3])

        def feed(to, rows, length=3):
            data = rows_of(r, types, rows, length)
            if priority:
                data = [np.array([next(order) for _ in range(rows)], np.int64)] + data
            return dict(zip(to, data if to is many else [x[0] for x in data]))
        runs = [({}, state, []), (feed(one, 1), [], [enqueue]), (feed(many, 3), [], [enqueue_many]), ({}, state, []), ({}, list(taken), [])]
        runs += [(feed(many, 0), [], [enqueue_many]), ({}, state, []), (feed(one, 1, 2 if padding else 3), [], [enqueue]), ({count: 2}, list(taken_many), [])]
        runs += [({count: 0}, list(taken_many), []), ({count: -1}, list(taken_many), [], True), (feed(many, 5), [], [enqueue_many]), ({}, state, [])]
        wrong = feed(one, 1)
        wrong[one[priority + 1]] = np.zeros((2, 2), values.np_type(types[1]))
        runs += [(wrong, [], [enqueue], True)]
        wrong = feed(many, 2)
        wrong[many[priority]] = values.rand(r, types[0], (3,))
        runs.append((wrong, [], [enqueue_many], True))
        runs += [({count: 2}, list(taken_upto), [])] if taken_upto else []
        runs += [({}, [], [node(close)]), ({}, state, []), ({}, list(taken), []), (feed(one, 1), [], [enqueue], True)]
        runs += [({count: 100}, list(taken_many), [], True), ({}, state, [])]
        runs += [({count: 100}, list(taken_upto), []), ({count: 1}, list(taken_upto), [], True)] if taken_upto else []
        runs += [({}, list(taken), [])] * priority
        yield f"queue_{kind.lower()}", g, runs + [({}, state, [])]


def records(*items):
    """A TFRecord file."""
    with_crc = lambda b: b + np.uint32(masked(b)).tobytes()
    return b"".join(with_crc(np.uint64(len(i)).tobytes()) + with_crc(i) for i in items)


TABLE = []


def masked(data):
    """The masked CRC-32C of TFRecord files."""
    if not TABLE:
        for n in range(256):
            for _ in range(8):
                n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
            TABLE.append(n)
    c = 0xFFFFFFFF
    for b in data:
        c = TABLE[(c ^ b) & 255] ^ c >> 8
    c ^= 0xFFFFFFFF
    return ((c >> 15 | c << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


PLAIN = [b"head1234\nabcd\n\nxyz", b"", b"one line\r\nand another\n"]
ITEMS = records(b"first", b"", b"\x00\xffthird" * 20)
READERS = [
    ("IdentityReader", {}, [b"anything", b"", b"\x00\xff"]),
    ("WholeFileReader", {}, PLAIN),
    ("TextLineReader", {"skip_header_lines": 1}, PLAIN),
    ("TextLineReader", {}, PLAIN),
    ("FixedLengthRecordReader", {"header_bytes": 2, "record_bytes": 4, "footer_bytes": 1, "hop_bytes": 0}, [b"HHaaaabbbbF", b"HH" + bytes(range(16)) + b"F", b"HHF"]),
    ("FixedLengthRecordReader", {"header_bytes": 0, "record_bytes": 4, "footer_bytes": 0, "hop_bytes": 2}, [bytes(range(12)), b"12", b""]),
    ("TFRecordReader", {"compression_type": ""}, [ITEMS, b"", records(b"x")]),
    ("TFRecordReader", {"compression_type": "GZIP"}, [gzip.compress(ITEMS, mtime=0), gzip.compress(b"", mtime=0)]),
    ("TFRecordReader", {"compression_type": "ZLIB"}, [zlib.compress(ITEMS)]),
    ("TFRecordReader", {"compression_type": ""}, [ITEMS[:-3], ITEMS[:20] + b"?" + ITEMS[21:]]),
]


@topic
def readers():
    """Each reader over files: read one by one and several at once, counted, reset, saved and restored, and read past the end."""
    for k, (op, attrs, contents) in enumerate(READERS):
        for v in ("", "V2"):
            if op + v == "FixedLengthRecordReader":
                continue  # its kernel asks for an attribute that only the second version has
            more = {"encoding": ""} if op.startswith("Fixed") else {}
            identity = op == "IdentityReader"
            damaged = contents[0] == ITEMS[:-3]  # TensorFlow drops the records before a fault, one by one they are seen
            with tf.Graph().as_default() as g:
                if not v:  # the graph's version is from before these ops were deprecated
                    old = tf.GraphDef(node=[{"name": "no_op", "op": "NoOp"}], versions={"producer": 21})
                    tf.import_graph_def(old)
                file, content = tf.placeholder(tf.string, [], name="file"), tf.placeholder(tf.string, [], name="content")
                names = tf.placeholder(tf.string, [None], name="names")
                count = tf.placeholder(tf.int64, [], name="count")
                state = tf.placeholder(tf.string, [], name="state")
                write = call("WriteFile", filename=file, contents=content)
                q = QueueOps("FIFOQueue" + v, ["string"], [[]], capacity=20)
                fill = q.on("QueueEnqueueMany", components=[names])
                close = node(q.on("QueueClose"))
                reader = call(op + v, **attrs, **more)
                on = lambda name, **kw: call(name + v, reader_handle=reader, **kw)
                read = on("ReaderRead", queue_handle=q.handle)
                several = on("ReaderReadUpTo", queue_handle=q.handle, num_records=count)
                counts = [on("ReaderNumRecordsProduced"), on("ReaderNumWorkUnitsCompleted")]
                saved = on("ReaderSerializeState")
                restore = node(on("ReaderRestoreState", state=state))
                reset = node(on("ReaderReset"))
                pass_on = node(on("ReaderRestoreState", state=saved))
            paths = [c if identity else f"{FOLDER}/file{i}" for i, c in enumerate(contents)]
            runs = [] if identity else [({file: p, content: c}, [], [node(write)]) for p, c in zip(paths, contents)]
            filled = ({names: strings(paths)}, [], [node(fill)])
            runs += [filled, ({}, list(read), [], True), ({}, counts, [])]
            runs += [({}, [saved] if identity else [], [pass_on], True), ({}, counts, []), ({}, list(read), [], True), ({count: 2}, list(several), [], True), ({}, counts, [])]
            runs += [({}, [], [reset]), ({}, counts, []), filled, ({count: 100}, list(several), [], True), ({count: 0}, list(several), [], True)]
            for bad in (b"", b"\x08", b"\x08\x05\x10\x02\x18\x03", b"nonsense"):
                runs.append(({state: bad}, [], [restore], True))
            runs += [({}, counts, []), ({}, [], [close])] + [({count: 1 if damaged else 3}, list(several), [], True)] * 2 + [({}, list(read), [], True)] * 8
            if not identity:
                with g.as_default():
                    q2 = QueueOps("FIFOQueue" + v, ["string"], [[]], capacity=5, shared_name="missing")
                    fill2 = q2.on("QueueEnqueueMany", components=[names])
                    lost = on("ReaderRead", queue_handle=q2.handle)
                runs += [({}, [], [reset]), ({names: strings([f"{FOLDER}/no such file"])}, [], [node(fill2)]), ({}, list(lost), [], True)]
            yield f"reader_{k}_{op.lower()}{v.lower()}", g, runs + [({}, counts, [])]


# The types of which the CPU restores slices.
SLICED = ["float32", "float64", "int32", "int64", "int16", "int8", "uint8", "complex64", "complex128", "bool", "bfloat16"]


@topic
def files():
    """Files written, read, looked for; tensors of every type in checkpoints of both versions, whole and in slices."""
    with tf.Graph().as_default() as g:
        name, content, patterns = tf.placeholder(tf.string, [], name="name"), tf.placeholder(tf.string, [], name="content"), tf.placeholder(tf.string, None, name="patterns")
        write = node(call("WriteFile", filename=name, contents=content))
        read, found = call("ReadFile", filename=name), call("MatchingFiles", pattern=patterns)
    at = lambda n: f"{FOLDER}/{n}"
    runs = [({name: at(n), content: c}, [], [write]) for n, c in (("a.txt", b"text\x00\xff"), ("b.txt", b""), ("a1.bin", b"x" * 1000), ("deeper/c.txt", b"in a new folder"), ("a.txt", b"again"))]
    runs += [({name: at(n)}, [read], [], True) for n in ("a.txt", "b.txt", "deeper/c.txt", "none", "deeper")]
    for p in ("*.txt", "a?.bin", "[ab].txt", "none*", "*", "deeper/*", "*/c.txt", "a.txt", "[!a].txt"):
        runs.append(({patterns: at(p)}, [found], []))
    runs += [({patterns: strings([at("b*"), at("a*")])}, [found], []), ({patterns: strings([])}, [found], []), ({patterns: strings([[at("a*")]])}, [found], [], True)]
    yield "files", g, runs

    r = values.rng("Save", 1)
    types = ["float32", "float64", "int32", "uint8", "int16", "int8", "complex64", "int64", "bool", "float16"]
    data = [values.rand(r, t, (4, 3)) for t in types] + [values.rand(r, t, s) for t, s in (("float32", ()), ("int32", (0,)), ("float64", (2, 1, 2)))]
    keys = [f"part/{k}" for k in range(len(data))]
    with tf.Graph().as_default() as g:
        file = tf.placeholder(tf.string, [], name="file")
        key = tf.placeholder(tf.string, [], name="key")
        piece = tf.placeholder(tf.string, [], name="piece")
        fed = [tf.constant(x) for x in data]
        save = node(call("Save", filename=file, tensor_names=keys, data=fed))
        whole = ["" if x.ndim != 2 else "4 3 0,2:-" for x in data]
        rest = ["4 3 2,2:-" for x in data if x.ndim == 2]
        save_a = node(call("SaveSlices", filename=file, tensor_names=keys, shapes_and_slices=whole, data=[x[:2] if x.shape.rank == 2 else x for x in fed]))
        pairs = [(k, x) for k, x in zip(keys, fed) if x.shape.rank == 2]
        save_b = node(call("SaveSlices", filename=file, tensor_names=[k for k, _ in pairs], shapes_and_slices=rest, data=[x[2:] for _, x in pairs]))
        pattern = tf.placeholder(tf.string, [], name="pattern")
        back = [call("Restore", file_pattern=pattern, tensor_name=k, dt=x.dtype) for k, x in zip(keys, fed)]
        parts = [call("RestoreSlice", file_pattern=pattern, tensor_name=k, shape_and_slice=piece, dt=x.dtype, preferred_shard=1) for k, x in pairs]
        lost = [call("Restore", file_pattern=pattern, tensor_name=key, dt=tf.float32)]
        named = tf.placeholder(tf.string, None, name="named")
        odd = node(call("Save", filename=file, tensor_names=named, data=fed[:1]))
        bad = node(call("SaveSlices", filename=file, tensor_names=["a"], shapes_and_slices=["4 3 0,5:-"], data=[fed[0]]))
    runs = [({file: at("whole")}, [], [save]), ({pattern: at("whole")}, back, []), ({pattern: at("whole"), piece: b"4 3 1,2:0,1"}, parts, [])]
    runs += [({file: at("shard-0-of-2")}, [], [save_a]), ({file: at("shard-1-of-2")}, [], [save_b]), ({pattern: at("shard-*-of-2")}, back, [])]
    for s in (b"4 3 1,2:-", b"4 3 -:0,1", b"4 3 3,1:2,1", b""):
        runs.append(({pattern: at("shard-*-of-2"), piece: s}, parts, []))
    for s, code in ((b"4 3 1,9:-", "InvalidArgument"), (b"5 3 -:-", True), (b"x", True), (b"4 3 1,2", "InvalidArgument")):  # not Internal: the caller's fault
        runs.append(({pattern: at("shard-*-of-2"), piece: s}, parts[:1], [], code))
    runs += [({pattern: at("whole"), key: b"none"}, lost, [], True), ({pattern: at("whole"), key: b"part/2"}, lost, [], True), ({pattern: at("no*"), key: b"part/0"}, lost, [], True)]
    runs += [({file: at("bad"), named: strings(n)}, [], [odd], True) for n in (["a", "b"], [], [["a"]])] + [({file: at("bad")}, [], [bad], "InvalidArgument")]
    yield "checkpoints_v1", g, runs

    data = [values.rand(r, t, (4, 3)) for t in values.ALL] + [values.rand(r, t, s) for t in values.ALL for s in ((), (0, 2))]
    keys = [f"{'abc'[k % 3]}/{k}" for k in range(len(data))]
    with tf.Graph().as_default() as g:
        prefix, file = tf.placeholder(tf.string, [], name="prefix"), tf.placeholder(tf.string, [], name="file")
        fed = [tf.constant(x) for x in data]
        save = node(call("SaveV2", prefix=prefix, tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=fed))
        pairs = [(k, x) for k, x in zip(keys, fed) if x.shape.rank == 2 and x.shape[0] == 4 and x.dtype.name in SLICED]
        halves = [node(call("SaveV2", prefix=prefix, tensor_names=[k for k, _ in pairs], shape_and_slices=[s] * len(pairs), tensors=[x[a:b] for _, x in pairs]))
                  for s, a, b in (("4 3 0,1:0,3", 0, 1), ("4 3 1,3:0,3", 1, 4))]
        merge = node(call("MergeV2Checkpoints", checkpoint_prefixes=[prefix + "0", prefix + "1"], destination_prefix=prefix, delete_old_dirs=False))
        restored = call("RestoreV2", prefix=prefix, tensor_names=keys, shape_and_slices=[""] * len(keys), dtypes=[x.dtype for x in fed])
        sliced = call("RestoreV2", prefix=prefix, tensor_names=[k for k, _ in pairs], shape_and_slices=["4 3 2,2:1,1"] * len(pairs), dtypes=[x.dtype for _, x in pairs])
        joined = call("RestoreV2", prefix=prefix, tensor_names=[k for k, _ in pairs], shape_and_slices=[""] * len(pairs), dtypes=[x.dtype for _, x in pairs])
        bytes_of = call("ReadFile", filename=file)
    runs = [({prefix: at("all")}, [], [save]), ({prefix: at("all")}, list(restored), []), ({prefix: at("all")}, list(sliced), [])]
    runs += [({prefix: at(f"part{k}")}, [], [h]) for k, h in enumerate(halves)] + [({prefix: at("part")}, [], [merge]), ({prefix: at("part")}, list(joined), []), ({prefix: at("part")}, list(sliced), [])]
    for n in ("all.index", "all.data-00000-of-00001", "part.index", "part.data-00000-of-00002", "part.data-00001-of-00002"):
        runs.append(({file: at(n)}, [bytes_of], []))
    yield "checkpoints_v2", g, runs

    keys = [f"scope_{k % 7}/layer_{k * 37 % 100}/{'weights' * (k % 5)}_{k}" for k in range(6000)]
    with tf.Graph().as_default() as g:
        prefix, file = tf.placeholder(tf.string, [], name="prefix"), tf.placeholder(tf.string, [], name="file")
        fed = [tf.constant(x) for x in (values.rand(r, "float32", (3,)), values.rand(r, "string", (2,)), values.rand(r, "int64", ()))]
        save = node(call("SaveV2", prefix=prefix, tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=[fed[k % 3] for k in range(len(keys))]))
        bytes_of = call("ReadFile", filename=file)
    yield "checkpoints_many", g, [({prefix: at("many")}, [], [save])] + [({file: at(f"many.{n}")}, [bytes_of], []) for n in ("index", "data-00000-of-00001")]


@topic
def counters():
    """Counters up to a limit, variables of the oldest kind and for one step only, handles destroyed, elements gathered from variables."""
    with tf.Graph().as_default() as g:
        runs, counts = [], []
        for t in (tf.int32, tf.int64):
            for op in ("CountUpTo", "ResourceCountUpTo"):
                v, _ = variable(op, values.arr(1, t.name), f"{op}_{t.name}")
                counts.append(call(op, resource=v, limit=3, T=t) if op.startswith("Res") else call(op, ref=v, limit=3))
        init = tf.global_variables_initializer()
        runs += [({}, [], [init])] + [({}, counts, [])] * 2 + [({}, [c], [], True) for c in counts]
        old = call("Variable", shape=[2, 3], dtype=tf.float32)
        start = tf.placeholder(tf.float32, None, name="start")
        set_old = call("Assign", ref=old, value=start)
        read_old = call("RefIdentity", input=old)
        runs += [({}, [read_old], [], True), ({start: np.ones((2, 3), np.float32)}, [set_old], []), ({}, [read_old], []), ({start: np.ones((3, 2), np.float32)}, [set_old], [], True)]
        for t in ("float32", "int64", "string", "complex64"):
            temporary = call("TemporaryVariable", shape=[2], dtype=tf.as_dtype(t), var_name=f"of_{t}")
            filled = call("Assign", ref=temporary, value=values.arr([b"a", b"b"] if t == "string" else [1, 2], t))
            runs.append(({}, [call("DestroyTemporaryVariable", ref=filled, var_name=f"of_{t}")], []))
        shapes = []
        for t in ("float32", "string", "bool"):
            handle, _ = variable("ResourceX", values.rand(values.rng(t, 1), t, (2, 0, 3)), f"shaped_{t}")
            shapes += [call("VariableShape", input=handle, out_type=o) for o in (tf.int32, tf.int64)]
        r = values.rng("ResourceGatherNd", 1)
        gathered, indices = [], {}
        for k, t in enumerate(values.ALL):
            d = (tf.int32, tf.int64)[k % 2]
            indices.setdefault(d, tf.placeholder(d, None, name=f"indices_{d.name}"))
            handle, _ = variable("ResourceGatherNd", values.rand(r, t, (3, 2, 2)), f"rows_{t}")
            gathered.append(call("ResourceGatherNd", resource=handle, indices=indices[d], dtype=tf.as_dtype(t)))
        handle, value = variable("ResourceX", values.arr([1, 2]), "destroyed")
        destroy = {b: node(call("DestroyResourceOp", resource=handle, ignore_lookup_error=b)) for b in (True, False)}
        again = tf.global_variables_initializer()
    runs += [({}, [], [again]), ({}, shapes, [])]
    for i in ([[0], [2]], [[0, 1], [2, 0]], [[2, 1, 1]], [[]], np.zeros((0, 2)), [1, 1], [[[0, 0, 0], [1, 1, 1]]]):
        runs.append(({p: np.array(i) for p in indices.values()}, gathered, []))
    for i in ([[3]], [[0, -1]], [[0, 0, 0, 0]], 1):
        runs += [({p: np.array(i) for p in indices.values()}, [x], [], True) for x in (gathered[0], gathered[-1])]
    runs += [({}, [value], []), ({}, [], [destroy[False]]), ({}, [value], [], True), ({}, [], [destroy[False]], True), ({}, [], [destroy[True]])]
    yield "counters", g, runs


@topic
def stacks():
    """Stacks of every type within one run: pushed, popped in reverse, too full, empty, closed."""
    with tf.Graph().as_default() as g:
        r, runs = values.rng("StackV2", 1), []
        for t in values.ALL:
            stack = call("StackV2", max_size=-1, elem_type=tf.as_dtype(t))
            first, second = values.rand(r, t, (2,)), values.rand(r, t, ())
            a = call("StackPushV2", handle=stack, elem=first, swap_memory=bool(r.integers(2)))
            with tf.control_dependencies([a]):
                b = call("StackPushV2", handle=stack, elem=second)
            with tf.control_dependencies([b]):
                c = call("StackPopV2", handle=stack, elem_type=tf.as_dtype(t))
            with tf.control_dependencies([c]):
                d = call("StackPopV2", handle=stack, elem_type=tf.as_dtype(t))
            with tf.control_dependencies([d]):
                close = node(call("StackCloseV2", handle=stack))
                empty = call("StackPopV2", handle=stack, elem_type=tf.as_dtype(t))
            runs += [({}, [a, b, c, d], [close])] + [({}, [empty], [], True)] * (t == "float32")
        small = call("StackV2", max_size=1, elem_type=tf.int32, stack_name="small")
        one = call("StackPushV2", handle=small, elem=1)
        with tf.control_dependencies([one]):
            two = call("StackPushV2", handle=small, elem=2)
            wrong = call("StackPushV2", handle=small, elem=2.0)
            other = call("StackPopV2", handle=small, elem_type=tf.float32)
            shut = node(call("StackCloseV2", handle=small))
        with tf.control_dependencies([shut]):
            late = call("StackPopV2", handle=small, elem_type=tf.int32)
    yield "stacks", g, runs + [({}, [one], [shut])] + [({}, [x], [], True) for x in (two, wrong, late)] + [({}, [other], [], "InvalidArgument")]


@topic
def arrays():
    """Arrays of tensors of every type within one run: written, read, gathered, split, added up as gradients, closed, misused."""
    with tf.Graph().as_default() as g:
        r, runs = values.rng("TensorArrayV3", 1), []

        def after(control, op, **kw):
            with tf.control_dependencies([control]):
                return call(op, **kw)
        for t in values.ALL:
            d = tf.as_dtype(t)
            a, flow = call("TensorArrayV3", size=3, dtype=d, clear_after_read=False, dynamic_size=False, tensor_array_name="")
            rows = values.rand(r, t, (3, 2))
            for k in (2, 0):
                flow = call("TensorArrayWriteV3", handle=a, index=k, value=rows[k], flow_in=flow)
            flow = call("TensorArrayScatterV3", handle=a, indices=[1], value=rows[1:2], flow_in=flow)
            fetches = [call("TensorArrayReadV3", handle=a, index=2, flow_in=flow, dtype=d), call("TensorArraySizeV3", handle=a, flow_in=flow),
                       call("TensorArrayGatherV3", handle=a, indices=[2, 0, 0], flow_in=flow, dtype=d, element_shape=[2]),
                       *call("TensorArrayConcatV3", handle=a, flow_in=flow, dtype=d)]
            b, flow_b = call("TensorArrayV3", size=0, dtype=d, dynamic_size=True, tensor_array_name="")
            flow_b = call("TensorArraySplitV3", handle=b, value=rows, lengths=tf.constant([1, 0, 2], tf.int64), flow_in=flow_b)
            flow_b = call("TensorArrayWriteV3", handle=b, index=4, value=rows, flow_in=flow_b)
            fetches += [call("TensorArraySizeV3", handle=b, flow_in=flow_b), call("TensorArrayReadV3", handle=b, index=2, flow_in=flow_b, dtype=d)]
            if d.is_floating:
                for op, more in (("TensorArrayGradV3", {}), ("TensorArrayGradWithShape", {"shape_to_prepend": [3]})):
                    c, flow_c = after(fetches[0], op, handle=a, flow_in=flow, source=f"of_{op}", **more)
                    for k in (0, 0, 2):
                        row = np.stack([rows[k]] * 3) if more else rows[k]
                        flow_c = call("TensorArrayWriteV3", handle=c, index=k, value=row, flow_in=flow_c)
                    fetches += [call("TensorArrayReadV3", handle=c, index=k, flow_in=flow_c, dtype=d) for k in (0, 2)] + [call("TensorArraySizeV3", handle=c, flow_in=flow_c)]
            with tf.control_dependencies(fetches):
                close = node(call("TensorArrayCloseV3", handle=a))
            runs.append(({}, fetches, [close]))
        a, flow = call("TensorArrayV3", size=2, dtype=tf.float32, tensor_array_name="misused")
        one = call("TensorArrayWriteV3", handle=a, index=0, value=[1.0], flow_in=flow)
        wrong = [call("TensorArrayWriteV3", handle=a, index=k, value=v, flow_in=one) for k, v in ((0, [1.0]), (2, [1.0]), (-1, [1.0]), (1, 1))]
        wrong += [call("TensorArrayReadV3", handle=a, index=k, flow_in=one, dtype=d) for k, d in ((1, tf.float32), (5, tf.float32), (0, tf.int32))]
        read = call("TensorArrayReadV3", handle=a, index=0, flow_in=one, dtype=tf.float32)
        wrong.append(after(read, "TensorArrayReadV3", handle=a, index=0, flow_in=one, dtype=tf.float32))
        with tf.control_dependencies([one]):
            shut = node(call("TensorArrayCloseV3", handle=a))
        wrong.append(after(shut, "TensorArrayReadV3", handle=a, index=0, flow_in=one, dtype=tf.float32))
    yield "arrays", g, runs + [({}, [x], [], True) for x in wrong]


@topic
def references():
    """Loops and branches over references to variables, and what only orders."""
    with tf.Graph().as_default() as g:
        v, read = variable("Assign", values.arr([1, 2]), "v")
        w, _ = variable("Assign", values.arr([5, 6]), "w")
        n = tf.placeholder(tf.int32, [], name="n")
        enter = lambda x, constant=False: call("RefEnter" if x.dtype._is_ref_dtype else "Enter", data=x, frame_name="loop", is_constant=constant, parallel_iterations=1)
        counter, ref = enter(tf.constant(0)), enter(v)
        merged, _ = call("Merge", inputs=[counter, counter])
        merged_ref, which = call("RefMerge", inputs=[ref, ref])
        more = call("LoopCond", input=merged < enter(n, True))
        out, body = call("Switch", data=merged, pred=more)
        out_ref, body_ref = call("RefSwitch", data=merged_ref, pred=more)
        added = call("AssignAdd", ref=body_ref, value=enter(tf.constant([1.0, 10.0]), True))
        with tf.control_dependencies([added]):
            next_counter = call("NextIteration", data=body + 1)
        next_ref = call("RefNextIteration", data=added)
        merged.op._update_input(1, next_counter)
        merged_ref.op._update_input(1, next_ref)
        left, left_ref = call("Exit", data=out), call("RefExit", data=out_ref)
        value = tf.identity(left_ref)
        chosen = call("RefSelect", index=n, inputs=[v, w])
        scaled = call("AssignAdd", ref=chosen, value=tf.constant([0.5, 0.5]))
        passed = call("RefIdentity", input=w)
        with tf.control_dependencies([scaled]):
            trigger = call("ControlTrigger")
        with tf.control_dependencies([node(trigger)]):
            after = tf.identity(n * 2)
        dead, _ = call("Switch", data=tf.constant(3), pred=n > 100)
        with tf.control_dependencies([call("Switch", data=tf.constant(3), pred=n > 100)[1]]):
            fires = node(call("ControlTrigger"))
        with tf.control_dependencies([fires]):
            fired = tf.identity(n + 1)
        init = tf.global_variables_initializer()
    runs = [({}, [], [init])] + [({n: k}, [left, value], []) for k in (0, 3, 1)] + [({}, [read], [])]
    runs += [({n: k}, [scaled, after], [], k not in (0, 1)) if k not in (0, 1) else ({n: k}, [scaled, after], []) for k in (0, 1, 2, -1)]
    yield "references", g, runs + [({n: 4}, [passed, fired, dead], []), ({}, [read], [])]
