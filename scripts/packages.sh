#!/usr/bin/env bash
# Makes what people download, from build/release/bin and build/windows/bin, into build/packages:
#
#   packages.sh            everything
#   packages.sh linux      galago-VERSION-linux-amd64.tar.xz and galago_VERSION_amd64.deb
#   packages.sh windows    galago-VERSION-windows-amd64.zip and galago-VERSION-windows-amd64-setup.exe
#   packages.sh sums       only SHA256SUMS and the table of sizes, of what is there
#
# Two runs over the same programs give the same bytes: files are sorted, belong to nobody, and bear the time of the last commit
# (SOURCE_DATE_EPOCH, when it is given). Fails when a package is larger than BUDGET.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

BUDGET=70000000 # bytes
export TZ=UTC LC_ALL=C
umask 022
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# FyneApp.toml is where name, id and version are from, here and in what is called from here.
detail() { sed -n "s/^ *$1 *= *\"\(.*\)\"/\1/p" FyneApp.toml; }
GALAGO_NAME=$(detail Name) GALAGO_ID=$(detail ID) GALAGO_VERSION=$(detail Version)
export GALAGO_NAME GALAGO_ID GALAGO_VERSION
out=build/packages

# stage lays out what a package contains: the programs of FOLDER and the licences of all that is in them.
stage() { # OS FOLDER
	local os=$1 from=$2 to=$out/stage/galago-$GALAGO_VERSION-$1-amd64 program
	for program in galago galago-engine lib demo; do
		[ $os = windows ] && [ ! -d "$from/$program" ] && program=$program.exe
		[ -e "$from/$program" ] || { echo "$from/$program is not there: run make packages, which builds it." >&2; exit 1; }
	done
	[ -n "$(ls "$from/lib")" ] || { echo "$from/lib is empty: llama.cpp is not built yet." >&2; exit 1; }
	rm -rf "$to" && mkdir -p "$to"
	echo "$SOURCE_DATE_EPOCH" >"$out/stage/epoch" # for the test that makes packages again
	cp -a "$from"/galago* "$from/lib" "$from/demo" "$to/"
	rm -f "$to/lib/.built"
	go run ./scripts/notices "$os" "$to"
	for list in THIRD_PARTY_LICENSES.txt sbom.cdx.json; do
		[ -s "$to/$list" ] || { echo "scripts/notices did not write $list." >&2; exit 1; }
	done
	cp LICENSE "$to/"
	chmod -R u+rwX,go+rX,go-w "$to"
	staged=$to
}

linux() {
	stage linux build/release/bin
	scripts/packages-linux.sh "$staged"
}

windows() {
	stage windows build/windows/bin
	scripts/packages-windows.sh "$staged"
}

# sums writes the checksums and says how large the packages are.
sums() {
	local files too=0 f size
	files=$(cd $out && find . -maxdepth 1 -type f \( -name 'galago-*' -o -name 'galago_*' \) -printf '%f\n' | sort)
	[ -n "$files" ] || { echo "There are no packages in $out." >&2; exit 1; }
	# shellcheck disable=SC2086 # names without spaces
	(cd $out && sha256sum $files >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)
	printf '%-46s %12s %8s\n' package bytes MB
	for f in $files; do
		size=$(stat -c %s "$out/$f")
		printf '%-46s %12d %8s\n' "$f" "$size" "$(awk "BEGIN { printf \"%.1f\", $size / 1e6 }")"
		[ "$size" -le $BUDGET ] || too=1
	done
	[ $too = 0 ] || { echo "A package is larger than $((BUDGET / 1000000)) MB." >&2; exit 1; }
}

case ${1:-all} in
all)
	rm -rf $out && mkdir -p $out
	linux
	windows
	;;
linux | windows) mkdir -p $out && "$1" ;;
again) scripts/packages-linux.sh "$2" && exit ;; # for the test that makes them once more
sums) ;;
*) echo "packages.sh: there is no part $1; linux, windows and sums are." >&2; exit 2 ;;
esac
sums
