package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"galago/inference"
	"galago/inference/gguf"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/vram"
)

// planOptions are the command line of plan.
type planOptions struct {
	modelOptions
	vram      string
	card      uint64 // bytes of vram
	kv        string
	gpuLayers int
	pictures  list
	sizes     []size // of pictures
	json      bool
}

type size struct{ w, h int }

func parsePlan(args []string, errOut io.Writer) (planOptions, error) {
	var o planOptions
	f := flag.NewFlagSet("galago-engine plan", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.Usage = func() {
		fmt.Fprint(errOut, "galago-engine plan [--model GGUF --mmproj GGUF] [--vram SIZE] [--picture WxH]...\n\n"+
			"Says what a model would take of the graphics card's memory, or of the system's where there is no card, and what\n"+
			"would have to change if that is too much. It reads the files' headers and takes no memory.\n"+
			"What is not given is chosen so that it fits. It ends with 6 if nothing does.\n\n")
		f.PrintDefaults()
	}
	o.flags(f)
	f.Lookup("context").Usage = "`tokens` that the KV cache holds (default: as many as fit, up to 32768)"
	f.StringVar(&o.vram, "vram", "", "plan for an empty card of this `SIZE`, such as 5.6GiB, instead of the one that is here")
	f.StringVar(&o.kv, "kv", "", "`TYPE` of the KV cache: f16 or q8_0 (default f16 if it fits)")
	f.IntVar(&o.gpuLayers, "gpu-layers", 0, "`layers` on the card, the output counted as one; 0 for as many as fit, -1 for none")
	f.Var(&o.pictures, "picture", "`WxH` in pixels: also say what a picture of that size costs; may be given several times")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	rest, err := parseMixed(f, args)
	if err != nil {
		return o, err
	}
	usage := func(sentence string) (planOptions, error) {
		fmt.Fprintln(errOut, "galago-engine plan:", sentence)
		return o, errors.New(sentence)
	}
	switch {
	case len(rest) > 0:
		return usage(fmt.Sprintf("it takes no %q.", rest[0]))
	case o.context < 0:
		return usage("--context must be at least 1, or 0 for as many tokens as fit.")
	case o.kv != "" && o.kv != plan.F16 && o.kv != plan.Q8:
		return usage("--kv must be f16 or q8_0.")
	case o.gpuLayers < -1:
		return usage("--gpu-layers must be -1 or more.")
	}
	if o.vram != "" {
		var problem string
		if o.card, problem = parseBytes(o.vram); problem != "" {
			return usage("--vram " + problem)
		}
	}
	for _, p := range o.pictures {
		s, ok := parseSize(p)
		if !ok {
			return usage(fmt.Sprintf("--picture must be a size in pixels such as 1920x1080, not %q.", p))
		}
		o.sizes = append(o.sizes, s)
	}
	return o, nil
}

// units are what sizes of memory are written in. GB is what a card's box says, and there it means GiB.
var units = []struct {
	name  string
	bytes float64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"G", 1 << 30}, {"M", 1 << 20}}

// parseBytes reads sizes from 1 MiB to 1 TiB. A problem is the end of a sentence.
func parseBytes(text string) (bytes uint64, problem string) {
	for _, u := range units {
		if len(text) <= len(u.name) || !strings.EqualFold(text[len(text)-len(u.name):], u.name) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(text[:len(text)-len(u.name)]), 64)
		if err != nil {
			break
		}
		if n *= u.bytes; !(n >= 1<<20 && n <= 1<<40) { // also when it is not a number
			return 0, "must be between 1MiB and 1024GiB."
		}
		return uint64(n), ""
	}
	return 0, fmt.Sprintf("must be a size such as 5.6GiB or 800MiB, not %q.", text)
}

// parseSize reads a picture's size.
func parseSize(text string) (s size, ok bool) {
	w, h, ok := strings.Cut(strings.ToLower(text), "x")
	a, err1 := strconv.Atoi(strings.TrimSpace(w))
	b, err2 := strconv.Atoi(strings.TrimSpace(h))
	most := 1 << 17
	return size{a, b}, ok && err1 == nil && err2 == nil && min(a, b) > 0 && max(a, b) <= most
}

// pictureCost is what a picture costs.
type pictureCost struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Seen   [2]int `json:"seen"`   // pixels that the model sees
	Tokens int    `json:"tokens"` // 0: the projector resizes in its own way
	Bytes  uint64 `json:"encode_bytes"`
}

