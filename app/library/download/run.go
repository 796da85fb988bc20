package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"galago/assets/words"
)

const (
	mostTries  = 10          // in a row that bring nothing new
	mostCuts   = 200         // connections in a row that bring less than a chunk
	firstWait  = time.Second // before the second try
	mostWait   = 60 * time.Second
	nameLength = 200 // bytes of a file's name, so that our ends fit behind it
)

// run is the work on a job, in a goroutine of its own. It tells the job's state through the manager's mutex.
type run struct {
	m      *Manager
	j      *job
	job    Job // as it was when it began
	i      int // the file it is at
	facts  []fact
	buffer []byte // of a chunk

	stopped bool // under the manager's mutex: it tells nothing any more
}

// tell changes the job, unless it is no longer this run's.
func (r *run) tell(change func(j *job)) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if !r.stopped {
		change(r.j)
		r.m.changed = true
	}
}

// keep changes what stays of the job also when it was paused meanwhile.
func (r *run) keep(change func(j *job)) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	change(r.j)
	r.m.changed, r.m.unsaved = true, true
}

func (r *run) got(n int64) { r.tell(func(j *job) { j.got[r.i] = n }) }

func (r *run) phase(p Phase) { r.tell(func(j *job) { j.phase, j.err, j.again = p, nil, time.Time{} }) }

func (r *run) setAside(path string) {
	if path != "" {
		r.keep(func(j *job) { j.SetAside = append(j.SetAside, path) })
	}
}

// all does the job.
func (r *run) all(ctx context.Context) error {
	if err := r.job.check(); err != nil {
		return err
	}
	r.facts, r.buffer = make([]fact, len(r.job.Files)), make([]byte, chunk)
	r.phase(Fetching)
	for i := range r.job.Files {
		r.i = i
		if err := r.look(ctx); err != nil {
			return r.named(err)
		}
	}
	for i := range r.job.Files {
		r.i = i
		if err := r.file(ctx); err != nil {
			return r.named(err)
		}
	}
	return nil
}

// named says of which file an error is.
func (r *run) named(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.File == "" {
		e.File = filepath.Base(r.job.Files[r.i].Path)
	}
	return err
}

// check refuses jobs that cannot be done, and paths that could do harm.
func (j *Job) check() error {
	if len(j.Files) == 0 || j.ID == "" {
		return invalid(words.T("There is nothing to download."))
	}
	if j.Folder != "" && !cleanPath(j.Folder) {
		return invalid(words.T("%q is not a path that can be written to.", j.Folder))
	}
	for i, f := range j.Files {
		same := func(other File) bool { return strings.EqualFold(other.Path, f.Path) } // many disks ignore case
		digest := f.SHA256 == "" || digestOf(f.SHA256) != ""
		if !cleanPath(f.Path) || !j.holds(f.Path) || slices.ContainsFunc(j.Files[:i], same) || f.Bytes < 0 || f.Bytes > most || !digest {
			return invalid(words.T("%q is not a path that can be written to.", f.Path))
		}
	}
	return nil
}

