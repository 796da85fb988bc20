package doctor

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"galago/inference/protocol"
	"galago/vram"
)

// A picture that takes so long, in milliseconds, and has so many tokens, could be read at a lower detail.
const (
	slowPicture = 5000
	bigPicture  = 512
)

// whySlow adds what the self-test shows of why answers are slow, as far as it can be known. What makes every answer slow
// (no AVX2, a battery, an emulated processor) has its finding already.
func (x *exam) whySlow(r *run) {
	t, st := x.test, r.status
	onGPU := slices.ContainsFunc(x.engine.hello.Devices, isGPU) && !x.o.CPU
	var onCard, inMemory uint64 // weights
	for _, m := range st.Memory {
		switch {
		case m.Part != protocol.PartWeights:
		case m.Device == "CPU":
			inMemory += m.Bytes
		default:
			onCard += m.Bytes
		}
	}
	if t.Judged && !t.Right && t.Failed == "" {
		x.warn("Answer of the test", "wrong", "The built-in model's answer about a picture of ours was wrong: its files are damaged, or this processor or card miscomputes.",
			"Install Galago again. If the test is right with --cpu, install another driver or CUDA engine.")
	}
	for _, line := range st.Reduced {
		x.warn("Settings of the test", "reduced", sentence(line), "Close programs that use the memory.")
	}
	if st.Spill != "" {
		problem, cure := st.Spill, "Close programs that use the card, or choose lighter settings."
		x.warn("Memory of the card", "spilled", problem, cure)
	}
	switch {
	case !onGPU || t.Layers == 0:
	case t.GPULayers == 0:
		x.warn("Layers", "all on the CPU", "There is a card that ggml sees, but none of the model's layers is on it.", "Close programs that use the card's memory, or choose a smaller model.")
	case t.GPULayers < t.Layers:
		x.warn("Layers", fmt.Sprintf("%d of %d on the card", t.GPULayers, t.Layers), "The rest is computed on the CPU, which slows every token down.",
			"Choose a smaller context, a compact KV cache (q8_0) or a smaller model.")
	}
	if onGPU && t.GPULayers > 0 && st.Loaded.Vision.Enabled && !t.VisionOnGPU {
		x.warn("Vision tower", "on the CPU", "Pictures are read on the CPU, which takes many times longer.", "Choose a smaller context or a compact KV cache (q8_0), so that it fits on the card.")
	}
	if t.GPUBytes > 256<<20 && t.GrownBytes > 0 && t.GrownBytes < t.GPUBytes/2 && st.Spill == "" {
		x.warn("Memory of the card", bytesText(t.GPUBytes)+" by ggml's account",
			"NVML saw only "+bytesText(t.GrownBytes)+" less free: other programs gave memory back meanwhile, or the driver keeps the rest in the system's memory, which is slow.",
			"Close programs that use the card, then test again.")
	}
	x.busy(r)
	if t.PictureMs > slowPicture && t.PictureTokens > bigPicture {
		x.warn("Picture", seconds(t.PictureMs)+fmt.Sprintf(" for %d tokens", t.PictureTokens), "Reading the picture took most of the time; the more tokens it has, the longer.",
			"Choose the detail “low” for pictures, or a smaller range of picture tokens.")
	}
	x.belowCard(onCard)
	x.belowMemory(onCard, inMemory)
}

// busy tells what the rest of the system did meanwhile.
func (x *exam) busy(r *run) {
	a, b := r.before, r.after
	ran, waited := b.ran-a.ran, b.waited-a.waited
	if c, load := x.host.cpu(), x.host.load(); !b.known && busyLoad(load, c.threads) {
		x.warn("Processors during the test", fmt.Sprintf("load %.1f", load), "Other programs keep the processors busy. The figures of the test are lower than they could be.",
			"Wait for them, or end what is not needed, then test again.")
	}
	if a.known && b.known && waited > ran/3 && waited.Milliseconds() > 100 {
		x.warn("Processors during the test", fmt.Sprintf("the engine's threads computed for %s and waited for %s", seconds(millis(ran)), seconds(millis(waited))),
			"The engine often had to wait for a free processor, because other programs were computing too. The figures of the test are lower than they could be.",
			"Wait for the other programs, or end what is not needed, then test again.")
	}
	const pages = 4096 // 16 MiB
	if b.swaps > a.swaps+pages {
		x.warn("Swapping during the test", fmt.Sprintf("%d pages", b.swaps-a.swaps), "The system moved memory to the disk and back meanwhile, which makes everything slow.",
			"Close programs that use much memory, or choose a smaller model.")
	}
	if b.heats > a.heats {
		x.warn("Heat during the test", "yes", "The processor was slowed down because it was too hot.", "Clean the machine's fans and give it air.")
	}
}

