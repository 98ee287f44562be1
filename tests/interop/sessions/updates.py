"""Sessions of ops that update variables: optimizer steps and scattered updates."""
import numpy as np
import tensorflow.compat.v1 as tf

from cases import values
from .common import arguments, attributes, call, cpu_types, node, variable

TOPICS = {}
SCALARS = {"lr": 0.125, "alpha": 0.125, "rho": 0.875, "momentum": 0.75, "epsilon": 0.03125, "l1": 0.0625, "l2": 0.25, "l2_shrinkage": 0.03125,
           "lr_power": -0.5, "beta1": 0.875, "beta2": 0.9375, "beta1_power": 0.75, "beta2_power": 0.875}
FAMILIES = {"GradientDescent": [{}], "ProximalGradientDescent": [{}], "Adagrad": [{}, {"update_slots": False}], "AdagradV2": [{}, {"update_slots": False}],
            "ProximalAdagrad": [{}], "Momentum": [{}, {"use_nesterov": True}], "KerasMomentum": [{}, {"use_nesterov": True}], "Adam": [{}, {"use_nesterov": True}],
            "AdaMax": [{}], "Adadelta": [{}], "RMSProp": [{}], "CenteredRMSProp": [{}], "Ftrl": [{}, {"multiply_linear_by_lr": True}],
            "FtrlV2": [{}, {"multiply_linear_by_lr": True}]}
SHAPE = (5, 2)


def ops_of(family):
    """Dense and sparse, on references and on resources: those that TensorFlow has."""
    names = [f"{a}{b}Apply{family}" for a in ("", "Resource") for b in ("", "Sparse")]
    return [n for n in names if hasattr(tf.raw_ops, n)]


def steps():
    """One session for each optimizer: each op on each type, with dense gradients and with rows that repeat."""
    for family, variants in FAMILIES.items():
        r = values.rng(family, 1)
        with tf.Graph().as_default() as g:
            grad, rows = tf.placeholder(tf.float32, None, name="grad"), tf.placeholder(tf.float32, None, name="rows")
            ids = {t: tf.placeholder(t, None, name=f"ids_{t.name}") for t in (tf.int32, tf.int64)}
            targets, bad, state = [], [], []
            for op in ops_of(family):
                names, slots = arguments(op)
                for k, t in enumerate(cpu_types(op, wanted=["float32", "float64", "float16", "bfloat16", "complex64"])):
                    for extra in variants if t == "float32" else variants[:1]:
                        if not set(extra) <= set(attributes(op)):
                            continue
                        kw = dict(extra, use_locking=bool(k % 2))
                        for n in names:
                            if n in slots:
                                start = values.rand(r, "float16", SHAPE, 1.0)
                                start = start if n == "var" else np.abs(start) + np.float16(0.25)
                                kw[n], read = variable(op, values.arr(start, t), f"{op}/{t}/{n}")
                                state.append(read)
                            elif n in ("grad", "delta"):
                                kw[n] = tf.cast(rows if "Sparse" in op else grad, t)
                            elif n == "indices":
                                kw[n] = ids[tf.int64 if k % 2 else tf.int32]
                            else:
                                kw[n] = tf.constant(SCALARS[n], t)
                        target = node(call(op, **kw))
                        targets.append(target)
                        if t == "float32" and not extra:
                            bad.append(target)
            init = tf.global_variables_initializer()
        runs = [({}, [], [init])]

        def feeds(index, dense=SHAPE, sparse=None):
            sparse = (len(index), SHAPE[1]) if sparse is None else sparse
            return {grad: values.rand(r, "float16", dense, 1.0), rows: values.rand(r, "float16", sparse, 1.0), **{p: index for p in ids.values()}}
        for index in ([0, 3], [2, 2, 4, 2], [], [4, 1, 0, 3, 2]):
            runs += [(feeds(index), [], targets), ({}, state, [])]
        for target in bad:
            runs += [(feeds(*a), [], [target], True) for a in (([5, 1], (5,)), ([-1, 0], (4, 2)), ([0, 1], (5, 2, 1), (3, 2)), ([0, 1], (), (2, 3)), ([[0, 1]], (2, 5), (1, 2, 2)), ([0], (5, 1), (1, 1)))]
        yield f"apply_{family.lower()}", g, runs + [({}, state[:len(bad)], [])]


