package preflight

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestReports(t *testing.T) {
	var r struct{ Text, Summary string }
	if err := json.Unmarshal([]byte(Report(true)), &r); err != nil {
		t.Fatalf("%v in %s", err, Report(true))
	}
	if r.Text != Report(false) || !strings.HasSuffix(r.Text, r.Summary+"\n") {
		t.Errorf("the reports differ: %q, %q", r.Text, Report(false))
	}
	for line := range strings.Lines(r.Text) {
		if len(line) > 101 {
			t.Errorf("a long line: %s", line)
		}
	}
}

func TestDoctorIsAsked(t *testing.T) {
	for line, want := range map[string][2]bool{
		"galago-engine":                        {},
		"galago-engine ask doctor":             {},
		"galago-engine doctor":                 {true, false},
		"galago-engine doctor --json":          {true, true},
		"galago-engine doctor --test -json":    {true, true},
		"galago-engine doctor --json --help":   {},
		"galago-engine worker doctor --json x": {},
	} {
		asked, asJSON := doctor(strings.Fields(line))
		if asked != want[0] || asked && asJSON != want[1] {
			t.Errorf("%s: %v, %v", line, asked, asJSON)
		}
	}
}
