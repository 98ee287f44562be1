"""What the recorded sessions share."""
import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.framework import kernels, op_def_registry

from cases import values

# Stands for a fresh folder in what is fed and fetched.
FOLDER = "@FOLDER@"


def cpu_types(op, attr="T", wanted=None):
    """The types for which the CPU has a kernel, of those wanted (default: all that cases know)."""
    found = set()
    for kernel in kernels.get_registered_kernels_for_op(op).kernel:
        if kernel.device_type == "CPU":
            limits = [c for c in kernel.constraint if c.name == attr]
            found |= {tf.as_dtype(t).name for c in limits for t in c.allowed_values.list.type} if limits else set(values.allowed(op, attr))
    return [t for t in wanted or values.ALL if t in found and t in values.allowed(op, attr)]


def arguments(op):
    """The names of the inputs, and which of them are variables."""
    args = op_def_registry.get(op).input_arg
    return [a.name for a in args], [a.name for a in args if a.is_ref or a.type == tf.resource.as_datatype_enum]


def attributes(op):
    """The names of the attributes."""
    return [a.name for a in op_def_registry.get(op).attr]


def variable(op, initial, name=None):
    """A variable of the kind that the op takes; its handle or reference, and the read value."""
    v = tf.Variable(tf.constant(initial, dtype=values.tf_type(initial)), use_resource=op.startswith("Resource"), name=name)
    return (v.handle if op.startswith("Resource") else v._ref()), v.read_value()


def call(op, **kw):
    """The op's raw call; what it returns."""
    return getattr(tf.raw_ops, op)(**kw)


def node(x):
    """The node that made a tensor, or the node itself."""
    return x if isinstance(x, tf.Operation) else x.op


def strings(items):
    """A string array."""
    return values.arr(np.array(items, object), "string")
