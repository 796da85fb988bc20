package app

import (
	"testing"

	"galago/inference"
	"galago/inference/gguf"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/ui"
	"galago/vram"
)

// After working memory was freed, the pictures of earlier questions are read again: the composer counts them.
func TestEarlierPicturesAreCountedWhenTheyAreReadAgain(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.showReading(vram.Reading{Missing: "No driver.", Resident: 10 << 20, System: 8000 << 20})
	b.AttachImage("a.png", pngOf(t, 1400, 1000))
	b.attached()
	b.Send("What is this?")
	answered := done
	answered.Stats.ContextUsed = 1100
	b.say(0, started, delta("A wall."), answered)

	s := b.ready()
	s.Facts = &plan.Facts{Model: &gguf.File{}, MMProj: &gguf.File{}}
	s.Known = plan.Known{Encode: 200 << 20, EncodeTokens: 1000}
	s.Memory = []protocol.Memory{inSystem(protocol.PartWeights, 100), inSystem(protocol.PartKV, 50)}
	b.tell(s)
	pending := func() uint64 {
		b.showPending()
		for _, s := range b.view.gauge.Segments {
			if s.Kind == ui.SegmentPending {
				return s.Bytes
			}
		}
		return 0
	}
	b.Edited("And its colour?")
	if n := pending(); n != 0 {
		t.Errorf("what the engine still holds is counted: %d MiB", n/mib)
	}
	s.Memory = s.Memory[:1]
	b.tell(s)
	b.client.cleared = inference.Cleared{What: protocol.FreeWorking, Before: 150 * mib, After: 100 * mib, Device: "resident memory"}
	b.FreeMemory(ui.MemoryWorking)
	b.until("memory is freed", func() bool { return b.look.filled == 0 })
	if n := pending(); n < 150*mib {
		t.Errorf("the picture is to be read again, which takes %d MiB", n/mib)
	}
	b.NewChat()
	b.Edited("And its colour?")
	if n := pending(); n != 0 {
		t.Errorf("in a new chat there is no picture, and %d MiB are counted", n/mib)
	}
}

// New pictures are looked at as the settings say.
func TestDetailOfNewPictures(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	s := b.view.settings
	s.Detail = "low"
	b.ChangeSettings(s)
	b.AttachImage("a.png", pngOf(t, 1400, 1000))
	b.attached()
	if a := b.view.attachments[0]; a.Detail != "low" {
		t.Errorf("%+v", a)
	}
	b.Send("What is this?")
	if p := b.request(0).Messages[0].Images; len(p) != 1 || p[0].Detail != inference.DetailLow {
		t.Errorf("asked with %+v", p)
	}
}
