#!/usr/bin/env bash
# Makes the packages for Windows from a folder that has everything they contain: "packages-windows.sh STAGE_DIR". Called by
# scripts/packages.sh. Writes beside each other into build/packages
#
#   galago-VERSION-windows-amd64.zip         to unpack and start
#   galago-VERSION-windows-amd64-setup.exe   to install for one person
#
# and signs programs, libraries and installer where a certificate is given (scripts/sign-windows.sh). SOURCE_DATE_EPOCH is the
# time of everything inside: the same folder makes the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
stage=$(realpath "${1:?packages-windows.sh: say which folder has the files}")
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} TZ=UTC LC_ALL=C
umask 022

field() { sed -n "s/^ *$1 *= *\"\\{0,1\\}\\([^\"]*\\)\"\\{0,1\\}\$/\\1/p" FyneApp.toml; }
name=$(field Name) version=$(field Version) id=$(field ID) build=$(field Build)
copyright=$(sed -n 's/^\(Copyright .*\)/\1/p' LICENSE)
company=$(sed -n 's/^Copyright (c) [0-9-]* \(.*\)/\1/p' LICENSE)
package=galago-$version-windows-amd64
out=${GALAGO_PACKAGES:-$PWD/build/packages} # where to; tests have a folder of their own
work=$out/work-windows
rm -rf "$work" && mkdir -p "$work/$package"
trap 'rm -rf "$work"' EXIT

# A copy: signing changes files, and the folder is also what others compare with.
cp -R "$stage/." "$work/$package/"
files=$(cd "$work/$package" && find . -type f | sed 's|^\./||' | sort)
links=$(cd "$work/$package" && find . ! -type f ! -type d)
[ -z "$links" ] || { echo "packages-windows.sh: neither files nor folders: $links" >&2; exit 1; }
# The list of files that the installer leaves has one of these on each line, and NSIS reads it byte by byte.
if grep -qvE '^[A-Za-z0-9._/+-]+$' <<<"$files"; then
	echo "packages-windows.sh: a file's name has characters that the installer cannot take:" >&2
	grep -vE '^[A-Za-z0-9._/+-]+$' <<<"$files" >&2
	exit 1
fi
grep -E '\.(exe|dll)$' <<<"$files" | (cd "$work/$package" && xargs -d '\n' "$OLDPWD/scripts/sign-windows.sh")
find "$work/$package" -type f ! -name '*.exe' ! -name '*.dll' -exec chmod 644 {} +
find "$work/$package" \( -type d -o -name '*.exe' -o -name '*.dll' \) -exec chmod 755 {} +
find "$work/$package" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

zip=$out/$package.zip
rm -f "$zip"
(cd "$work" && sed "s|^|$package/|" <<<"$files" | zip -q -9 -X -D "$zip" -@)

# The installer gets the same files, and a list of them that stays with the program.
lists=$work/lists.nsh
{
	echo '!macro Files ACTION'
	while read -r f; do
		case $f in */*) dir="\\${f%/*}" ;; *) dir="" ;; esac
		printf '\t!insertmacro ${ACTION} "%s" "%s" "%s"\n' "${dir//\//\\}" "${f##*/}" "$f"
	done <<<"$files"
	echo '!macroend'
	echo '!macro Folders ACTION'
	(cd "$work/$package" && find . -mindepth 1 -depth -type d) | sed 's|^\.||; s|/|\\|g' | sort -r |
		while read -r d; do printf '\t!insertmacro ${ACTION} "%s"\n' "$d"; done
	echo '!macroend'
} >"$lists"
{ printf '%s\r\n' "$files" uninstall.exe | sed 's|/|\\|g; s|\r*$|\r|'; } >"$work/files.txt"
touch -d "@$SOURCE_DATE_EPOCH" "$work/files.txt"

defines=()
define() { defines+=("-D$1=$2"); }
define NAME "$name"
define VERSION "$version"
define NUMBERS "${version%%-*}.$build"
define ID "$id"
define COMPANY "$company"
define COPYRIGHT "$copyright"
define STAGE "$work/$package"
define LISTS "$lists"
define LISTFILE "$work/files.txt"
define KILOBYTES "$(($(cd "$work/$package" && cat $files | wc -c) / 1024))"
define ICON "$PWD/build/windows/resources/galago.ico"
define PICTURE "$PWD/build/windows/resources/welcome.bmp"
define OUT "$work/$package-setup.exe"
[ -z "${GALAGO_SIGN_PKCS12:-}" ] || define SIGN "$PWD/scripts/sign-windows.sh"
makensis -V2 -WX -INPUTCHARSET UTF8 "${defines[@]}" packaging/windows/galago.nsi
scripts/sign-windows.sh "$work/$package-setup.exe"
chmod 755 "$work/$package-setup.exe"
mv "$work/$package-setup.exe" "$out/$package-setup.exe"
ls -l "$out/$package.zip" "$out/$package-setup.exe" | awk '{print $5, $9}'
