package llama

import (
	"errors"
	"testing"

	"galago/inference/protocol"
)

func TestLoaderCode(t *testing.T) {
	for said, want := range map[string]protocol.Code{
		"libstdc++.so.6: failed to map segment from shared object":                       protocol.CodeOutOfMemory,
		"libstdc++.so.6: cannot create shared object descriptor: Cannot allocate memory": protocol.CodeOutOfMemory,
		"libllama.so: failed to map segment from shared object: Operation not permitted": protocol.CodeEngineMissing,
		"libggml.so.0: cannot open shared object file: No such file or directory":        protocol.CodeEngineMissing,
		"libllama.so is missing: stat /opt/lib/libllama.so: no such file or directory":   protocol.CodeEngineMissing,
		"/opt/lib/libmtmd.so: undefined symbol: llama_decode":                            protocol.CodeEngineMissing,
		"no backend could be loaded: not even the CPU's (libggml-cpu-*)":                 protocol.CodeEngineMissing,
	} {
		if got := loaderCode(errors.New(said)); got != want {
			t.Errorf("%q is %s, want %s", said, got, want)
		}
	}
}
