package gguf

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"galago/assets/words"
)

// maxParts is more files than any model is spread over.
const maxParts = 9999

// Others reads the headers of a model's further files, in their order, when f is the first of several; of a complete
// file there are none. llama.cpp finds them by their names alone, NAME-00001-of-00003.gguf and so on: a file with
// another name is refused. Its error is an *Error.
func (f *File) Others() ([]*File, error) {
	var list []*File
	ending := func(n int) string { return fmt.Sprintf("-%05d-of-%05d.gguf", n, f.Parts()) }
	for n := 2; n <= f.Parts(); n++ {
		begin, ok := strings.CutSuffix(f.Path, ending(1))
		if !ok {
			return nil, newError(ErrMismatch, filepath.Base(f.Path), words.T("should be the first of a model's %d files, whose names end in %s and so on. "+
				"Choose that one, or give the files the names under which they were published.", f.Parts(), ending(1)))
		}
		part, err := Read(begin + ending(n))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, newError(ErrUnreadable, filepath.Base(f.Path), words.T("is part %d of the %d files of a model, and %s is not beside it. "+
				"Put all parts into one folder, or download what is missing.", 1, f.Parts(), filepath.Base(begin+ending(n))))
		}
		if err != nil {
			return nil, err
		}
		if !f.followedBy(part, n) {
			return nil, newError(ErrMismatch, filepath.Base(part.Path), words.T("is not part %d of the same model as %s. Download or copy both again.",
				n, filepath.Base(f.Path)))
		}
		list = append(list, part)
	}
	return list, nil
}

// followedBy reports whether part can be the n-th of the files that f begins, counted from 1.
func (f *File) followedBy(part *File, n int) bool {
	if _, given := part.Value("split.no"); given && part.Uint("split.no") != uint64(n-1) {
		return false
	}
	return part.Parts() == f.Parts() && part.Uint("split.tensors.count") == f.Uint("split.tensors.count")
}

// partEnding is how the names of split models end: the number of the part, and of parts.
var partEnding = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// PartNames are the paths of all parts of the split model to which a path belongs by its name, whether they are there or
// not, in their order; nil for a name that is not one of a part.
func PartNames(path string) []string {
	m := partEnding.FindStringSubmatch(path)
	if m == nil {
		return nil
	}
	no, _ := strconv.Atoi(m[2])
	count, _ := strconv.Atoi(m[3])
	if no < 1 || no > count || count > maxParts {
		return nil
	}
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%05d-of-%05d.gguf", m[1], i+1, count)
	}
	return list
}

// LayerOf is the number in the name of a repeating layer's tensor, such as blk.12.ffn_up.weight.
func LayerOf(tensor string) (int, bool) {
	rest, ok := strings.CutPrefix(tensor, "blk.")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, err == nil && n >= 0
}

// IsInput reports whether a tensor turns tokens into numbers: llama.cpp keeps those on the CPU (LLM_TENSOR_LAYER_INPUT).
func IsInput(tensor string) bool {
	for _, begin := range []string{"token_embd", "token_types", "position_embd", "per_layer_token_embd"} {
		if strings.HasPrefix(tensor, begin) {
			return true
		}
	}
	return false
}
