#!/usr/bin/env bash
# Builds both programs as they are packed, and lays the built-in model beside them:
#
#   build-programs.sh release    for any Linux with glibc 2.31 or newer, into build/release/bin
#   build-programs.sh windows    for Windows 10 or newer, into build/windows/bin
#
# Nothing of this machine gets in (paths, time, build number): two builds of one commit have the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

target=$1
out=build/$target/bin
version=$(sed -n 's/^ *Version *= *"\(.*\)"/\1/p' FyneApp.toml)
common="-s -w -buildid= -X main.version=$version"
export CGO_ENABLED=1 GOARCH=amd64 GOAMD64=v1 GOFLAGS="-trimpath -buildvcs=false"
mkdir -p "$out"

# Go's cgo asks for the compiler by a name; the C parts of two builds in different folders are equal only without paths.
export CGO_CFLAGS="-O2 -g0 -w"

build() { # NAME PACKAGE LDFLAGS...
	local log=build/$target/go.log
	go build -ldflags "$3" -o "$out/$1" "$2" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

case $target in
release)
	# Of this system only the headers and the names of OpenGL's and X11's libraries are used, not its C library.
	sys=build/release/system
	rm -rf $sys && mkdir -p $sys/include $sys/lib
	ln -s /usr/include/X11 /usr/include/GL /usr/include/KHR $sys/include/
	libs=$(cc -print-file-name=libX11.so) && libs=$(dirname "$(readlink -f "$libs")")
	for lib in GL X11 Xrandr Xxf86vm Xi Xcursor Xinerama; do ln -s "$libs/lib$lib.so" $sys/lib/; done
	CC=$(scripts/zig.sh cc) CXX=$(scripts/zig.sh c++)
	export CC CXX GOOS=linux
	# go-nvml leaves NVML's functions open until the driver's library is loaded at run time. The linker is shown a
	# library with their names, and the program forgets afterwards that it needs it.
	grep -oE '\bnvml[A-Z]\w*' "$(go list -m -f '{{.Dir}}' github.com/NVIDIA/go-nvml)/pkg/nvml/nvml.h" | sort -u |
		sed 's/.*/void &(void) {}/' >$sys/nvml.c
	"$CC" -w -shared -Wl,-soname,libnvidia-ml.so.1 -o $sys/lib/libnvidia-ml.so $sys/nvml.c
	export CGO_CFLAGS="$CGO_CFLAGS -isystem $PWD/$sys/include" CGO_LDFLAGS="-L$PWD/$sys/lib -Wl,--allow-shlib-undefined"
	build galago . "$common -extldflags '-Wl,-z,lazy -lnvidia-ml'"
	build galago-engine ./inference/galago-engine "$common -r \$ORIGIN/lib -extldflags '-Wl,-z,lazy -lnvidia-ml'"
	patchelf --remove-needed libnvidia-ml.so.1 "$out/galago" "$out/galago-engine"
	;;
windows)
	# Icon, version and manifest: objects that "go build" takes by itself, and the icon for the installer.
	env -u GOARCH CGO_ENABLED=0 go run ./packaging/windows/resources build/windows/resources
	export CC=x86_64-w64-mingw32-gcc-posix CXX=x86_64-w64-mingw32-g++-posix GOOS=windows
	export CGO_LDFLAGS="-static -Wl,--no-insert-timestamp"
	build galago.exe . "$common -H windowsgui"
	CGO_ENABLED=0 build galago-engine.exe ./inference/galago-engine "$common"
	;;
*) echo "build-programs.sh: there is no target $target; release and windows are." >&2; exit 2 ;;
esac

mkdir -p "$out/demo"
for f in assets/demo/*.gguf assets/demo/manifest.json; do
	cmp -s "$f" "$out/demo/${f##*/}" || { cp "$f" "$out/demo/${f##*/}.new" && mv "$out/demo/${f##*/}.new" "$out/demo/${f##*/}"; }
done
