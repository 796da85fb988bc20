#!/usr/bin/env bash
# Runs every test with the race detector and ends in a line that counts them. Called by `make test`.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

scripts/lint.sh || exit 1

mkdir -p build/e2e
export GALAGO_E2E=1 GALAGO_ENGINE_BUILD="$PWD/build/bin"
log=build/test.json
# One package at a time where windows and models are involved would be slow; two at a time is what two cores bear.
go test -race -p 2 -timeout 20m -json "$@" ./... >"$log" 2>build/test.err
status=$?
go run ./scripts/testsummary <"$log"
[ $? = 0 ] || status=1
if [ $status != 0 ]; then
	cat build/test.err
	exit 1
fi
