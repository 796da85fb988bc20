#!/usr/bin/env bash
# Runs the benchmarks of the inner parts at two commits, by turns, and compares them with benchstat:
#   scripts/bench-compare.sh OLD [NEW]
# NEW is HEAD by default. BENCH chooses benchmarks (a regexp), PACKAGES where they are, COUNT how often each runs (6).
# benchstat says "~" where the difference may be chance.
set -euo pipefail
cd "$(dirname "$0")/.."
old=${1:?"usage: scripts/bench-compare.sh OLD [NEW], such as HEAD~5 HEAD"} new=${2:-HEAD}
read -ra packages <<<"${PACKAGES:-./inference/... ./app/chat/... ./app ./ui}"
count=${COUNT:-6}

dir=$(mktemp -d)
trap 'for w in old new; do git worktree remove --force "$dir/$w" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
for which in old new; do
	git worktree add --quiet --detach "$dir/$which" "${!which}"
	# What is built is not in the repository: benchmarks that need the engine find ours.
	if [ -d build ]; then ln -s "$PWD/build" "$dir/$which/build"; fi
done
# Compiled once; then one round after the other, so that what else the machine does meets both alike.
for which in old new; do
	mkdir "$dir/$which-tests"
	(cd "$dir/$which" && go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' "${packages[@]}") |
		while read -r path folder; do
			[ -n "$path" ] || continue
			grep -qs '^func Benchmark' "$folder"/*_test.go || continue
			(cd "$dir/$which" && go test -c -o "$dir/$which-tests/${path//\//_}" "$path")
			printf '%s\n' "$folder" >"$dir/$which-tests/${path//\//_}.folder"
		done
done
for ((round = 1; round <= count; round++)); do
	for which in old new; do
		echo "round $round of $count: $which (${!which})" >&2
		for folder in "$dir/$which-tests"/*.folder; do
			test=${folder%.folder}
			(cd "$(cat "$folder")" && "$test" -test.run '^$' -test.bench "${BENCH:-.}" -test.benchmem -test.benchtime "${BENCHTIME:-300ms}") \
				>>"$dir/$which.txt" || echo "bench-compare: ${test##*/} failed at ${!which}" >&2
		done
	done
done
go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "old=$dir/old.txt" "new=$dir/new.txt"
