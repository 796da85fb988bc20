//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// markdown is the section of the document.
func (r *report) markdown() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("## Footprint\n")
	say("`make bench-footprint`, on %s: %d cores (%s), %s, Xvfb with openbox, OpenGL computed by Mesa's llvmpipe on the same cores.",
		r.machine.date, r.machine.cores, r.machine.processor, r.machine.system)
	say("The load average of the machine, which does other work too, was %s at the beginning and %s at the end.\n", r.machine.load, r.loadAfter)
	r.sayStarts(say)
	r.sayMemory(say)
	r.sayIdle(say)
	r.sayFiles(say)
	say(peers)
	return b.String()
}

func (r *report) sayStarts(say func(string, ...any)) {
	say("### Start\n")
	say("| milliseconds, median (least to most) of %d starts each | cold | warm |\n|---|---:|---:|", len(r.warm))
	for _, line := range []struct {
		what   string
		figure func(start) time.Duration
	}{
		{"first frame", func(s start) time.Duration { return s.frame }},
		{"interactive", func(s start) time.Duration { return s.key }},
		{"computed until interactive, all threads", func(s start) time.Duration { return s.cpu }},
		{"without a core until interactive, all threads", func(s start) time.Duration { return s.waited }},
	} {
		say("| %s | %s | %s |", line.what, spread(r.cold, line.figure), spread(r.warm, line.figure))
	}
	say("")
	say(`From before the process is made. *First frame*: the X server reports something drawn on the window (its damage extension), and the
window's picture has more than one colour. *Interactive*: a letter, typed by the X server as soon as the window has the keyboard, is seen
in the composer: the window's picture has the pixels that the letter made in an earlier run. *Cold*: a new home
folder (no settings but the welcome's end, no caches of fonts and of Mesa's shaders), and the programs' files dropped from the system's memory beforehand;
Mesa's libraries stay in it, since the X server uses them. *Warm*: started before. *Computed* and *without a core* are sums of the
kernel's figures (schedstat) for all threads of the window's process, Mesa's included: how much of the time is the program's own, and how much it stood in line.
`)
}

func (r *report) sayMemory(say func(string, ...any)) {
	say("### Memory\n")
	say("| MB resident (its share of what several programs map; not of any file) | window | engine |\n|---|---:|---:|")
	for _, line := range []struct {
		what string
		m    both[memory]
	}{{"nothing asked", r.quiet}, {fmt.Sprintf("after %d questions", r.turns), r.asked}} {
		say("| %s | %s | %s |", line.what, line.m.window, line.m.engine)
	}
	say("| most at any time | %s | %s |\n", megabytes(r.asked.window.peak), megabytes(r.asked.engine.peak))
	say(`From /proc/PID/smaps_rollup: Rss (Pss; Pss_Anon), in millions of bytes, %.0f s after the last event. The engine has the built-in model loaded. The questions were typed into the window
and answered by it, in one conversation, with a new picture dropped for every tenth; %d of %d had no answer.
`, after.Seconds(), r.failed, r.turns)
	say("Memory of a graphics card that the window itself takes: %s\n", r.card)
}

// String is of a table's cell.
func (m memory) String() string {
	return fmt.Sprintf("**%s** (%s; %s)", megabytes(m.resident), megabytes(m.share), megabytes(m.anonymous))
}

func (r *report) sayIdle(say func(string, ...any)) {
	say("### While nothing happens\n")
	share := func(d time.Duration) string { return fmt.Sprintf("%.2f %%", 100*d.Seconds()/r.watched.Seconds()) }
	say("| over %.0f s, with the gauge running | window | engine |\n|---|---:|---:|", r.watched.Seconds())
	say("| computing, of one core | **%s** | **%s** |", share(r.load.window), share(r.load.engine))
	say("| frames drawn | **%d** | |", r.frames)
	say("| changes of the gauge | %d | |\n", r.gauge)
	say(`From /proc/PID/stat, and from what the X server reports as drawn on the window. The composer has the keyboard. The gauge is read all the time, and drawn
when a figure in it changes.
`)
}

func (r *report) sayFiles(say func(string, ...any)) {
	say("### Packages\n")
	if len(r.files) == 0 {
		say("None were built when this was measured (`make packages`).\n")
		return
	}
	say("| package | MB |\n|---|---:|")
	for _, f := range r.files {
		say("| %s | %.1f |", f.name, float64(f.bytes)/1e6)
	}
	say("")
}
