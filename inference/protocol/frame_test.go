package protocol

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// written is what a Writer makes of a message.
func written(t testing.TB, kind Kind, message any, blob ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := NewWriter(&b).Write(kind, message, blob...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	ask := Ask{ID: 7, Messages: []Message{{Role: "user", Text: "What <|im_end|> \x00 is é 画?", Images: 1}}, Images: []Image{{Width: 2, Height: 1, Hash: "h"}}, Seed: 3}
	data := written(t, KindAsk, ask, []byte("abc"), nil, []byte("def"))
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data)),
		"with its end": iotest.DataErrReader(bytes.NewReader(data)),
	} {
		f, err := Read(r)
		if err != nil || f.Kind != KindAsk || string(f.Blob) != "abcdef" {
			t.Fatalf("%s: %+v %v", name, f, err)
		}
		var got Ask
		if err := f.Decode(&got); err != nil || !reflect.DeepEqual(got, ask) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if _, err := Read(r); err != io.EOF {
			t.Errorf("%s: after the last frame: %v", name, err)
		}
	}
}

// The layout is a contract between two programs: these bytes must stay as they are as long as Version does.
func TestLayout(t *testing.T) {
	got := written(t, KindCancel, Cancel{ID: 5}, []byte{0xff})
	want := "GLG1\x03\x00\x00\x00\x08\x00\x00\x00\x01{\"id\":5}\xff"
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Every message that the sides exchange comes through unchanged, whatever is in it.
func TestEveryMessage(t *testing.T) {
	for _, m := range []any{
		Hello{Version: 1, Engine: "e", Llama: "l", System: "s", Devices: []Device{{"CUDA0", "RTX", "GPU", "CUDA"}}},
		Load{Model: "m", MMProj: "p", Context: 1, Batch: 2, GPULayers: -1, KVType: "q8_0", Threads: 3, ImageMinTokens: 4, ImageMaxTokens: 5},
		Ask{1, []Message{{"system", "s", 0}}, nil, true, 2, 0.7, 3, "c", 1.1, -1, 40, 0.95, 0.05, true},
		Loaded{Name: "n", Parameters: 1 << 60, WeightBytes: 1 << 61, Vision: Vision{true, "qwen3vl_merger", 32, 8, 4096}, LoadMillis: -1},
		Progress{1, PhaseEncode, 2, 3, StageEncode},
		Reused{1, 2, 3, 4},
		Delta{1, "\u2028<\"&"},
		Done{1, StopLimit, Stats{ImageTokens: 1, TokensPerSec: 1e-3, ContextTotal: 9}},
		Cancelled{1},
		Failed{1, CodeOutOfMemory, StageCreateContext, "op", "a\nb"},
		Planned{[]Memory{{PartKV, "CUDA0", 1 << 40}}},
		Cleared{FreeWorking, 1, 2, "d", nil},
		Counted{1, 2, []int{3, 4}},
		LastWords{"t"},
		Alive{1 << 63},
	} {
		f, err := Read(bytes.NewReader(written(t, KindDone, m)))
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(m))
		if err := f.Decode(got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), m) {
			t.Errorf("%+v became %+v, %v", m, got.Elem(), err)
		}
	}
}

func TestKindsAreDistinct(t *testing.T) {
	kinds := []Kind{
		KindLoad, KindAsk, KindCancel, KindClear, KindCount, KindHello, KindProgress, KindLoaded, KindReused, KindDelta,
		KindDone, KindCancelled, KindFailed, KindCleared, KindLastWords, KindCounted, KindAlive,
	}
	seen := map[Kind]bool{0: true}
	for _, k := range kinds {
		if seen[k] {
			t.Errorf("kind %d twice", k)
		}
		seen[k] = true
	}
}

