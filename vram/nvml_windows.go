package vram

import (
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"galago/assets/words"
)

// nvmlCode is nvmlReturn_t.
type nvmlCode int32

// libraryName is what NVML is in.
const libraryName = "nvml.dll"

const codeInsufficientSize nvmlCode = 7

// nvmlLibrary is a loaded nvml.dll. Its methods, and those of a device, bear the names of go-nvml's, which needs cgo and
// dlopen, so that one Source serves both systems. Sizes and structures are those of nvml.h.
type nvmlLibrary = *nvmlDLL

type nvmlDLL struct{ dll *windows.DLL }

// nvmlFolders are where NVIDIA's driver puts nvml.dll: with the system's libraries or, before about 2018, in a folder of
// its own. No other is looked into: a file of that name beside a program or in the search path is not the driver's.
var nvmlFolders = func() []string {
	var list []string
	if system, err := windows.GetSystemDirectory(); err == nil {
		list = append(list, system)
	}
	if programs, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, windows.KF_FLAG_DEFAULT); err == nil {
		list = append(list, filepath.Join(programs, "NVIDIA Corporation", "NVSMI"))
	}
	return list
}

// openIn loads a library from the first of these folders that has it. What it needs itself comes from its own folder or
// the system's.
func openIn(folders []string, name string) (*windows.DLL, error) {
	const from = windows.LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | windows.LOAD_LIBRARY_SEARCH_SYSTEM32
	var err error = windows.ERROR_MOD_NOT_FOUND
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		var handle windows.Handle
		if handle, err = windows.LoadLibraryEx(path, 0, from); err == nil {
			return &windows.DLL{Name: path, Handle: handle}, nil
		}
	}
	return nil, err
}

func startNVML() (nvmlLibrary, nvmlCode) {
	dll, err := openIn(nvmlFolders(), libraryName)
	if err != nil {
		return nil, codeLibraryNotFound
	}
	lib := &nvmlDLL{dll: dll}
	if code := lib.call("nvmlInit_v2"); code != codeSuccess {
		dll.Release()
		return nil, code
	}
	return lib, codeSuccess
}

func hasSymbol(lib nvmlLibrary, symbol string) bool {
	_, err := lib.dll.FindProc(symbol)
	return err == nil
}

// call calls a function of the library, if it has it.
//
//go:uintptrescapes
func (l *nvmlDLL) call(symbol string, args ...uintptr) nvmlCode {
	proc, err := l.dll.FindProc(symbol)
	if err != nil {
		return codeFunctionNotFound
	}
	code, _, _ := proc.Call(args...)
	return nvmlCode(int32(code)) // an enum: the upper half of the register says nothing
}

// Shutdown ends NVML and lets go of the library, so that an updated driver's is loaded next.
func (l *nvmlDLL) Shutdown() nvmlCode {
	code := l.call("nvmlShutdown")
	l.dll.Release()
	return code
}

func (l *nvmlDLL) SystemGetDriverVersion() (string, nvmlCode) {
	var text [80]byte
	code := l.call("nvmlSystemGetDriverVersion", uintptr(unsafe.Pointer(&text)), uintptr(len(text)))
	return windows.ByteSliceToString(text[:]), code
}

func (l *nvmlDLL) SystemGetCudaDriverVersion_v2() (int, nvmlCode) {
	var n int32
	code := l.call("nvmlSystemGetCudaDriverVersion_v2", uintptr(unsafe.Pointer(&n)))
	return int(n), code
}

func (l *nvmlDLL) DeviceGetCount() (int, nvmlCode) {
	var n uint32
	code := l.call("nvmlDeviceGetCount_v2", uintptr(unsafe.Pointer(&n)))
	return int(n), code
}

func (l *nvmlDLL) DeviceGetHandleByIndex(index int) (nvmlDevice, nvmlCode) {
	d := nvmlDevice{lib: l}
	code := l.call("nvmlDeviceGetHandleByIndex_v2", uintptr(index), uintptr(unsafe.Pointer(&d.handle)))
	return d, code
}

