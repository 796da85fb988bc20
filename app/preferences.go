package app

import (
	"time"

	"galago/inference"
	"galago/ui"
)

// request is what the settings make of a conversation whose last message is the question.
func (c *Controller) request(messages []inference.Message) inference.Request {
	return inference.Request{
		Messages:    messages,
		MaxTokens:   c.settings.MaxTokens,
		Temperature: float32(c.settings.temperature(c.manifest.Temperature)),
		Seed:        c.settings.Seed,
	}
}

// ChangeSettings keeps what was chosen in the settings.
func (c *Controller) ChangeSettings(s ui.Settings) {
	if s.Temperature != c.settings.temperature(c.manifest.Temperature) {
		c.settings.Temperature = &s.Temperature // else another model may have its own
	}
	c.settings.MaxTokens, c.settings.Seed, c.settings.Theme = s.MaxTokens, s.Seed, s.Theme
	c.settings.FreeAfterAnswer, c.settings.IdleMinutes = s.FreeAfterAnswer, s.IdleMinutes
	c.settings = c.settings.sane()
	c.client.Configure(c.settings.policy())
	c.keepSettings()
	c.showSettings()
}

func (c *Controller) showSettings() {
	c.view.SetSettings(ui.Settings{
		MaxTokens: c.settings.MaxTokens, Temperature: c.settings.temperature(c.manifest.Temperature),
		Seed: c.settings.Seed, Theme: c.settings.Theme,
		FreeAfterAnswer: c.settings.FreeAfterAnswer, FreeCost: freeCost(c.status.FreeCost), IdleMinutes: c.settings.IdleMinutes,
	})
}

// freeCost says what freeing working memory after every answer costs, as measured.
func freeCost(d time.Duration) string {
	if d <= 0 {
		return "the next question makes it again, which takes longer; not measured yet"
	}
	return "adds about " + seconds(float64(d.Microseconds())/1000) + " to the next question, as measured"
}

func (c *Controller) keepSettings() {
	if c.settingsPath == "" {
		return
	}
	if err := saveSettings(c.settingsPath, c.settings); err != nil {
		c.view.Notify("The settings could not be saved: " + sentence(err))
	}
}
