package inference

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galago/assets/words"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/vram"
)

// A load goes through four steps: the survey of files and memory, beside the service goroutine; the worker's start, on
// the card that was found; the plan, made when the worker has said what it computes on, and made again after its dry
// run on a card; and the load itself. No model of ours is in memory during the survey, so that its figures are those
// against which a plan is made.

// survey is what was found before a load.
type survey struct {
	facts  *plan.Facts // nil: nothing is planned, the model is loaded as it was asked for
	card   plan.Device // zero: there is none, or it does not say
	system plan.Device // its Total is 0 where the system does not say
	files  string      // names the model's files, for what is remembered of them
	tower  int64       // bytes of the vision file
}

// planned is what is, or will be, loaded.
type planned struct {
	settings plan.Settings
	device   plan.Device // before the load; its Total is 0 when it is not known
	budget   vram.Budget
	known    plan.Known
	key      string // of what is remembered; empty: nothing is
}

// beginSurvey looks at the model's files and at memory.
func (s *Service) beginSurvey() {
	s.surveyed = s.loads
	load, model := s.loads, s.model
	go func() {
		found, why := s.look(model)
		s.box.post(func() {
			switch {
			case load != s.loads || s.closing:
			case why != nil:
				s.fail(why)
			default:
				s.survey, s.ready = found, true
			}
		})
	}()
}

func (s *Service) look(m Model) (survey, *Error) {
	facts, why := s.o.check(m)
	if why != nil {
		if why.Code == protocol.CodeMMProjInvalid {
			why.Choices = append(why.Choices, withoutPictures(m))
		}
		return survey{}, why
	}
	found := survey{facts: facts, system: s.o.system(), files: fileKey(m)}
	if info, err := os.Stat(m.MMProj); err == nil {
		found.tower = info.Size()
	}
	if m.GPULayers >= 0 {
		found.card = s.eyes.card(context.Background(), m.GPU, 0).device
	}
	s.store.open()
	return found, nil
}

// withoutPictures is the way out when only the vision file is at fault.
func withoutPictures(m Model) Choice {
	m.MMProj = ""
	return Choice{Label: words.T("Open it without pictures"), Model: &m}
}

// fileKey names a model's files as they are now, so that what was measured with others is not taken for theirs.
func fileKey(m Model) string {
	var parts []string
	for _, path := range []string{m.Path, m.MMProj} {
		if info, err := os.Stat(path); err == nil {
			parts = append(parts, fmt.Sprintf("%s %d %d", filepath.Base(path), info.Size(), info.ModTime().UnixNano()))
		}
	}
	return strings.Join(parts, " + ")
}

// childOptions are those of a worker that sees only the card that was surveyed. Left alone, llama.cpp would spread
// layers over all cards.
func (s *Service) childOptions() Options {
	o := s.o
	uuid := s.survey.card.UUID
	if uuid == "" {
		uuid = s.model.GPU
	}
	if uuid != "" {
		o.Env = append(slices.Clip(o.Env), "CUDA_VISIBLE_DEVICES="+uuid)
	}
	return o
}

// want are the settings that the model was opened with; zero fields are the planner's.
func want(m Model) plan.Settings {
	return plan.Settings{
		Context: m.Context, KVType: m.KVType, GPULayers: m.GPULayers, VisionCPU: m.VisionCPU,
		ImageMinTokens: m.ImageMinTokens, ImageMaxTokens: m.ImageMaxTokens,
	}
}

// place says where the model will be: the card only if the engine computes on one.
func (s *Service) place(h protocol.Hello, settings plan.Settings) plan.Device {
	onCard := settings.GPULayers >= 0 && slices.ContainsFunc(h.Devices, func(d protocol.Device) bool { return d.Type == "GPU" })
	switch {
	case !onCard:
		return s.survey.system
	case s.survey.card.GPU():
		return s.survey.card
	}
	return plan.Device{Name: words.T("the graphics card"), UUID: unknownCard}
}

// unknownCard stands for a card that the engine computes on and that nobody can ask how much memory it has.
const unknownCard = "unknown"

// begun goes on when the worker has said who it is: it plans, on a card after a dry run, and loads.
func (s *Service) begun(c *child) {
	facts := s.survey.facts
	asked := want(s.model)
	s.plan = planned{settings: asked}
	if facts == nil {
		s.sendLoad(c)
		return
	}
	s.plan.device = s.place(c.hello, asked)
	if where := s.plan.device; where.Total > 0 && s.survey.files != "" {
		s.plan.key = strings.Join([]string{deviceKey(where), where.Driver, c.hello.Llama, s.survey.files}, " | ")
		s.plan.known, _ = s.store.find(s.plan.key)
	}
	s.choose(c)
	if s.plan.device.GPU() && !s.dryRunDied {
		c.phase = phasePlanning
		s.send(c, frame{kind: protocol.KindPlan, message: s.loadMessage()})
		return
	}
	s.loadIfItFits(c)
}

