#!/usr/bin/env python3
"""Writes tests/data/imports/: what TensorFlow's import_graph_def and import_meta_graph make of small definitions.

`cases.json` lists the cases: the graphs that were there before (`base`) and that are imported (`def`), files of this folder;
the options; and the resulting graph (`result`, a file), the names of the returned elements, or the error. Where TensorFlow's
text is spoiled, `error` is the right one. `<case>.meta.pbtxt` is a meta graph and `<case>.result.pbtxt` what TensorFlow exports
after importing it. Run without arguments.
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow.compat.v1 as tf
from google.protobuf import text_format

tf.disable_v2_behavior()

OUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "imports"

T = 'attr { key: "T" value { type: DT_FLOAT } }'


def const(name, ty="DT_FLOAT", field="float_val: 1"):
    return (
        f'node {{ name: "{name}" op: "Const" attr {{ key: "dtype" value {{ type: {ty} }} }} '
        f'attr {{ key: "value" value {{ tensor {{ dtype: {ty} tensor_shape {{ }} {field} }} }} }} }}\n'
    )


def node(name, op, *inputs, types=T, device="", group=None, extra=""):
    text = f'node {{ name: "{name}" op: "{op}" ' + " ".join(f'input: "{i}"' for i in inputs)
    if device:
        text += f' device: "{device}"'
    if group is not None:
        text += " attr { key: \"_class\" value { list { " + " ".join(f's: "{g}"' for g in group) + " } } }"
    return text + f" {types} {extra} }}\n"


# Four nodes, not in order.
PLAIN = (
    const("a")
    + node("b", "Identity", "a")
    + node("c", "AddV2", "a", "b", "^n", group=["loc:@a"])
    + node("n", "NoOp", types="")
)
OUTSIDE = const("x") + const("y") + node("z", "Identity", "x")
LOOP = "".join(
    [
        const("start", "DT_INT32", "int_val: 0"),
        node("enter", "Enter", "start", types=T.replace("FLOAT", "INT32"), extra='attr { key: "frame_name" value { s: "f" } }'),
        node("merge", "Merge", "enter", "next", types=T.replace("FLOAT", "INT32"), extra='attr { key: "N" value { i: 2 } }'),
        node("limit", "Const", "^merge", types="", extra='attr { key: "dtype" value { type: DT_INT32 } } attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 9 } } }'),
        node("less", "Less", "merge", "limit", types=T.replace("FLOAT", "INT32")),
        node("cond", "LoopCond", "less", types=""),
        node("switch", "Switch", "merge", "cond", types=T.replace("FLOAT", "INT32")),
        node("one", "Const", "^switch", types="", extra='attr { key: "dtype" value { type: DT_INT32 } } attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 1 } } }'),
        node("add", "AddV2", "switch:1", "one", types=T.replace("FLOAT", "INT32")),
        node("next", "NextIteration", "add", types=T.replace("FLOAT", "INT32")),
        node("exit", "Exit", "switch", types=T.replace("FLOAT", "INT32")),
    ]
)
FUNCTION = (
    'library { function { signature { name: "twice" input_arg { name: "v" type: DT_FLOAT } output_arg { name: "w" type: DT_FLOAT } } '
    'node_def { name: "s" op: "AddV2" input: "v" input: "v" attr { key: "T" value { type: DT_FLOAT } } } ret { key: "w" value: "s:z:0" } } }\n'
)
VERSIONS = "versions { producer: %d min_consumer: %d bad_consumers: %d }\n"

# name: (base, def, options)
CASES = {
    "root": ("", PLAIN, {}),
    "import": ("", PLAIN, {"prefix": "import"}),
    "import_again": (const("import/q"), PLAIN, {"prefix": "import"}),
    "prefix_taken": (const("import"), PLAIN, {"prefix": "Import"}),
    "names_taken": (const("a") + const("b/inner") + const("A_1"), PLAIN, {}),
    "names_taken_twice": (const("a") + const("a_1") + const("b"), PLAIN.replace('"n"', '"b_1"').replace("^n", "^b_1"), {}),
    "scope_taken_in_definition": (const("a"), PLAIN.replace('"n"', '"a_1/n"').replace("^n", "^a_1/n"), {}),
    "case_differs": (const("A"), PLAIN, {}),
    "entered_again": (const("p/a"), PLAIN, {"prefix": "p/"}),
    "inside_scope": (const("o/q"), PLAIN, {"scope": "o/", "prefix": "q"}),
    "root_from_scope": ("", PLAIN, {"scope": "o", "prefix": ""}),
    "bad_prefix": ("", PLAIN, {"prefix": "_p"}),
    "blank_prefix": ("", PLAIN, {"prefix": "p q"}),
    "mapped": (OUTSIDE, PLAIN, {"prefix": "m", "input_map": {"a:0": "x:0"}, "return_elements": ["c", "c:0", "a:0", "a", "b:0"]}),
    "mapped_without_port": (OUTSIDE, PLAIN, {"prefix": "m", "input_map": {"a": "z:0"}, "return_elements": ["a:0"]}),
    "mapped_control": (OUTSIDE, PLAIN, {"prefix": "m", "input_map": {"^n": "z:0"}}),
    "mapped_control_twice": (OUTSIDE, PLAIN.replace('input: "a" attr', 'input: "a" input: "^n" input: "^n" attr'), {"input_map": {"^n": "z:0"}}),
    "mapped_beside_control": (OUTSIDE, node("b", "Identity", "a", "^a") + const("a"), {"input_map": {"a:0": "x:0"}}),
    "mapped_unbound": (OUTSIDE, node("b", "Identity", "a:2", "^gone"), {"input_map": {"a:2": "x:0", "^gone": "y:0"}, "return_elements": ["b", "a:2"]}),
    "mapped_cycle": (OUTSIDE, node("a", "Identity", "b") + node("b", "Identity", "a"), {"prefix": "m", "input_map": {"a:0": "x:0"}}),
    "mapped_unused_but_known": (OUTSIDE, PLAIN, {"prefix": "m", "input_map": {"c:0": "x:0", "^c": "y:0"}}),
    "mapped_unknown": (
        OUTSIDE,
        PLAIN,
        {"prefix": "m", "input_map": {"q:0": "x:0", "a:3": "x:0", "^r": "y:0", "c:0": "x:0"}},
        "Attempted to map inputs that were not found in graph_def: [^r, a:3, q:0]",
    ),
    "mapped_type": (const("i", "DT_INT32", "int_val: 1"), PLAIN, {"prefix": "m", "input_map": {"a:0": "i:0"}}),
    "mapped_no_number": (OUTSIDE, PLAIN, {"input_map": {"a:x": "x:0"}}),
    "mapped_two_colons": (OUTSIDE, PLAIN, {"input_map": {"a:0:0": "x:0"}}),
    "mapped_loop": (const("ten", "DT_INT32", "int_val: 10"), LOOP, {"prefix": "l", "input_map": {"start:0": "ten:0"}, "return_elements": ["exit:0"]}),
    "unknown_input": ("", node("b", "Identity", "a:2"), {}),
    "unknown_control": ("", node("n", "NoOp", "^m", types=""), {}),
    "return_unknown_node": ("", PLAIN, {"return_elements": ["x"]}),
    "return_unknown_tensor": ("", PLAIN, {"return_elements": ["x:0"]}),
    "return_control": ("", PLAIN, {"return_elements": ["^n"]}),
    "return_far_output": ("", PLAIN, {"prefix": "m", "return_elements": ["a:1"]}),
    "return_no_number": ("", PLAIN, {"return_elements": ["a:b"]}),
    "returned_twice": ("", PLAIN, {"prefix": "m", "return_elements": ["a:0", "a:0", "n", "n"]}),
    "after": (OUTSIDE, PLAIN, {"prefix": "m", "after": ["x", "y"], "input_map": {"a:0": "x:0"}}),
    "after_mapped": (OUTSIDE, PLAIN, {"prefix": "m", "after": ["y"], "input_map": {"^n": "y:0"}}),
    "device": ("", const("d") + node("e", "Identity", "d", device="/cpu:0") + node("f", "Identity", "d", device="/job:w"), {"prefix": "m", "device": "/job:x/gpu:1"}),
    "device_written_short": ("", node("n", "NoOp", types="", device="/gpu:2"), {}),
    "device_of_group": ("", node("g", "NoOp", types="", group=["loc:@h"]) + node("h", "NoOp", types="", device="/cpu:0"), {"prefix": "m"}),
    "device_lost_to_group": ("", node("g", "NoOp", types="", group=["loc:@h"], device="/gpu:0") + node("h", "NoOp", types=""), {}),
    "device_group_of_itself": ("", node("g", "NoOp", types="", group=["loc:@g"], device="/gpu:0"), {}),
    "device_chain": (
        "",
        node("g", "NoOp", types="", group=["loc:@h"]) + node("h", "NoOp", types="", group=["loc:@k"]) + node("k", "NoOp", types="", device="/gpu:0"),
        {},
    ),
    "group_unknown": (const("gone"), node("g", "NoOp", types="", group=["loc:@gone"]), {}),
    "group_other": ("", node("g", "NoOp", types="", group=["foo", "loc:@g"]), {"prefix": "m"}),
    "group_renamed": (const("a"), PLAIN, {}),
    "unknown_attr": ("", node("n", "NoOp", types="", extra='attr { key: "zork" value { i: 3 } }'), {}),
    "defaults": ("", const("a") + node("m", "AddN", "a", "a", extra='attr { key: "N" value { i: 2 } }'), {}),
    "defaults_filled": ("", node("q", "FIFOQueueV2", types="", extra='attr { key: "component_types" value { list { type: DT_FLOAT } } }'), {}),
    "missing_attr": ("", node("p", "Placeholder", types=""), {}),
    "versions": ("", VERSIONS % (5, 3, 17) + PLAIN, {"prefix": "m"}),
    "versions_merged": (VERSIONS % (900, 3, 17) + OUTSIDE, VERSIONS % (800, 2, 11) + PLAIN, {"prefix": "m"}),
    "versions_excluded": ("", VERSIONS % (2129, 0, 2129) + PLAIN, {}),
    "versions_too_new": ("", VERSIONS % (9999, 9998, 1) + PLAIN, {}),
    "functions": (FUNCTION + const("x") + node("t", "twice", "x", types=""), FUNCTION + const("x") + node("t", "twice", "x", types=""), {"prefix": "m"}),
    "functions_differ": (FUNCTION + OUTSIDE, FUNCTION.replace('input: "v" input: "v"', 'input: "v" input: "v" device: "/cpu:0"') + PLAIN, {"prefix": "m"}),
    "loop": ("", LOOP, {"prefix": "l"}),
    "not_unique": ("", const("a") + const("a"), {}),
    "control_first": ("", const("a") + node("b", "Identity", "^a", "a"), {}),
    "cycle": ("", node("a", "Identity", "b") + node("b", "Identity", "a"), {}),
}


def graph_def(text):
    return text_format.Parse(text, tf.GraphDef())


def run(base, text, options):
    graph = tf.Graph()
    with graph.as_default():
        if base:
            tf.import_graph_def(graph_def(base), name="")
        if "scope" in options:
            scope = tf.name_scope(options["scope"])
        else:
            scope = tf.name_scope(None)
        after = [graph.get_operation_by_name(n) for n in options.get("after", [])]
        mapped = {k: graph.get_tensor_by_name(v) for k, v in options.get("input_map", {}).items()}
        with scope, tf.device(options.get("device")), tf.control_dependencies(after):
            returned = tf.import_graph_def(
                graph_def(text),
                name=options.get("prefix", ""),
                input_map=mapped,
                return_elements=options.get("return_elements"),
            )
    result = graph.as_graph_def()
    for n in result.node:
        n.attr.pop("_has_manual_control_dependencies", None)
    return result, [r.name for r in returned or []]


def write(name, message):
    (OUT / name).write_text(text_format.MessageToString(message))


def graph_cases():
    listed, written = {}, {}

    def given(text, file):
        """The file of that text; cases share them."""
        if text not in written:
            written[text] = file
            (OUT / file).write_text(text)
        return written[text]

    for name, (base, text, options, *right) in CASES.items():
        case = dict(options)
        if base:
            case["base"] = given(base, f"{name}.base.pbtxt")
        case["def"] = given(text, f"{name}.def.pbtxt")
        try:
            result, returned = run(base, text, options)
            case["result"] = f"{name}.result.pbtxt"
            write(case["result"], result)
            case["returned"] = returned
        except (ValueError, tf.errors.OpError) as e:
            case["error"] = right[0] if right else str(e)
        listed[name] = case
    (OUT / "cases.json").write_text(json.dumps(listed, indent=1) + "\n")


def meta_graph():
    """A graph with each kind of collection."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.placeholder(tf.float32, [2], name="x")
        v = tf.get_variable("v", [2], initializer=tf.zeros_initializer(), use_resource=False)
        r = tf.get_variable("r", [2], initializer=tf.ones_initializer(), use_resource=True)
        tf.get_variable("local", [], initializer=tf.zeros_initializer(), collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
        y = tf.identity(x + v + r, name="y")
        tf.add_to_collection("losses", y)
        tf.add_to_collection("ops", y.op)
        tf.add_to_collection("numbers", 7)
        tf.add_to_collection("floats", 0.5)
        tf.add_to_collection("words", b"some/word")
        queue = tf.FIFOQueue(3, [tf.float32], name="queue")
        tf.train.add_queue_runner(tf.train.QueueRunner(queue, [queue.enqueue([y[0]])]))
        tf.cond(y[0] > 0, lambda: y + 1, lambda: tf.identity(y), name="choice")
        tf.while_loop(lambda i: i < 3, lambda i: tf.cond(i > 1, lambda: i + 1, lambda: i + 2), [tf.constant(0)], name="loop")
        saver = tf.train.Saver({"v": v, "r": r})
        return tf.train.export_meta_graph(graph=graph, saver_def=saver.saver_def, clear_devices=True)


def meta_cases():
    meta = meta_graph()
    write("collections.meta.pbtxt", meta)
    for name, base, scope, mapped in [
        ("collections", None, "s", {}),
        ("collections_again", "s", "s", {}),
        ("collections_mapped", "x", "s", {"x:0": "x:0"}),
    ]:
        graph = tf.Graph()
        with graph.as_default():
            if base:
                tf.zeros([2], name=base)
            mapping = {k: graph.get_tensor_by_name(v) for k, v in mapped.items()}
            saver = tf.train.import_meta_graph(meta, import_scope=scope, input_map=mapping)
            result = tf.train.export_meta_graph(graph=graph, saver_def=saver.saver_def)
        for n in result.graph_def.node:
            n.attr.pop("_has_manual_control_dependencies", None)
        result.meta_info_def.Clear()
        write(f"{name}.result.pbtxt", result)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    graph_cases()
    meta_cases()


main()