// cleanPath says whether a path is absolute, goes no detours, and has a name at its end that every system takes for a file's.
func cleanPath(path string) bool {
	name := filepath.Base(path)
	return filepath.IsAbs(path) && filepath.Clean(path) == path && filepath.IsLocal(name) && len(name) <= nameLength &&
		!strings.ContainsAny(name, `/\:`) && !strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// holds says whether a path is in the job's folder.
func (j *Job) holds(path string) bool {
	if j.Folder == "" {
		return true
	}
	below, err := filepath.Rel(j.Folder, path)
	return err == nil && below != "." && filepath.IsLocal(below)
}

// fact is what is known of a file of the job before it is fetched.
type fact struct {
	size   int64  // 0: not known
	digest string // that it must have; empty: nobody said
	done   bool   // it lies there, and was found right before
}

// look finds out how long a file is, and which digest it has, where the caller does not know; and what there is of it.
func (r *run) look(ctx context.Context) error {
	f := r.job.Files[r.i]
	p, err := open(&r.job, f)
	if err != nil {
		return err
	}
	defer p.close()
	there, err := p.regular("")
	if err != nil {
		return err
	}
	k := &r.facts[r.i]
	k.size, k.digest = f.Bytes, strings.ToLower(f.SHA256)
	if there != nil {
		k.done = r.stamp(f) == stampOf(there, k.digest) || k.digest == "" && r.stamp(f).sameFile(there)
	}
	switch n, _ := p.note(); {
	case k.done:
		k.size = there.Size()
	case there != nil && k.digest != "": // its digest will tell
	case there != nil, k.size == 0 && (n.URL != f.URL || n.Size == 0):
		if err := r.ask(ctx, f, k); err != nil {
			return err
		}
	case k.size == 0:
		k.size = n.Size
	}
	r.tell(func(j *job) { j.sizes[r.i], j.got[r.i] = k.size, p.here() })
	return nil
}

// here is how much of a file there is: for the figures only.
func (p *place) here() int64 {
	for _, end := range []string{partEnd, ""} {
		if info, err := p.regular(end); err == nil && info != nil {
			return info.Size()
		}
	}
	return 0
}

// ask asks the server for a file's length and digest, without the file. Servers that do not answer such questions know
// nothing.
func (r *run) ask(ctx context.Context, f File, k *fact) error {
	return r.tries(ctx, nil, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, idleTime, errStalled)
		defer cancel()
		a, err := r.m.client.ask(ctx, http.MethodHead, f.URL, 0, "", func(id identity) bool { return id.Size > 0 && id.Linked != "" })
		if err != nil && errors.Is(context.Cause(ctx), errStalled) {
			return stalled(hostOf(f.URL))
		}
		if err != nil {
			return err
		}
		defer a.Body.Close()
		if a.StatusCode >= http.StatusBadRequest && a.Size == 0 {
			e := statusError(a.Response, pageOf(f.URL), a.foreign)
			if e.try == never && e.Kind == Server { // such as 405
				return nil
			}
			return e
		}
		if a.StatusCode == http.StatusOK {
			if err := notTheFile(a, f.URL); err != nil {
				return err
			}
			if a.Size == 0 {
				a.Size = min(most, max(0, a.ContentLength))
			}
		}
		if k.size == 0 {
			k.size = a.Size
		}
		if k.digest == "" {
			k.digest = a.Linked
		}
		return nil
	})
}

// file gets one file, or finds it.
func (r *run) file(ctx context.Context) error {
	f := r.job.Files[r.i]
	p, err := open(&r.job, f)
	if err != nil {
		return err
	}
	defer p.close()
	if there, err := r.there(ctx, p); err != nil || there {
		return err
	}
	if err := r.room(); err != nil {
		return err
	}
	t, aside, err := openPart(p, f)
	r.setAside(aside)
	if err == nil {
		err = r.part(ctx, t)
	}
	if t == nil {
		return err
	}
	if closed := t.close(); err == nil {
		err = closed
	}
	return err
}

// there says whether the file lies under its final name already, and is the right one.
func (r *run) there(ctx context.Context, p *place) (bool, error) {
	info, err := p.regular("")
	k := r.facts[r.i]
	if info == nil || err != nil || k.size > 0 && k.size != info.Size() || k.size == 0 && k.digest == "" {
		return false, err
	}
	if !k.done && k.digest != "" {
		if ok, err := r.right(ctx, p, info, k.digest); !ok || err != nil {
			return false, err
		}
	}
	r.got(info.Size())
	if err := p.remove(); err != nil { // what an end in the middle of finish left
		return true, diskError(p.path(partEnd), err)
	}
	return true, r.whole(p, k.digest)
}

// right reads a file for its digest.
func (r *run) right(ctx context.Context, p *place, info fs.FileInfo, want string) (bool, error) {
	r.phase(Checking)
	file, err := p.root.Open(p.name)
	if err != nil {
		return false, diskError(p.path(""), err)
	}
	defer file.Close()
	sum := sha256.New()
	if err := digestFile(ctx, file, info.Size(), sum, r.got); err != nil {
		return false, diskErrorOr(ctx, p.path(""), err)
	}
	return hex.EncodeToString(sum.Sum(nil)) == want, nil
}

// part fetches what is missing of a part, and gives it its name.
func (r *run) part(ctx context.Context, t *part) error {
	if t.size > 0 {
		r.phase(Checking)
		if err := t.rehash(ctx, r.got); err != nil {
			return err
		}
	}
	r.phase(Fetching)
	r.got(t.size)
	err := r.tries(ctx, t, func(ctx context.Context) error {
		if t.whole() {
			return nil
		}
		err := r.fetch(ctx, t)
		r.tell(func(j *job) { j.sizes[r.i], j.got[r.i] = t.want, t.size })
		return err
	})
	if err != nil {
		return err
	}
	digest, hubOnly := t.digest()
	aside, err := t.finish()
	r.setAside(aside)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Kind == WrongDigest {
			r.got(0)
		}
		return err
	}
	if r.job.Files[r.i].SHA256 == "" && hubOnly {
		r.facts[r.i].digest = digest
	}
	return r.whole(t.place, digest)
}

