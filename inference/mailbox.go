package inference

import "sync"

// mailbox holds what the service goroutine is to do, in order and without a limit, so that nobody who posts ever
// waits for it: neither a callback that calls back nor a timer. What could flood it (the worker's frames) is held
// back at its source, see child.slots.
type mailbox struct {
	mu     sync.Mutex // owns todo and closed
	todo   []func()
	closed bool
	bell   chan struct{} // holds one token while todo is not empty
}

func newMailbox() *mailbox { return &mailbox{bell: make(chan struct{}, 1)} }

// post adds f. It reports false, and forgets f, when the mailbox is closed.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.todo = append(m.todo, f)
	select {
	case m.bell <- struct{}{}:
	default:
	}
	return true
}

// take waits for something to do and returns all of it.
func (m *mailbox) take() []func() {
	<-m.bell
	m.mu.Lock()
	defer m.mu.Unlock()
	todo := m.todo
	m.todo = nil
	return todo
}

// close refuses what comes later and returns what came before.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	todo := m.todo
	m.todo = nil
	return todo
}
