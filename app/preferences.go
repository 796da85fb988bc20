package app

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"galago/app/library/download"
	"galago/assets/words"
	"galago/inference"
	"galago/ui"
)

// preferences are what the Controller knows beside the Settings themselves.
type preferences struct {
	dataFolder string          // where what a person made is kept
	language   string          // in the settings when the program began, which speaks it until it ends
	asked      inference.Model // what was opened last
	keeper     settingsKeeper
	unsaved    error           // why the settings could not be written down last; nil when they were
	wayOut     inference.Model // how a model is opened out of trouble with it, instead of as the settings want; empty: none
}

// request is what the settings make of a conversation whose last message is the question, or an answer to go on with.
func (c *Controller) request(messages []inference.Message) inference.Request {
	s := c.settings
	if s.System != "" {
		messages = append([]inference.Message{{Role: "system", Text: s.System}}, messages...)
	}
	return inference.Request{
		Messages: messages, MaxTokens: s.MaxTokens, Temperature: float32(s.temperature(c.manifest.Temperature)),
		TopK: s.TopK, TopP: float32(s.TopP), MinP: float32(s.MinP), RepeatPenalty: float32(s.RepeatPenalty),
		RepeatLastN: int(inference.Ranges.RepeatLastN.Default), Seed: s.Seed,
	}
}

// readSettings takes what was kept, and tells what of it cannot be used.
func (c *Controller) readSettings() {
	if c.settingsPath == "" {
		return
	}
	var err error
	c.settings, err = loadSettings(c.settingsPath)
	c.settings.Welcomed = c.settings.Welcomed || err != nil // there are settings, whatever they say
	c.language = c.settings.Language                        // the file was read for it before the first text was made
	var wrong *wrongSettings
	switch folder := filepath.Dir(c.settingsPath); {
	case errors.As(err, &wrong): // in a strip, since there may be more of it than can be read in a moment
		c.notice = &ui.Banner{Text: wrong.Error(), Label: words.T("Show the file"), Do: func() { c.showFolder(folder) }}
	case err != nil:
		c.view.Notify(sentence(err))
	}
	if errors.Is(err, errOutOfReach) {
		c.settingsPath = ""
	}
}

// showFolder opens a folder in the file manager.
func (c *Controller) showFolder(path string) {
	if err := openFolder(path); err != nil {
		c.view.Notify(sentence(err))
	}
}

// OpenData shows the folder in which Galago keeps what a person made.
func (c *Controller) OpenData() { c.showFolder(c.dataFolder) }

// ChangeSettings keeps what was chosen in the settings. What is out of range stays as it was.
func (c *Controller) ChangeSettings(s ui.Settings) {
	next := c.settings
	next.Sampling = Sampling{
		System: s.System, Temperature: &s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, RepeatPenalty: s.RepeatPenalty,
	}
	if s.Temperature == ownTemperature(c.manifest.Temperature) {
		next.Temperature = nil // else another model may have its own
	}
	next.MaxTokens, next.Seed = s.MaxTokens, s.Seed
	next.Context, next.KVType, next.Detail = s.Context, s.KVType, s.Detail
	next.FreeAfterAnswer, next.IdleMinutes = s.FreeAfterAnswer, s.IdleMinutes
	next.LookOnSend = s.LookOnSend
	next.Theme, next.TextSize, next.Language = s.Theme, s.TextSize, s.Language
	next.Mirror = strings.TrimSpace(s.Mirror)
	c.adopt(c.settings.with(next))
}

// mirrorFault says what is wrong with an address to download from, or nothing.
func mirrorFault(address string) string {
	if _, err := download.CheckMirror(address); err != nil {
		return err.Error() // a sentence already, and one that may begin with the address as typed
	}
	return ""
}

// adopt makes settings count from now on.
func (c *Controller) adopt(s Settings) {
	was := c.settings
	c.settings = s
	if was.Context != s.Context || was.KVType != s.KVType { // what a way out chose instead is over
		plain := c.plainModel(c.opened)
		c.wayOut.Context, c.wayOut.KVType = plain.Context, plain.KVType
	}
	c.client.Configure(s.policy())
	c.keepSettings()
	c.showSettings()
	c.showBanner()
}

// presetNow is the name of the preset whose figures are used, or nothing.
func (c *Controller) presetNow() string {
	for _, p := range c.presets() {
		if p.Sampling.equal(c.settings.Sampling) {
			return p.Name
		}
	}
	return ""
}

