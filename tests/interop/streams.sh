#!/bin/sh
# Compares what random ops draw with the real TensorFlow, for seeds, shapes and parameters that no file holds.
#
#   tests/interop/streams.sh [SEED]     SEED defaults to the date
#
# Exit status 3 when TensorFlow is not to be had (see setup.sh).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
seed=${1:-$(date +%Y%m%d)}
"$here/setup.sh"
python=${TENSORLOOM_TF_VENV:-$here/.venv}/bin/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "streams.sh: seed $seed"
"$python" "$here/replays.py" --only random_draws --seed "$seed" --out "$folder" > "$folder/log" 2>&1 || {
    tail -n 20 "$folder/log"
    exit 1
}
cd "$here/../.." && TENSORLOOM_REPLAYS=$folder cargo test --test main random_numbers_are_those
