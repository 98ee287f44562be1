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
