#!/usr/bin/env bash
# Tests the Windows build under Wine: the unit tests, as programs for Windows, and both programs of build/windows/bin from end to
# end. Called by `make test-windows`, and with "units" by scripts/test.sh, which has the end-to-end tests among its own:
#
#   test-windows.sh          everything; ends in a line that counts
#   test-windows.sh units    only the unit tests, as lines of go test -json, to stdout
set -uo pipefail
cd "$(dirname "$0")/.."

# What needs Fyne's window is tested from end to end; the rest builds without a C compiler for Windows.
packages="./app/chat/... ./app/library/... ./inference/... ./vram/... ./assets/..."

# Minutes of questions, which the system that this runs on has asked already.
skip='^TestTheModelSees$'

# Go 1.26 removes open files by a call that Windows 10 has and Wine 8 has not. Go has a way for Windows without it, and an
# overlay makes the tests, not what is packed, go that way.
overlay() { # FOLDER
	local source
	source=$(go env GOROOT)/src/internal/syscall/windows/at_windows.go
	sed 's/^var TestDeleteatFallback bool/var TestDeleteatFallback = true/' "$source" >"$1/at_windows.go"
	if cmp -s "$source" "$1/at_windows.go"; then
		echo "test-windows.sh: Go's $source has no TestDeleteatFallback any more; is the overlay still needed?" >&2
		return 1
	fi
	printf '{"Replace": {"%s": "%s"}}\n' "$source" "$1/at_windows.go" >"$1/overlay.json"
}

units() (
	scripts/wine.sh || exit 1
	# A copy of the prefix, of hard links but for the registry, which is written to.
	prefix=$(mktemp -d "$PWD/build/wine-units.XXXXXX")
	export WINEPREFIX=$prefix WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d"
	trap 'wineserver -k; rm -rf "$prefix"' EXIT
	cp -al build/wine/. "$prefix/"
	for registry in "$prefix"/*.reg; do cp "$registry" "$registry.own" && mv "$registry.own" "$registry"; done
	overlay "$prefix" || exit 1
	unset DISPLAY XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR
	wineserver -p # stays for all tests
	# What Windows starts of its own with the first program would keep a test's output open.
	/usr/lib/wine/wine64 cmd /c exit >/dev/null 2>&1 </dev/null
	GALAGO_ENGINE_BUILD="Z:${PWD//\//\\}\\build\\windows\\bin" GOOS=windows CGO_ENABLED=0 \
		go test -p 2 -timeout 20m -json -skip "$skip" -overlay "$prefix/overlay.json" -exec /usr/lib/wine/wine64 "$@" $packages |
		sed 's/"Package":"galago/"Package":"windows: galago/; s/"ImportPath":"galago/"ImportPath":"windows: galago/'
)

case ${1:-all} in
units)
	shift
	units "$@"
	;;
all)
	mkdir -p build/e2e
	log=build/test-windows.json
	{
		units
		GALAGO_E2E=1 GALAGO_WINDOWS_BUILD=$PWD/build/windows/bin go test -count=1 -timeout 20m -json -run Windows ./e2e
	} >$log
	go run ./scripts/testsummary <$log
	;;
*) echo "test-windows.sh: there is no part $1; units is." >&2; exit 2 ;;
esac