// worthBandwidth is the least weights for which memory decides the speed: with less, caches hold them, and starting the
// computations takes longer than reading.
const worthBandwidth = 512 << 20

// belowCard compares the speed with what the card's memory allows: for each token all weights are read once, so no
// card gives more tokens a second than its bandwidth divided by them. Half of it is usual; a quarter is slow.
func (x *exam) belowCard(weights uint64) {
	t := x.test
	if weights < worthBandwidth || t.GPULayers < t.Layers || t.TokensPerSec <= 0 || !x.hasCard() {
		return
	}
	card := x.cards.driver.Cards[0]
	most := float64(card.Bandwidth()) / float64(weights)
	if most == 0 || t.TokensPerSec > most/4 {
		return
	}
	cure := "Test again while nothing else uses the card, with the machine plugged in."
	if card.Throttled(vram.ThrottlePower) || card.Throttled(vram.ThrottleHeat) {
		cure = "See to its power and its cooling."
	}
	x.warn("Speed", rate(t.TokensPerSec)+" tokens a second", fmt.Sprintf("The card's memory would allow about %s. Something slows it down.", rate(most/2)), cure)
}

// belowMemory is belowCard for a model that is in the system's memory: how fast that can be read is measured.
func (x *exam) belowMemory(onCard, weights uint64) {
	t := x.test
	if weights < worthBandwidth || onCard > 0 || t.TokensPerSec <= 0 {
		return
	}
	measure := x.o.bandwidth
	if measure == nil {
		measure = readingSpeed
	}
	most := measure() / float64(weights)
	if most == 0 || t.TokensPerSec > most/4 {
		return
	}
	x.warn("Speed", rate(t.TokensPerSec)+" tokens a second", fmt.Sprintf("This machine's memory, as measured just now, would allow about %s. The processor does not keep up, or something slows it down.", rate(most/2)),
		"Test again while nothing else computes, with the machine plugged in. A card, or a smaller quantisation (Q4_K_M), is faster.")
}

// readBytes is more than the caches of a desktop's processor hold.
const readBytes = 256 << 20

// readingSpeed is how many bytes a second this machine's processors read from memory together, measured in a fraction of
// a second; 0 where there is not enough memory for that.
func readingSpeed() float64 {
	if vram.Available() < 8*readBytes {
		return 0
	}
	data := make([]uint64, readBytes/8)
	for i := 0; i < len(data); i += 512 { // a page each, so that all are there
		data[i] = uint64(i)
	}
	best := time.Duration(math.MaxInt64)
	start := time.Now()
	for range 3 {
		begin := time.Now()
		readAll(data)
		best = min(best, time.Since(begin))
		if time.Since(start) > time.Second/2 { // the processors are busy
			break
		}
	}
	return readBytes / best.Seconds()
}

// readAll reads data on all processors that this process may use.
func readAll(data []uint64) (sum uint64) {
	n := runtime.GOMAXPROCS(0)
	sums := make([]uint64, n)
	var all sync.WaitGroup
	for i := range n {
		part := data[i*len(data)/n : (i+1)*len(data)/n]
		all.Go(func() {
			var a, b, c, d uint64 // four sums, so that one addition need not wait for the one before
			for ; len(part) >= 4; part = part[4:] {
				a, b, c, d = a+part[0], b+part[1], c+part[2], d+part[3]
			}
			for _, rest := range part {
				a += rest
			}
			sums[i] = a + b + c + d
		})
	}
	all.Wait()
	for _, s := range sums {
		sum += s
	}
	return sum
}
