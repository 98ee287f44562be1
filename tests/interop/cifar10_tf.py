"""The CIFAR-10 network of TensorFlow's tutorial, in TF1 graph mode, and the graphs that TensorFlow makes of it.

Writes tests/data/cifar10/{train,eval,multi_gpu}.pb.gz (the complete GraphDefs: input pipeline, model, loss, gradients,
averages, summaries, saver, initializers), {train,eval,multi_gpu}.meta.pb.gz (the MetaGraphDefs without the graph, for the
collections) and the recorded session steps.{pb,runs.pb}.gz (see replays.py): three training steps of a batch of 8.

    cifar10_tf.py [--out DIR]
"""
import argparse
import gzip
import os
import re

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow.compat.v1 as tf

import replays

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = "cifar10_data/cifar-10-batches-bin"
IMAGE_SIZE, CLASSES, TRAIN_EXAMPLES, EVAL_EXAMPLES = 24, 10, 50000, 10000
MOVING_AVERAGE_DECAY, EPOCHS_PER_DECAY, DECAY_FACTOR, LEARNING_RATE, CONV_STDDEV = 0.9999, 350.0, 0.1, 0.1, 5e-2
TOWER = "tower"


# ------------------------------------------------------------------ input
def read_cifar10(filename_queue):
    reader = tf.FixedLengthRecordReader(record_bytes=1 + 32 * 32 * 3)
    _, value = reader.read(filename_queue)
    record = tf.decode_raw(value, tf.uint8)
    label = tf.cast(tf.strided_slice(record, [0], [1]), tf.int32)
    depth_major = tf.reshape(tf.strided_slice(record, [1], [1 + 32 * 32 * 3]), [3, 32, 32])
    return tf.transpose(depth_major, [1, 2, 0]), label


def generate_batch(image, label, min_queue_examples, batch_size, shuffle, threads=16):
    capacity = min_queue_examples + 3 * batch_size
    if shuffle:
        images, labels = tf.train.shuffle_batch([image, label], batch_size=batch_size, num_threads=threads, capacity=capacity,
                                                min_after_dequeue=min_queue_examples)
    else:
        images, labels = tf.train.batch([image, label], batch_size=batch_size, num_threads=threads, capacity=capacity)
    tf.summary.image("images", images)
    return images, tf.reshape(labels, [batch_size])


def distorted_inputs(batch_size, in_order=False):
    """in_order: one thread reads the files in their order, and nothing is shuffled."""
    filenames = [f"{DATA}/data_batch_{i}.bin" for i in range(1, 6)]
    filename_queue = tf.train.string_input_producer(filenames, shuffle=not in_order)
    with tf.name_scope("data_augmentation"):
        image, label = read_cifar10(filename_queue)
        image = tf.cast(image, tf.float32)
        image = tf.random_crop(image, [IMAGE_SIZE, IMAGE_SIZE, 3])
        image = tf.image.random_flip_left_right(image)
        image = tf.image.random_brightness(image, max_delta=63)
        image = tf.image.random_contrast(image, lower=0.2, upper=1.8)
        image = tf.image.per_image_standardization(image)
        image.set_shape([IMAGE_SIZE, IMAGE_SIZE, 3])
        label.set_shape([1])
    if in_order:
        return generate_batch(image, label, batch_size, batch_size, False, threads=1)
    return generate_batch(image, label, int(TRAIN_EXAMPLES * 0.4), batch_size, True)


def inputs(batch_size):
    with tf.name_scope("input"):
        filename_queue = tf.train.string_input_producer([f"{DATA}/test_batch.bin"])
        image, label = read_cifar10(filename_queue)
        image = tf.cast(image, tf.float32)
        image = tf.image.resize_image_with_crop_or_pad(image, IMAGE_SIZE, IMAGE_SIZE)
        image = tf.image.per_image_standardization(image)
        image.set_shape([IMAGE_SIZE, IMAGE_SIZE, 3])
        label.set_shape([1])
    return generate_batch(image, label, int(EVAL_EXAMPLES * 0.4), batch_size, False)


