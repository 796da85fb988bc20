#!/usr/bin/env bash
# Makes a Wine prefix for tests where Go programs run: "wine.sh FOLDER", by default build/wine. Quick when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
export WINEPREFIX=${1:-$PWD/build/wine} WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
system=$WINEPREFIX/drive_c/windows/system32
[ -f "$system/bcryptprimitives.dll" ] && exit 0
mkdir -p "$WINEPREFIX"
wineboot --init >/dev/null 2>&1
wineserver -w
x86_64-w64-mingw32-gcc-posix -s -shared -o "$system/bcryptprimitives.dll" scripts/wine/bcryptprimitives.c -ladvapi32