// whole notes that a file is done.
func (r *run) whole(p *place, digest string) error {
	info, err := p.regular("")
	if err != nil || info == nil {
		return err
	}
	f := r.job.Files[r.i]
	r.keep(func(j *job) {
		j.Whole[f.Path] = stampOf(info, digest)
		j.HubOnly, j.Unverified = without(j.HubOnly, f.Path), without(j.Unverified, f.Path)
		switch {
		case digest == "":
			j.Unverified = append(j.Unverified, f.Path)
		case f.SHA256 == "":
			j.HubOnly = append(j.HubOnly, f.Path)
		}
	})
	r.tell(func(j *job) { j.sizes[r.i], j.got[r.i] = info.Size(), info.Size() })
	return nil
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(list, func(other string) bool { return other == s })
}

// tries does something until it works, fails for good, or fails too often. What brings t further counts as a beginning.
func (r *run) tries(ctx context.Context, t *part, do func(context.Context) error) error {
	for failed, short := 0, 0; ; {
		var best int64
		if t != nil {
			best = t.best
		}
		err := do(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if t != nil && t.best > best {
			failed = 0
			if short++; t.best-best >= chunk {
				short = 0
			}
		}
		failed++
		e, ok := errors.AsType[*Error](err)
		if !ok || e.try == never || failed >= mostTries || short >= mostCuts {
			return err
		}
		if e.try == now && failed == 1 {
			continue
		}
		if err := r.wait(ctx, e, pause(failed, e.wait)); err != nil {
			return err
		}
	}
}

// pause is how long to wait after a number of failures in a row: twice as long each time, and up to a half less, so that
// not all programs come back at once after a server was down.
func pause(failed int, asked time.Duration) time.Duration {
	d := min(mostWait, firstWait<<min(failed-1, 10))
	d -= rand.N(d / 2)
	return max(d, asked)
}

func (r *run) wait(ctx context.Context, why error, d time.Duration) error {
	r.tell(func(j *job) { j.phase, j.err, j.again = Retrying, why, time.Now().Add(d) })
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	r.phase(Fetching)
	return nil
}

// room makes sure that all that is missing fits on the disks.
func (r *run) room() error {
	type demand struct {
		folder string
		bytes  uint64
	}
	disks := map[any]*demand{}
	for i, f := range r.job.Files[r.i:] {
		p, err := open(&r.job, f)
		if err != nil {
			return err
		}
		missing, key := r.facts[r.i+i].size, any(nil)
		if info, err := p.regular(partEnd); err == nil && info != nil {
			missing -= info.Size()
		}
		if info, err := p.regular(""); i > 0 && err == nil && info != nil && info.Size() == r.facts[r.i+i].size {
			missing = 0 // as far as can be known without reading it
		}
		if info, err := p.root.Stat("."); err == nil {
			key = diskOf(p.folder, info)
		}
		p.close()
		if disks[key] == nil {
			disks[key] = &demand{p.folder, r.job.Spare}
		}
		disks[key].bytes += uint64(max(0, missing))
	}
	for _, d := range disks {
		if err := r.fits(d.folder, d.bytes); err != nil {
			return err
		}
	}
	return nil
}

// spare makes sure that the disk keeps what must stay free.
func (r *run) spare(folder string) error { return r.fits(folder, r.job.Spare) }

func (r *run) fits(folder string, need uint64) error {
	free, err := r.m.free(folder)
	if err != nil {
		return diskError(folder, err)
	}
	if free < need {
		return noRoom(folder, need, free)
	}
	return nil
}

// stamp is how a file looked when it was found right.
type stamp struct {
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds since 1970
	Digest   string `json:"sha256,omitempty"`
}

func stampOf(info fs.FileInfo, digest string) stamp {
	return stamp{info.Size(), info.ModTime().UnixNano(), digest}
}

func (s stamp) sameFile(info fs.FileInfo) bool { return s == stampOf(info, s.Digest) }

// stamp is what was noted of a file that was done.
func (r *run) stamp(f File) stamp {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	return r.j.Whole[f.Path]
}
