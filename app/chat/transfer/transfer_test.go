package transfer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galago/app/chat/store"
)

var (
	pngData  = []byte("\x89PNG\r\n\x1a\n and more")
	jpegData = []byte("\xff\xd8\xff\xe0 and more")
	at       = time.Date(2026, 11, 12, 13, 14, 15, 678e6, time.UTC)
)

// album is a map as Pictures.
func album(list ...[]byte) Pictures {
	m := map[store.Hash][]byte{}
	for _, data := range list {
		m[store.HashOf(data)] = data
	}
	return func(h store.Hash) ([]byte, error) {
		if data, ok := m[h]; ok {
			return data, nil
		}
		return nil, store.ErrPictureMissing
	}
}

// sample has something of everything.
func sample() store.Conversation {
	lost := store.HashOf([]byte("lost"))
	return store.Conversation{
		Summary: store.Summary{Title: "Mugs *and* 三只 <b>", Created: at, Updated: at.Add(time.Hour)},
		Turns: []store.Turn{
			{
				Question: "What is # here?\n1. this\n*that*", Created: at,
				Pictures: []store.TurnPicture{
					{Hash: store.HashOf(pngData), Name: "../shelf [1].png", Detail: "low", Width: 40, Height: 30},
					{Hash: store.HashOf(jpegData), Name: "CON.jpg"},
				},
				Answer: store.Answer{
					Text: "<think>hm</think>Two **mugs**.\n```go\nfunc", State: store.Cancelled, Figures: []string{"42 tokens/s"}, Notices: []string{"smaller"},
					Model: "Qwen", Started: at, Ended: at.Add(time.Second), Thought: 4200 * time.Millisecond,
				},
				Earlier: []store.Answer{{Text: "One.", State: store.Done, Cut: true}, {
					State: store.Failed, Drop: true, Problem: &store.Problem{Title: "Out of memory", Text: "212 MiB", Action: "Close", Detail: "cuda"},
				}},
			},
			{Question: "Again \u2028 <&>", Created: at.Add(time.Minute), Pictures: []store.TurnPicture{
				{Hash: store.HashOf(pngData), Name: "same.png"}, {Hash: lost, Name: "lost.gif"},
			}, Answer: store.Answer{State: store.Streaming, Text: "half"}},
		},
	}
}

