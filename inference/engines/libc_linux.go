package engines

import (
	"bufio"
	"debug/elf"
	"os"
	"strings"
)

// libc is the version of the GNU C library that this program runs with, such as 2.36; empty where it runs with none, or
// another. Libraries say in their headers which versions they know.
func libc() string {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return ""
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if i := strings.IndexByte(lines.Text(), '/'); i > 0 && strings.HasSuffix(lines.Text(), "/libc.so.6") {
			return newestGLibC(lines.Text()[i:])
		}
	}
	return ""
}

// newestGLibC is the newest version that a C library defines.
func newestGLibC(path string) string {
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	versions, err := f.DynamicVersions()
	if err != nil {
		return ""
	}
	newest := ""
	for _, v := range versions {
		if number, ok := strings.CutPrefix(v.Name, "GLIBC_"); ok && compareVersions(number, newest) > 0 && number[0] >= '0' && number[0] <= '9' {
			newest = number
		}
	}
	return newest
}
