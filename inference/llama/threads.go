package llama

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// threads is how many threads compute: as asked, else one for each physical core that this process may use.
// A second thread on the same core slows matrix products down.
func threads(asked int) int {
	if asked > 0 {
		return asked
	}
	n := runtime.GOMAXPROCS(0) // the cgroup's limit included
	if cores := physicalCores(); cores > 0 {
		n = min(n, cores)
	}
	return n
}

// physicalCores counts cores by their lists of sibling threads; 0 where the system does not tell.
func physicalCores() int {
	files, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
	seen := map[string]bool{}
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil {
			seen[strings.TrimSpace(string(data))] = true
		}
	}
	return len(seen)
}
