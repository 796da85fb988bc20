package app

import (
	"context"
	"slices"
	"strings"

	"galago/app/chat"
	"galago/app/chat/store"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
	"galago/vram"
)

// memoryItems is the memory menu: what each entry should give back of the memory that the gauge shows, by what the
// engine says that it holds. resident is the engine's resident memory.
func memoryItems(s inference.Status, resident uint64) []ui.MemoryItem {
	onCard := s.Device.GPU()
	working, all := uint64(0), uint64(0)
	for _, m := range s.Memory {
		if isCard(s.Hello, m.Device) != onCard {
			continue
		}
		all += m.Bytes
		if m.Part != protocol.PartWeights {
			working += m.Bytes
		}
	}
	if onCard {
		all += s.Budget.Of(vram.PartRuntime)
	} else {
		all = max(all, wholeMiB(resident))
	}
	loaded := s.State == inference.StateReady || s.State == inference.StateBusy
	items := []ui.MemoryItem{
		{
			Action: ui.MemoryForget, Label: words.T("Forget this conversation’s cache"), Expect: words.T("frees no memory"), Enabled: loaded,
			Hint: words.T("For answers that remember nothing: the next question reads the whole conversation again."),
		},
		{
			Action: ui.MemoryWorking, Label: words.T("Free working memory"), Expect: expect(working), Enabled: loaded && working > 0,
			Hint: words.T("KV cache, vision tower and scratch space. The weights stay; the next question makes the rest again."),
		},
		{
			Action: ui.MemoryUnload, Label: words.T("Unload the model"), Expect: expect(all), Enabled: loaded,
			Hint: words.T("Ends the engine, so that nothing of it is left in memory. The next question loads the model again."),
		},
	}
	if len(s.Reduced) > 0 {
		items = append(items, ui.MemoryItem{
			Action: ui.MemoryLift, Label: words.T("Use the full settings again"), Expect: words.T("loads the model again"), Enabled: true,
			Hint: strings.Join(s.Reduced, " "),
		})
	}
	return items
}

// showMemory draws the memory menu anew if anything in it changed.
func (c *Controller) showMemory() {
	items := memoryItems(c.status, c.look.reading.Resident)
	if !slices.Equal(items, c.memory) {
		c.memory = items
		c.view.SetMemory(items)
	}
}

func expect(n uint64) string {
	if n == 0 {
		return words.T("nothing to free")
	}
	return words.T("about %s", bytesText(n))
}

// FreeMemory does what was chosen in the memory menu and says what came of it, as measured.
func (c *Controller) FreeMemory(action ui.MemoryAction) {
	if action == ui.MemoryLift {
		if c.running() {
			c.view.Notify(words.T("The full settings are used as soon as the answer is there."))
		}
		c.client.Lift()
		return
	}
	if c.running() {
		c.view.Notify(words.T("That is done as soon as the answer is there."))
	}
	go func() {
		cleared, err := c.clear(action)
		c.do(func() {
			if err != nil {
				c.notFreed(err)
				return
			}
			c.setFilled(0)
			c.showAttachments() // what was read has to be read again
			c.resetPeak()
			c.view.Notify(clearedText(cleared))
		})
	}()
}

// notFreed says why. When another model was opened, the one that it was about is gone anyway.
func (c *Controller) notFreed(err error) {
	if inference.CodeOf(err) != protocol.CodeCancelled {
		x := inference.Explain(err)
		c.view.Notify(strings.TrimSpace(x.Title + ". " + x.Action))
	}
}

// clear waits for the service; it is called beside the main goroutine.
func (c *Controller) clear(action ui.MemoryAction) (inference.Cleared, error) {
	switch action {
	case ui.MemoryUnload:
		return c.client.Unload(context.Background())
	case ui.MemoryForget:
		return c.client.Clear(context.Background(), protocol.ForgetCache)
	}
	return c.client.Clear(context.Background(), protocol.FreeWorking)
}

func clearedText(r inference.Cleared) string {
	where := words.T("GPU memory")
	if r.Device == "resident memory" {
		where = words.T("resident memory")
	}
	done := map[protocol.What]string{
		protocol.ForgetCache: words.T("The cache is forgotten"),
		protocol.FreeWorking: words.T("Working memory is freed"),
		inference.Unloaded:   words.T("The model is unloaded"),
	}[r.What]
	switch {
	case r.What == protocol.ForgetCache:
		return words.T("%s; that frees no memory.", done)
	case r.After >= r.Before:
		return words.T("%s; no %s came back that could be measured.", done, where)
	}
	return words.T("%s: %s of %s came back, measured.", done, bytesText(r.Before-r.After), where)
}

// ChooseGPU opens the model on another card.
func (c *Controller) ChooseGPU(uuid string) {
	if uuid == c.settings.GPU {
		return
	}
	c.settings.GPU = uuid
	c.keepSettings()
	c.wayOut.GPULayers, c.wayOut.VisionCPU = 0, false // those were of the card before; the rest is kept
	c.open(c.opened)
	c.showGauge()
	c.lookAtEngine()
	c.judge()
}

// choices are the ways out of a turn that failed.
func (c *Controller) choices(t *chat.Turn, err *inference.Error) []ui.Choice {
	var list []ui.Choice
	for _, way := range err.Choices {
		list = append(list, ui.Choice{Label: way.Label, Do: func() { c.choose(t, way) }})
	}
	if len(list) > 0 { // they take the place of the usual button, but other programs may have been closed meanwhile
		list = append(list, ui.Choice{Label: words.T("Try again"), Do: func() { c.Retry(t.ID) }})
	}
	return list
}

// choose asks a turn again in the way that was chosen.
func (c *Controller) choose(t *chat.Turn, way inference.Choice) {
	if way.Detail != nil {
		detail := string(*way.Detail)
		c.conv.SetDetail(t, detail)
		c.keep(c.talk, stepOf(c.talk, t, func(s *store.Store, turn int64) error { return s.SetDetail(turn, detail) }))
	}
	c.retry(question{turn: t, again: true, open: way.Model, choice: c.choosing})
}

// modelChoice is the first way out that opens a model, or nil.
func modelChoice(err *inference.Error) *inference.Choice {
	for i, way := range err.Choices {
		if way.Model != nil {
			return &err.Choices[i]
		}
	}
	return nil
}
