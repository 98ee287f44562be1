"""Exchanges checkpoints, event files, records and arrays with the real TensorFlow, in both directions.

Usage, in the repository: PYTHON_WITH_TENSORFLOW tests/interop/formats.py
"""
import os
import shutil
import subprocess
import sys
import tempfile

os.environ.update(TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import numpy as np
import tensorflow as tf

RECORDS = [("record %d" % i * (i % 5)).encode() for i in range(1000)]
COMPRESSIONS = {"rec": "", "rec.z": "ZLIB", "rec.gz": "GZIP"}


def ours(test, variable, folder):
    """Runs one of our tests with a folder to write or read."""
    command = ["cargo", "test", "--quiet", "--test", "main", "io::exchange::" + test, "--", "--exact"]
    subprocess.run(command, env=dict(os.environ, **{variable: folder}), check=True)


def same_bytes(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        left, right = f.read(), g.read()
    assert left == right, "%s and %s differ (%d and %d bytes)" % (a, b, len(left), len(right))


def same_array(name, a, b):
    a, b = np.asarray(a), np.asarray(b)
    if b.dtype.kind == "S":
        a = a.astype(b.dtype)
    assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), name


def save(prefix, tensors, slices=None):
    names = list(tensors)
    slices = slices or [""] * len(names)
    values = [tf.constant(v) for v in tensors.values()]
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=slices, tensors=values)


def save_sharded(folder):
    v = np.arange(20, dtype=np.float32).reshape(5, 4)
    prefixes = [folder + "/sharded_temp/part-%05d-of-00002" % i for i in range(2)]
    for i, prefix in enumerate(prefixes):
        names, specs, values = ["x%d" % i], [""], [tf.constant(i, tf.int64)]
        for start, length in [(0, 2), (2, 1), (3, 2)]:
            if (start > 1) == (i == 1):
                names.append("v")
                specs.append("5 4 %d,%d:0,4" % (start, length))
                values.append(tf.constant(v[start : start + length]))
        tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=specs, tensors=values)
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=folder + "/sharded")


