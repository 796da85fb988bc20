package engines

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"

	"galago/assets/words"
)

// What an archive may cost, whatever it says of itself. Its digest is known, so these only bound what a mistake, or a
// digest that was pinned wrongly, can do.
const (
	mostEntries = 20_000
	mostBytes   = 4 << 30  // of files that are taken
	mostStream  = 16 << 30 // of an unpacked stream, with what is passed over
	mostHops    = 4        // from a link to its file
)

// unpacker takes files out of archives into one flat folder. Only files that are asked for are written, under their own
// names, and nothing else: no folders and no links, so that no name in an archive can lead anywhere. A name that tries
// to ends the whole archive.
type unpacker struct {
	ctx   context.Context
	dir   string
	left  int64 // bytes that may still be written
	taken map[string]bool
	tell  func(bytes int64) // read of the archive since the last call
}

func newUnpacker(ctx context.Context, dir string, tell func(int64)) *unpacker {
	return &unpacker{ctx: ctx, dir: dir, left: mostBytes, taken: map[string]bool{}, tell: tell}
}

// take unpacks what is wanted of an archive, by the ending of its name. All of it must be there.
func (u *unpacker) take(name string, f *os.File, wanted []string) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var err error
	part := &part{u: u, wanted: wanted, links: map[string]string{}, seen: map[string]bool{}}
	counted := &counter{ctx: u.ctx, r: f, tell: u.tell}
	switch {
	case strings.HasSuffix(name, ".zip"):
		info, statErr := f.Stat()
		if statErr != nil {
			return statErr
		}
		err = part.zip(f, info.Size())
	case strings.HasSuffix(name, ".tar.gz"):
		var r *gzip.Reader
		if r, err = gzip.NewReader(counted); err == nil {
			err = part.tar(r)
		}
	case strings.HasSuffix(name, ".tar.xz"):
		var r *xz.Reader
		if r, err = xz.NewReader(counted); err == nil {
			err = part.tar(r)
		}
	default:
		err = fmt.Errorf("%s is of no known kind", name)
	}
	if err == nil {
		err = part.settle()
	}
	if err != nil && u.ctx.Err() != nil {
		return u.ctx.Err()
	}
	if err != nil {
		return &archiveError{name, err}
	}
	return nil
}

// archiveError is what is wrong with an archive, for people.
type archiveError struct {
	name string
	err  error
}

func (e *archiveError) Error() string {
	return words.T("%s cannot be unpacked: %s", e.name, e.err)
}

func (e *archiveError) Unwrap() error { return e.err }

// part is one archive while it is unpacked.
type part struct {
	u       *unpacker
	wanted  []string
	links   map[string]string // of what is wanted: name -> name, both without folders
	seen    map[string]bool   // whole names of entries, to find those that come twice
	files   []string          // written so far
	entries int
}

// wants reports whether a file of that name is needed: one that was asked for, or that such a one may be a link to,
// as libcublas.so.13.1.0 is for libcublas.so.13. Licences go along.
func (p *part) wants(base string) bool {
	for _, w := range p.wanted {
		if base == w || strings.HasPrefix(base, w+".") {
			return true
		}
	}
	return false
}

// whole reports whether all that was asked for is there, so that the rest of the archive, mostly libraries for
// compilers, need not be unpacked.
func (p *part) whole() bool {
	return !slices.ContainsFunc(p.wanted, func(w string) bool { _, ok := p.resolve(w); return !ok })
}

// resolve follows links to a file that was written.
func (p *part) resolve(name string) (file string, ok bool) {
	for range mostHops {
		if slices.Contains(p.files, name) {
			return name, true
		}
		next, linked := p.links[name]
		if !linked {
			return "", false
		}
		name = next
	}
	return "", false
}

// settle gives each file the name that was asked for, and removes the others. A file that was asked for by several names
// is there several times.
func (p *part) settle() error {
	users := map[string][]string{} // of a file: the names that it is asked for by
	for _, w := range p.wanted {
		file, ok := p.resolve(w)
		if !ok {
			return errors.New(words.T("%s is not in it", w))
		}
		if file != w {
			users[file] = append(users[file], w)
		}
	}
	for file, names := range users {
		for i, name := range names {
			give := p.copy
			if i == len(names)-1 && !slices.Contains(p.wanted, file) {
				give = p.rename
			}
			if err := give(file, name); err != nil {
				return err
			}
		}
	}
	for _, f := range p.files {
		if !slices.Contains(p.wanted, f) {
			if err := os.Remove(filepath.Join(p.u.dir, f)); err != nil {
				return err
			}
			delete(p.u.taken, strings.ToLower(f))
		}
	}
	return nil
}

func (p *part) rename(file, name string) error {
	if err := os.Rename(filepath.Join(p.u.dir, file), filepath.Join(p.u.dir, name)); err != nil {
		return err
	}
	p.files[slices.Index(p.files, file)] = name
	return nil
}