func deviceKey(d plan.Device) string {
	if d.GPU() {
		return d.UUID
	}
	return "system memory"
}

// choose makes the plan with what is known now. Settings that were reduced stay, unless the model rested meanwhile and
// there is much more free memory than when they were reduced.
func (s *Service) choose(c *child) {
	p, facts := &s.plan, s.survey.facts
	if p.device.Total == 0 {
		p.settings = facts.Resolve(want(s.model))
	} else {
		p.settings, p.budget = facts.Choose(want(s.model), p.device, p.known)
		if p.settings.GPULayers < 0 && p.device.GPU() {
			// Planned anew: what suits a card, such as a large picture, takes minutes on a CPU.
			alone := want(s.model)
			alone.GPULayers = -1
			p.device = s.survey.system
			p.settings, p.budget = facts.Resolve(alone), vram.Budget{}
			if p.device.Total > 0 {
				p.settings, p.budget = facts.Choose(alone, p.device, plan.Known{})
			}
		}
	}
	if s.ladder.at == nil || s.ladder.recovered(p.budget) {
		s.ladder.reset()
		return
	}
	p.settings = *s.ladder.at
	p.device = s.place(c.hello, p.settings)
	p.budget = facts.Budget(p.settings, p.device, p.known)
}

// onPlanned takes the figures of the dry run into the plan.
func (s *Service) onPlanned(c *child, m protocol.Planned) {
	if c.phase != phasePlanning {
		return
	}
	s.plan.known.Planned, s.plan.known.With = m.Memory, s.plan.settings
	s.choose(c)
	s.loadIfItFits(c)
}

// loadIfItFits refuses a load that cannot go well before anything is allocated. Settings that were reduced after a
// real failure are tried in any case: the ladder ends by itself.
func (s *Service) loadIfItFits(c *child) {
	p := s.plan
	if p.device.Total == 0 || p.budget.Fits() || s.model.Force || s.ladder.at != nil {
		s.sendLoad(c)
		return
	}
	why := errorf(protocol.CodeWontFit, opLoad, "%s", shortOf(p.budget.Need(), p.device))
	why.Choices = s.lighterModels(p.settings, p.device, p.known)
	force := s.model
	force.Force = true
	why.Choices = append(why.Choices, Choice{Label: words.T("Try all the same"), Model: &force})
	s.stop(c, s.o.StopGrace)
	s.fail(why)
}

func shortOf(need uint64, d plan.Device) string {
	return words.T("It needs %s, and %s are free (%s).", bytesText(need), bytesText(d.Free), d.Name)
}

