"""Sessions of graphs that span four CPU devices: dead branches, loops and their gradients, and the same graphs as TensorFlow
partitions them, all partitions in one graph."""
import numpy as np
import tensorflow.compat.v1 as tf

from cases.harness import config, const

TOPICS = {}
CASES = {}
DEVICES = 4


def case(f):
    """A function that makes a graph; gives fetches, what is run at first, and what is fed in each run."""
    CASES[f.__name__] = f
    return f


def on(i):
    return tf.device(f"/cpu:{i}")


def numbers(*shape):
    return np.linspace(-1.25, 1.75, int(np.prod(shape, dtype=int)), dtype=np.float32).reshape(shape)


def x_of(shape, name="x"):
    with on(0):
        return tf.placeholder(tf.float32, shape, name=name)


def p_of():
    with on(0):
        return tf.placeholder(tf.bool, [], name="p")


@case
def dead_values():
    """Both outputs of a Switch go to other devices, are used there, and meet on a fourth."""
    x, p = x_of([3]), p_of()
    with on(0):
        no, yes = tf.raw_ops.Switch(data=x, pred=p)
    with on(1):
        yes = tf.sin(yes) + 1.0
    with on(2):
        no = tf.cos(no) * 2.0
    with on(3):
        y, i = tf.raw_ops.Merge(inputs=[no, yes])
    with on(1):
        again = tf.raw_ops.Merge(inputs=[tf.identity(yes), tf.identity(no)]).output
    return [y, i, again], [], [{x: numbers(3), p: v} for v in (True, False)]


@case
def dead_controls():
    """What comes after a dead node of another device does not run, and is dead for a third."""
    x, p = x_of([]), p_of()
    with on(2):
        v = tf.get_variable("v", initializer=10.0, use_resource=True)
    with on(0):
        no, yes = tf.raw_ops.Switch(data=x, pred=p)
    with on(1), tf.control_dependencies([tf.identity(yes)]):
        gate = tf.no_op()
    with on(2), tf.control_dependencies([gate]):
        added = v.assign_add(1.0)
        with tf.control_dependencies([added]):
            after_yes = v.read_value()
    with on(3), tf.control_dependencies([tf.identity(no)]):
        after_no = tf.constant(-1.0) * 2.0
    with on(3):
        y, i = tf.raw_ops.Merge(inputs=[after_no, after_yes])
    with on(0), tf.control_dependencies([y]):
        trigger = tf.raw_ops.ControlTrigger()
    return [y, i], [v.initializer, trigger], [{x: np.float32(2), p: k} for k in (True, False, True, True, False)]


def nested(parallel):
    x = x_of([2])
    with on(3):
        w = tf.sigmoid(x)

    def inner(j, z):
        with on(2):
            z = tf.tanh(z * w)
        with on(1):
            return j + 1, z

    def outer(i, y):
        with on(1):
            start = y + tf.cast(i, tf.float32)
        _, z = tf.while_loop(lambda j, z: j < 3, inner, [tf.constant(0), start], parallel_iterations=parallel)
        with on(3):
            return i + 1, y + z
    with on(0):
        _, y = tf.while_loop(lambda i, y: i < 4, outer, [tf.constant(0), x], parallel_iterations=parallel)
    return [y] + tf.gradients(y, x), [], [{x: numbers(2)}]


@case
def nested_1():
    return nested(1)


@case
def nested_2():
    return nested(2)


@case
def nested_10():
    return nested(10)


@case
def side_by_side():
    """Two loops at once, each over two devices, and what comes of both on a third."""
    x = x_of([2])
    with on(0):
        n = tf.placeholder(tf.int32, [], name="n")
    results = []
    for far, limit in ((1, n), (2, n * 2)):
        def body(i, y, far=far):
            with on(far):
                return i + 1, tf.exp(-y) * 0.5
        with on(0):
            results.append(tf.while_loop(lambda i, y, limit=limit: i < limit, body, [tf.constant(0), x])[1])
    with on(3):
        y = results[0] * results[1]
    return [y] + tf.gradients(y, x), [], [{x: numbers(2), n: np.int32(k)} for k in (0, 1, 5)]


