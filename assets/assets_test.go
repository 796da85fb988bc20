package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galago/inference/gguf"
	"galago/inference/vision"
)

func TestSamples(t *testing.T) {
	list := Samples()
	if len(list) != 3 {
		t.Fatalf("%d samples", len(list))
	}
	for _, s := range list {
		p, err := vision.Decode(s.File, s.Data)
		if err != nil {
			t.Errorf("%s: %v", s.File, err)
			continue
		}
		if p.Width < 200 || p.Height < 200 || p.Note != "" {
			t.Errorf("%s measures %d x %d, note %q", s.File, p.Width, p.Height, p.Note)
		}
		if s.Caption == "" || !strings.HasSuffix(s.Question, "?") {
			t.Errorf("%s: caption %q, question %q", s.File, s.Caption, s.Question)
		}
	}
}

// TestDemoFilesAreThoseOfTheManifest checks what is committed: with other files the measured figures would not hold.
func TestDemoFilesAreThoseOfTheManifest(t *testing.T) {
	data, err := os.ReadFile("demo/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		File   string
		Bytes  int64
		SHA256 string
	}
	var m struct{ Model, MMProj file }
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, f := range []file{m.Model, m.MMProj} {
		data, err := os.ReadFile(filepath.Join("demo", f.File))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(data)) != f.Bytes {
			t.Errorf("%s has %d bytes and the sum %x; the manifest says %d and %s", f.File, len(data), sum, f.Bytes, f.SHA256)
		}
		total += f.Bytes
	}
	if total > 16<<20 {
		t.Errorf("the built-in model takes %d bytes, more than 16 MiB", total)
	}
}

func TestDemoModel(t *testing.T) {
	t.Setenv(DemoEnv, "demo")
	d, err := DemoModel()
	if err != nil {
		t.Fatal(err)
	}
	if d.Name == "" || d.Quant == "" || d.Skills == "" || d.Context < 512 || d.ImageMin < 1 || d.ImageMax < d.ImageMin || d.ImageMax >= d.Context {
		t.Errorf("%+v", d)
	}
	if !filepath.IsAbs(d.Model) || !filepath.IsAbs(d.MMProj) {
		t.Errorf("the engine may run in another folder, and the paths are %s and %s", d.Model, d.MMProj)
	}
	model, err := gguf.Read(d.Model)
	if err != nil {
		t.Fatal(err)
	}
	mmproj, err := gguf.Read(d.MMProj)
	if err != nil {
		t.Fatal(err)
	}
	if err := gguf.MatchMMProj(model, mmproj); err != nil {
		t.Error(err)
	}
}

func TestDemoModelIsFoundFromWithinTheSource(t *testing.T) {
	t.Setenv(DemoEnv, "")
	t.Chdir("samples")
	d, err := DemoModel()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join("assets", "demo"); !strings.HasSuffix(filepath.Dir(d.Model), want) {
		t.Errorf("found in %s", d.Model)
	}
	t.Chdir(t.TempDir())
	if _, err := DemoModel(); err == nil || !strings.HasPrefix(err.Error(), "the built-in model was not found in ") {
		t.Errorf("elsewhere: %v", err)
	}
}

func TestBesideIsAboutItsOwnFilesOnly(t *testing.T) {
	t.Setenv(DemoEnv, "demo")
	d, err := DemoModel()
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := Beside(d.Model, d.MMProj); !ok || got.ImageMax != d.ImageMax || got.Temperature == nil || *got.Temperature != 0 {
		t.Errorf("%+v, %t", got, ok)
	}
	for _, other := range [][2]string{{d.Model, ""}, {d.MMProj, d.Model}, {filepath.Join(t.TempDir(), "m.gguf"), d.MMProj}} {
		if got, ok := Beside(other[0], other[1]); ok {
			t.Errorf("%q: %+v", other, got)
		}
	}
}

func TestDemoModelRefuses(t *testing.T) {
	const whole = `{"name":"N","model":{"file":"m.gguf","bytes":3},"mmproj":{"file":"v.gguf","bytes":4}}`
	for name, c := range map[string]struct {
		manifest, model, mmproj string
		says                    string
	}{
		"no manifest":      {"", "abc", "abcd", "the built-in model was not found in "},
		"damaged manifest": {whole[:40], "abc", "abcd", "manifest"},
		"wrong types":      {`{"model":"m.gguf"}`, "abc", "abcd", "manifest"},
		"no files named":   {`{"name":"N"}`, "abc", "abcd", "manifest"},
		"no model":         {whole, "", "abcd", "m.gguf is missing in "},
		"no projector":     {whole, "abc", "", "v.gguf is missing in "},
		"cut short":        {whole, "ab", "abcd", "m.gguf has 2 bytes instead of 3"},
		"upwards":          {strings.Replace(whole, "m.gguf", "../m.gguf", 1), "abc", "abcd", "outside its folder"},
		"absolute":         {strings.Replace(whole, "v.gguf", "/etc/hostname", 1), "abc", "abcd", "outside its folder"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range map[string]string{"manifest.json": c.manifest, "m.gguf": c.model, "v.gguf": c.mmproj} {
				if content == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv(DemoEnv, dir)
			d, err := DemoModel()
			if err == nil {
				t.Fatalf("found %+v", d)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "the built-in model") {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
			if d != (Demo{}) {
				t.Errorf("an error came with %+v", d)
			}
		})
	}
}
