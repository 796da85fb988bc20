package download

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"galago/assets/words"
)

// Kind is what went wrong, for the choice of what to offer.
type Kind int

// The kinds.
const (
	Server      Kind = iota // the server or the connection fails: later again
	Offline                 // no network, or the server's name is not found
	Busy                    // the server asks to wait for longer than we do
	Gated                   // the terms of a model have to be accepted first: Page
	NotFound                // there is no such file
	Changed                 // the server has another file than was asked for
	Portal                  // a web page came instead of the file, as from a network's login page
	Proxy                   // the proxy refuses
	Untrusted               // a certificate is wrong, or an address is not HTTPS
	DiskFull                //
	Disk                    // a file or folder cannot be read or written
	WrongDigest             // the file came, but is not the right one: Path
	Invalid                 // the job itself cannot be done
)

// Error is why a job failed, or waits. Its text is a sentence for people with a way out.
type Error struct {
	Kind Kind
	File string // name of the file that was fetched; empty: it concerns all
	Page string // address of the model's page; empty: not known
	Path string // file or folder that it is about; empty: none
	Err  error  // what is under it; may be nil

	text string
	try  again
	wait time.Duration // that the server asks for before the next try
}

// again says whether a try after a failure makes sense.
type again int

const (
	never again = iota
	later       // after a while
	now         // at once; it counts as a try
)

func (e *Error) Error() string { return e.text }

func (e *Error) Unwrap() error { return e.Err }

// size writes a number of bytes for people.
func size[N int64 | uint64](n N) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// errStalled is the cause of a connection's end when it brings nothing.
var errStalled = errors.New("the connection brings nothing")

func stalled(host string) *Error {
	return &Error{Kind: Server, try: later, Err: errStalled, text: words.T(
		"%s sends nothing for %d seconds. What has come is kept: check the connection, and resume.", host, int(idleTime/time.Second))}
}

func cut(host string, err error) *Error {
	return &Error{Kind: Server, try: later, Err: err, text: words.T(
		"The connection to %s broke off. What has come is kept: resume later, or with another network.", host)}
}

// notReached explains why no answer came.
func notReached(host string, err error) *Error {
	var (
		dns  *net.DNSError
		op   *net.OpError
		cert *tls.CertificateVerificationError
		tlsE tls.RecordHeaderError
		lim  net.Error
	)
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect", isProxyRefusal(err):
		return &Error{Kind: Proxy, try: later, Err: err, text: words.T(
			"The proxy does not let %s through: check the proxy's address (HTTPS_PROXY) and its password, and resume.", host)}
	case errors.As(err, &cert), errors.As(err, &tlsE), errors.Is(err, http.ErrSchemeMismatch):
		return &Error{Kind: Untrusted, Err: err, text: words.T(
			"The connection to %s cannot be trusted: its certificate is not valid here. Check the clock of this computer, "+
				"and whether the network wants you to log in or looks into connections; then resume.", host)}
	case errors.As(err, &dns), noRoute(err), errors.As(err, &op) && op.Op == "dial" && errors.As(err, &lim) && lim.Timeout():
		return &Error{Kind: Offline, try: later, Err: err, text: words.T(
			"%s cannot be reached: this computer seems to be offline. What has come is kept: connect, and resume.", host)}
	case isAny(err, append(refusedErrors, syscall.ECONNREFUSED)):
		return &Error{Kind: Server, try: later, Err: err, text: words.T(
			"%s does not answer. What has come is kept: resume later.", host)}
	}
	return cut(host, err)
}

// isProxyRefusal tells a proxy's answer to CONNECT, of which net/http gives only the status line's text.
func isProxyRefusal(err error) bool {
	var outer *url.Error
	if !errors.As(err, &outer) {
		return false
	}
	for code := http.StatusBadRequest; code < 600; code++ {
		if text := http.StatusText(code); text != "" && text == outer.Err.Error() {
			return true
		}
	}
	return false
}

// noRoute says whether the system knows no way to a host.
func noRoute(err error) bool {
	return isAny(err, append(offlineErrors, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN))
}

