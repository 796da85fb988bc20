package inference

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galago/inference/protocol"
	"galago/inference/vision"
)

func TestEveryCodeIsExplained(t *testing.T) {
	for code, x := range explanations() {
		if x.Title == "" || x.Text == "" || x.Action == "" {
			t.Errorf("%s: %+v", code, x)
		}
		if got := Explain(fmt.Errorf("wrapped: %w", &Error{Code: code, Op: "x"})); got.Title != x.Title || got.Detail != "x" {
			t.Errorf("%s: %+v", code, got)
		}
	}
	if x := Explain(errors.New("odd")); x.Text != "odd." || x.Action == "" {
		t.Errorf("%+v", x)
	}
	if x := Explain(&Error{Code: "of tomorrow", Op: "x", Detail: "log"}); x.Title == "" || x.Detail != "x\nlog" {
		t.Errorf("%+v", x)
	}
	if x := Explain(&vision.Error{Msg: "p.png is empty."}); x.Text != "p.png is empty." || !strings.Contains(x.Title, "picture") {
		t.Errorf("%+v", x)
	}
	load := Explain(&Error{Code: protocol.CodeWorkerDied, Op: opLoad})
	if answer := Explain(&Error{Code: protocol.CodeWorkerDied, Op: opAsk}); load == answer {
		t.Error("a death while loading leaves no text and no restart, but is told as one")
	}
}

func TestErrorWraps(t *testing.T) {
	err := error(&Error{Code: protocol.CodeModelInvalid, Op: opLoad, Err: fs.ErrNotExist})
	if !errors.Is(err, fs.ErrNotExist) || CodeOf(fmt.Errorf("a: %w", err)) != protocol.CodeModelInvalid || CodeOf(nil) != protocol.CodeInternal {
		t.Error(err)
	}
	if asError(err, "other").Op != opLoad || asError(errors.New("x"), "other").Code != protocol.CodeInternal {
		t.Error("asError")
	}
}

// The built-in model's own files serve as good ones.
func TestCheckFiles(t *testing.T) {
	demo := filepath.Join("..", "assets", "demo")
	models, _ := filepath.Glob(filepath.Join(demo, "galago-demo*.gguf"))
	mmprojs, _ := filepath.Glob(filepath.Join(demo, "mmproj*.gguf"))
	if len(models) == 0 || len(mmprojs) == 0 {
		t.Fatal("the built-in model is missing")
	}
	model, mmproj := models[0], mmprojs[0]
	write := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	truncated := write("truncated.gguf", whole[:len(whole)/2])
	random := write("random.gguf", []byte(strings.Repeat("random bytes ", 1000)))
	for _, c := range []struct {
		name  string
		m     Model
		code  protocol.Code
		words string
	}{
		{"good", Model{Path: model, MMProj: mmproj}, "", ""},
		{"text only", Model{Path: model}, "", ""},
		{"missing", Model{Path: "none.gguf"}, protocol.CodeModelInvalid, "none.gguf"},
		{"truncated", Model{Path: truncated}, protocol.CodeModelInvalid, "not complete"},
		{"random bytes", Model{Path: random}, protocol.CodeModelInvalid, "random.gguf"},
		{"empty", Model{Path: write("empty.gguf", nil)}, protocol.CodeModelInvalid, "empty.gguf"},
		{"mmproj as a model", Model{Path: mmproj}, protocol.CodeModelInvalid, "vision file"},
		{"model as an mmproj", Model{Path: model, MMProj: model}, protocol.CodeMMProjInvalid, "mmproj"},
		{"mmproj missing", Model{Path: model, MMProj: "none.gguf"}, protocol.CodeMMProjInvalid, "none.gguf"},
		{"mmproj of random bytes", Model{Path: model, MMProj: random}, protocol.CodeMMProjInvalid, "random.gguf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := checkFiles(c.m)
			if got == nil {
				if c.code != "" {
					t.Error("not refused")
				}
				return
			}
			x := Explain(got)
			if got.Code != c.code || !strings.Contains(x.Text, c.words) {
				t.Errorf("%s %+v", got.Code, x)
			}
		})
	}
}