# ------------------------------------------------------------------ model
def variable_on_cpu(name, shape, initializer):
    with tf.device("/cpu:0"):
        return tf.get_variable(name, shape, initializer=initializer, dtype=tf.float32)


def variable_with_weight_decay(name, shape, stddev, wd):
    var = variable_on_cpu(name, shape, tf.truncated_normal_initializer(stddev=stddev, dtype=tf.float32))
    tf.add_to_collection("losses", tf.multiply(tf.nn.l2_loss(var), wd, name="weight_loss"))
    return var


def activation_summary(x):
    name = re.sub(f"{TOWER}_[0-9]*/", "", x.op.name)
    tf.summary.histogram(name + "/activations", x)
    tf.summary.scalar(name + "/sparsity", tf.nn.zero_fraction(x))


def inference(images, conv_stddev=CONV_STDDEV):
    def conv(x, name, shape, bias):
        with tf.variable_scope(name) as scope:
            kernel = variable_with_weight_decay("weights", shape, conv_stddev, 0.0)
            y = tf.nn.conv2d(x, kernel, [1, 1, 1, 1], padding="SAME")
            biases = variable_on_cpu("biases", [64], tf.constant_initializer(bias))
            y = tf.nn.relu(tf.nn.bias_add(y, biases), name=scope.name)
            activation_summary(y)
            return y

    def local(x, name, shape, wd):
        with tf.variable_scope(name) as scope:
            weights = variable_with_weight_decay("weights", shape, 0.04, wd)
            biases = variable_on_cpu("biases", [shape[1]], tf.constant_initializer(0.1))
            y = tf.nn.relu(tf.matmul(x, weights) + biases, name=scope.name)
            activation_summary(y)
            return y
    conv1 = conv(images, "conv1", [5, 5, 3, 64], 0.0)
    pool1 = tf.nn.max_pool(conv1, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME", name="pool1")
    norm1 = tf.nn.lrn(pool1, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name="norm1")
    conv2 = conv(norm1, "conv2", [5, 5, 64, 64], 0.1)
    norm2 = tf.nn.lrn(conv2, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name="norm2")
    pool2 = tf.nn.max_pool(norm2, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME", name="pool2")
    with tf.variable_scope("local3") as scope:
        reshape = tf.reshape(pool2, [images.get_shape().as_list()[0], -1])
        dim = int(reshape.get_shape()[1])
        weights = variable_with_weight_decay("weights", [dim, 384], 0.04, 0.004)
        biases = variable_on_cpu("biases", [384], tf.constant_initializer(0.1))
        local3 = tf.nn.relu(tf.matmul(reshape, weights) + biases, name=scope.name)
        activation_summary(local3)
    local4 = local(local3, "local4", [384, 192], 0.004)
    with tf.variable_scope("softmax_linear") as scope:
        weights = variable_with_weight_decay("weights", [192, CLASSES], 1 / 192.0, 0.0)
        biases = variable_on_cpu("biases", [CLASSES], tf.constant_initializer(0.0))
        softmax_linear = tf.add(tf.matmul(local4, weights), biases, name=scope.name)
        activation_summary(softmax_linear)
    return softmax_linear


def loss(logits, labels):
    labels = tf.cast(labels, tf.int64)
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits, name="cross_entropy_per_example")
    tf.add_to_collection("losses", tf.reduce_mean(cross_entropy, name="cross_entropy"))
    return tf.add_n(tf.get_collection("losses"), name="total_loss")


def add_loss_summaries(total_loss):
    averages = tf.train.ExponentialMovingAverage(0.9, name="avg")
    losses = tf.get_collection("losses")
    averages_op = averages.apply(losses + [total_loss])
    for l in losses + [total_loss]:
        tf.summary.scalar(l.op.name + " (raw)", l)
        tf.summary.scalar(l.op.name, averages.average(l))
    return averages_op


def train(total_loss, global_step, batch_size, learning_rate=LEARNING_RATE):
    decay_steps = int(TRAIN_EXAMPLES / batch_size * EPOCHS_PER_DECAY)
    lr = tf.train.exponential_decay(learning_rate, global_step, decay_steps, DECAY_FACTOR, staircase=True)
    tf.summary.scalar("learning_rate", lr)
    loss_averages_op = add_loss_summaries(total_loss)
    with tf.control_dependencies([loss_averages_op]):
        opt = tf.train.GradientDescentOptimizer(lr)
        grads = opt.compute_gradients(total_loss)
    apply_gradient_op = opt.apply_gradients(grads, global_step=global_step)
    for var in tf.trainable_variables():
        tf.summary.histogram(var.op.name, var)
    for grad, var in grads:
        if grad is not None:
            tf.summary.histogram(var.op.name + "/gradients", grad)
    variable_averages = tf.train.ExponentialMovingAverage(MOVING_AVERAGE_DECAY, global_step)
    variables_averages_op = variable_averages.apply(tf.trainable_variables())
    with tf.control_dependencies([apply_gradient_op, variables_averages_op]):
        return tf.no_op(name="train")


# ------------------------------------------------------------------ graphs
def finish():
    """What every program adds last."""
    saver = tf.train.Saver(tf.global_variables())
    tf.summary.merge_all()
    tf.global_variables_initializer()
    return saver


def train_graph(in_order=False, learning_rate=LEARNING_RATE, conv_stddev=CONV_STDDEV):
    global_step = tf.train.get_or_create_global_step()
    with tf.device("/cpu:0"):
        images, labels = distorted_inputs(128, in_order)
    train(loss(inference(images, conv_stddev), labels), global_step, 128, learning_rate)
    return finish()


def eval_graph():
    images, labels = inputs(128)
    tf.nn.in_top_k(inference(images), labels, 1)
    averages = tf.train.ExponentialMovingAverage(MOVING_AVERAGE_DECAY)
    saver = tf.train.Saver(averages.variables_to_restore())
    tf.summary.merge_all()
    return saver


def prefetch_queue(tensors, capacity):
    with tf.name_scope("prefetch_queue"):
        queue = tf.FIFOQueue(capacity=capacity, dtypes=[t.dtype for t in tensors], shapes=[t.get_shape() for t in tensors])
        tf.train.add_queue_runner(tf.train.QueueRunner(queue, [queue.enqueue(tensors)]))
        tf.summary.scalar("fraction_of_%d_full" % capacity, tf.to_float(queue.size()) * (1.0 / capacity))
        return queue


def average_gradients(tower_grads):
    average = []
    for pairs in zip(*tower_grads):
        grad = tf.concat(axis=0, values=[tf.expand_dims(g, 0) for g, _ in pairs])
        average.append((tf.reduce_mean(grad, 0), pairs[0][1]))
    return average


def multi_gpu_graph(towers=2, batch_size=128):
    with tf.device("/cpu:0"):
        global_step = tf.get_variable("global_step", [], initializer=tf.constant_initializer(0), trainable=False)
        decay_steps = int(TRAIN_EXAMPLES / batch_size / towers * EPOCHS_PER_DECAY)
        lr = tf.train.exponential_decay(LEARNING_RATE, global_step, decay_steps, DECAY_FACTOR, staircase=True)
        opt = tf.train.GradientDescentOptimizer(lr)
        images, labels = distorted_inputs(batch_size)
        batch_queue = prefetch_queue([images, labels], 2 * towers)
        tower_grads = []
        with tf.variable_scope(tf.get_variable_scope()):
            for i in range(towers):
                with tf.device("/gpu:%d" % i), tf.name_scope("%s_%d" % (TOWER, i)) as scope:
                    image_batch, label_batch = batch_queue.dequeue()
                    loss(inference(image_batch), label_batch)
                    losses = tf.get_collection("losses", scope)
                    total_loss = tf.add_n(losses, name="total_loss")
                    for l in losses + [total_loss]:
                        tf.summary.scalar(re.sub(f"{TOWER}_[0-9]*/", "", l.op.name), l)
                    tf.get_variable_scope().reuse_variables()
                    summaries = tf.get_collection(tf.GraphKeys.SUMMARIES, scope)
                    tower_grads.append(opt.compute_gradients(total_loss))
        grads = average_gradients(tower_grads)
        summaries.append(tf.summary.scalar("learning_rate", lr))
        for grad, var in grads:
            if grad is not None:
                summaries.append(tf.summary.histogram(var.op.name + "/gradients", grad))
        apply_gradient_op = opt.apply_gradients(grads, global_step=global_step)
        for var in tf.trainable_variables():
            summaries.append(tf.summary.histogram(var.op.name, var))
        averages = tf.train.ExponentialMovingAverage(MOVING_AVERAGE_DECAY, global_step)
        tf.group(apply_gradient_op, averages.apply(tf.trainable_variables()))
        saver = tf.train.Saver(tf.global_variables())
        tf.summary.merge(summaries)
        tf.global_variables_initializer()
        return saver


def steps(out):
    """A training graph on seeded random images, and what three steps of it give."""
    with tf.Graph().as_default() as g:
        tf.set_random_seed(1)
        global_step = tf.train.get_or_create_global_step()
        images = tf.random_uniform([8, IMAGE_SIZE, IMAGE_SIZE, 3], -1.5, 1.5, seed=5)
        labels = tf.random_uniform([8], 0, CLASSES, tf.int32, seed=6)
        logits = inference(images)
        total_loss = loss(logits, labels)
        op = train(total_loss, global_step, 8)
        init = tf.global_variables_initializer()
        # The averages of the variables read them while they are updated: no order is fixed between the two.
        fixed = [v for v in tf.global_variables() if v.dtype.base_dtype == tf.float32 and not v.op.name.endswith("/ExponentialMovingAverage")]
        norms = [tf.nn.l2_loss(tf.identity(v), name=f"norm/{v.op.name}") for v in fixed]
        corners = [tf.slice(tf.reshape(v, [-1]), [0], [min(5, int(v.shape.num_elements()))], name=f"corner/{v.op.name}")
                   for v in tf.trainable_variables()]
        state = norms + corners + [tf.identity(global_step, name="step")]
    runs = [({}, [], [init]), ({}, state, [])]
    for _ in range(3):
        runs += [({}, [total_loss, logits, labels], [op]), ({}, state, [])]
    replays.record(out, "steps", g, runs)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=os.path.join(HERE, "..", "data", "cifar10"))
    out = p.parse_args().out
    os.makedirs(out, exist_ok=True)
    for name, build in (("train", train_graph), ("eval", eval_graph), ("multi_gpu", multi_gpu_graph)):
        with tf.Graph().as_default() as g:
            saver = build()
            graph = g.as_graph_def(add_shapes=True)
            meta = tf.train.export_meta_graph(saver_def=saver.as_saver_def(), clear_devices=False)
        meta.ClearField("graph_def")
        meta.meta_info_def.ClearField("stripped_op_list")
        for suffix, message in (("pb", graph), ("meta.pb", meta)):
            packed = gzip.compress(message.SerializeToString(deterministic=True), mtime=0)
            with open(os.path.join(out, f"{name}.{suffix}.gz"), "wb") as f:
                f.write(packed)
            print(f"{name}.{suffix}: {len(graph.node)} nodes, {message.ByteSize()} bytes, {len(packed)} packed")
    steps(out)


if __name__ == "__main__":
    main()
