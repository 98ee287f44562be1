#!/usr/bin/env python3
"""Times CIFAR-10 training in TensorFlow and in Tensorloom, one after the other on the same cores, and prints the ratio.

  benches/peers/compare.py [--steps 200] [--rounds 2] [--tf-python PYTHON] [--threads N] [--towers N]

TensorFlow's python is that of the venv which tests/interop/setup.sh makes, unless named. Both sides train the same
network at batch 128 on the same files with 16 input threads and summaries every 100 steps; a round is TensorFlow, then
Tensorloom; the figure of each is the median over all steps (TensorFlow) or all reports of ten steps (Tensorloom).
With --towers 2 two towers on two CPU devices train, each on a batch of its own, and average their gradients.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BATCH = 128


def tensorflow(python, data, out, steps, towers):
    """Seconds for a step, by tf_cifar10.py (which knows one tower and two)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    text = subprocess.run(
        [python, os.path.join(HERE, "tf_cifar10.py"), "train" if towers == 1 else "multi", "--data", data, "--out", out,
         "--steps", str(steps), "--warmup", "30"],
        check=True, capture_output=True, text=True, env=env).stdout
    line = next(l for l in text.splitlines() if l.startswith("{"))
    return json.loads(line)["median_ms"] / 1e3


def tensorloom(binary, data_dir, out, steps, threads, towers):
    """Seconds for a step, by the example's own reports, without the first thirty steps."""
    command = [binary, f"--max-steps={steps + 31}", "--data-dir", data_dir, "--train-dir", out]
    if threads:
        command += ["--threads", str(threads)]
    if towers > 1:
        command += [f"--num-gpus={towers}", "--device-type=cpu"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"step (\d+), loss = .* \(([0-9.]+) examples/sec", text)
    times = [BATCH * towers / float(speed) for step, speed in found if int(step) > 30]
    if not times:
        sys.exit(f"no step was reported:\n{text}")
    return statistics.median(times)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=200)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--towers", type=int, choices=[1, 2], default=1)
    venv = os.environ.get("TENSORLOOM_TF_VENV", os.path.join(ROOT, "tests", "interop", ".venv"))
    p.add_argument("--tf-python", default=os.path.join(venv, "bin", "python"))
    a = p.parse_args()
    if not os.path.exists(a.tf_python):
        sys.exit(f"{a.tf_python} is not there: run tests/interop/setup.sh first")
    example = "cifar10_train" if a.towers == 1 else "cifar10_multi_gpu_train"
    subprocess.run(["cargo", "build", "--release", "--example", example], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    binary = os.path.join(target, "release", "examples", example)
    work = tempfile.mkdtemp(prefix="tensorloom-peers-")
    try:
        with tarfile.open(os.path.join(ROOT, "examples", "cifar10", "digits-binary.tar.gz")) as t:
            t.extractall(work, filter="data")
        data = os.path.join(work, "cifar-10-batches-bin")
        theirs, ours = [], []
        for r in range(a.rounds):
            theirs.append(tensorflow(a.tf_python, data, os.path.join(work, f"tf{r}"), a.steps, a.towers))
            ours.append(tensorloom(binary, work, os.path.join(work, f"loom{r}"), a.steps, a.threads,
                                   a.towers))
            print(f"round {r + 1}: TensorFlow {theirs[-1] * 1e3:.1f} ms/step, Tensorloom {ours[-1] * 1e3:.1f} ms/step",
                  flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    t, o = statistics.median(theirs), statistics.median(ours)
    print(json.dumps({"tensorflow_examples_per_sec": round(BATCH * a.towers / t, 1),
                      "tensorloom_examples_per_sec": round(BATCH * a.towers / o, 1),
                      "speed_relative_to_tensorflow": round(t / o, 3)}))


if __name__ == "__main__":
    main()
