package engines

import (
	"strings"
	"testing"
)

func TestForChoosesByCardAndDriver(t *testing.T) {
	for name, c := range map[string]struct {
		card  Card
		where string
		libc  string
		id    string
		says  []string // of the error
	}{
		"Ampere, new driver":          {Card{Major: 8, Minor: 6, CUDA: 13000}, "linux/amd64", "2.39", "cuda13-linux-amd64", nil},
		"Turing, new driver":          {Card{Major: 7, Minor: 5, CUDA: 13010}, "linux/amd64", "2.41", "cuda13-linux-amd64", nil},
		"Blackwell, translated":       {Card{Major: 12, CUDA: 13000}, "linux/amd64", "", "cuda13-linux-amd64", nil},
		"Blackwell, CUDA 12.8":        {Card{Name: "RTX 5060", Major: 12, CUDA: 12080, Driver: "570.133.07"}, "linux/amd64", "", "", []string{"570.133.07", "575.51.03"}},
		"Ada, driver of CUDA 12.4":    {Card{Major: 8, Minor: 9, CUDA: 12040}, "linux/amd64", "", "cuda12-linux-amd64", nil},
		"driver known by its version": {Card{Major: 8, Minor: 9, Driver: "550.54.14"}, "linux/amd64", "", "cuda12-linux-amd64", nil},
		"nothing known":               {Card{}, "linux/amd64", "", "cuda13-linux-amd64", nil},
		"old driver":                  {Card{Name: "RTX 3050", Major: 8, Minor: 6, CUDA: 11040, Driver: "470.256.02"}, "linux/amd64", "", "", []string{"470.256.02", "525.60.13", "CUDA 12.9", "RTX 3050"}},
		"older driver, version only":  {Card{Major: 8, Minor: 6, Driver: "470.256.02"}, "linux/amd64", "", "", []string{"525.60.13"}},
		"Pascal":                      {Card{Name: "GTX 1060", Major: 6, Minor: 1, CUDA: 12080}, "linux/amd64", "", "", []string{"GTX 1060", "6.1", "CUDA 12", "make engine-cuda"}},
		"Volta":                       {Card{Major: 7, CUDA: 12080}, "linux/amd64", "", "", []string{"7.0", "make engine-cuda"}},
		"Kepler":                      {Card{Name: "GTX 780", Major: 3, Minor: 5}, "linux/amd64", "", "", []string{"too old", "3.5"}},
		"old system":                  {Card{Major: 8, Minor: 6, CUDA: 13000}, "linux/amd64", "2.36", "", []string{"2.38", "2.36", "make engine-cuda"}},
		"another system":              {Card{Major: 8, Minor: 7}, "linux/arm64", "", "", []string{"linux/arm64", "make engine-cuda"}},
		"Windows, Ampere":             {Card{Major: 8, Minor: 6, CUDA: 13000}, "windows/amd64", "", "cuda13-windows-amd64", nil},
		"Windows, Blackwell":          {Card{Major: 12, CUDA: 13000}, "windows/amd64", "", "cuda13-windows-amd64", nil},
		"Windows, Turing, CUDA 13.0":  {Card{Major: 7, Minor: 5, CUDA: 13000}, "windows/amd64", "", "cuda12-windows-amd64", nil},
		"Windows, Turing, CUDA 13.3":  {Card{Major: 7, Minor: 5, CUDA: 13030}, "windows/amd64", "", "cuda13-windows-amd64", nil},
		"Windows, Pascal":             {Card{Major: 6, Minor: 1, CUDA: 12080}, "windows/amd64", "", "cuda12-windows-amd64", nil},
		"Windows, Pascal, old driver": {Card{Major: 6, Minor: 1, CUDA: 12020, Driver: "536.23"}, "windows/amd64", "", "", []string{"536.23", "551.61"}},
		"Windows, Ampere, old driver": {Card{Major: 8, Minor: 6, Driver: "516.94"}, "windows/amd64", "", "", []string{"528.33"}},
	} {
		b, err := choose(manifest().Builds, c.card, c.where, c.libc)
		if b.ID != c.id || (err == nil) != (c.says == nil) {
			t.Errorf("%s: %q, %v", name, b.ID, err)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q lacks %q", name, err, part)
			}
		}
	}
}

func TestCompareVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"2.36", "2.4", 1}, {"2.4", "2.36", -1}, {"580", "580.0", 0}, {"580.65.06", "580.65.6", 0}, {"", "2", -1}, {"575.51.03", "575.57", -1},
	} {
		if got := compareVersions(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: %d", c.a, c.b, got)
		}
	}
}
