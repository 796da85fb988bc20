package shelf

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"galago/inference/gguf"
)

// manifest is what Ollama keeps of a model's tag: manifests/HOST/NAMESPACE/NAME/TAG, whose layers are files blobs/sha256-…
// Newer ones (manifests-v2) are links to blobs, and can hold one manifest for each engine.
type manifest struct {
	Layers    []layer    `json:"layers"`
	Runner    string     `json:"runner"`
	Digest    string     `json:"digest"` // of a manifest that is a blob of its own
	Manifests []manifest `json:"manifests"`
}

type layer struct {
	Type   string `json:"mediaType"`
	Digest string `json:"digest"`
}

// The layers that count. A model and its vision files can have several parts, but only the first model is ever there.
const (
	modelLayer   = "application/vnd.ollama.image.model"
	visionLayer  = "application/vnd.ollama.image.projector"
	adapterLayer = "application/vnd.ollama.image.adapter"
)

// ollama looks into Ollama's store: the one that a variable names, the person's, the system service's.
func (h *hunt) ollama(s surroundings) {
	stores := []string{at(s.env("OLLAMA_MODELS")), at(s.home(), ".ollama", "models")}
	if s.system && !s.windows {
		stores = append(stores, "/usr/share/ollama/.ollama/models")
	}
	for _, store := range stores {
		for _, name := range []string{"manifests-v2", "manifests"} {
			h.tags(store, at(store, name), nil)
		}
	}
}

// tags walks down to the manifests, which are four folders deep.
func (h *hunt) tags(store, dir string, names []string) {
	const deep = 4
	for _, entry := range h.list(dir) {
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path)
		parts := append(slices.Clone(names), entry.Name())
		switch {
		case h.over():
			return
		case err != nil, strings.HasPrefix(entry.Name(), "."):
		case info.IsDir() && len(parts) < deep && entry.Type()&fs.ModeSymlink == 0:
			h.tags(store, path, parts)
		case info.Mode().IsRegular() && len(parts) == deep:
			h.tag(store, path, parts)
		}
	}
}

// tag reports the model of one manifest.
func (h *hunt) tag(store, path string, names []string) {
	var m manifest
	if smallJSON(path, &m) != nil {
		return
	}
	if m = m.forLlamaCpp(store); len(m.Layers) == 0 {
		return
	}
	var model *card
	var projectors []*card
	adapted := false
	for _, l := range m.Layers {
		if h.over() {
			return
		}
		switch l.Type {
		case modelLayer:
			if model == nil {
				model = h.blob(store, l.Digest)
			}
		case visionLayer:
			if c := h.blob(store, l.Digest); c != nil && c.kind == gguf.KindMMProj && c.sees {
				projectors = append(projectors, c)
			}
		case adapterLayer:
			adapted = true
		}
	}
	if model == nil || model.kind != gguf.KindModel || adapted {
		return // a model in another format; or one that is not what its name says without its adapter, which is not applied
	}
	var mmproj *card
	if len(projectors) > 0 { // Ollama says that they belong together
		mmproj = projectors[0]
	}
	name := strings.Join(names[2:], " ")
	if names[1] != "library" {
		name = names[1] + "/" + name
	}
	h.tell(model, mmproj, Ollama, name)
}

// forLlamaCpp is the manifest itself, or that of its manifests which is for llama.cpp's kind of files.
func (m manifest) forLlamaCpp(store string) manifest {
	const few = 16
	for _, runner := range []string{"ollama", "llamacpp"} {
		for _, each := range m.Manifests[:min(len(m.Manifests), few)] {
			if !strings.EqualFold(each.Runner, runner) {
				continue
			}
			if len(each.Layers) == 0 {
				var own manifest
				if smallJSON(blobPath(store, each.Digest), &own) != nil {
					continue
				}
				each = own
			}
			return each
		}
	}
	return m
}

var digest = regexp.MustCompile(`^sha256[:-]([0-9a-fA-F]{64})$`)

// blobPath is the file of a digest, or "": a digest is never a path.
func blobPath(store, sum string) string {
	m := digest.FindStringSubmatch(sum)
	if m == nil {
		return ""
	}
	return at(store, "blobs", "sha256-"+m[1])
}

// blob reads a layer's header, or nil.
func (h *hunt) blob(store, sum string) *card {
	path := blobPath(store, sum)
	if path == "" {
		return nil
	}
	return h.read(path)
}