// planResult is the JSON output.
type planResult struct {
	Model    string        `json:"model"`
	Settings plan.Settings `json:"settings"`
	Budget   vram.Budget   `json:"budget"`
	Need     uint64        `json:"need"`
	Fits     bool          `json:"fits"`
	Left     uint64        `json:"left"`    // bytes that stay free beside the margin
	Missing  uint64        `json:"missing"` // bytes that are not free
	Pictures []pictureCost `json:"pictures,omitempty"`
	Full     *fullPlan     `json:"full,omitempty"`    // what there is no room for; nil: it is what was planned
	Changes  []plan.Change `json:"changes,omitempty"` // what would make room for Full, or for the plan itself, the best first

	layers   int
	card     bool // the model is on a card, at least in part
	freeFrom string
}

// fullPlan is what the model would take if memory were no question.
type fullPlan struct {
	Settings plan.Settings `json:"settings"`
	Need     uint64        `json:"need"`
	Missing  uint64        `json:"missing"` // bytes that are not free where it was to be
	Device   string        `json:"device"`
}

func planCommand(args []string, out, errOut io.Writer) int {
	o, err := parsePlan(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage
	}
	model, exit := o.chosen("plan", errOut)
	if exit != exitOK {
		return exit
	}
	facts, err := plan.Read(model.Path, model.MMProj)
	if err != nil {
		return complain(errOut, unusable(err, model))
	}
	r := makePlan(facts, model, o)
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		encoder.Encode(r)
	} else {
		r.print(out)
	}
	if !r.Fits {
		return exitMemory
	}
	return exitOK
}

// unusable says which of the two files is at fault, as the service does before it loads them.
func unusable(err error, m inference.Model) error {
	code := protocol.CodeModelInvalid
	if e := (*gguf.Error)(nil); errors.As(err, &e) && m.MMProj != "" && e.Name == filepath.Base(m.MMProj) {
		code = protocol.CodeMMProjInvalid
	}
	return &inference.Error{Code: code, Op: "read the model", Err: err}
}

func makePlan(facts *plan.Facts, model inference.Model, o planOptions) planResult {
	want := plan.Settings{
		Context: model.Context, KVType: o.kv, GPULayers: o.gpuLayers,
		ImageMinTokens: model.ImageMinTokens, ImageMaxTokens: model.ImageMaxTokens,
	}
	if model.GPULayers != 0 {
		want.GPULayers = model.GPULayers
	}
	d := place(o.card, want.GPULayers)
	full, changes := fullest(facts, want, d)
	s, b := facts.Choose(want, d, plan.Known{})
	if d.GPU() && s.GPULayers < 0 { // it goes to system memory, which must have room too
		want.GPULayers = -1
		d = place(0, -1)
		s, b = facts.Choose(want, d, plan.Known{})
	}
	r := planResult{
		Model: facts.Model.Name(), Settings: s, Budget: b, Need: b.Need(), Fits: b.Fits(), Missing: b.Missing(),
		card:   d.GPU(),
		layers: facts.Layers(),
	}
	if r.freeFrom = string(vram.Measured); d.UUID == imagined {
		r.freeFrom = "given"
	}
	if r.Fits {
		r.Left = b.Free - r.Need
		r.Full, r.Changes = full, changes
	} else {
		r.Changes = facts.Changes(s, d, plan.Known{})
	}
	r.Pictures = costs(facts, s, o.sizes)
	return r
}

// fullest is what would be planned if d were endless, and what would make room for it; nil if there is room.
func fullest(facts *plan.Facts, want plan.Settings, d plan.Device) (*fullPlan, []plan.Change) {
	endless := d
	endless.Total, endless.Free = 1<<50, 1<<50
	s, _ := facts.Choose(want, endless, plan.Known{})
	b := facts.Budget(s, d, plan.Known{})
	if b.Fits() {
		return nil, nil
	}
	return &fullPlan{s, b.Need(), b.Missing(), d.Name}, facts.Changes(s, d, plan.Known{})
}

// imagined is the UUID of a card that nobody has.
const imagined = "imagined"

// place is where the model would go: an imagined card, the one that is here, or system memory.
func place(card uint64, layers int) plan.Device {
	if card > 0 {
		return plan.Device{Name: "an empty card of " + mib(card) + " MiB", UUID: imagined, Total: card, Free: card}
	}
	if layers >= 0 {
		if d, _, ok := inference.CardMemory("", os.Getpid()); ok {
			return d
		}
	}
	return plan.Device{Name: "system memory", Total: vram.System(), Free: vram.Available()}
}

