//go:build windows || (linux && cgo)

package vram

import (
	"math"
	"strings"

	"galago/assets/words"
)

// The codes of nvmlReturn_t in nvml.h that mean something here.
const (
	codeSuccess          nvmlCode = 0
	codeUninitialized    nvmlCode = 1
	codeNotSupported     nvmlCode = 3
	codeNoPermission     nvmlCode = 4
	codeDriverNotLoaded  nvmlCode = 9
	codeLibraryNotFound  nvmlCode = 12
	codeFunctionNotFound nvmlCode = 13
	codeLost             nvmlCode = 15
	codeResetRequired    nvmlCode = 16
	codeVersionMismatch  nvmlCode = 18
	codeUnknown          nvmlCode = 999
)

// OpenNVML loads the driver's library and starts NVML. Its error, and that of Read, is a sentence for people that says
// what is missing and what to do about it.
//
// A card that does not tell one figure (a laptop's power, an old card's utilization) is still read: see GPU. Reading
// needs no CUDA context and takes no GPU memory. A process should have one such Source open at a time, since go-nvml
// keeps its function table in variables of its package; Look and Monitor share one.
func OpenNVML() (Source, error) {
	lib, code := startNVML()
	if code != codeSuccess {
		return nil, sentence(code)
	}
	return &nvmlSource{lib: lib}, nil
}

// nvmlSource reads cards by the methods that go-nvml has on Linux, and our own binding on Windows. They differ in how a
// library is loaded and called, and in nothing of what is here.
type nvmlSource struct {
	lib     nvmlLibrary
	symbols map[string]bool // what this driver's library has
}

