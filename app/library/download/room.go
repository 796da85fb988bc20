package download

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Room is how many bytes are free for a download into folder, which need not be there yet: on the disk of the nearest
// folder above it that is.
func Room(folder string) (uint64, error) {
	for {
		n, err := free(folder)
		above := filepath.Dir(folder)
		if !errors.Is(err, fs.ErrNotExist) || above == folder {
			return n, err
		}
		folder = above
	}
}
