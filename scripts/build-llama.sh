#!/usr/bin/env bash
# Builds llama.cpp's shared libraries (libllama, libmtmd, ggml and its backends) into build/bin/lib.
#
# One build runs on any x86-64: ggml's CPU backend is built in every variant and the best is chosen when
# it is loaded. The CUDA backend is built too when nvcc is there; GALAGO_CUDA_ARCHS names its
# architectures (default: those of the cards in this machine, else every one this nvcc is asked for by ggml),
# GALAGO_CUDA=0 leaves it out.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

out=build/bin/lib
src=build/llama.cpp
obj=build/llama-obj

cuda=OFF
archs=""
if [ "${GALAGO_CUDA:-1}" != 0 ] && command -v nvcc >/dev/null; then
	cuda=ON
	archs=${GALAGO_CUDA_ARCHS:-}
	if [ -z "$archs" ] && command -v nvidia-smi >/dev/null; then
		archs=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
			tr -d '. ' | grep -E '^[0-9]+$' | sort -u | paste -sd';' - || true)
	fi
fi

# What the libraries were made from: a second run with nothing changed ends here.
want="$LLAMA_COMMIT cuda=$cuda archs=$archs script=$(sha256sum "$0" | cut -c1-16)"
[ -f "$out/.built" ] && [ "$(cat "$out/.built")" = "$want" ] && exit 0

fetch_source() {
	[ "$(git -C "$src" rev-parse HEAD 2>/dev/null)" = "$LLAMA_COMMIT" ] && return
	local tgz="build/$LLAMA_NPM_PACKAGE-$LLAMA_NPM_VERSION.tgz"
	if [ ! -f "$tgz" ]; then
		echo "Fetching llama.cpp $LLAMA_TAG (inside $LLAMA_NPM_PACKAGE@$LLAMA_NPM_VERSION)"
		(cd build && npm pack --silent "$LLAMA_NPM_PACKAGE@$LLAMA_NPM_VERSION" >/dev/null)
	fi
	local got
	got=$(openssl dgst -sha512 -binary "$tgz" | base64 -w0)
	if [ "$got" != "$LLAMA_NPM_SHA512" ]; then
		mv "$tgz" "$tgz.wrong"
		echo "$tgz does not have the digest that scripts/versions.env pins; it was set aside as $tgz.wrong." >&2
		exit 1
	fi
	rm -rf "$src"
	mkdir -p "$src"
	tar -xzf "$tgz" -C "$src" --strip-components=2 package/llama/gitRelease.bundle
	git -C "$src" init -q
	git -C "$src" fetch -q gitRelease.bundle HEAD
	git -C "$src" -c advice.detachedHead=false checkout -q "$LLAMA_COMMIT"
	rm "$src/gitRelease.bundle"
}

mkdir -p build "$out"
fetch_source

flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON
	-DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DGGML_NATIVE=OFF -DGGML_CUDA=$cuda -DGGML_CUDA_NCCL=OFF
	-DLLAMA_BUILD_MTMD=ON -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF
	-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF
	-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN'
	-DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$PWD/$obj/bin" -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$PWD/$obj/bin")
[ -n "$archs" ] && flags+=("-DCMAKE_CUDA_ARCHITECTURES=$archs")
if command -v ccache >/dev/null; then
	flags+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
	[ $cuda = ON ] && flags+=(-DCMAKE_CUDA_COMPILER_LAUNCHER=ccache)
	# A second clone elsewhere on the machine shares what this one compiled.
	export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi

echo "Building llama.cpp $LLAMA_TAG (CUDA: $cuda${archs:+, architectures $archs}); the first time takes minutes"
cmake -S "$src" -B "$obj" -G Ninja "${flags[@]}" >build/llama-cmake.log 2>&1 ||
	{ tail -40 build/llama-cmake.log >&2; exit 1; }
# What an earlier build with other options left must not travel.
rm -rf "$obj/bin"
cmake --build "$obj" -j "$(nproc)" >build/llama-build.log 2>&1 ||
	{ tail -60 build/llama-build.log >&2; exit 1; }

# The symbolic links travel too: without them ggml would be loaded twice under two names.
rm -rf "$out"
mkdir -p "$out"
cp -a "$obj"/bin/*.so* "$out"/

# The AMX variant stops with an illegal instruction in its first matrix product when gcc 12 compiled it (its
# _tile_loadconfig claims to read 8 of the 64 bytes it reads, so the stores that fill the configuration are dropped).
# AMX is found in servers, not beside small graphics cards; the next best variant (AVX-512) serves there.
rm -f "$out"/libggml-cpu-sapphirerapids.so*

# The engine calls the libraries through libffi, which is not on every desktop: it goes along.
# ldconfig lies where a Debian user's PATH does not reach.
ffi=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p | sed -n 's/.*libffi\.so\.8 .*x86-64.*=> //p' | head -n 1)
[ -n "$ffi" ] || { echo "libffi.so.8 was not found; the package libffi8 has it." >&2; exit 1; }
cp -L "$ffi" "$out/libffi.so.8"
echo "$want" >"$out/.built"
