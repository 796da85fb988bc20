#!/usr/bin/env bash
# Prints the path of a compiler for programs that run with glibc RELEASE_GLIBC or newer: "zig.sh cc" or "zig.sh c++".
# Fetches it once (a Python package of 98 MB), checked against the digest in versions.env, into build/zig.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

home=$PWD/build/zig
if [ "$(cat "$home/.version" 2>/dev/null)" != "$ZIG_VERSION $ZIG_SHA256 $RELEASE_GLIBC" ]; then
	rm -rf "$home" && mkdir -p "$home"
	echo "Fetching zig $ZIG_VERSION" >&2
	python3 -m pip download -q --no-deps --only-binary :all: --platform manylinux_2_12_x86_64 -d "$home" \
		"$ZIG_PACKAGE==$ZIG_VERSION" >&2
	wheel=$(echo "$home"/*.whl)
	if [ "$(sha256sum "$wheel" | cut -d' ' -f1)" != "$ZIG_SHA256" ]; then
		echo "$wheel does not have the digest that scripts/versions.env pins." >&2
		exit 1
	fi
	python3 -m zipfile -e "$wheel" "$home"
	rm "$wheel"
	chmod +x "$home/ziglang/zig"
	for tool in cc c++; do
		# The target is named, so that nothing of this machine's processor or libraries gets in. The one option of
		# go-nvml's that zig's linker does not know is left out (build-programs.sh says what takes its place).
		cat >"$home/$tool" <<-EOF
			#!/bin/bash
			args=()
			for a in "\$@"; do
			  [[ \$a == -Wl,--unresolved-symbols=* ]] || args+=("\$a")
			done
			exec "$home/ziglang/zig" $tool -target x86_64-linux-gnu.$RELEASE_GLIBC "\${args[@]}"
		EOF
		chmod +x "$home/$tool"
	done
	echo "$ZIG_VERSION $ZIG_SHA256 $RELEASE_GLIBC" >"$home/.version"
fi
echo "$home/$1"
