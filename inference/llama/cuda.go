package llama

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/loader"

	"galago/inference/protocol"
)

// The CUDA runtime, in an order in which each library finds those that it needs among what is loaded already. So an
// engine's folder needs no run path, and cannot take a library of the same name from elsewhere.
var cudaRuntime = map[bool][]string{
	false: {"libcudart.so.*", "libcublasLt.so.*", "libcublas.so.*"},
	true:  {"cudart64_*.dll", "cublasLt64_*.dll", "cublas64_*.dll"}, // Windows
}

// loadBackends registers every backend in dir. Where the environment decides on a CUDA engine, one that lies in dir, as a
// build from source leaves it, is left to addCUDA: else one that ends workers would end them all, and one that was not
// chosen would be loaded besides the chosen one.
func (l *library) loadBackends(dir string) error {
	_, decided := os.LookupEnv(protocol.CUDAEnv)
	if _, left := os.LookupEnv(protocol.CUDALeftEnv); !decided && !left {
		return llama.GGMLBackendLoadAllFromPath(dir)
	}
	if _, err := os.Stat(loader.GetLibraryFilename(dir, "ggml-cuda")); err != nil {
		return llama.GGMLBackendLoadAllFromPath(dir)
	}
	l.loadCPU(dir)
	return nil
}

// loadCPU registers the best of the CPU's backends in dir for this processor, by their own account, as ggml does.
func (l *library) loadCPU(dir string) {
	list, _ := os.ReadDir(dir) // without it there is none
	pattern := loader.GetLibraryFilename("", "ggml-cpu-*")
	best, most := loader.GetLibraryFilename(dir, "ggml-cpu"), int32(0)
	for _, d := range list {
		if match, _ := filepath.Match(pattern, d.Name()); !match {
			continue
		}
		path := filepath.Join(dir, d.Name())
		if score := scoreOf(path); score > most {
			best, most = path, score
		}
	}
	l.give(best)
}

// scoreOf is how well a backend suits this processor; 0: not at all.
func scoreOf(path string) int32 {
	handle, err := openShared(path)
	if err != nil {
		return 0
	}
	defer closeShared(handle)
	f, err := symbol(handle, "ggml_backend_score")
	if err != nil {
		return 0
	}
	score, _, _ := purego.SyscallN(f)
	return int32(score)
}

// addCUDA loads the CUDA engine that the environment names beside the CPU's backends. Whatever goes wrong is told, and
// the CPU goes on.
func (l *library) addCUDA() *protocol.CUDA {
	if dir := os.Getenv(protocol.CUDALeftEnv); dir != "" {
		return &protocol.CUDA{Dir: dir, Problem: protocol.CUDACrashed}
	}
	dir := os.Getenv(protocol.CUDAEnv)
	if dir == "" {
		return nil
	}
	told := &protocol.CUDA{Dir: dir}
	if err := l.loadCUDA(dir, told); err != nil {
		e := &cudaError{problem: protocol.CUDABroken, detail: err.Error()}
		errors.As(err, &e)
		told.Problem, told.Library, told.Detail = e.problem, e.library, strings.TrimSpace(e.detail)
	}
	return told
}

// loadCUDA loads libraries one by one, so that what is missing has a name, asks CUDA for its cards before ggml does, and
// gives the backend to ggml only when there are some.
func (l *library) loadCUDA(dir string, told *protocol.CUDA) error {
	backend := loader.GetLibraryFilename(dir, "ggml-cuda")
	if _, err := os.Stat(backend); errors.Is(err, fs.ErrNotExist) {
		return &cudaError{protocol.CUDANoEngine, filepath.Base(backend), err.Error()}
	}
	var cudart uintptr
	for i, pattern := range cudaRuntime[runtime.GOOS == "windows"] {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are well-formed
		slices.Sort(paths)
		for _, path := range paths[:min(1, len(paths))] { // others are further names of the same library
			handle, err := openShared(path)
			if err != nil {
				return err
			}
			if i == 0 {
				cudart = handle
			}
		}
	}
	handle, err := openShared(backend)
	if err != nil {
		return err
	}
	if cudart == 0 {
		cudart = handle // the loader also looks through what the backend needs
	}
	if err := askCUDA(cudart, told); err != nil {
		return err
	}
	return l.register(backend)
}