func (p *part) copy(file, name string) error {
	f, err := os.Open(filepath.Join(p.u.dir, file))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > p.u.left {
		return fmt.Errorf("%q has %d bytes, too many", name, info.Size())
	}
	return p.write(name, &counter{ctx: p.u.ctx, r: f}, info.Size())
}

// kind is what an entry is.
type kind int

const (
	kindFile kind = iota
	kindFolder
	kindLink
	kindHardLink
	kindOther // devices, pipes
)

// entry looks at one entry of an archive before anything of it is read, and says whether it is to be written.
func (p *part) entry(name string, k kind, target string, size int64) (base string, write bool, err error) {
	if p.entries++; p.entries > mostEntries {
		return "", false, fmt.Errorf("it has more than %d entries", mostEntries)
	}
	clean, err := checkName(name)
	if err != nil {
		return "", false, err
	}
	if k == kindFolder {
		return "", false, nil
	}
	if k == kindOther {
		return "", false, fmt.Errorf("%q is neither a file nor a folder", name)
	}
	base = path.Base(clean)
	if !p.wants(base) {
		return "", false, nil
	}
	if p.seen[clean] || p.u.taken[strings.ToLower(base)] {
		return "", false, fmt.Errorf("%q is in it twice", base)
	}
	p.seen[clean], p.u.taken[strings.ToLower(base)] = true, true
	switch k {
	case kindHardLink:
		return "", false, fmt.Errorf("%q is a hard link", name)
	case kindLink:
		if target != path.Base(target) || !p.wants(target) {
			return "", false, fmt.Errorf("%q is a link to %q", name, target)
		}
		p.links[base] = target
		return "", false, nil
	}
	if size < 0 || size > p.u.left {
		return "", false, fmt.Errorf("%q has %d bytes, too many", name, size)
	}
	return base, true, nil
}

// checkName refuses names that would lead out of a folder on any system, and returns the others without "." parts.
func checkName(name string) (string, error) {
	bad := func(why string) (string, error) { return "", fmt.Errorf("the name %q %s", name, why) }
	switch {
	case name == "", len(name) > 4096:
		return bad("is empty or too long")
	case strings.ContainsAny(name, "\x00\\"):
		return bad("has signs that do not belong there")
	case strings.HasPrefix(name, "/"):
		return bad("does not begin in the archive")
	case strings.Contains(name, ":"):
		return bad("names a drive or a stream")
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "..":
			return bad("leads out of the archive")
		case part != "." && strings.HasSuffix(part, "."), strings.HasSuffix(part, " "): // Windows leaves these out
			return bad("has a part that ends in a dot or a space")
		}
	}
	return path.Clean(name), nil
}

// tar reads a tar archive.
func (p *part) tar(r io.Reader) error {
	stream := io.LimitReader(r, mostStream)
	for t := tar.NewReader(stream); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		base, write, err := p.entry(h.Name, tarKind(h.Typeflag), h.Linkname, h.Size)
		if err != nil {
			return err
		}
		if write {
			if err := p.write(base, t, h.Size); err != nil {
				return err
			}
		}
		if p.whole() {
			return nil
		}
	}
}

func tarKind(flag byte) kind {
	switch flag {
	case tar.TypeReg:
		return kindFile
	case tar.TypeDir:
		return kindFolder
	case tar.TypeSymlink:
		return kindLink
	case tar.TypeLink:
		return kindHardLink
	case tar.TypeXGlobalHeader:
		return kindFolder // it only describes others
	}
	return kindOther
}

// zip reads a zip archive.
func (p *part) zip(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // such paths are refused below
		return err
	}
	for _, f := range z.File {
		k := kindFile
		switch mode := f.Mode(); {
		case mode.IsDir():
			k = kindFolder
		case !mode.IsRegular():
			k = kindOther // a link in a zip archive is a file with the target in it: no engine has one
		}
		base, write, err := p.entry(f.Name, k, "", int64(min(f.UncompressedSize64, 1<<62)))
		if err != nil {
			return err
		}
		if !write {
			continue
		}
		if err := p.member(base, f); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) member(base string, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return p.write(base, &counter{ctx: p.u.ctx, r: r, tell: p.u.tell}, int64(f.UncompressedSize64))
}

// write writes one file of exactly size bytes.
func (p *part) write(base string, r io.Reader, size int64) (err error) {
	f, err := os.OpenFile(filepath.Join(p.u.dir, base), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	p.files = append(p.files, base)
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	n, err := io.Copy(f, io.LimitReader(r, size+1)) // one more byte shows a size that lies
	p.u.left -= n
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%q does not have the %d bytes that the archive says", base, size)
	}
	return nil
}

// counter tells what is read, and ends when its context does.
type counter struct {
	ctx  context.Context
	r    io.Reader
	tell func(int64)
}

func (c *counter) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b)
	if c.tell != nil {
		c.tell(int64(n))
	}
	return n, err
}