// nvmlDevice is a card. Its handle is the library's and only goes back to it.
type nvmlDevice struct {
	lib    *nvmlDLL
	handle uintptr
}

func (d nvmlDevice) text(symbol string) (string, nvmlCode) {
	var text [96]byte // NVML_DEVICE_NAME_V2_BUFFER_SIZE, NVML_DEVICE_UUID_V2_BUFFER_SIZE
	code := d.lib.call(symbol, d.handle, uintptr(unsafe.Pointer(&text)), uintptr(len(text)))
	return windows.ByteSliceToString(text[:]), code
}

func (d nvmlDevice) GetName() (string, nvmlCode) { return d.text("nvmlDeviceGetName") }

func (d nvmlDevice) GetUUID() (string, nvmlCode) { return d.text("nvmlDeviceGetUUID") }

// number asks for a figure of 32 bits.
func (d nvmlDevice) number(symbol string) (uint32, nvmlCode) {
	var n uint32
	code := d.lib.call(symbol, d.handle, uintptr(unsafe.Pointer(&n)))
	return n, code
}

// numberOf asks for a figure of 32 bits of one of the card's parts.
func (d nvmlDevice) numberOf(symbol string, part int) (uint32, nvmlCode) {
	var n uint32
	code := d.lib.call(symbol, d.handle, uintptr(part), uintptr(unsafe.Pointer(&n)))
	return n, code
}

// pair asks for two figures of 32 bits.
func (d nvmlDevice) pair(symbol string) (int, int, nvmlCode) {
	var a, b int32
	code := d.lib.call(symbol, d.handle, uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&b)))
	return int(a), int(b), code
}

type nvmlUtilization struct{ Gpu, Memory uint32 }

func (d nvmlDevice) GetUtilizationRates() (u nvmlUtilization, code nvmlCode) {
	code = d.lib.call("nvmlDeviceGetUtilizationRates", d.handle, uintptr(unsafe.Pointer(&u)))
	return u, code
}

func (d nvmlDevice) GetTemperature(sensor int) (uint32, nvmlCode) {
	return d.numberOf("nvmlDeviceGetTemperature", sensor)
}

func (d nvmlDevice) GetPowerUsage() (uint32, nvmlCode) { return d.number("nvmlDeviceGetPowerUsage") }

func (d nvmlDevice) GetEnforcedPowerLimit() (uint32, nvmlCode) {
	return d.number("nvmlDeviceGetEnforcedPowerLimit")
}

func (d nvmlDevice) GetMigMode() (now, pending int, code nvmlCode) {
	return d.pair("nvmlDeviceGetMigMode")
}

type nvmlMemory struct{ Total, Free, Used uint64 }

func (d nvmlDevice) GetMemoryInfo() (m nvmlMemory, code nvmlCode) {
	code = d.lib.call("nvmlDeviceGetMemoryInfo", d.handle, uintptr(unsafe.Pointer(&m)))
	return m, code
}

type nvmlMemory2 struct {
	version                     uint32
	Total, Reserved, Free, Used uint64
}

func (d nvmlDevice) GetMemoryInfo_v2() (m nvmlMemory2, code nvmlCode) {
	m.version = uint32(unsafe.Sizeof(m)) | 2<<24 // NVML_STRUCT_VERSION
	code = d.lib.call("nvmlDeviceGetMemoryInfo_v2", d.handle, uintptr(unsafe.Pointer(&m)))
	return m, code
}

// nvmlProcess is nvmlProcessInfo_t; its first version ends before Instance.
type nvmlProcess struct {
	Pid               uint32
	UsedGpuMemory     uint64
	Instance, Compute uint32
}

func (d nvmlDevice) GetComputeRunningProcesses() ([]nvmlProcess, nvmlCode) {
	return d.running("nvmlDeviceGetComputeRunningProcesses")
}

