package llama

import "github.com/ebitengine/purego"

// trim gives back to the system what C has freed. Without it glibc keeps a small KV cache's memory for itself, and
// clearing the cache gives nothing back. Other C libraries have no such function and do not need it.
func trim() {
	if f, err := purego.Dlsym(purego.RTLD_DEFAULT, "malloc_trim"); err == nil {
		purego.SyscallN(f, 0)
	}
}
