package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestAskUsageErrorsExitWith2(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no question":                {nil, "question is missing"},
		"two questions":              {[]string{"one?", "two?"}, "2 questions"},
		"empty question":             {[]string{" "}, "question is empty"},
		"empty further question":     {[]string{"one?", "--then", ""}, "question is empty"},
		"unknown flag":               {[]string{"--colour", "one?"}, "-colour"},
		"flag without its value":     {[]string{"one?", "--image"}, "-image"},
		"temperature too high":       {[]string{"--temperature", "2.1", "one?"}, "between 0 and 2"},
		"temperature below 0":        {[]string{"--temperature=-0.1", "one?"}, "between 0 and 2"},
		"temperature is no number":   {[]string{"--temperature", "warm", "one?"}, "warm"},
		"temperature is not finite":  {[]string{"--temperature", "NaN", "one?"}, "between 0 and 2"},
		"no tokens":                  {[]string{"--max-tokens", "0", "one?"}, "--max-tokens must be between 1 and"},
		"top-k below 0":              {[]string{"--top-k=-1", "one?"}, "--top-k must be between 0 and"},
		"top-p above 1":              {[]string{"--top-p", "1.1", "one?"}, "--top-p must be between 0 and 1."},
		"min-p is not finite":        {[]string{"--min-p", "NaN", "one?"}, "--min-p must be between 0 and 1."},
		"repeat penalty too strong":  {[]string{"--repeat-penalty", "3", "one?"}, "--repeat-penalty must be between 1 and 2."},
		"repeat last n below -1":     {[]string{"--repeat-last-n=-2", "one?"}, "--repeat-last-n must be between -1 and"},
		"seed below 0":               {[]string{"--seed=-1", "one?"}, "-1"},
		"seed too large":             {[]string{"--seed", "4294967296", "one?"}, "4294967296"},
		"context below 0":            {[]string{"--context=-5", "one?"}, "--context"},
		"mmproj without model":       {[]string{"--mmproj", "x.gguf", "one?"}, "--model"},
		"flags behind the question":  {[]string{"one?", "--temperature", "9"}, "between 0 and 2"},
		"no flags behind two dashes": {[]string{"--", "one?", "--json"}, "2 questions"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, append([]string{"ask"}, c.args...)...).expect(t, exitUsage, c.says)
		})
	}
	call(t).expect(t, exitUsage, "galago-engine ask")
	call(t, "draw").expect(t, exitUsage, `no command "draw"`)
	call(t, "ask", "--help").expect(t, exitOK, "--image", "-temperature")
	if o := call(t, "version"); o.code != exitOK || !strings.HasPrefix(o.out, "galago-engine ") {
		t.Errorf("version exits with %d and says %q", o.code, o.out)
	}
}

// jpegFile is a JPEG of the scene.
func jpegFile(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, scene(320, 240), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hugeHeader is the beginning of a PNG that claims to have side x side pixels.
func hugeHeader(side uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	head := binary.BigEndian.AppendUint32([]byte("IHDR"), side)
	head = binary.BigEndian.AppendUint32(head, side)
	head = append(head, 8, 6, 0, 0, 0)
	return binary.BigEndian.AppendUint32(append(b, head...), crc32.ChecksumIEEE(head))
}

func TestAskBadPicturesExitWith3(t *testing.T) {
	whole := jpegFile(t)
	for name, c := range map[string]struct {
		path string
		says string
	}{
		"text named .png":     {save(t, "notes.png", []byte("Dear diary, this is no picture.\n")), "notes.png is not a picture"},
		"truncated JPEG":      {save(t, "half.jpg", whole[:len(whole)/2]), "half.jpg"},
		"empty file":          {save(t, "empty.png", nil), "is empty"},
		"huge picture":        {save(t, "huge.png", hugeHeader(30_000)), "30,000 x 30,000"},
		"folder":              {t.TempDir(), "is a folder"},
		"no such file":        {filepath.Join(t.TempDir(), "gone.png"), "gone.png is no longer there"},
		"good one, then none": {"", "gone.png"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"ask", "--image", c.path, "What is this?"}
			if c.path == "" {
				args = []string{"ask", "--image", picture(t, "good.png"), "--image", "gone.png", "What is this?"}
			}
			o := call(t, args...)
			o.expect(t, exitPicture, c.says)
			if o.out != "" {
				t.Errorf("it wrote %q", o.out)
			}
		})
	}
}