func (d nvmlDevice) GetGraphicsRunningProcesses() ([]nvmlProcess, nvmlCode) {
	return d.running("nvmlDeviceGetGraphicsRunningProcesses")
}

// running prefers the newest version of a call that the library has.
func (d nvmlDevice) running(symbol string) ([]nvmlProcess, nvmlCode) {
	for _, version := range []string{"_v3", "_v2"} {
		if hasSymbol(d.lib, symbol+version) {
			return list[nvmlProcess](d, symbol+version)
		}
	}
	type first struct {
		pid  uint32
		used uint64
	}
	old, code := list[first](d, symbol)
	var all []nvmlProcess
	for _, p := range old {
		all = append(all, nvmlProcess{Pid: p.pid, UsedGpuMemory: p.used})
	}
	return all, code
}

// list makes room until all fit: between two calls there may be more programs.
func list[T any](d nvmlDevice, symbol string) ([]T, nvmlCode) {
	for room := uint32(64); ; room *= 2 {
		all, n := make([]T, room), room
		code := d.lib.call(symbol, d.handle, uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(&all[0])))
		if code == codeSuccess && n <= room {
			return all[:n], code
		}
		if code != codeInsufficientSize || room > 1<<16 {
			return nil, code
		}
	}
}

func (d nvmlDevice) GetCudaComputeCapability() (major, minor int, code nvmlCode) {
	return d.pair("nvmlDeviceGetCudaComputeCapability")
}

func (d nvmlDevice) GetComputeMode() (uint32, nvmlCode) { return d.number("nvmlDeviceGetComputeMode") }

func (d nvmlDevice) GetPersistenceMode() (uint32, nvmlCode) {
	return d.number("nvmlDeviceGetPersistenceMode")
}

func (d nvmlDevice) figure(symbol string) (int, nvmlCode) {
	n, code := d.number(symbol)
	return int(n), code
}

func (d nvmlDevice) GetCurrPcieLinkGeneration() (int, nvmlCode) {
	return d.figure("nvmlDeviceGetCurrPcieLinkGeneration")
}

func (d nvmlDevice) GetCurrPcieLinkWidth() (int, nvmlCode) {
	return d.figure("nvmlDeviceGetCurrPcieLinkWidth")
}

func (d nvmlDevice) GetMaxPcieLinkGeneration() (int, nvmlCode) {
	return d.figure("nvmlDeviceGetMaxPcieLinkGeneration")
}

func (d nvmlDevice) GetMaxPcieLinkWidth() (int, nvmlCode) {
	return d.figure("nvmlDeviceGetMaxPcieLinkWidth")
}

func (d nvmlDevice) GetCurrentClocksThrottleReasons() (bits uint64, code nvmlCode) {
	code = d.lib.call("nvmlDeviceGetCurrentClocksThrottleReasons", d.handle, uintptr(unsafe.Pointer(&bits)))
	return bits, code
}

func (d nvmlDevice) GetMemoryBusWidth() (uint32, nvmlCode) {
	return d.number("nvmlDeviceGetMemoryBusWidth")
}

func (d nvmlDevice) GetMaxClockInfo(clock int) (uint32, nvmlCode) {
	return d.numberOf("nvmlDeviceGetMaxClockInfo", clock)
}

// programName is the name of a process's file without its ending; empty for one that may not be asked.
func programName(pid int) string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(process)
	path := make([]uint16, windows.MAX_LONG_PATH)
	n := uint32(len(path))
	if err := windows.QueryFullProcessImageName(process, 0, &path[0], &n); err != nil {
		return ""
	}
	name := filepath.Base(windows.UTF16ToString(path[:n]))
	if ext := filepath.Ext(name); strings.EqualFold(ext, ".exe") {
		name = strings.TrimSuffix(name, ext)
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(name, "")), " ")
}

func noPermission() string {
	return words.T("This user may not read the graphics card. Ask the machine's administrator for access to it.")
}
