package catalogue

import (
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"galago/assets"
)

func known(t testing.TB) []Model {
	t.Helper()
	list, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func offered(t testing.TB) []Model {
	t.Helper()
	list, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func byID(t testing.TB, id string) Model {
	t.Helper()
	for _, m := range known(t) {
		if m.ID == id {
			return m
		}
	}
	t.Fatalf("there is no model %s", id)
	return Model{}
}

var (
	idForm   = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	repoForm = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)
	commit   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	bcp47    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`)
)

// bits orders quantisations.
var bits = map[string]int{"F16": 16, "BF16": 16, "Q8_0": 8, "Q4_K_M": 4, "Q4_0": 4}

// hosts are where licences' pages may be.
var hosts = []string{"www.apache.org", "huggingface.co", "ai.google.dev", "www.liquid.ai"}

func TestEveryModelIsWellFormed(t *testing.T) {
	list := known(t)
	if len(list) < 15 {
		t.Fatalf("only %d models", len(list))
	}
	ids := map[string]bool{}
	for _, m := range list {
		if ids[m.ID] || !idForm.MatchString(m.ID) {
			t.Errorf("%q is there twice or has another form", m.ID)
		}
		ids[m.ID] = true
		if m.Name == "" || m.Family == "" || m.Parameters == "" || !strings.HasSuffix(m.About, ".") {
			t.Errorf("%s: name, family, parameters or what it is good at are missing", m.ID)
		}
		if len(m.Languages) == 0 {
			t.Errorf("%s has no languages", m.ID)
		}
		for _, l := range m.Languages {
			if !bcp47.MatchString(l) {
				t.Errorf("%s: %q is no language", m.ID, l)
			}
		}
		if u, err := url.Parse(m.Licence.URL); m.Licence.Name == "" || err != nil || u.Scheme != "https" || !slices.Contains(hosts, u.Host) {
			t.Errorf("%s: licence %+v", m.ID, m.Licence)
		}
		if !slices.Contains([]string{"", "pixels", "thousand", "yx-thousand"}, m.Coordinates) {
			t.Errorf("%s: coordinates %q", m.ID, m.Coordinates)
		}
		if m.ImageMin < 0 || m.ImageMax < 0 || m.ImageMin > 4096 || m.ImageMax > 4096 || m.ImageMax > 0 && m.ImageMin > m.ImageMax {
			t.Errorf("%s: pictures of %d to %d tokens", m.ID, m.ImageMin, m.ImageMax)
		}
		checkVariants(t, m)
	}
}

func checkVariants(t *testing.T, m Model) {
	t.Helper()
	if len(m.Quantizations) == 0 {
		t.Errorf("%s has no files", m.ID)
	}
	before := 99
	seen := map[string]bool{}
	for _, v := range m.Quantizations {
		if n, ok := bits[v.Quant]; !ok || n > before || seen[v.Quant] {
			t.Errorf("%s: %q is not known, there twice, or after one with fewer bits", m.ID, v.Quant)
		}
		before, seen[v.Quant] = bits[v.Quant], true
		if !strings.Contains(v.Model.Name, v.Quant) {
			t.Errorf("%s: %s is not in %s", m.ID, v.Model.Name, v.Quant)
		}
		files := []File{v.Model}
		if !m.KnownOnly || v.MMProj.Name != "" {
			files = append(files, v.MMProj)
			if !strings.Contains(v.MMProj.Name, "mmproj") || v.MMProj.Bytes == 0 || v.MMProj.Repo != v.Model.Repo {
				t.Errorf("%s: vision file %+v", m.ID, v.MMProj)
			}
		}
		for _, f := range files {
			checkFile(t, m.ID, f)
		}
		if v.Suggest != (Rank{}) && (m.Licence.NonCommercial || m.KnownOnly || strings.Contains(m.Licence.Name, "USD")) {
			t.Errorf("%s is suggested", m.ID)
		}
	}
}

func checkFile(t *testing.T, id string, f File) {
	t.Helper()
	if !repoForm.MatchString(f.Repo) || f.Source == "" {
		t.Errorf("%s: repository %q, source %q", id, f.Repo, f.Source)
	}
	if f.Revision != "main" && !commit.MatchString(f.Revision) {
		t.Errorf("%s: revision %q", id, f.Revision)
	}
	if !filepath.IsLocal(f.Name) || strings.ContainsAny(f.Name, `\:`) || !strings.HasSuffix(f.Name, ".gguf") || f.Local() == "" {
		t.Errorf("%s: file %q", id, f.Name)
	}
	if f.SHA256 != "" {
		if b, err := hex.DecodeString(f.SHA256); err != nil || len(b) != 32 || strings.ToLower(f.SHA256) != f.SHA256 {
			t.Errorf("%s: digest %q", id, f.SHA256)
		}
		if f.Bytes == 0 {
			t.Errorf("%s: %s has a digest and no size", id, f.Name)
		}
	}
	if f.Bytes != 0 && (f.Bytes < 50<<20 || f.Bytes > 8<<30) {
		t.Errorf("%s: %s has %d bytes", id, f.Name, f.Bytes)
	}
	if want := f.Repo + "/resolve/" + f.Revision + "/" + f.Name; f.Path() != want {
		t.Errorf("path %q", f.Path())
	}
}

// TestNoFieldIsMisspelt: Load takes what it knows and leaves the rest, so that older programs read newer lists.
func TestNoFieldIsMisspelt(t *testing.T) {
	var all struct {
		Version int     `json:"version"`
		Models  []Model `json:"models"`
	}
	d := json.NewDecoder(strings.NewReader(string(assets.Catalogue)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Error(err)
	}
}

// TestDigestsAndSizesAreOneEach: one digest is one file, wherever it is named.
func TestDigestsAndSizesAreOneEach(t *testing.T) {
	type place struct{ repo, name string }
	digests, files := map[string]place{}, map[place]File{}
	for _, m := range known(t) {
		for _, v := range m.Quantizations {
			for _, f := range []File{v.Model, v.MMProj} {
				at := place{f.Repo, f.Name}
				if before, ok := files[at]; ok && before != f {
					t.Errorf("%v is described in two ways", at)
				}
				files[at] = f
				if before, ok := digests[f.SHA256]; ok && f.SHA256 != "" && before != at {
					t.Errorf("%v and %v have the same digest", before, at)
				}
				digests[f.SHA256] = at
			}
		}
	}
}

// TestSizesFromDimensions compares what is computed from dimensions with all published files.
func TestSizesFromDimensions(t *testing.T) {
	checked := 0
	for _, m := range known(t) {
		for _, v := range m.Quantizations {
			n, err := m.Shape.FileBytes(v.Quant)
			if m.Shape.PerLayer > 0 {
				if err == nil {
					t.Errorf("%s is said to have %d bytes", m.ID, n)
				}
				continue // its layers are spread from the file's size
			}
			if err != nil {
				t.Errorf("%s: %v", m.ID, err)
			}
			if v.Model.Bytes == 0 {
				continue
			}
			checked++
			if off := float64(n-v.Model.Bytes) / float64(v.Model.Bytes); off > 0.01 || off < -0.01 {
				t.Errorf("%s %s: %d bytes computed, %d published, %.2f %%", m.ID, v.Quant, n, v.Model.Bytes, 100*off)
			}
		}
	}
	if checked < 18 {
		t.Errorf("only %d files were compared", checked)
	}
}

// TestSourcesAreWritten: assets/catalogue.md has a line for every repository.
func TestSourcesAreWritten(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "assets", "catalogue.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range known(t) {
		if repo := m.Quantizations[0].Model.Repo; !strings.Contains(string(data), repo) {
			t.Errorf("catalogue.md says nothing of %s", repo)
		}
	}
}

func TestByFile(t *testing.T) {
	list := known(t)
	four := byID(t, "qwen3-vl-4b").Quantizations[1].Model
	for _, c := range []struct {
		name      string
		bytes     int64
		id, quant string
	}{
		{"Qwen3VL-4B-Instruct-Q4_K_M.gguf", four.Bytes, "qwen3-vl-4b", "Q4_K_M"},
		{"/models/qwen3vl-4b-instruct-q4_k_m.GGUF", four.Bytes, "qwen3-vl-4b", "Q4_K_M"},
		{`C:\models\Qwen3VL-4B-Instruct-Q4_K_M.gguf`, four.Bytes, "qwen3-vl-4b", "Q4_K_M"},
		{"Qwen3VL-4B-Instruct-Q4_K_M.gguf", four.Bytes - 1, "", ""},
		{"sha256-" + four.SHA256, four.Bytes, "qwen3-vl-4b", "Q4_K_M"},
		{"sha256-" + four.SHA256, 7, "", ""},
		{"sha256-", four.Bytes, "", ""},
		{"RoboBrain2.5-4B.Q4_K_M.gguf", 2_500_000_000, "robobrain2.5-4b", "Q4_K_M"},
		{"mmproj-Qwen3VL-4B-Instruct-Q8_0.gguf", 453_974_304, "", ""},
		{"", 0, "", ""},
	} {
		m, v, ok := ByFile(list, c.name, c.bytes)
		if m.ID != c.id || v.Quant != c.quant || ok != (c.id != "") {
			t.Errorf("%s of %d bytes: %s %s %v", c.name, c.bytes, m.ID, v.Quant, ok)
		}
	}
}

func TestDisk(t *testing.T) {
	m := byID(t, "qwen3-vl-2b")
	v := m.Quantizations[0]
	whole := v.Model.Bytes + v.MMProj.Bytes
	if n, exact := m.Disk(v); n != whole || !exact {
		t.Errorf("%d bytes, exact %v, want %d", n, exact, whole)
	}
	v.Model.Bytes = 0 // as where no source says it
	if n, exact := m.Disk(v); n < whole*99/100 || n > whole*101/100 || exact {
		t.Errorf("%d bytes, exact %v, want about %d", n, exact, whole)
	}
	if n, exact := (Model{}).Disk(Variant{Quant: "Q8_0"}); n != 0 || exact {
		t.Errorf("nothing takes %d bytes", n)
	}
}

func TestOnlyWhatIsCompleteIsOffered(t *testing.T) {
	for _, m := range offered(t) {
		if m.KnownOnly {
			t.Errorf("%s is offered", m.ID)
		}
		for _, v := range m.Quantizations {
			if v.Model.Name == "" || v.MMProj.Name == "" {
				t.Errorf("%s lacks a file", m.ID)
			}
		}
	}
}