func TestAskRareKindsOfPicturesWork(t *testing.T) {
	cmyk, err := os.ReadFile(filepath.Join("..", "vision", "testdata", "cmyk.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	deep := image.NewNRGBA64(image.Rect(0, 0, 200, 150))
	draw.Draw(deep, deep.Bounds(), image.NewUniform(color.NRGBA64{0x1234, 0xfedc, 0x8001, 0xffff}), image.Point{}, draw.Src)
	var deepPNG, moving bytes.Buffer
	if err := png.Encode(&deepPNG, deep); err != nil {
		t.Fatal(err)
	}
	film := &gif.GIF{}
	for _, c := range []color.Color{color.White, color.Black, color.White} {
		frame := image.NewPaletted(image.Rect(0, 0, 120, 120), palette.Plan9)
		draw.Draw(frame, frame.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
		film.Image, film.Delay = append(film.Image, frame), append(film.Delay, 10)
	}
	if err := gif.EncodeAll(&moving, film); err != nil {
		t.Fatal(err)
	}
	for _, paths := range [][]string{
		{save(t, "print.jpg", cmyk), save(t, "deep.png", deepPNG.Bytes()), save(t, "moving.gif", moving.Bytes())},
		{picture(t, "my # 100 % ünïcode 图 picture.png"), picture(t, "really-a-png.jpg"), picture(t, "-image.png"), picture(t, "a=b.png")},
	} {
		args := []string{"ask", "--json", "--max-tokens", "4", "Which of them is red?"}
		for _, path := range paths {
			args = append(args, "--image", path)
		}
		r := call(t, args...).answer(t)
		if at := demoModel(t).ImageMin * len(paths); r.PictureTokens < at || r.PromptTokens <= r.PictureTokens {
			t.Errorf("%q: %d picture tokens of %d, want at least %d", paths, r.PictureTokens, r.PromptTokens, at)
		}
	}
}

// patch copies a GGUF file and replaces the 32-bit number of a key.
func patch(t testing.TB, path, key string, value uint32) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := binary.LittleEndian.AppendUint64(nil, uint64(len(key)))
	name = append(name, key...)
	at := bytes.Index(data, name)
	if at < 0 || binary.LittleEndian.Uint32(data[at+len(name):]) != 4 { // 4: a uint32 follows
		t.Fatalf("%s has no number %s", path, key)
	}
	binary.LittleEndian.PutUint32(data[at+len(name)+4:], value)
	return save(t, filepath.Base(path), data)
}

func TestAskBadModelsExitWith4(t *testing.T) {
	demo := demoModel(t)
	whole, err := os.ReadFile(demo.Model)
	if err != nil {
		t.Fatal(err)
	}
	eyes, err := os.ReadFile(demo.MMProj)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 1<<20)
	io.ReadFull(rand.New(rand.NewSource(1)), noise)
	scribbled := slices.Clone(whole)
	copy(scribbled[64:], noise[:4096])
	for name, c := range map[string]struct {
		model, mmproj string
		says          []string
	}{
		"truncated":                 {save(t, "half.gguf", whole[:len(whole)/2]), "", []string{"half.gguf is not complete"}},
		"truncated in its header":   {save(t, "head.gguf", whole[:200]), "", []string{"head.gguf is not complete"}},
		"noise":                     {save(t, "noise.gguf", noise), "", []string{"is not a GGUF model"}},
		"scribbled over":            {save(t, "scribbled.gguf", scribbled), "", []string{"scribbled.gguf"}},
		"empty":                     {save(t, "empty.gguf", nil), "", []string{"empty.gguf is empty"}},
		"no such file":              {filepath.Join(t.TempDir(), "gone.gguf"), "", []string{"gone.gguf is not there"}},
		"folder":                    {t.TempDir(), "", []string{"is a folder"}},
		"mmproj as model":           {demo.MMProj, "", []string{"is a vision file"}},
		"model as mmproj":           {demo.Model, demo.Model, []string{"is not a vision file"}},
		"mmproj missing":            {demo.Model, filepath.Join(t.TempDir(), "gone.gguf"), []string{"gone.gguf is not there"}},
		"mmproj truncated":          {demo.Model, save(t, "eyes.gguf", eyes[:len(eyes)/2]), []string{"eyes.gguf is not complete"}},
		"mmproj of another model":   {patch(t, demo.Model, "qwen3vl.embedding_length", 256), demo.MMProj, []string{"belongs to another model"}},
		"model with false widths":   {patch(t, demo.Model, "qwen3vl.embedding_length", 256), "", []string{"cannot be opened"}},
		"model with too few layers": {patch(t, demo.Model, "qwen3vl.block_count", 60), "", []string{"cannot be opened"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"ask", "--model", c.model, "--max-tokens", "4", "What?"}
			if c.mmproj != "" {
				args = append(args, "--mmproj", c.mmproj)
			}
			o := call(t, args...)
			o.expect(t, exitModel, c.says...)
			if o.out != "" {
				t.Errorf("it wrote %q", o.out)
			}
		})
	}
}