func library(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")
	r, err := JSON(first, sample(), album(pngData, jpegData))
	if err != nil || r.Missing != 1 || r.Path != first {
		t.Fatalf("%+v, %v", r, err)
	}
	s := library(t)
	made, err := Import(first, s)
	if err != nil {
		t.Fatal(err)
	}
	if made.Title != sample().Title || made.Turns != 2 || !made.Updated.Equal(at.Add(time.Hour)) || made.Picture != store.HashOf(pngData) {
		t.Errorf("it became %+v", made)
	}
	c, err := s.Load(made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := JSON(second, c, s.Picture); err != nil {
		t.Fatal(err)
	}
	a, b := read(t, first), read(t, second)
	if !bytes.Equal(a, b) {
		t.Errorf("it came out as another file:\n%s\n%s", a, b)
	}
	var whole map[string]any
	if err := json.Unmarshal(a, &whole); err != nil || whole["format"] != "galago-conversation" || whole["version"] != 1.0 {
		t.Errorf("no such JSON: %v\n%s", err, a)
	}
	if n := bytes.Count(a, []byte(base64.StdEncoding.EncodeToString(pngData))); n != 1 {
		t.Errorf("a picture of two questions is there %d times", n)
	}
	if hits, err := s.Search(t.Context(), "mugs", 5); err != nil || len(hits) != 1 {
		t.Errorf("what was imported is not found: %v, %v", hits, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// good is a file that can be imported, to be spoilt.
func good(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "good.json")
	if _, err := JSON(path, sample(), album(pngData, jpegData)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// counting is a library that says how much it was given.
type counting struct {
	pictures, conversations int
	full                    bool
}

func (c *counting) PutPicture(data []byte) (store.Hash, error) {
	if c.full {
		return store.Hash{}, errors.New("the disk is full")
	}
	c.pictures++
	return store.HashOf(data), nil
}

func (c *counting) Import(store.Conversation) (store.Summary, error) {
	c.conversations++
	return store.Summary{ID: 7}, nil
}

func spoilt(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spoilt.json")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHostileFiles(t *testing.T) {
	whole := good(t)
	replace := func(old, new string) string {
		t.Helper()
		if !strings.Contains(whole, old) {
			t.Fatalf("the file has no %s", old)
		}
		return strings.Replace(whole, old, new, 1)
	}
	hash := store.HashOf(pngData).String()
	for name, c := range map[string]struct{ data, says string }{
		"empty":               {"", "not a conversation"},
		"no JSON":             {"hello", "not a conversation"},
		"another JSON":        {`{"messages": []}`, "not a conversation"},
		"an array":            {`[` + whole + `]`, "not a conversation"},
		"another format":      {replace("galago-conversation", "galago-settings"), "not a conversation"},
		"newer":               {replace(`"version": 1`, `"version": 2`), "Update Galago"},
		"newer and different": {`{"turns": 7, "format": "galago-conversation", "version": 12}`, "Update Galago"},
		"version 0":           {replace(`"version": 1`, `"version": 0`), "not a conversation"},
		"version 1.5":         {replace(`"version": 1`, `"version": 1.5`), "not a conversation"},
		"half":                {whole[:len(whole)/2], "ends too early"},
		"without its end":     {strings.TrimRight(whole, "}\n"), "ends too early"},
		"something behind":    {whole + "{}", "follows its end"},
		"bad UTF-8":           {replace("Two", "T\xffo"), "not UTF-8"},
		"half a character":    {replace("三", "\xe4\xb8"), "not UTF-8"},
		"a key twice":         {replace(`"version": 1`, `"version": 1, "title": "a"`), "twice"},
		"in other capitals":   {replace(`"state"`, `"STATE": "done", "state"`), "twice"},
		"escaped":             {replace(`"state"`, `"\u0073tate": "done", "state"`), "twice"},
		"an unknown letter":   {replace(`"state"`, `"ſtate"`), "unknown"},
		"deep":                {replace(`"version": 1`, `"version": 1, "more": `+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)), "nested too deeply"},
		"a huge number":       {replace(`"width": 40`, `"width": `+strings.Repeat("9", 5000)), "number"},
		"a large number":      {replace(`"width": 40`, `"width": 99999999999999999999`), "something else"},
		"a wide picture":      {replace(`"width": 40`, `"width": 2000000000`), "something else"},
		"a negative one":      {replace(`"width": 40`, `"width": -1`), "something else"},
		"1e999":               {replace(`"thought_ms": 4200`, `"thought_ms": 1e999`), "something else"},
		"an unknown state":    {replace(`"cancelled"`, `"dancing"`), "something else"},
		"an unknown detail":   {replace(`"low"`, `"../low"`), "something else"},
		"a wrong time":        {replace(`"2026-11-12T13:14:15.678Z"`, `"yesterday"`), "something else"},
		"a time of long ago":  {replace(`"2026-11-12T13:14:15.678Z"`, `"0001-01-02T00:00:00Z"`), "something else"},
		"a far time":          {replace(`"2026-11-12T13:14:15.678Z"`, `"9999-12-31T23:59:59-12:00"`), "something else"},
		"turns are a text":    {`{"format": "galago-conversation", "version": 1, "turns": "none"}`, "something else"},
		"no turns":            {`{"format": "galago-conversation", "version": 1, "turns": []}`, "no question"},
		"another picture":     {replace(base64.StdEncoding.EncodeToString(pngData), base64.StdEncoding.EncodeToString(jpegData)), "was changed"},
		"a bad hash":          {replace(`{"hash": "`+hash, `{"hash": "`+strings.ToUpper(hash)), "broken"},
		"no base64":           {replace(base64.StdEncoding.EncodeToString(pngData), "?!"), "something else"},
		"a picture too few":   {replace(`"hash": "`+hash, `"hash": "`+strings.Repeat("ab", 32)), "something else"},
		"missing with data":   {replace(`"type": "image/png"`, `"missing": true`), "broken"},
		"a long title":        {replace("Mugs", strings.Repeat("M", 5000)), "something else"},
		"many figures":        {replace(`"42 tokens/s"`, `"a"`+strings.Repeat(`,"a"`, 300)), "something else"},
	} {
		t.Run(name, func(t *testing.T) {
			into := &counting{}
			_, err := Import(spoilt(t, c.data), into)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
			if into.pictures+into.conversations > 0 {
				t.Errorf("%d pictures and %d conversations were stored", into.pictures, into.conversations)
			}
		})
	}
}

// What a later Galago may add, or another program does to a file, is no harm.
func TestTolerance(t *testing.T) {
	whole := good(t)
	var sorted map[string]any
	if err := json.Unmarshal([]byte(whole), &sorted); err != nil {
		t.Fatal(err)
	}
	resorted, err := json.Marshal(sorted) // by name, on one line
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"unknown parts": strings.Replace(whole, `"version": 1`, `"version": 1, "mood": {"good": [1, 2]}`, 1),
		"sorted":        string(resorted),
	} {
		into := &counting{}
		if made, err := Import(spoilt(t, data), into); err != nil || made.ID != 7 || into.pictures != 2 {
			t.Errorf("%s: %v, %v, %d pictures", name, made, err, into.pictures)
		}
	}
}

// What is decoded as a whole has a limit; what is skipped has none.
func TestLargeElements(t *testing.T) {
	defer func(was int) { maxElement = was }(maxElement)
	maxElement = 4000
	pieces := strings.Repeat(`"`+strings.Repeat("a", 90)+`",`, 100) + `""`
	for name, c := range map[string]struct {
		old, new string
		ok       bool
	}{
		"as it is":             {`"version": 1`, `"version": 1`, true},
		"many unknown pieces":  {`"version": 1`, `"version": 1, "more": [` + pieces + `]`, true},
		"a large question":     {`"state": "done"`, `"state": "done", "more": [` + pieces + `]`, false},
		"a large unknown text": {`"version": 1`, `"version": 1, "more": "` + strings.Repeat("a", 5000) + `"`, false},
	} {
		data := strings.Replace(good(t), c.old, c.new, 1)
		_, err := Import(spoilt(t, data), &counting{})
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "too much in it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImportThatCannotStore(t *testing.T) {
	into := &counting{full: true}
	if _, err := Import(spoilt(t, good(t)), into); err == nil || into.conversations > 0 {
		t.Errorf("%v, %d conversations", err, into.conversations)
	}
}

func TestImportOfNoFile(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "nothing.json"), "/dev/zero"} {
		if _, err := Import(path, &counting{}); err == nil {
			t.Errorf("%s was imported", path)
		}
	}
}

// The scanner must find the same whatever pieces the file comes in.
func TestScannerInPieces(t *testing.T) {
	whole := good(t)
	for _, data := range []string{whole, strings.Replace(whole, "三", "\xe4\xb8", 1), strings.Replace(whole, "三", "三\xe4", 1), whole + "\xf0\x9f"} {
		_, want := scan(strings.NewReader(data))
		_, got := scan(iotest(data))
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("at once: %v, a byte at a time: %v", want, got)
		}
	}
}

type byByte struct{ *strings.Reader }

func (b byByte) Read(p []byte) (int, error) { return b.Reader.Read(p[:1]) }

func iotest(data string) byByte { return byByte{strings.NewReader(data)} }

func TestMarkdown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "My mugs (1).md")
	if err := os.Mkdir(filepath.Join(dir, "My mugs (1)-pictures"), 0o700); err != nil { // somebody's
		t.Fatal(err)
	}
	r, err := Markdown(path, sample(), album(pngData, jpegData))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "My mugs (1)-pictures-2")
	if r != (Result{Path: path, Folder: folder, Missing: 1}) {
		t.Errorf("%+v", r)
	}
	names, err := os.ReadDir(folder)
	if err != nil || len(names) != 2 || names[0].Name() != "01-shelf [1].png" || names[1].Name() != "02-_CON.jpg" {
		t.Errorf("pictures %v, %v", names, err)
	}
	if got := read(t, filepath.Join(folder, "01-shelf [1].png")); !bytes.Equal(got, pngData) {
		t.Error("the picture is another")
	}
	if list, _ := os.ReadDir(filepath.Join(dir, "My mugs (1)-pictures")); len(list) > 0 {
		t.Error("somebody's folder was written to")
	}
	text := string(read(t, path))
	for _, want := range []string{
		"# Mugs \\*and\\* 三只 \\<b\\>\n",
		"![../shelf \\[1\\].png](My%20mugs%20%281%29-pictures-2/01-shelf%20%5B1%5D.png)\n",
		"> What is # here?\\\n> 1\\. this\\\n> \\*that\\*\n",
		"**Galago** · Qwen\n",
		"> *Thoughts*\n>\n> hm\n",
		"Two **mugs**.\n```go\nfunc\n```\n", // the open box was closed
		"> The answer was stopped.\n> smaller\n",
		"*42 tokens/s*\n",
		"*The picture lost.gif is no longer there.*\n",
		"half\n\n> The answer was interrupted.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "One.") {
		t.Error("it has an earlier answer")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".galago-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestExportThatFails(t *testing.T) {
	dir := t.TempDir()
	broken := func(store.Hash) ([]byte, error) { return nil, errors.New("the disk is on fire") }
	path := filepath.Join(dir, "a.md")
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Markdown(path, sample(), broken); err == nil {
		t.Error("the error was lost")
	}
	second := true
	half := func(h store.Hash) ([]byte, error) {
		if second = !second; second {
			return nil, errors.New("the disk is on fire")
		}
		return pngData, nil
	}
	if _, err := Markdown(path, sample(), half); err == nil {
		t.Error("the error was lost")
	}
	if _, err := JSON(path, sample(), broken); err == nil {
		t.Error("the error was lost")
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 || string(read(t, path)) != "kept" {
		t.Errorf("left over: %v", list)
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"Shelf": "Shelf", "a/b\\c:d": "a-b-c-d", "": "other", "...": "other", "con": "_con", "Com1.txt": "_Com1.txt", "LPT¹": "_LPT¹", "company": "company",
		"nul .x": "_nul .x", "a\x00b\nc": "a-b c", "\u202Egnp.exe": "gnp.exe", "trailing. ": "trailing", "-rf": "rf", ".hidden": "hidden",
		strings.Repeat("三", 100): strings.Repeat("三", 60), "\xff": "other",
	} {
		if got := safeName(text, "other"); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}

func TestClosed(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "```\na\n```": "```\na\n```", "````\n```\n": "````\n```\n````", "~~~ go\na": "~~~ go\na\n~~~", "a <!-- b": "a <!-- b\n-->",
		"<!-- b --> c": "<!-- b --> c", "```a``` b": "```a``` b", "```\n~~~": "```\n~~~\n```",
	} {
		if got := closed(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(good(f)))
	f.Add([]byte(`{"format": "galago-conversation", "version": 1, "turns": [{"question": "a", "answer": {"text": "b", "state": "done"}}], "pictures": []}`))
	f.Add([]byte(`{"format": "galago-conversation", "version": 1e0, "turns": [[{"a": "\ud800"}]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := check(bytes.NewReader(data))
		if err != nil {
			return
		}
		// What was accepted can be written, and is then the same.
		out := c.conversation()
		held := map[store.Hash][]byte{}
		again := &content{}
		if err := again.read(bytes.NewReader(data), func(h store.Hash, data []byte) error { held[h] = data; return nil }); err != nil {
			t.Fatalf("the second time: %v", err)
		}
		export := func(c store.Conversation) string {
			var b bytes.Buffer
			w := bufio.NewWriter(&b)
			if _, err := writeJSON(w, c, func(h store.Hash) ([]byte, error) {
				if held[h] == nil {
					return nil, store.ErrPictureMissing
				}
				return held[h], nil
			}); err != nil {
				t.Fatalf("it cannot be exported: %v", err)
			}
			w.Flush()
			return b.String()
		}
		first := export(out)
		c, err = check(strings.NewReader(first))
		if err != nil {
			t.Fatalf("what was exported cannot be imported: %v\n%s", err, first)
		}
		if second := export(c.conversation()); first != second {
			t.Fatalf("it came out as another file:\n%s\n%s", first, second)
		}
	})
}
