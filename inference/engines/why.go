package engines

import (
	"cmp"
	"errors"
	"runtime"

	"galago/assets/words"
	"galago/inference/protocol"
)

// Why says in sentences why the CUDA engine of a worker is of no use, and what helps; nil where it computes, or where the
// worker was not asked to load one. What it says of the CPU is true at once: it goes on.
func Why(h protocol.Hello) error {
	if h.CUDA == nil || h.CUDA.Problem == "" {
		return nil
	}
	return errors.New(sentence(h.CUDA))
}

func sentence(c *protocol.CUDA) string {
	switch c.Problem {
	case protocol.CUDALibrary:
		return words.T("%s is missing, a library of NVIDIA's CUDA runtime. Install the engine again, or put the library into the engine's folder.", c.Library)
	case protocol.CUDANoDriver:
		return words.T("NVIDIA's driver is not installed (%s is missing). The engine needs it: install the driver.", cmp.Or(c.Library, driverFile()))
	case protocol.CUDAOldDriver:
		return oldDriver(c)
	case protocol.CUDAMixed:
		return words.T("NVIDIA's driver was updated while it was running, so its parts no longer match. Restart the machine.")
	case protocol.CUDANoCard:
		return words.T("NVIDIA's driver has no card that the engine can use. Check that the card is switched on, " +
			"and that this user may use it; the diagnosis tells more.")
	case protocol.CUDASystem:
		return words.T("The engine was built for a newer system: %s is missing. %s", c.Library, fromSource())
	case protocol.CUDAVersion:
		return words.T("The engine is of another version of llama.cpp; Galago needs %s. Install it again, or choose another folder.", manifest().Llama)
	case protocol.CUDANoEngine:
		return words.T("There is no engine in the folder: %s is missing. Install it again, or choose another folder.", c.Library)
	case protocol.CUDACrashed:
		return words.T("The engine ended the program that loads it, twice, so it is left out. Install it again, or choose it once more to try it.")
	}
	return words.T("The engine cannot be loaded: %s. Install it again, or choose another folder.", c.Detail)
}

func driverFile() string {
	if runtime.GOOS == "windows" {
		return "nvcuda.dll"
	}
	return "libcuda.so.1"
}

// oldDriver names the driver that the engine's CUDA needs.
func oldDriver(c *protocol.CUDA) string {
	driver := oldestDriver(c.Runtime)
	switch {
	case c.Driver == 0 && driver == "":
		return words.T("NVIDIA's driver is missing, or too old for the engine. Install a newer one.")
	case c.Driver == 0:
		return words.T("NVIDIA's driver is missing, or too old for the engine. Install version %s or newer.", driver)
	case driver == "":
		return words.T("NVIDIA's driver is too old for the engine: it runs %s at most, and the engine needs %s. Install a newer one.",
			cudaName(c.Driver), cudaName(c.Runtime))
	}
	return words.T("NVIDIA's driver is too old for the engine: it runs %s at most, and the engine needs %s. Install version %s or newer.",
		cudaName(c.Driver), cudaName(c.Runtime), driver)
}

// oldestDriver is the oldest driver for a major CUDA, as engines.json has it for this system; empty: not known.
func oldestDriver(cuda int) string {
	for _, b := range manifest().Builds {
		if major, _, ok := numbers(b.CUDA); ok && major == cuda/1000 && b.System == thisSystem() {
			return b.Driver
		}
	}
	return ""
}
