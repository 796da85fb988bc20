package doctor

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/adrg/xdg"
)

// veil takes out of a text what is private. Two things keep a report clean: what is put into it, and this, which goes
// over all of it, since the words of other programs (errors, ends of logs, names of devices) say what they like.
type veil struct {
	folders []folder // ours, the longest path first
	secrets []string // written as <private>, the longest first: names of files, and what a model calls itself
	names   []string // of people and machines, written as <name>
}

// folder is one of ours.
type folder struct{ path, label string }

// people are the names of the user and of the machine, and home folders.
type people func(ctx context.Context) (names, homes []string)

// thisMachine asks the system. Its user database may be on a network that is gone.
func thisMachine(ctx context.Context) (names, homes []string) {
	for _, name := range []string{"USER", "LOGNAME", "USERNAME", "SUDO_USER", "HOSTNAME", "COMPUTERNAME"} {
		names = append(names, os.Getenv(name))
	}
	homes = append(homes, os.Getenv("HOME"), os.Getenv("USERPROFILE"), xdg.Home)
	if me, ok := within(ctx, time.Second, func() *user.User { u, _ := user.Current(); return u }); ok && me != nil {
		names, homes = append(names, me.Username, me.Name), append(homes, me.HomeDir)
		if _, plain, found := strings.Cut(me.Username, `\`); found { // DOMAIN\name
			names = append(names, plain)
		}
	}
	for _, home := range homes {
		names = append(names, filepath.Base(home))
	}
	if host, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(host, ".")
		names = append(names, host, short)
	}
	return names, homes
}

// ordinary are names that say nothing of a person, and stand in our own sentences.
var ordinary = []string{
	"root", "user", "admin", "galago", "home", "localhost", "nvidia", "cuda", "gpu", "cpu", "linux", "debian", "ubuntu", "fedora",
	"windows", "engine", "doctor", "model", "test", "driver", "memory", "vm",
}

func newVeil(o Options) *veil {
	v := &veil{}
	names, homes := o.people(context.Background())
	for _, name := range names {
		name = strings.TrimSpace(name)
		if utf8.RuneCountInString(name) > 1 && !slices.Contains(ordinary, strings.ToLower(name)) && !strings.ContainsAny(name, `/\`) {
			v.names = append(v.names, name)
		}
	}
	longestFirst(v.names)
	v.own(programFolder(), "<program>")
	if filepath.Dir(filepath.Clean(o.Libraries)) != programFolder() {
		v.own(o.Libraries, "<libraries>")
	}
	v.own(filepath.Dir(o.Engine), "<engine>")
	for label, dir := range map[string]string{
		"<data>": xdg.DataHome, "<state>": xdg.StateHome, "<settings>": xdg.ConfigHome, "<cache>": xdg.CacheHome,
	} {
		v.own(filepath.Join(dir, "galago"), label)
	}
	for _, home := range homes {
		v.own(home, "~")
	}
	return v
}

func longestFirst(list []string) {
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
}

// own has a folder written as label. What is no real folder's path, or the root, is left alone.
func (v *veil) own(path, label string) {
	for _, p := range []string{path, realPath(path)} {
		p = filepath.Clean(p)
		if path == "" || !filepath.IsAbs(p) || p == filepath.Dir(p) ||
			slices.ContainsFunc(v.folders, func(f folder) bool { return f.path == p }) {
			continue
		}
		v.folders = append(v.folders, folder{p, label})
	}
	slices.SortStableFunc(v.folders, func(a, b folder) int { return cmp.Compare(len(b.path), len(a.path)) })
}

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// secret keeps a file's name out, wherever it appears, and the folder that it is in.
func (v *veil) secret(paths ...string) {
	for _, path := range paths {
		if path == "" || path == "." { // the base of an empty name
			continue
		}
		base := filepath.Base(path)
		v.secrets = append(v.secrets, path, realPath(path), base)
		if abs, err := filepath.Abs(path); err == nil {
			v.secrets = append(v.secrets, abs)
		}
		if stem := strings.TrimSuffix(base, filepath.Ext(base)); utf8.RuneCountInString(stem) > 3 {
			v.secrets = append(v.secrets, stem)
		}
	}
	longestFirst(v.secrets)
}

// word keeps a text out, such as the name that a model gives itself.
func (v *veil) word(s string) {
	if s = strings.TrimSpace(s); utf8.RuneCountInString(s) > 3 {
		v.secrets = append(v.secrets, s)
		longestFirst(v.secrets)
	}
}

var (
	cardID  = regexp.MustCompile(`\b(GPU|MIG)-[0-9A-Za-z/-]{4,}`)
	uuid    = regexp.MustCompile(`\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b`)
	hexID   = regexp.MustCompile(`\b[0-9A-Fa-f]{24,}\b`) // of a container, a machine
	mac     = regexp.MustCompile(`\b[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}\b`)
	mail    = regexp.MustCompile(`[^\s<>"']+@[^\s<>"']+\.[a-zA-Z]{2,}`)
	anyGGUF = regexp.MustCompile(`(?i)[^\s/\\"'“”<>]+\.gguf\b`)
)

// hide takes out of s what is private. What is hidden already stays as it is.
func (v *veil) hide(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToValidUTF8(s, "?")
	for _, f := range v.folders {
		if f.label != "~" {
			s = replacePath(s, f.path, f.label)
		}
	}
	for _, secret := range v.secrets {
		s = strings.ReplaceAll(s, secret, "<private>")
	}
	for _, f := range v.folders {
		if f.label == "~" {
			s = replacePath(s, f.path, "~")
		}
	}
	s = hidePaths(s)
	s = anyGGUF.ReplaceAllString(s, "<private>")
	s = cardID.ReplaceAllString(s, "$1-<id>")
	for _, r := range []*regexp.Regexp{uuid, hexID, mac, mail} {
		s = r.ReplaceAllString(s, "<id>")
	}
	for _, name := range v.names {
		s = replaceWord(s, name, "<name>")
	}
	return s
}

// replacePath replaces a folder's path where it is not the beginning of another name.
func replacePath(s, path, label string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, path)
		if i < 0 {
			break
		}
		rest := s[i+len(path):]
		next, _ := utf8.DecodeRuneInString(rest)
		whole := rest == "" || !(unicode.IsLetter(next) || unicode.IsDigit(next) || next == '-' || next == '_')
		b.WriteString(s[:i])
		if whole {
			b.WriteString(label)
		} else {
			b.WriteString(path)
		}
		s = rest
	}
	return b.String() + s
}

// replaceWord replaces a name, in any case, where it is a word.
func replaceWord(s, name, with string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if n := foldedPrefix(s[i:], name); n > 0 && !wordEnd(s[:i]) && !wordBegin(s[i+n:]) {
			b.WriteString(with)
			i += n
			continue
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		b.WriteString(s[i : i+n])
		i += n
	}
	return b.String()
}

// foldedPrefix is how many bytes of s are prefix in whatever case, or 0.
func foldedPrefix(s, prefix string) int {
	i := 0
	for range prefix {
		if i >= len(s) {
			return 0
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	if strings.EqualFold(s[:i], prefix) {
		return i
	}
	return 0
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

func wordEnd(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && inWord(r)
}

func wordBegin(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && inWord(r)
}

// public are folders in which only the system keeps files. What is below them helps, and says nothing of a person.
var public = []string{
	"/usr/", "/lib/", "/lib64/", "/lib32/", "/bin/", "/sbin/", "/etc/", "/proc/", "/sys/", "/dev/", "/opt/cuda/", "/usr/local/cuda",
	"/boot/", "/nix/store/",
}

// hidePaths replaces every absolute path that is neither public nor below a label. A name may hold spaces, so a path
// lasts until something that ends one in a message: a quote, a bracket, a colon before a space, the end of the line.
func hidePaths(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if !pathBegins(s, i) {
			b.WriteByte(s[i])
			i++
			continue
		}
		rest := s[i:]
		if slices.ContainsFunc(public, func(p string) bool { return strings.HasPrefix(rest, p) }) {
			n := strings.IndexAny(rest, " \t\n\"'()”")
			if n < 0 {
				n = len(rest)
			}
			b.WriteString(rest[:n])
			i += n
			continue
		}
		n := pathLength(rest)
		b.WriteString("<file>")
		i += n
	}
	return b.String()
}

// pathBegins reports whether at i a path begins that is not one of a label: /x, ~/x, C:\x or \\x.
func pathBegins(s string, i int) bool {
	if i > 0 && !strings.ContainsRune(" \t\n\"'(=:,“|", lastRune(s[:i])) {
		return false
	}
	rest := s[i:]
	if len(rest) < 2 {
		return false
	}
	switch {
	case rest[0] == '/' && rest[1] != ' ' && rest[1] != '/':
		return true
	case strings.HasPrefix(rest, "~/"), strings.HasPrefix(rest, `~\`), strings.HasPrefix(rest, `\\`):
		return true
	}
	return len(rest) > 2 && unicode.IsLetter(rune(rest[0])) && rest[1] == ':' && (rest[2] == '\\' || rest[2] == '/' && !strings.HasPrefix(rest[1:], "://"))
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func pathLength(s string) int {
	for i := range s {
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "\n"), strings.HasPrefix(rest, "\""), strings.HasPrefix(rest, "'"),
			strings.HasPrefix(rest, ")"), strings.HasPrefix(rest, "”"),
			i > 2 && strings.HasPrefix(rest, ": "), strings.HasPrefix(rest, ", "), strings.HasPrefix(rest, "; "):
			return i
		}
	}
	return len(s)
}

func programFolder() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Dir(realPath(exe))
}
