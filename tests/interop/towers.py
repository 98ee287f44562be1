"""Writes tests/data/towers/: what two towers on two devices train to in TensorFlow.

A small network with the ops of the CIFAR-10 example; variables on /cpu:0, gradients averaged by expand_dims, concat and
reduce_mean. {cpu,gpu}.meta.gz are the MetaGraphDefs with the towers on /cpu:0 and /cpu:1, on /gpu:0 and /gpu:1;
losses.npz holds under the same names the losses of both towers at each step, [steps, 2]. Where TensorFlow has no GPU,
soft placement puts the towers on the CPU.

    towers.py [--out DIR] [--check]        (--check: other initial values and images, trained here at once)
"""
import argparse
import gzip
import os
import subprocess
import sys
import tempfile

import numpy as np

import cifar10_tf
from cases.harness import config
from cifar10_tf import tf

HERE = os.path.dirname(os.path.abspath(__file__))
TOWERS, BATCH, SIDE, STEPS = 2, 4, 8, 50


def inference(images):
    def conv(x, name, shape, bias):
        with tf.variable_scope(name) as scope:
            kernel = cifar10_tf.variable_with_weight_decay("weights", shape, 0.1, 0.0)
            biases = cifar10_tf.variable_on_cpu("biases", [shape[-1]], tf.constant_initializer(bias))
            y = tf.nn.bias_add(tf.nn.conv2d(x, kernel, [1, 1, 1, 1], padding="SAME"), biases)
            y = tf.nn.relu(y, name=scope.name)
            cifar10_tf.activation_summary(y)
            return y

    def dense(x, name, shape, wd, activation):
        with tf.variable_scope(name) as scope:
            weights = cifar10_tf.variable_with_weight_decay("weights", shape, 0.1, wd)
            biases = cifar10_tf.variable_on_cpu("biases", [shape[1]], tf.constant_initializer(0.1))
            return activation(tf.matmul(x, weights) + biases, name=scope.name)
    pool = lambda x, name: tf.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], padding="SAME", name=name)
    norm = lambda x, name: tf.nn.lrn(x, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name=name)
    x = norm(pool(conv(images, "conv1", [5, 5, 3, 8], 0.0), "pool1"), "norm1")
    x = pool(norm(conv(x, "conv2", [5, 5, 8, 8], 0.1), "norm2"), "pool2")
    x = dense(tf.reshape(x, [BATCH, -1]), "local3", [SIDE * SIDE // 16 * 8, 24], 0.004, tf.nn.relu)
    return dense(x, "softmax_linear", [24, cifar10_tf.CLASSES], 0.0, tf.identity)


def build(kind, seed):
    """The graph, whose losses are tower_0/total_loss and tower_1/total_loss; gives its saver."""
    tf.set_random_seed(seed)
    r = np.random.default_rng(seed)
    pixels = r.integers(0, 256, [TOWERS * BATCH, SIDE, SIDE, 3]).astype(np.uint8)
    classes = r.integers(0, cifar10_tf.CLASSES, [TOWERS * BATCH])
    with tf.device("/cpu:0"):
        global_step = tf.train.get_or_create_global_step()
        rate = tf.train.exponential_decay(0.1, global_step, 30, 0.5, staircase=True)
        optimizer = tf.train.GradientDescentOptimizer(rate)
        images = tf.map_fn(tf.image.per_image_standardization, tf.cast(tf.constant(pixels), tf.float32))
        images, labels = tf.split(images, TOWERS), tf.split(tf.constant(classes, tf.int32), TOWERS)
        gradients = []
        for i in range(TOWERS):
            with tf.device("/%s:%d" % (kind, i)), tf.name_scope("tower_%d" % i) as scope:
                with tf.variable_scope(tf.get_variable_scope(), reuse=i > 0):
                    cifar10_tf.loss(inference(images[i]), labels[i])
                # The tutorial's second sum, of this tower's losses only, is the one to train by.
                losses = [l for l in tf.get_collection("losses", scope) if "total_loss" not in l.op.name]
                gradients.append(optimizer.compute_gradients(tf.add_n(losses, name="own_loss")))
        applied = optimizer.apply_gradients(cifar10_tf.average_gradients(gradients), global_step=global_step)
        averages = tf.train.ExponentialMovingAverage(cifar10_tf.MOVING_AVERAGE_DECAY, global_step)
        with tf.control_dependencies([applied]):
            averaged = averages.apply(tf.trainable_variables())
        tf.group(applied, averaged, name="train")
    return cifar10_tf.finish()


def train():
    """The losses of both towers at each step."""
    settings = config()
    settings.device_count["CPU"] = TOWERS
    settings.allow_soft_placement = True
    settings.operation_timeout_in_ms = 120_000
    fetches = ["tower_%d/own_loss:0" % i for i in range(TOWERS)]
    with tf.Session(config=settings) as session:
        session.run("init")
        return np.array([session.run([fetches, "train"])[0] for _ in range(STEPS)], np.float32)


def record(out, seed):
    losses = {}
    for kind in ("cpu", "gpu"):
        with tf.Graph().as_default():
            saver = build(kind, seed)
            meta = tf.train.export_meta_graph(saver_def=saver.as_saver_def())
            meta.meta_info_def.ClearField("stripped_op_list")
            losses[kind] = train()
        assert losses[kind][-1].mean() < 0.7 * losses[kind][0].mean(), losses[kind]
        packed = gzip.compress(meta.SerializeToString(deterministic=True), mtime=0)
        with open(os.path.join(out, kind + ".meta.gz"), "wb") as f:
            f.write(packed)
        print("%s: %d nodes, %d bytes, loss %.4f, later %.4f" % (
            kind, len(meta.graph_def.node), len(packed), losses[kind][0].mean(), losses[kind][-1].mean()), flush=True)
    np.savez(os.path.join(out, "losses.npz"), **losses)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=os.path.join(HERE, "..", "data", "towers"))
    p.add_argument("--check", action="store_true")
    args = p.parse_args()
    if not args.check:
        os.makedirs(args.out, exist_ok=True)
        record(args.out, 1)
        return 0
    with tempfile.TemporaryDirectory() as out:
        record(out, 2)
        env = dict(os.environ, TENSORLOOM_TOWERS=out)
        command = ["cargo", "test", "--quiet", "--test", "main", "cifar10::devices"]
        return subprocess.run(command, cwd=os.path.join(HERE, "..", ".."), env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
