package vram

import (
	"cmp"
	"errors"
	"slices"
)

// ErrNoGPU is what errors are (errors.Is) that mean that there is no card to compute on, rather than one that cannot be
// read: no driver, a driver that does not run, no card.
var ErrNoGPU = errors.New("no NVIDIA card")

// absent is a missing that is ErrNoGPU.
type absent string

func (a absent) Error() string { return string(a) }

// Is lets errors.Is find ErrNoGPU.
func (a absent) Is(target error) bool { return target == ErrNoGPU }

// missing is why there are no readings: whole sentences for people, hence a type of its own.
type missing string

func (m missing) Error() string { return string(m) }

// mergeByPID keeps one entry for each program, in the order of their numbers. NVML lists a program that both computes
// and draws twice with the same figure, so the larger one counts and not the sum.
func mergeByPID(list []Process) []Process {
	slices.SortFunc(list, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(b.Used, a.Used))
	})
	return slices.CompactFunc(list, func(a, b Process) bool { return a.PID == b.PID })
}
