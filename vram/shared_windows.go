package vram

import (
	"fmt"
	"math"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// counterFolders are where pdh.dll is.
var counterFolders = func() []string {
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return nil
	}
	return []string{system}
}

// sharedUsage is the counter behind "shared GPU memory" in Windows' task manager, under its English name, which holds in
// all languages. It has an instance for each process on each card: pid_1234_luid_0x00000000_0x0000C5A7_phys_0.
const sharedUsage = `\GPU Process Memory(*)\Shared Usage`

// What PDH answers, from pdhmsg.h, and asks for, from pdh.h.
const (
	pdhMoreData = 0x800007D2
	pdhNoData   = 0x800007D5 // there is no instance
	pdhLarge    = 0x00000400 // a figure as an int64
)

// counters is a PDH query with the one counter.
type counters struct {
	dll            *windows.DLL
	query, counter uintptr
}

var openShared = func() (sharedReader, error) {
	dll, err := openIn(counterFolders(), "pdh.dll")
	if err != nil {
		return nil, err
	}
	path, err := windows.UTF16PtrFromString(sharedUsage)
	if err != nil {
		return nil, err
	}
	c := &counters{dll: dll}
	if err := c.call("PdhOpenQueryW", 0, 0, uintptr(unsafe.Pointer(&c.query))); err != nil {
		dll.Release()
		return nil, err
	}
	if err := c.call("PdhAddEnglishCounterW", c.query, uintptr(unsafe.Pointer(path)), 0, uintptr(unsafe.Pointer(&c.counter))); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// pdhError is a PDH_STATUS other than success.
type pdhError uint32

func (e pdhError) Error() string { return fmt.Sprintf("performance counters: error %#x", uint32(e)) }

//go:uintptrescapes
func (c *counters) call(symbol string, args ...uintptr) error {
	proc, err := c.dll.FindProc(symbol)
	if err != nil {
		return err
	}
	if code, _, _ := proc.Call(args...); uint32(code) != 0 {
		return pdhError(code)
	}
	return nil
}

// counterItem is PDH_FMT_COUNTERVALUE_ITEM_W with a large value.
type counterItem struct {
	name   uintptr // address of its text
	status uint32
	value  int64
}

// read adds up what a process has on all cards.
func (c *counters) read(pid int) (uint64, error) {
	switch err := c.call("PdhCollectQueryData", c.query); err {
	case nil:
	case pdhError(pdhNoData):
		return 0, nil
	default:
		return 0, err
	}
	bytes, prefix := uint64(0), fmt.Sprintf("pid_%d_", pid)
	err := c.each(func(name string, value uint64) {
		if strings.HasPrefix(name, prefix) {
			bytes += value
		}
	})
	return bytes, err
}

// each tells the instances of the last look. PDH puts their names behind them into the same memory, which is of plain numbers
// so that Go's collector does not take text for addresses.
func (c *counters) each(tell func(name string, value uint64)) error {
	memory, n, err := c.items()
	if err != nil || n == 0 {
		return err
	}
	first := unsafe.Pointer(&memory[0])
	text := unsafe.Slice((*uint16)(first), len(memory)*4)
	for _, item := range unsafe.Slice((*counterItem)(first), n) {
		at := (item.name - uintptr(first)) / 2
		valid := item.status <= 1 // PDH_CSTATUS_VALID_DATA, PDH_CSTATUS_NEW_DATA
		if valid && item.value > 0 && at < uintptr(len(text)) {
			tell(windows.UTF16ToString(text[at:]), uint64(item.value))
		}
	}
	return nil
}

// items is memory that n counterItems begin. Between the call that tells how much there must be and the one that fills it,
// programs may have come.
func (c *counters) items() (memory []uint64, n int, err error) {
	for size := uint32(0); ; {
		memory = make([]uint64, size/8+1)
		size = uint32(len(memory) * 8)
		count := uint32(0)
		err := c.call("PdhGetFormattedCounterArrayW", c.counter, pdhLarge,
			uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&count)), uintptr(unsafe.Pointer(&memory[0])))
		if err == nil {
			most := len(memory) * 8 / int(unsafe.Sizeof(counterItem{}))
			return memory, min(int(count), most), nil
		}
		if err != pdhError(pdhMoreData) || size > math.MaxInt32 {
			return nil, 0, err
		}
	}
}

func (c *counters) close() {
	c.call("PdhCloseQuery", c.query)
	c.dll.Release()
}
