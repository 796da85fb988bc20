package families

import (
	"testing"
)

func TestFamilyAnswers(t *testing.T) {
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			s, st := open(t, f.model(t))
			t.Logf("%+v", st.Loaded.Vision)
			c := &talk{t: t, client: s, most: 8}
			a := c.ask("What is it?", picture(t, 640, 480))
			t.Logf("%q %+v", a.Text, a.Stats)
			t.Logf("%+v", a.Reused)
			b := c.ask("And now?")
			t.Logf("%+v", b.Reused)
			t.Logf("%q %+v", b.Text, b.Stats)
		})
	}
}
