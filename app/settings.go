package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"galago/app/library/download"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/disk"
	"galago/inference/portable"
)

// Settings are what a person chose. They live in one JSON file; settingFields says what is in it.
type Settings struct {
	Sampling
	MaxTokens int    // of an answer
	Seed      uint32 // 0: a new one each time

	Presets []Preset // the person's own

	Model   string // path of the GGUF; empty: the built-in model
	MMProj  string // path of its vision projector; may be empty
	GPU     string // UUID of the card to use; empty: the first
	Context int    // KV cache cells; 0: the model's own, or chosen by the planner
	KVType  string // f16 or q8_0; empty: chosen by the planner

	FreeAfterAnswer bool // frees working memory after every answer
	IdleMinutes     int  // unloads the model after so long without a question; 0: never

	Detail     string // of new pictures: low or high; empty: auto
	LookOnSend bool   // pictures are encoded when they are asked about, and not as soon as they are in the composer

	Theme       string  // system, light or dark
	TextSize    float64 // a factor
	Language    string  // of the texts; empty: the system's
	HideSidebar bool

	Mirror   string // address of a mirror of the hub; empty: the hub itself
	Welcomed bool   // the first start is over, or was before there was a welcome

	rest map[string]json.RawMessage // of the file: what this version does not know
}

// Sampling is what the model is told before a conversation, and how it chooses its words.
type Sampling struct {
	System        string   `json:"system_prompt"`
	Temperature   *float64 `json:"temperature,omitempty"` // nil: the model's own, or inference.DefaultTemperature
	TopK          int      `json:"top_k"`
	TopP          float64  `json:"top_p"`
	MinP          float64  `json:"min_p"`
	RepeatPenalty float64  `json:"repeat_penalty"`
}

// Preset is a Sampling with a name.
type Preset struct {
	Name string `json:"name"`
	Sampling
}

// Ranges of what inference does not know of, or judges by the model. The context's range is for what is not 0.
var (
	contextRange  = inference.Range{Min: 512, Max: 1 << 20}
	idleRange     = inference.Range{Min: 0, Max: 24 * 60}
	textSizeRange = inference.Range{Min: 0.8, Max: 1.6, Default: 1}
	seedRange     = inference.Range{Min: 0, Max: math.MaxUint32}
)

const (
	maxSystem     = 8000 // the longest system prompt, in characters
	maxPresetName = 60   // characters
	maxPresets    = 100
)

func defaultSampling() Sampling {
	return Sampling{
		TopK: int(inference.Ranges.TopK.Default), TopP: inference.Ranges.TopP.Default,
		MinP: inference.Ranges.MinP.Default, RepeatPenalty: inference.Ranges.RepeatPenalty.Default,
	}
}

func defaultSettings() Settings {
	return Settings{Sampling: defaultSampling(), MaxTokens: inference.DefaultMaxTokens, Theme: "system", TextSize: textSizeRange.Default}
}

// settingField is one entry of the file.
type settingField struct {
	key string
	// read takes the entry's value. The error says what is wrong with it, such as "7 is not between 0 and 2"; then
	// Settings are as before.
	read func(s *Settings, value json.RawMessage) error
	// show is what is used in the place of a wrong value.
	show func(s Settings) string
	// value is what is written; nil is left out.
	value func(s Settings) any
}

