package doctor

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	x86 "golang.org/x/sys/cpu"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var (
	kernel32                         = windows.NewLazySystemDLL("kernel32.dll")
	globalMemoryStatusEx             = kernel32.NewProc("GlobalMemoryStatusEx")
	getLogicalProcessorInformationEx = kernel32.NewProc("GetLogicalProcessorInformationEx")
	getSystemPowerStatus             = kernel32.NewProc("GetSystemPowerStatus")
	wineGetVersion                   = windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version")
)

var system = facts{distribution: windowsName, cpu: processor, memory: memoryStatus, power: powerStatus, pci: presentCards}

// disk is a drive, or a folder on which one is mounted.
type disk struct {
	free uint64 // bytes that this user may still take
	id   string
	kind string // what makes it slow; mostly empty
	ok   bool
}

func diskOf(path string) disk {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return disk{}
	}
	d := disk{id: filepath.VolumeName(path), ok: true}
	if windows.GetDiskFreeSpaceEx(name, &d.free, nil, nil) != nil {
		return disk{}
	}
	root := make([]uint16, windows.MAX_LONG_PATH)
	if windows.GetVolumePathName(name, &root[0], uint32(len(root))) == nil {
		d.id = windows.UTF16ToString(root)
		if windows.GetDriveType(&root[0]) == windows.DRIVE_REMOTE {
			d.kind = "a network drive"
		}
	}
	return d
}

// writable reports whether this user may make files in a folder: a handle is asked for that would be allowed to, which is
// what Windows checks the folder's rights against. Attributes tell nothing of it.
func writable(path string) bool {
	const addFile = 0x2 // FILE_ADD_FILE
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return false
	}
	h, err := windows.CreateFile(name, addFile, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return false
	}
	_ = windows.CloseHandle(h)
	return true
}

