"""Writes tests/data/op_cases/<Op>.pb: calls of each op together with what the real TensorFlow answers.

Each file is a GraphDef with many cases, c0, c1, … (and a Const nograd when TensorFlow has no gradient for the op):

    cN/in0 …    Const      the inputs
    cN/op                  the node under test (its inputs are cN/in0 …)
    cN/out0 …   Const      the results; or instead
    cN/error    Const      "Code: message" for a call that must fail. "(import) …": TensorFlow rejects the node already
                           when the graph is read. An empty message: only the code counts
                           (TensorFlow aborts, answers wrongly, or words it by its internals). Unimplemented: a limit of TensorFlow's kernels, a result is as good.
                           Any: a result or any error.
    cN/dy0 …    Const      incoming gradients of the floating-point outputs, and then
    cN/dx0 …    Const      the gradients of the floating-point inputs (dense),
    cN/dxnone   Const      the numbers of those floating-point inputs whose gradient is None
    cN/static   Const      TensorFlow's message where it rejects the node only because the inputs are constants (shape
                           inference is stricter than the kernel, or has another code for the error); a result is as good
    cN/row      Const      the number of the known hazard that the case stands for (equal numbers belong together)

TensorFlow runs each case alone, in graph mode, its inputs fed through placeholders of unknown shape, on one CPU thread,
without oneDNN and without graph rewriting.

    op_cases.py [--out DIR] [--only Op,Op] [--seed S]     all cases
    op_cases.py --extra N --seed S --out DIR              N random cases for each op instead of the fixed ones
"""
import argparse
import os
import subprocess
import sys
import time

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
HERE = os.path.dirname(os.path.abspath(__file__))


def families():
    """op name → function(op, r, n, fixed) that yields its cases."""
    from cases import array_cases, image_cases, math_cases, nn_cases, pool_cases, special_cases, string_cases, text_cases
    table = {}
    for module in (array_cases, math_cases, special_cases, nn_cases, pool_cases, image_cases, string_cases, text_cases):
        for op, make in module.OPS.items():
            assert op not in table, op
            table[op] = make
    return table


def write(op, make, args, out, crashed):
    """Writes one file. crashed: the cases at which TensorFlow aborted the process before."""
    import tensorflow as tf
    from tensorflow.core.framework import graph_pb2
    from cases import harness, values
    graph = graph_pb2.GraphDef()
    graph.versions.producer = harness.producer(op)
    graph.versions.min_consumer = tf.version.GRAPH_DEF_VERSION_MIN_CONSUMER
    unsupported, count = {}, 0
    r = values.rng(op, args.seed)
    fixed = args.extra is None
    for index, case in enumerate(make(op, r, 6 if fixed else args.extra, fixed)):
        name = f"c{count}"
        own = values.rng(f"{op}/{index}", args.seed)
        if (op, index) in crashed:
            node, flat = harness.node_of(op, name, case)
            for i, a in enumerate(flat):
                harness.const(graph, f"{name}/in{i}", a)
            graph.node.add().CopyFrom(node)
            code = case.must or "InvalidArgument"
            harness.const(graph, f"{name}/error", values.arr(f"{code}: ".encode(), "string"))
            if case.row is not None:
                harness.const(graph, f"{name}/row", values.scalar(case.row))
            count += 1
            continue
        with open(args.progress, "w") as f:
            f.write(f"{op} {index}")
        try:
            part = harness.run(op, name, case, own)
        except harness.Unsupported as e:
            unsupported[str(e)[:300]] = unsupported.get(str(e)[:300], 0) + 1
            continue
        except Exception as e:
            raise RuntimeError(f"{op} case {index}: {e!r}\n{[getattr(x, 'shape', x) for x in case.ins]} {case.attrs}") from e
        graph.node.extend(n for n in part.node if n.name != "nograd" or all(m.name != "nograd" for m in graph.node))
        count += 1
    assert count or args.extra, f"{op} has no case"
    with open(os.path.join(out, f"{op}.pb"), "wb") as f:
        f.write(graph.SerializeToString(deterministic=True))
    errors = sum(n.name.endswith("/error") for n in graph.node)
    print(f"{op}: {count} cases, {errors} errors, {graph.ByteSize()} bytes"
          + "".join(f"\n  no kernel ({k}): {m}" for m, k in unsupported.items()), flush=True)


def work(args):
    """All files, in this process."""
    table = families()
    only = args.only.split(",") if args.only else list(table)
    crashed = {(c.split(":")[0], int(c.split(":")[1])) for c in args.crashed.split(",") if c}
    start = only.index(args.start) if args.start else 0
    for op in only[start:]:
        write(op, table[op], args, args.out, crashed)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=os.path.join(HERE, "..", "data", "op_cases"))
    p.add_argument("--only", default="")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--extra", type=int)
    p.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--start", default="", help=argparse.SUPPRESS)
    p.add_argument("--crashed", default="", help=argparse.SUPPRESS)
    p.add_argument("--progress", default="", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.worker:
        return work(args)
    os.makedirs(args.out, exist_ok=True)
    # A worker does the work; when TensorFlow aborts, the case is noted and a new worker goes on.
    progress, crashed, start, begun = os.path.join(args.out, ".progress"), [], "", time.time()
    while True:
        command = [sys.executable, os.path.abspath(__file__), "--worker", "--out", args.out, "--only", args.only,
                   "--seed", str(args.seed), "--start", start, "--crashed", ",".join(crashed), "--progress", progress]
        if args.extra is not None:
            command += ["--extra", str(args.extra)]
        status = subprocess.run(command).returncode
        if -status not in (4, 6, 7, 8, 11):  # the signals of a crash
            break
        op, index = open(progress).read().split()
        print(f"{op} case {index}: TensorFlow aborts (signal {-status})", flush=True)
        crashed.append(f"{op}:{index}")
        start = op
    if os.path.exists(progress):
        os.remove(progress)
    print(f"{time.time() - begun:.0f} s")
    sys.exit(status)


if __name__ == "__main__":
    main()
