"""Trains the CIFAR-10 graphs in both frameworks and compares the losses step by step.

Usage, in the repository: PYTHON_WITH_TENSORFLOW tests/interop/cifar10_losses.py [--steps N] [--only PART]

in_order: TensorFlow writes a training graph with one reader thread, no shuffling and fixed seeds; `tensorloom run` trains
it. The images of each step have the same bits, and so have the initial values. With the tutorial's numbers this training
is chaotic: weights nudged by one unit in the last place lead TensorFlow itself elsewhere. There the losses must be the same
for as long as nudged runs stay together; with a tenth of the learning rate, or with the initial weights of the tutorial's
first release, for all steps.
exported: the example's graph, imported by TensorFlow, compared likewise from one checkpoint of ours.
as_written: the tutorial's graph of TensorFlow (16 readers, shuffling) trained by one `tensorloom run` line; TensorFlow
restores the checkpoint that it leaves, and computes the same loss for the same images.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy as np

import cifar10_tf
from cases.harness import config
from cifar10_tf import tf

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
SEED, BOUND = 42, 1e-4
# Nudged runs this close tell that rounding has not grown yet.
TOGETHER, NUDGES = 1e-5, 2
# Steps of a chaotic training, and how many of them a comparison must at least cover.
CHAOTIC_STEPS, LEAST = 40, 5
TRAIN = ["--target", "train", "--fetch", "total_loss:0"]


def cargo(*args):
    command = ["cargo", "run", "--quiet", "--release", "--manifest-path", os.path.join(ROOT, "Cargo.toml"), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200).stdout


def tensorloom(*args):
    return cargo("--bin", "tensorloom", "--", *map(str, args))


def ours(meta, steps, *options):
    """What each step fetched: the loss, and the prints of the images where the graph has them."""
    lines = tensorloom("run", meta, *options, "--queue-runners", *TRAIN, "--steps", steps, "--json").splitlines()
    rows = [{k: v["values"][0] for k, v in json.loads(line)["fetches"].items()} for line in lines]
    assert len(rows) == steps, (len(rows), steps)
    return rows


def theirs(*args):
    """The same by TensorFlow, begun again where it stands still."""
    for _ in range(2):
        try:
            return trained(*args)
        except tf.errors.DeadlineExceededError:
            print("TensorFlow stood still; once more", flush=True)
    return trained(*args)


def trained(graph, steps, fetches, start, nudge=0):
    """What TensorFlow's steps fetch, on one thread for arithmetic; `start(session)` gives the variables their values."""
    variables = graph.get_collection("trainable_variables")
    settings = config()
    # With one thread for steps, a step that trains and one that fills a queue now and then wait for each other for ever.
    settings.inter_op_parallelism_threads = 4
    settings.operation_timeout_in_ms = 120_000
    with graph.as_default(), tf.Session(config=settings) as session:
        start(session)
        if nudge:
            r = np.random.default_rng(nudge)
            for variable, value in zip(variables, session.run(variables)):
                up = np.where(r.integers(0, 2, value.shape), np.inf, -np.inf).astype(np.float32)
                variable.load(np.nextafter(value, up), session)
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coord)
        rows = [session.run({"fetches": fetches, "train": "train"})["fetches"] for _ in range(steps)]
        coord.request_stop()
        coord.join(threads, stop_grace_period_secs=60)
    return rows


def losses(rows):
    return np.array([row["total_loss:0"] for row in rows], np.float64)


def difference(a, b):
    """The largest relative difference so far, for each step."""
    return np.maximum.accumulate(np.abs(a - b) / np.abs(b))


def compare(title, mine, real, nudged=()):
    """All steps, or with nudged runs of TensorFlow those at which these stay together, must agree."""
    ours_off = difference(losses(mine), losses(real))
    covered, shown = len(real), ""
    if nudged:
        own = np.max([difference(losses(n), losses(real)) for n in nudged], axis=0)
        covered = int(np.sum(own <= TOGETHER))
        shown = "; TensorFlow against itself, nudged: " + figures(own)
        assert covered >= min(LEAST, len(real)), "%s: nudged runs part at step %d" % (title, covered)
    print("%s: %d of %d steps compared; loss %.4f, later %.4f; differs so far by %s%s" % (
        title, covered, len(real), losses(real)[0], losses(real)[-1], figures(ours_off), shown), flush=True)
    worst = ours_off[covered - 1]
    assert worst <= BOUND, "%s: losses differ by %g" % (title, worst)


def figures(off):
    return ", ".join("%.0e at %d" % (off[i], i) for i in (0, 5, 10, 15, 20, 30, 39, 70, 99) if i < len(off))


def pixel_prints():
    """A number that tells the bits of the images and their places."""
    images = tf.get_default_graph().get_tensor_by_name("batch:0")
    bits = tf.reshape(tf.bitcast(images, tf.int32), [-1])
    places = tf.range(tf.size(bits)) * 2 + 1
    return tf.reduce_sum(bits * places, name="prints").name


