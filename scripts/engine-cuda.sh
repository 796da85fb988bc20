#!/usr/bin/env bash
# Builds a CUDA engine for Galago from source: ggml's CUDA backend of the pinned llama.cpp, with the CUDA runtime that it
# needs, in build/engine-cuda. That folder can be chosen in the window at once ("Use a folder"), or copied into lib/cuda
# beside the programs. It is packed into an archive, which comes out the same, byte for byte, from the same libraries.
#
# It needs nvcc (the CUDA toolkit) with cuBLAS. GALAGO_CUDA_ARCHS names architectures as CMake does, such as "61;86";
# by itself it takes those of the cards in this machine, and where there is none, all that ggml builds for. Cards older
# than Turing (compute capability below 7.5) need CUDA 12.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/versions.env

stop() {
	echo "engine-cuda: $*" >&2
	exit 1
}

src=build/llama.cpp
obj=build/engine-cuda-obj
out=build/engine-cuda

command -v nvcc >/dev/null || stop "nvcc was not found. Install NVIDIA's CUDA toolkit, put its bin folder into PATH, and run make engine-cuda again. Without it: the window installs a ready-made engine."
nvcc=$(readlink -f "$(command -v nvcc)")
cuda=$(nvcc --version | sed -n 's/.*release \([0-9]*\.[0-9]*\).*/\1/p')
[ -n "$cuda" ] || stop "nvcc does not say its version."

archs=${GALAGO_CUDA_ARCHS:-}
if [ -z "$archs" ] && command -v nvidia-smi >/dev/null; then
	archs=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
		tr -d '. ' | grep -E '^[0-9]+$' | sort -u | paste -sd';' - || true)
fi
if [ "${cuda%%.*}" -ge 13 ]; then
	for a in ${archs//;/ }; do
		[ "${a%%[!0-9]*}" -ge 75 ] || stop "CUDA $cuda cannot build for architecture $a (cards older than Turing). Install the CUDA 12 toolkit, put its nvcc first into PATH, and try again."
	done
fi

# make build has the backend already where it was run with this nvcc in PATH.
built=build/bin/lib/.built
if [ -f build/bin/lib/libggml-cuda.so ] && grep -q "^$LLAMA_COMMIT cuda=ON archs=$archs " "$built" 2>/dev/null; then
	backend=build/bin/lib/libggml-cuda.so
	ninja=build/llama-obj/build.ninja
else
	[ "$(git -C "$src" rev-parse HEAD 2>/dev/null)" = "$LLAMA_COMMIT" ] || GALAGO_CUDA=0 scripts/build-llama.sh
	flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DGGML_BACKEND_DL=ON -DGGML_NATIVE=OFF -DGGML_CPU=OFF
		-DGGML_CUDA=ON -DGGML_CUDA_NCCL=OFF -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF
		-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF
		-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN' -DCMAKE_CUDA_COMPILER="$nvcc"
		-DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$PWD/$obj/bin" -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$PWD/$obj/bin")
	[ -n "$archs" ] && flags+=("-DCMAKE_CUDA_ARCHITECTURES=$archs")
	if command -v ccache >/dev/null; then
		flags+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache)
	fi
	echo "Building the CUDA backend of llama.cpp $LLAMA_TAG with CUDA $cuda${archs:+ for architectures $archs}; this takes long, up to hours on few cores"
	rm -rf "$obj/CMakeCache.txt"
	cmake -S "$src" -B "$obj" -G Ninja "${flags[@]}" >build/engine-cuda-cmake.log 2>&1 ||
		{ tail -40 build/engine-cuda-cmake.log >&2; exit 1; }
	cmake --build "$obj" -j "$(nproc)" --target ggml-cuda >build/engine-cuda-build.log 2>&1 ||
		{ tail -60 build/engine-cuda-build.log >&2; exit 1; }
	backend=$obj/bin/libggml-cuda.so
	ninja=$obj/build.ninja
fi

# needed FILE: the CUDA libraries that a library is linked with.
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(libcu[a-zA-Z]*\.so\.[0-9]*\)\].*/\1/p' | grep -v '^libcuda\.so'; }

root=$(dirname "$(dirname "$nvcc")")
# find_library NAME: where the toolkit has a library, or the system.
find_library() {
	local dir
	for dir in "$root/lib64" "$root/lib" "$root/targets/x86_64-linux/lib" "$root/../lib/x86_64-linux-gnu"; do
		[ -e "$dir/$1" ] && { echo "$dir/$1"; return; }
	done
	PATH=$PATH:/usr/sbin:/sbin ldconfig -p | sed -n "s/.*[[:space:]]$1 .*x86-64.*=> //p" | head -n 1
}

rm -rf "$out.new"
mkdir -p "$out.new"
cp -L "$backend" "$out.new/libggml-cuda.so"
todo=$(needed "$backend")
[ -n "$todo" ] || stop "$backend is not linked with the CUDA runtime."
while [ -n "$todo" ]; do
	more=""
	for name in $todo; do
		[ -e "$out.new/$name" ] && continue
		from=$(find_library "$name")
		[ -n "$from" ] || stop "$name was found neither in $root nor in the system. The toolkit's cuBLAS and runtime packages have it."
		cp -L "$from" "$out.new/$name"
		more="$more $(needed "$from" || true)"
	done
	todo=$(echo $more)
done
chmod 0755 "$out.new"/*.so*
for licence in "$root/EULA.txt" "$root/LICENSE" "$root/../../doc/EULA.txt"; do
	[ -f "$licence" ] && { cp -L "$licence" "$out.new/LICENSE-CUDA.txt"; break; }
done
cp "$src/LICENSE" "$out.new/LICENSE-llama.cpp.txt" 2>/dev/null || true

# What it was built for stands in nvcc's options: code=[compute_75,sm_75] is both what the driver translates and machine
# code. 86 is written as 8.6, 120a as 12.0.
list() {
	sed 's/arch=compute_[0-9a-z]*//g' "$ninja" | grep -o 'code=[^" ]*' | grep -o "$1_[0-9]*" | sed "s/$1_//" |
		sort -un | sed 's/\(.\)$/.\1/; s/.*/"&"/' | paste -sd, - | sed 's/,/, /g'
}
cat >"$out.new/engine.json" <<JSON
{
  "id": "cuda${cuda%%.*}-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')-source",
  "llama": "$LLAMA_TAG",
  "cuda": "$cuda",
  "native": [$(list sm)],
  "ptx": [$(list compute)]
}
JSON
rm -rf "$out"
mv "$out.new" "$out"

archive=build/galago-engine-cuda$cuda-$LLAMA_TAG-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/').tar.gz
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C build -cf - engine-cuda | gzip -n >"$archive.new"
mv "$archive.new" "$archive"
echo "The engine is in $PWD/$out:"
sed 's/^/  /' "$out/engine.json"
echo "Choose that folder in the window, or run galago-engine with GALAGO_CUDA_LIB=$PWD/$out."
sha256sum "$archive"
