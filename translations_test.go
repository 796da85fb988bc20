package main_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// said is a text that the program says through words.T.
type said struct {
	at     token.Position
	format bool // it is given arguments
}

// sources parses the Go files below a folder, without the tests, and calls each with every one.
func sources(t *testing.T, root string, each func(files *token.FileSet, path string, f *ast.File)) {
	t.Helper()
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "build" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		each(set, path, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isT says whether a call is of words.T, or of T in that package itself.
func isT(pkg string, call *ast.CallExpr) bool {
	if t, ok := call.Fun.(*ast.Ident); ok {
		return t.Name == "T" && pkg == "words"
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "T" {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "words"
}

// literal is the text of a string literal, also of one that is put together from several with +.
func literal(e ast.Expr) (string, bool) {
	switch v := e.(type) {
	case *ast.BasicLit:
		if v.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(v.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		left, ok1 := literal(v.X)
		right, ok2 := literal(v.Y)
		return left + right, ok1 && ok2 && v.Op == token.ADD
	case *ast.ParenExpr:
		return literal(v.X)
	}
	return "", false
}

// texts are all that the program says.
func texts(t *testing.T) map[string]said {
	t.Helper()
	out := map[string]said{}
	sources(t, ".", func(set *token.FileSet, _ string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isT(f.Name.Name, call) {
				return true
			}
			at := set.Position(call.Pos())
			if len(call.Args) == 0 {
				t.Errorf("%s: words.T says nothing", at)
				return true
			}
			text, ok := literal(call.Args[0])
			if !ok {
				t.Errorf("%s: the first argument of words.T must be a string literal, or its translation cannot be found", at)
				return true
			}
			before := out[text]
			out[text] = said{at, before.format || len(call.Args) > 1}
			return true
		})
	})
	for _, file := range dataTexts {
		for _, text := range inData(t, file.name, file.fields) {
			out[text] = said{token.Position{Filename: file.name}, false}
		}
	}
	return out
}

// dataTexts are the data files with texts that the program says through words.Data, and the fields that hold them.
var dataTexts = []struct {
	name   string
	fields []string
}{
	{"assets/catalogue.json", []string{"about"}},
	{"assets/samples/samples.json", []string{"title"}},
}

// inData are the strings in fields of those names, wherever they stand in a JSON file.
func inData(t *testing.T, name string, fields []string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var texts []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, e := range v {
				if text, ok := e.(string); ok && slices.Contains(fields, key) {
					texts = append(texts, text)
				}
				walk(e)
			}
		}
	}
	walk(root)
	if len(texts) == 0 {
		t.Fatalf("%s has none of the texts in %v", name, fields)
	}
	return texts
}

// reserved would make Fyne take the whole file for one message.
var reserved = []string{"id", "hash", "description", "leftdelim", "rightdelim", "zero", "one", "two", "few", "many", "other"}

// Everything that the program says must be in every translation, and nothing else. What is missing is printed as lines to
// fill in.
func TestTranslations(t *testing.T) {
	english := texts(t)
	if len(english) < 100 {
		t.Fatalf("only %d texts were found", len(english))
	}
	for text, s := range english {
		if slices.Contains(reserved, strings.ToLower(text)) || strings.Contains(text, "{{") || text == "" {
			t.Errorf("%s: %q cannot be a key of a translation", s.at, text)
		}
	}
	names, err := filepath.Glob("assets/translations/*.json")
	if err != nil || len(names) < 3 {
		t.Fatalf("%d translations, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			compare(t, english, readTranslation(t, name))
		})
	}
}

// readTranslation also refuses texts that are there twice: JSON would take the second without a word.
func readTranslation(t *testing.T, name string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(data), "\n") - 2; lines != len(out) {
		t.Errorf("%d lines, %d texts: one text on each line, each text once", lines, len(out))
	}
	return out
}

