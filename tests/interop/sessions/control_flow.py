"""Sessions of loops, conditionals and arrays of tensors, with their gradients, as version 1 control flow builds them.

Each case makes the forward part of a graph; the gradients of its first result follow. tests/control builds the same
graphs and compares them node by node."""
import numpy as np
import tensorflow.compat.v1 as tf

TOPICS = {}
CASES = {}


def case(f):
    """A function that makes a graph; gives ys, xs, and what is fed in each run."""
    CASES[f.__name__] = f
    return f


def x_of(shape, name="x"):
    return tf.placeholder(tf.float32, shape, name=name)


def numbers(*shape):
    return np.linspace(-1.25, 1.75, int(np.prod(shape, dtype=int)), dtype=np.float32).reshape(shape)


@case
def power():
    x = x_of([2])
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * y), [tf.constant(0), x])
    return [y], [x], [{x: numbers(2)}]


@case
def invariant():
    x, w = x_of([2]), x_of([2], "w")
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * w), [tf.constant(0), x])
    return [y], [x, w], [{x: numbers(2), w: numbers(2) + 3}]


@case
def unknown_shapes():
    x, w = x_of(None), x_of(None, "w")
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.sin(y) * w), [tf.constant(0), x], shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)])
    return [y], [x, w], [{x: numbers(2, 1), w: numbers(3)}, {x: numbers(2), w: np.float32(2)}]


@case
def fed_count():
    x, n = x_of([None, 2]), tf.placeholder(tf.int32, [], name="n")
    _, y = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf.tanh(y)), [tf.constant(0), x], parallel_iterations=1, name="loop")
    return [y], [x], [{x: numbers(3, 2), n: k} for k in (0, 1, 4)]


@case
def two_loops():
    x = x_of([2])
    body = lambda i, y: (i + 1, tf.exp(-y))
    _, y = tf.while_loop(lambda i, y: i < 2, body, [tf.constant(0), x])
    _, z = tf.while_loop(lambda i, y: i < 3, body, [tf.constant(0), y])
    return [z], [x], [{x: numbers(2)}]


@case
def nested():
    x, w = x_of([2]), x_of([2], "w")

    def body(i, y):
        _, z = tf.while_loop(lambda j, z: j < i + 1, lambda j, z: (j + 1, z * w), [tf.constant(0), y])
        return i + 1, z + y
    _, y = tf.while_loop(lambda i, y: i < 3, body, [tf.constant(0), x])
    return [y], [x, w], [{x: numbers(2), w: numbers(2)}]


@case
def nested_unknown():
    x, w = x_of(None), x_of(None, "w")
    free = [tf.TensorShape([]), tf.TensorShape(None)]

    def body(i, y):
        _, z = tf.while_loop(lambda j, z: j < 2, lambda j, z: (j + 1, tf.sin(z) * w * y), [tf.constant(0), y], shape_invariants=free)
        return i + 1, z
    _, y = tf.while_loop(lambda i, y: i < 2, body, [tf.constant(0), x], shape_invariants=free)
    return [y], [x, w], [{x: numbers(2, 1), w: numbers(3)}]


@case
def cond_alone():
    x, p, w = x_of([2]), tf.placeholder(tf.bool, [], name="p"), x_of([2], "w")
    y = tf.cond(p, lambda: x * w, lambda: tf.square(x))
    return [y], [x, w], [{x: numbers(2), w: numbers(2), p: k} for k in (False, True)]


@case
def cond_nested():
    x, p, q = x_of([2]), tf.placeholder(tf.bool, [], name="p"), tf.placeholder(tf.bool, [], name="q")
    y = tf.cond(p, lambda: tf.cond(q, lambda: tf.sin(x), lambda: x * 3.0) + x, lambda: x)
    return [y], [x], [{x: numbers(2), p: j, q: k} for j in (False, True) for k in (False, True)]


@case
def cond_in_loop():
    x, w = x_of([2]), x_of([2], "w")

    def body(i, y):
        return i + 1, tf.cond(i < 2, lambda: y * w, lambda: tf.sin(y))
    _, y = tf.while_loop(lambda i, y: i < 4, body, [tf.constant(0), x])
    return [y], [x, w], [{x: numbers(2), w: numbers(2)}]


@case
def cond_in_loop_unknown():
    x, w = x_of(None), x_of(None, "w")

    def body(i, y):
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: y * w, lambda: tf.sin(y))
    _, y = tf.while_loop(lambda i, y: i < 4, body, [tf.constant(0), x], shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)])
    return [y], [x, w], [{x: numbers(2), w: numbers(2)}]


@case
def loop_in_cond():
    x, w, p = x_of([2]), x_of([2], "w"), tf.placeholder(tf.bool, [], name="p")

    def loop():
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * w), [tf.constant(0), x])[1]
    y = tf.cond(p, loop, lambda: x)
    return [y], [x, w], [{x: numbers(2), w: numbers(2), p: k} for k in (False, True)]


@case
def loop_in_cond_in_loop():
    x, w = x_of([2]), x_of([2], "w")

    def body(i, y):
        def loop():
            return tf.while_loop(lambda j, z: j < 2, lambda j, z: (j + 1, z * w), [tf.constant(0), y])[1]
        return i + 1, tf.cond(tf.equal(i, 1), loop, lambda: y + w)
    _, y = tf.while_loop(lambda i, y: i < 3, body, [tf.constant(0), x])
    return [y], [x, w], [{x: numbers(2), w: numbers(2)}]


