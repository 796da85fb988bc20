package fonts

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-text/typesetting/font"
)

// samples are texts that no font of Fyne's covers, by the font that is here for them.
var samples = map[string]string{
	"DroidSansFallback.ttf":          "简体中文 繁體中文 日本語のひらがなカタカナ 한국어를",
	"DejaVuSans.ttf":                 "العربية עברית Հայերեն ქართული ←→⇒∑∫√∞≤≈∈ℝ☐☑✓✗▶",
	"NotoSansDevanagari-Regular.ttf": "हिन्दी क्षमा",
	"NotoSansThai-Regular.ttf":       "ภาษาไทยที่",
}

func TestFontsCoverTheirScripts(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil || len(entries) != len(samples) {
		t.Fatalf("%d fonts, %d samples, %v", len(entries), len(samples), err)
	}
	for name, text := range samples {
		data, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		face, err := font.ParseTTF(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range text {
			if _, ok := face.NominalGlyph(r); !ok && r != ' ' {
				t.Errorf("%s has no %c", name, r)
			}
		}
	}
}

func TestOffer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	t.Setenv(variable, "")
	for range 2 { // the second start finds them
		if err := Offer(dir); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := os.Getenv(variable), "/usr/local/share:/usr/share:"+dir; got != want && filepath.ListSeparator == ':' {
		t.Errorf("%s = %q, want %q", variable, got, want)
	}
	// A file that was cut off is written again, and nothing else is left behind.
	path := filepath.Join(dir, "fonts", "DejaVuSans.ttf")
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if err := Offer(dir); err != nil {
		t.Fatal(err)
	}
	want, _ := files.ReadFile("DejaVuSans.ttf")
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the font was not written again: %d bytes, %v", len(got), err)
	}
	entries, _ := os.ReadDir(filepath.Join(dir, "fonts"))
	if len(entries) != len(samples) {
		t.Errorf("left behind: %v", entries)
	}
}

func TestOfferWithoutARoom(t *testing.T) {
	t.Setenv(variable, "/usr/share")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Offer(file); err == nil {
		t.Error("fonts were written into a file")
	}
	if os.Getenv(variable) != "/usr/share" {
		t.Error("a folder without fonts is looked in")
	}
}
