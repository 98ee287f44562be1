"""Writes tests/data/cli/arrays.npz and arrays.json: arrays, and how NumPy prints them.

    python tests/interop/array_text.py
"""

import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "data", "cli")


def arrays():
    rng = np.random.default_rng(7)
    floats = [np.float16, np.float32, np.float64]
    shapes = [(), (1,), (5,), (30,), (3, 4), (2, 3, 4), (1001,), (7, 200), (3, 30, 20), (0,), (2, 0), (1, 1, 1, 1)]
    for dtype in floats:
        for shape in shapes:
            yield rng.normal(size=shape).astype(dtype)
            yield (rng.normal(size=shape) * 10.0 ** rng.integers(-6, 5, size=shape)).astype(dtype)
        for values in (
            [0.0, -0.0],
            [1, 2, 3],
            [0.1, 0.25, 100],
            [np.nan, 1.5],
            [np.inf, 1.0, -np.inf],
            [np.nan, np.nan],
            [1e-4, 1e-1],
            [9.99e-5],
            [999.9999, 1],
            [1e-5, 1],
            [12345.678, 20],
            [1 / 3, 2 / 3, 1],
        ):
            yield np.array(values, dtype)
    for dtype in (np.float32, np.float64):
        for values in ([1e8, 1], [1e38, -1e-38], [123456789.0], [1e16], [2.0**-149 if dtype == np.float32 else 5e-324]):
            yield np.array(values, dtype)
        for v in (0.0, -0.0, 1.0, 0.1, 1e-4, 9.99e-5, 1e15, 1e16, 123456789.0, 1 / 3, np.nan, -np.inf, 1.5e-7, 2.5e30):
            yield np.array(v, dtype)
    for dtype in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64):
        for shape in shapes:
            info = np.iinfo(dtype)
            yield rng.integers(info.min, info.max, size=shape, dtype=dtype)
    for shape in shapes:
        yield rng.integers(0, 2, size=shape).astype(bool)
        for dtype in (np.complex64, np.complex128):
            yield (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    for dtype in (np.complex64, np.complex128):
        for v in (1 + 2j, 3j, -0.0 + 1j, 1 - 0.5j, 2.5 + 0j, 0j):
            yield np.array(v, dtype)
        yield np.array([1e-7 + 1j, 2 - 1e9j], dtype)
        yield np.array([complex(np.nan, 1), complex(1, np.inf), complex(-np.inf, -np.inf)], dtype)


def main():
    os.makedirs(OUT, exist_ok=True)
    named = {f"a{i:03}": a for i, a in enumerate(arrays())}
    np.savez_compressed(os.path.join(OUT, "arrays.npz"), **named)
    texts = {name: str(a[()] if a.ndim == 0 else a) for name, a in named.items()}
    with open(os.path.join(OUT, "arrays.json"), "w") as f:
        json.dump(texts, f, indent=0)
        f.write("\n")
    print(len(named), "arrays")


if __name__ == "__main__":
    main()
