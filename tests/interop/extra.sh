#!/bin/sh
# Compares the ops with the real TensorFlow on random cases that no file holds.
#
#   tests/interop/extra.sh [SEED [CASES]]     CASES random calls of each op (default 20); SEED defaults to the date
#
# Exit status 3 when TensorFlow is not to be had (see setup.sh).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
seed=${1:-$(date +%Y%m%d)}
count=${2:-20}
"$here/setup.sh"
python=${TENSORLOOM_TF_VENV:-$here/.venv}/bin/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "extra.sh: seed $seed, $count cases for each op"
"$python" "$here/op_cases.py" --extra "$count" --seed "$seed" --out "$folder" > "$folder/log" 2>&1 || {
    tail -n 20 "$folder/log"
    exit 1
}
cd "$here/../.." && TENSORLOOM_OP_CASES=$folder cargo test --test main oracle::ops