def in_order(steps):
    for title, chaotic, options in (
            ("TensorFlow's graph, learning rate 0.01", False, {"learning_rate": 0.01}),
            ("TensorFlow's graph, the first release's initial weights", False, {"conv_stddev": 1e-4}),
            ("TensorFlow's graph", True, {})):
        with tf.Graph().as_default() as g:
            tf.set_random_seed(SEED)
            saver = cifar10_tf.train_graph(in_order=True, **options)
            prints = pixel_prints()
            tf.train.export_meta_graph("in_order.meta", saver_def=saver.as_saver_def())
        count = min(steps, CHAOTIC_STEPS) if chaotic else steps
        initial = [v.op.name + "/read:0" for v in g.get_collection("trainable_variables")]
        fetches = {name: name for name in ("total_loss:0", prints)}
        values = {}

        def start(session):
            session.run("init")
            values.update(zip(initial, session.run(initial)))

        real = theirs(g, count, fetches, start)
        nudged = [theirs(g, count, fetches, start, nudge) for nudge in range(1, 1 + chaotic * NUDGES)]
        mine = ours("in_order.meta", count, "--init", "init", "--fetch", prints)
        assert [row[prints] for row in mine] == [row[prints] for row in real], "images differ"
        tensorloom("run", "in_order.meta", "--init", "init", *sum((["--fetch", n] for n in initial), []), "--out", "initial.npz")
        with np.load("initial.npz") as own:
            for name in initial:
                assert own[name].tobytes() == values[name].tobytes(), name + " starts otherwise"
        compare(title, mine, real, nudged)


def without_shuffling(meta):
    """Takes the shuffling out of the input of the example's graph: batches come in the order of the files."""
    for node in meta.graph_def.node:
        if node.op == "RandomShuffleQueueV2":
            node.op = "FIFOQueueV2"
            for key in ("min_after_dequeue", "seed", "seed2"):
                del node.attr[key]
        elif node.op == "RandomShuffle":
            node.op = "Identity"
            for key in ("seed", "seed2"):
                del node.attr[key]


def exported(steps):
    cargo("--example", "cifar10_train", "--", "--data-dir=cifar10_data", "--deterministic", "--seed=%d" % SEED, "--min-queue=128",
          "--export-graph=exported.meta")
    for rate, chaotic in ((0.01, False), (0.1, True)):
        count = min(steps, CHAOTIC_STEPS) if chaotic else steps
        meta = tf.MetaGraphDef()
        with open("exported.meta", "rb") as f:
            meta.ParseFromString(f.read())
        without_shuffling(meta)
        (value,) = (n.attr["value"] for n in meta.graph_def.node if n.name == "ExponentialDecay/initial_learning_rate")
        value.tensor.CopyFrom(tf.make_tensor_proto(np.float32(rate)))
        with open("ours.meta", "wb") as f:
            f.write(meta.SerializeToString())
        tensorloom("run", "ours.meta", "--target", "init", "--save", "start.ckpt")
        with tf.Graph().as_default() as g:
            saver = tf.train.import_meta_graph("ours.meta")
        start = lambda session: saver.restore(session, "start.ckpt")
        fetches = {"total_loss:0": "total_loss:0"}
        real = theirs(g, count, fetches, start)
        nudged = [theirs(g, count, fetches, start, nudge) for nudge in range(1, 1 + chaotic * NUDGES)]
        mine = ours("ours.meta", count, "--restore", "start.ckpt")
        compare("our exported graph, learning rate %s" % rate, mine, real, nudged)


def as_written(steps):
    with tf.Graph().as_default() as g:
        tf.set_random_seed(SEED)
        saver = cifar10_tf.train_graph()
        tf.train.export_meta_graph("train.meta", saver_def=saver.as_saver_def())
    rows = losses(ours("train.meta", steps, "--init", "init", "--save", "out/model.ckpt"))
    assert np.isfinite(rows).all() and rows[-5:].mean() < rows[:5].mean() - 0.05, rows
    r = np.random.default_rng(1)
    feed = {"shuffle_batch:0": r.normal(size=(128, 24, 24, 3)).astype(np.float32), "shuffle_batch:1": r.integers(0, 10, (128, 1), np.int32)}
    np.savez("feed.npz", **feed)
    with tf.Graph().as_default() as g, tf.Session(config=config()) as session:
        tf.train.import_meta_graph("out/model.ckpt.meta").restore(session, "out/model.ckpt")
        real, step = session.run(["total_loss:0", "global_step:0"], feed)
    line = tensorloom("run", "train.meta", "--restore", "out/model.ckpt", "--feeds", "feed.npz", "--fetch", "total_loss:0", "--json")
    mine = json.loads(line)["fetches"]["total_loss:0"]["values"][0]
    assert step == steps and abs(mine - real) <= 1e-6 * real, (step, mine, real)
    print("TensorFlow's graph as written: loss %.3f, after %d steps %.3f; of the restored checkpoint %.6f and %.6f" % (
        rows[0], steps, rows[-1], mine, real), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=100)
    p.add_argument("--only", choices=("in_order", "exported", "as_written"))
    args = p.parse_args()
    parts = {"in_order": lambda: in_order(args.steps), "exported": lambda: exported(args.steps), "as_written": lambda: as_written(30)}
    folder = tempfile.mkdtemp()
    try:
        os.chdir(folder)
        with tarfile.open(os.path.join(ROOT, "examples", "cifar10", "digits-binary.tar.gz")) as digits:
            digits.extractall("cifar10_data", filter="data")
        for name, part in parts.items():
            if args.only in (None, name):
                part()
    finally:
        os.chdir(HERE)
        shutil.rmtree(folder)
    print("cifar10 losses: all checks passed")


if __name__ == "__main__":
    sys.exit(main())
