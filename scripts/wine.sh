#!/usr/bin/env bash
# Makes a Wine prefix for tests where Go programs run: "wine.sh FOLDER", by default build/wine. Quick when it is there.
# The tests copy it with hard links, since making one takes 10 seconds and 700 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=${1:-$PWD/build/wine}
[ -f "$prefix/drive_c/windows/system32/bcryptprimitives.dll" ] && exit 0
mkdir -p "$(dirname "$prefix")"
new=$(mktemp -d "$prefix.XXXXXX")
trap 'rm -rf "$new"' EXIT

export WINEPREFIX=$new WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d"
unset DISPLAY
timeout 300 wineboot --init >/dev/null 2>&1 || { echo "wine.sh: wineboot could not make a prefix" >&2; exit 1; }
# Wine 8 says that it is Windows 7, which our installer refuses.
timeout 60 /usr/lib/wine/wine64 winecfg -v win10 >/dev/null 2>&1
timeout 60 wineserver -w
x86_64-w64-mingw32-gcc-posix -s -shared -o "$new/drive_c/windows/system32/bcryptprimitives.dll" scripts/wine/bcryptprimitives.c -ladvapi32

# Wine makes Documents, Desktop and so on links to the home of whoever runs it: no test may write there.
for folder in "$new"/drive_c/users/*/*; do
	if [ -L "$folder" ]; then
		rm "$folder"
		mkdir "$folder"
	fi
done
chmod 755 "$new"
rm -rf "$prefix" # what an older version of this script, or one that was cut off, left
mv "$new" "$prefix"
