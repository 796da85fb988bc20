package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"galago/assets"
	"galago/assets/fonts"
	"galago/assets/words"
)

// speak prepares for the first text: fonts for every script, and the language. What fails leaves Galago in English, or in the
// fonts of the system.
func speak(settings, cache string, logger *slog.Logger) {
	if err := fonts.Offer(cache); err != nil {
		logger.Warn("no fonts for more scripts", "err", err)
	}
	if err := useLanguage(languageSetting(settings)); err != nil {
		logger.Warn("no translation", "err", err)
	}
}

// The languages that Galago speaks, as the settings and the files of translations name them.
const (
	languageEnglish = "en"
	languageGerman  = "de"
	languageSpanish = "es"
	languageChinese = "zh-Hans"
)

// languages are what Unix calls them.
var languages = map[string]string{languageEnglish: "en", languageGerman: "de", languageSpanish: "es", languageChinese: "zh_CN"}

// useLanguage makes everything speak a language from now on, also Fyne's own dialogs. An empty or unknown one stands for the
// system's, or English where Galago does not speak that. It must be called before the first text is made, since a text that is
// shown already keeps its language.
func useLanguage(language string) error {
	if err := prefer(language, runtime.GOOS); err != nil {
		return fmt.Errorf("choosing the language %s: %w", language, err)
	}
	if err := lang.AddTranslationsFS(assets.Translations, "translations"); err != nil {
		return fmt.Errorf("reading the translations: %w", err)
	}
	if language == languageEnglish || languages[language] == "" && !spoken(lang.SystemLocale()) {
		words.Use(func(english string) string { return english })
		return nil
	}
	known := &sync.Map{} // English text -> translation: Fyne compares languages anew for each
	words.Use(func(english string) string {
		if text, ok := known.Load(english); ok {
			return text.(string)
		}
		text := lang.X(english, english)
		known.Store(english, text)
		return text
	})
	return nil
}

// spoken says whether there is a translation for a locale. Fyne would complain of every text that has none.
func spoken(l fyne.Locale) bool {
	for _, language := range []string{"de", "es", "zh"} {
		if strings.HasPrefix(l.LanguageString(), language) {
			return true
		}
	}
	return false
}

// prefer tells Fyne of a language other than the system's. Fyne reads the environment for it, but on Windows, where it asks the
// system; there the translation takes the place of the system's own language.
func prefer(language, system string) error {
	unix := languages[language]
	switch {
	case unix == "":
		return nil
	case system != "windows":
		return os.Setenv("LANGUAGE", unix)
	case language == languageEnglish:
		return nil // nothing has to be looked up
	}
	data, err := assets.Translations.ReadFile("translations/" + language + ".json")
	if err != nil {
		return err
	}
	return lang.AddTranslationsForLocale(data, lang.SystemLocale())
}

// languageSetting reads the language alone from the file of settings, which is read and judged as a whole later, when there are
// words to report what is wrong with it.
func languageSetting(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	var s struct {
		Language string `json:"language"`
	}
	_ = json.Unmarshal(data, &s) // damaged: the system's language
	return s.Language
}
