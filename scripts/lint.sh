#!/usr/bin/env bash
# Formatting, vet, staticcheck; govulncheck where its database can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env
mkdir -p build

echo "gofumpt"
unformatted=$(go run "mvdan.cc/gofumpt@$GOFUMPT_VERSION" -l .)
if [ -n "$unformatted" ]; then
	echo "These files are not formatted by gofumpt:" >&2
	echo "$unformatted" >&2
	exit 1
fi
echo "go vet"
go vet ./...
GOOS=windows CGO_ENABLED=0 go vet ./app/chat/... ./app/library/... ./inference/... ./vram/... ./assets/...
echo "staticcheck"
go run "honnef.co/go/tools/cmd/staticcheck@$STATICCHECK_VERSION" ./...

# It asks a server for known vulnerabilities; that cannot be a condition for building offline.
if timeout 60 go run "golang.org/x/vuln/cmd/govulncheck@$GOVULNCHECK_VERSION" ./... >build/govulncheck.log 2>&1; then
	echo "govulncheck: nothing known"
elif grep -q '^Vulnerability #' build/govulncheck.log; then
	cat build/govulncheck.log >&2
	exit 1
else
	echo "govulncheck: not checked, its database cannot be reached here or it took over 60 s (build/govulncheck.log)"
fi