@case
def invariants():
    """What a loop uses from a third device, and its gradient."""
    x = x_of([2])
    with on(2):
        w = tf.placeholder(tf.float32, [2], name="w")
        inside = tf.square(w)

    def body(i, y):
        with on(1):
            return i + 1, tf.sin(y * inside) + w
    with on(0):
        _, y = tf.while_loop(lambda i, y: i < 5, body, [tf.constant(0), x], parallel_iterations=3)
    return [y] + tf.gradients(y, [x, w]), [], [{x: numbers(2), w: numbers(2) + 1}]


@case
def branch_in_loop():
    x = x_of([2])
    with on(0):
        n = tf.placeholder(tf.int32, [], name="n")

    def yes(y):
        with on(2):
            return tf.square(y)

    def no(y):
        with on(3):
            return y * 0.5

    def body(i, y):
        with on(1):
            y = tf.cond(tf.equal(i % 2, 0), lambda: yes(y), lambda: no(y))
            return i + 1, y
    with on(0):
        _, y = tf.while_loop(lambda i, y: i < n, body, [tf.constant(0), x])
    return [y] + tf.gradients(y, x), [], [{x: numbers(2), n: np.int32(k)} for k in (0, 1, 4)]


@case
def loop_in_branch():
    """A loop over devices that does not run, or that does."""
    x, p = x_of([2]), p_of()

    def body(i, y):
        with on(2):
            return i + 1, tf.sin(y) * 1.5

    def yes():
        with on(1):
            return tf.while_loop(lambda i, y: i < 4, body, [tf.constant(0), x])[1]

    def no():
        with on(3):
            return x - 1.0
    with on(0):
        y = tf.cond(p, yes, no)
    return [y] + tf.gradients(y, x), [], [{x: numbers(2), p: v} for v in (True, False)]


def partitions(graph, feeds, fetches):
    """The partitions of a run in one graph, without the nodes that hand results over; what stands there for each tensor."""
    meta = tf.RunMetadata()
    with tf.Session(graph=graph, config=config(DEVICES)) as session:
        session.run(fetches, feeds, tf.RunOptions(output_partition_graphs=True), meta)
    whole, names = tf.GraphDef(), {}

    def stands_for(n, kind, t):
        start = f"_{kind}_{t.op.name}_{t.value_index}_"
        return n.name.startswith(start) and n.name[len(start):].isdigit()

    for part in meta.partition_graphs:
        whole.versions.CopyFrom(part.versions)
        for n in part.node:
            for t in feeds:
                if n.op == "_Arg" and stands_for(n, "arg", t):
                    names[t.name] = n.name + ":0"
            for t in fetches:
                if n.op == "_Retval" and stands_for(n, "retval", t):
                    names[t.name] = n.input[0] + ("" if ":" in n.input[0] else ":0")
            if n.op != "_Retval":
                copy = whole.node.add()
                copy.CopyFrom(n)
                # Fed nodes, beside which others may stand, are not there any more.
                copy.attr.pop("_class", None)
    assert len(names) == len(feeds) + len(fetches), names
    assert len({n.name for n in whole.node}) == len(whole.node)
    return whole, names


def renamed(values, names, sends):
    """Recorded runs whose tensors have other names, and in which everything is sent."""
    out = tf.GraphDef()
    for n in values.node:
        run, kind, tensor = n.name.split("/", 2)
        copy = out.node.add()
        copy.CopyFrom(n)
        copy.name = f"{run}/{kind}/{names[tensor]}"
    for run in sorted({n.name.split("/", 1)[0] for n in values.node}):
        for s in sends:
            const(out, f"{run}/target/{s}", np.zeros(0, np.float32))
    return out


def spanning():
    """Each case as it is, and partitioned where it has no state."""
    for name, make in CASES.items():
        with tf.Graph().as_default() as g:
            fetches, first, fed = make()
        runs = [(fed[0] if t.type == "ControlTrigger" else {}, [], [t]) for t in first] + [(f, fetches, []) for f in fed]
        yield f"spanning_{name}", g, runs, None, DEVICES
        if not first:
            yield f"parts_{name}", g, runs, None, DEVICES, partitions(g, fed[0], fetches)


TOPICS["spanning"] = spanning
