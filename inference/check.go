package inference

import (
	"path/filepath"

	"galago/assets/words"
	"galago/inference/gguf"
	"galago/inference/plan"
	"galago/inference/protocol"
)

// checkFiles looks at a model's files before a worker does, because from their headers it can say precisely what is
// wrong. What it lets through may still be refused by llama.cpp. The headers are kept for the planner.
func checkFiles(m Model) (*plan.Facts, *Error) {
	model, err := gguf.Read(m.Path)
	if err != nil {
		return nil, &Error{Code: protocol.CodeModelInvalid, Op: opLoad, Err: err}
	}
	if said := notAModel(model); said != "" {
		return nil, errorf(protocol.CodeModelInvalid, opLoad, "%w",
			&gguf.Error{Kind: gguf.ErrMismatch, Name: filepath.Base(m.Path), Msg: filepath.Base(m.Path) + " " + said})
	}
	var mmproj *gguf.File
	if m.MMProj != "" {
		mmproj, err = gguf.Read(m.MMProj)
		if err == nil {
			err = gguf.MatchMMProj(model, mmproj)
		}
		if err != nil {
			return nil, &Error{Code: protocol.CodeMMProjInvalid, Op: opLoad, Err: err}
		}
	}
	facts, err := plan.Of(model, mmproj)
	if err != nil {
		return nil, &Error{Code: protocol.CodeModelInvalid, Op: opLoad, Err: err}
	}
	return facts, nil
}

// notAModel says why a sound GGUF file cannot answer, or nothing. llama.cpp finds the other parts of a model that is
// spread over files when it is given the first.
func notAModel(f *gguf.File) string {
	switch k := f.Kind(); {
	case k == gguf.KindModel, k == gguf.KindSplit && f.Uint("split.no") == 0:
		return ""
	case k == gguf.KindSplit:
		return words.T("is a later part of a model that is spread over several files. Choose the first part.")
	case k == gguf.KindMMProj:
		return words.T("is a vision file, not a model. Choose the model's own GGUF file, and this one as its mmproj file.")
	case k == gguf.KindLoRA:
		return words.T("is an adapter (LoRA), not a model. Choose the GGUF file of a whole model.")
	}
	return words.T("holds no model that can answer. Choose the GGUF file of a language model.")
}
