"""Trains the CIFAR-10 example for some steps and checks with the real TensorFlow what it wrote.

Usage, in the repository: PYTHON_WITH_TENSORFLOW tests/interop/cifar10_check.py

The checkpoint (every key, type, shape and value), the event file (graph, scalars, histograms, images), the `.meta` file
(TensorFlow imports it, restores the checkpoint by its saver, and goes on training), and the scores of 128 test images,
which TensorFlow's layers must give alike.
"""
import glob
import gzip
import os
import shutil
import subprocess
import sys
import tempfile

os.environ.update(TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util

v1 = tf.compat.v1
v1.logging.set_verbosity(v1.logging.ERROR)
HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, SUMMARY_STEPS, BATCH, MORE = 102, 100, 128, 25
AVERAGE = "/ExponentialMovingAverage"
DATA = "data/digits/cifar-10-batches-bin"


def run_ours(folder):
    """Trains, then has our own reader and network describe what came out."""
    train = ["--max-steps=%d" % STEPS, "--train-dir=" + folder + "/train", "--data-dir=" + folder + "/data"]
    command = ["cargo", "run", "--quiet", "--release", "--example", "cifar10_train", "--"] + train
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    command = ["cargo", "test", "--quiet", "--test", "main", "cifar10::exchange::checkpoint", "--", "--exact"]
    subprocess.run(command, env=dict(os.environ, TENSORLOOM_CIFAR10=folder), check=True, stdout=subprocess.DEVNULL)


def theirs():
    """The training graph that TensorFlow builds for the same network."""
    with gzip.open(os.path.join(HERE, "..", "data", "cifar10", "train.pb.gz")) as f:
        return v1.GraphDef.FromString(f.read())


def close(what, a, b, tolerance):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, "%s: shapes %s and %s" % (what, a.shape, b.shape)
    assert np.isfinite(a).all() and np.isfinite(b).all(), what
    worst = float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0.0))
    assert worst <= tolerance, "%s: differ by %g (at most %g)" % (what, worst, tolerance)
    return worst


def check_checkpoint(folder):
    """Every variable that TensorFlow's graph has is there, with its type and shape, and reads as we read it."""
    prefix = tf.train.latest_checkpoint(folder + "/train")
    assert prefix == folder + "/train/model.ckpt-%d" % STEPS, prefix
    reader = tf.train.load_checkpoint(prefix)
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    variables = {n.name: n.attr for n in theirs().node if n.op == "VariableV2"}
    assert sorted(shapes) == sorted(variables), set(shapes) ^ set(variables)
    ours = dict(np.load(folder + "/values.npz"))
    assert sorted(ours) == sorted(shapes)
    values = {}
    for name, attr in variables.items():
        shape = [d.size for d in attr["shape"].shape.dim]
        value = values[name] = reader.get_tensor(name)
        assert (types[name].as_datatype_enum, shapes[name]) == (attr["dtype"].type, shape), name
        same = ours[name].dtype == value.dtype and ours[name].shape == value.shape
        assert same and ours[name].tobytes() == value.tobytes(), name
        assert np.isfinite(value).all(), name
    assert values["global_step"] == STEPS
    for name in (n for n in values if n.endswith(AVERAGE)):
        assert not np.array_equal(values[name], values[name[: -len(AVERAGE)]]), name + " does not move"
    for name in (n for n in values if n.endswith("/avg")):
        assert values[name] > 0 or name.split("/")[0] in ("conv1", "conv2", "softmax_linear"), name
    print("checkpoint: %d tensors" % len(values))
    return prefix, values


def summary_tags():
    """Tag and kind of each summary of TensorFlow's graph."""
    graph = theirs()
    nodes = {n.name: n for n in graph.node}
    kinds = {"ScalarSummary": "simple_value", "HistogramSummary": "histo"}
    out = {}
    for n in graph.node:
        if n.op in kinds:
            tag = tensor_util.MakeNdarray(nodes[n.input[0]].attr["value"].tensor).item().decode()
            out[tag] = kinds[n.op]
        elif n.op == "ImageSummary":
            tag = tensor_util.MakeNdarray(nodes[n.input[0]].attr["value"].tensor).item().decode()
            out.update({"%s/image/%d" % (tag, i): "image" for i in range(n.attr["max_images"].i)})
    return out


def check_summary(step, summary, sizes):
    values = {v.tag: v for v in summary.value}
    assert {t: v.WhichOneof("value") for t, v in values.items()} == summary_tags(), step
    assert len(values) == len(summary.value)
    scalars = {t: v.simple_value for t, v in values.items() if v.HasField("simple_value")}
    assert np.isfinite(list(scalars.values())).all()
    assert all(0 <= x <= 1 for t, x in scalars.items() if t.endswith("sparsity"))
    assert np.float32(scalars["learning_rate"]) == np.float32(0.1)
    raw = [x for t, x in scalars.items() if t.endswith("__raw_") and not t.startswith("total")]
    assert len(raw) == 6
    close("losses", sum(raw), scalars["total_loss__raw_"], 1e-4)
    for tag, v in values.items():
        if v.HasField("histo"):
            h = v.histo
            assert len(h.bucket) == len(h.bucket_limit) and list(h.bucket_limit) == sorted(set(h.bucket_limit)), tag
            assert sum(h.bucket) == h.num and h.min <= h.max and h.sum_squares >= 0, tag
            name = tag[:-2] if tag.endswith("_1") else tag.removesuffix("/gradients")
            assert h.num == sizes.get(name, h.num) > 0, tag
            assert h.min * h.num <= h.sum + 1e-6 and h.sum <= h.max * h.num + 1e-6, tag
        elif v.HasField("image"):
            pixels = tf.io.decode_png(v.image.encoded_image_string).numpy()
            assert pixels.shape == (v.image.height, v.image.width, v.image.colorspace) == (24, 24, 3), tag
            assert pixels.max() > pixels.min(), tag
    return scalars["total_loss__raw_"]


