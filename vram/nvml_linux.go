//go:build linux && cgo

package vram

import (
	"fmt"
	"os"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"galago/assets/words"
)

type (
	nvmlLibrary = nvml.Interface
	nvmlDevice  = nvml.Device
	nvmlProcess = nvml.ProcessInfo
	nvmlCode    = nvml.Return
)

// libraryName is what NVML is in.
const libraryName = "libnvidia-ml.so.1"

// startNVML loads it from where the system's libraries are.
func startNVML() (nvmlLibrary, nvmlCode) {
	lib := nvml.New()
	return lib, lib.Init()
}

func hasSymbol(lib nvmlLibrary, symbol string) bool {
	return lib.Extensions().LookupSymbol(symbol) == nil
}

// programName is what the kernel calls a process, without what would break a line of text.
func programName(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // of another user's process it may be hidden
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(name), "")), " ")
}

func noPermission() string {
	return words.T("This user may not read the graphics card. " +
		"Ask for access to /dev/nvidia*, on most systems by joining the group video or render.")
}
