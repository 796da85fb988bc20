#!/bin/sh
# Trains the built-in model from nothing and writes the shipped files. Can be stopped and started again: each step resumes.
# WORK: where pictures (about 27 GB) and checkpoints go. PYTHON: an interpreter that has requirements.txt. OUT: where the files are
# written, here by default. SHARDS, TEXT_MINUTES, VISION_MINUTES and JOINT_MINUTES: how much of each; short ones try the whole way.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$here/../../build/demo-model}
python=${PYTHON:-python3}
threads=${THREADS:-$(nproc)}
out=${OUT:-$here}
mkdir -p "$out" "$work/pool" "$work/run"
cd "$here"
../../scripts/demo-fonts.sh
"$python" pool.py --out "$work/pool" --shards "${SHARDS:-2200}"
"$python" train.py text --work "$work/run" --minutes "${TEXT_MINUTES:-60}" --batch 16 --boost 2.5 --simple 900 --threads "$threads"
"$python" train.py oracle --work "$work/run"
"$python" train.py vision --pool "$work/pool" --work "$work/run" --minutes "${VISION_MINUTES:-60}" --batch 16 --lr 1e-3 --threads "$threads"
"$python" train.py joint --pool "$work/pool" --work "$work/run" --minutes "${JOINT_MINUTES:-250}" --batch 16 --lr 1e-3 --threads "$threads"
"$python" export.py --weights "$work/run/joint.pt" --out "$out"
