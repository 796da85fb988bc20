package engines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"galago/assets/words"
	"galago/vram"
)

// Card is what the choice of an engine depends on.
type Card struct {
	Name    string
	Major   int    // compute capability; 0: not known
	Minor   int    //
	Driver  string // version, such as "580.95.05"
	CUDA    int    // the newest CUDA that the driver runs, as nvmlSystemGetCudaDriverVersion gives it (13010); 0: not known
	Windows bool
}

// lookLimit is how long NVIDIA's driver may take to answer.
const lookLimit = 5 * time.Second

// Look asks the driver for the card with that UUID, or the first where it is empty. Its error is a sentence, and
// vram.ErrNoGPU where there is no NVIDIA card or driver.
func Look(ctx context.Context, uuid string) (Card, error) {
	d, err := vram.Inspect(ctx, lookLimit)
	if err != nil {
		return Card{}, err
	}
	for _, c := range d.Cards {
		if uuid == "" || c.UUID == uuid {
			return Card{
				Name: c.Name, Major: c.Major, Minor: c.Minor, Driver: d.Version, CUDA: d.CUDA,
				Windows: runtime.GOOS == "windows",
			}, nil
		}
	}
	return Card{}, errors.New(words.T("The chosen graphics card is not in this machine any more, or its driver does not see it."))
}

// For chooses what to install for a card: the newest CUDA that card and driver run. Its error is a sentence: a driver that
// is too old, a card that nothing supports, a system for which nothing is built; with the cure.
func For(c Card) (Build, error) {
	system := runtime.GOOS
	if c.Windows {
		system = "windows"
	}
	return choose(manifest().Builds, c, system+"/"+runtime.GOARCH, libc())
}

// choose is For on a system with that C library, which may be empty for not known.
func choose(list []Build, c Card, system, libc string) (Build, error) {
	built, suits := false, false
	var newer Build // that would run with a newer driver
	var driver string
	for _, b := range list {
		if b.System != system {
			continue
		}
		built = true
		need, oldest := b.needs(c)
		if need == 0 {
			continue
		}
		suits = true
		if c.cuda() >= need {
			if b.GLibC != "" && libc != "" && compareVersions(libc, b.GLibC) < 0 {
				return Build{}, errSystem(b, libc)
			}
			return b, nil
		}
		if oldest != "" && (driver == "" || compareVersions(oldest, driver) < 0) {
			newer, driver = b, oldest
		}
	}
	switch {
	case !built:
		return Build{}, errors.New(words.T("There is no ready-made engine for this system (%s). %s", system, fromSource()))
	case !suits:
		return Build{}, errCard(c)
	}
	return Build{}, errDriver(c, newer, driver)
}

// needs is the CUDA version that a driver must run for a build to work on a card, and the oldest driver that does;
// 0 where the build has no code for the card. Machine code runs on every card of the same major capability that is not
// older, and every driver of the same major CUDA takes it. What the driver has to translate needs a driver that knows
// the CUDA that wrote it (https://docs.nvidia.com/deploy/cuda-compatibility). A card of unknown capability is taken for
// one that machine code is there for.
func (b Build) needs(c Card) (cuda int, driver string) {
	major, minor, ok := numbers(b.CUDA)
	switch {
	case !ok:
		return 0, ""
	case c.Major == 0, runsNative(b.Native, c):
		return major * 1000, b.Driver
	case translates(b.PTX, c):
		return major*1000 + minor*10, b.DriverPTX
	}
	return 0, ""
}

func runsNative(list []string, c Card) bool {
	for _, s := range list {
		if major, minor, ok := numbers(s); ok && major == c.Major && minor <= c.Minor {
			return true
		}
	}
	return false
}

func translates(list []string, c Card) bool {
	for _, s := range list {
		if major, minor, ok := numbers(s); ok && (major < c.Major || major == c.Major && minor <= c.Minor) {
			return true
		}
	}
	return false
}

// cuda is the newest CUDA that the driver runs. A driver that does not say is known by its version: each major CUDA
// begins with a branch of drivers. An unknown driver is taken for new enough: a try will tell.
func (c Card) cuda() int {
	if c.CUDA > 0 {
		return c.CUDA
	}
	branch, _, _ := strings.Cut(c.Driver, ".")
	n, err := strconv.Atoi(branch)
	switch {
	case err != nil, n >= 580:
		return 13000
	case n >= 525:
		return 12000
	}
	return 11000
}

func (c Card) name() string { return cmp.Or(c.Name, words.T("the graphics card")) }

// fromSource is the cure where nothing ready-made works.
func fromSource() string {
	return words.T("Build one from Galago's source with “make engine-cuda”, or choose a folder that has one.")
}

func errSystem(b Build, libc string) error {
	return errors.New(words.T("The ready-made engine needs a newer system: the C library (glibc) %s, and here is %s. %s", b.GLibC, libc, fromSource()))
}

func errCard(c Card) error {
	if c.Major < 5 { // the oldest that CUDA 12 knows
		return errors.New(words.T("%s is too old for the engine: its compute capability is %d.%d, and CUDA needs 5.0 or more. The CPU answers.",
			c.name(), c.Major, c.Minor))
	}
	return errors.New(words.T("There is no ready-made engine for %s (compute capability %d.%d). "+
		"Build one from Galago's source with CUDA 12 and “make engine-cuda”, or choose a folder that has one.", c.name(), c.Major, c.Minor))
}

func errDriver(c Card, b Build, driver string) error {
	has := cmp.Or(c.Driver, cudaName(c.CUDA))
	return errors.New(words.T("NVIDIA's driver (%s) is too old for the engine. Update it to version %s or newer; then CUDA %s runs on %s.",
		has, driver, b.CUDA, c.name()))
}

// cudaName is 13010 as people write it: CUDA 13.1.
func cudaName(n int) string { return fmt.Sprintf("CUDA %d.%d", n/1000, n%1000/10) }

// numbers reads "8.6".
func numbers(s string) (major, minor int, ok bool) {
	a, b, _ := strings.Cut(s, ".")
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return major, minor, err1 == nil && err2 == nil
}

// compareVersions compares figures between dots: 2.36 is before 2.4 as a fraction, but not as a version.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if d := cmp.Compare(x, y); d != 0 {
			return d
		}
	}
	return 0
}

// thisSystem is the system that this program was built for, as builds name it.
func thisSystem() string { return runtime.GOOS + "/" + runtime.GOARCH }
