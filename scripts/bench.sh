#!/usr/bin/env bash
# Measures Galago beside llama-server and llama-mtmd-cli and writes the speed section of docs/benchmarks.md. Called by
# `make bench`. Arguments go to scripts/bench, such as -quick or -rows '2b/.*'. Takes about 20 minutes and 3 GB in build/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build-peers.sh
free=$(df --output=avail -B1 . | tail -1)
if [ ! -e build/bench ] && [ "$free" -lt 4000000000 ]; then
	echo "bench: 4 GB are needed under build/, $((free / 1000000)) MB are free" >&2
	exit 1
fi
mkdir -p build/bench
go build -o build/bench/bench ./scripts/bench
exec build/bench/bench -document docs/benchmarks.md "$@"
