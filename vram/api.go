// Package vram reads GPU memory from NVML, the library of NVIDIA's driver, and the resident memory of processes.
package vram

import "time"

// GPU is one card's reading. Figures that the card or driver does not give are negative (Temperature, Utilization,
// Power, PowerLimit) or nil (Processes); bytes are bytes. A card that does not tell its memory has a Total of 0, and a
// Note that says why.
type GPU struct {
	Index       int
	Name        string
	UUID        string
	Total       uint64
	Used        uint64 // by programs, Reserved not counted where the driver tells them apart
	Free        uint64
	Reserved    uint64
	Utilization int       // percent
	Temperature int       // degrees Celsius
	Power       int       // milliwatts
	PowerLimit  int       // milliwatts
	Processes   []Process // nil: unknown
	Note        string    // sentences about figures that are not what they seem, such as those of a divided card; mostly empty
}

// Of is what a process holds on the card in bytes, if the driver tells. It does not where GPU.Processes is nil, and in
// a container, where the driver's process numbers are not those that programs see.
func (g GPU) Of(pid int) (bytes uint64, known bool) {
	for _, p := range g.Processes {
		if pid > 0 && p.PID == pid { // in a container the numbers may all be 0
			return p.Used, true
		}
	}
	return 0, false
}

// Process is one program's share of a card's memory.
type Process struct {
	PID  int
	Used uint64 // bytes
	Name string // of the program, at most 15 bytes on Linux; empty when it cannot be read
}

// Reading is one look at memory.
type Reading struct {
	Time     time.Time // of the cards' figures
	Driver   string    // version, empty without one
	GPUs     []GPU     // empty without NVIDIA driver or card
	Missing  string    // why there are no GPUs, as a sentence; empty when there are
	Stale    string    // why the cards' figures are those of Time and not of now, as a sentence; mostly empty
	Note     string    // which of several cards could not be read and why, as a sentence; mostly empty
	Resident uint64    // bytes of system memory that the watched process holds, now
	System   uint64    // bytes of system memory altogether

	// Shared is how many bytes of system memory graphics cards use for the watched process: buffers for transfers, and what
	// Windows' driver moved off a card that is full. It is 0 where that is not known, as on all other systems.
	Shared uint64
}

// Source reads GPUs. With an error there are no GPUs, or, of several, those that could be read. A Source belongs to one
// goroutine at a time, and any of its calls may hang when the driver does.
type Source interface {
	Read() (driver string, gpus []GPU, err error)
	Close()
}
