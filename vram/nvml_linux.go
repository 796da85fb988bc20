//go:build linux && cgo

package vram

import (
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"galago/assets/words"
)

// OpenNVML loads libnvidia-ml.so.1 and starts NVML. Its error, and that of Read, is a sentence for people that says
// what is missing and what to do about it.
//
// A card that does not tell one figure (a laptop's power, an old card's utilization) is still read: see GPU. Reading
// needs no CUDA context and takes no GPU memory. A process should have one such Source open at a time, since go-nvml
// keeps its function table in variables of its package; Look and Monitor share one.
func OpenNVML() (Source, error) {
	lib := nvml.New()
	if code := lib.Init(); code != nvml.SUCCESS {
		return nil, sentence(code)
	}
	return &nvmlSource{lib: lib}, nil
}

type nvmlSource struct {
	lib     nvml.Interface
	symbols map[string]bool // what this driver's library has
}

// Read implements Source. Of several cards one that fell off the bus is left out; the error then names it.
func (s *nvmlSource) Read() (driver string, gpus []GPU, err error) {
	driver, _ = s.lib.SystemGetDriverVersion()
	count, code := s.lib.DeviceGetCount()
	if code != nvml.SUCCESS {
		return driver, nil, sentence(code)
	}
	for i := range count {
		gpu, code := s.readGPU(i)
		if code != nvml.SUCCESS {
			err = sentence(code)
			if count > 1 {
				err = missing(words.T("GPU %d cannot be read. %s", i, err))
			}
			continue
		}
		gpus = append(gpus, gpu)
	}
	if count == 0 {
		err = errNoCard()
	}
	return driver, gpus, err
}

// Close implements Source.
func (s *nvmlSource) Close() { s.lib.Shutdown() }

func (s *nvmlSource) readGPU(index int) (GPU, nvml.Return) {
	gpu := GPU{Index: index, Utilization: -1, Temperature: -1, Power: -1, PowerLimit: -1}
	device, code := s.lib.DeviceGetHandleByIndex(index)
	if code != nvml.SUCCESS {
		return gpu, code
	}
	code = s.readMemory(device, &gpu)
	if fatal(code) {
		return gpu, code
	}
	gpu.Note = s.note(device, code)
	if name, code := device.GetName(); code == nvml.SUCCESS {
		gpu.Name = name
	}
	if uuid, code := device.GetUUID(); code == nvml.SUCCESS {
		gpu.UUID = uuid
	}
	if s.has("nvmlDeviceGetUtilizationRates") {
		if rates, code := device.GetUtilizationRates(); code == nvml.SUCCESS {
			gpu.Utilization = int(rates.Gpu)
		}
	}
	if s.has("nvmlDeviceGetTemperature") {
		if celsius, code := device.GetTemperature(nvml.TEMPERATURE_GPU); code == nvml.SUCCESS {
			gpu.Temperature = int(celsius)
		}
	}
	if s.has("nvmlDeviceGetPowerUsage") {
		if milliwatts, code := device.GetPowerUsage(); code == nvml.SUCCESS {
			gpu.Power = int(milliwatts)
		}
	}
	if s.has("nvmlDeviceGetEnforcedPowerLimit") {
		if milliwatts, code := device.GetEnforcedPowerLimit(); code == nvml.SUCCESS {
			gpu.PowerLimit = int(milliwatts)
		}
	}
	gpu.Processes = s.processes(device)
	return gpu, nvml.SUCCESS
}

// note says what is special about a card's figures; code is how reading its memory went.
func (s *nvmlSource) note(device nvml.Device, code nvml.Return) string {
	var notes []string
	switch code {
	case nvml.SUCCESS:
	case nvml.ERROR_NO_PERMISSION:
		notes = append(notes, words.T("This user may not read the card's memory. Ask the machine's administrator for access to it."))
	case nvml.ERROR_NOT_SUPPORTED:
		notes = append(notes, words.T("This card does not tell how its memory is used."))
	default:
		notes = append(notes, words.T("The card's memory cannot be read now (NVML error %d).", int(code)))
	}
	if s.has("nvmlDeviceGetMigMode") {
		if mode, _, code := device.GetMigMode(); code == nvml.SUCCESS && mode == nvml.DEVICE_MIG_ENABLE {
			notes = append(notes, words.T("This card is divided into parts (MIG). The figures are of the whole card; "+
				"the engine runs in one part, which has less memory."))
		}
	}
	return strings.Join(notes, " ")
}

