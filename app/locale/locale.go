// Package locale gives Fyne a language where the environment has none. Fyne looks for one while it is initialised, and
// logs errors for the locales C.UTF-8 (of containers and plain systems) and C.
//
// It must run before Fyne: Go initialises packages in the order of their paths as far as imports allow, and this one
// imports next to nothing, while Fyne's lookup needs packages whose paths sort after "galago".
package locale

import (
	"os"
	"strings"
)

func init() {
	for name, value := range adjust(os.Getenv) {
		os.Setenv(name, value)
	}
}

// adjust tells which variables to set. The character set of the locale stays as it is: keyboard input needs it.
func adjust(get func(string) string) map[string]string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		v := get(name)
		switch {
		case v == "":
			continue
		case v == "C" || v == "POSIX": // LANGUAGE does not count beside these
			return map[string]string{name: "C.UTF-8", "LANGUAGE": "en"}
		case strings.HasPrefix(v, "C.") && get("LANGUAGE") == "":
			return map[string]string{"LANGUAGE": "en"}
		}
		return nil
	}
	return map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "en"}
}
