#!/usr/bin/env bash
# Builds stand-ins of nvml.dll and pdh.dll for tests of the Windows programs: "fake-nvml.sh FOLDER". FOLDER/old has an nvml.dll
# as drivers before version 510 had it. GALAGO_FAKE_NVML=FOLDER tells vram's tests; a copy of nvml.dll in the System32 of a
# Wine prefix is found by the programs themselves. What they tell is in the file that FAKE_NVML_SCRIPT names (FAKE_PDH_SCRIPT
# for pdh.dll): see vram/testdata/*.c.
set -euo pipefail
folder=${1:?usage: scripts/fake-nvml.sh FOLDER}
mkdir -p "$folder/old"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/../vram/testdata"
cc=(x86_64-w64-mingw32-gcc-posix -O1 -s -Wall -Wextra -Werror -shared -static)
"${cc[@]}" -o "$folder/nvml.dll" fakenvml.c
"${cc[@]}" -DOLD_DRIVER -o "$folder/old/nvml.dll" fakenvml.c
"${cc[@]}" -o "$folder/pdh.dll" fakepdh.c
