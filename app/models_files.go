package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"galago/app/library/catalogue"
	"galago/app/library/shelf"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/protocol"
)

// pathOf is where a file of the hub goes: below its repository's name in the models' folder.
func (c *Controller) pathOf(f catalogue.File) (string, error) {
	name := filepath.FromSlash(f.Repo + "/" + f.Name)
	if !filepath.IsLocal(name) || c.lib.Folder == "" {
		return "", errors.New(words.T("%s is no name for a file of a model", f.Name))
	}
	return filepath.Join(c.lib.Folder, name), nil
}

// fileBytes is the size of a file; 0 where there is none.
func fileBytes(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// listedAs is as what the catalogue has a file, by its name and size.
func listedAs(known []catalogue.Model, path string) catalogue.Model {
	info, err := os.Stat(path)
	if err != nil {
		return catalogue.Model{}
	}
	m, _, _ := catalogue.ByFile(known, filepath.Base(path), info.Size())
	return m
}

// baseName and modelFileName are what a person calls a file.
func baseName(path string) string      { return filepath.Base(path) }
func modelFileName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".gguf") }

// identify looks into files. Its error is an *inference.Error.
func identify(paths ...string) (shelf.Look, error) {
	look, err := shelf.Identify(paths...)
	if err != nil {
		err = &inference.Error{Code: protocol.CodeModelInvalid, Op: "open " + strings.Join(paths, ", "), Err: err}
	}
	return look, err
}
