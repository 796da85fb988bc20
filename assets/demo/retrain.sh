#!/bin/sh
# Trains the built-in model from nothing and writes the shipped files. Can be stopped and started again: each step resumes.
# WORK: where pictures (about 20 GB) and checkpoints go. PYTHON: an interpreter that has requirements.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$here/../../build/demo-model}
python=${PYTHON:-python3}
threads=${THREADS:-$(nproc)}
mkdir -p "$work/pool" "$work/run"
cd "$here"
"$python" pool.py --out "$work/pool" --shards "${SHARDS:-1500}"
"$python" train.py text --work "$work/run" --minutes "${TEXT_MINUTES:-60}" --batch 16 --boost 2.5 --simple 900 --threads "$threads"
"$python" train.py oracle --work "$work/run"
"$python" train.py vision --pool "$work/pool" --work "$work/run" --minutes "${VISION_MINUTES:-60}" --batch 16 --lr 1e-3 --threads "$threads"
"$python" train.py joint --pool "$work/pool" --work "$work/run" --minutes "${JOINT_MINUTES:-60}" --batch 16 --lr 1e-3 --threads "$threads"
"$python" export.py --weights "$work/run/joint.pt"