// settingFields are all entries that this version knows.
var settingFields = []settingField{
	textField("system_prompt", maxSystem, func(s *Settings) *string { return &s.System }),
	temperatureField(),
	numberField("top_k", inference.Ranges.TopK, func(s *Settings) *int { return &s.TopK }),
	numberField("top_p", inference.Ranges.TopP, func(s *Settings) *float64 { return &s.TopP }),
	numberField("min_p", inference.Ranges.MinP, func(s *Settings) *float64 { return &s.MinP }),
	numberField("repeat_penalty", inference.Ranges.RepeatPenalty, func(s *Settings) *float64 { return &s.RepeatPenalty }),
	numberField("max_tokens", inference.Ranges.MaxTokens, func(s *Settings) *int { return &s.MaxTokens }),
	numberField("seed", seedRange, func(s *Settings) *uint32 { return &s.Seed }),
	presetsField(),
	pathField("model", func(s *Settings) *string { return &s.Model }),
	pathField("mmproj", func(s *Settings) *string { return &s.MMProj }),
	textField("gpu", math.MaxInt, func(s *Settings) *string { return &s.GPU }),
	numberField("context", contextRange, func(s *Settings) *int { return &s.Context }, 0),
	choiceField("kv_type", func(s *Settings) *string { return &s.KVType }, "", "f16", "q8_0"),
	plainField("free_after_answer", func(s *Settings) *bool { return &s.FreeAfterAnswer }),
	numberField("idle_minutes", idleRange, func(s *Settings) *int { return &s.IdleMinutes }),
	choiceField("picture_detail", func(s *Settings) *string { return &s.Detail }, "", "low", "high"),
	plainField("look_on_send", func(s *Settings) *bool { return &s.LookOnSend }),
	choiceField("theme", func(s *Settings) *string { return &s.Theme }, "system", "light", "dark"),
	numberField("text_size", textSizeRange, func(s *Settings) *float64 { return &s.TextSize }),
	choiceField("language", func(s *Settings) *string { return &s.Language }, append([]string{""}, slices.Sorted(maps.Keys(languages))...)...),
	plainField("hide_sidebar", func(s *Settings) *bool { return &s.HideSidebar }),
	mirrorField(),
	plainField("welcomed", func(s *Settings) *bool { return &s.Welcomed }),
}

// plainField is an entry of which every value of its type is good.
func plainField[T any](key string, at func(*Settings) *T) settingField {
	return settingField{
		key: key,
		read: func(s *Settings, value json.RawMessage) error {
			var v *T
			if err := json.Unmarshal(value, &v); err != nil || v == nil {
				return errors.New(notOfKind(value, reflect.TypeFor[T]()))
			}
			*at(s) = *v
			return nil
		},
		show:  func(s Settings) string { return shortJSON(*at(&s)) },
		value: func(s Settings) any { return *at(&s) },
	}
}

// pathField is a file that moves along with a portable Galago.
func pathField(key string, at func(*Settings) *string) settingField {
	f := textField(key, math.MaxInt, at)
	read := f.read
	f.read = func(s *Settings, value json.RawMessage) error {
		err := read(s, value)
		*at(s) = portable.Find(*at(s))
		return err
	}
	f.value = func(s Settings) any { return portable.Keep(*at(&s)) }
	return f
}

// checked is f with a further look at what was read. An error leaves the Settings as before.
func (f settingField) checked(check func(Settings) error) settingField {
	read := f.read
	f.read = func(s *Settings, value json.RawMessage) error {
		next := *s
		err := read(&next, value)
		if err == nil {
			err = check(next)
		}
		if err == nil {
			*s = next
		}
		return err
	}
	return f
}

// numberField is a number within a range, or one of those that it may be besides.
func numberField[T int | uint32 | float64](key string, r inference.Range, at func(*Settings) *T, also ...float64) settingField {
	f := plainField(key, at)
	return settingField{
		key: key, show: f.show, value: f.value,
		read: func(s *Settings, value json.RawMessage) error {
			var v float64 // also of whole numbers, so that one out of an integer's range is known as such
			if err := json.Unmarshal(value, &v); err != nil || string(value) == "null" {
				return errors.New(notOfKind(value, reflect.TypeFor[T]()))
			}
			if !r.Has(v) && !slices.Contains(also, v) {
				return errors.New(words.T("%s is not between %s and %s", shortJSON(value), numberText(r.Min), numberText(r.Max)))
			}
			return f.read(s, value)
		},
	}
}

// choiceField is a word out of a few. The empty one is called auto in the file.
func choiceField(key string, at func(*Settings) *string, choices ...string) settingField {
	const auto = "auto"
	f := plainField(key, at)
	read := f.read
	f.read = func(s *Settings, value json.RawMessage) error {
		was := *at(s)
		if err := read(s, value); err != nil {
			return err
		}
		if *at(s) == auto {
			*at(s) = ""
		}
		if slices.Contains(choices, *at(s)) {
			return nil
		}
		*at(s) = was
		named := slices.Clone(choices)
		if named[0] == "" {
			named[0] = auto
		}
		return errors.New(words.T("%s is none of %s", shortJSON(value), strings.Join(named, ", ")))
	}
	f.value = func(s Settings) any {
		if *at(&s) == "" {
			return auto
		}
		return *at(&s)
	}
	f.show = func(s Settings) string { return fmt.Sprint(f.value(s)) }
	return f
}