def check_events(folder, values):
    (name,) = glob.glob(folder + "/train/events.out.tfevents.*")
    events = list(v1.train.summary_iterator(name))
    kinds = [e.WhichOneof("what") for e in events]
    assert events[0].file_version == "brain.Event:2" and kinds.count("file_version") == 1
    assert kinds.count("graph_def") == 1 and all(e.wall_time > 1e9 for e in events)
    graph = v1.GraphDef.FromString(next(e.graph_def for e in events if e.HasField("graph_def")))
    with tf.Graph().as_default() as g:
        v1.import_graph_def(graph, name="")
        assert len(g.get_operations()) == len(graph.node) > 900
    if "meta_graph_def" in kinds:
        meta = next(e.meta_graph_def for e in events if e.HasField("meta_graph_def"))
        assert "trainable_variables" in v1.MetaGraphDef.FromString(meta).collection_def
    sizes = {n: v.size for n, v in values.items()}
    summaries = {e.step: e.summary for e in events if e.HasField("summary")}
    assert sorted(summaries) == list(range(0, STEPS, SUMMARY_STEPS)), sorted(summaries)
    losses = {step: check_summary(step, s, sizes) for step, s in summaries.items()}
    print("events: %d, with a graph of %d nodes; losses %s" % (len(events), len(graph.node), losses))


def layers(images, value):
    """The network of TensorFlow's own layers."""
    def conv(x, name):
        x = tf.nn.conv2d(x, value(name + "/weights"), 1, "SAME")
        return tf.nn.relu(tf.nn.bias_add(x, value(name + "/biases")))

    def norm(x):
        return tf.nn.lrn(x, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)

    x = norm(tf.nn.max_pool(conv(images, "conv1"), 3, 2, "SAME"))
    x = tf.nn.max_pool(norm(conv(x, "conv2")), 3, 2, "SAME")
    x = tf.reshape(x, [x.shape[0], -1])
    for name in ("local3", "local4"):
        x = tf.nn.relu(tf.matmul(x, value(name + "/weights")) + value(name + "/biases"))
    return tf.matmul(x, value("softmax_linear/weights")) + value("softmax_linear/biases")


def check_scores(folder, values):
    """The first test images as TensorFlow prepares them, and their scores by TensorFlow's layers."""
    records = np.fromfile(folder + "/" + DATA + "/test_batch.bin", np.uint8).reshape(-1, 3073)[:BATCH]
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype(np.float32)
    images = tf.image.per_image_standardization(tf.image.resize_with_crop_or_pad(pixels, 24, 24))
    ours = np.load(folder + "/scores.npz")
    assert np.array_equal(ours["labels"], records[:, 0])
    worst = [close("images", ours["images"], images, 1e-5)]
    for key, suffix in (("logits", ""), ("average_logits", AVERAGE)):
        logits = layers(images, lambda name: values[name + suffix])
        worst.append(close(key, ours[key], logits, 1e-4))
    assert not np.array_equal(ours["logits"], ours["average_logits"])
    right = float(np.mean(np.argmax(ours["logits"], 1) == ours["labels"]))
    print("scores: images within %.1e, logits within %.1e and %.1e (averages); %.3f right" % (*worst, right))


def check_meta_graph(folder, prefix, values):
    """Our graph in TensorFlow: its saver restores, its layers give the same scores, and it trains."""
    scores = np.load(folder + "/scores.npz")
    with tf.Graph().as_default() as g, v1.Session() as session:
        saver = v1.train.import_meta_graph(prefix + ".meta")
        saver.restore(session, prefix)
        variables = v1.global_variables()
        assert sorted(v.op.name for v in variables) == sorted(values)
        for variable, value in zip(variables, session.run(variables)):
            assert np.array_equal(value, values[variable.op.name]), variable.op.name
        assert len(v1.trainable_variables()) == 10
        runners = v1.get_collection(v1.GraphKeys.QUEUE_RUNNERS)
        assert len(runners) == 2, [r.name for r in runners]
        feed = {"shuffle_batch:0": scores["images"], "shuffle_batch:1": scores["labels"].reshape(-1, 1)}
        logits = session.run("softmax_linear/softmax_linear:0", feed)
        worst = close("logits of the meta graph", logits, scores["logits"], 1e-4)
        before = session.run("total_loss:0", feed)
        for _ in range(MORE):
            session.run("train", feed)
        after, step = session.run(["total_loss:0", "global_step:0"], feed)
        assert step == STEPS + MORE and after < before, (step, before, after)
        again = saver.save(session, folder + "/again/model.ckpt", global_step=step)
        assert sorted(tf.train.load_checkpoint(again).get_variable_to_shape_map()) == sorted(values)
        nodes = len(g.get_operations())
    print("meta graph: %d nodes, logits within %.1e; loss %.3f, after %d more steps %.3f" % (nodes, worst, before, MORE, after))


def main():
    folder = tempfile.mkdtemp()
    try:
        run_ours(folder)
        prefix, values = check_checkpoint(folder)
        check_events(folder, values)
        check_scores(folder, values)
        check_meta_graph(folder, prefix, values)
    finally:
        shutil.rmtree(folder)
    print("cifar10: all checks passed")


if __name__ == "__main__":
    sys.exit(main())