def check_ours(folder):
    """TensorFlow and NumPy read what we wrote, and write the same bytes."""
    again = folder + "/tensorflow"
    os.mkdir(again)
    arrays = dict(np.load(folder + "/all.npz"))
    packed = dict(np.load(folder + "/packed.npz"))
    reader = tf.train.load_checkpoint(folder + "/all")
    assert sorted(reader.get_variable_to_shape_map()) == sorted(arrays) == sorted(packed)
    assert len(arrays) > 50
    for name, value in arrays.items():
        same_array(name, reader.get_tensor(name), value)
        same_array(name, packed[name], value)
    save(again + "/all", {n: reader.get_tensor(n) for n in sorted(arrays)})
    save_sharded(again)
    for name in sorted(os.listdir(folder)):
        if name.split(".")[0] in ("all", "sharded") and not name.endswith(".npz"):
            same_bytes(folder + "/" + name, again + "/" + name)
    v = tf.train.load_checkpoint(folder + "/sharded").get_tensor("v")
    same_array("v", v, np.arange(20, dtype=np.float32).reshape(5, 4))
    state = tf.train.get_checkpoint_state(folder)
    assert tf.train.latest_checkpoint(folder) == folder + "/sharded"
    assert list(state.all_model_checkpoint_paths) == [folder + "/all", folder + "/sharded"]
    tf.compat.v1.train.update_checkpoint_state(
        again, folder + "/sharded", [folder + "/all"]
    )
    same_bytes(folder + "/checkpoint", again + "/checkpoint")

    (name,) = os.listdir(folder + "/events")
    events = list(tf.compat.v1.train.summary_iterator(folder + "/events/" + name))
    assert len(events) == 27 and events[0].file_version == "brain.Event:2"
    assert name.startswith("events.out.tfevents.%010d." % events[0].wall_time)
    for step, event in enumerate(events[1:26]):
        value = event.summary.value[0]
        assert (event.step, value.tag) == (step, "loss")
        assert np.float32(value.simple_value) == np.float32(1) / np.float32(step + 1)
    histogram, image = events[26].summary.value
    numbers = tf.constant([1.0, -1.0, 0.0, 3.5, 1e30], tf.float64)
    theirs = tf.raw_ops.HistogramSummary(tag="h", values=numbers).numpy()
    assert tf.compat.v1.Summary.FromString(theirs).value[0].histo == histogram.histo
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        pixels = tf.constant([-1.0, 0.0, float("nan"), 0.5], shape=[1, 2, 2, 1])
        theirs = session.run(tf.raw_ops.ImageSummary(tag="i", tensor=pixels))
    theirs = tf.compat.v1.Summary.FromString(theirs).value[0].image
    mine = image.image
    assert (mine.height, mine.width, mine.colorspace) == (theirs.height, theirs.width, theirs.colorspace)
    decoded = [tf.io.decode_png(i.encoded_image_string).numpy() for i in (mine, theirs)]
    same_array("image", *decoded)

    images = dict(np.load(folder + "/images.npz"))
    for name in [n for n in images if n.endswith("/in")]:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            theirs = session.run(tf.raw_ops.ImageSummary(tag="i", tensor=images[name]))
        png = tf.compat.v1.Summary.FromString(theirs).value[0].image.encoded_image_string
        same_array(name, images[name[:-2] + "out"][0], tf.io.decode_png(png).numpy())

    for name, compression in COMPRESSIONS.items():
        read = tf.data.TFRecordDataset(folder + "/" + name, compression_type=compression)
        assert [r.numpy() for r in read] == RECORDS
    options = tf.io.TFRecordOptions(compression_type="")
    with tf.io.TFRecordWriter(again + "/rec", options) as writer:
        for record in RECORDS:
            writer.write(record)
    same_bytes(folder + "/rec", again + "/rec")


def write_theirs(folder, tensors):
    """The same files, by TensorFlow and NumPy."""
    save(folder + "/all", tensors)
    arrays = {n: (np.char.encode(v.astype(str)) if v.dtype == object else v) for n, v in tensors.items()}
    np.savez(folder + "/all.npz", **arrays)
    np.savez_compressed(folder + "/packed.npz", **arrays)
    save_sharded(folder)
    tf.compat.v1.train.update_checkpoint_state(folder, folder + "/sharded", [folder + "/all"])
    for name, compression in COMPRESSIONS.items():
        options = tf.io.TFRecordOptions(compression_type=compression)
        with tf.io.TFRecordWriter(folder + "/" + name, options) as writer:
            for record in RECORDS:
                writer.write(record)
    with tf.Graph().as_default():
        writer = tf.compat.v1.summary.FileWriter(folder + "/events")
        for step in list(range(25)) + [7]:
            summary = tf.compat.v1.Summary()
            summary.value.add(tag="loss", simple_value=step)
            writer.add_summary(summary, step)
        writer.close()


def main():
    base = tempfile.mkdtemp()
    try:
        mine, theirs = base + "/ours", base + "/theirs"
        os.mkdir(mine)
        os.mkdir(theirs)
        ours("write", "TENSORLOOM_EXCHANGE_WRITE", mine)
        check_ours(mine)
        reader = tf.train.load_checkpoint(mine + "/all")
        names = sorted(reader.get_variable_to_shape_map())
        tensors = {n: np.asarray(reader.get_tensor(n)) for n in names}
        tensors["string/v"] = np.array([b"hello", b"", b"y" * 70], object)
        write_theirs(theirs, tensors)
        ours("read", "TENSORLOOM_EXCHANGE_READ", theirs)
    finally:
        shutil.rmtree(base)
    print("formats: all checks passed")


if __name__ == "__main__":
    sys.exit(main())
