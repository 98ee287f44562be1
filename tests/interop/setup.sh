#!/bin/sh
# Makes the Python environment with the real TensorFlow that the interop tests compare with.
#
#   tests/interop/setup.sh            makes (or keeps) tests/interop/.venv
#   TENSORLOOM_TF_VENV=DIR …          uses DIR instead
#
# Exit status: 0 ready · 3 TensorFlow is not to be had here (no suitable Python, or the package cannot be
# installed): the interop tests are then skipped, not failed · anything else: a real fault.
set -eu
version=2.19.1
here=$(cd "$(dirname "$0")" && pwd)
venv=${TENSORLOOM_TF_VENV:-$here/.venv}

unavailable() {
    echo "setup.sh: TensorFlow $version is not available: $1" >&2
    exit 3
}

has_tensorflow() {
    [ -x "$venv/bin/python" ] && [ "$("$venv/bin/python" -c '
from importlib.metadata import PackageNotFoundError, version
for name in ("tensorflow-cpu", "tensorflow"):
    try:
        print(version(name)); break
    except PackageNotFoundError:
        pass' 2>/dev/null)" = "$version" ]
}

if has_tensorflow; then
    echo "setup.sh: TensorFlow $version is ready in $venv"
    exit 0
fi

# The wheels of this release are for Python 3.9 to 3.12.
python=
for candidate in ${TENSORLOOM_PYTHON:-} python3.12 python3.11 python3.10 python3.9 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || unavailable "no Python 3.9 to 3.12 (name one with TENSORLOOM_PYTHON)"

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || unavailable "cannot make a virtual environment in $venv"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet "tensorflow-cpu==$version" ||
    unavailable "pip could not install tensorflow-cpu==$version"
has_tensorflow || unavailable "the installed package is not version $version"
echo "setup.sh: TensorFlow $version installed in $venv"
