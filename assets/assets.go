// Package assets finds what travels with the programs: the built-in demo model and the sample pictures.
package assets

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DemoEnv names the environment variable that says in which folder the built-in model lies.
const DemoEnv = "GALAGO_DEMO"

// Demo is the built-in model, as files, or any other model that has a manifest like it.
type Demo struct {
	Name        string   // such as "Galago Demo"
	Quant       string   // quantisation, such as "Q8_0"
	Model       string   // path of the GGUF
	MMProj      string   // path of the vision projector's GGUF
	ImageMin    int      // picture tokens, at least
	ImageMax    int      // picture tokens, at most
	Context     int      // KV cache cells that it was trained for
	Temperature *float64 // at which it answers best; nil: no opinion
	Skills      string   // what it knows, as a sentence
}

// manifest is demo/manifest.json: what the GGUF files cannot say.
type manifest struct {
	Name         string   `json:"name"`
	Quantization string   `json:"quantization"`
	Model        file     `json:"model"`
	MMProj       file     `json:"mmproj"`
	ImageMin     int      `json:"image_min_tokens"`
	ImageMax     int      `json:"image_max_tokens"`
	Context      int      `json:"context"`
	Temperature  *float64 `json:"temperature"`
	Skills       string   `json:"skills"`
}

type file struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// DemoModel finds the built-in model: in the folder that DemoEnv names, else in demo beside the program, else in
// assets/demo of the source tree that the working directory is in. The error is a sentence.
func DemoModel() (Demo, error) {
	var tried []string
	for _, dir := range demoFolders() {
		d, err := readDemo(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
		tried = append(tried, dir)
	}
	return Demo{}, fmt.Errorf("the built-in model was not found in %s", strings.Join(tried, " or "))
}

// Beside finds the manifest of a model of the person's own: manifest.json in the model's folder, if it is about
// exactly these two files. It says what the files cannot, above all how large the model wants its pictures.
func Beside(model, mmproj string) (Demo, bool) {
	d, err := readDemo(filepath.Dir(model))
	if err != nil || d.Model != filepath.Clean(model) || d.MMProj != filepath.Clean(mmproj) {
		return Demo{}, false
	}
	return d, true
}

func demoFolders() []string {
	if dir := os.Getenv(DemoEnv); dir != "" {
		if whole, err := filepath.Abs(dir); err == nil {
			dir = whole // the engine may run elsewhere
		}
		return []string{dir}
	}
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "demo"))
	}
	dir, err := os.Getwd()
	for err == nil {
		dirs = append(dirs, filepath.Join(dir, "assets", "demo"))
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return dirs
}

// readDemo reads a folder's manifest and checks that its files are there and whole.
func readDemo(dir string) (Demo, error) {
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return Demo{}, err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Demo{}, fmt.Errorf("the built-in model's manifest in %s is damaged: %w", dir, err)
	}
	for _, f := range []file{m.Model, m.MMProj} {
		if !filepath.IsLocal(f.File) {
			return Demo{}, fmt.Errorf("the built-in model's manifest in %s names a file outside its folder: %q", dir, f.File)
		}
		info, err := os.Stat(filepath.Join(dir, f.File))
		if errors.Is(err, fs.ErrNotExist) {
			return Demo{}, fmt.Errorf("the built-in model is not complete: %s is missing in %s", f.File, dir)
		}
		if err != nil {
			return Demo{}, fmt.Errorf("the built-in model cannot be used: %w", err)
		}
		if info.Size() != f.Bytes {
			return Demo{}, fmt.Errorf("the built-in model is damaged: %s has %d bytes instead of %d", f.File, info.Size(), f.Bytes)
		}
	}
	return Demo{
		Name: m.Name, Quant: m.Quantization, Skills: m.Skills, Context: m.Context,
		Model: filepath.Join(dir, m.Model.File), MMProj: filepath.Join(dir, m.MMProj.File),
		ImageMin: m.ImageMin, ImageMax: m.ImageMax, Temperature: m.Temperature,
	}, nil
}

// Icon is the program's icon, a PNG.
//
//go:embed icon.png
var Icon []byte

// Sample is a picture of the first-start screen with a fitting first question.
type Sample struct {
	File     string `json:"file"`
	Caption  string `json:"title"`
	Question string `json:"question"`
	Data     []byte `json:"-"` // the file's bytes
}

//go:embed samples
var samples embed.FS

// Samples are the sample pictures. They are embedded, so that only a fault of the build can make them fail: then there
// are none.
func Samples() []Sample {
	data, err := samples.ReadFile("samples/samples.json")
	if err != nil {
		return nil
	}
	var list []Sample
	if json.Unmarshal(data, &list) != nil {
		return nil
	}
	for i := range list {
		if list[i].Data, err = samples.ReadFile("samples/" + list[i].File); err != nil {
			return nil
		}
	}
	return list
}
