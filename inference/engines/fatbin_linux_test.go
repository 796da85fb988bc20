package engines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// box is a box of .nv_fatbin with entries of a kind and an architecture, as C would write its bytes in 8-byte words.
func box(entries ...[2]int) string {
	var words []string
	for _, e := range entries {
		words = append(words,
			fmt.Sprintf("0x%xULL", 0x40<<32|1<<16|e[0]), // kind, version, length of the head
			"16ULL", "0", fmt.Sprintf("0x%xULL", e[1]<<32), "0", "0", "0", "0", // architecture at byte 28
			"0", "0") // 16 bytes of code
	}
	head := []string{fmt.Sprintf("0x%xULL", 0x10<<48|1<<32|fatMagic), fmt.Sprintf("%dULL", len(words)*8)}
	return strings.Join(append(head, words...), ", ")
}

// libraryWith compiles a library with those words in .nv_fatbin.
func libraryWith(t *testing.T, words string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	source, library := filepath.Join(dir, "fat.c"), filepath.Join(dir, "libggml-cuda.so")
	put(t, source, `__attribute__((section(".nv_fatbin"), used)) static const unsigned long long fat[] = {`+words+`};`)
	if out, err := exec.Command("cc", append([]string{"-shared", "-fPIC", "-o", library, source}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return library
}

func TestCodeOfReadsWhatALibraryWasBuiltFor(t *testing.T) {
	path := libraryWith(t, strings.Join([]string{
		box([2]int{fatPTX, 75}, [2]int{fatELF, 86}), "0, 0", // filling
		box([2]int{fatELF, 120}, [2]int{fatELF, 86}, [2]int{fatPTX, 75}, [2]int{9, 33}),
	}, ", "))
	native, ptx := codeOf(path)
	if !slices.Equal(native, []string{"8.6", "12.0"}) || !slices.Equal(ptx, []string{"7.5"}) {
		t.Errorf("native %v, translated %v", native, ptx)
	}
	for name, words := range map[string]string{
		"no box":           "1, 2, 3, 4",
		"a box too long":   fmt.Sprintf("0x%xULL, 0xffffffffffffffffULL, 0, 0, 0, 0, 0, 0, 0, 0", 0x10<<48|1<<32|fatMagic),
		"a head of none":   fmt.Sprintf("0x%xULL, 80ULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0", 1<<32|fatMagic),
		"an empty entry":   fmt.Sprintf("0x%xULL, 80ULL, 2ULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0", 0x10<<48|1<<32|fatMagic),
		"an entry of ages": fmt.Sprintf("0x%xULL, 80ULL, 2ULL, 0xffffffffffffffffULL, 0, 0, 0, 0, 0, 0, 0, 0, 0", 0x10<<48|1<<32|fatMagic),
	} {
		if native, ptx := codeOf(libraryWith(t, words)); len(native)+len(ptx) > 0 {
			t.Errorf("%s: %v, %v", name, native, ptx)
		}
	}
	for _, path := range []string{os.Args[0], "/etc/passwd", "/gone"} {
		if native, ptx := codeOf(path); len(native)+len(ptx) > 0 {
			t.Errorf("%s: %v, %v", path, native, ptx)
		}
	}
}

func TestAForeignEngineTellsItsCUDA(t *testing.T) {
	runtime := filepath.Join(filepath.Dir(libraryWith(t, "0")), "libggml-cuda.so")
	stand := filepath.Join(filepath.Dir(runtime), "libcudart.so.13")
	if out, err := exec.Command("cc", "-shared", "-Wl,-soname,libcudart.so.13", "-o", stand, "-x", "c", os.DevNull).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	path := libraryWith(t, "0", "-Wl,--no-as-needed", stand)
	if e, ok := read(filepath.Dir(path), Named); !ok || e.CUDA != "13" {
		t.Errorf("%+v", e)
	}
	if e, ok := read(filepath.Dir(runtime), Named); !ok || e.CUDA != "" {
		t.Errorf("not linked with it: %+v", e)
	}
}
