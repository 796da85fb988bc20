package inference

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference/plan"
	"galago/inference/protocol"
)

// A dry run that fails, or ends the engine, costs its figures and nothing more.
func TestDryRunThatFails(t *testing.T) {
	for _, who := range []string{"card planless", "card dieplan"} {
		tight(t, []string{who}, func(t *testing.T, s *Service, m Model) {
			s.Open(m)
			if _, err := WaitReady(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			st := statusOf(s)
			if st.Known.Planned != nil || st.Budget.Need() == 0 || len(st.Reduced) > 0 || st.PID > 2 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// An engine that computes on the CPU is planned against the system's memory, whatever cards there are.
func TestEngineWithoutTheCard(t *testing.T) {
	tight(t, []string{"good"}, func(t *testing.T, s *Service, m Model) {
		s.Open(m)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if st := statusOf(s); st.Device.Name != "system memory" || st.Budget.Free != 8<<30 || st.Budget.Need() == 0 {
			t.Errorf("%+v %+v", st.Device, st.Budget)
		}
	})
}

// A card that nobody can ask is used all the same, and memory is not judged.
func TestCardThatNobodyCanAsk(t *testing.T) {
	model, facts := synthModel(t)
	o := Options{check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
	bubble(t, o, []string{"card"}, func(t *testing.T, s *Service) {
		s.Open(model)
		if e := submit(t.Context(), t, s, "hello", somePicture(64, 64)).end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
		st := statusOf(s)
		if !st.Device.GPU() || st.Device.Total != 0 || st.Settings.Context == 0 {
			t.Errorf("%+v %+v", st.Device, st.Settings)
		}
		if c, err := s.Unload(t.Context()); err != nil || c.Device != "resident memory" || c.Before == 0 {
			t.Errorf("%+v %v", c, err)
		}
	})
}

// What a card has before and after is what Unload tells.
func TestUnloadFromACard(t *testing.T) {
	model, facts := synthModel(t)
	o := Options{check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
	o.Device = func(_ string, pid int) (plan.Device, uint64, bool) {
		free := uint64(6 << 30)
		if pid != 0 { // the engine lives
			free = 5 << 30
		}
		return plan.Device{Name: "RTX", UUID: "GPU-1", Total: 8 << 30, Free: free}, 0, true
	}
	bubble(t, o, []string{"card"}, func(t *testing.T, s *Service) {
		s.Open(model)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Unload(t.Context()); err != nil || c.Before != 3<<30 || c.After != 2<<30 || c.Device != "RTX" {
			t.Errorf("%+v %v", c, err)
		}
	})
}

// The engine sees only the card that was planned for.
func TestCardIsChosenByItsUUID(t *testing.T) {
	for _, c := range []struct {
		asked string
		found plan.Device
		want  string
	}{
		{"", plan.Device{}, ""},
		{"", plan.Device{UUID: "GPU-1"}, "CUDA_VISIBLE_DEVICES=GPU-1"},
		{"GPU-2", plan.Device{UUID: "GPU-2"}, "CUDA_VISIBLE_DEVICES=GPU-2"},
		{"GPU-2", plan.Device{}, "CUDA_VISIBLE_DEVICES=GPU-2"}, // NVML hangs
	} {
		s := &Service{o: Options{Env: []string{"A=b"}}, model: Model{GPU: c.asked}, survey: survey{card: c.found}}
		env := s.childOptions().Env
		if c.want == "" && len(env) != 1 || c.want != "" && !slices.Equal(env, []string{"A=b", c.want}) || len(s.o.Env) != 1 {
			t.Errorf("%+v: %q", c, env)
		}
	}
}

// A driver that hangs delays a load by its limit and a request not beyond its cancel.
func TestDriverThatHangs(t *testing.T) {
	model, facts := synthModel(t)
	model.Context, model.ImageMinTokens, model.ImageMaxTokens = 8192, 8, 2048
	o := Options{check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
	hang := make(chan struct{})
	asked := 0 // one at a time
	o.Device = func(string, int) (plan.Device, uint64, bool) {
		if asked++; asked > 1 { // the survey goes well
			<-hang
		}
		return plan.Device{Name: "RTX", UUID: "GPU-1", Total: 8 << 30, Free: 6 << 30}, 0, true
	}
	synctest.Test(t, func(t *testing.T) {
		hang = make(chan struct{})
		o.start, o.system = inProcess("card cap=4000"), systemMemory
		s := New(o)
		model.Path, model.MMProj = "m.gguf", "p.gguf" // not calibrated, so that a picture takes more memory
		s.Open(model)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		first := submit(ctx, t, s, "first", somePicture(512, 512))
		synctest.Wait()
		begin := time.Now()
		cancel()
		if e := first.end(); e.Kind != Cancelled || time.Since(begin) != 0 {
			t.Errorf("%+v after %v", e, time.Since(begin))
		}
		if e := submit(t.Context(), t, s, "second", somePicture(512, 512)).end(); e.Kind != Done || time.Since(begin) > 2*time.Second {
			t.Errorf("%+v after %v", e, time.Since(begin))
		}
		close(hang)
		s.Close()
		time.Sleep(24 * time.Hour)
	})
}

// When only the vision file is at fault, the model can be opened without it.
func TestVisionFileThatDoesNotFit(t *testing.T) {
	model, _ := synthModel(t)
	model.MMProj = filepath.Join(t.TempDir(), "none.gguf")
	s := New(Options{Engine: "/not/needed"})
	defer s.Close()
	s.Open(model)
	_, err := WaitReady(t.Context(), s)
	why := asError(err, "")
	if why.Code != protocol.CodeMMProjInvalid || len(why.Choices) != 1 {
		t.Fatalf("%+v", why)
	}
	if m := why.Choices[0].Model; m == nil || m.MMProj != "" || m.Path != model.Path {
		t.Errorf("%+v", why.Choices[0])
	}
}

// On a card a picture is encoded for calibration unless that is remembered; on a CPU only where it is quick, and kept.
func TestWhenToCalibrate(t *testing.T) {
	_, facts := synthModel(t)
	card, system := plan.Device{UUID: "GPU-1", Total: 1}, plan.Device{Total: 1}
	for _, c := range []struct {
		name   string
		p      planned
		tower  int64
		file   string
		expect bool
	}{
		{"card", planned{device: card, key: "k", settings: plan.Settings{ImageMaxTokens: 2048}}, 1 << 30, "", true},
		{"remembered", planned{device: card, key: "k", settings: plan.Settings{ImageMaxTokens: 2048}, known: plan.Known{EncodeTokens: 2025}}, 1 << 30, "", false},
		{"remembered of smaller pictures", planned{device: card, key: "k", settings: plan.Settings{ImageMaxTokens: 2048}, known: plan.Known{EncodeTokens: 512}}, 1 << 30, "", true},
		{"tower on the CPU", planned{device: card, key: "k", settings: plan.Settings{ImageMaxTokens: 64, VisionCPU: true}}, 1 << 30, "f", false},
		{"files that are not there", planned{device: card}, 0, "", false},
		{"CPU", planned{device: system, key: "k", settings: plan.Settings{ImageMaxTokens: 80}}, 5 << 20, "f", true},
		{"CPU, not kept", planned{device: system, key: "k", settings: plan.Settings{ImageMaxTokens: 80}}, 5 << 20, "", false},
		{"CPU, large pictures", planned{device: system, key: "k", settings: plan.Settings{ImageMaxTokens: 1024}}, 5 << 20, "f", false},
		{"CPU, large tower", planned{device: system, key: "k", settings: plan.Settings{ImageMaxTokens: 80}}, 500 << 20, "f", false},
	} {
		s := &Service{o: Options{CalibrationFile: c.file}, survey: survey{facts: facts, tower: c.tower}, plan: c.p}
		if s.calibrates() != c.expect {
			t.Errorf("%s: %v", c.name, !c.expect)
		}
	}
}
