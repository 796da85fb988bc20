package heif

import "github.com/tetratelabs/wazero/experimental"

// memory is a decoder's. Where the system lets addresses be reserved it takes only what is touched, never moves, and is
// given back at once; elsewhere it is a slice that grows.
type memory struct {
	all  []byte
	free func()
}

var _ experimental.LinearMemory = (*memory)(nil)

func newMemory(_, most uint64) experimental.LinearMemory {
	all, free := reserve(int(min(most, MaxMemory)))
	return &memory{all, free}
}

// Reallocate changes the size to n bytes, at most those that were reserved.
func (m *memory) Reallocate(n uint64) []byte {
	if n > MaxMemory {
		return nil
	}
	if m.free == nil && n > uint64(cap(m.all)) {
		m.all = append(m.all[:cap(m.all)], make([]byte, n-uint64(cap(m.all)))...)
	}
	return m.all[:n]
}

// Free gives it back. Nothing that lay in it may be looked at any more.
func (m *memory) Free() {
	if m.free != nil {
		m.free()
	}
	m.all, m.free = nil, nil
}
