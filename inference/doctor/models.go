package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"

	"galago/assets"
	"galago/inference/gguf"
	"galago/inference/plan"
	"galago/inference/portable"
	"galago/vram"
)

// models looks at the built-in model, at the one that was opened last, and at what its settings lead to.
func (x *exam) models(ctx context.Context) {
	const what = "Built-in model"
	type answer struct {
		demo  assets.Demo
		facts *plan.Facts
		err   error
	}
	a, ok := within(ctx, x.o.limits.disk, func() answer {
		demo, err := assets.DemoModel()
		if err != nil {
			return answer{err: err}
		}
		facts, err := plan.Read(demo.Model, demo.MMProj)
		return answer{demo, facts, err}
	})
	if dir := os.Getenv(assets.DemoEnv); dir != "" {
		x.veil.own(dir, "<built-in model>")
	}
	switch {
	case !ok:
		x.lacks = "its disk does not answer"
		x.missing(what, "The disk that it is on does not answer.", "Check that disk or network drive.")
	case a.err != nil:
		x.lacks = a.err.Error()
		x.missing(what, capital(sentence(a.err.Error())), "Install Galago again, or name a model with --model and --mmproj.")
	default:
		x.ok(what, a.demo.Name+", "+describe(a.facts)+", in "+filepath.Dir(a.demo.Model))
	}
	x.lastModel(ctx)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// describe is what a model is, without its name, which may be anything.
func describe(f *plan.Facts) string {
	parameters, kinds := uint64(0), map[string]int64{}
	for _, file := range append([]*gguf.File{f.Model}, f.Rest...) {
		for _, t := range file.Tensors {
			n := uint64(1)
			for _, d := range t.Dims {
				n *= uint64(d)
			}
			parameters += n
			kinds[t.Type.String()] += t.Bytes
		}
	}
	most := ""
	for kind, n := range kinds {
		if most == "" || n > kinds[most] || n == kinds[most] && kind < most {
			most = kind
		}
	}
	weights := uint64(f.Model.Weights())
	for _, r := range f.Rest {
		weights += uint64(r.Weights())
	}
	words := []string{known(f.Model.Architecture()), count(parameters) + " parameters", most, bytesText(weights)}
	if f.MMProj != nil {
		words = append(words, "reads pictures ("+known(f.MMProj.String("clip.projector_type"))+", "+bytesText(uint64(f.MMProj.Weights()))+")")
	} else {
		words = append(words, "text only")
	}
	return strings.Join(words, ", ")
}

// known lets through what can be the name of an architecture, since a file may say anything there.
func known(name string) string {
	ok := name != "" && len(name) <= 24 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
	if !ok {
		return "unknown architecture"
	}
	return name
}

// count is a number as models' sizes are told.
func count(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f billion", float64(n)/1e9)
	default:
		return fmt.Sprintf("%.1f million", float64(n)/1e6)
	}
}

// chosen is what the window's settings say of its model.
type chosen struct {
	Model   string `json:"model"`
	MMProj  string `json:"mmproj"`
	GPU     string `json:"gpu"`
	Context int    `json:"context"`
	KVType  string `json:"kv_type"`
}

const settingsLimit = 1 << 20 // bytes

func readSettings(path string) (c chosen, there bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return c, !os.IsNotExist(err), err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, settingsLimit))
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	c.Model, c.MMProj = portable.Find(c.Model), portable.Find(c.MMProj)
	return c, true, err
}

// lastModel looks at what the window would open next.
func (x *exam) lastModel(ctx context.Context) {
	const what = "Model opened last"
	type answer struct {
		chosen
		there bool
		err   error
		facts *plan.Facts
		bad   error
		kind  string // of its disk
	}
	a, ok := within(ctx, x.o.limits.disk, func() (a answer) {
		a.chosen, a.there, a.err = readSettings(filepath.Join(xdg.ConfigHome, "galago", "settings.json"))
		if a.err == nil && a.Model != "" {
			a.facts, a.bad = plan.Read(a.Model, a.MMProj)
			a.kind = diskOf(a.Model).kind
		}
		return a
	})
	x.veil.secret(a.Model, a.MMProj)
	switch {
	case !ok:
		x.missing(what, "The disk that it, or the settings, are on does not answer.", "Check that disk or network drive.")
	case a.err != nil && a.there:
		x.warn("Settings", "<settings>/settings.json", "The file cannot be read, or holds something else than settings.", "Galago goes on with its own settings. Delete the file if that does not mend it.")
	case a.err != nil || a.Model == "": // the built-in one
	case a.bad != nil:
		x.veil.secret(filepath.Base(a.Model), filepath.Base(a.MMProj))
		problem := "The file cannot be read."
		if g := (*gguf.Error)(nil); errors.As(a.bad, &g) {
			problem = g.Msg
		}
		x.missing(what, problem, "Open another model in Galago, or download this one again.")
	default:
		x.veil.word(a.facts.Model.String("general.name"))
		x.fit(what, a.chosen, a.facts, a.kind)
	}
}

// fit says what the planner makes of a model with the settings, on the card or in memory as they are now.
func (x *exam) fit(what string, c chosen, facts *plan.Facts, disk string) {
	want := plan.Settings{Context: c.Context, KVType: c.KVType}
	device := x.device(c.GPU)
	settings, budget := facts.Choose(want, device, plan.Known{})
	found := describe(facts) + fmt.Sprintf(", context of %d tokens in %s", settings.Context, settings.KVType)
	if settings.ImageMaxTokens > 0 {
		found += fmt.Sprintf(", pictures of up to %d tokens", settings.ImageMaxTokens)
	}
	needs := fmt.Sprintf("it needs %s, and %s are free on %s", bytesText(budget.Need()), bytesText(device.Free), device.Name)
	context := ""
	if c.Context > 0 {
		context = fmt.Sprintf(" The settings ask for a context of %d tokens: a smaller one leaves more room.", c.Context)
	}
	switch {
	case device.Total == 0:
		x.ok(what, found)
	case !budget.Fits():
		x.warn(what, found, "It does not fit: "+needs+"."+context, "Choose a smaller model or a smaller context, or close programs that use the memory.")
	case device.GPU() && settings.GPULayers != 0:
		on := max(0, settings.GPULayers)
		x.warn(what, found, fmt.Sprintf("Only %d of its %d layers fit on the card, the rest is computed on the CPU, which is slow.", on, facts.Layers()+1)+context,
			"Choose a smaller context, a compact KV cache (q8_0), a smaller model or quantisation, or close programs that use the card.")
	case device.GPU() && settings.VisionCPU:
		x.warn(what, found, "Its vision tower does not fit on the card beside the rest, so pictures are read on the CPU, which is slow."+context,
			"Choose a smaller context, a compact KV cache (q8_0), or close programs that use the card.")
	case disk != "":
		x.warn(what, found, "Its file lies on "+disk+", so that loading takes long.", "Copy it to a disk of this machine.")
	default:
		x.ok(what, found+": "+needs)
	}
}

// device is where a model would go: to the chosen card, with what Galago's own engine holds counted as free, or to the
// system's memory.
func (x *exam) device(uuid string) plan.Device {
	if x.mode() == "GPU" && x.hasCard() {
		for i, card := range x.cards.driver.Cards {
			if card.UUID == uuid || uuid == "" && i == 0 {
				_, own := shares(card)
				return plan.Device{
					Name: card.Name, UUID: card.UUID, Driver: x.cards.driver.Version, Total: card.Total, Free: min(card.Total, card.Free+own),
				}
			}
		}
	}
	return plan.Device{Name: "the system", Total: vram.System(), Free: vram.Available()}
}
