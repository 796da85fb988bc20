#!/usr/bin/env bash
# Builds llama.cpp's own programs that Galago is measured against (llama-server and llama-mtmd-cli) into build/peers/bin,
# from the source that our libraries are made of. They run with these very libraries, which are linked beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

src=build/llama.cpp obj=build/peers/obj out=build/peers/bin
want="$LLAMA_COMMIT $(sha256sum <"$0")"
if [ ! -f "$out/.built" ] || [ "$(cat "$out/.built")" != "$want" ]; then
	# Everything else as in build-llama.sh, so that ccache knows most of it already.
	flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON
		-DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DGGML_NATIVE=OFF -DGGML_CUDA=OFF
		-DLLAMA_BUILD_COMMON=ON -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_TESTS=OFF
		-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF
		-DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF # the server's web page is not what is measured
		-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN'
		-DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$PWD/$obj/bin" -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$PWD/$obj/bin")
	if command -v ccache >/dev/null; then
		flags+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
		export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
	fi
	mkdir -p "$obj"
	echo "Building llama-server and llama-mtmd-cli $LLAMA_TAG; the first time takes minutes"
	cmake -S "$src" -B "$obj" -G Ninja "${flags[@]}" >"$obj-cmake.log" 2>&1 || { tail -40 "$obj-cmake.log" >&2; exit 1; }
	cmake --build "$obj" -j "$(nproc)" --target llama-server llama-mtmd-cli >"$obj-build.log" 2>&1 ||
		{ tail -60 "$obj-build.log" >&2; exit 1; }
	rm -rf "$out"
	mkdir -p "$out"
	cp -a "$obj"/bin/llama-server "$obj"/bin/llama-mtmd-cli "$out/"
	# What only the peers need; all else is ours.
	for lib in "$obj"/bin/*.so*; do
		[ -e "build/bin/lib/${lib##*/}" ] || cp -a "$lib" "$out/"
	done
	echo "$want" >"$out/.built"
fi
for lib in build/bin/lib/*.so*; do
	ln -sfn "$PWD/$lib" "$out/${lib##*/}"
done