func costs(facts *plan.Facts, s plan.Settings, sizes []size) []pictureCost {
	if facts.MMProj == nil {
		return nil
	}
	_, factor := gguf.VisionOf(facts.MMProj)
	grid := vision.Grid{Factor: factor, MinTokens: s.ImageMinTokens, MaxTokens: s.ImageMaxTokens}
	var list []pictureCost
	for _, p := range sizes {
		c := pictureCost{Width: p.w, Height: p.h, Tokens: grid.Tokens(p.w, p.h)}
		c.Seen[0], c.Seen[1] = grid.Size(p.w, p.h)
		c.Bytes = facts.EncodeBytes(c.Tokens, plan.Known{})
		list = append(list, c)
	}
	return list
}

func (r planResult) print(w io.Writer) {
	fmt.Fprintf(w, "%s on %s: %s\n\n", r.Model, r.Budget.Device, r.settings())
	fmt.Fprintf(w, "  %-8s %9s  %s\n", "part", "MiB", "from")
	for _, l := range r.Budget.Lines {
		if l.Part != vram.PartWindow && l.Part != vram.PartOthers {
			fmt.Fprintf(w, "  %-8s %9s  %-11s  %s\n", l.Part, mib(l.Bytes), l.Origin, l.Note)
		}
	}
	fmt.Fprintf(w, "  %-8s %9s\n", "needed", mib(r.Need))
	fmt.Fprintf(w, "  %-8s %9s  %-11s  of %s MiB%s\n", "free", mib(r.Budget.Free), r.freeFrom, mib(r.Budget.Total), r.used())
	if r.Fits {
		fmt.Fprintf(w, "  %-8s %9s\n", "left", mib(r.Left))
	} else {
		fmt.Fprintf(w, "  %-8s %9s\n", "missing", mib(r.Missing))
	}
	for i, p := range r.Pictures {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  a picture of %d x %d: %s\n", p.Width, p.Height, p.text())
	}
	switch {
	case r.Full != nil:
		fmt.Fprintf(w, "\nThere is no room on %s for %s: %s MiB are missing.\nWhat would make room, the best first:\n",
			r.Full.Device, settingsText(r.Full.Settings, r.layers, r.Full.Settings.GPULayers >= 0), mib(r.Full.Missing))
	case !r.Fits:
		fmt.Fprintln(w, "\nIt does not fit. What would help, the best first:")
	default:
		return
	}
	for i, c := range r.Changes {
		fits := "not enough alone"
		if c.Fits {
			fits = "then it fits"
		}
		fmt.Fprintf(w, "  %d. %s\n     Saves %s MiB; %s.\n", i+1, c.Text, mib(c.Saves), fits)
	}
	if len(r.Changes) == 0 {
		fmt.Fprintln(w, "  Nothing: choose a smaller model, or close other programs.")
	}
}

// used says what is in use already.
func (r planResult) used() string {
	window, others := r.Budget.Of(vram.PartWindow), r.Budget.Of(vram.PartOthers)
	switch {
	case window > 0:
		return fmt.Sprintf("; Galago's window holds %s, other programs %s", mib(window), mib(others))
	case others > 0:
		return fmt.Sprintf("; other programs hold %s", mib(others))
	}
	return ""
}

func (p pictureCost) text() string {
	if p.Tokens == 0 {
		return fmt.Sprintf("as the projector resizes it, %s MiB while it is read", mib(p.Bytes))
	}
	return fmt.Sprintf("%d tokens (seen as %d x %d), %s MiB while it is read", p.Tokens, p.Seen[0], p.Seen[1], mib(p.Bytes))
}

func (r planResult) settings() string { return settingsText(r.Settings, r.layers, r.card) }

// settingsText is for people; card says whether the model is on one, at least in part.
func settingsText(s plan.Settings, layers int, card bool) string {
	parts := []string{fmt.Sprintf("%d tokens of context in %s", s.Context, s.KVType)}
	if s.ImageMaxTokens > 0 {
		parts = append(parts, fmt.Sprintf("pictures of %d to %d tokens", s.ImageMinTokens, s.ImageMaxTokens))
	}
	switch {
	case !card || s.GPULayers < 0:
		return strings.Join(append(parts, "everything on the CPU"), ", ")
	case s.GPULayers > 0:
		parts = append(parts, fmt.Sprintf("%d of %d layers on the card", min(s.GPULayers, layers+1), layers+1))
	}
	if s.VisionCPU {
		parts = append(parts, "pictures read on the CPU")
	}
	return strings.Join(parts, ", ")
}

// mib writes bytes in MiB with one decimal.
func mib(bytes uint64) string {
	return strconv.FormatFloat(math.Round(float64(bytes)/(1<<20)*10)/10, 'f', 1, 64)
}