// Read implements Source. Of several cards one that fell off the bus is left out; the error then names it.
func (s *nvmlSource) Read() (driver string, gpus []GPU, err error) {
	driver, _ = s.lib.SystemGetDriverVersion()
	count, code := s.lib.DeviceGetCount()
	if code != codeSuccess {
		return driver, nil, sentence(code)
	}
	for i := range count {
		gpu, code := s.readGPU(i)
		if code != codeSuccess {
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

func (s *nvmlSource) readGPU(index int) (GPU, nvmlCode) {
	gpu := GPU{Index: index, Utilization: -1, Temperature: -1, Power: -1, PowerLimit: -1}
	device, code := s.lib.DeviceGetHandleByIndex(index)
	if code != codeSuccess {
		return gpu, code
	}
	code = s.readMemory(device, &gpu)
	if fatal(code) {
		return gpu, code
	}
	gpu.Note = s.note(device, code)
	if name, code := device.GetName(); code == codeSuccess {
		gpu.Name = name
	}
	if uuid, code := device.GetUUID(); code == codeSuccess {
		gpu.UUID = uuid
	}
	if s.has("nvmlDeviceGetUtilizationRates") {
		if rates, code := device.GetUtilizationRates(); code == codeSuccess {
			gpu.Utilization = int(rates.Gpu)
		}
	}
	if s.has("nvmlDeviceGetTemperature") {
		if celsius, code := device.GetTemperature(0); code == codeSuccess {
			gpu.Temperature = int(celsius)
		}
	}
	if s.has("nvmlDeviceGetPowerUsage") {
		if milliwatts, code := device.GetPowerUsage(); code == codeSuccess {
			gpu.Power = int(milliwatts)
		}
	}
	if s.has("nvmlDeviceGetEnforcedPowerLimit") {
		if milliwatts, code := device.GetEnforcedPowerLimit(); code == codeSuccess {
			gpu.PowerLimit = int(milliwatts)
		}
	}
	gpu.Processes = s.processes(device)
	return gpu, codeSuccess
}

// note says what is special about a card's figures; code is how reading its memory went.
func (s *nvmlSource) note(device nvmlDevice, code nvmlCode) string {
	var notes []string
	switch code {
	case codeSuccess:
	case codeNoPermission:
		notes = append(notes, words.T("This user may not read the card's memory. Ask the machine's administrator for access to it."))
	case codeNotSupported:
		notes = append(notes, words.T("This card does not tell how its memory is used."))
	default:
		notes = append(notes, words.T("The card's memory cannot be read now (NVML error %d).", int(code)))
	}
	if s.has("nvmlDeviceGetMigMode") {
		if mode, _, code := device.GetMigMode(); code == codeSuccess && mode == 1 {
			notes = append(notes, words.T("This card is divided into parts (MIG). The figures are of the whole card; "+
				"the engine runs in one part, which has less memory."))
		}
	}
	return strings.Join(notes, " ")
}

// readMemory prefers the second version of the call, which tells the driver's own share apart.
func (s *nvmlSource) readMemory(device nvmlDevice, gpu *GPU) nvmlCode {
	if s.has("nvmlDeviceGetMemoryInfo_v2") {
		m, code := device.GetMemoryInfo_v2()
		if code == codeSuccess {
			gpu.Total, gpu.Used, gpu.Free, gpu.Reserved = m.Total, m.Used, m.Free, m.Reserved
			return code
		}
		if fatal(code) {
			return code
		}
	}
	m, code := device.GetMemoryInfo()
	if code == codeSuccess {
		gpu.Total, gpu.Used, gpu.Free = m.Total, m.Used, m.Free
	}
	return code
}

// processes merges the programs that compute with those that draw, by number; nil when neither list is given, and when no
// program's share is told: a Windows display driver lists programs alone, since Windows manages their memory.
func (s *nvmlSource) processes(device nvmlDevice) []Process {
	var all []nvmlProcess
	listed := false
	take := func(symbol string, get func() ([]nvmlProcess, nvmlCode)) {
		if s.hasAny(symbol) {
			if list, code := get(); code == codeSuccess {
				all, listed = append(all, list...), true
			}
		}
	}
	take("nvmlDeviceGetComputeRunningProcesses", device.GetComputeRunningProcesses)
	take("nvmlDeviceGetGraphicsRunningProcesses", device.GetGraphicsRunningProcesses)
	if !listed {
		return nil
	}
	merged := []Process{}
	for _, p := range all {
		if p.UsedGpuMemory != math.MaxUint64 { // NVML_VALUE_NOT_AVAILABLE
			merged = append(merged, Process{PID: int(p.Pid), Used: p.UsedGpuMemory})
		}
	}
	if len(merged) == 0 && len(all) > 0 {
		return nil
	}
	merged = mergeByPID(merged)
	for i := range merged {
		merged[i].Name = programName(merged[i].PID)
	}
	return merged
}

// has reports whether the driver's library has a function. Calling one that it lacks would end this process.
func (s *nvmlSource) has(symbol string) bool {
	found, known := s.symbols[symbol]
	if !known {
		if s.symbols == nil {
			s.symbols = map[string]bool{}
		}
		found = hasSymbol(s.lib, symbol)
		s.symbols[symbol] = found
	}
	return found
}

func (s *nvmlSource) hasAny(symbol string) bool {
	return s.has(symbol) || s.has(symbol+"_v2") || s.has(symbol+"_v3")
}

// fatal reports whether a code speaks of the card or driver as a whole rather than of one figure.
func fatal(code nvmlCode) bool {
	switch code {
	case codeLost, codeUninitialized, codeDriverNotLoaded,
		codeVersionMismatch, codeResetRequired, codeUnknown:
		return true
	}
	return false
}

func errNoCard() error {
	return absent(words.T("The NVIDIA driver is running but sees no card. " +
		"Check that the card is seated and powered, or switched on in the laptop's graphics settings."))
}

// sentence never asks the library for its own words: after a failed start it may not be there any more.
func sentence(code nvmlCode) error {
	switch code {
	case codeLibraryNotFound:
		return absent(words.T("No NVIDIA driver was found (%s is missing). "+
			"With an NVIDIA card in this machine, install its driver to see the card's memory here.", libraryName))
	case codeDriverNotLoaded:
		return absent(words.T("The NVIDIA driver is installed but not running. " +
			"Restart the machine; if that does not help, install the driver again."))
	case codeVersionMismatch:
		return missing(words.T("The NVIDIA driver was updated while it was running, so its parts no longer match. " +
			"Restart the machine."))
	case codeLost:
		return missing(words.T("The graphics card has stopped answering (it fell off the bus or overheated). " +
			"Restart the machine; if it happens again, check the card's power and cooling."))
	case codeResetRequired:
		return missing(words.T("The graphics card must be reset before it can be used. Restart the machine."))
	case codeNoPermission:
		return missing(noPermission())
	case codeFunctionNotFound:
		return missing(words.T("The NVIDIA driver is too old to tell the card's memory. Install a newer one."))
	default:
		return missing(words.T("The NVIDIA driver gives no readings (NVML error %d). "+
			"Restart the machine; if that does not help, install the driver again.", int(code)))
	}
}