// presets are the built-in ones and the person's own.
func (c *Controller) presets() []Preset { return slices.Concat(builtInPresets(), c.settings.Presets) }

// builtInPresets are for what a picture is asked about most. The system prompts are for the model, and so in English
// whatever language the person reads; it answers in that of the question.
func builtInPresets() []Preset {
	zero := 0.0
	preset := func(name, system string, temperature *float64) Preset {
		p := Preset{Name: name, Sampling: defaultSampling()}
		p.System, p.Temperature = system, temperature
		return p
	}
	return []Preset{
		preset(words.T("Usual"), "", nil),
		preset(words.T("Describe"), "Describe the picture: first all of it in one sentence, then what is in it from left to right, with colours and places. Say only what can be seen, and say so where you are not sure. Answer in the language of the question.", nil),
		preset(words.T("Read text"), "Copy the text in the picture as it is written, line by line, in its own language and with its own spelling. Do not translate, correct or explain anything. Write [?] for what cannot be read.", &zero),
		preset(words.T("Terse"), "Answer in as few words as possible, without an introduction and without repeating the question. Answer in the language of the question.", nil),
	}
}

// builtInPreset is the place of the built-in preset of a name, or -1.
func builtInPreset(name string) int { return presetCalled(builtInPresets(), name) }

// presetCalled is the place of the preset of a name, or -1. Big and small letters are the same.
func presetCalled(list []Preset, name string) int {
	return slices.IndexFunc(list, func(p Preset) bool { return strings.EqualFold(p.Name, name) })
}

// UsePreset takes the figures of a preset.
func (c *Controller) UsePreset(name string) {
	list := slices.Concat(c.settings.Presets, builtInPresets()) // in another language a built-in one may have got its name
	if i := presetCalled(list, name); i >= 0 {
		s := c.settings
		s.Sampling = list[i].Sampling
		c.adopt(s)
	}
}

// SavePreset gives the figures that are used a name. One of the person's presets of that name is replaced.
func (c *Controller) SavePreset(name string) {
	p := Preset{Name: strings.TrimSpace(name), Sampling: c.settings.Sampling}
	list := slices.Clone(c.settings.Presets)
	at := presetCalled(list, p.Name)
	switch {
	case !p.good() || builtInPreset(p.Name) >= 0:
		c.view.Notify(words.T("A preset needs a name of its own, of at most %d characters.", maxPresetName))
		return
	case at >= 0:
		list[at] = p
	case len(list) == maxPresets:
		c.view.Notify(words.T("There are %d presets already. Delete one first.", maxPresets))
		return
	default:
		list = append(list, p)
	}
	c.keepPresets(list)
}

// RenamePreset gives one of the person's presets another name.
func (c *Controller) RenamePreset(name, to string) {
	list := slices.Clone(c.settings.Presets)
	at := presetCalled(list, name)
	if at < 0 {
		return
	}
	list[at].Name = strings.TrimSpace(to)
	other := presetCalled(c.settings.Presets, list[at].Name)
	if !list[at].good() || builtInPreset(list[at].Name) >= 0 || other >= 0 && other != at {
		c.view.Notify(words.T("A preset needs a name of its own, of at most %d characters.", maxPresetName))
		return
	}
	c.keepPresets(list)
}

// DeletePreset takes one of the person's presets away, with Undo. The figures stay as they are.
func (c *Controller) DeletePreset(name string) {
	at := presetCalled(c.settings.Presets, name)
	if at < 0 {
		return
	}
	gone := c.settings.Presets[at]
	c.keepPresets(slices.Delete(slices.Clone(c.settings.Presets), at, at+1))
	c.view.Offer(words.T("The preset “%s” is deleted.", gone.Name), words.T("Undo"), func() {
		if presetCalled(c.settings.Presets, gone.Name) < 0 {
			c.keepPresets(slices.Insert(slices.Clone(c.settings.Presets), min(at, len(c.settings.Presets)), gone))
		}
	})
}

func (c *Controller) keepPresets(list []Preset) {
	s := c.settings
	s.Presets = list
	c.adopt(s)
}

