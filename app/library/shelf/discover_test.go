package shelf

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// machine is a made-up machine with other programs' folders.
type machine struct {
	t    *testing.T
	home string
	vars map[string]string
	win  bool
}

func newMachine(t *testing.T) *machine {
	home := t.TempDir()
	return &machine{t, home, map[string]string{"HOME": home}, false}
}

func (m *machine) at(path string) string { return filepath.Join(m.home, filepath.FromSlash(path)) }

func (m *machine) discover() []Entry {
	return discover(context.Background(), surroundings{env: func(name string) string { return m.vars[name] }, windows: m.win})
}

// wants compares what is found: model and vision file below home, "" for none.
func (m *machine) wants(source Source, want map[string]string) []Entry {
	m.t.Helper()
	list := m.discover()
	got := map[string]string{}
	for _, e := range list {
		if e.Source != source {
			m.t.Errorf("%s is of %s, want %s", e.Model, e.Source, source)
		}
		got[m.below(e.Model)] = m.below(e.MMProj)
	}
	if len(list) != len(got) || !maps.Equal(got, want) {
		m.t.Errorf("found %q, want %q", got, want)
	}
	return list
}

func (m *machine) below(path string) string {
	if path == "" {
		return ""
	}
	rel, err := filepath.Rel(m.home, path)
	if err != nil {
		m.t.Error(err)
	}
	return filepath.ToSlash(rel)
}

var (
	seer = language("qwen3vl", 64).with("general.basename", "Qwen3-VL").with("general.size_label", "2B")
	eyes = projector("qwen3vl_merger", 64).with("general.basename", "Qwen3-VL")
	text = language("llama", 32)
)

func TestNothingThere(t *testing.T) {
	m := newMachine(t)
	if list := m.discover(); len(list) != 0 {
		t.Errorf("found %+v", list)
	}
	m.vars = map[string]string{"HF_HOME": "relative", "OLLAMA_MODELS": "../..", "LLAMA_CACHE": "."}
	if list := m.discover(); len(list) != 0 {
		t.Errorf("found %+v", list)
	}
}

func TestLMStudio(t *testing.T) {
	m := newMachine(t)
	repo := m.at(".lmstudio/models/lmstudio-community/Qwen3-VL-2B-GGUF")
	seer.file(t, repo, "Qwen3-VL-2B-Q8_0.gguf")
	seer.with("general.file_type", 15).file(t, repo, "Qwen3-VL-2B-Q4_K_M.gguf")
	eyes.file(t, repo, "mmproj-Qwen3-VL-2B-F16.gguf")
	language("nomic-bert", 8).file(t, m.at(".lmstudio/models/nomic/embed/embed.gguf"))
	text.file(t, m.at(".lmstudio/.internal/bundled/x.gguf"))
	put(t, []byte("half"), repo, "Other-Q8_0.gguf.part")
	put(t, []byte("GGUF half"), repo, "Other-Q4_0.gguf")
	text.file(t, m.at(".cache/lm-studio/models/old/old/Old.gguf"))
	text.with("general.name", "Elsewhere").file(t, m.at("disk/p/r/a.gguf"))
	put(t, []byte(fmt.Sprintf(`{"downloadsFolder": %q}`, m.at("disk"))), m.at(".lmstudio/settings.json"))
	const base = ".lmstudio/models/lmstudio-community/Qwen3-VL-2B-GGUF/"
	list := m.wants(LMStudio, map[string]string{
		base + "Qwen3-VL-2B-Q8_0.gguf":             base + "mmproj-Qwen3-VL-2B-F16.gguf",
		base + "Qwen3-VL-2B-Q4_K_M.gguf":           base + "mmproj-Qwen3-VL-2B-F16.gguf",
		".cache/lm-studio/models/old/old/Old.gguf": "",
		"disk/p/r/a.gguf":                          "",
	})
	if names := namesOf(list); !slices.Equal(names, []string{"Elsewhere", "Old", "Qwen3-VL 2B", "Qwen3-VL 2B"}) {
		t.Errorf("names: %q", names)
	}
	for _, e := range list {
		if e.Name == "Qwen3-VL 2B" && (e.Bytes != sizeOf(e.Model)+sizeOf(e.MMProj) || e.Quant != "Q8_0" && e.Quant != "Q4_K_M" || e.Family != "qwen3vl") {
			t.Errorf("it is %+v", e)
		}
	}

	m = newMachine(t)
	text.file(t, m.at("portable/models/a/b/c.gguf"))
	put(t, []byte(m.at("portable")+"\r\n"), m.at(".lmstudio-home-pointer"))
	m.wants(LMStudio, map[string]string{"portable/models/a/b/c.gguf": ""})
}

