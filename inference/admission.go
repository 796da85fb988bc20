package inference

import (
	"time"

	"galago/assets/words"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/vram"
)

// autoTokens is the most tokens that a picture gets with DetailAuto where the model was opened without a range: a
// photo of 3 by 2 at 1,254 by 836 pixels with a Qwen3-VL. DetailHigh takes what the plan found room for.
const autoTokens = 1024

// DetailGrid is the grid on which a picture is prepared. v is what the worker was loaded with, whose MaxTokens is the
// limit of DetailHigh: the engine made room for that. m says whether the range was given with the model; then it is
// part of the model, and DetailAuto is all of it. DetailLow is a quarter of DetailAuto, never below the least.
// Projectors that resize by themselves have the zero Grid at any detail.
func DetailGrid(v protocol.Vision, m Model, d Detail) vision.Grid {
	g := vision.Grid{Factor: v.Factor, MinTokens: v.MinTokens, MaxTokens: v.MaxTokens}
	if g.Factor <= 0 || d == DetailHigh {
		return g
	}
	if m.ImageMaxTokens <= 0 && (g.MaxTokens == 0 || g.MaxTokens > autoTokens) {
		g.MaxTokens = max(autoTokens, g.MinTokens)
	}
	if d == DetailLow && g.MaxTokens > 0 {
		g.MaxTokens = max(g.MaxTokens/4, g.MinTokens, 1)
	}
	return g
}

// grid is where a picture of a request is prepared.
func (st Status) grid(r Request, d Detail) vision.Grid {
	if r.Grid != (vision.Grid{}) {
		return within(r.Grid, st.Loaded.Vision)
	}
	return DetailGrid(st.Loaded.Vision, st.Model, d)
}

// bytesPerToken is a guess for text of which nothing was measured yet: English has about 4.
const bytesPerToken = 4

// messageTokens is what a chat template puts around one message, or a little less.
const messageTokens = 4

// Estimate says what a request will cost. d is the memory where the model is as it is now, with all that the engine
// holds counted as taken (a reading like Status.Device, taken now); when its Total is 0 memory is not judged. Without
// a loaded model only the model's own need is known.
func (st Status) Estimate(r Request, d plan.Device) Estimate {
	var (
		e       Estimate
		pixels  int
		largest int
		text    int
	)
	for _, m := range r.Messages {
		text += len(m.Text)
		for _, p := range m.Images {
			n := 0
			if p.Picture != nil {
				n = st.grid(r, p.Detail).Tokens(p.Width, p.Height)
				if n == 0 && st.Facts != nil {
					n = pictureTokens(st.Facts.MMProj, p.Width, p.Height)
				}
			}
			e.ImageTokens = append(e.ImageTokens, n)
			pixels += n
			largest = max(largest, n)
		}
	}
	rate := st.Speed.BytesPerToken
	if rate <= 0 {
		rate = bytesPerToken
	}
	frame := messageTokens * len(r.Messages)
	e.PromptTokens = pixels + frame + int(float64(text)/rate)
	e.Time = st.Speed.EncodePerToken*time.Duration(pixels) + st.Speed.PromptPerToken*time.Duration(e.PromptTokens)
	if st.Speed.PromptPerToken == 0 || pixels > 0 && st.Speed.EncodePerToken == 0 {
		e.Time = 0
	}
	if st.Facts == nil {
		return e
	}
	e.Extra = st.extra(largest)
	e.Err = st.refusal(r, e, pixels+frame, largest, d)
	return e
}

