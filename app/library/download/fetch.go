package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"galago/assets/words"
)

const (
	flushTime  = 2 * time.Second // after which what came is written, however little
	checkBytes = 64 << 20        // after which the disk's room is looked at again
)

// fetch gets the rest of a part, or some of it, over one connection. It returns nil when all is there. Any other end leaves
// what came in the part.
func (r *run) fetch(ctx context.Context, t *part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dog := time.AfterFunc(idleTime, func() { cancel(errStalled) })
	defer dog.Stop()
	err := r.fetchUntil(ctx, t, dog)
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return stalled(hostOf(t.file.URL))
	}
	return err
}

func (r *run) fetchUntil(ctx context.Context, t *part, dog *time.Timer) error {
	from, validator := t.size, t.note.validator()
	switch digest, _ := t.digest(); {
	case from > 0 && validator == "" && digest == "": // nothing could tell whether the rest belongs to it
		if err := t.reset(identity{}); err != nil {
			return err
		}
		from = 0
	case t.wrongRanges > 1:
		from = 0
	}
	a, err := r.m.client.ask(ctx, http.MethodGet, t.file.URL, from, validator, nil)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	skip, err := t.judge(a, from)
	if err != nil || t.whole() {
		return err
	}
	if k := &r.facts[r.i]; k.size == 0 && t.want > 0 { // only now can be known whether it fits
		k.size = t.want
		if err := r.room(); err != nil {
			return err
		}
	}
	return r.take(ctx, t, a, skip, dog)
}

// judge decides whether an answer's body continues the part: after skip bytes of it. It empties the part when the answer is
// of another file. An error with try says that asking again makes sense.
func (t *part) judge(a *answer, from int64) (skip int64, err error) {
	switch a.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, t.beyond(a, from)
	default:
		return 0, statusError(a.Response, pageOf(t.file.URL), a.foreign)
	}
	if err := notTheFile(a, t.file.URL); err != nil {
		return 0, err
	}
	if err := t.otherThanWanted(a); err != nil {
		return 0, err
	}
	if a.StatusCode == http.StatusPartialContent {
		return 0, t.rest(a, from)
	}
	return t.fromStart(a)
}

// notTheFile finds answers that are something else, whatever their status says.
func notTheFile(a *answer, address string) error {
	if kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type")); kind == "text/html" || kind == "application/xhtml+xml" {
		return portal(a.host(), address)
	}
	if packed := a.Header.Get("Content-Encoding"); packed != "" && packed != "identity" {
		return &Error{Kind: Server, try: later, Err: fmt.Errorf("content encoding %q", packed), text: words.T(
			"%s, or a proxy on the way, packs the file although it was asked not to. Try another network, or choose another "+
				"address for downloads.", a.host())}
	}
	return nil
}

func portal(host, address string) *Error {
	return &Error{Kind: Portal, Page: pageOf(address), text: words.T(
		"A web page came from %s instead of the file. The network may want you to log in: open a page in your browser, and then resume.", host)}
}

// otherThanWanted compares an answer with what the caller knows of the file, before any of it is taken.
func (t *part) otherThanWanted(a *answer) error {
	digest, hubOnly := t.digest()
	if digest != "" && !hubOnly && a.Linked != "" && a.Linked != digest {
		return otherDigest(a.host())
	}
	want := t.file.Bytes
	if want == 0 {
		return nil
	}
	if a.Size > 0 && a.Size != want {
		return otherLength(a.host(), a.Size, want)
	}
	if a.StatusCode == http.StatusOK && a.ContentLength >= 0 && a.ContentLength != want {
		return otherLength(a.host(), a.ContentLength, want)
	}
	return nil
}

// rest takes a partial answer, if it is the part's rest.
func (t *part) rest(a *answer, from int64) error {
	first, _, total, ok := contentRange(a.Header)
	if t.want > 0 && total < 0 {
		total = t.want
	}
	a.Size = total
	changed := marked(a.identity, t.note.identity) && !a.same(t.note.identity)
	if !ok || from == 0 || first != from || total <= 0 || !changed && t.file.Bytes == 0 && t.want > 0 && total != t.want {
		t.wrongRanges++
		return &Error{Kind: Server, try: later, Err: fmt.Errorf("asked for bytes from %d, got %q", from, a.Header.Get("Content-Range")), text: words.T(
			"%s sends another piece of the file than was asked for. What has come is kept: resume later, or choose another "+
				"address for downloads.", a.host())}
	}
	t.wrongRanges = 0
	if t.file.Bytes > 0 && total != t.file.Bytes {
		return otherLength(a.host(), total, t.file.Bytes)
	}
	if changed {
		return t.over(a)
	}
	t.want = total
	return t.become(t.merged(a.identity))
}

// marked says whether two answers can be compared at all.
func marked(a, b identity) bool {
	return a.Linked != "" && b.Linked != "" || a.ETag != "" && b.ETag != "" || a.Modified != "" && b.Modified != ""
}

// merged is what is known of the file now; a rest's answer may say less than the first one did.
func (t *part) merged(id identity) identity {
	old := t.note.identity
	if id.Linked == "" {
		id.Linked = old.Linked
	}
	if id.ETag == "" && id.Modified == "" {
		id.ETag, id.Modified = old.ETag, old.Modified
	}
	if id.Commit == "" {
		id.Commit = old.Commit
	}
	return id
}

// over empties the part, because its server has another file now, and asks at once for that one.
func (t *part) over(a *answer) error {
	if err := t.reset(identity{}); err != nil {
		return err
	}
	return &Error{Kind: Changed, try: now, text: words.T(
		"%s has another file now than when the download began: it was begun again. If this goes on, choose another "+
			"address for downloads.", a.host())}
}