func (c *Controller) showSettings() {
	s := c.settings
	c.view.SetSettings(ui.Settings{
		System: s.System, Temperature: s.temperature(c.manifest.Temperature), TopK: s.TopK, TopP: s.TopP, MinP: s.MinP,
		RepeatPenalty: s.RepeatPenalty, MaxTokens: s.MaxTokens, Seed: s.Seed,
		Context: s.Context, KVType: s.KVType, Detail: s.Detail, LookOnSend: s.LookOnSend,
		FreeAfterAnswer: s.FreeAfterAnswer, FreeCost: freeCost(c.status.FreeCost), IdleMinutes: s.IdleMinutes,
		Theme: s.Theme, TextSize: s.TextSize, Language: s.Language, Mirror: s.Mirror,
		Info: c.settingsInfo(),
	})
}

// settingsInfo is what the window has to know of the settings beside their values.
func (c *Controller) settingsInfo() *ui.SettingsInfo {
	of := func(r inference.Range) ui.Range { return ui.Range(r) }
	r, d := inference.Ranges, c.gaugeData()
	info := &ui.SettingsInfo{
		Temperature: of(r.Temperature), TopK: of(r.TopK), TopP: of(r.TopP), MinP: of(r.MinP), RepeatPenalty: of(r.RepeatPenalty),
		MaxTokens: of(r.MaxTokens), Seed: of(seedRange), Context: of(contextRange), IdleMinutes: of(idleRange), TextSize: of(textSizeRange),
		SystemLength: maxSystem, PresetLength: maxPresetName,
		Preset: c.presetNow(), DataFolder: c.dataFolder, Hub: download.Hub, Cards: d.cards(d.use()),
		Languages: []ui.Option{
			{Value: "", Label: words.T("Like the system")},
			{Value: "en", Label: "English"},
			{Value: "de", Label: "Deutsch"},
			{Value: "es", Label: "Español"},
			{Value: "zh-Hans", Label: "简体中文"},
		},
		Restart: c.settings.Language != c.language,
		Reload:  c.loadsOtherwise(),
	}
	info.Temperature.Default = ownTemperature(c.manifest.Temperature)
	for _, p := range c.presets() {
		info.Presets = append(info.Presets, ui.Preset{Name: p.Name, Own: slices.ContainsFunc(c.settings.Presets, func(own Preset) bool { return own.Name == p.Name })})
	}
	return info
}

// loadsOtherwise reports whether the model that was opened would be opened with another context or KV type now.
func (c *Controller) loadsOtherwise() bool {
	next := c.nextModel(c.opened)
	return c.asked.Path != "" && (c.asked.Context != next.Context || c.asked.KVType != next.KVType)
}

// freeCost says what freeing working memory after every answer costs, as measured.
func freeCost(d time.Duration) string {
	if d <= 0 {
		return words.T("the next question makes it again, which takes longer; not measured yet")
	}
	return words.T("adds about %s to the next question, as measured", seconds(float64(d.Microseconds())/1000))
}

// keepSettings writes the settings down, beside the main goroutine.
func (c *Controller) keepSettings() {
	if c.settingsPath != "" {
		c.keeper.put(c.settingsPath, c.settings, func(err error) { c.do(func() { c.settingsKept(err) }) })
	}
}

// settingsKept tells when the settings cannot be written down, once until they can.
func (c *Controller) settingsKept(err error) {
	if err != nil && c.unsaved == nil {
		c.view.Notify(words.T("The settings could not be saved: %s", sentence(err)))
	}
	c.unsaved = err
}

// settingsKeeper writes settings one after the other, and of those that come meanwhile only the last. Any goroutine may
// use it.
type settingsKeeper struct {
	start func(write func()) // runs write, on a goroutine of its own or, in tests, at once; nil: the former

	mu      sync.Mutex // owns what follows
	next    func()     // writes the last that came; nil: all is written
	writing chan struct{}
}

// put has settings written to path, and done told on another goroutine.
func (k *settingsKeeper) put(path string, s Settings, done func(error)) {
	k.mu.Lock()
	k.next = func() { done(saveSettings(path, s)) }
	idle := k.writing == nil
	if idle {
		k.writing = make(chan struct{})
	}
	over := k.writing
	k.mu.Unlock()
	switch {
	case !idle:
	case k.start != nil:
		k.start(func() { k.write(over) })
	default:
		go k.write(over)
	}
}

// write ends when there is nothing more to be written.
func (k *settingsKeeper) write(over chan struct{}) {
	defer close(over)
	for {
		k.mu.Lock()
		next := k.next
		k.next = nil
		if next == nil {
			k.writing = nil
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
		next()
	}
}

// wait returns when all that was put is written.
func (k *settingsKeeper) wait() {
	k.mu.Lock()
	over := k.writing
	k.mu.Unlock()
	if over != nil {
		<-over
	}
}
