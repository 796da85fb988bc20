#!/usr/bin/env bash
# Makes the Linux packages from a staged folder; called by packages.sh, which sets GALAGO_NAME, GALAGO_ID, GALAGO_VERSION and
# SOURCE_DATE_EPOCH: "packages-linux.sh STAGED_FOLDER".
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

stage=$1
from=packaging/linux
out=${GALAGO_PACKAGES:-$PWD/build/packages} # where to; tests have a folder of their own
work=$out/stage/deb
package=galago

# packages lists the Debian packages of the libraries that are one of what is given: needed, opened.
packages() { awk -v how="$1" '!/^#/ && index(how, $2) { print $3 }' $from/libraries | sort -u; }

# A program that was linked with a newer C library, or needs a library that is not on the list, fails here and not at a
# person's. What C code opens at run time stands in the files as a text of its own. (Go's texts run into each other; it opens NVML
# and CUDA, and both only where they are.)
check() {
	local f lib newest bad=0
	while read -r f; do
		[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
		newest=$(objdump -T "$f" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1)
		newest=${newest#GLIBC_}
		if [ "$(printf '%s\n%s\n' "${newest:-0}" "$RELEASE_GLIBC" | sort -V | tail -n 1)" != "$RELEASE_GLIBC" ]; then
			echo "$f needs glibc $newest; $RELEASE_GLIBC is promised." >&2 && bad=1
		fi
		for lib in $(objdump -p "$f" | awk '$1 == "NEEDED" { print $2 }'); do
			awk -v lib="$lib" '$1 == lib && ($2 == "needed" || $2 == "inside") { ok = 1 } END { exit !ok }' $from/libraries ||
				{ echo "$f needs $lib, which is not on the list in $from/libraries." >&2 && bad=1; }
			# What travels along must really be there.
			awk -v lib="$lib" '$1 == lib && $2 == "inside" { ok = 1 } END { exit !ok }' $from/libraries &&
				[ ! -e "$stage/lib/$lib" ] && echo "$f needs $lib, which is not in lib." >&2 && bad=1
		done
		case $f in
		*/galago | */galago-engine)
			# A file manager starts what it can tell from a library.
			objdump -f "$f" | grep -q EXEC_P || { echo "$f is not a plain program." >&2 && bad=1; }
			for lib in $(strings -a "$f" | grep -xE 'lib[A-Za-z0-9_+-]+\.so(\.[0-9]+)*' | sort -u); do
				awk -v lib="$lib" '$1 == lib { ok = 1 } END { exit !ok }' $from/libraries ||
					{ echo "$f names $lib: say in $from/libraries what it is to it." >&2 && bad=1; }
			done
			;;
		esac
		[ -n "$newest" ] && [ "$(printf '%s\n%s\n' "$newest" "$highest" | sort -V | tail -n 1)" = "$newest" ] && highest=$newest
	done < <(find "$stage" -type f | sort)
	[ $bad = 0 ] || exit 1
}

# fill copies a file of packaging/linux with its placeholders filled in.
fill() { # NAME TO
	sed -e "s|@NAME@|$GALAGO_NAME|g" -e "s|@ID@|$GALAGO_ID|g" -e "s|@VERSION@|$GALAGO_VERSION|g" -e "s|@PACKAGE@|$package|g" \
		-e "s|@DATE@|$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)|g" -e "s|@EXEC@|galago|g" -e "s|@GLIBC@|$RELEASE_GLIBC|g" \
		-e "s|@PACKAGES@|$(packages "needed opened" | paste -sd' ')|g" "$from/$1" >"$2"
}

portable() {
	local name=${stage##*/}
	fill README.txt "$stage/README.txt"
	fill menu-entry "$stage/menu-entry"
	mkdir -p "$stage/desktop"
	fill galago.desktop "$stage/desktop/$GALAGO_ID.desktop"
	fill mime.xml "$stage/desktop/$GALAGO_ID.xml"
	cp assets/icon.svg "$stage/desktop/$GALAGO_ID.svg"
	chmod 755 "$stage/menu-entry"
	tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
		-C "${stage%/*}" -cf - "$name" | xz -9e -T1 >"$out/$name.tar.xz.new"
	mv "$out/$name.tar.xz.new" "$out/$name.tar.xz"
}

# documents lays out what a Debian package has in /usr/share.
documents() {
	local share=$work/usr/share size
	local doc=$share/doc/$package
	[ "$(sha256sum assets/icon.svg | cut -d' ' -f1)" = "$(cat $from/icons/made-from)" ] ||
		{ echo "assets/icon.svg has changed: run $from/icons.sh." >&2; exit 1; }
	for size in 16 24 32 48 64 128 256 512; do
		install -Dm644 $from/icons/$size.png "$share/icons/hicolor/${size}x$size/apps/$GALAGO_ID.png"
	done
	install -Dm644 assets/icon.svg "$share/icons/hicolor/scalable/apps/$GALAGO_ID.svg"
	mkdir -p "$share/applications" "$share/metainfo" "$share/mime/packages" "$doc" "$share/man/man1"
	fill galago.desktop "$share/applications/$GALAGO_ID.desktop"
	fill metainfo.xml "$share/metainfo/$GALAGO_ID.metainfo.xml"
	fill mime.xml "$share/mime/packages/$GALAGO_ID.xml"
	{
		fill copyright /dev/stdout
		sed -n 's/^Copyright (c) /Copyright: /p' LICENSE
		echo "License: Expat"
		sed -e '1,/^Copyright/d' LICENSE | sed -e '1{/^$/d}' -e 's/^$/./' -e 's/^/ /'
	} >"$doc/copyright"
	gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
	gzip -9nc "$stage/THIRD_PARTY_LICENSES.txt" >"$doc/THIRD_PARTY_LICENSES.txt.gz"
	cp "$stage/sbom.cdx.json" "$doc/"
	local page
	for page in galago galago-engine; do
		fill $page.1 /dev/stdout | gzip -9n >"$share/man/man1/$page.1.gz"
	done
}

# What a file of /usr/share says to desktops is judged by the desktops' own tools, where they are.
validate() {
	local share=$work/usr/share
	if command -v desktop-file-validate >/dev/null; then
		desktop-file-validate "$share/applications/$GALAGO_ID.desktop"
	else
		echo "desktop-file-validate is not here; the desktop file was not checked." >&2
	fi
	if command -v appstreamcli >/dev/null; then
		local said
		said=$(appstreamcli validate --no-net "$share/metainfo/$GALAGO_ID.metainfo.xml") || { echo "$said" >&2; exit 1; }
	else
		echo "appstreamcli is not here; the AppStream metadata was not checked." >&2
	fi
}

deb() {
	rm -rf "$work"
	mkdir -p "$work/usr/lib/$package" "$work/usr/bin"
	cp -a "$stage/galago" "$stage/galago-engine" "$stage/lib" "$stage/demo" "$work/usr/lib/$package/"
	documents
	validate
	chmod -R u+rwX,go+rX,go-w "$work"
	local depends="" p
	for p in $(packages "needed opened"); do
		[ "$p" != libc6 ] || p="libc6 (>= $RELEASE_GLIBC)"
		depends="$depends  - $p"$'\n'
	done
	cat >"$work/nfpm.yaml" <<-END
		name: $package
		arch: amd64
		platform: linux
		version: $GALAGO_VERSION
		section: graphics
		priority: optional
		maintainer: The Galago authors
		license: MIT
		mtime: $(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)
		description: |
		  ask about pictures, answered on your own graphics card
		  Drop a picture on the window and ask about it. A vision-language model answers
		  on this machine, on an NVIDIA card of 4 to 8 GB or on the processor, and a gauge
		  shows what it takes of the card's memory. Nothing leaves the machine.
		  .
		  A small model is built in. Larger ones, and the engine for NVIDIA's cards, are
		  fetched when a button is pressed.
		depends:
		${depends%$'\n'}
		recommends:
		  - xdg-utils
		  - xdg-desktop-portal
		suggests:
		  - wl-clipboard
		deb:
		  compression: xz
		contents:
		  - src: $work/usr/
		    dst: /usr
		    type: tree
		  - src: ../lib/$package/galago
		    dst: /usr/bin/galago
		    type: symlink
		  - src: ../lib/$package/galago-engine
		    dst: /usr/bin/galago-engine
		    type: symlink
	END
	local to=$out/${package}_${GALAGO_VERSION}_amd64.deb
	go run "github.com/goreleaser/nfpm/v2/cmd/nfpm@$NFPM_VERSION" package -p deb -f "$work/nfpm.yaml" -t "$to.new.deb" >/dev/null
	mv "$to.new.deb" "$to"
}

find "$stage/lib" "$stage/demo" -type f -exec chmod 644 {} +
highest=0
check
echo "Every library that is needed is on the list, and nothing needs a glibc newer than $highest."
portable
deb
