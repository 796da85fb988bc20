package vram

import (
	"context"
	"errors"
	"time"
)

// Driver is what NVIDIA's driver says of itself and of every card: more than the gauge needs, for a diagnosis.
type Driver struct {
	Version string   // such as 580.95.05
	CUDA    int      // the newest CUDA that it runs: 13010 is 13.1; 0: not known
	Cards   []Detail // in the order of the PCI bus
	Note    string   // which of several cards could not be read and why, as a sentence; mostly empty
}

// Detail is a card with what decides how fast it is. Figures that the driver does not give are 0.
type Detail struct {
	GPU
	Major, Minor int // compute capability

	LinkGeneration, LinkLanes int // of PCI Express, now: an idle card goes down with the generation
	MostGeneration, MostLanes int // that card and slot can do

	Throttle     uint64 // the reasons for lower clocks now, as ThrottleReason bits
	MemoryBits   int    // width of the card's memory bus
	MemoryClock  int    // MHz, the highest
	Compute      ComputeMode
	NotPersisted bool // the driver lets go of the card when no program uses it, so that the first one waits
}

// Bandwidth is how many bytes a second the card's memory can give, at most, 0 when that is not known. Memory of cards
// gives two bits on each line in each clock.
func (d Detail) Bandwidth() uint64 { return uint64(d.MemoryBits/8) * uint64(d.MemoryClock) * 2_000_000 }

// ThrottleReason is one reason why a card runs below its clocks: the bits of nvmlClocksEventReasons in nvml.h.
type ThrottleReason uint64

// The reasons that slow a program down. Others, such as an idle card, are as they should be.
const (
	ThrottlePower    ThrottleReason = 0x4 | 0x80  // it takes as much power as it may, or more than it gets
	ThrottleHeat     ThrottleReason = 0x20 | 0x40 // it is too hot
	ThrottleHardware ThrottleReason = 0x8         // power or heat, so that the hardware halves the clocks
	ThrottleLocked   ThrottleReason = 0x2 | 0x100 // somebody set lower clocks
)

// Throttled reports whether one of these reasons holds.
func (d Detail) Throttled(r ThrottleReason) bool { return d.Throttle&uint64(r) != 0 }

// ComputeMode says who may compute on a card: nvmlComputeMode_t.
type ComputeMode int

// The modes that are not the usual one.
const (
	ComputeProhibited ComputeMode = 2 // nobody
	ComputeExclusive  ComputeMode = 3 // one program at a time
)

// inspector is a Source that can tell more.
type inspector interface{ inspect() (Driver, error) }

// Inspect asks the driver for all that it knows. It answers within limit, or when ctx ends, also while the driver hangs.
// Its errors are Look's. With an error the Driver may still have a version.
func Inspect(ctx context.Context, limit time.Duration) (Driver, error) {
	return driver.inspect(ctx, limit)
}

func (s *session) inspect(ctx context.Context, limit time.Duration) (Driver, error) {
	limited, cancel := context.WithTimeoutCause(ctx, limit, errSilent())
	defer cancel()
	select {
	case s.turn <- struct{}{}:
	case <-limited.Done():
		return Driver{}, context.Cause(limited)
	}
	type answer struct {
		driver Driver
		err    error
	}
	answers := make(chan answer, 1)
	go func() { // may hang, as in look
		defer func() { <-s.turn }()
		var a answer
		if src, ok := s.src.(inspector); ok {
			a.driver, a.err = src.inspect()
		} else {
			a.err = errors.ErrUnsupported
		}
		answers <- a
	}()
	select {
	case a := <-answers:
		return a.driver, a.err
	case <-limited.Done():
		return Driver{}, context.Cause(limited)
	}
}

// inspect reads as Read does, and then asks for the rest.
func (r *reopening) inspect() (Driver, error) {
	version, gpus, err := r.Read()
	d := Driver{Version: version}
	for _, g := range gpus {
		d.Cards = append(d.Cards, Detail{GPU: g})
	}
	if src, ok := r.src.(interface{ details(*Driver) }); ok && r.src != nil {
		src.details(&d)
	}
	if err != nil && len(gpus) > 0 {
		d.Note, err = err.Error(), nil
	}
	return d, err
}
