package soak

import (
	"math"
	"math/rand/v2"
	"testing"
)

// series is two lives of a process that leaks so much an hour, with noise, measured every five seconds.
func series(r *rand.Rand, leak, noise float64) []Point {
	var list []Point
	for life, level := range []float64{100, 180} {
		for n := range 60 {
			at := float64(life*1000 + n*5)
			list = append(list, Point{life, at, level + leak*float64(n*5)/3600 + noise*r.NormFloat64()})
		}
	}
	return list
}

func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, leak := range []float64{0, 50, 400, -400} {
		got := Fit(series(r, leak, 0.5))
		if math.Abs(got.Slope-leak) > 4*got.Error || got.Error > 3 || got.Lives != 2 || got.Points != 120 {
			t.Errorf("a leak of %g MiB an hour is seen as %v", leak, got)
		}
		if math.Abs(got.Spread-0.5) > 0.1 || math.Abs(got.Span-295.0/3600) > 1e-9 {
			t.Errorf("spread %g, span %g", got.Spread, got.Span)
		}
	}
	exact := Fit(series(r, 36, 0))
	if math.Abs(exact.Slope-36) > 1e-6 || exact.Error > 1e-4 {
		t.Errorf("without noise: %v", exact)
	}
}

func TestAbove(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	if got := Fit(series(r, 0, 1)); got.Above(20) {
		t.Errorf("memory that is flat leaks: %v", got)
	}
	if got := Fit(series(r, 60, 1)); !got.Above(20) {
		t.Errorf("a leak is not seen: %v", got)
	}
	if got := Fit(series(r, 60, 40)); got.Above(20) {
		t.Errorf("noise is taken for a leak: %v", got)
	}
	for _, few := range [][]Point{nil, {{0, 1, 1}}, {{0, 1, 1}, {1, 2, 9}, {2, 3, 99}}, {{0, 1, 1}, {0, 1, 9}, {0, 1, 99}}} {
		if got := Fit(few); got != (Trend{}) || got.Above(0) {
			t.Errorf("%v has the trend %v", few, got)
		}
	}
}

func TestBound(t *testing.T) {
	if got := Bound(20, 4, 0.1); got != 60 {
		t.Errorf("six minutes: %g", got)
	}
	if got := Bound(20, 4, 0); got != 0 {
		t.Errorf("no time at all: %g", got)
	}
}
