#!/usr/bin/env bash
# Installs the fonts that the built-in model's pictures are printed in. An argument "held-out" leaves those out that only
# training uses.
set -euo pipefail
packages="fonts-dejavu fonts-urw-base35 fonts-noto-mono python3-venv"
[ "${1:-}" = held-out ] || packages="$packages fonts-liberation fonts-freefont-ttf fonts-roboto-unhinted fonts-open-sans fonts-lato
	fonts-inconsolata fonts-firacode fonts-jetbrains-mono fonts-crosextra-carlito fonts-crosextra-caladea fonts-cantarell
	fonts-linuxlibertine fonts-comic-neue fonts-courier-prime fonts-quicksand fonts-play fonts-vollkorn fonts-cabin"
missing=""
for p in $packages; do
	dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "Please install these packages, or what your system calls them:$missing" >&2; exit 1; }
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
# shellcheck disable=SC2086 # a list of words on purpose
$sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
