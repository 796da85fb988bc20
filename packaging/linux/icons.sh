#!/usr/bin/env bash
# Draws the icons of the Linux packages from assets/icon.svg again, with rsvg-convert (Debian's librsvg2-bin). The pictures are kept in
# the repository, so that a package has the same bytes whichever version of that program is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
for size in 16 24 32 48 64 128 256 512; do
	rsvg-convert -w $size -h $size assets/icon.svg -o packaging/linux/icons/$size.png
done
sha256sum assets/icon.svg | cut -d' ' -f1 >packaging/linux/icons/made-from