func namesOf(list []Entry) []string {
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// blob puts a file into Ollama's store under its digest, which it returns.
func blob(t *testing.T, store string, h header) string {
	t.Helper()
	tmp := h.file(t, t.TempDir(), "blob")
	data, err := os.ReadFile(tmp)
	must(t, err)
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	put(t, data, store, "blobs", "sha256-"+sum)
	return "sha256:" + sum
}

func layers(pairs ...string) map[string]any {
	var list []map[string]any
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, map[string]any{"mediaType": pairs[i], "digest": pairs[i+1], "size": 1})
	}
	return map[string]any{"schemaVersion": 2, "layers": list}
}

func putJSON(t *testing.T, v any, path ...string) {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	put(t, data, path...)
}

func TestOllama(t *testing.T) {
	m := newMachine(t)
	store := m.at(".ollama/models")
	tag := func(v any, path string) { putJSON(t, v, store, "manifests", path) }
	model, mmproj := blob(t, store, seer), blob(t, store, eyes)
	plain := blob(t, store, text)
	other := blob(t, store, text.with("general.name", "With an adapter"))
	packed := blob(t, store, language("gemma3", 16).plus("v.blk.0.attn_q.weight", 8))
	listed := blob(t, store, text.with("general.name", "Listed"))
	linked := blob(t, store, text.with("general.name", "Linked"))
	tag(layers(modelLayer, model, visionLayer, mmproj, "application/vnd.ollama.image.license", "sha256:"+strings.Repeat("0", 64)), "registry.ollama.ai/library/qwen3-vl/2b")
	tag(layers(modelLayer, model, visionLayer, mmproj), "registry.ollama.ai/library/qwen3-vl/latest") // the same again
	tag(layers(modelLayer, plain), "hf.co/someone/Plain-GGUF/Q8_0")
	tag(layers(modelLayer, other, adapterLayer, plain), "registry.ollama.ai/library/adapted/latest")
	tag(layers(modelLayer, packed), "registry.ollama.ai/library/gemma3/4b")
	tag(layers("application/vnd.ollama.image.tensor", plain), "registry.ollama.ai/library/mlx/latest")
	tag(layers(modelLayer, "sha256:"+strings.Repeat("a", 64)), "registry.ollama.ai/library/gone/latest")
	tag(map[string]any{"manifests": []any{
		map[string]any{"runner": "mlx", "layers": []any{}},
		map[string]any{"runner": "llamacpp", "layers": layers(modelLayer, listed)["layers"]},
	}}, "registry.ollama.ai/library/listed/latest")
	// The newer form: the tag is a link to the manifest, itself a blob.
	putJSON(t, layers(modelLayer, linked), store, "blobs", "sha256-"+strings.Repeat("b", 64))
	link(t, filepath.Join("..", "..", "..", "..", "blobs", "sha256-"+strings.Repeat("b", 64)), store, "manifests-v2", "registry.ollama.ai", "library", "linked", "latest")

	at := func(sum string) string { return ".ollama/models/blobs/" + strings.Replace(sum, ":", "-", 1) }
	list := m.wants(Ollama, map[string]string{at(model): at(mmproj), at(plain): "", at(packed): "", at(listed): "", at(linked): ""})
	if names := namesOf(list); !slices.Equal(names, []string{"gemma3 4b", "Linked", "Listed", "Qwen3-VL 2B", "someone/Plain-GGUF Q8_0"}) {
		t.Errorf("names: %q", names)
	}
	if w := list[0].Warning; !strings.Contains(w, "as Ollama packs them") {
		t.Errorf("the warning is %q", w)
	}
}

