package engines

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// item is an entry of an archive that a test makes.
type item struct {
	name string
	text string
	link string // target
	kind byte   // of tar; 0: a file, or a link where there is a target
	size int64  // that the header claims; 0: the text's
}

func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range items {
		h := &tar.Header{Name: i.name, Mode: 0o755, Size: int64(len(i.text)), Linkname: i.link, Typeflag: i.kind}
		if i.kind == 0 && i.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		if i.size != 0 {
			h.Size = i.size
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(i.text)); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close() // a size that lies is an error here, and what is to be tested
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func xzed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, i := range items {
		h := &zip.FileHeader{Name: i.name, Method: zip.Deflate}
		if i.link != "" {
			h.SetMode(os.ModeSymlink | 0o777)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(i.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpacked takes wanted out of one archive and returns what lies in the folder then.
func unpacked(t testing.TB, name string, data []byte, wanted ...string) (map[string]string, error) {
	t.Helper()
	root := t.TempDir()
	archive, dir := filepath.Join(root, "archive"), filepath.Join(root, "out")
	if err := errors.Join(os.WriteFile(archive, data, 0o600), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = newUnpacker(t.Context(), dir, nil).take(name, f, wanted)
	if list, _ := os.ReadDir(root); len(list) != 2 {
		t.Errorf("%s: something lies outside of the folder: %v", name, list)
	}
	return contents(t, dir), err
}

// contents are the files of a folder, which must all be plain.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, d := range list {
		if !d.Type().IsRegular() {
			t.Errorf("%s is no plain file", d.Name())
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, d.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[d.Name()] = string(data)
	}
	return files
}

// nvidia are the entries of an archive as NVIDIA packs them.
var nvidia = []item{
	{name: "libcublas-13/", kind: tar.TypeDir},
	{name: "libcublas-13/LICENSE", text: "words"},
	{name: "libcublas-13/lib/libcublas.so", link: "libcublas.so.13"},
	{name: "libcublas-13/lib/libcublas.so.13", link: "libcublas.so.13.1.0"},
	{name: "libcublas-13/lib/libcublas.so.13.1.0", text: "cublas"},
	{name: "libcublas-13/lib/libcublasLt.so.13.1.0", text: "cublasLt"},
	{name: "libcublas-13/lib/libcublasLt.so.13", link: "libcublasLt.so.13.1.0"},
	{name: "libcublas-13/lib/stubs/libcublas.so", text: "stub"},
	{name: "libcublas-13/lib/libcublas_static.a", text: "archive"},
}

func TestUnpackTakesWhatIsNeededAndNothingElse(t *testing.T) {
	plain := []item{{name: "./", kind: tar.TypeDir}, {name: "./b/libcublas.so.13", text: "cublas"}, {name: "b/libcublasLt.so.13", text: "cublasLt"}}
	for name, data := range map[string][]byte{
		"a.tar.xz": xzed(t, tarOf(t, nvidia...)),
		"b.tar.gz": gzipped(t, tarOf(t, nvidia...)),
		"c.tar.gz": gzipped(t, tarOf(t, plain...)),
		"d.zip":    zipOf(t, plain[1:]...),
		"e.tar.gz": gzipped(t, tarOf(t, append(slices.Clone(nvidia), item{name: "../evil", text: "after all that is needed"})...)),
	} {
		files, err := unpacked(t, name, data, "libcublas.so.13", "libcublasLt.so.13")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(files) != 2 || files["libcublas.so.13"] != "cublas" || files["libcublasLt.so.13"] != "cublasLt" {
			t.Errorf("%s: %v", name, files)
		}
	}
}

func TestHostileArchivesAreRefused(t *testing.T) {
	const w = "libggml-cuda.so"
	good := item{name: "x/" + w, text: "backend"}
	for name, c := range map[string]struct {
		items []item
		says  string
	}{
		"absolute":             {[]item{{name: "/etc/" + w, text: "x"}}, "does not begin in the archive"},
		"absolute, not needed": {[]item{{name: "/etc/passwd", text: "x"}, good}, "does not begin in the archive"},
		"parent":               {[]item{{name: "../" + w, text: "x"}}, "leads out"},
		"parent within":        {[]item{{name: "a/b/../../../" + w, text: "x"}}, "leads out"},
		"parent folder":        {[]item{{name: "a/../..", kind: tar.TypeDir}, good}, "leads out"},
		"drive":                {[]item{{name: "C:/" + w, text: "x"}}, "drive"},
		"stream":               {[]item{{name: "a/" + w + ":evil", text: "x"}}, "stream"},
		"dot at the end":       {[]item{{name: "a/" + w + ".", text: "x"}, good}, "ends in a dot"},
		"dots of a folder":     {[]item{{name: "a.../" + w, text: "x"}}, "ends in a dot"},
		"space at the end":     {[]item{{name: "a/b /" + w, text: "x"}}, "ends in a dot or a space"},
		"backslash":            {[]item{{name: `..\` + w, text: "x"}}, "signs"},
		"twice":                {[]item{{name: "a/" + w + ".1", text: "x"}, {name: "b/" + w + ".1", text: "y"}, good}, "twice"},
		"twice, other case":    {[]item{{name: "a/" + w + ".a", text: "x"}, {name: "b/" + w + ".a", link: w}, good}, "twice"},
		"link out":             {[]item{{name: "a/" + w, link: "../../" + w}}, "link"},
		"absolute link":        {[]item{{name: "a/" + w, link: "/lib/" + w}}, "link"},
		"link to another file": {[]item{{name: "a/" + w, link: "passwd"}, {name: "a/passwd", text: "x"}}, "link"},
		"link to itself":       {[]item{{name: "a/" + w, link: w}}, "is not in it"},
		"link in a circle":     {[]item{{name: "a/" + w, link: w + ".1"}, {name: "a/" + w + ".1", link: w}}, "is not in it"},
		"link to nothing":      {[]item{{name: "a/" + w, link: w + ".9"}}, "is not in it"},
		"hard link":            {[]item{{name: "a/" + w, link: "/etc/passwd", kind: tar.TypeLink}}, "hard link"},
		"device":               {[]item{{name: "a/dev", kind: tar.TypeBlock}, good}, "neither a file nor a folder"},
		"pipe":                 {[]item{{name: "a/" + w, kind: tar.TypeFifo}}, "neither a file nor a folder"},
		"huge":                 {[]item{{name: "a/" + w, text: "x", size: mostBytes + 1}}, "too many"},
		"size that lies":       {[]item{{name: "a/" + w, text: "x", size: 10}}, "EOF"},
		"empty":                {nil, "is not in it"},
		"only others":          {[]item{{name: "a/libggml-base.so", text: "x"}}, "is not in it"},
	} {
		files, err := unpacked(t, "a.tar.gz", gzipped(t, tarOf(t, c.items...)), w)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "a.tar.gz cannot be unpacked") {
			t.Errorf("%s: %v, %v", name, err, files)
		}
	}
	for name, c := range map[string]struct {
		items []item
		says  string
	}{
		"parent":    {[]item{{name: "../" + w, text: "x"}}, "leads out"},
		"absolute":  {[]item{{name: "/" + w, text: "x"}}, "does not begin"},
		"drive":     {[]item{{name: "c:" + w, text: "x"}}, "drive"},
		"backslash": {[]item{{name: `a\..\..\` + w, text: "x"}}, "signs"},
		"NUL":       {[]item{{name: "a/" + w + "\x00.txt", text: "x"}}, "signs"},
		"twice":     {[]item{{name: w, text: "x"}, {name: w, text: "y"}}, "twice"},
		"link":      {[]item{{name: w, text: "/etc/passwd", link: "yes"}}, "neither a file nor a folder"},
	} {
		if files, err := unpacked(t, "a.zip", zipOf(t, c.items...), w); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("zip, %s: %v, %v", name, err, files)
		}
	}
	for name, data := range map[string][]byte{"a.tar.gz": []byte("no"), "a.tar.xz": []byte("no"), "a.zip": []byte("no"), "a.rar": nil, "b.tar.gz": gzipped(t, []byte("no tar"))} {
		if _, err := unpacked(t, name, data, w); err == nil {
			t.Errorf("%s is unpacked", name)
		}
	}
	whole := gzipped(t, tarOf(t, item{name: w, text: strings.Repeat("backend", 9999)}))
	if _, err := unpacked(t, "cut.tar.gz", whole[:len(whole)-12], w, "another"); err == nil {
		t.Error("half an archive is unpacked")
	}
}

func TestManyEntriesAreRefused(t *testing.T) {
	items := make([]item, mostEntries+1)
	for i := range items {
		items[i] = item{name: "a/", kind: tar.TypeDir}
	}
	if _, err := unpacked(t, "a.tar.gz", gzipped(t, tarOf(t, items...)), "x"); err == nil || !strings.Contains(err.Error(), "entries") {
		t.Errorf("%v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(uint8(0), tarOf(f, nvidia...))
	f.Add(uint8(1), zipOf(f, item{name: "a/libcublas.so.13", text: "x"}))
	f.Add(uint8(0), tarOf(f, item{name: "../libcublas.so.13", text: "x"}))
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		name, archive := "a.tar.gz", data
		if kind%2 == 1 {
			name = "a.zip"
		} else {
			archive = gzipped(t, data)
		}
		files, err := unpacked(t, name, archive, "libcublas.so.13")
		if err == nil {
			if _, ok := files["libcublas.so.13"]; !ok || len(files) != 1 {
				t.Errorf("%v", files)
			}
		}
	})
}

// theBuild is an engine whose backend plays what, as a build and its archives on the disk.
func theBuild(t *testing.T, what string) (Build, []string) {
	t.Helper()
	dir := t.TempDir()
	b := Build{ID: "cuda13-test", CUDA: "13.0", Bytes: 5_000_000, Archives: []Archive{
		{Name: "llama.tar.gz", Files: []string{backendFile()}},
		{Name: "cublas.tar.xz", Files: []string{"libcublas.so.13", "libcublasLt.so.13"}},
	}}
	var paths []string
	for i, data := range [][]byte{gzipped(t, tarOf(t, item{name: "llama/" + backendFile(), text: what})), xzed(t, tarOf(t, nvidia...))} {
		path := filepath.Join(dir, b.Archives[i].Name+".part")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := digest(t.Context(), bytes.NewReader(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Archives[i].SHA256, b.Archives[i].Bytes = sum, int64(len(data))
		paths = append(paths, path)
	}
	return b, paths
}

// folders are the names of the folders where engines are installed.
func folders(t *testing.T) []string {
	t.Helper()
	list, err := os.ReadDir(folder())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	return names
}

func TestInstallReplacesTheEngineOnlyByOneThatWorks(t *testing.T) {
	home(t)
	b, archives := theBuild(t, "good")
	var said []string
	last := 0.0
	e, err := Install(t.Context(), b, archives, func(what string, done float64) {
		if !slices.Contains(said, what) {
			said, last = append(said, what), 0
		}
		if done < last || done > 1 {
			t.Errorf("%s: %v after %v", what, done, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(said) != 3 {
		t.Errorf("steps: %q", said)
	}
	first, ok := Current()
	if !ok || first.Dir != e.Dir || first.Source != Installed || first.CUDA != "13.0" || first.Llama != manifest().Llama {
		t.Errorf("%+v, %+v", e, first)
	}
	files := contents(t, e.Dir)
	delete(files, aboutFile)
	if len(files) != 3 || files[backendFile()] != "good" || files["libcublas.so.13"] != "cublas" {
		t.Errorf("%v", files)
	}

	for name, spoil := range map[string]func(*Build, *[]string){
		"a backend that crashes": func(b *Build, a *[]string) { *b, *a = theBuild(t, "crash") },
		"no driver":              func(b *Build, a *[]string) { *b, *a = theBuild(t, "problem no_driver libcuda.so.1") },
		"another digest":         func(b *Build, _ *[]string) { b.Archives[1].SHA256 = strings.Repeat("0", 64) },
		"no digest":              func(b *Build, _ *[]string) { b.Archives[0].SHA256 = "" },
		"the wrong order":        func(_ *Build, a *[]string) { slices.Reverse(*a) },
		"one missing":            func(_ *Build, a *[]string) { *a = (*a)[:1] },
		"none":                   func(b *Build, a *[]string) { b.Archives, *a = nil, nil },
		"a file that is gone":    func(_ *Build, a *[]string) { (*a)[0] += ".gone" },
		"a library missing":      func(b *Build, _ *[]string) { b.Archives[1].Files = []string{"libcudart.so.13"} },
		"a name that leads out":  func(b *Build, _ *[]string) { b.ID = "../cuda" },
	} {
		b, archives := theBuild(t, "good")
		spoil(&b, &archives)
		if _, err := Install(t.Context(), b, archives, nil); err == nil {
			t.Errorf("%s is installed", name)
		}
		if now, ok := Current(); !ok || now.Dir != first.Dir {
			t.Errorf("after %s: %+v", name, now)
		}
		if got := folders(t); !slices.Equal(got, []string{"cuda13-test"}) {
			t.Errorf("after %s there are %v", name, got)
		}
	}

	second, err := Install(t.Context(), b, archives, nil)
	if err != nil || second.Dir == first.Dir {
		t.Fatalf("the same again: %+v, %v", second, err)
	}
	if got := folders(t); !slices.Equal(got, []string{filepath.Base(second.Dir)}) {
		t.Errorf("the one before stays: %v", got)
	}
	if err := Remove(); err != nil {
		t.Fatal(err)
	}
	if _, ok := Current(); ok || len(folders(t)) != 0 {
		t.Errorf("after Remove: %v", folders(t))
	}
}

func TestInstallEndsWithItsContextAndLeavesNothing(t *testing.T) {
	home(t)
	for _, at := range []string{"Checking", "Unpacking", "Trying"} {
		b, archives := theBuild(t, "good")
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Install(ctx, b, archives, func(what string, _ float64) {
			if strings.HasPrefix(what, at) {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", at, err)
		}
		if got := folders(t); len(got) > 0 {
			t.Errorf("%s: %v", at, got)
		}
		cancel()
	}
}

func TestWhatAnInterruptedInstallLeftNeverCounts(t *testing.T) {
	home(t)
	besideEngine(t)
	engineIn(t, filepath.Join(folder(), "cuda13-test.123"+newSuffix), "good")
	engineIn(t, filepath.Join(folder(), "cuda13-test"), "good") // renamed, but not chosen yet
	put(t, filepath.Join(folder(), "cuda13-test", aboutFile), "{}")
	if e, ok := Current(); ok {
		t.Errorf("%+v counts", e)
	}
	Clean()
	if got := folders(t); len(got) > 0 {
		t.Errorf("%v", got)
	}
	if err := Remove(); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
}

// The archives are looked at and unpacked through one opening each: another file under the same name does not count.
func TestAnArchiveThatIsReplacedAfterTheCheck(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody replace a file that is open")
	}
	home(t)
	b, archives := theBuild(t, "good")
	evil, _ := theBuild(t, "problem version")
	_, other := theBuild(t, "problem version")
	if evil.Archives[0].SHA256 == b.Archives[0].SHA256 {
		t.Fatal("both are the same")
	}
	replaced := false
	e, err := Install(t.Context(), b, archives, func(what string, done float64) {
		if !replaced && strings.HasPrefix(what, "Checking") && done == 1 {
			replaced = true
			if err := os.Rename(other[0], archives[0]); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || !replaced {
		t.Fatalf("%v, replaced: %v", err, replaced)
	}
	if files := contents(t, e.Dir); files[backendFile()] != "good" {
		t.Errorf("%q is installed", files[backendFile()])
	}
}

func TestTwoNamesOfOneFile(t *testing.T) {
	list := []item{
		{name: "a/libcublas.so", link: "libcublas.so.13"},
		{name: "a/libcublas.so.13", link: "libcublas.so.13.1"},
		{name: "a/libcublas.so.13.1", text: "cublas"},
	}
	for _, wanted := range [][]string{
		{"libcublas.so", "libcublas.so.13"}, {"libcublas.so.13.1", "libcublas.so.13"}, {"libcublas.so.13", "libcublas.so.13.1", "libcublas.so"},
	} {
		files, err := unpacked(t, "a.tar.gz", gzipped(t, tarOf(t, list...)), wanted...)
		if err != nil || len(files) != len(wanted) {
			t.Errorf("%q: %v, %v", wanted, files, err)
			continue
		}
		for _, w := range wanted {
			if files[w] != "cublas" {
				t.Errorf("%q: %v", wanted, files)
			}
		}
	}
}