// textField is a text of limited length.
func textField(key string, most int, at func(*Settings) *string) settingField {
	f := plainField(key, at).checked(func(s Settings) error {
		if n := len([]rune(*at(&s))); n > most {
			return errors.New(words.T("the text has %s characters, more than %s", thousands(n), thousands(most)))
		}
		return nil
	})
	f.show = func(s Settings) string {
		if *at(&s) == "" {
			return words.T("none")
		}
		return shortJSON(*at(&s))
	}
	return f
}

// mirrorField is an address that downloads can be trusted from.
func mirrorField() settingField {
	f := textField("mirror", math.MaxInt, func(s *Settings) *string { return &s.Mirror })
	return f.checked(func(s Settings) error {
		_, err := download.CheckMirror(s.Mirror)
		return err
	})
}

// temperatureField may be missing: then it is the model's.
func temperatureField() settingField {
	f := numberField("temperature", inference.Ranges.Temperature, func(s *Settings) *float64 {
		if s.Temperature == nil {
			return &usualTemperature
		}
		return s.Temperature
	})
	check := f.read
	f.read = func(s *Settings, value json.RawMessage) error {
		own := new(float64)
		next := Settings{Sampling: Sampling{Temperature: own}}
		if err := check(&next, value); err != nil {
			return err
		}
		s.Temperature = own
		return nil
	}
	f.show = func(Settings) string {
		return words.T("the model’s own, or %s where it has none,", numberText(usualTemperature))
	}
	f.value = func(s Settings) any {
		if s.Temperature == nil {
			return nil
		}
		return *s.Temperature
	}
	return f
}

// presetsField are the person's presets. Each that is good is taken, whatever is wrong with the others.
func presetsField() settingField {
	return settingField{
		key: "presets",
		read: func(s *Settings, value json.RawMessage) error {
			var list []json.RawMessage
			if err := json.Unmarshal(value, &list); err != nil {
				return errors.New(words.T("%s is no list", shortJSON(value)))
			}
			s.Presets = nil
			wrong := 0
			for _, raw := range list {
				p := Preset{Sampling: defaultSampling()}
				if json.Unmarshal(raw, &p) != nil || !p.good() || presetCalled(s.Presets, p.Name) >= 0 || len(s.Presets) == maxPresets {
					wrong++
					continue
				}
				s.Presets = append(s.Presets, p)
			}
			if wrong > 0 {
				return errors.New(words.T("%d of %d cannot be used", wrong, len(list)))
			}
			return nil
		},
		show: func(s Settings) string { return words.T("the rest") },
		value: func(s Settings) any {
			if s.Presets == nil {
				return []Preset{}
			}
			return s.Presets
		},
	}
}

// good reports whether a preset can be used as it is.
func (p Preset) good() bool {
	r, t := inference.Ranges, p.Temperature
	name := len([]rune(p.Name))
	return name > 0 && name <= maxPresetName && p.Name == strings.TrimSpace(p.Name) &&
		len([]rune(p.System)) <= maxSystem && (t == nil || r.Temperature.Has(*t)) && r.TopK.Has(float64(p.TopK)) &&
		r.TopP.Has(p.TopP) && r.MinP.Has(p.MinP) && r.RepeatPenalty.Has(p.RepeatPenalty)
}

// with is s with all of next that is in range.
func (s Settings) with(next Settings) Settings {
	for _, f := range settingFields {
		if value, err := json.Marshal(f.value(next)); err == nil { // a number that is none has no JSON
			_ = f.read(&s, value)
		}
	}
	if next.Temperature == nil {
		s.Temperature = nil
	}
	return s
}

// equal compares what two Samplings do.
func (s Sampling) equal(o Sampling) bool { return reflect.DeepEqual(s, o) }

