package doctor

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// disk is a drive.
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
	var free uint64
	if windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil {
		return disk{}
	}
	return disk{free: free, id: filepath.VolumeName(path), ok: true}
}

// writable cannot be told from Windows' attributes; a folder that is there counts.
func writable(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func usable(path string) bool { return writable(path) }

func kernelVersion() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}

func addressLimit() uint64 { return 0 }
