package soak

import (
	"fmt"
	"math"
)

// Point is something measured. A process that is ended takes with it what it leaked, so each has a life of its own.
type Point struct {
	Life  int
	At    float64 // seconds
	Value float64
}

// Trend is a line of least squares through points: one slope for all lives, a level for each.
type Trend struct {
	Slope  float64 // of the value, an hour
	Error  float64 // standard error of Slope
	Spread float64 // standard deviation of the points about the line, in the value's unit
	Span   float64 // hours that a life was watched, on average
	Points int
	Lives  int
}

// Fit needs two points in one life, and three in all; else the Trend has no Points.
func Fit(points []Point) Trend {
	lives := map[int][]Point{}
	for _, p := range points {
		lives[p.Life] = append(lives[p.Life], p)
	}
	var t Trend
	var xx, xy, yy float64
	for _, list := range lives {
		if len(list) < 2 {
			continue
		}
		var mx, my float64
		first, last := math.Inf(1), math.Inf(-1)
		for _, p := range list {
			mx, my = mx+p.At, my+p.Value
			first, last = min(first, p.At), max(last, p.At)
		}
		mx, my = mx/float64(len(list)), my/float64(len(list))
		for _, p := range list {
			dx, dy := (p.At-mx)/3600, p.Value-my
			xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
		}
		t.Points += len(list)
		t.Lives++
		t.Span += (last - first) / 3600
	}
	free := t.Points - t.Lives - 1
	if free < 1 || xx == 0 {
		return Trend{}
	}
	t.Span /= float64(t.Lives)
	t.Slope = xy / xx
	rest := max(0, yy-t.Slope*xy) / float64(free)
	t.Spread, t.Error = math.Sqrt(rest), math.Sqrt(rest/xx)
	return t
}

// Above reports whether the slope is beyond a bound for certain: by more than twice its standard error.
func (t Trend) Above(bound float64) bool { return t.Points > 0 && t.Slope-2*t.Error > bound }

// String is the trend of a value in MiB.
func (t Trend) String() string {
	if t.Points == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%+.1f ± %.1f MiB an hour (%d points in %d lives of %.1f min, spread %.2f MiB)",
		t.Slope, 2*t.Error, t.Points, t.Lives, t.Span*60, t.Spread)
}

// Bound is the slope from which memory counts as leaking, in MiB an hour, for a process that was watched for span hours.
// Memory of a process that leaks nothing creeps: heaps fragment, caches and pools find their sizes. That ends, but a short
// watch sees it as a slope, so it allows creep MiB within the time that was watched, beside steady MiB an hour. Without any
// time it is 0.
func Bound(steady, creep, span float64) float64 {
	if span <= 0 {
		return 0
	}
	return steady + creep/span
}