// extra is what a question whose largest picture has that many tokens takes beyond what is held: the growth of the
// encode buffer, and what was given back by FreeWorking or Unload.
func (st Status) extra(largest int) uint64 {
	encode := uint64(0)
	if largest > 0 && !(st.Device.GPU() && st.Settings.VisionCPU) {
		encode = st.Facts.EncodeBytes(largest, st.Known)
	}
	if st.State != StateReady && st.State != StateBusy {
		need := st.Budget.Need()
		return need - min(need, st.Budget.Of(vram.PartMargin)+st.Budget.Of(vram.PartEncode)) + encode
	}
	n := encode - min(encode, holds(st.Memory, st.Device, protocol.PartEncode, protocol.PartPool))
	if st.Memory == nil {
		return n
	}
	if holds(st.Memory, st.Device, protocol.PartKV) == 0 {
		n += st.Budget.Of(vram.PartKV) + st.Budget.Of(vram.PartCompute)
	}
	if largest > 0 && holds(st.Memory, st.Device, protocol.PartVision) == 0 {
		n += st.Budget.Of(vram.PartVision)
	}
	return n
}

// spare is what a refusal leaves for what cannot be counted.
const spare = 32 << 20

// refusal says why a request cannot be answered. least are the tokens that it has for sure.
func (st Status) refusal(r Request, e Estimate, least, largest int, d plan.Device) *Error {
	if st.State != StateReady && st.State != StateBusy {
		return nil
	}
	if cells := st.Loaded.Context; cells > 0 && least >= cells {
		why := errorf(protocol.CodeContextFull, opAsk, "%s", words.T("%d tokens, pictures included; the context holds %d", e.PromptTokens, cells))
		why.Choices = append(st.lessDetail(r, func(low Estimate) bool { return low.PromptTokens < cells }), st.moreContext(e.PromptTokens, d)...)
		return why
	}
	if d.Total == 0 || e.Extra == 0 || e.Extra+spare <= d.Free || st.Model.Force {
		return nil
	}
	why := errorf(protocol.CodeWontFit, opAsk, "%s", shortOf(e.Extra+spare, d))
	why.Choices = st.lessDetail(r, func(low Estimate) bool { return low.Extra+spare <= d.Free })
	why.Choices = append(why.Choices, lighter(st.Facts, st.Model, st.Settings, st.alone(d), st.Known)...)
	return why
}

// alone is d as it would be without the model.
func (st Status) alone(d plan.Device) plan.Device {
	d.Free += holds(st.Memory, d)
	if d.GPU() {
		d.Free += st.Known.Runtime
	}
	d.Free = min(d.Free, d.Total)
	return d
}

// lessDetail is the choice of smaller pictures, if there are any that would become smaller and that helps.
func (st Status) lessDetail(r Request, helps func(Estimate) bool) []Choice {
	if r.Grid != (vision.Grid{}) {
		return nil // whoever chose the grid must choose another
	}
	low, pictures, smaller := r, 0, false
	low.Messages = nil
	for _, m := range r.Messages {
		var images []Image
		for _, p := range m.Images {
			pictures++
			was := p.Detail
			p.Detail = DetailLow
			smaller = smaller || st.grid(r, was) != st.grid(r, DetailLow)
			images = append(images, p)
		}
		m.Images = images
		low.Messages = append(low.Messages, m)
	}
	if !smaller || !helps(st.Estimate(low, plan.Device{})) {
		return nil
	}
	detail, label := DetailLow, words.T("Use a smaller picture")
	if pictures > 1 {
		label = words.T("Use smaller pictures")
	}
	return []Choice{{Label: label, Detail: &detail}}
}

// moreContext is the choice of a context in which that many tokens leave room for an answer, if it fits.
func (st Status) moreContext(tokens int, d plan.Device) []Choice {
	cells := st.Loaded.Context
	for cells > 0 && cells < tokens+DefaultMaxTokens {
		cells *= 2
	}
	if most := st.Loaded.ContextTrain; most > 0 {
		cells = min(cells, most)
	}
	next := st.Settings
	next.Context = cells
	if cells <= tokens || next == st.Settings || d.Total > 0 && !st.Facts.Budget(next, st.alone(d), st.Known).Fits() {
		return nil
	}
	m := withSettings(st.Model, next)
	return []Choice{{Label: words.T("Use a context of %d tokens", cells), Model: &m}}
}