// What a manifest says is not to be trusted.
func TestHostileManifests(t *testing.T) {
	m := newMachine(t)
	store := m.at("store")
	m.vars["OLLAMA_MODELS"] = store
	secret := text.file(t, m.at("secret.gguf"))
	must(t, os.MkdirAll(filepath.Join(store, "blobs"), 0o755))
	for i, sum := range []string{
		"../../secret.gguf", "sha256:../../secret.gguf", "sha256-" + secret, "sha256:" + strings.Repeat("a", 64) + "/../../../secret.gguf", secret, "", "sha256:",
		"sha256:" + strings.Repeat("..", 32),
	} {
		putJSON(t, layers(modelLayer, sum), store, "manifests", "h", "n", "m", fmt.Sprint("t", i))
	}
	folder := "sha256-" + strings.Repeat("d", 64)
	must(t, os.MkdirAll(filepath.Join(store, "blobs", folder), 0o755))
	putJSON(t, layers(modelLayer, folder), store, "manifests", "h", "n", "m", "folder")
	put(t, []byte("[[[[[[[[[[[[[[[[["), store, "manifests", "h", "n", "m", "broken")
	put(t, []byte(strings.Repeat(" ", maxManifest+1)), store, "manifests", "h", "n", "m", "endless")
	nested := map[string]any{"manifests": []any{map[string]any{"runner": "ollama", "digest": "sha256:../../../secret.gguf"}}}
	putJSON(t, nested, store, "manifests", "h", "n", "m", "nested")
	putJSON(t, layers(modelLayer, secret), store, "manifests", "h", "n", "m", "too", "deep")
	link(t, store, store, "manifests", "h", "circle")
	m.wants(Ollama, map[string]string{})
}

func TestHub(t *testing.T) {
	m := newMachine(t)
	repo := ".cache/huggingface/hub/models--Qwen--Qwen3-VL-2B-Instruct-GGUF"
	old, now := strings.Repeat("1", 40), strings.Repeat("2", 40)
	blob := func(h header, sum string) string { return h.file(t, m.at(repo), "blobs", sum) }
	snapshot := func(rev, name, target string) {
		up := strings.Repeat("../", 2+strings.Count(name, "/"))
		link(t, filepath.FromSlash(up+"blobs/"+target), m.at(repo), "snapshots", rev, filepath.FromSlash(name))
	}
	blob(seer, "aa")
	blob(eyes, "bb")
	snapshot(old, "Qwen3VL-2B-Instruct-Q8_0.gguf", "aa")
	snapshot(now, "Qwen3VL-2B-Instruct-Q8_0.gguf", "aa")
	snapshot(now, "mmproj-Qwen3VL-2B-Instruct-Q8_0.gguf", "bb")
	snapshot(now, "Qwen3VL-2B-Instruct-F16.gguf", "not-there-yet")
	for n, h := range []header{part(0, 2, seer.with("general.basename", "Big")), part(1, 2, header{})} {
		blob(h, fmt.Sprint("cc", n))
		snapshot(now, fmt.Sprintf("BF16/Big-BF16-%05d-of-00002.gguf", n+1), fmt.Sprint("cc", n))
	}
	put(t, []byte(now), m.at(repo), "refs", "main")
	put(t, []byte("../../../../../.."), m.at(".cache/huggingface/hub/models--evil--evil"), "refs", "main")
	put(t, []byte("not a model"), m.at(repo), "blobs", "dd.incomplete")
	text.file(t, m.at(".cache/huggingface/hub/datasets--a--b/snapshots/1/x.gguf"))
	seer.file(t, m.at("elsewhere/hub/models--a--b/snapshots/1/y.gguf"))
	m.vars["HF_HOME"] = m.at("elsewhere")
	rev := repo + "/snapshots/" + now + "/"
	m.wants(Hub, map[string]string{
		rev + "Qwen3VL-2B-Instruct-Q8_0.gguf":           rev + "mmproj-Qwen3VL-2B-Instruct-Q8_0.gguf",
		rev + "BF16/Big-BF16-00001-of-00002.gguf":       rev + "mmproj-Qwen3VL-2B-Instruct-Q8_0.gguf", // from the folder above
		"elsewhere/hub/models--a--b/snapshots/1/y.gguf": "",
	})
	big := m.at(rev + "BF16/Big-BF16-00002-of-00002.gguf")
	seen(t, Look{Model: m.at(rev + "BF16/Big-BF16-00001-of-00002.gguf"), MMProj: m.at(rev + "mmproj-Qwen3VL-2B-Instruct-Q8_0.gguf")}, big)
}