// notOfKind says that a value is of another type than it should be.
func notOfKind(value json.RawMessage, t reflect.Type) string {
	v := shortJSON(value)
	switch t.Kind() {
	case reflect.Int, reflect.Uint32:
		return words.T("%s is no whole number", v)
	case reflect.Float64:
		return words.T("%s is no number", v)
	case reflect.Bool:
		return words.T("%s is neither true nor false", v)
	}
	return words.T("%s is no text", v)
}

// shortJSON is a value as it stands in the file, at most a few words of it.
func shortJSON(v any) string {
	data, _ := json.Marshal(v)
	text := []rune(string(data))
	if len(text) > 40 {
		return string(text[:40]) + "…"
	}
	return string(text)
}

// numberText writes a number as in the file.
func numberText(v float64) string { return shortJSON(v) }

// temperature is what was chosen, else what the model is at its best with, else the usual one.
func (s Settings) temperature(own *float64) float64 {
	if s.Temperature != nil {
		return *s.Temperature
	}
	return ownTemperature(own)
}

// ownTemperature is a model's, or the usual one.
func ownTemperature(own *float64) float64 {
	if own != nil {
		return *own
	}
	return usualTemperature
}

// usualTemperature is inference.DefaultTemperature without the noise of widening a float32.
var usualTemperature = inference.Ranges.Temperature.Default

// policy is when memory is given back without being asked.
func (s Settings) policy() inference.Policy {
	return inference.Policy{FreeAfterAnswer: s.FreeAfterAnswer, IdleUnload: time.Duration(s.IdleMinutes) * time.Minute}
}

// errOutOfReach is the error when there may be good settings that cannot be read now. They must not be overwritten.
var errOutOfReach = words.Error(func() string {
	return words.T("the settings could not be read; the usual ones are used, and changes are not kept this time")
})

// wrongSettings is the error when single entries of the file cannot be used. All others are.
type wrongSettings struct{ entries []string }

func (w *wrongSettings) Error() string {
	return words.T("Some settings could not be used.") + " " + strings.Join(w.entries, ". ") + "."
}

// loadSettings reads the file at path. A missing file gives the defaults. A damaged one is set aside under a name that
// the error tells, and the defaults are used. An error that is errOutOfReach means that the file is still there; with
// *wrongSettings all but some entries were taken.
func loadSettings(path string) (Settings, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return defaultSettings(), nil
	}
	if err != nil {
		return defaultSettings(), fmt.Errorf("%w: %w", errOutOfReach, err)
	}
	s, err := readSettings(data)
	var wrong *wrongSettings
	if err == nil || errors.As(err, &wrong) {
		return s, err
	}
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil {
		return defaultSettings(), fmt.Errorf("%w: %w", errOutOfReach, err)
	}
	return defaultSettings(), errors.New(words.T("the settings were damaged and are set aside as %s; the usual ones are used", aside))
}

// readSettings takes what it can use. The error is *wrongSettings unless the data are no settings at all.
func readSettings(data []byte) (Settings, error) {
	s := defaultSettings()
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		return s, err
	}
	if entries == nil {
		return s, errors.New("null") // JSON, and no settings
	}
	var wrong wrongSettings
	_, welcome := entries["welcomed"]
	for _, f := range settingFields {
		value, there := entries[f.key]
		delete(entries, f.key)
		if !there {
			continue
		}
		if err := f.read(&s, value); err != nil {
			wrong.entries = append(wrong.entries, words.T("%s: %s; %s is used instead", f.key, err.Error(), f.show(s)))
		}
	}
	if !welcome { // of a version that knew none: its person knows Galago
		s.Welcomed = true
	}
	if len(entries) > 0 {
		s.rest = entries
	}
	if len(wrong.entries) > 0 {
		return s, &wrong
	}
	return s, nil
}

// saveSettings replaces the file at path in one step: after a crash, also of the system, there is the old one or the
// new one, whole.
func saveSettings(path string, s Settings) error {
	entries := map[string]any{}
	for key, value := range s.rest {
		entries[key] = value
	}
	for _, f := range settingFields {
		if v := f.value(s); v != nil {
			entries[f.key] = v
		}
	}
	data, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return disk.Write(path, 0o600, append(data, '\n'))
}