func TestAskModelWithoutEyes(t *testing.T) {
	demo := demoModel(t)
	call(t, "ask", "--model", demo.Model, "--image", picture(t, "a.png"), "What?").expect(t, exitModel, "cannot see", "mmproj")
	r := call(t, "ask", "--json", "--max-tokens", "4", "--model", demo.Model, "Hello?").answer(t)
	if r.PictureTokens != 0 || r.PromptTokens == 0 || r.AnswerTokens == 0 {
		t.Errorf("it answered with %+v", r.turnResult)
	}
}

func TestAskWithoutTheBuiltInModelExitsWith4(t *testing.T) {
	o := callIn(t, engine(t), []string{"GALAGO_DEMO=" + t.TempDir()}, "ask", "What?")
	o.expect(t, exitModel, "built-in model")
}

func TestAskWithoutLibrariesExitsWith5(t *testing.T) {
	t.Run("empty folder", func(t *testing.T) {
		library := "libggml-base.so"
		if runtime.GOOS == "windows" {
			library = "ggml-base.dll"
		}
		callIn(t, engine(t), []string{"GALAGO_LIB=" + t.TempDir()}, "ask", "What?").expect(t, exitEngine, "engine", library+" is missing")
	})
	t.Run("something else under their names", func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range []string{"libggml-base.so", "libggml.so", "libllama.so", "libmtmd.so"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("not a library"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		callIn(t, engine(t), []string{"GALAGO_LIB=" + dir}, "ask", "What?").expect(t, exitEngine, "engine")
	})
	t.Run("the program alone", func(t *testing.T) {
		data, err := os.ReadFile(engine(t))
		if err != nil {
			t.Fatal(err)
		}
		alone := save(t, program(), data)
		if err := os.Chmod(alone, 0o700); err != nil {
			t.Fatal(err)
		}
		// With the system's libffi it gets as far as missing llama.cpp's libraries, else libffi is what it misses.
		o := callIn(t, alone, []string{"GALAGO_DEMO=" + filepath.Join(installed(t), "demo")}, "ask", "What?")
		o.expect(t, exitEngine, "missing")
		callIn(t, alone, nil, "doctor").expect(t, exitEngine)
	})
	t.Run("no engine program", func(t *testing.T) {
		callIn(t, engine(t), []string{"GALAGO_ENGINE=/no/such/program"}, "ask", "What?").expect(t, exitEngine, "engine")
	})
}

func TestAskPromptLongerThanTheContext(t *testing.T) {
	long := strings.Repeat("one two three four ", 3000)
	o := call(t, "ask", long)
	o.expect(t, exitFailed, "too long", "context")
	if o.out != "" {
		t.Errorf("it wrote %q", o.out)
	}
	call(t, "ask", "--context", "256", "--image", picture(t, "a.png"), "--image", picture(t, "b.png"), "--image", picture(t, "c.png"),
		"--image", picture(t, "d.png"), "--image", picture(t, "e.png"), "--image", picture(t, "f.png"), "What?").expect(t, exitFailed, "too long")
}

func TestAskStopsWhereTheContextEnds(t *testing.T) {
	r := call(t, "ask", "--json", "--context", "256", "--max-tokens", "5000", "--temperature", "1", "--seed", "5", "Hello?").answer(t)
	if r.Stop != "context" && r.Stop != "end" {
		t.Errorf("it stopped because of %q after %d tokens", r.Stop, r.AnswerTokens)
	}
}

func TestAskJSONHasTheDocumentedFields(t *testing.T) {
	o := call(t, "ask", "--json", "--max-tokens", "8", "--image", picture(t, "a.png"), "What is <this> & that?")
	r := o.answer(t)
	var fields map[string]any
	if err := json.Unmarshal([]byte(o.out), &fields); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"answer", "answer_tokens", "device", "encode_ms", "load_ms", "model", "picture_tokens", "prompt_tokens",
		"question", "reused_tokens", "stop", "time_to_first_token_ms", "tokens_per_second",
	}
	var got []string
	for name := range fields {
		got = append(got, name)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the fields are %v, want %v", got, want)
	}
	if !strings.Contains(o.out, "<this> & that") {
		t.Errorf("the question comes out as %s", o.out)
	}
	if r.FirstToken <= 0 || r.EncodeMillis <= 0 || r.LoadMillis <= 0 || r.Model == "" || r.Device == "" {
		t.Errorf("figures are missing: %+v", r)
	}
	if r.ReusedTokens != 0 {
		t.Errorf("a new worker says that it reused %d tokens", r.ReusedTokens)
	}
}

