package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"galago/assets/words"
	"galago/inference/disk"
)

// MaxPicture is how many bytes a picture's file may have, as much as vision.MaxBytes.
const MaxPicture = 256 << 20

// Hash names a picture: the SHA-256 of its file's bytes. The zero Hash names none.
type Hash [sha256.Size]byte

// HashOf is the name of a picture's file.
func HashOf(data []byte) Hash { return sha256.Sum256(data) }

// ParseHash reads what String writes: 64 lower-case hexadecimal digits. Anything else is ErrBadHash.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != hex.EncodedLen(len(h)) {
		return Hash{}, ErrBadHash
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil || h.String() != s {
		return Hash{}, ErrBadHash
	}
	return h, nil
}

// String is h in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h names no picture.
func (h Hash) IsZero() bool { return h == Hash{} }

// folder and file are where it lies; both are made of the hash alone.
func (h Hash) folder() string { return h.String()[:2] }
func (h Hash) file() string   { return h.folder() + "/" + h.String() }

// temporary is its file's name while it is being written.
func (h Hash) temporary() string { return h.folder() + "/." + h.String() + ".new" }

// pictures is the folder of pictures. Names that lead out of it, also through links, do not work.
type pictures struct {
	root *os.Root

	writing sync.Mutex // one writes at a time

	mu   sync.Mutex
	held map[Hash]bool // stored or stored again since Open: something may mean them that is in no turn yet
}

func openPictures(path string) (*pictures, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &pictures{root: root, held: map[Hash]bool{}}, nil
}

// any reports whether there is a picture.
func (p *pictures) any() bool {
	d, err := p.root.Open(".")
	if err != nil {
		return false
	}
	defer d.Close()
	names, _ := d.Readdirnames(1)
	return len(names) > 0
}

// PutPicture stores the bytes of a picture's file as they are, once however often they come, and returns their name
// for AddTurn. A picture that no turn has by the next start of the program may be removed then.
// Errors: ErrPictureTooBig, or why it could not be written.
func (s *Store) PutPicture(data []byte) (Hash, error) {
	doing := words.T("the picture could not be stored")
	if len(data) > MaxPicture {
		return Hash{}, ErrPictureTooBig
	}
	h := HashOf(data)
	s.pictures.mu.Lock()
	s.pictures.held[h] = true
	s.pictures.mu.Unlock()
	if _, err := s.pictures.get(h); err == nil {
		return h, nil
	}
	// Known to the database first: else a file whose writer dies would stay for good.
	err := s.change(doing, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT OR IGNORE INTO loose_pictures (hash) VALUES (?)", h.String())
		return err
	})
	if err != nil {
		return Hash{}, err
	}
	return h, told(doing, s.pictures.put(h, data))
}

// put writes a file under a temporary name and renames it, so that its name never stands for half of it.
func (p *pictures) put(h Hash, data []byte) error {
	if err := p.root.Mkdir(h.folder(), 0o700); err == nil {
		if err := p.sync("."); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	temporary := h.temporary()
	if err := p.root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a writer that died
		return err
	}
	f, err := p.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer p.root.Remove(temporary) // gone already when all went well
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := disk.Retry(func() error { return p.root.Rename(temporary, h.file()) }); err != nil {
		return err
	}
	return p.sync(h.folder())
}

func (p *pictures) sync(folder string) error {
	d, err := p.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(d), d.Close())
}

// Picture returns the bytes of a picture's file as they were stored.
// Errors: ErrPictureMissing, ErrPictureDamaged, or why it could not be read.
func (s *Store) Picture(h Hash) ([]byte, error) { return s.pictures.get(h) }

func (p *pictures) get(h Hash) ([]byte, error) {
	doing := words.T("the picture could not be read")
	info, err := p.root.Stat(h.file())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrPictureMissing
	case err != nil:
		return nil, told(doing, err)
	case !info.Mode().IsRegular() || info.Size() > MaxPicture:
		return nil, ErrPictureDamaged // also: opening a pipe would wait for its writer
	}
	f, err := p.root.Open(h.file())
	if err != nil {
		return nil, told(doing, err)
	}
	defer f.Close()
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, ErrPictureDamaged
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, told(doing, err)
	}
	if HashOf(data) != h {
		return nil, ErrPictureDamaged
	}
	return data, nil
}

// Collect removes the files of pictures that no turn has any more, and says how many. Pictures that were stored since
// Open are left, since they may be in the composer; so are files that this database never knew, since they may be those
// of a damaged one that lies beside it.
func (s *Store) Collect() (removed int, _ error) {
	doing := words.T("unused pictures could not be removed")
	err := s.change(doing, func(tx *sql.Tx) error {
		rows, err := tx.Query("SELECT hash FROM loose_pictures WHERE hash NOT IN (SELECT hash FROM turn_pictures)")
		if err != nil {
			return err
		}
		names, err := collect[string](rows)
		if err != nil {
			return err
		}
		for _, name := range names {
			gone, err := s.pictures.remove(name)
			if err != nil {
				return err
			}
			if !gone {
				continue
			}
			removed++
			if _, err := tx.Exec("DELETE FROM loose_pictures WHERE hash = ?", name); err != nil {
				return err
			}
		}
		_, err = tx.Exec("DELETE FROM loose_pictures WHERE hash IN (SELECT hash FROM turn_pictures)")
		return err
	})
	return removed, err
}

// remove reports whether it has removed a picture's file, which may have been gone before.
func (p *pictures) remove(name string) (bool, error) {
	h, err := ParseHash(name)
	if err != nil {
		return true, nil // not ours: forget it
	}
	p.mu.Lock() // PutPicture of the same picture waits, and then writes it again
	defer p.mu.Unlock()
	if p.held[h] {
		return false, nil
	}
	for _, name := range []string{h.temporary(), h.file()} {
		if err := p.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
}