// bytesText is a size as a person reads it.
func bytesText(n uint64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// lighterModels are the changes of settings that make the model fit d, as models to be opened.
func (s *Service) lighterModels(now plan.Settings, d plan.Device, k plan.Known) []Choice {
	return lighter(s.survey.facts, s.model, now, d, k)
}

func lighter(facts *plan.Facts, m Model, now plan.Settings, d plan.Device, k plan.Known) []Choice {
	var choices []Choice
	for _, c := range facts.Changes(now, d, k) {
		if c.File || !c.Fits {
			continue
		}
		next := withSettings(m, c.Settings)
		choices = append(choices, Choice{Label: changeLabel(now, c.Settings), Model: &next})
	}
	return choices
}

// withSettings is m with every setting given.
func withSettings(m Model, s plan.Settings) Model {
	m.Context, m.KVType, m.GPULayers, m.VisionCPU = s.Context, s.KVType, s.GPULayers, s.VisionCPU
	m.ImageMinTokens, m.ImageMaxTokens = s.ImageMinTokens, s.ImageMaxTokens
	return m
}

// changeLabel names the step from one setting to another as a button does.
func changeLabel(from, to plan.Settings) string {
	var parts []string
	if to.ImageMaxTokens != from.ImageMaxTokens {
		parts = append(parts, words.T("pictures of at most %d tokens", to.ImageMaxTokens))
	}
	if to.VisionCPU && !from.VisionCPU && to.GPULayers >= 0 {
		parts = append(parts, words.T("pictures read on the CPU"))
	}
	if to.Context != from.Context {
		parts = append(parts, words.T("a context of %d tokens", to.Context))
	}
	if to.KVType != from.KVType {
		parts = append(parts, words.T("a compact cache (%s)", to.KVType))
	}
	switch {
	case to.GPULayers == from.GPULayers:
	case to.GPULayers < 0:
		parts = append(parts, words.T("the CPU alone"))
	default:
		parts = append(parts, words.T("%d layers on the card", to.GPULayers))
	}
	if len(parts) == 0 {
		return words.T("Use other settings")
	}
	return words.T("Use %s", strings.Join(parts, ", "))
}

func (s *Service) loadMessage() protocol.Load {
	p := s.plan.settings
	return protocol.Load{
		Model: s.model.Path, MMProj: s.model.MMProj, Context: p.Context, GPULayers: p.GPULayers, KVType: p.KVType,
		ImageMinTokens: p.ImageMinTokens, ImageMaxTokens: p.ImageMaxTokens, MMProjCPU: p.VisionCPU,
		States: s.o.States, StatesMemory: s.o.StatesMemory, StatesDisk: s.o.StatesDisk,
		Calibrate: s.calibrates(),
	}
}

// On a CPU the largest picture is encoded for calibration only where that is quick: a tower of 5 MB takes 6 s for 1,024
// tokens on two cores, and one of 800 MB minutes. And only where it is remembered, since formulas are good enough there.
const (
	quickTower   = 64 << 20 // bytes
	quickPicture = 256      // tokens
)

// calibrates reports whether the load is to encode its largest picture and to measure what that takes.
func (s *Service) calibrates() bool {
	facts, known := s.survey.facts, s.plan.known.EncodeTokens
	if facts == nil || facts.MMProj == nil || s.plan.key == "" {
		return false
	}
	if known > 0 && known >= s.plan.settings.ImageMaxTokens*9/10 { // grids seldom hit the limit exactly
		return false
	}
	if s.plan.device.GPU() && !s.plan.settings.VisionCPU {
		return true
	}
	return s.o.CalibrationFile != "" && s.survey.tower < quickTower && s.plan.settings.ImageMaxTokens <= quickPicture
}

func (s *Service) sendLoad(c *child) {
	c.phase, c.stage = phaseLoading, protocol.StageLoadWeights
	s.send(c, frame{kind: protocol.KindLoad, message: s.loadMessage()})
}

// loadedNow takes over what a load brought.
func (s *Service) loadedNow(c *child, m protocol.Loaded) {
	c.phase, c.ready = phaseIdle, true
	s.loaded, s.loadFor, s.lastUse = m, s.now().Sub(s.launched), s.now()
	s.memory = m.Memory
	s.measured.begin(m)
	s.ladder.rested = false
	s.log.Info("model loaded", "name", m.Name, "device", m.Device, "settings", s.plan.settings, "took", s.loadFor)
	s.learn(c, m)
}

// learn measures what the driver took beside the engine's buffers, and keeps that and the calibration.
func (s *Service) learn(c *child, m protocol.Loaded) {
	p := s.plan
	if p.key == "" {
		return
	}
	known := p.known
	if n := s.holds(protocol.PartEncode, protocol.PartPool); m.EncodeTokens > 0 && n > 0 { // else it was encoded elsewhere
		known.Encode, known.EncodeTokens = n, m.EncodeTokens
	}
	if !p.device.GPU() {
		s.keep(c, p.key, known)
		return
	}
	pid := c.proc.pid
	go func() {
		now := s.eyes.card(context.Background(), p.device.UUID, pid)
		s.box.post(func() {
			if s.child != c || !now.ok {
				return
			}
			grown := growth(p.device, now)
			held := s.holds()
			s.measured.spilled(held, grown, now.used > 0)
			if held > 0 && grown > held {
				known.Runtime = grown - held
			}
			s.keep(c, p.key, known)
		})
	}()
}

// growth is what the engine takes of a card: as the driver tells, or else how much less is free than before.
func growth(before plan.Device, now reading) uint64 {
	if now.used > 0 {
		return now.used
	}
	return before.Free - min(before.Free, now.device.Free)
}

// holds adds up parts that the engine holds where the model is, or all parts when none is named.
func (s *Service) holds(parts ...protocol.Part) uint64 {
	return holds(s.memory, s.plan.device, parts...)
}

func holds(memory []protocol.Memory, where plan.Device, parts ...protocol.Part) uint64 {
	n := uint64(0)
	for _, b := range memory {
		if (b.Device != "CPU") == where.GPU() && (len(parts) == 0 || slices.Contains(parts, b.Part)) {
			n += b.Bytes
		}
	}
	return n
}

// keep remembers what was measured, for this load's estimates and for later ones.
func (s *Service) keep(c *child, key string, k plan.Known) {
	if s.child != c || s.plan.key != key {
		return
	}
	s.plan.known = k
	k.Planned, k.With = nil, plan.Settings{} // a dry run costs little and is made each time
	go func() {
		if err := s.store.put(key, k); err != nil {
			s.log.Warn("what was measured cannot be kept", "err", err)
		}
	}()
}
