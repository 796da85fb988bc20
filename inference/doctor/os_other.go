//go:build !linux && !windows

package doctor

// disk is a file system, of which nothing is known here.
type disk struct {
	free     uint64
	id, kind string
	ok       bool
}

func diskOf(string) disk { return disk{} }

func writable(string) bool { return true }

func usable(string) bool { return true }

func kernelVersion() string { return "" }

func addressLimit() uint64 { return 0 }

var system facts

func libraries(int) []string { return nil }
