package download

import (
	"net"
	"net/url"
	"strings"

	"galago/assets/words"
)

// Hub is where models come from when no mirror is set.
const Hub = "https://huggingface.co"

// HubURL is the address of a file of the hub, or of a mirror that has the same paths. An empty mirror is the hub. file is a path
// with slashes. Its error is a sentence.
func HubURL(mirror, repo, revision, file string) (string, error) {
	base, err := CheckMirror(mirror)
	if err != nil {
		return "", err
	}
	if strings.Count(repo, "/") != 1 || !plainPath(repo) || !plainPath(revision) || !plainPath(file) {
		return "", invalid(words.T("%s is not the name of a file of the hub.", repo+"/"+file))
	}
	return base + "/" + escape(repo) + "/resolve/" + url.PathEscape(revision) + "/" + escape(file), nil
}

// plainPath says whether no part of a path is empty, leads upwards, or holds control characters.
func plainPath(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == '\ufffd' })
}

func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// CheckMirror is the address of a mirror as HubURL takes it, without a slash at its end; of an empty one it is the hub's. Its error
// is a sentence that says what is wrong with it.
func CheckMirror(address string) (string, error) {
	address = strings.TrimRight(strings.TrimSpace(address), "/")
	if address == "" {
		return Hub, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "", invalid(words.T("%q is not a web address. It should look like %s.", address, Hub))
	case u.User != nil:
		return "", invalid(words.T("The address of a mirror cannot hold a name and a password."))
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", invalid(words.T("The address of a mirror cannot hold ? or #."))
	}
	if err := secure(u); err != nil {
		return "", err
	}
	return u.String(), nil
}

// secure refuses what is neither HTTPS nor on this machine.
func secure(u *url.URL) error {
	if u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u)) {
		return nil
	}
	return &Error{Kind: Untrusted, text: words.T(
		"%s is not an address that can be trusted: downloads need https://.", u.Redacted())}
}

// loopback says whether an address is on this machine.
func loopback(u *url.URL) bool {
	host := u.Hostname()
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// page is the page of the model that a hub's address belongs to; empty where it is not one.
func page(u *url.URL) string {
	path, _, ok := strings.Cut(u.EscapedPath(), "/resolve/")
	if !ok {
		return ""
	}
	return u.Scheme + "://" + u.Host + path
}