func TestLlamaCppCache(t *testing.T) {
	m := newMachine(t)
	seer.file(t, m.at(".cache/llama.cpp/ggml-org_Qwen3-VL-2B-GGUF_Qwen3-VL-2B-Q8_0.gguf"))
	eyes.file(t, m.at(".cache/llama.cpp/ggml-org_Qwen3-VL-2B-GGUF_mmproj-Qwen3-VL-2B-F16.gguf"))
	projector("gemma3", 32).file(t, m.at(".cache/llama.cpp/ggml-org_gemma-3-4b-it-GGUF_mmproj-model-f16.gguf"))
	text.file(t, m.at(".cache/llama.cpp/someone_Text-1B-GGUF_Text-1B-Q4_0.gguf"))
	put(t, []byte("{}"), m.at(".cache/llama.cpp/manifest=ggml-org=Qwen3-VL-2B-GGUF=latest.json"))
	text.file(t, m.at(".cache/llama.cpp/x.gguf.downloadInProgress"))
	m.wants(LlamaCpp, map[string]string{
		".cache/llama.cpp/ggml-org_Qwen3-VL-2B-GGUF_Qwen3-VL-2B-Q8_0.gguf": ".cache/llama.cpp/ggml-org_Qwen3-VL-2B-GGUF_mmproj-Qwen3-VL-2B-F16.gguf",
		".cache/llama.cpp/someone_Text-1B-GGUF_Text-1B-Q4_0.gguf":          "",
	})
	m.vars["LLAMA_CACHE"] = m.at("cache") // the newer form, and instead of the other
	text.file(t, m.at("cache/models--a--b/snapshots/1/z.gguf"))
	m.wants(LlamaCpp, map[string]string{"cache/models--a--b/snapshots/1/z.gguf": ""})
}

func TestJanAndGPT4All(t *testing.T) {
	m := newMachine(t)
	seer.with("general.basename", "").file(t, m.at(".local/share/Jan/data/llamacpp/models/Qwen3-VL-2B/model.gguf"))
	eyes.with("general.basename", "").file(t, m.at(".local/share/Jan/data/llamacpp/models/Qwen3-VL-2B/mmproj.gguf"))
	text.file(t, m.at("moved/llamacpp/models/text/model.gguf"))
	put(t, []byte(fmt.Sprintf(`{"data_folder": %q}`, m.at("moved"))), m.at(".config/Jan/settings.json"))
	list := m.wants(Jan, map[string]string{
		".local/share/Jan/data/llamacpp/models/Qwen3-VL-2B/model.gguf": ".local/share/Jan/data/llamacpp/models/Qwen3-VL-2B/mmproj.gguf",
		"moved/llamacpp/models/text/model.gguf":                        "",
	})
	if names := namesOf(list); !slices.Equal(names, []string{"Qwen3-VL-2B", "text"}) {
		t.Errorf("names: %q", names)
	}

	m = newMachine(t)
	text.file(t, m.at(".local/share/nomic.ai/GPT4All/Text.Q4_0.gguf"))
	text.file(t, m.at(".local/share/nomic.ai/GPT4All/incomplete-Other.Q4_0.gguf"))
	m.wants(GPT4All, map[string]string{".local/share/nomic.ai/GPT4All/Text.Q4_0.gguf": ""})
}

func TestWindowsFolders(t *testing.T) {
	m := newMachine(t)
	m.win = true
	m.vars = map[string]string{"USERPROFILE": m.home, "LOCALAPPDATA": m.at("AppData/Local"), "APPDATA": m.at("AppData/Roaming")}
	want := map[string]Source{}
	for i, place := range []struct {
		path   string
		source Source
	}{
		{".lmstudio/models/a/b/m.gguf", LMStudio},
		{".cache/huggingface/hub/models--a--b/snapshots/1/m.gguf", Hub},
		{"AppData/Local/llama.cpp/a_b_m.gguf", LlamaCpp},
		{"AppData/Roaming/Jan/data/llamacpp/models/m/model.gguf", Jan},
		{"AppData/Local/nomic.ai/GPT4All/m.gguf", GPT4All},
	} {
		text.with("n", i).file(t, m.at(place.path))
		want[place.path] = place.source
	}
	store := m.at(".ollama/models")
	sum := blob(t, store, text)
	putJSON(t, layers(modelLayer, sum), store, "manifests", "registry.ollama.ai", "library", "m", "latest")
	want[".ollama/models/blobs/"+strings.Replace(sum, ":", "-", 1)] = Ollama
	got := map[string]Source{}
	for _, e := range m.discover() {
		got[m.below(e.Model)] = e.Source
	}
	if !maps.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// One file that several programs know, by links of both kinds, is one model, of the first of them.
func TestEachModelOnce(t *testing.T) {
	m := newMachine(t)
	file := text.file(t, m.at(".lmstudio/models/a/b/m.gguf"))
	link(t, file, m.at(".cache/huggingface/hub/models--a--b/snapshots/1/m.gguf"))
	hard := m.at(".cache/llama.cpp/a_b_m.gguf")
	must(t, os.MkdirAll(filepath.Dir(hard), 0o755))
	if err := os.Link(file, hard); err != nil {
		t.Skip("no hard links here: ", err)
	}
	m.wants(LMStudio, map[string]string{".lmstudio/models/a/b/m.gguf": ""})
}

// treeSum is what a folder holds: names, modes, times and contents.
func treeSum(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		must(t, err)
		fmt.Fprintln(h, path, info.Mode(), info.ModTime().UnixNano(), info.Size())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			must(t, err)
			h.Write(data)
		}
		return nil
	}))
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Other programs' folders are only read: they stay as they are, to the time of each file, also where writing is not allowed.
func TestNothingIsWritten(t *testing.T) {
	m := newMachine(t)
	repo := m.at(".lmstudio/models/a/Qwen3-VL-2B-GGUF")
	model, mmproj := seer.file(t, repo, "Qwen3-VL-2B-Q8_0.gguf"), eyes.file(t, repo, "mmproj-Qwen3-VL-2B-F16.gguf")
	store := m.at(".ollama/models")
	putJSON(t, layers(modelLayer, blob(t, store, text)), store, "manifests", "registry.ollama.ai", "library", "m", "latest")
	var folders []string
	must(t, filepath.WalkDir(m.home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, path)
		}
		return err
	}))
	for _, dir := range folders {
		must(t, os.Chmod(dir, 0o555))
	}
	t.Cleanup(func() {
		for _, dir := range folders {
			os.Chmod(dir, 0o755)
		}
	})
	before := treeSum(t, m.home)
	list := m.discover()
	if len(list) != 2 {
		t.Errorf("found %+v", list)
	}
	s := opened(t, filepath.Join(t.TempDir(), "models.json"))
	for _, e := range list {
		must(t, s.Add(e))
		if _, err := s.DeleteFiles(e.Model, m.home); err == nil {
			t.Errorf("%s was deleted", e.Model)
		}
		must(t, s.Remove(e.Model))
	}
	seen(t, Look{Model: model, MMProj: mmproj}, model)
	if after := treeSum(t, m.home); after != before {
		t.Error("the folders are not as they were")
	}
}

