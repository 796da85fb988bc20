package locale

import (
	"maps"
	"testing"
)

func TestAdjust(t *testing.T) {
	for _, c := range []struct{ env, want map[string]string }{
		{nil, map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "en"}},
		{map[string]string{"LANG": "C"}, map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "en"}},
		{map[string]string{"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, map[string]string{"LC_ALL": "C.UTF-8", "LANGUAGE": "en"}},
		{map[string]string{"LANG": "C.UTF-8"}, map[string]string{"LANGUAGE": "en"}},
		{map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "fr"}, nil},
		{map[string]string{"LANG": "de_DE.UTF-8"}, nil},
	} {
		if got := adjust(func(name string) string { return c.env[name] }); !maps.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
}
