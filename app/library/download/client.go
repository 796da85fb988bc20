package download

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"galago/assets/words"
)

const (
	idleTime   = 30 * time.Second // in which a connection must bring idleBytes, and an answer must begin
	idleBytes  = 4 << 10
	mostHops   = 8 // redirects
	dialTime   = 20 * time.Second
	headerRoom = 256 << 10 // the hub signs its addresses, which makes them long
)

// client asks servers. Nothing but the address and the range goes to them.
type client struct {
	http *http.Client
	own  *http.Transport // nil: the caller's
}

func newClient(given *http.Client) *client {
	c := &client{http: &http.Client{}}
	if given != nil {
		c.http.Transport = given.Transport
	}
	if given == nil {
		c.own = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTime, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:    dialTime,
			ResponseHeaderTimeout:  idleTime,
			IdleConnTimeout:        idleTime,
			MaxResponseHeaderBytes: headerRoom,
			DisableCompression:     true,
			ReadBufferSize:         64 << 10,
			Protocols:              new(http.Protocols),
		}
		// One connection for one file: giving it up gives up nothing else, and no window of HTTP/2 limits its speed.
		c.own.Protocols.SetHTTP1(true)
		c.http.Transport = c.own
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

func (c *client) close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// identity is what servers say of a file: which one it is, apart from its address.
type identity struct {
	ETag     string `json:"etag,omitempty"`          // of the server that sends the bytes; only a strong one
	Modified string `json:"last_modified,omitempty"` // likewise
	Linked   string `json:"sha256_of_hub,omitempty"` // x-linked-etag, where it is a SHA-256
	Size     int64  `json:"size,omitempty"`          // x-linked-size, or the length that was told; 0: not known
	Commit   string `json:"commit,omitempty"`        // x-repo-commit
}

// answer is a server's, after all redirects.
type answer struct {
	*http.Response
	identity
	foreign bool // it is not of the host that was asked first
}

// host is where the answer came from.
func (a *answer) host() string { return a.Request.URL.Hostname() }

// ask requests an address and follows redirects. from > 0 asks for the rest from there, unless the file is another one
// than validator stands for. With enough, redirects end as soon as it says so.
func (c *client) ask(ctx context.Context, method, address string, from int64, validator string, enough func(identity) bool) (*answer, error) {
	first, err := url.Parse(address)
	if err != nil {
		return nil, invalid(words.T("%q is not a web address. It should look like %s.", address, Hub))
	}
	if first.User != nil {
		return nil, invalid(words.T("%q is not a web address. It should look like %s.", first.Redacted(), Hub))
	}
	if err := secure(first); err != nil {
		return nil, err
	}
	a := &answer{}
	for u, hops := first, 0; ; hops++ {
		if a.Response, err = c.one(ctx, method, u, from, validator); err != nil {
			return nil, notReached(u.Hostname(), err)
		}
		a.note(a.Header)
		a.foreign = u.Host != first.Host
		if !redirects(a.StatusCode) || enough != nil && enough(a.identity) {
			return a, nil
		}
		next, err := a.Location()
		a.Body.Close()
		switch {
		case err != nil || hops == mostHops:
			return nil, &Error{Kind: Server, Err: err, text: words.T(
				"%s sends from address to address without an end. Resume later, or choose another address for downloads.", first.Hostname())}
		case next.Scheme == "http" && u.Scheme == "https", loopback(next) && !loopback(first):
			return nil, &Error{Kind: Untrusted, text: words.T(
				"%s sends to %s, an address that cannot be trusted. Choose another address for downloads.", u.Hostname(), next.Redacted())}
		}
		if err := secure(next); err != nil {
			return nil, err
		}
		next.User, next.Fragment = nil, ""
		u = next
	}
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// one sends one request.
func (c *client) one(ctx context.Context, method string, u *url.URL, from int64, validator string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "galago")
	req.Header.Set("Accept-Encoding", "identity") // or a proxy might pack it, and lengths and ranges would be of the packed one
	if from > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
		if validator != "" {
			req.Header.Set("If-Range", validator)
		}
	}
	return c.http.Do(req)
}

// note keeps what an answer says of the file: of the hub's headers the first, which the hub itself sends on its redirect
// or, through some mirrors, behind it; of the others the last, of the server that has the bytes.
func (id *identity) note(h http.Header) {
	etag, modified := h.Get("Etag"), h.Get("Last-Modified")
	if !strings.HasPrefix(etag, `"`) { // weak ones stand for more than one sequence of bytes
		etag = ""
	}
	id.ETag, id.Modified = etag, modified
	if id.Linked == "" {
		id.Linked = digestOf(h.Get("X-Linked-Etag"))
	}
	if id.Size == 0 {
		id.Size = max(0, number(h.Get("X-Linked-Size")))
	}
	if id.Commit == "" {
		id.Commit = h.Get("X-Repo-Commit")
	}
}

// digestOf takes a SHA-256 out of an ETag; empty where it is none, such as git's own hash of a small file.
func digestOf(etag string) string {
	digest := strings.ToLower(strings.Trim(strings.TrimPrefix(etag, "W/"), `"`))
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 {
		return ""
	}
	return digest
}

// validator is what If-Range can say; empty: nothing.
func (id identity) validator() string {
	if id.ETag != "" {
		return id.ETag
	}
	return id.Modified
}

// same says whether two answers are of the same bytes, as far as can be known; where it cannot, they are not.
func (id identity) same(other identity) bool {
	switch {
	case id.Linked != "" && other.Linked != "":
		return id.Linked == other.Linked
	case id.ETag != "" && other.ETag != "":
		return id.ETag == other.ETag
	}
	return id.Modified != "" && id.Modified == other.Modified && id.Size == other.Size
}

// contentRange reads the header of a partial answer: its first and last byte, and the file's length, -1 where it is not
// told. In an answer of status 416 there is only the length.
func contentRange(h http.Header) (first, last, total int64, ok bool) {
	value, isBytes := strings.CutPrefix(h.Get("Content-Range"), "bytes ")
	part, whole, isPair := strings.Cut(value, "/")
	if !isBytes || !isPair {
		return 0, 0, -1, false
	}
	if total = -1; whole != "*" {
		if total = number(whole); total < 0 {
			return 0, 0, -1, false
		}
	}
	a, b, isPair := strings.Cut(part, "-")
	first, last = number(a), number(b)
	return first, last, total, isPair && first >= 0 && last >= first && (total < 0 || last < total)
}

// most is the longest file that is believed, in bytes: sums of lengths stay far from overflowing.
const most = 1 << 50

// number reads the digits of a length; -1 for anything else.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most {
		return -1
	}
	return n
}