// Ten thousand files, circles of links, and a great depth: it ends, and soon.
func TestHugeFolders(t *testing.T) {
	m := newMachine(t)
	root := m.at(".lmstudio/models")
	for n := range 10000 {
		put(t, []byte("GGUF and no more"), root, "flat", fmt.Sprintf("m%05d.gguf", n))
	}
	deep := root
	for range 2 * maxDepth {
		deep = filepath.Join(deep, "d")
	}
	text.file(t, deep, "too-deep.gguf")
	text.file(t, root, "a", "b", "fine.gguf")
	link(t, root, root, "a", "circle")
	link(t, filepath.Join(root, "a"), root, "z")
	link(t, filepath.Join(root, "loop"), root, "loop")
	start := time.Now()
	m.wants(LMStudio, map[string]string{".lmstudio/models/a/b/fine.gguf": ""})
	t.Logf("10,000 files: %v", time.Since(start))
}

// Many good models in one folder, as the most that is read: pairing must not take long.
func TestManyModels(t *testing.T) {
	dir := t.TempDir()
	for n := range maxHeaders / 2 {
		seer.with("general.basename", fmt.Sprint("Model", n)).file(t, dir, fmt.Sprintf("Model%d-2B-Q8_0.gguf", n))
		eyes.with("general.basename", fmt.Sprint("Model", n)).file(t, dir, fmt.Sprintf("mmproj-Model%d-2B-F16.gguf", n))
	}
	start := time.Now()
	list := Scan(context.Background(), dir, Fetched)
	t.Logf("%d models in %v", len(list), time.Since(start))
	for _, e := range list {
		if strings.TrimSuffix(filepath.Base(e.Model), "-Q8_0.gguf") != strings.TrimSuffix(strings.TrimPrefix(filepath.Base(e.MMProj), "mmproj-"), "-F16.gguf") {
			t.Fatalf("paired %s with %s", e.Model, e.MMProj)
		}
	}
	if len(list) == 0 {
		t.Error("nothing is found")
	}
}

// It ends with its context, also while a disk does not answer.
func TestDiscoverEnds(t *testing.T) {
	dir := t.TempDir()
	text.file(t, dir, "a.gguf")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	Scan(ended, dir, Own)

	ctx, cancel := context.WithCancel(context.Background())
	stuck := make(chan struct{})
	defer close(stuck)
	list := collect(ctx, func(h *hunt) {
		h.tree(Own, dir)
		cancel()
		<-stuck // a call into the kernel that does not return
	})
	if len(list) != 1 {
		t.Errorf("found %+v", list)
	}
}