func compare(t *testing.T, english map[string]said, translated map[string]string) {
	t.Helper()
	var missing []string
	for _, text := range slices.Sorted(maps.Keys(english)) {
		got, ok := translated[text]
		switch {
		case !ok:
			key, _ := json.Marshal(text)
			missing = append(missing, fmt.Sprintf("  %s: %s,", key, key))
		case strings.TrimSpace(got) == "":
			t.Errorf("%q has no translation", text)
		case english[text].format && !maps.Equal(verbs(text), verbs(got)):
			t.Errorf("%q: the verbs %v became %v in %q", text, verbs(text), verbs(got), got)
		case edges(text) != edges(got):
			t.Errorf("%q: the spaces around it are lost in %q", text, got)
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d texts are missing:\n%s", len(missing), strings.Join(missing, "\n"))
	}
	for text := range translated {
		if _, ok := english[text]; !ok {
			t.Errorf("nobody says %q any more", text)
		}
	}
}

// edges are the spaces that a text begins and ends with.
func edges(s string) string {
	core := strings.TrimSpace(s)
	before, after, _ := strings.Cut(s, core)
	return before + "|" + after
}

var verb = regexp.MustCompile(`%[-+# 0]*(\[(\d+)\])?[0-9.]*([a-zA-Z%])`)

// verbs are what a format does with each of its arguments, by their numbers from 1.
func verbs(format string) map[int]string {
	out := map[int]string{}
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[3] == "%" {
			continue
		}
		if m[2] != "" {
			next, _ = strconv.Atoi(m[2])
		}
		out[next] = m[3]
		next++
	}
	return out
}

func TestVerbs(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"%d of %s", "%[2]s: %[1]d", true},
		{"%d of %s", "%s: %d", false},
		{"%.1f %%", "%.1f %%", true},
		{"%d pictures", "Bilder", false},
	} {
		if got := maps.Equal(verbs(c.a), verbs(c.b)); got != c.same {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

// shown are functions whose string arguments a person reads, and fields that hold what a person reads.
var (
	shown = []string{
		"newLabel", "newButton", "withTip", "SetPlaceHolder", "setText", "NewMenuItem", "newTextLine", "showSheet", "Notify", "Offer",
		"newChip", "NewCheck", "ShowConfirm", "ShowInformation", "NewConfirm", "NewCustomConfirm", "NewCustom", "SetConfirmText", "SetDismissText",
	}
	fields = []string{
		"Title", "Text", "Action", "Label", "Hint", "Note", "Tooltip", "Alarm", "Line", "Expect", "Caption", "Phase", "Info", "Cost", "Placeholder",
		"PlaceHolder",
	}
	notWords = []string{"Galago", "MiB", "GiB", "KV", "GPU", "CPU", "English", "Deutsch", "Español", "简体中文"}
)

// Whatever looks like a text for a person in the window must go through words.T. This finds the usual places, not all.
func TestNothingIsSaidPastTheTranslations(t *testing.T) {
	for _, root := range []string{"ui", "app"} {
		sources(t, root, func(set *token.FileSet, path string, f *ast.File) {
			if strings.Contains(path, "internal") {
				return
			}
			complain := func(e ast.Expr) {
				if text, ok := literal(e); ok && readable(text) {
					t.Errorf("%s: %q is not said through words.T", set.Position(e.Pos()), text)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch v := n.(type) {
				case *ast.CallExpr:
					if slices.Contains(shown, called(v)) {
						for _, a := range v.Args {
							complain(a)
						}
					}
				case *ast.KeyValueExpr:
					if key, ok := v.Key.(*ast.Ident); ok && slices.Contains(fields, key.Name) {
						complain(v.Value)
					}
				}
				return true
			})
		})
	}
}

// called is the name of a function or method that is called.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// readable says whether a text is something to read: a word that begins with a capital, or several words.
func readable(text string) bool {
	if slices.Contains(notWords, text) {
		return false
	}
	words := strings.Fields(text)
	letters := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters > 2 && (len(words) > 1 || unicode.IsUpper([]rune(text)[0]))
}