func usable(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func kernelVersion() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("build %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}

// firstOf11 is the first build of Windows 11, which calls itself Windows 10 in the registry.
const firstOf11 = 22000

// windowsName is such as "Windows 11 Pro 24H2".
func windowsName() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion`, registry.QUERY_VALUE)
	if err != nil {
		return "Windows"
	}
	defer key.Close()
	product, _, _ := key.GetStringValue("ProductName")
	release, _, _ := key.GetStringValue("DisplayVersion")
	name := nameOf(product, release, windows.RtlGetVersion().BuildNumber)
	if wineGetVersion.Find() == nil {
		version, _, _ := wineGetVersion.Call()
		name += ", in Wine " + windows.BytePtrToString(*(**byte)(unsafe.Pointer(&version)))
	}
	return name
}

// nameOf puts together what the registry says of a build of Windows.
func nameOf(product, release string, build uint32) string {
	product = strings.TrimSpace(strings.TrimPrefix(product, "Microsoft "))
	if product == "" {
		product = "Windows"
	}
	if build >= firstOf11 {
		product = strings.Replace(product, "Windows 10", "Windows 11", 1)
	}
	return strings.TrimSpace(product + " " + release)
}

// processor reads what the firmware and the processor itself say. Of the features only those are named that ggml chooses
// its variant by.
func processor() cpu {
	c := cpu{cores: cores(), threads: runtime.NumCPU(), features: features()}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `HARDWARE\DESCRIPTION\System\CentralProcessor\0`, registry.QUERY_VALUE)
	if err != nil {
		return c
	}
	defer key.Close()
	c.model, _, _ = key.GetStringValue("ProcessorNameString")
	c.model = strings.TrimSpace(c.model)
	c.emulation = emulation(c.model)
	return c
}

func features() []string {
	if runtime.GOARCH != "amd64" {
		return nil
	}
	list := []string{"sse2"}
	for name, has := range map[string]bool{"avx": x86.X86.HasAVX, "avx2": x86.X86.HasAVX2, "fma": x86.X86.HasFMA, "avx512f": x86.X86.HasAVX512F} {
		if has {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// cores counts the processor's cores; 0 where Windows does not say. The function gives a list of records, each of which
// begins with its kind and its length.
func cores() int {
	const relationProcessorCore = 0
	if getLogicalProcessorInformationEx.Find() != nil {
		return 0
	}
	var size uint32
	getLogicalProcessorInformationEx.Call(relationProcessorCore, 0, uintptr(unsafe.Pointer(&size)))
	if size == 0 {
		return 0
	}
	data := make([]byte, size)
	if ok, _, _ := getLogicalProcessorInformationEx.Call(relationProcessorCore, uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&size))); ok == 0 {
		return 0
	}
	n := 0
	for data = data[:size]; len(data) >= 8; n++ {
		length := binary.LittleEndian.Uint32(data[4:])
		if length < 8 || int(length) > len(data) {
			break
		}
		data = data[length:]
	}
	return n
}

// memoryStatus asks for the system's memory. What Windows may commit to beyond it is its page file.
func memoryStatus() memory {
	var m struct { // MEMORYSTATUSEX
		size, load              uint32
		total, free             uint64
		commitLimit, commitLeft uint64
		_, _, _                 uint64
	}
	m.size = uint32(unsafe.Sizeof(m))
	if ok, _, _ := globalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&m))); ok == 0 {
		return memory{}
	}
	out := memory{total: m.total, free: min(m.free, m.commitLeft)}
	if m.commitLimit > m.total {
		out.swap = m.commitLimit - m.total
		committed, resident := m.commitLimit-m.commitLeft, m.total-m.free
		if committed > resident {
			out.swapped = min(committed-resident, out.swap)
		}
	}
	return out
}

func powerStatus() power {
	var s struct { // SYSTEM_POWER_STATUS
		line, battery, percent, saver uint8
		seconds, fullSeconds          uint32
	}
	if ok, _, _ := getSystemPowerStatus.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return power{}
	}
	const onBattery, saving = 0, 1
	return power{battery: s.line == onBattery, saver: s.saver == saving}
}

// presentCards lists NVIDIA's display controllers that are plugged in, whether or not anything drives them.
func presentCards() []pciCard {
	set, err := windows.SetupDiGetClassDevsEx(nil, "PCI", 0, windows.DIGCF_PRESENT|windows.DIGCF_ALLCLASSES, 0, "")
	if err != nil {
		return nil
	}
	defer set.Close()
	var list []pciCard
	for i := 0; ; i++ {
		device, err := set.EnumDeviceInfo(i)
		if err != nil {
			return list
		}
		if !nvidiaDisplay(words(set, device, windows.SPDRP_HARDWAREID), words(set, device, windows.SPDRP_COMPATIBLEIDS)) {
			continue
		}
		service := strings.Join(words(set, device, windows.SPDRP_SERVICE), "")
		list = append(list, pciCard{driver: strings.ToLower(service)})
	}
}

// words are a property of a device that is a text, or several.
func words(set windows.DevInfo, device *windows.DevInfoData, property windows.SPDRP) []string {
	value, err := set.DeviceRegistryProperty(device, property)
	if err != nil {
		return nil
	}
	switch v := value.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	}
	return nil
}

// nvidiaDisplay reports whether a device's names say that NVIDIA made it (PCI's vendor 10DE) and that it is a display
// controller (PCI's class 03).
func nvidiaDisplay(hardware, compatible []string) bool {
	vendor := func(id string) bool { return strings.HasPrefix(strings.ToUpper(id), `PCI\VEN_10DE`) }
	class := func(id string) bool { return strings.Contains(strings.ToUpper(id), "CC_03") }
	return slices.ContainsFunc(hardware, vendor) && (slices.ContainsFunc(hardware, class) || slices.ContainsFunc(compatible, class))
}

// libraries are those that a process has loaded.
func libraries(pid int) []string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, uint32(pid))
	if err != nil {
		return nil
	}
	defer windows.CloseHandle(process)
	modules := make([]windows.Handle, 1024)
	const each = uint32(unsafe.Sizeof(modules[0]))
	var need uint32
	if windows.EnumProcessModulesEx(process, &modules[0], uint32(len(modules))*each, &need, windows.LIST_MODULES_ALL) != nil {
		return nil
	}
	var list []string
	name := make([]uint16, windows.MAX_LONG_PATH)
	for _, m := range modules[:min(int(need/each), len(modules))] {
		if windows.GetModuleFileNameEx(process, m, &name[0], uint32(len(name))) == nil {
			list = append(list, windows.UTF16ToString(name))
		}
	}
	return list
}

func addressLimit() uint64 { return 0 }
