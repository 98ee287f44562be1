"""TensorFlow reads the RunMetadata of a traced step, makes its own timeline of it with the memory, and profiles it;
`docs/trace.py` draws the step.

Usage, in the repository: PYTHON_WITH_TENSORFLOW tests/interop/run_metadata.py
"""
import collections
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

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
        drawn_in_full(folder + "/trace.json", folder + "/trace.svg", ours)
        graph = tf.compat.v1.GraphDef()
        with open(folder + "/graph.pb", "rb") as f:
            graph.ParseFromString(f.read())
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
    given = [o.tensor_description.allocation_description for n in nodes for o in n.output]
    assert any(a.allocator_name == "cpu" and a.allocated_bytes >= a.requested_bytes > 0 and a.ptr for a in given), given
    taken = [m for n in nodes for m in n.memory]
    assert taken and all(m.allocator_name == "cpu" and m.total_bytes >= m.peak_bytes >= m.live_bytes for m in taken)
    assert all(sum(r.alloc_bytes for r in m.allocation_records) >= 0 for m in taken)
    kept = {n.node_name: n.memory_stats.persistent_memory_size for n in nodes if "/w" in n.node_name or n.node_name == "w"}
    assert kept and max(kept.values()) == 12, kept

    made = timeline.Timeline(stats).generate_chrome_trace_format(show_memory=True)
    events = json.loads(made)["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert sorted(e["args"]["name"] for e in spans) == names
    assert all(e["name"] != "unknown" for e in spans)
    assert max(e["args"]["cpu"] for e in events if e["ph"] == "C" and e["name"] == "cpu") > 0
    taken = {n.node_name: sum(m.total_bytes for m in n.memory) for n in nodes}
    profiled(graph, metadata, {n.node_name: taken[n.node_name] + n.memory_stats.persistent_memory_size for n in nodes})
    print("run metadata: TensorFlow reads %d nodes and draws them" % len(nodes))


def drawn_in_full(trace, picture, events):
    """The picture is sound XML with both devices, all counters and all arrows."""
    subprocess.run([sys.executable, "docs/trace.py", trace, picture], check=True)
    parts = list(xml.etree.ElementTree.parse(picture).iter())
    classes = collections.Counter(p.get("class") for p in parts)
    texts = [p.text for p in parts if p.tag.endswith("text")]
    assert {"CPU:0", "CPU:1"} <= set(texts), texts
    # One arrow stands in the legend.
    assert classes["arrow"] - 1 == sum(e["ph"] == "s" for e in events), classes
    assert classes["mem"] == len({(e["pid"], e["name"]) for e in events if e["ph"] == "C"}), classes
    assert os.path.getsize(picture) < 150_000


def profiled(graph, metadata, taken):
    """TensorFlow's profiler gives each node of the graph the time and the memory, taken or kept, that the metadata tell."""
    with tf.Graph().as_default() as g:
        tf.import_graph_def(graph, name="")
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.time_and_memory()).with_empty_output()
    options = options.with_min_memory(0, 0, 0, 0).with_min_execution_time(0, 0, 0).with_max_depth(100)
    told = profiler.profile(g, run_meta=metadata, cmd="scope", options=options.build())
    found, todo = {}, [told]
    while todo:
        n = todo.pop()
        todo += n.children
        found[n.name] = n
    in_graph = [o.name for o in g.get_operations() if o.name in taken]
    assert len(in_graph) > 10 and all(found[name].exec_micros >= 0 for name in in_graph), found
    wrong = {n: (found[n].requested_bytes, taken[n]) for n in in_graph if found[n].requested_bytes != taken[n]}
    assert not wrong, wrong
    assert told.total_requested_bytes == sum(taken[n] for n in in_graph)
    print("profiler: %d nodes with time, %d bytes taken" % (len(in_graph), told.total_requested_bytes))


if __name__ == "__main__":
    sys.exit(main())
