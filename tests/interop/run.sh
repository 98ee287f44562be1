#!/bin/sh
# All comparisons with the real TensorFlow, one after the other.
#
#   tests/interop/run.sh        (TENSORLOOM_TF_VENV=DIR uses a Python environment that has TensorFlow, see setup.sh;
#                                TENSORLOOM_SEED=N makes other random calls)
#
# Exit status 0 also when TensorFlow is not to be had here: nothing is compared then, and the last line says so.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 1

"$here/setup.sh"
status=$?
if [ "$status" -eq 3 ]; then
    echo "run.sh: SKIPPED: TensorFlow is not to be had here; nothing was compared"
    exit 0
fi
[ "$status" -eq 0 ] || exit "$status"
python=${TENSORLOOM_TF_VENV:-$here/.venv}/bin/python

failed=
compare() {
    title=$1
    shift
    echo "run.sh: $title"
    started=$(date +%s)
    if timeout 1200 "$@"; then
        echo "run.sh: $title: passed ($(($(date +%s) - started)) s)"
    else
        echo "run.sh: $title: FAILED"
        failed="$failed $title,"
    fi
}

compare "op definitions" "$python" "$here/op_list.py" --check
compare "losses of a hundred steps" "$python" "$here/cifar10_losses.py"
compare "file formats" "$python" "$here/formats.py"
compare "run metadata" "$python" "$here/run_metadata.py"
compare "random op calls" "$here/extra.sh" "${TENSORLOOM_SEED:-1}" 2
compare "random graphs" "$here/random_graphs.sh" "${TENSORLOOM_SEED:-2}" 330
compare "towers" "$python" "$here/towers.py" --check
compare "gradients through functions" "$python" "$here/function_gradients.py" --check
compare "placement" "$python" "$here/placer.py" --check
compare "SavedModels" "$python" "$here/saved_models.py" --check
compare "frozen graphs" "$python" "$here/freeze.py"
compare "random streams" "$here/streams.sh" "${TENSORLOOM_SEED:-2}"
compare "CIFAR-10" "$python" "$here/cifar10_check.py"

if [ -n "$failed" ]; then
    echo "run.sh: FAILED:${failed%,}"
    exit 1
fi
echo "run.sh: everything agrees with TensorFlow"