TOPICS["apply"] = steps


def start_of(op, t):
    """Numbers that stay clear of each other's limits when they are multiplied or divided."""
    if t == "string":
        return values.arr(np.array([[b"a", b"b"], [b"c", b""], [b"d", b"e"], [b"f", b"g"]], object), "string")
    if t == "bool":
        return values.arr([[True, False]] * 4, t)
    return values.arr(np.array([[1, 2], [3, 4], [12, 6], [8, 9]]), t)


def updates_of(r, op, t, shape):
    """Random updates."""
    x = values.rand(r, t, shape)
    if "Div" in op or "Mul" in op:
        x = values.arr(r.integers(1, 4, shape), t)
    return x


def scatter():
    """Scattered updates of rows and of elements: indices of several ranks, repeated, none, wrong."""
    for how in ("Update", "Add", "Sub", "Mul", "Div", "Min", "Max", "NdUpdate", "NdAdd", "NdSub"):
        ops = [f"Scatter{how}", f"ResourceScatter{how}"]
        r = values.rng(how, 1)
        nd = how.startswith("Nd")
        good = [[0], [[1, 1], [3, 1]], [[2]], [[3], [3], [0]]] if nd else [2, [0, 3], [[1, 1], [2, 1]], []]
        wrong = [[4], [-1], [[0, 2]], [[0, 0, 0]]] if nd else [4, [-1, 0], [[1, 9]]]
        with tf.Graph().as_default() as g:
            placeholders = {}
            parts, state, bad = [], [], []
            for op in ops:
                attr = "dtype" if op.startswith("Resource") and not nd else "T"
                for k, t in enumerate(cpu_types(op, attr)):
                    ref, read = variable(op, start_of(op, t), f"{op}/{t}")
                    state.append(read)
                    index = tf.int64 if k % 2 else tf.int32
                    for p, d in (("ids", index), ("updates", tf.as_dtype(t))):
                        if d.name not in placeholders:
                            placeholders[d.name] = tf.placeholder(d, None, name=f"of_{d.name}")
                    ids_name = f"ids_{index.name}"
                    if ids_name not in placeholders:
                        placeholders[ids_name] = tf.placeholder(index, None, name=ids_name)
                    kw = {"resource" if attr == "dtype" else "ref": ref, "indices": placeholders[ids_name], "updates": placeholders[t]}
                    if "use_locking" in attributes(op):
                        kw["use_locking"] = bool(k % 2)
                    made = node(call(op, **kw))
                    parts.append((t, ids_name, made))
                    if t in ("float32", "int64"):
                        bad.append((t, ids_name, made))
            init = tf.global_variables_initializer()
        runs = [({}, [], [init])]

        def shape_of(index, op="", scalar=False):
            index = np.shape(np.array(index))
            if nd and len(index) == 1:  # a vector of rows
                return index + (2,)
            return () if scalar else index[:-1] + (4, 2)[index[-1]:] if nd else index + (2,)

        def feeds(index, chosen, shape):
            out = {}
            for t, ids_name, _ in chosen:
                out[placeholders[ids_name]] = np.array(index, np.int64)
                out[placeholders[t]] = updates_of(r, how, t, shape)
            return out
        for index in good + ([np.zeros((0, 1))] if nd else []):
            runs += [(feeds(index, parts, shape_of(index)), [], [p[2] for p in parts]), ({}, state, [])]
        if not nd:
            runs += [(feeds([0, 2], parts, ()), [], [p[2] for p in parts]), ({}, state, [])]
        for t, ids_name, made in bad:
            one = [(t, ids_name, made)]
            for index in wrong:
                runs.append((feeds(index, one, () if np.shape(index)[-1:] > (2,) else shape_of(index)), [], [made], True))
            for shape in ((3, 2), (2, 3), (2, 2, 1), (1,)):
                if shape == (2, 3) and made.type.startswith("Resource") and not nd:
                    continue  # TensorFlow takes any updates of enough elements
                runs.append((feeds([[0], [1]] if nd else [0, 1], one, shape), [], [made], True))
        yield f"scatter_{how.lower()}", g, runs  # a step that fails may have been half done


TOPICS["scatter"] = scatter