// readMemory prefers the second version of the call, which tells the driver's own share apart.
func (s *nvmlSource) readMemory(device nvml.Device, gpu *GPU) nvml.Return {
	if s.has("nvmlDeviceGetMemoryInfo_v2") {
		m, code := device.GetMemoryInfo_v2()
		if code == nvml.SUCCESS {
			gpu.Total, gpu.Used, gpu.Free, gpu.Reserved = m.Total, m.Used, m.Free, m.Reserved
			return code
		}
		if fatal(code) {
			return code
		}
	}
	m, code := device.GetMemoryInfo()
	if code == nvml.SUCCESS {
		gpu.Total, gpu.Used, gpu.Free = m.Total, m.Used, m.Free
	}
	return code
}

// processes merges the programs that compute with those that draw, by number; nil when neither list is given.
func (s *nvmlSource) processes(device nvml.Device) []Process {
	var lists [][]nvml.ProcessInfo
	if s.hasAny("nvmlDeviceGetComputeRunningProcesses") {
		if list, code := device.GetComputeRunningProcesses(); code == nvml.SUCCESS {
			lists = append(lists, list)
		}
	}
	if s.hasAny("nvmlDeviceGetGraphicsRunningProcesses") {
		if list, code := device.GetGraphicsRunningProcesses(); code == nvml.SUCCESS {
			lists = append(lists, list)
		}
	}
	if lists == nil {
		return nil
	}
	merged := []Process{}
	for _, list := range lists {
		for _, p := range list {
			if p.UsedGpuMemory != math.MaxUint64 { // NVML's "not available"
				merged = append(merged, Process{PID: int(p.Pid), Used: p.UsedGpuMemory})
			}
		}
	}
	merged = mergeByPID(merged)
	for i := range merged {
		merged[i].Name = programName(merged[i].PID)
	}
	return merged
}

// programName is what the kernel calls a process, without what would break a line of text.
func programName(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // of another user's process it may be hidden
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(name), "")), " ")
}

// has reports whether the driver's library has a function. Calling one that it lacks would end this process.
func (s *nvmlSource) has(symbol string) bool {
	found, known := s.symbols[symbol]
	if !known {
		if s.symbols == nil {
			s.symbols = map[string]bool{}
		}
		found = s.lib.Extensions().LookupSymbol(symbol) == nil
		s.symbols[symbol] = found
	}
	return found
}

func (s *nvmlSource) hasAny(symbol string) bool {
	return s.has(symbol) || s.has(symbol+"_v2") || s.has(symbol+"_v3")
}

// fatal reports whether a code speaks of the card or driver as a whole rather than of one figure.
func fatal(code nvml.Return) bool {
	switch code {
	case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_UNINITIALIZED, nvml.ERROR_DRIVER_NOT_LOADED,
		nvml.ERROR_LIB_RM_VERSION_MISMATCH, nvml.ERROR_RESET_REQUIRED, nvml.ERROR_UNKNOWN:
		return true
	}
	return false
}

func errNoCard() error {
	return absent(words.T("The NVIDIA driver is running but sees no card. " +
		"Check that the card is seated and powered, or switched on in the laptop's graphics settings."))
}

// sentence never asks the library for its own words: after a failed start it may not be there any more.
func sentence(code nvml.Return) error {
	switch code {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return absent(words.T("No NVIDIA driver was found (libnvidia-ml.so.1 is missing). " +
			"With an NVIDIA card in this machine, install its driver to see the card's memory here."))
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return absent(words.T("The NVIDIA driver is installed but not running. " +
			"Restart the machine; if that does not help, install the driver again."))
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return missing(words.T("The NVIDIA driver was updated while it was running, so its parts no longer match. " +
			"Restart the machine."))
	case nvml.ERROR_GPU_IS_LOST:
		return missing(words.T("The graphics card has stopped answering (it fell off the bus or overheated). " +
			"Restart the machine; if it happens again, check the card's power and cooling."))
	case nvml.ERROR_RESET_REQUIRED:
		return missing(words.T("The graphics card must be reset before it can be used. Restart the machine."))
	case nvml.ERROR_NO_PERMISSION:
		return missing(words.T("This user may not read the graphics card. " +
			"Ask for access to /dev/nvidia*, on most systems by joining the group video or render."))
	case nvml.ERROR_FUNCTION_NOT_FOUND:
		return missing(words.T("The NVIDIA driver is too old to tell the card's memory. Install a newer one."))
	default:
		return missing(words.T("The NVIDIA driver gives no readings (NVML error %d). "+
			"Restart the machine; if that does not help, install the driver again.", int(code)))
	}
}
