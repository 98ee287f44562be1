"""TensorFlow reads the RunMetadata of a traced step and makes its own timeline of it.

Usage, in the repository: PYTHON_WITH_TENSORFLOW tests/interop/run_metadata.py
"""
import collections
import json
import os
import subprocess
import sys
import tempfile

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
import tensorflow as tf
from tensorflow.python.client import timeline


def main():
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "test", "--quiet", "--test", "main", "trace::two_towers_are_shown_and_told", "--", "--exact"]
        subprocess.run(command, env=dict(os.environ, TENSORLOOM_TRACE_FOLDER=folder), check=True)
        with open(folder + "/run_metadata.pb", "rb") as f:
            data = f.read()
        (events,) = os.listdir(folder + "/events")
        events = list(tf.compat.v1.train.summary_iterator(folder + "/events/" + events))
        ours = json.load(open(folder + "/trace.json"))["traceEvents"]
    (tagged,) = [e.tagged_run_metadata for e in events if e.HasField("tagged_run_metadata")]
    assert (tagged.tag, tagged.run_metadata) == ("step001", data)

    metadata = tf.compat.v1.RunMetadata.FromString(data)
    stats = metadata.step_stats
    assert [d.device[-5:] for d in stats.dev_stats] == ["CPU:0", "CPU:1"]
    nodes = [n for d in stats.dev_stats for n in d.node_stats]
    names = sorted(n.node_name for n in nodes)
    # Each execution has its span; only what waited has another one.
    drawn = collections.Counter(e["args"]["node"] for e in ours if e["ph"] == "X")
    waited = {e["args"]["node"] for e in ours if e["ph"] == "b" and "node" in e.get("args", {})}
    assert not collections.Counter(names) - drawn, names
    assert set(drawn - collections.Counter(names)) <= waited, drawn
    for d in stats.dev_stats:
        assert all(n.thread_id in d.thread_names for n in d.node_stats)
    given = [o.tensor_description for n in nodes for o in n.output]
    assert given and all(o.allocation_description.allocator_name == "cpu" for o in given)

    made = timeline.Timeline(stats).generate_chrome_trace_format(show_memory=True)
    spans = [e for e in json.loads(made)["traceEvents"] if e["ph"] == "X"]
    assert sorted(e["args"]["name"] for e in spans) == names
    assert all(e["name"] != "unknown" for e in spans)
    print("run metadata: TensorFlow reads %d nodes and draws them" % len(nodes))


if __name__ == "__main__":
    sys.exit(main())
