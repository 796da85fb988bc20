package inference

import (
	"context"
	"os"
	"time"

	"galago/assets/words"
	"galago/inference/plan"
	"galago/vram"
)

// looker reads memory and holds nobody up for longer than its limit: NVML can hang for good when a card is lost.
type looker struct {
	device func(uuid string, pid int) (plan.Device, uint64, bool) // read only, may be nil
	system func() plan.Device                                     // read only
	limit  time.Duration                                          // read only

	turn chan struct{} // full while device is asked: one at a time, and none piles up behind one that hangs
}

func newLooker(o Options) *looker {
	return &looker{device: o.Device, system: o.system, limit: o.LookLimit, turn: make(chan struct{}, 1)}
}

// reading is a card's memory as it is now.
type reading struct {
	device plan.Device
	used   uint64 // by the process that was asked for; 0: not known
	ok     bool
}

// card reads a card. It returns within the limit, and sooner when ctx ends, then without a reading. It is called beside
// the service goroutine.
func (l *looker) card(ctx context.Context, uuid string, pid int) reading {
	if l.device == nil {
		return reading{}
	}
	limit := time.NewTimer(l.limit)
	defer limit.Stop()
	select {
	case l.turn <- struct{}{}:
	case <-limit.C:
		return reading{}
	case <-ctx.Done():
		return reading{}
	}
	seen := make(chan reading, 1)
	go func() {
		defer func() { <-l.turn }()
		d, used, ok := l.device(uuid, pid)
		seen <- reading{d, used, ok && d.GPU()}
	}()
	select {
	case r := <-seen:
		return r
	case <-limit.C:
	case <-ctx.Done():
	}
	return reading{}
}

// now reads the memory where a model is: that of its card, or the system's. Its Total is 0 when it is not known.
func (l *looker) now(ctx context.Context, where plan.Device, pid int) reading {
	if where.GPU() {
		return l.card(ctx, where.UUID, pid)
	}
	d := l.system()
	return reading{device: d, ok: d.Total > 0}
}

// CardMemory is an Options.Device that reads NVIDIA's cards.
func CardMemory(uuid string, pid int) (d plan.Device, used uint64, ok bool) {
	card, err := vram.Look(context.Background(), uuid) // has a time limit of its own
	if err != nil || card.Total == 0 {
		return plan.Device{}, 0, false
	}
	window, _ := card.Of(os.Getpid())
	used, _ = card.Of(pid)
	return plan.Device{
		Name: card.Name, UUID: card.UUID, Driver: card.Driver, Total: card.Total, Free: card.Free, Window: window,
	}, used, true
}

// systemMemory is what programs could take now; the zero Total where the system does not say.
func systemMemory() plan.Device {
	free := vram.Available()
	if free == 0 {
		return plan.Device{Name: words.T("system memory")}
	}
	return plan.Device{Name: words.T("system memory"), Total: vram.System(), Free: free}
}

func residentOf(pid int) uint64 {
	n, err := vram.Resident(pid)
	if err != nil {
		return 0 // it is gone, or the system does not say
	}
	return n
}