// Kinds and fields of a later version come through for the caller to skip.
func TestUnknownKindsAndFields(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	w := NewWriter(&b)
	var kinds []Kind
	for range 200 {
		k := Kind(1 + rnd.IntN(255))
		kinds = append(kinds, k)
		blob := make([]byte, rnd.IntN(100))
		if err := w.Write(k, map[string]any{"id": 3, "later": []int{1}}, blob); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range kinds {
		f, err := Read(&b)
		if err != nil || f.Kind != want {
			t.Fatalf("frame %d: kind %d, want %d, %v", i, f.Kind, want, err)
		}
		var m Cancel
		if err := f.Decode(&m); err != nil || m.ID != 3 {
			t.Fatalf("frame %d: %+v %v", i, m, err)
		}
	}
}

func header(kind byte, message, blob uint32) []byte {
	h := append([]byte(magic), kind, 0, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(h[5:], message)
	binary.BigEndian.PutUint32(h[9:], blob)
	return h
}

func TestGarbage(t *testing.T) {
	for name, data := range map[string][]byte{
		"text":                          []byte("llama_model_loader: loaded meta data with 30 key-value pairs\n"),
		"short text":                    []byte("oops"),
		"kind zero":                     header(0, 0, 0),
		"message too long":              header(1, MaxMessage+1, 0),
		"blob too long":                 header(1, 0, MaxBlob+1),
		"both as long as a uint32 goes": header(255, 1<<32-1, 1<<32-1),
		"another version's letters":     []byte("GLG2\x01\x00\x00\x00\x00\x00\x00\x00\x00"),
	} {
		if _, err := Read(bytes.NewReader(data)); !errors.Is(err, ErrGarbage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Garbage is known from its first letters, without waiting for more.
func TestGarbageIsKnownAtOnce(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go io.WriteString(w, "oops")
	if _, err := Read(r); !errors.Is(err, ErrGarbage) {
		t.Error(err)
	}
}

func TestCutOff(t *testing.T) {
	data := written(t, KindDelta, Delta{ID: 1, Text: "hello"}, []byte("blob"))
	for n := range data {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := Read(bytes.NewReader(data[:n])); err != want {
			t.Errorf("after %d bytes: %v, want %v", n, err, want)
		}
	}
}

// A header that announces much does not make Read take much.
func TestMemoryFollowsWhatArrives(t *testing.T) {
	data := append(header(1, MaxMessage, MaxBlob), make([]byte, 100)...)
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Read(bytes.NewReader(data)); err != io.ErrUnexpectedEOF {
				b.Fatal(err)
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got > 8<<20 {
		t.Errorf("took %d bytes for %d", got, len(data))
	}
}

func TestBigBlob(t *testing.T) {
	blob := bytes.Repeat([]byte("0123456789"), 1<<20)
	f, err := Read(bytes.NewReader(written(t, KindAsk, Ask{}, blob[:1<<20], blob[1<<20:])))
	if err != nil || !bytes.Equal(f.Blob, blob) {
		t.Errorf("%d bytes of %d, %v", len(f.Blob), len(blob), err)
	}
}

func TestTooLongToSend(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	if err := w.Write(KindDelta, Delta{Text: strings.Repeat("x", MaxMessage)}); err == nil {
		t.Error("a message of more than MaxMessage was sent")
	}
	part := make([]byte, MaxBlob/4)
	if err := w.Write(KindAsk, Ask{}, part, part, part, part, []byte{1}); err == nil {
		t.Error("a blob of more than MaxBlob was sent")
	}
	if err := w.Write(KindAsk, func() {}); err == nil {
		t.Error("a function was sent")
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes of refused frames were sent", b.Len())
	}
}

type failing struct{ left int }

var errBroken = errors.New("broken pipe")

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestBrokenPipe(t *testing.T) {
	for left := range 2 {
		if err := NewWriter(&failing{left: left}).Write(KindAsk, Ask{}, []byte("x")); !errors.Is(err, errBroken) {
			t.Errorf("after %d writes: %v", left, err)
		}
	}
}

func TestNoFrameIsTorn(t *testing.T) {
	r, pipe := io.Pipe()
	w := NewWriter(pipe)
	const writers, each = 8, 50
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for range each {
				_ = w.Write(KindDelta, Delta{ID: uint64(n)}, bytes.Repeat([]byte{byte(n)}, 1000*n))
			}
		})
	}
	go func() { all.Wait(); pipe.Close() }()
	count := 0
	for ; ; count++ {
		f, err := Read(r)
		if err == io.EOF {
			break
		}
		var d Delta
		if err != nil || f.Decode(&d) != nil || !bytes.Equal(f.Blob, bytes.Repeat([]byte{byte(d.ID)}, 1000*int(d.ID))) {
			t.Fatalf("frame %d: %v", count, err)
		}
	}
	if count != writers*each {
		t.Errorf("%d frames", count)
	}
}

func TestDecodeGarbage(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"id":"x"}`, `{"id":-1}`, "{} {}"} {
		if err := (Frame{Kind: KindDelta, Message: []byte(text)}).Decode(&Delta{}); !errors.Is(err, ErrGarbage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzRead gives Read anything: it must not panic or take more than the input's worth, and what it accepts must be
// written back as the same bytes.
func FuzzRead(f *testing.F) {
	f.Add(written(f, KindHello, Hello{Version: 1}))
	f.Add(written(f, KindAsk, Ask{ID: 1}, []byte("pixels")))
	f.Add(append(written(f, KindDelta, Delta{Text: "a"}), written(f, KindDone, Done{})...))
	f.Add(header(255, 1<<32-1, 1<<32-1))
	f.Add([]byte("GLG1"))
	f.Add([]byte("printf"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			before := r.Len()
			frame, err := Read(r)
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.Is(err, ErrGarbage) {
					t.Fatalf("an error of its own: %v", err)
				}
				return
			}
			took := data[len(data)-before : len(data)-r.Len()]
			again := append(header(byte(frame.Kind), uint32(len(frame.Message)), uint32(len(frame.Blob))), frame.Message...)
			if again = append(again, frame.Blob...); !bytes.Equal(took, again) {
				t.Fatalf("%q was read as %q", took, again)
			}
			for _, v := range []any{&Hello{}, &Ask{}, &Loaded{}, &Done{}, &Failed{}} {
				if err := frame.Decode(v); err != nil && !errors.Is(err, ErrGarbage) {
					t.Fatalf("an error of its own: %v", err)
				}
			}
		}
	})
}

// FuzzRoundTrip writes a frame and reads it back.
func FuzzRoundTrip(f *testing.F) {
	f.Add(byte(KindAsk), uint64(1), "user", "What is this?", 3, []byte("pixels"))
	f.Add(byte(255), uint64(1)<<63, "", "<|im_end|>\x00\xff", -1, []byte(nil))
	f.Fuzz(func(t *testing.T, kind byte, id uint64, role, text string, n int, blob []byte) {
		if kind == 0 {
			return
		}
		ask := Ask{ID: id, Messages: []Message{{Role: role, Text: text, Images: n}}, MaxTokens: n}
		half := len(blob) / 2
		frame, err := Read(bytes.NewReader(written(t, Kind(kind), ask, blob[:half], blob[half:])))
		if err != nil || frame.Kind != Kind(kind) || !bytes.Equal(frame.Blob, blob) {
			t.Fatalf("%+v %v", frame, err)
		}
		var got Ask
		if err := frame.Decode(&got); err != nil {
			t.Fatal(err)
		}
		// What is no UTF-8 is replaced, as encoding/json does.
		body, _ := json.Marshal(ask)
		var want Ask
		if err := json.Unmarshal(body, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}
