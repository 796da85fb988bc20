package llama

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"galago/inference/protocol"
	"galago/inference/vision"
)

// loadKept opens the built-in model with a store in dir, as after a start of the program.
func loadKept(t *testing.T, dir string, cells int) {
	t.Helper()
	_, err := shared.Load(t.Context(), protocol.Load{
		Model: sharedDemo.Model, MMProj: sharedDemo.MMProj, Context: cells,
		ImageMinTokens: sharedDemo.ImageMin, ImageMaxTokens: sharedDemo.ImageMax,
		States: dir, StatesMemory: 64 << 20, StatesDisk: 256 << 20,
	}, func(protocol.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *Backend) talkOf(t *testing.T, conversation string, pictures []vision.Prepared, texts ...string) (string, protocol.Done, *heard) {
	t.Helper()
	ask, blob := say(pictures, texts...)
	ask.Conversation = conversation
	h := &heard{}
	done, err := b.Ask(t.Context(), ask, blob, h)
	if err != nil {
		t.Fatal(err)
	}
	return h.text.String(), done, h
}

// Coming back to a conversation computes nothing of it again: after another one, after FreeWorking, after another start.
func TestConversationsAreKept(t *testing.T) {
	b := backend(t)
	dir := t.TempDir()
	p, q := []vision.Prepared{picture(t, "0000.jpg")}, []vision.Prepared{picture(t, "0003.jpg")}
	const one, two, next = "What colour is the circle?", "How many shapes are there?", "And where is it?"
	loadKept(t, dir, sharedDemo.Context)
	first, _, _ := b.talkOf(t, "a", p, one)
	fresh, _, _ := b.talkOf(t, "a", p, one, first, next)
	other, _, _ := b.talkOf(t, "b", q, two)

	comesBack := func(name, conversation, want string, pictures []vision.Prepared, texts ...string) {
		t.Helper()
		answer, done, h := b.talkOf(t, conversation, pictures, texts...)
		if answer != want {
			t.Errorf("%s: %q, at first it was %q", name, answer, want)
		}
		if missing := done.Stats.PromptTokens - done.Stats.ReusedTokens; h.encoded != 0 || h.reused.Images != 1 || missing > 12 {
			t.Errorf("%s: %d pictures encoded, %+v, %d tokens computed again", name, h.encoded, h.reused, missing)
		}
	}
	comesBack("after another conversation", "a", fresh, p, one, first, next)
	b.Settle()
	if _, err := b.Clear(protocol.FreeWorking); err != nil {
		t.Fatal(err)
	}
	comesBack("after FreeWorking", "a", fresh, p, one, first, next)
	comesBack("the other one", "b", other, q, two)
	loadKept(t, dir, sharedDemo.Context)
	comesBack("after a start", "a", fresh, p, one, first, next)
	comesBack("the other one after a start", "b", other, q, two)
	comesBack("a new conversation that begins like one", "c", first, p, one)

	if _, err := b.Clear(protocol.ForgetCache); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*.state")); len(left) != 0 {
		t.Errorf("after the cache was forgotten there are %v", left)
	}
	answer, done, h := b.talkOf(t, "a", p, one, first, next)
	if answer != fresh || h.encoded != 1 || done.Stats.ReusedTokens != 0 {
		t.Errorf("after the cache was forgotten: %q, %d pictures encoded, %+v", answer, h.encoded, done.Stats)
	}
}

// A picture of another conversation is not encoded again, though the question before it differs.
func TestPictureOfAnotherConversation(t *testing.T) {
	b := backend(t)
	dir := t.TempDir()
	p := []vision.Prepared{picture(t, "0000.jpg")}
	loadKept(t, dir, sharedDemo.Context)
	_, done, _ := b.talkOf(t, "a", p, "What colour is the circle?")
	if done.Stats.EncodeTokens == 0 {
		t.Fatal("the first one was not encoded")
	}
	ask, blob := say(p, "How many shapes are there?")
	ask.Conversation = "b"
	ask.Messages = append([]protocol.Message{{Role: "system", Text: "Answer in one word."}}, ask.Messages...)
	h := &heard{}
	done, err := b.Ask(t.Context(), ask, blob, h)
	if err != nil {
		t.Fatal(err)
	}
	if done.Stats.EncodeTokens != 0 || h.reused.Images != 0 {
		t.Errorf("%+v, %+v", done.Stats, h.reused)
	}
	want := h.text.String()
	load(t, 0)
	h = &heard{}
	if _, err := b.Ask(t.Context(), ask, blob, h); err != nil || h.text.String() != want {
		t.Errorf("freshly encoded the answer is %q, it was %q (%v)", h.text.String(), want, err)
	}
}

// What was put aside is dropped, and the question answered all the same, when it does not fit the context any more, and
// when its file was damaged.
func TestStatesOfNoUse(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	const one = "What colour is the circle?"
	for name, spoil := range map[string]func(dir string) int{
		"a smaller context": func(string) int { return 256 },
		"a damaged file": func(dir string) int {
			files, _ := filepath.Glob(filepath.Join(dir, "*", "*.state"))
			if len(files) != 2 {
				t.Errorf("there are %v", files)
			}
			for _, f := range files {
				data, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				data[len(data)/2] ^= 0xff
				if err := os.WriteFile(f, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return sharedDemo.Context
		},
	} {
		dir := t.TempDir()
		loadKept(t, dir, sharedDemo.Context)
		want, _, _ := b.talkOf(t, "a", p, one)
		long := []string{one}
		for range 12 {
			long = append(long, want, one)
		}
		b.talkOf(t, "a", p, long...)
		cells := spoil(closed(t, b, dir))
		loadKept(t, dir, cells)
		if got, _, _ := b.talkOf(t, "a", p, one); got != want {
			t.Errorf("%s: %q, it was %q", name, got, want)
		}
	}
}

// closed ends the model, so that everything of it is on disk.
func closed(t *testing.T, b *Backend, dir string) string {
	t.Helper()
	b.Close()
	return dir
}

// What was cancelled is kept as far as it came.
func TestCancelledConversationIsKept(t *testing.T) {
	b := backend(t)
	dir := t.TempDir()
	loadKept(t, dir, sharedDemo.Context)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	ask, blob := say(p, "Describe the picture.")
	ask.Conversation = "a"
	ctx, cancel := context.WithCancel(t.Context())
	h := &heard{on: func(h *heard) {
		if h.text.Len() > 0 {
			cancel()
		}
	}}
	if _, err := b.Ask(ctx, ask, blob, h); !errors.Is(err, ctx.Err()) || err == nil {
		t.Fatalf("it ended with %v", err)
	}
	loadKept(t, dir, sharedDemo.Context)
	_, done, h := b.talkOf(t, "a", p, "Describe the picture.")
	if h.encoded != 0 || done.Stats.PromptTokens-done.Stats.ReusedTokens > 12 {
		t.Errorf("%d pictures encoded, %+v", h.encoded, done.Stats)
	}
}

// A picture that was looked at ahead is not encoded again when it is asked about, and looking changes nothing else.
func TestLookIsKeptForTheQuestion(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	const one = "What colour is the circle?"
	loadKept(t, t.TempDir(), sharedDemo.Context)
	look := func(ctx context.Context) (protocol.Done, error) {
		ask, blob := say(p, "?")
		ask.Look = true
		return b.Ask(ctx, ask, blob, &heard{})
	}
	want, _, _ := b.talkOf(t, "a", p, one)
	if _, err := b.Clear(protocol.ForgetCache); err != nil {
		t.Fatal(err)
	}
	other, _, _ := b.talkOf(t, "b", nil, "What can you do?")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := look(cancelled); err == nil {
		t.Error("a look that was cancelled ends well")
	}
	done, err := look(t.Context())
	if err != nil || done.Stats.EncodeTokens == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if again, err := look(t.Context()); err != nil || again.Stats.EncodeTokens != 0 {
		t.Errorf("a second look: %+v, %v", again, err)
	}
	if _, done, h := b.talkOf(t, "b", nil, "What can you do?", other, "And?"); h.reused.Tokens < done.Stats.PromptTokens/2 {
		t.Errorf("looking cost the open conversation its KV cache: %+v", h.reused)
	}
	got, answered, _ := b.talkOf(t, "c", p, one)
	if got != want || answered.Stats.EncodeTokens != 0 {
		t.Errorf("%q with %d tokens encoded, without looking %q", got, answered.Stats.EncodeTokens, want)
	}
	if _, err := b.Clear(protocol.FreeWorking); err != nil {
		t.Fatal(err)
	}
	if done, err := look(t.Context()); err != nil || b.mtmd != 0 || done.Stats.EncodeTokens != 0 {
		t.Errorf("looking took memory that was freed: %+v, %v", done, err)
	}
}
