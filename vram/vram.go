package vram

import (
	"cmp"
	"slices"
)

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
