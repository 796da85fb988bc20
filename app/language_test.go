package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2/lang"

	"galago/assets/words"
)

func TestUseLanguage(t *testing.T) {
	t.Cleanup(func() { words.Use(func(english string) string { return english }) })
	t.Setenv("LANG", "C.UTF-8")
	t.Setenv("LC_ALL", "")
	for _, c := range []struct{ system, chosen, want string }{
		{"fr_FR.UTF-8", "de", "Einstellungen"},
		{"fr_FR.UTF-8", "es", "Ajustes"},
		{"fr_FR.UTF-8", "zh-Hans", "设置"},
		{"de_DE.UTF-8", "en", "Settings"},
		{"de_AT.UTF-8", "", "Einstellungen"},
		{"es_MX.UTF-8", "", "Ajustes"},
		{"zh_CN.UTF-8", "", "设置"},
		{"fr_FR.UTF-8", "", "Settings"},
		{"de_DE.UTF-8", "tlh", "Einstellungen"},
		{"", "de", "Einstellungen"},
	} {
		t.Setenv("LANG", c.system)
		t.Setenv("LANGUAGE", "")
		if err := useLanguage(c.chosen); err != nil {
			t.Fatal(err)
		}
		if got := words.T("Settings"); got != c.want {
			t.Errorf("on %s, %q chosen: %q, want %q", c.system, c.chosen, got, c.want)
		}
	}
}

func TestLanguageSetting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if got := languageSetting(path); got != "" {
		t.Errorf("without a file: %q", got)
	}
	for content, want := range map[string]string{`{"language":"es","seed":"wrong"}`: "es", `{"theme":"dark"}`: "", `{"lang`: ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := languageSetting(path); got != want {
			t.Errorf("%s: %q, want %q", content, got, want)
		}
	}
}

// On Windows Fyne cannot be told of another language, so a translation takes the place of the system's.
func TestUseLanguageOnWindows(t *testing.T) {
	t.Setenv("LANG", "pt_PT.UTF-8")
	t.Setenv("LANGUAGE", "")
	if err := prefer("es", "windows"); err != nil {
		t.Fatal(err)
	}
	if got := lang.X("Settings", "Settings"); got != "Ajustes" {
		t.Errorf("Spanish on a Portuguese Windows: %q", got)
	}
}

func BenchmarkWords(b *testing.B) {
	b.Setenv("LANGUAGE", "de")
	if err := useLanguage(""); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { words.Use(func(english string) string { return english }) })
	for b.Loop() {
		words.T("Settings")
	}
}

func TestSentenceInOtherLanguages(t *testing.T) {
	for text, want := range map[string]string{
		"the disk is full": "The disk is full.", "it ended. Try again.": "It ended. Try again.", "über den Rand": "Über den Rand.",
		"磁盘已满": "磁盘已满。", "无法读取。": "无法读取。", "«Casa» no está": "«Casa» no está.", "": "",
	} {
		if got := sentence(errors.New(text)); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// Fyne's own dialogs must speak the languages that Galago speaks. A text of its dialogs stands for all.
func TestFyneSpeaksTheLanguagesToo(t *testing.T) {
	t.Cleanup(func() { words.Use(func(english string) string { return english }) })
	t.Setenv("LC_ALL", "")
	t.Setenv("LANG", "C.UTF-8")
	for language := range languages {
		t.Setenv("LANGUAGE", "")
		if err := useLanguage(language); err != nil {
			t.Fatal(err)
		}
		if got := lang.L("Create Folder"); language != languageEnglish && got == "Create Folder" {
			t.Errorf("%s: Fyne says %q", language, got)
		}
	}
}