// fromStart takes an answer with the whole file.
func (t *part) fromStart(a *answer) (skip int64, err error) {
	if a.ContentLength == 0 {
		return 0, &Error{Kind: Server, try: later, text: words.T("%s sends an empty file. Resume later, or choose another address for downloads.", a.host())}
	}
	if a.Size == 0 {
		a.Size = max(0, a.ContentLength)
	}
	if a.Size == 0 {
		a.Size = t.file.Bytes
	}
	if t.size > 0 && t.continues(a.identity) {
		if fresh := a.ETag != "" && a.ETag != t.note.ETag; fresh && !t.asked && t.wrongRanges < 2 {
			t.asked = true // the hub says it is the same file: only the mark of the server that sends it has changed
			if err := t.become(t.merged(a.identity)); err != nil {
				return 0, err
			}
			return 0, &Error{Kind: Server, try: now, text: words.T("%s does not continue the file. What has come is kept: resume later.", a.host())}
		}
		t.want = max(t.want, a.Size)
		return t.size, nil
	}
	if t.size > 0 {
		if err := t.reset(identity{}); err != nil {
			return 0, err
		}
	}
	t.want = a.Size
	return 0, t.become(a.identity)
}

// continues says whether a whole file is the one that the part is of, as far as can be known. Where nothing tells, the
// caller's digest will.
func (t *part) continues(id identity) bool {
	same := id.same(t.note.identity) || t.file.SHA256 != "" && !marked(id, t.note.identity)
	return same && (id.Size == 0 || id.Size == t.want || t.want == 0 && id.Size >= t.size)
}

// beyond judges status 416: there is nothing behind what we have.
func (t *part) beyond(a *answer, from int64) error {
	_, _, total, _ := contentRange(a.Header)
	if from == 0 { // all of it was asked for
		return statusError(a.Response, pageOf(t.file.URL), a.foreign)
	}
	if marked(a.identity, t.note.identity) && !a.same(t.note.identity) {
		return t.over(a)
	}
	if total == t.size && (t.file.Bytes == 0 || t.file.Bytes == total) {
		t.want = total
		return nil
	}
	if t.file.Bytes > 0 && t.size < t.file.Bytes { // it must have more, so it only does not want to give a part
		t.wrongRanges = 2
		return &Error{Kind: Server, try: now, Err: errors.New("HTTP status 416"), text: words.T(
			"%s does not continue the file. What has come is kept: resume later.", a.host())}
	}
	return t.over(a)
}

// take adds an answer's body to the part.
func (r *run) take(ctx context.Context, t *part, a *answer, skip int64, dog *time.Timer) error {
	body := &watched{r: a.Body, dog: dog}
	if skip > 0 {
		if _, err := io.CopyN(io.Discard, body, skip); err != nil {
			return cut(a.host(), err)
		}
	}
	for {
		before := t.size
		end, err := r.piece(t, body)
		switch {
		case err != nil:
			return err
		case t.whole():
			return t.nothingMore(a, body)
		case end == io.EOF && t.want == 0 && t.size > 0:
			return t.ends(a)
		case end != nil:
			return cut(a.host(), end)
		}
		if t.size/checkBytes != before/checkBytes {
			if err := r.spare(t.folder); err != nil {
				return err
			}
		}
	}
}

// piece reads up to a chunk and writes it: less when the connection is slow or ends, which is end.
func (r *run) piece(t *part, body *watched) (end, failed error) {
	limit := int64(chunk)
	if t.want > 0 {
		limit = min(limit, t.want-t.size)
	}
	buf, used := r.buffer[:limit], 0
	for begin := time.Now(); used < len(buf) && end == nil && time.Since(begin) < flushTime; {
		var n int
		n, end = body.Read(buf[used:])
		used += n
		r.got(t.size + int64(used))
	}
	if t.size == 0 && isPage(buf[:used]) {
		return end, portal(hostOf(t.file.URL), t.file.URL)
	}
	if used > 0 {
		begin := time.Now()
		failed = t.add(buf[:used])
		r.got(t.size)
		if time.Since(begin) > time.Second { // a slow disk is not the connection's fault
			body.dog.Reset(idleTime)
		}
	}
	return end, failed
}

// isPage says whether a file begins as a web page does; neither models nor archives do.
func isPage(data []byte) bool {
	begin := bytes.ToLower(bytes.TrimLeft(data[:min(len(data), 512)], " \t\r\n\ufeff"))
	return bytes.HasPrefix(begin, []byte("<!doctype html")) || bytes.HasPrefix(begin, []byte("<html"))
}

// nothingMore makes sure that a file without a digest does not go on behind its length.
func (t *part) nothingMore(a *answer, body io.Reader) error {
	if digest, _ := t.digest(); digest != "" || a.ContentLength >= 0 {
		return nil
	}
	if n, _ := io.ReadFull(body, make([]byte, 1)); n > 0 {
		return otherLength(a.host(), t.size+1, t.size)
	}
	return nil
}

// ends decides whether the end of a body of unknown length is the file's.
func (t *part) ends(a *answer) error {
	digest, _ := t.digest()
	if framed := a.ContentLength >= 0 || len(a.TransferEncoding) > 0 || a.ProtoMajor > 1; !framed && digest == "" {
		return &Error{Kind: Server, text: words.T(
			"%s does not say how long the file is, so nobody can know whether it came whole. Choose another address for downloads.", a.host())}
	}
	t.want = t.size
	return nil
}

// watched keeps the dog quiet as long as enough comes.
type watched struct {
	r    io.Reader
	dog  *time.Timer
	came int
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.came += n; w.came >= idleBytes {
		w.came = 0
		w.dog.Reset(idleTime)
	}
	return n, err
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Hostname()
}

func pageOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return page(u)
}
