#!/usr/bin/env python3
"""Copies the small files of tests/data into fuzz/corpus/<target>, so that a run starts from sound inputs."""

import gzip
import hashlib
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
LIMIT = 20_000


def put(target, data):
    folder = ROOT / "fuzz" / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def files(*patterns):
    for pattern in patterns:
        for path in sorted(DATA.glob(pattern)):
            if path.is_file() and path.stat().st_size <= LIMIT:
                yield path, path.read_bytes()


def fields(data):
    """The fields of a message that consists of length-delimited ones first: number, whole, content."""
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        if tag & 7 != 2:
            return
        at, size, shift = at + 1, 0, 0
        while True:
            byte = data[at]
            at, size, shift = at + 1, size | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                break
        yield tag >> 3, data[start : at + size], data[at : at + size]
        at += size


def calls(data):
    """The recorded calls of an op, each as a graph of the op and its inputs."""
    cases = {}
    for number, whole, node in fields(data):
        name = next((content for n, _, content in fields(node) if n == 1), b"").decode() if number == 1 else ""
        case, _, part = name.partition("/")
        if part == "op" or part.startswith("in"):
            cases[case] = cases.get(case, b"") + whole
    return [graph for graph in cases.values() if len(graph) <= 1500]


for path in sorted((DATA / "op_cases").glob("*.pb")):
    every = calls(path.read_bytes())
    for graph in every[:: max(1, len(every) // 4)]:
        put("import", graph)
for _, data in files("defs/*.pb", "defs/*.meta", "saved_models/**/*.pb", "random_graphs/**/*.pb"):
    put("graph_pb", data)
    put("import", data)
for _, data in files("defs/*.pbtxt", "imports/*.pbtxt", "*.pbtxt"):
    put("graph_pbtxt", data)
for _, data in files("defs/*.json", "*.json"):
    put("graph_json", data)
for path, index in files("ckpt/*.index", "saved_models/**/*.index"):
    data = path.with_name(path.stem + ".data-00000-of-00001").read_bytes()
    if len(data) <= LIMIT:
        put("bundle", struct.pack("<H", len(index)) + index + data)
for _, data in files("ckpt_v1/*"):
    put("bundle", b"\0\0" + data)
for _, data in files("ckpt/checkpoint"):
    put("bundle", data)
for _, data in files("events/*", "records/*"):
    put("event", data)
    put("event", gzip.compress(data, mtime=0))
for _, data in files("npy/*"):
    put("npy", data)
header = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"a":"b"}}'
put("safetensors", struct.pack("<Q", len(header)) + header + bytes(8))
