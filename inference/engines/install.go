package engines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"galago/assets/words"
	"galago/inference/disk"
)

// newSuffix ends the names of folders that are being made. Nothing in one counts.
const newSuffix = ".new"

// Install unpacks downloaded archives into the data folder, tries the result in a throw-away worker, and makes it
// current; the one before stays until then. archives are the paths of what b.Archives names, in the same order; they are
// read, checked against their digests once more, and left as they are. progress, which may be nil, is told what is done,
// 0 to 1, from the calling goroutine.
//
// When it fails, or ctx ends, everything is as it was. What the end of the program leaves is removed by Clean.
func Install(ctx context.Context, b Build, archives []string, progress func(what string, done float64)) (Engine, error) {
	i := &installation{ctx: ctx, build: b, archives: archives, progress: progress}
	e, err := i.run()
	if errors.Is(err, syscall.ENOSPC) {
		err = errors.New(words.T("There is not enough room on the disk for the engine. It needs up to %s MB in %s.",
			words.Thousands(b.Bytes/1_000_000), folder()))
	}
	return e, err
}

// installation is one Install.
type installation struct {
	ctx      context.Context
	build    Build
	archives []string
	progress func(string, float64)
	total    int64      // bytes of the archives
	files    []*os.File // the archives, open from the look at their digests until they are unpacked, so that they stay the same
}

func (i *installation) run() (Engine, error) {
	defer i.close()
	if err := i.check(); err != nil {
		return Engine{}, err
	}
	if err := os.MkdirAll(folder(), 0o700); err != nil {
		return Engine{}, err
	}
	Clean()
	dir, err := os.MkdirTemp(folder(), i.build.ID+".*"+newSuffix)
	if err != nil {
		return Engine{}, err
	}
	defer os.RemoveAll(dir) // nothing is there any more when all went well
	if err := i.unpack(dir); err != nil {
		return Engine{}, err
	}
	i.tell(words.T("Trying the engine"), 1)
	e, _ := read(dir, Installed)
	if _, err := Try(i.ctx, e); err != nil {
		return Engine{}, err
	}
	return i.keep(dir)
}

func (i *installation) tell(what string, done float64) {
	if i.progress != nil {
		i.progress(what, done)
	}
}

// check compares the archives with what is pinned. They may have lain on the disk for long.
func (i *installation) check() error {
	if i.build.ID == "" || i.build.ID != filepath.Base(i.build.ID) || len(i.archives) != len(i.build.Archives) || len(i.archives) == 0 {
		return fmt.Errorf("%d archives are not those of the engine %q", len(i.archives), i.build.ID)
	}
	for _, path := range i.archives {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		i.files = append(i.files, f)
		info, err := f.Stat()
		if err != nil {
			return err
		}
		i.total += info.Size()
	}
	done := int64(0)
	what := words.T("Checking the engine's archives")
	for n, f := range i.files {
		got, err := digest(i.ctx, f, func(read int64) {
			done += read
			i.tell(what, share(done, i.total))
		})
		if err != nil {
			return err
		}
		if a := i.build.Archives[n]; !strings.EqualFold(got, a.SHA256) {
			return errors.New(words.T("%s is not the file that was asked for: its digest is another one (%s). Download it again.", a.Name, got))
		}
	}
	return nil
}

func share(done, total int64) float64 { return min(1, float64(done)/float64(max(1, total))) }

func (i *installation) close() {
	for _, f := range i.files {
		f.Close() // it was only read
	}
}

// digest is the SHA-256 of what r has, in hexadecimal.
func digest(ctx context.Context, r io.Reader, tell func(int64)) (string, error) {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, &counter{ctx: ctx, r: r, tell: tell}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// unpack fills dir, and has all of it on the disk.
func (i *installation) unpack(dir string) error {
	done := int64(0)
	what := words.T("Unpacking the engine")
	u := newUnpacker(i.ctx, dir, func(read int64) {
		done += read
		i.tell(what, share(done, i.total))
	})
	for n, a := range i.build.Archives {
		if err := u.take(a.Name, i.files[n], a.Files); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(about{
		ID: i.build.ID, Llama: manifest().Llama, CUDA: i.build.CUDA, Native: i.build.Native, PTX: i.build.PTX,
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(dir, aboutFile), 0o644, append(data, '\n')); err != nil {
		return err
	}
	return onDisk(dir)
}

// onDisk returns when all files of a folder are on the disk, and outlast a loss of power.
func onDisk(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, d := range list {
		f, err := os.OpenFile(filepath.Join(dir, d.Name()), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return disk.SyncFolder(dir)
}

// keep gives the folder its name and makes it current; what was current before is removed.
func (i *installation) keep(dir string) (Engine, error) {
	var final string
	err := alone(func() (err error) {
		final, err = i.name(dir)
		return err
	})
	if err != nil {
		return Engine{}, err
	}
	Clean()
	e, ok := read(final, Installed)
	if !ok {
		return Engine{}, fmt.Errorf("the engine in %s is gone", final)
	}
	return e, nil
}

// name is keep without another program between the folder's name and the choice of it.
func (i *installation) name(dir string) (final string, err error) {
	name, err := i.freeName()
	if err != nil {
		return "", err
	}
	final = filepath.Join(folder(), name)
	if err := disk.Retry(func() error { return os.Rename(dir, final) }); err != nil {
		return "", err
	}
	err = disk.SyncFolder(folder())
	if err == nil {
		err = changeAlone(func(c *choice) {
			forgive(c, final)
			c.Installed = name
		})
	}
	if err != nil {
		_ = os.RemoveAll(final) // the one before still counts
		return "", err
	}
	return final, nil
}

// freeName is the build's ID, or with a number where the same engine is there already: a worker may be using it.
func (i *installation) freeName() (string, error) {
	for n := 1; n < 1000; n++ {
		name := i.build.ID
		if n > 1 {
			name = fmt.Sprintf("%s-%d", i.build.ID, n)
		}
		if _, err := os.Lstat(filepath.Join(folder(), name)); errors.Is(err, os.ErrNotExist) {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s is full of engines", folder())
}

// Clean removes what an installation that was interrupted left, and engines that are not current any more but could not be
// removed, as Windows refuses while they run. The window calls it when it starts; Install does by itself. What no
// installation made stays, and so does everything while it is not known which engine is current.
func Clean() {
	if _, err := os.Stat(folder()); err != nil {
		return // nothing was ever installed
	}
	_ = alone(cleanAlone) // the next time may succeed
}

func cleanAlone() error {
	c, err := loadChoice()
	if err != nil {
		return err
	}
	list, err := os.ReadDir(folder())
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.IsDir() && d.Name() != c.Installed && made(d.Name()) {
			_ = os.RemoveAll(filepath.Join(folder(), d.Name())) // the next time may succeed
		}
	}
	return nil
}

// made reports whether an installation made the folder of that name.
func made(name string) bool {
	if strings.HasSuffix(name, newSuffix) {
		return true
	}
	_, err := os.Lstat(filepath.Join(folder(), name, aboutFile))
	return err == nil
}

// Remove deletes an installed engine; the CPU answers from then on, unless another engine is beside the program or
// named. A running worker keeps what it has loaded.
func Remove() error {
	err := change(func(c *choice) {
		forgive(c, filepath.Join(folder(), c.Installed))
		c.Installed = ""
	})
	if err == nil {
		Clean()
	}
	return err
}
