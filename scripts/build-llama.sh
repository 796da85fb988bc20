#!/usr/bin/env bash
# Builds llama.cpp's shared libraries (libllama, libmtmd, ggml and its backends).
#
#   build-llama.sh            for this machine, into build/bin/lib
#   build-llama.sh release    for any Linux with glibc 2.31 or newer, into build/release/bin/lib
#   build-llama.sh windows    for Windows 10 or newer, by mingw-w64, into build/windows/bin/lib
#
# One build runs on any x86-64: ggml's CPU backend is built in every variant and the best is chosen when
# it is loaded. The CUDA backend is built too when nvcc is there; GALAGO_CUDA_ARCHS names its
# architectures (default: those of the cards in this machine, else every one this nvcc is asked for by ggml),
# GALAGO_CUDA=0 leaves it out. What is packed (release and windows) never has it: its 1 GB is installed by a click.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

target=${1:-native}
case $target in
native) out=build/bin/lib obj=build/llama-obj ;;
release | windows) out=build/$target/bin/lib obj=build/$target/llama-obj ;;
*) echo "build-llama.sh: there is no target $target; native, release and windows are." >&2; exit 2 ;;
esac
src=build/llama.cpp

cuda=OFF
archs=""
if [ $target = native ] && [ "${GALAGO_CUDA:-1}" != 0 ] && command -v nvcc >/dev/null; then
	cuda=ON
	archs=${GALAGO_CUDA_ARCHS:-}
	if [ -z "$archs" ] && command -v nvidia-smi >/dev/null; then
		archs=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
			tr -d '. ' | grep -E '^[0-9]+$' | sort -u | paste -sd';' - || true)
	fi
fi

# What the libraries were made from: a second run with nothing changed ends here.
want="$LLAMA_COMMIT cuda=$cuda archs=$archs script=$(cat "$0" scripts/mingw/* scripts/zig.sh | sha256sum | cut -c1-16)"
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
# The AMX variant is left out: gcc 12 compiles it wrongly (its _tile_loadconfig claims to read 8 of the 64 bytes it reads,
# so the stores that fill the configuration are dropped), and for Windows not at all. AMX is found in servers, not beside
# small graphics cards; the next best variant (AVX-512) serves there.
amx='ggml_add_cpu_backend_variant(sapphirerapids'
! grep -q "$amx" "$src/ggml/src/CMakeLists.txt" || sed -i "/$amx/d" "$src/ggml/src/CMakeLists.txt"

flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON
	-DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DGGML_NATIVE=OFF -DGGML_CUDA=$cuda -DGGML_CUDA_NCCL=OFF
	-DLLAMA_BUILD_MTMD=ON -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF
	-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF
	-DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$PWD/$obj/bin" -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$PWD/$obj/bin")
[ -n "$archs" ] && flags+=("-DCMAKE_CUDA_ARCHITECTURES=$archs")
case $target in
native) flags+=(-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN') ;;
release)
	# libc++ is linked in and ggml has threads of its own: nothing is asked of the system but glibc.
	# The paths of this machine are left out, so that two builds are equal.
	here="-g0 -ffile-prefix-map=$PWD/$src=llama.cpp"
	flags+=(-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN' -DGGML_OPENMP=OFF
		"-DCMAKE_C_COMPILER=$(scripts/zig.sh cc)" "-DCMAKE_CXX_COMPILER=$(scripts/zig.sh c++)"
		"-DCMAKE_C_FLAGS=$here" "-DCMAKE_CXX_FLAGS=$here" -DCMAKE_SHARED_LINKER_FLAGS=-s)
	;;
windows)
	# Windows keeps the stack at 16 bytes and gcc's AVX code believes in 32: the assembler is told to use the moves
	# that bear it. 0x0A00 is Windows 10. Without timestamps two builds are equal.
	here="-ffile-prefix-map=$PWD/$src=llama.cpp -Wa,-muse-unaligned-vector-move -D_WIN32_WINNT=0x0A00"
	flags+=("-DCMAKE_TOOLCHAIN_FILE=$PWD/scripts/mingw/toolchain.cmake" -DGGML_OPENMP=OFF
		"-DCMAKE_PROJECT_INCLUDE=$PWD/scripts/mingw/names.cmake"
		"-DCMAKE_C_FLAGS=$here -include $PWD/scripts/mingw/compat.h" "-DCMAKE_CXX_FLAGS=$here"
		"-DCMAKE_SHARED_LINKER_FLAGS=-s -Wl,--no-insert-timestamp" "-DCMAKE_MODULE_LINKER_FLAGS=-s -Wl,--no-insert-timestamp")
	;;
esac
# undated takes out of a DLL when it was stripped, and the checksum over that, which Windows reads of drivers alone: two
# builds are to have the same bytes.
undated() {
	local header
	header=$(od -An -tu4 -j60 -N4 "$1")
	printf '\0\0\0\0' | dd of="$1" bs=1 seek=$((header + 8)) conv=notrunc status=none
	printf '\0\0\0\0' | dd of="$1" bs=1 seek=$((header + 88)) conv=notrunc status=none
}

if command -v ccache >/dev/null; then
	flags+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
	[ $cuda = ON ] && flags+=(-DCMAKE_CUDA_COMPILER_LAUNCHER=ccache)
	# A second clone elsewhere on the machine shares what this one compiled.
	export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi

echo "Building llama.cpp $LLAMA_TAG ($target, CUDA: $cuda${archs:+, architectures $archs}); the first time takes minutes"
cmake -S "$src" -B "$obj" -G Ninja "${flags[@]}" >"$obj-cmake.log" 2>&1 ||
	{ tail -40 "$obj-cmake.log" >&2; exit 1; }
# What an earlier build with other options left must not travel.
rm -rf "$obj/bin"
cmake --build "$obj" -j "$(nproc)" >"$obj-build.log" 2>&1 ||
	{ tail -60 "$obj-build.log" >&2; exit 1; }

rm -rf "$out"
mkdir -p "$out"

if [ $target = windows ]; then
	# A DLL that was linked says what it needs: gcc's own runtime goes along, once for all.
	cp "$obj"/bin/*.dll "$out"/
	for dll in libgcc_s_seh-1.dll libstdc++-6.dll libwinpthread-1.dll; do
		found=$(x86_64-w64-mingw32-g++-posix -print-file-name="$dll")
		[ -f "$found" ] || found=/usr/x86_64-w64-mingw32/lib/$dll
		cp "$found" "$out/"
		x86_64-w64-mingw32-strip "$out/$dll"
		undated "$out/$dll"
	done
else
	# The symbolic links travel too: without them ggml would be loaded twice under two names.
	cp -a "$obj"/bin/*.so* "$out"/
	# The engine calls the libraries through libffi, which is not on every desktop: it goes along.
	# ldconfig lies where a Debian user's PATH does not reach.
	ffi=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p | sed -n 's/.*libffi\.so\.8 .*x86-64.*=> //p' | head -n 1)
	[ -n "$ffi" ] || { echo "libffi.so.8 was not found; the package libffi8 has it." >&2; exit 1; }
	cp -L "$ffi" "$out/libffi.so.8"
fi
echo "$want" >"$out/.built"
