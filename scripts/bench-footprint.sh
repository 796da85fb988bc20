#!/usr/bin/env bash
# Measures start, memory and idle load of the built programs, and the sizes of the packages if they were made; writes that
# section of docs/benchmarks.md. Called by `make bench-footprint`. Arguments go to scripts/footprint, such as -runs 3.
# GALAGO_BENCH_BIN: the folder of the programs, build/bin by default.
set -euo pipefail
cd "$(dirname "$0")/.."
exec go run ./scripts/footprint "$@" "${GALAGO_BENCH_BIN:-build/bin}" build/packages docs/benchmarks.md
