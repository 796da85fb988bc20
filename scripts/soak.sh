#!/usr/bin/env bash
# Uses Galago at random for MINUTES (20) by SEED (from the clock, so that each run does something else) and checks answers,
# memory, and what is left: most of the time from the controller down, a seventh of it in a real window. The reports go to
# build/soak. Called by `make soak`.
set -uo pipefail
cd "$(dirname "$0")/.."
minutes=${MINUTES:-20}
seed=${SEED:-$(date +%s)}
share() { awk -v m="$minutes" -v s="$1" 'BEGIN { printf "%.2f", m * s }'; }

mkdir -p build/soak
export GALAGO_E2E=1 GALAGO_ENGINE_BUILD="$PWD/build/bin"
echo "soak: $minutes minutes, seed $seed: make soak MINUTES=$minutes SEED=$seed does the same again"
status=0
timeout=$(awk -v m="$minutes" 'BEGIN { printf "%dm", m * 2 + 10 }')
go test -count=1 -timeout "$timeout" -run 'TestSoak$' ./e2e/soak -soak.minutes="$(share 0.85)" -soak.seed="$seed" -soak.out="$PWD/build/soak" >build/soak/test.log 2>&1 || status=1
go test -count=1 -timeout "$timeout" -run 'TestSoakInTheWindow$' ./e2e -soak.minutes="$(share 0.15)" -soak.seed="$seed" >>build/soak/test.log 2>&1 || status=1
cat build/soak/report.md build/soak/window.md
[ $status = 0 ] || { tail -100 build/soak/test.log; echo "soak: something is wrong, see build/soak"; }
exit $status
