#!/bin/sh
# Compares random graphs with the real TensorFlow: their values, its gradient nodes, and our gradients.
#
#   tests/interop/random_graphs.sh [SEED [COUNT]]     SEED defaults to the date, COUNT to 330
#
# Exit status 3 when TensorFlow is not to be had (see setup.sh).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
seed=${1:-$(date +%Y%m%d)}
count=${2:-330}
"$here/setup.sh"
python=${TENSORLOOM_TF_VENV:-$here/.venv}/bin/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "random_graphs.sh: seed $seed"
"$python" "$here/random_graphs.py" --seed "$seed" --count "$count" --out "$folder" > "$folder.log" 2>&1 || {
    tail -n 20 "$folder.log"
    exit 1
}
grep "graphs of" "$folder.log"
rm "$folder.log"
cd "$here/../.." && TENSORLOOM_RANDOM_GRAPHS=$folder cargo test --test main oracle::random_graphs
