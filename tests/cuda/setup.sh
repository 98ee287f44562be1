#!/bin/sh
# Prints the folder of NVRTC 12.9, CUDA's compiler as a library, which needs no GPU; fetches it with pip when it is not
# there yet. Version 12 is the last that compiles for all of sm_70, sm_80 and sm_90.
#
#   TENSORLOOM_NVRTC=$(tests/cuda/setup.sh) cargo test nvrtc
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
into=${CARGO_TARGET_DIR:-$root/target}/nvrtc-12.9
folder=$into/nvidia/cuda_nvrtc/lib
if [ ! -e "$folder/libnvrtc.so.12" ]; then
    rm -rf "$into" "$into.new"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$into.new" \
        nvidia-cuda-nvrtc-cu12==12.9.86 >&2
    mv "$into.new" "$into"
fi
echo "$folder"
