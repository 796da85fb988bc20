// Package disk replaces files as a whole: after the end of the program, or of the machine's power, there is the old
// file or the new one, never half of one. What returned without an error is on the disk.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Replace puts what write writes into the place of the file at path, which need not be there. Its folder must be. When
// anything fails, the file is as it was.
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".galago-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), mode); err != nil { // by its name: Windows knows no other way
		return err
	}
	if err := Retry(func() error { return os.Rename(f.Name(), path) }); err != nil {
		return err
	}
	return SyncFolder(dir)
}

// Write replaces a file by data.
func Write(path string, mode fs.FileMode, data []byte) error {
	return Replace(path, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// SyncFolder makes what was renamed or made in a folder outlast a loss of power, where the system can be asked for
// that. Windows cannot; there the rename itself waits.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrInvalid) {
		err = nil // of network folders and the like
	}
	return errors.Join(err, d.Close())
}