@case
def cond_in_nested():
    x = x_of([2])

    def body(i, y):
        def inner(j, z):
            return j + 1, tf.cond(j < i, lambda: tf.sin(z) * y, lambda: z + y)
        return i + 1, tf.while_loop(lambda j, z: j < 3, inner, [tf.constant(0), y])[1]
    _, y = tf.while_loop(lambda i, y: i < 3, body, [tf.constant(0), x])
    return [y], [x], [{x: numbers(2)}]


@case
def unused_variable():
    x, w = x_of([2]), x_of([2], "w")
    _, y, _ = tf.while_loop(lambda i, y, v: i < 3, lambda i, y, v: (i + 1, y * v, v + y), [tf.constant(0), x, w])
    return [y], [x, w], [{x: numbers(2), w: numbers(2)}]


@case
def independent_variable():
    x, w = x_of([2]), x_of([2], "w")
    _, y, z = tf.while_loop(lambda i, y, z: i < 3, lambda i, y, z: (i + 1, y * y, w * 2.0), [tf.constant(0), x, w])
    return [y + z], [x, w], [{x: numbers(2), w: numbers(2)}]


@case
def independent_unknown():
    x, w = x_of(None), x_of(None, "w")
    free = [tf.TensorShape([]), tf.TensorShape(None), tf.TensorShape(None)]
    _, y, z = tf.while_loop(lambda i, y, z: i < 3, lambda i, y, z: (i + 1, tf.sin(y), tf.exp(w)), [tf.constant(0), x, w], shape_invariants=free)
    return [y + z], [x, w], [{x: numbers(2), w: numbers(2)}]


@case
def most():
    x = x_of([2])
    y = tf.while_loop(lambda y: tf.reduce_sum(y) < 100.0, lambda y: y * 3.0, [x], maximum_iterations=2)
    return [y], [x], [{x: numbers(2)}, {x: numbers(2) + 90}]


@case
def growing():
    x = x_of([1, 2])
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.concat([y, y * 2.0], 0)), [tf.constant(0), x], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])])
    return [y], [x], [{x: numbers(1, 2)}]


@case
def waiting():
    x, c = x_of([2]), tf.constant(1.0, name="c")
    with tf.control_dependencies([c]):
        _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x + 1.0), [tf.constant(0), x])
        z = tf.cond(tf.reduce_sum(x) > 0.0, lambda: y + 1.0, lambda: y)
    return [z], [x], [{x: numbers(2)}]


@case
def gathered():
    x = x_of([4, 2])
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * tf.gather(x, tf.stack([i, i + 1]))), [tf.constant(0), tf.ones([2, 2])])
    return [y], [x], [{x: numbers(4, 2)}]


@case
def no_gradient():
    x = x_of([2])
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0), [tf.constant(0), x], back_prop=False)
    return [y + x], [x], [{x: numbers(2)}]


@case
def swapped():
    x = x_of([3, 3])
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.matmul(y, x)), [tf.constant(0), x], swap_memory=True)
    return [tf.reduce_sum(y)], [x], [{x: numbers(3, 3)}]


@case
def recurrent():
    x, h = x_of([4, None, 2]), x_of([None, 3], "h")
    w, b = x_of([5, 3], "w"), x_of([3], "b")
    inputs = tf.TensorArray(tf.float32, 4).unstack(x)
    outputs = tf.TensorArray(tf.float32, 4)

    def body(i, h, out):
        now = tf.tanh(tf.matmul(tf.concat([inputs.read(i), h], 1), w) + b)
        return i + 1, now, out.write(i, now)
    _, h1, out = tf.while_loop(lambda i, h, out: i < 4, body, [tf.constant(0), h, outputs])
    return [tf.reduce_sum(out.stack() * 2.0) + tf.reduce_sum(h1)], [x, h, w, b], [{x: numbers(4, 2, 2), h: numbers(2, 3), w: numbers(5, 3), b: numbers(3)}]


@case
def array_concat():
    x = x_of([6, 2])
    a = tf.TensorArray(tf.float32, 3, infer_shape=False, clear_after_read=False).split(x, tf.constant([1, 3, 2], tf.int64))
    y = tf.square(a.concat())
    return [y], [x], [{x: numbers(6, 2)}]


@case
def array_gather():
    x = x_of([3, 2])
    a = tf.TensorArray(tf.float32, 4, clear_after_read=False).scatter([2, 0, 3], x)
    y = tf.square(a.gather([3, 0])) + a.read(2)
    return [y], [x], [{x: numbers(3, 2)}]


@case
def array_growing():
    x = x_of([2])
    a = tf.TensorArray(tf.float32, 0, dynamic_size=True)
    _, _, a = tf.while_loop(lambda i, y, a: i < 4, lambda i, y, a: (i + 1, y * x, a.write(i, y)), [tf.constant(0), x, a])
    return [tf.reduce_sum(a.stack()) + tf.cast(a.size(), tf.float32)], [x], [{x: numbers(2)}]


def control_flow():
    """Each case as a session that fetches its results and their gradients."""
    for name, make in CASES.items():
        with tf.Graph().as_default() as g:
            ys, xs, feeds = make()
            meta = tf.train.export_meta_graph(clear_extraneous_savers=True)
            grads = [d for d in tf.gradients(ys, xs) if d is not None]
            grads = [tf.convert_to_tensor(d) for d in grads]
        yield f"control_{name}", g, [(f, ys + grads, []) for f in feeds], meta


TOPICS["control_flow"] = control_flow
