package vram

// Part is what a piece of memory is for.
type Part string

// The parts of a budget, in the order in which they are shown.
const (
	PartWeights Part = "weights" // of the language model, as far as they are on the device
	PartVision  Part = "vision"  // weights of the vision tower and projector
	PartKV      Part = "kv"      // KV cache
	PartCompute Part = "compute" // scratch space of the language model's graph
	PartEncode  Part = "encode"  // scratch space for the largest picture
	PartRuntime Part = "runtime" // the driver's context and pool for our engine
	PartWindow  Part = "window"  // what Galago's own window holds
	PartOthers  Part = "others"  // what other programs hold
	PartMargin  Part = "margin"  // left free for safety
)

// Origin says where a figure comes from.
type Origin string

// The origins, the surest first.
const (
	Measured   Origin = "measured"    // NVML, or the system, now
	Calibrated Origin = "calibration" // measured earlier with this card, driver, model and settings
	DryRun     Origin = "dry run"     // laid out by llama.cpp without allocating
	Header     Origin = "header"      // read from the model file
	Formula    Origin = "formula"     // computed from the model file's figures
	Assumed    Origin = "assumption"  // a figure that held elsewhere
)

// Line is one part of a budget.
type Line struct {
	Part   Part   `json:"part"`
	Bytes  uint64 `json:"bytes"`
	Origin Origin `json:"origin"`
	Note   string `json:"note"` // for people, such as "28 layers, 8,192 tokens in q8_0"
}

// Budget is what loading a model would take from a device, against what is free there before it is loaded. The lines
// PartWindow and PartOthers are in use already, so they lie between Total and Free and are not part of Need.
type Budget struct {
	Device string `json:"device"` // such as NVIDIA GeForce RTX 3050, or "system memory"
	Total  uint64 `json:"total"`
	Free   uint64 `json:"free"`
	Lines  []Line `json:"lines"`
}

// Of is the bytes of one part, 0 when the budget has no such line.
func (b Budget) Of(p Part) uint64 {
	n := uint64(0)
	for _, l := range b.Lines {
		if l.Part == p {
			n += l.Bytes
		}
	}
	return n
}

// Need is what must be free for the model to load and to answer about its largest picture, the margin included.
func (b Budget) Need() uint64 {
	n := uint64(0)
	for _, l := range b.Lines {
		if l.Part != PartWindow && l.Part != PartOthers {
			n += l.Bytes
		}
	}
	return n
}

// Fits reports whether Need is free.
func (b Budget) Fits() bool { return b.Need() <= b.Free }

// Missing is how many bytes are not free that would have to be; 0 when it fits.
func (b Budget) Missing() uint64 {
	if need := b.Need(); need > b.Free {
		return need - b.Free
	}
	return 0
}
