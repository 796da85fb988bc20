package download

import "time"

// speedTime is over how long a speed is taken.
const speedTime = 5 * time.Second

// meter takes a speed from what was there at several times.
type meter struct{ samples []sample }

type sample struct {
	at  time.Time
	got int64
}

func (m *meter) reset() { m.samples = m.samples[:0] }

// add returns the speed in bytes a second over the last seconds; 0 before it can be told.
func (m *meter) add(now time.Time, got int64) float64 {
	if n := len(m.samples); n > 0 && got < m.samples[n-1].got {
		m.reset() // begun again
	}
	m.samples = append(m.samples, sample{now, got})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= speedTime {
		m.samples = m.samples[1:]
	}
	first := m.samples[0]
	if took := now.Sub(first.at); took >= time.Second/2 {
		return float64(got-first.got) / took.Seconds()
	}
	return 0
}
