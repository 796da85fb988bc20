// Package vram reads GPU memory from NVML, the library of NVIDIA's driver, and the resident memory of processes.
package vram

import "time"

// GPU is one card's reading. Figures that the card or driver does not give are negative (Temperature, Utilization,
// Power) or nil (Processes); bytes are bytes.
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
	Processes   []Process // nil: unknown
}

// Process is one program's share of a card's memory.
type Process struct {
	PID  int
	Used uint64 // bytes
}

// Reading is one look at memory.
type Reading struct {
	Time     time.Time
	Driver   string // version, empty without one
	GPUs     []GPU  // empty without NVIDIA driver or card
	Missing  string // why there are no GPUs, as a sentence; empty when there are
	Resident uint64 // bytes of system memory that the watched process holds
	System   uint64 // bytes of system memory altogether
}

// Source reads GPUs.
type Source interface {
	Read() (driver string, gpus []GPU, err error)
	Close()
}
