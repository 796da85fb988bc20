#!/usr/bin/env bash
# Runs every test with the race detector, then those of the programs for Windows where Wine can be had, and ends in a line that
# counts them. Called by `make test`; GALAGO_WINDOWS=0 leaves Windows out.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

scripts/lint.sh || exit 1

# The end-to-end tests find the programs for Windows where they were built.
no_windows=""
if [ "${GALAGO_WINDOWS:-1}" = 0 ]; then
	no_windows="GALAGO_WINDOWS=0 leaves them out"
elif ! scripts/deps.sh windows >build/windows-deps.log 2>&1; then
	no_windows="mingw-w64 and Wine cannot be installed here (build/windows-deps.log)"
else
	make --no-print-directory windows || exit 1
fi

mkdir -p build/e2e
export GALAGO_E2E=1 GALAGO_ENGINE_BUILD="$PWD/build/bin"
log=build/test.json
# One package at a time where windows and models are involved would be slow; two at a time is what two cores bear.
go test -race -p 2 -timeout 20m -json "$@" ./... >"$log" 2>build/test.err
status=$?
if [ -z "$no_windows" ]; then
	scripts/test-windows.sh units >>"$log" 2>>build/test.err || status=1
else
	printf '{"Action":"%s","Package":"windows","Test":"TestProgramsForWindows","Output":"    '"$no_windows"'\\n"}\n' output skip >>"$log"
fi
go run ./scripts/testsummary <"$log"
[ $? = 0 ] || status=1
if [ $status != 0 ]; then
	cat build/test.err
	exit 1
fi