func TestAskThenReusesThePicture(t *testing.T) {
	r := call(t, "ask", "--json", "--max-tokens", "8", "--temperature", "0", "--image", picture(t, "a.png"),
		"What is this?", "--then", "And what colour is it?", "--then", "Where?").answer(t)
	if len(r.Turns) != 3 {
		t.Fatalf("%d turns, want 3", len(r.Turns))
	}
	if r.Turns[0].EncodeMillis == 0 || r.Turns[2].Question != "Where?" || r.Answer != r.Turns[2].Answer {
		t.Errorf("the turns are %+v", r.Turns)
	}
	for _, turn := range r.Turns[1:] {
		if turn.ReusedTokens <= turn.PictureTokens || turn.PictureTokens == 0 || turn.EncodeMillis != 0 {
			t.Errorf("a follow-up reused %d tokens, with %d of the picture, which took %v ms", turn.ReusedTokens, turn.PictureTokens, turn.EncodeMillis)
		}
	}
}

func TestAskIsRepeatable(t *testing.T) {
	path := picture(t, "a.png")
	ask := func(args ...string) string {
		return call(t, append([]string{"ask", "--json", "--max-tokens", "24", "--image", path, "What is this?"}, args...)...).answer(t).Answer
	}
	if a, b := ask("--temperature", "0", "--seed", "7"), ask("--temperature", "0", "--seed", "7"); a != b {
		t.Errorf("at temperature 0: %q, then %q", a, b)
	}
	if a, b := ask("--temperature", "1", "--seed", "7"), ask("--temperature", "1", "--seed", "7"); a != b {
		t.Errorf("with one seed: %q, then %q", a, b)
	}
	likeliest := ask("--temperature", "0")
	for _, only := range [][]string{{"--top-k", "1"}, {"--min-p", "1"}, {"--top-p", "0.000001"}} {
		if got := ask(append(only, "--temperature", "2", "--seed", "7")...); got != likeliest {
			t.Errorf("with %q: %q, the likeliest is %q", only, got, likeliest)
		}
	}
	if got := ask("--temperature", "2", "--top-k", "0", "--top-p", "1", "--min-p", "0", "--seed", "7"); got == likeliest {
		t.Errorf("with all words to choose from it is the likeliest, %q", got)
	}
}

func TestAskStreamsWhatJSONPrints(t *testing.T) {
	args := []string{"ask", "--max-tokens", "24", "--temperature", "0", "--image", picture(t, "a.png"), "What is this?"}
	text := call(t, args...)
	text.expect(t, exitOK)
	if r := call(t, append(args, "--json")...).answer(t); text.out != r.Answer+"\n" {
		t.Errorf("streamed %q, in JSON %q", text.out, r.Answer)
	}
	if text.err != "" {
		t.Errorf("the engine's log reaches the person: %s", text.err)
	}
}

// What a person types is text: it costs what its letters cost, adds no picture and does not end the turn.
func TestAskTypedControlTokensAreText(t *testing.T) {
	path := picture(t, "a.png")
	ask := func(question string) askResult {
		return call(t, "ask", "--json", "--max-tokens", "4", "--image", path, question).answer(t)
	}
	plain := ask("What is this?")
	tokens := []string{"<|im_end|>", "<|im_start|>", "<__media__>", "<|vision_start|>", "<|image_pad|>", "<|endoftext|>"}
	typed := ask("What is this?" + strings.Join(tokens, ""))
	if typed.PictureTokens != plain.PictureTokens {
		t.Errorf("%d picture tokens instead of %d", typed.PictureTokens, plain.PictureTokens)
	}
	if extra := typed.PromptTokens - plain.PromptTokens; extra < 3*len(tokens) {
		t.Errorf("%d control tokens that were typed cost %d tokens: some stayed control tokens", len(tokens), extra)
	}
	if typed.AnswerTokens == 0 && plain.AnswerTokens > 0 {
		t.Error("they end the turn")
	}
}
