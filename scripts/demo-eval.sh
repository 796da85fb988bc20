#!/usr/bin/env bash
# Measures the built-in model through the engine on pictures that it never saw, and prints the table.
# The pictures are drawn here the first time (Python with numpy and pillow, in a virtual environment under build/).
# GALAGO_EVAL_PICTURES: how many, 2200 by default. Further arguments go to `galago-engine eval`.
set -euo pipefail
cd "$(dirname "$0")/.."

pictures=${GALAGO_EVAL_PICTURES:-2200}
set=build/demo-eval-$pictures
if [ ! -f "$set/done" ]; then
	scripts/demo-fonts.sh held-out
	[ -x build/eval-venv/bin/python ] || python3 -m venv build/eval-venv
	# shellcheck disable=SC2046 # two words on purpose
	build/eval-venv/bin/pip install -q $(grep -E '^(numpy|pillow)==' assets/demo/requirements.txt)
	echo "Drawing $pictures held-out pictures into $set"
	rm -rf "$set"
	(cd assets/demo && PYTHONDONTWRITEBYTECODE=1 "../../build/eval-venv/bin/python" evalset.py --out "../../$set" --pictures "$pictures")
	touch "$set/done"
fi
exec build/bin/galago-engine eval --set "$set" --wrong build/demo-eval-wrong.jsonl "$@"
