package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"galago/inference"
)

// Settings are what a person chose. They live in one JSON file; keys that this version does not know are dropped.
type Settings struct {
	MaxTokens   int      `json:"max_tokens"`            // of an answer
	Temperature *float64 `json:"temperature,omitempty"` // 0 to 2; nil: the model's own, or inference.DefaultTemperature
	Seed        uint32   `json:"seed"`                  // 0: a new one each time
	Theme       string   `json:"theme"`                 // system, light or dark
	Model       string   `json:"model"`                 // path of the GGUF; empty: the built-in model
	MMProj      string   `json:"mmproj"`                // path of its vision projector; may be empty
	GPU         string   `json:"gpu,omitempty"`         // UUID of the card to use; empty: the first

	FreeAfterAnswer bool `json:"free_after_answer,omitempty"` // frees working memory after every answer
	IdleMinutes     int  `json:"idle_minutes,omitempty"`      // unloads the model after so long without a question; 0: never
	HideSidebar     bool `json:"hide_sidebar,omitempty"`      // the list of conversations is out of sight
}

func defaultSettings() Settings {
	return Settings{
		MaxTokens: inference.DefaultMaxTokens,
		Theme:     "system",
	}
}

// sane puts figures that no answer could come from back to their defaults.
func (s Settings) sane() Settings {
	d := defaultSettings()
	if s.MaxTokens < 1 {
		s.MaxTokens = d.MaxTokens
	}
	if t := s.Temperature; t != nil && !(*t >= 0 && *t <= 2) {
		s.Temperature = nil
	}
	s.IdleMinutes = min(max(s.IdleMinutes, 0), 24*60)
	if s.Theme != "light" && s.Theme != "dark" {
		s.Theme = d.Theme
	}
	return s
}

// temperature is what was chosen, else what the model is at its best with, else the usual one.
func (s Settings) temperature(own *float64) float64 {
	switch {
	case s.Temperature != nil:
		return *s.Temperature
	case own != nil:
		return *own
	}
	return usualTemperature
}

// usualTemperature is inference.DefaultTemperature without the noise of widening a float32.
var usualTemperature = math.Round(float64(inference.DefaultTemperature)*100) / 100

// policy is when memory is given back without being asked.
func (s Settings) policy() inference.Policy {
	return inference.Policy{FreeAfterAnswer: s.FreeAfterAnswer, IdleUnload: time.Duration(s.IdleMinutes) * time.Minute}
}

// errOutOfReach is the error when there may be good settings that cannot be read now. They must not be overwritten.
var errOutOfReach = errors.New("the settings could not be read; the usual ones are used, and changes are not kept this time")

// loadSettings reads the file at path. A missing file gives the defaults. A damaged one is set aside under a name that
// the error tells, and the defaults are used. An error that is errOutOfReach means that the file is still there.
func loadSettings(path string) (Settings, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return defaultSettings(), nil
	}
	if err != nil {
		return defaultSettings(), fmt.Errorf("%w: %w", errOutOfReach, err)
	}
	s := defaultSettings()
	if err := json.Unmarshal(data, &s); err != nil {
		aside := path + ".damaged"
		if err := os.Rename(path, aside); err != nil {
			return defaultSettings(), fmt.Errorf("%w: %w", errOutOfReach, err)
		}
		return defaultSettings(), fmt.Errorf("the settings were damaged and are set aside as %s; the usual ones are used", aside)
	}
	return s.sane(), nil
}

// saveSettings replaces the file at path in one step: after a crash there is the old one or the new one, whole.
func saveSettings(path string, s Settings) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".settings-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
