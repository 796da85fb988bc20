package app

import (
	"errors"
	"sync"
	"time"

	"galago/app/chat/store"
)

// opening is an attempt to open the folder of conversations. It goes on in a goroutine of its own: it waits for the disk,
// and for long where something has to be repaired.
type opening struct {
	open func() (*store.Store, error)
	done chan struct{}

	// Valid once done is closed.
	err     error
	reports []string // of crashes, that were found meanwhile

	mu    sync.Mutex
	store *store.Store // until it is taken
}

// beginOpening opens a folder of conversations. Whoever gets it also looks for what crashes have left in the folder state.
func beginOpening(conversations, state string) *opening {
	return beginWith(func() (*store.Store, error) { return store.Open(conversations) }, state)
}

func beginWith(open func() (*store.Store, error), state string) *opening {
	o := &opening{open: open, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		o.store, o.err = open()
		if !errors.Is(o.err, store.ErrLocked) { // else they are for the first window to tell of
			o.reports, _ = crashes(state) // what cannot be read now is still there at the next start
		}
	}()
	return o
}

// settled waits for the outcome, and is false where it takes longer.
func (o *opening) settled(patience time.Duration) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-o.done:
		return true
	case <-late.C:
		return false
	}
}

// take hands the store over to whoever closes it. Once it was taken, or could not be opened, take tries again.
func (o *opening) take() (*store.Store, error) {
	<-o.done
	o.mu.Lock()
	s := o.store
	o.store = nil
	o.mu.Unlock()
	if s != nil {
		return s, nil
	}
	return o.open()
}

// give closes the store if nobody has taken it. It does not wait for one that is still being opened.
func (o *opening) give() {
	select {
	case <-o.done:
	default:
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.store != nil {
		o.store.Close()
		o.store = nil
	}
}
