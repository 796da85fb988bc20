package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"galago/inference/gguf/synth"
	"galago/vram"
)

// planned runs plan in this process.
func planned(t testing.TB, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(append([]string{"plan"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// sketched are the command line's words for a model of true dimensions without weights.
func sketched(t testing.TB, m synth.Model) []string {
	t.Helper()
	dir := t.TempDir()
	model, mmproj := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "mmproj-m.gguf")
	if err := m.Sketch(model, mmproj); err != nil {
		t.Fatal(err)
	}
	return []string{"--model", model, "--mmproj", mmproj}
}

const planThatFits = `Qwen3-VL-2B (random weights) on an empty card of 5734.4 MiB: 8192 tokens of context in q8_0, pictures of 8 to 4096 tokens

  part           MiB  from
  weights     1743.8  header       28 layers and the output
  vision       424.4  header       qwen3vl_merger, all of it
  kv           476.0  formula      28 layers, 8,192 tokens in q8_0
  compute      100.2  formula      512 tokens at a time
  encode       624.3  formula      a picture of 4,096 tokens
  runtime      328.0  assumption   the driver's context and pool, not measured on this card yet
  margin       128.0  assumption   2 % of the memory, at least 128 MiB
  needed      3824.6
  free        5734.4  given        of 5734.4 MiB
  left        1909.8

  a picture of 640 x 480: 300 tokens (seen as 640 x 480), 45.7 MiB while it is read
  a picture of 4000 x 3000: 4015 tokens (seen as 2336 x 1760), 611.9 MiB while it is read
`

const planThatDoesNot = `Qwen3-VL-2B (random weights) on an empty card of 3072.0 MiB: 16384 tokens of context in f16, pictures of 8 to 512 tokens, 29 of 29 layers on the card, pictures read on the CPU

  part           MiB  from
  weights     1743.8  header       28 layers and the output
  kv          1792.0  formula      28 layers, 16,384 tokens in f16
  compute       76.0  formula      512 tokens at a time
  runtime      259.4  assumption   the driver's context and pool, not measured on this card yet
  margin       128.0  assumption   2 % of the memory, at least 128 MiB
  needed      3999.2
  free        3072.0  given        of 3072.0 MiB
  missing      927.2

It does not fit. What would help, the best first:
  1. Keep a context of 6,144 tokens; long conversations forget sooner.
     Saves 1130.0 MiB; then it fits.
  2. Compute 20 of 29 layers on the card and the rest on the CPU; answers are slower.
     Saves 964.1 MiB; then it fits.
  3. Compute on the CPU alone; answers are much slower.
     Saves 3999.2 MiB; then it fits.
  4. Keep the context in q8_0, in about half the space and nearly as exact.
     Saves 775.9 MiB; not enough alone.
  5. Use a 4-bit file of this model (Q4_K_M) instead of one in Q8_0; answers are a little less exact.
     Saves 718.2 MiB; not enough alone.
`

func TestPlanPrintsTheTable(t *testing.T) {
	model := sketched(t, synth.Qwen3VL2B)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"--vram 5.6GiB --context 8192 --kv q8_0 --picture 640x480 --picture 4000x3000", exitOK, planThatFits},
		{"--vram 3GiB --context 16384 --gpu-layers 29 --kv f16", exitMemory, planThatDoesNot},
	} {
		code, out, errOut := planned(t, append(strings.Fields(c.args), model...)...)
		if code != c.code || errOut != "" {
			t.Errorf("%s: code %d, %s", c.args, code, errOut)
		}
		if out != c.want {
			t.Errorf("%s prints\n%s\nwant\n%s", c.args, out, c.want)
		}
	}
}

// What is planned is what fits; what there was no room for is told too, with what would make room.
func TestPlanSaysWhatThereIsNoRoomFor(t *testing.T) {
	code, out, errOut := planned(t, append(sketched(t, synth.Qwen3VL2B), "--vram", "4GiB", "--json")...)
	var r planResult
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK || errOut != "" {
		t.Fatalf("%v, code %d: %s%s", err, code, out, errOut)
	}
	if !r.Fits || r.Full == nil || r.Full.Missing == 0 || r.Full.Settings.Context <= r.Settings.Context || len(r.Changes) == 0 {
		t.Errorf("planned %+v instead of %+v, changes %+v", r.Settings, r.Full, r.Changes)
	}
	_, text, _ := planned(t, append(sketched(t, synth.Qwen3VL2B), "--vram", "4GiB")...)
	if !strings.Contains(text, "There is no room on an empty card of 4096.0 MiB for 32768 tokens of context in f16") {
		t.Error(text)
	}
	if _, text, _ := planned(t, append(sketched(t, synth.Qwen3VL2B), "--vram", "24GiB")...); strings.Contains(text, "no room") {
		t.Error(text)
	}
}

func TestPlanJSON(t *testing.T) {
	args := append(sketched(t, synth.Qwen3VL2B), "--vram", "1.2GiB", "--gpu-layers", "29", "--picture", "100x50", "--json")
	code, out, errOut := planned(t, args...)
	var r planResult
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitMemory || errOut != "" {
		t.Fatalf("%v, code %d: %s%s", err, code, out, errOut)
	}
	if r.Fits || r.Missing == 0 || r.Left != 0 || r.Need != r.Budget.Free+r.Missing || len(r.Changes) == 0 {
		t.Errorf("%+v", r)
	}
	if got := r.Budget.Of(vram.PartWeights); got != 1_828_474_880 {
		t.Errorf("weights %d", got)
	}
	if len(r.Pictures) != 1 || r.Pictures[0].Tokens != 8 || r.Pictures[0].Seen != [2]int{128, 64} {
		t.Errorf("pictures %+v", r.Pictures)
	}
}

func TestPlanOfTheBuiltInModel(t *testing.T) {
	code, out, errOut := planned(t, "--json")
	var r planResult
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK {
		t.Fatalf("%v, code %d: %s%s", err, code, out, errOut)
	}
	s := r.Settings
	if s.Context != 2048 || s.KVType != "f16" || s.GPULayers != 0 || s.VisionCPU || s.ImageMinTokens != 48 || s.ImageMaxTokens != 80 {
		t.Errorf("settings %+v", s)
	}
	if got := r.Budget.Of(vram.PartKV); got != 12<<20 {
		t.Errorf("KV cache of %d bytes; llama.cpp's log says 12.00 MiB", got)
	}
}

func TestPlanUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"more"}, `it takes no "more"`},
		{[]string{"--vram", "5.6"}, "a size such as 5.6GiB"},
		{[]string{"--vram", "GiB"}, "a size such as 5.6GiB"},
		{[]string{"--vram", "nanGiB"}, "between 1MiB and 1024GiB"},
		{[]string{"--vram", "-1GiB"}, "between 1MiB and 1024GiB"},
		{[]string{"--vram", "1e99GiB"}, "between 1MiB and 1024GiB"},
		{[]string{"--kv", "q4_0"}, "--kv must be f16 or q8_0"},
		{[]string{"--context", "-5"}, "--context must be at least 1"},
		{[]string{"--gpu-layers", "-2"}, "--gpu-layers must be -1 or more"},
		{[]string{"--picture", "640"}, "such as 1920x1080"},
		{[]string{"--picture", "0x10"}, "such as 1920x1080"},
		{[]string{"--picture", "1x9999999999999999999"}, "such as 1920x1080"},
		{[]string{"--mmproj", "x.gguf"}, "--mmproj needs --model"},
		{[]string{"--colour"}, "flag provided but not defined"},
	} {
		code, out, errOut := planned(t, c.args...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, c.says) {
			t.Errorf("%q: code %d, %q, %q", c.args, code, out, errOut)
		}
	}
}

func TestPlanBadFiles(t *testing.T) {
	good := sketched(t, synth.Tiny)
	text := save(t, "notes.gguf", []byte("these are notes"))
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--model", text}, "notes.gguf is not a GGUF model"},
		{[]string{"--model", text + ".gone"}, "is not there"},
		{[]string{"--model", good[1], "--mmproj", text}, "notes.gguf is not a GGUF model"},
		{[]string{"--model", good[1], "--mmproj", good[1]}, "is not a vision file"},
		{[]string{"--model", good[3], "--mmproj", good[3]}, "is not a language model"},
	} {
		code, out, errOut := planned(t, c.args...)
		if code != exitModel || out != "" || !strings.Contains(errOut, c.says) {
			t.Errorf("%q: code %d, %q, %q", c.args, code, out, errOut)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]uint64{
		"5.6GiB": 6_012_954_214, "8 gib": 8 << 30, "800MiB": 800 << 20, "6GB": 6 << 30, "512m": 512 << 20, "1mb": 1 << 20,
	} {
		if got, problem := parseBytes(text); problem != "" || got != want {
			t.Errorf("%s: %d, %s; want %d", text, got, problem, want)
		}
	}
}
