package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exportOf asks a question, exports the conversation to a file and says where that went.
func exportOf(t *testing.T, k *keeping, format, name string) string {
	t.Helper()
	k.ask(0, "How many mugs?")
	k.say(0, started, delta("Two."), done)
	k.settle()
	id := k.view.conversations[0].ID
	k.ExportConversation(id, format)
	if k.view.choose == nil {
		t.Fatal("nobody was asked where")
	}
	path := filepath.Join(t.TempDir(), name)
	k.view.offer = nil
	k.view.choose(path)
	k.until("it is exported", func() bool { return k.view.offer != nil })
	return path
}

func TestExportMarkdown(t *testing.T) {
	k := newKeeping(t)
	path := exportOf(t, k, "markdown", "mugs.md")
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), "How many mugs?") || !strings.Contains(string(data), "Two.") {
		t.Errorf("%s, %v", data, err)
	}
	if !strings.Contains(k.view.note(), "mugs.md") {
		t.Errorf("told %q", k.view.note())
	}
}

func TestExportAndImport(t *testing.T) {
	k := newKeeping(t)
	path := exportOf(t, k, "json", "mugs") // the ending is forgotten
	k.ImportConversation()
	k.view.choose(path + ".json")
	k.until("it is there", func() bool { return len(k.view.conversations) == 2 })
	k.until("it is open", func() bool {
		return k.stored != 0 && k.view.open == k.stored && len(k.view.turns) == 1 && k.view.open == 2
	})
	if turn := k.view.turn(0); turn.Question != "How many mugs?" || turn.Answer != "Two." {
		t.Errorf("it shows %+v", turn)
	}
	if !strings.Contains(k.view.note(), "How many mugs?") {
		t.Errorf("told %q", k.view.note())
	}
}

// Who opens something else while a file is read is not taken away from it.
func TestImportDoesNotInterrupt(t *testing.T) {
	k := newKeeping(t)
	path := exportOf(t, k, "json", "mugs.json")
	k.ImportConversation()
	k.view.offer = nil
	k.view.choose(path)
	k.NewChat()
	k.until("it is offered", func() bool { return k.view.offer != nil })
	if k.view.open != 0 {
		t.Errorf("conversation %d is open", k.view.open)
	}
	k.view.offer()
	k.until("it is open", func() bool { return k.view.open == 2 })
}

func TestImportOfSomethingElse(t *testing.T) {
	k := newKeeping(t)
	k.ImportConversation()
	k.view.choose(write(t, filepath.Join(t.TempDir(), "a.json"), []byte(`{"messages": []}`)))
	k.until("it is refused", func() bool { return strings.Contains(k.view.note(), "not a conversation") })
	k.settle()
	if len(k.view.conversations) > 0 {
		t.Errorf("there are %+v", k.view.conversations)
	}
}

func TestExportOfWhatIsGone(t *testing.T) {
	k := newKeeping(t)
	k.ExportConversation(99, "json")
	path := write(t, filepath.Join(t.TempDir(), "gone.json"), nil) // as the dialog does
	k.view.choose(path)
	k.until("it is told", func() bool { return strings.Contains(k.view.note(), "not exported") })
	if _, err := os.Stat(path); err == nil {
		t.Error("an empty file is left")
	}
}

func TestWithEnding(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("there.md"), []byte("somebody's"))
	write(t, path("empty"), nil)
	for name, want := range map[string]string{"a.md": "a.md", "a.MD": "a.MD", "a": "a.md", "a.b": "a.b.md", "there": "there-2.md", "empty": "empty.md"} {
		if got := withEnding(path(name), ".md"); got != path(want) {
			t.Errorf("%s became %s", name, got)
		}
	}
	if _, err := os.Stat(path("empty")); err == nil {
		t.Error("the dialog's empty file is left")
	}
}
