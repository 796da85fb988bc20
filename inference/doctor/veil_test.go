package doctor

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/adrg/xdg"
)

// anna is a person, and her machine.
func anna(context.Context) (names, homes []string) {
	return []string{"anna", "Anna Ümlaut", "annas-laptop", ""}, []string{"/home/anna", ""}
}

func annasVeil() *veil {
	v := newVeil(Options{people: anna, Libraries: "/opt/My Libs/lib", Engine: "/opt/eng ine/galago-engine"})
	v.secret("", ".") // no names: as of a model without a projector
	v.secret("/home/anna/Bilder/Über uns (privat).gguf", "/mnt/usb/mmproj-diary.gguf")
	v.word("Annas Secret Model")
	return v
}

func TestVeilHides(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its paths are those of Linux")
	}
	v := annasVeil()
	for text, want := range map[string]string{
		"":                           "",
		"3.3 million. Fine.":         "3.3 million. Fine.",
		"16.0 GiB of 32.0 GiB":       "16.0 GiB of 32.0 GiB",
		"AC/DC, km/h and 3/4":        "AC/DC, km/h and 3/4",
		"https://huggingface.co/x/y": "https://huggingface.co/x/y",
		"load /home/anna/Bilder/Über uns (privat).gguf now":         "load <private> now",
		"Über uns (privat).gguf is truncated":                       "<private> is truncated",
		"Über uns (privat) is truncated":                            "<private> is truncated",
		"open /home/anna/My dog.png: no such file":                  "open <file>: no such file",
		`stat "/home/anna/a b/c": gone`:                             `stat "<file>": gone`,
		"open /mnt/disk/Some name.txt: permission denied":           "open <file>: permission denied",
		"read ~/x y/z: gone":                                        "read <file>: gone",
		`open C:\Users\anna\x y.txt: gone`:                          "open <file>: gone",
		`open \\server\share\x: gone`:                               "open <file>: gone",
		"in /opt/My Libs/lib/libllama.so":                           "in <libraries>/libllama.so",
		"in /opt/My Libs/library":                                   "in <file>",
		"run /opt/eng ine/galago-engine":                            "run <engine>/galago-engine",
		"cannot open /usr/lib/libcuda.so.1: gone":                   "cannot open /usr/lib/libcuda.so.1: gone",
		"the user ANNA of annas-laptop":                             "the user <name> of <name>",
		"hannah and annabel are others":                             "hannah and annabel are others",
		"by Anna Ümlaut.":                                           "by <name>.",
		"GPU-12345678-aaaa-bbbb-cccc-1234567890ab is gone":          "GPU-<id> is gone",
		"MIG-12345678-aaaa-bbbb-cccc-1234567890ab":                  "MIG-<id>",
		"id 0123abcd-0123-0123-0123-0123456789ab":                   "id <id>",
		"container 0123456789abcdef0123456789abcdef":                "container <id>",
		"eth0 00:1a:2b:3c:4d:5e":                                    "eth0 <id>",
		"write to anna@example.org":                                 "write to <id>",
		"holiday-plans.gguf and Q8_0.GGUF":                          "<private> and <private>",
		"general.name = Annas Secret Model":                         "general.name = <private>",
		"failed to open GGUF file '/mnt/usb/mmproj-diary.gguf' (x)": "failed to open GGUF file '<private>' (x)",
		xdg.StateHome + "/galago/log.txt is full":                   "<state>/log.txt is full",
		"\xff\xfe": "?",
	} {
		if got := v.hide(text); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
		if twice := v.hide(v.hide(text)); twice != v.hide(text) {
			t.Errorf("%q: hidden twice it is %q", text, twice)
		}
	}
}

// Ordinary words of a report stay, whatever the user is called.
func TestVeilLeavesOrdinaryNames(t *testing.T) {
	v := newVeil(Options{people: func(context.Context) ([]string, []string) {
		return []string{"root", "galago", "x", "localhost"}, []string{"/root", "/"}
	}})
	const text = "galago-engine runs as root on localhost, x times, in /usr/bin"
	if got := v.hide(text); got != text {
		t.Errorf("%q", got)
	}
}

func FuzzVeil(f *testing.F) {
	v := annasVeil()
	f.Add("open /home/anna/x: y")
	f.Add("~/a 'b' \"/c\" GPU-aaaa-bbbb C:\\x")
	f.Fuzz(func(t *testing.T, s string) {
		for _, secret := range []string{"/home/anna/Bilder/Über uns (privat).gguf", "Annas Secret Model"} {
			if got := v.hide("a " + secret + "\n" + s); strings.Contains(got, secret) || strings.Contains(got, "privat)") {
				t.Errorf("%q comes out: %q", secret, got)
			}
		}
		if got := v.hide(s + "\nopen /home/anna/diary: gone"); strings.Contains(got, "anna/diary") {
			t.Errorf("%q", got)
		}
	})
}