// askCUDA asks the CUDA runtime for versions and cards, as ggml will. A runtime that cannot be asked is left to ggml.
func askCUDA(cudart uintptr, told *protocol.CUDA) error {
	call := func(name string, out *int32) (code uintptr, ok bool) {
		f, err := symbol(cudart, name)
		if err != nil {
			return 0, false
		}
		code, _, _ = purego.SyscallN(f, uintptr(unsafe.Pointer(out)))
		return code & 0xffffffff, true
	}
	var version, driver, cards int32
	if code, ok := call("cudaRuntimeGetVersion", &version); ok && code == 0 {
		told.Runtime = int(version)
	}
	if code, ok := call("cudaDriverGetVersion", &driver); ok && code == 0 {
		told.Driver = int(driver)
	}
	code, ok := call("cudaGetDeviceCount", &cards)
	switch {
	case !ok:
		return nil
	case code != 0:
		return cudaCode(int(code), cudaWords(cudart, code))
	case cards == 0:
		return &cudaError{protocol.CUDANoCard, "", "cudaGetDeviceCount: 0"}
	}
	return nil
}

// cudaCode is what an answer of cudaGetDeviceCount means. The numbers are those of cudaError in driver_types.h.
func cudaCode(code int, words string) error {
	problem := protocol.CUDABroken
	switch code {
	case 35: // cudaErrorInsufficientDriver; also where there is no driver at all
		problem = protocol.CUDAOldDriver
	case 34: // cudaErrorStubLibrary: a toolkit's stand-in for the driver's library
		problem = protocol.CUDANoDriver
	case 100: // cudaErrorNoDevice
		problem = protocol.CUDANoCard
	case 803: // cudaErrorSystemDriverMismatch
		problem = protocol.CUDAMixed
	}
	return &cudaError{problem, "", fmt.Sprintf("CUDA error %d: %s", code, words)}
}

func cudaWords(cudart, code uintptr) string {
	f, err := symbol(cudart, "cudaGetErrorString")
	if err != nil {
		return ""
	}
	text, _, _ := purego.SyscallN(f, code)
	return goString(*(**byte)(unsafe.Pointer(&text)))
}

// register gives the backend to ggml, which checks the version of its interface.
func (l *library) register(backend string) error {
	loaded := l.give(backend)
	said := log.tail()
	if !loaded {
		problem := protocol.CUDABroken
		if strings.Contains(said, "API version") || strings.Contains(said, "ggml_backend_init") {
			problem = protocol.CUDAVersion
		}
		return &cudaError{problem, "", said}
	}
	if !slices.ContainsFunc(devices(), func(d protocol.Device) bool { return d.Backend == "CUDA" }) {
		return &cudaError{protocol.CUDANoCard, "", said}
	}
	return nil
}

// give has ggml load a backend.
func (l *library) give(backend string) (loaded bool) {
	path := append([]byte(backend), 0)
	p := unsafe.SliceData(path)
	var reg uintptr
	l.loadBackend.Call(unsafe.Pointer(&reg), unsafe.Pointer(&p))
	runtime.KeepAlive(path)
	return reg != 0
}

// cudaError is why a CUDA engine is of no use.
type cudaError struct {
	problem protocol.CUDAProblem
	library string
	detail  string
}

func (e *cudaError) Error() string { return string(e.problem) + ": " + e.detail }

var (
	missingLibrary = regexp.MustCompile(`(?m)(?:^|[\s:])([^\s:/]+\.so[.\d]*): cannot open shared object file`)
	missingVersion = regexp.MustCompile("version [`']((?:GLIBC|GLIBCXX|CXXABI|GCC)_[\\d.]+)' not found")
)

// loaderProblem reads what the system's loader said about a library that it did not load.
func loaderProblem(said string) *cudaError {
	e := &cudaError{problem: protocol.CUDABroken, detail: said}
	if m := missingVersion.FindStringSubmatch(said); m != nil {
		e.problem, e.library = protocol.CUDASystem, m[1]
		return e
	}
	if m := missingLibrary.FindStringSubmatch(said); m != nil {
		e.library = m[1]
		switch {
		case strings.HasPrefix(m[1], "libcuda.so"), strings.HasPrefix(m[1], "libnvidia"):
			e.problem = protocol.CUDANoDriver
		case strings.HasPrefix(m[1], "libggml"):
			e.problem = protocol.CUDAVersion
		default:
			e.problem = protocol.CUDALibrary
		}
		return e
	}
	if strings.Contains(said, "undefined symbol: ggml") || strings.Contains(said, "undefined symbol: _Z") {
		e.problem = protocol.CUDAVersion
	}
	return e
}