func isAny(err error, list []error) bool {
	return slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) })
}

// longestWait is how long a server's Retry-After is followed.
const longestWait = 10 * time.Minute

// statusError explains an answer that is not the file. foreign: it came from another host than was asked first.
func statusError(resp *http.Response, page string, foreign bool) *Error {
	host, code := resp.Request.URL.Hostname(), resp.StatusCode
	e := &Error{Kind: Server, Page: page, Err: fmt.Errorf("HTTP status %d of %s", code, host)}
	hub := resp.Header.Get("X-Error-Code") // GatedRepo, RepoNotFound, RevisionNotFound, EntryNotFound
	switch {
	case hub != "GatedRepo" && strings.HasSuffix(hub, "NotFound"), code == http.StatusNotFound, code == http.StatusGone:
		e.Kind = NotFound
		e.text = words.T("%s does not have this file any more. Choose another model, or look for an update of Galago.", host)
	case hub == "GatedRepo", !foreign && (code == http.StatusUnauthorized || code == http.StatusForbidden):
		e.Kind = Gated
		e.text = words.T("%s gives this model only to people who accepted its terms. Accept them on its page and download the file "+
			"there with your browser, then open it here; or choose another model.", host)
	case code == http.StatusProxyAuthRequired:
		e.Kind = Proxy
		e.text = words.T("The proxy does not let %s through: check the proxy's address (HTTPS_PROXY) and its password, and resume.", host)
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return busy(e, host, retryAfter(resp.Header))
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusForbidden:
		e.try, e.wait = later, min(retryAfter(resp.Header), longestWait)
		e.text = words.T("%s has a problem of its own (status %d). What has come is kept: resume later.", host, code)
	default:
		e.text = words.T("%s gives an answer that is not the file (status %d). Resume later, or choose another address for downloads.", host, code)
	}
	return e
}

func busy(e *Error, host string, wait time.Duration) *Error {
	e.try, e.wait = later, wait
	e.text = words.T("%s has too much to do. What has come is kept: resume later.", host)
	if wait > longestWait {
		e.Kind, e.try = Busy, never
		e.text = words.T("%s asks to wait for %d minutes. What has come is kept: resume then.", host, int((wait+time.Minute-1)/time.Minute))
	}
	return e
}

// retryAfter is the time that a server asks for; 0: it does not.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if s, err := strconv.Atoi(value); err == nil && s > 0 {
		return time.Duration(min(s, 7*24*3600)) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// diskError explains what the disk said.
func diskError(path string, err error) *Error {
	var ours *Error
	switch {
	case errors.As(err, &ours):
		return ours
	case isFull(err):
		return &Error{Kind: DiskFull, Path: path, Err: err, text: words.T(
			"The disk of %s is full. What has come is kept: make room, and resume.", path)}
	}
	return &Error{Kind: Disk, Path: path, Err: err, text: words.T(
		"%s cannot be written: %s. Check whether the disk is there and may be written to, and resume.", path, reason(err))}
}

func isFull(err error) bool { return isAny(err, append(fullErrors, syscall.ENOSPC)) }

// reason is what the system said, without the paths that are told already.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}

func noRoom(folder string, need, free uint64) *Error {
	return &Error{Kind: DiskFull, Path: folder, text: words.T(
		"The disk of %s has %s free, and %s are needed. Make room there, or choose a smaller model; then resume.",
		folder, size(free), size(need))}
}

func invalid(text string) *Error { return &Error{Kind: Invalid, text: text} }

func otherLength(host string, got, want int64) *Error {
	return &Error{Kind: Changed, text: words.T(
		"%s has a file of %s here, and one of %s was expected: it is not the same file. Look for an update of Galago, or "+
			"choose another model.", host, size(got), size(want))}
}

func otherDigest(host string) *Error {
	return &Error{Kind: Changed, text: words.T(
		"%s has another file here than the one that Galago knows: its checksum differs. Look for an update of Galago, or "+
			"choose another model.", host)}
}
