"""Writes graph_defs/ops.pbtxt: the definitions that the real TensorFlow (2.19.1) has of the ops of this project.

Run: python tests/interop/op_list.py [--check] [OP ...]

The ops are those already in the file, those whose signatures stand in ops/, and those named. Summaries and
descriptions are left out. --check writes nothing; it fails when the file would change.
"""

import argparse
import os
import re
import sys

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from google.protobuf import text_format
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.framework import op_def_registry

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FILE = os.path.join(ROOT, "graph_defs", "ops.pbtxt")


def signatures():
    """What looks like the start of an op's signature in the sources: more than the ops, but all of them."""
    found = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "ops")):
        for name in files:
            if name.endswith(".rs"):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    found.update(re.findall(r'"([A-Z_][A-Za-z0-9_]*)\(', f.read()))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("op", nargs="*", help="ops to add")
    parser.add_argument("--check", action="store_true", help="only compare with the file")
    args = parser.parse_args()
    named = set(args.op)
    names = named | signatures()
    if os.path.exists(FILE):
        with open(FILE, encoding="utf-8") as f:
            names.update(op.name for op in text_format.Parse(f.read(), op_def_pb2.OpList()).op)
    ops = op_def_pb2.OpList()
    for name in sorted(names):
        found = op_def_registry.get(name)
        if found is None:
            if name in named:
                print(f"TensorFlow has no op {name}", file=sys.stderr)
                return 1
            continue
        op = ops.op.add()
        op.CopyFrom(found)
        for part in [op, *op.input_arg, *op.output_arg, *op.attr]:
            part.ClearField("description")
        op.ClearField("summary")
        if op.HasField("deprecation"):
            op.deprecation.ClearField("explanation")
    text = text_format.MessageToString(ops)
    if args.check:
        with open(FILE, encoding="utf-8", newline="\n") as f:
            same = f.read() == text
        print(f"op_list: {len(ops.op)} ops" if same else "graph_defs/ops.pbtxt is not what TensorFlow has; run op_list.py")
        return 0 if same else 1
    with open(FILE, "w", encoding="utf-8", newline="\n") as f:
        f.write(text)
    return 0


sys.exit(main())
