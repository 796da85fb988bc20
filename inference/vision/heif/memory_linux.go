package heif

import "syscall"

// reserve takes n bytes of addresses; free is nil where there are none.
func reserve(n int) (all []byte, free func()) {
	all, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, nil
	}
	return all, func() { _ = syscall.Munmap(all) }
}
