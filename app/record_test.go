package app

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galago/ui"
)

func TestRecord(t *testing.T) {
	view := &fakeView{}
	if record(view) != ui.View(view) {
		t.Error("without the variable the view is wrapped")
	}
	path := filepath.Join(t.TempDir(), "state")
	t.Setenv(StateEnv, path)
	v := record(view)
	v.SetModel(ui.Model{Name: "m"})
	v.SetBanner(nil)
	v.SetComposerText("c")
	v.SetAttachments([]ui.Attachment{{Name: "a.png", Info: "i"}, {Name: "b.png", Problem: &ui.Problem{Title: "T", Text: "t."}}})
	v.PutTurn(ui.Turn{ID: 7, State: ui.TurnDone, Question: "q", Answer: "a\nb", Figures: []string{"f"}})
	v.SetQueue([]ui.Turn{{}, {}})
	v.SetBusy(true)
	v.SetGauge(ui.Gauge{Name: "CPU mode", Used: 1, Total: 2})
	v.Notify("n")
	v.ShowImage(ui.Sheet{Title: "a.png"})
	if view.model.Name != "m" || view.turn(0).ID != 7 || view.note() != "n" || view.composer != "c" || !view.busy {
		t.Errorf("not passed on: %+v", view)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var events []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Errorf("%s: %v", lines.Bytes(), err)
		}
		events = append(events, l.Event)
		switch {
		case l.Event == "turn" && (l.State != "done" || l.Answer != "a\nb"),
			l.Event == "attachments" && l.Items[1].Problem != "T: t.":
			t.Errorf("%+v", l)
		}
	}
	if got := strings.Join(events, " "); got != "model banner composer attachments turn queue busy gauge notify image" {
		t.Errorf("events: %s", got)
	}
}
