#!/usr/bin/env bash
# Measures on a real NVIDIA card what Galago plans: models with random weights at true dimensions, a large card made to
# behave like small ones, and for each the planned and the measured MiB of every part, five questions at once, the memory
# buttons, cancelling, and running out of memory on purpose. It ends by writing docs/gpu-results.md.
#
# It needs nvcc (the CUDA toolkit), an NVIDIA card with its driver, CMake, Ninja, a C++ compiler and Go, and 12 GB on the
# disk; no network if llama.cpp's source is in build/ and the Go modules are in the module cache.
#
#   GALAGO_CARDS    sizes to imitate, in GiB (default 4,5.6,6,8); those above the card's own are left out
#   GALAGO_MODELS   models, with spaces between (default Qwen3-VL-2B Qwen3-VL-4B Qwen2.5-VL-3B)
set -euo pipefail
cd "$(dirname "$0")/.."

stop() {
	echo "gpu-check: $1" >&2
	exit 1
}

for tool in cmake ninja c++ go; do
	command -v "$tool" >/dev/null || stop "$tool is missing; scripts/deps.sh installs what the build needs."
done
command -v nvidia-smi >/dev/null || stop "nvidia-smi is missing: this needs an NVIDIA card and its driver."
card=$(nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits 2>&1 | sed -n 1p) ||
	stop "the driver finds no card: $card"
total=${card##*, }
[[ $total =~ ^[0-9]+$ ]] || stop "the driver does not say how much memory the card has: $card"
command -v nvcc >/dev/null || stop "nvcc is missing: install the CUDA toolkit and put its bin folder into PATH."

cards=""
IFS=, read -ra wanted <<<"${GALAGO_CARDS:-4,5.6,6,8}"
for size in "${wanted[@]}"; do
	# 600 MiB go to the ballast's own context and what else is in use.
	fits=$(awk -v size="$size" -v total="$total" 'BEGIN { print (size * 1024 + 600 <= total) ? "yes" : "no" }')
	if [ "$fits" = yes ]; then cards=$cards${cards:+,}$size; fi
done
[ -n "$cards" ] || cards=0
read -ra models <<<"${GALAGO_MODELS:-Qwen3-VL-2B Qwen3-VL-4B Qwen2.5-VL-3B}"

work=build/gpu-check
mkdir -p "$work"
scripts/build-llama.sh
compgen -G "build/bin/lib/*ggml-cuda*" >/dev/null ||
	stop "llama.cpp was built without its CUDA backend; build/llama-cmake.log says why."
# shellcheck disable=SC2016 # the linker wants the dollar sign
go build -ldflags '-r $ORIGIN/lib' -o build/bin/galago-engine ./inference/galago-engine
go build -o "$work/gpucheck" ./scripts/gpucheck
nvcc -O2 -o "$work/ballast" scripts/gpucheck/ballast.cu

"$work/gpucheck" write "$work" "${models[@]}"
"$work/gpucheck" measure --engine build/bin/galago-engine --models "$work" --ballast "$work/ballast" \
	--cards "$cards" "${models[@]}" | tee "$work/results.md"
mkdir -p docs
cp "$work/results.md" docs/gpu-results.md.new
mv docs/gpu-results.md.new docs/gpu-results.md
echo "gpu-check: written to docs/gpu-results.md; the models in $work can be deleted."
