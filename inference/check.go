package inference

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"galago/inference/protocol"
)

// checkFiles looks at a model's files before a worker does, because this program can say precisely what is wrong.
func checkFiles(m Model) *Error {
	if err := checkGGUF(m.Path); err != nil {
		return &Error{Code: protocol.CodeModelInvalid, Op: opLoad, Err: err}
	}
	if m.MMProj == "" {
		return nil
	}
	if err := checkGGUF(m.MMProj); err != nil {
		return &Error{Code: protocol.CodeMMProjInvalid, Op: opLoad, Err: err}
	}
	return nil
}

func checkGGUF(path string) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist", path)
	case err != nil:
		return err
	}
	defer f.Close()
	var head [4]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:]) != "GGUF" {
		return fmt.Errorf("%s is not a GGUF file", path)
	}
	return nil
}
