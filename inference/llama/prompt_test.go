package llama

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hybridgroup/yzma/pkg/llama"

	"galago/inference/protocol"
)

func TestPromptParts(t *testing.T) {
	tmpl, err := newChatTemplate(chatML, "<s>", "</s>")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tmpl.parts([]protocol.Message{
		{Role: "user", Text: "which one?<|im_end|>", Images: 2},
		{Role: "assistant", Text: "The <__media__> one."},
		{Role: "user", Text: "{{ messages }}"},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []part{
		{text: "<|im_start|>user\n", image: -1},
		{image: 0},
		{image: 1},
		{text: "which one?<|im_end|>", typed: true, image: -1},
		{text: "<|im_end|>\n<|im_start|>assistant\n", image: -1},
		{text: "The <__media__> one.", typed: true, answer: true, image: -1},
		{text: "<|im_end|>\n<|im_start|>user\n", image: -1},
		{text: "{{ messages }}", typed: true, image: -1},
		{text: "<|im_end|>\n<|im_start|>assistant\n", image: -1},
	}
	if len(parts) != len(want) {
		t.Fatalf("%d parts, want %d: %+v", len(parts), len(want), parts)
	}
	for i := range want {
		if parts[i] != want[i] {
			t.Errorf("part %d is %+v, want %+v", i, parts[i], want[i])
		}
	}
}

func TestPromptSuppliesBOSAndEOS(t *testing.T) {
	tmpl, err := newChatTemplate(`{{ bos_token }}{% for m in messages %}{{ m.content | trim }}{{ eos_token }}{% endfor %}`, "<s>", "</s>")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tmpl.parts([]protocol.Message{{Role: "user", Text: "hi"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) != 3 || parts[0].text != "<s>" || parts[1].text != "hi" || parts[2].text != "</s>" {
		t.Errorf("parts are %+v", parts)
	}
}

func TestPromptWithoutTemplateIsChatML(t *testing.T) {
	tmpl, err := newChatTemplate("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tmpl.parts([]protocol.Message{{Role: "user", Text: "hi"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(parts[0].text, "<|im_start|>user") {
		t.Errorf("parts are %+v", parts)
	}
}

func TestBrokenTemplateIsAnError(t *testing.T) {
	if _, err := newChatTemplate("{% for %}", "", ""); err == nil {
		t.Error("a template that cannot be parsed was taken")
	}
}

func TestCommonPrefix(t *testing.T) {
	tok := func(n llama.Token) piece { return piece{token: n, cells: 1, places: 1} }
	picture := func(hash string, cells int) piece { return piece{image: hash, last: true, cells: cells, places: 8} }
	held := []piece{tok(1), picture("a", 64), tok(2), tok(3)}
	for _, c := range []struct {
		name string
		want []piece
		keep int
	}{
		{"the same: the last is decoded again", held, 3},
		{"longer", append(held[:4:4], tok(4), tok(5)), 4},
		{"another picture", []piece{tok(1), picture("b", 64), tok(2), tok(3)}, 1},
		{"the same picture at another size", []piece{tok(1), picture("a", 32), tok(2)}, 1},
		{"nothing in common", []piece{tok(9), tok(8)}, 0},
		{"one token", []piece{tok(1)}, 0},
	} {
		if got := commonPrefix(held, c.want); got != c.keep {
			t.Errorf("%s: %d pieces are kept, want %d", c.name, got, c.keep)
		}
	}
	cells, images, end := extent(held)
	if cells != 67 || images != 1 || end != 11 {
		t.Errorf("extent is %d cells, %d pictures, position %d; want 67, 1, 11", cells, images, end)
	}
}

func TestPendingHoldsBackHalfCharacters(t *testing.T) {
	const text = "a é € 😀 z"
	for step := 1; step <= 5; step++ {
		var p pending
		var got strings.Builder
		for i := 0; i < len(text); i += step {
			s := p.add([]byte(text[i:min(i+step, len(text))]))
			if !utf8.ValidString(s) {
				t.Fatalf("in steps of %d bytes, %q came out", step, s)
			}
			got.WriteString(s)
		}
		if got.String()+p.rest() != text {
			t.Errorf("in steps of %d bytes: %q", step, got.String()+p.rest())
		}
	}
	var p pending
	if s := p.add([]byte("x\xff")) + p.add([]byte("y\xe2\x82")) + p.rest(); s != "x\ufffdy\ufffd" {
		t.Errorf("bytes that are no UTF-8 become %q", s)
	}
}

func TestPromptOfAnAnswerToGoOnWith(t *testing.T) {
	tmpl, err := newChatTemplate(chatML, "", "")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tmpl.parts([]protocol.Message{{Role: "user", Text: "which?"}, {Role: "assistant", Text: "The<|im_end|>"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parts); n != 4 || parts[2].text != "<|im_end|>\n<|im_start|>assistant\n" || parts[3] != (part{text: "The<|im_end|>", typed: true, answer: true, image: -1}) {
		t.Errorf("parts are %+v", parts)
	}
}

func TestSystemPromptWithoutAPlaceForIt(t *testing.T) {
	for name, source := range map[string]string{
		"left out": `{% for m in messages %}{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endif %}{% endfor %}`,
		"refused": `{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}` +
			`{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}`,
	} {
		tmpl, err := newChatTemplate(source, "", "")
		if err != nil {
			t.Fatal(err)
		}
		parts, err := tmpl.parts([]protocol.Message{
			{Role: "system", Text: "Be terse."},
			{Role: "user", Text: "which?", Images: 1},
			{Role: "assistant", Text: "That."},
			{Role: "user", Text: "why?"},
		}, false)
		var text strings.Builder
		for _, p := range parts {
			if p.image >= 0 {
				text.WriteString("[picture]")
			}
			text.WriteString(p.text)
		}
		if want := "<user>Be terse.\n\n[picture]which?<assistant>That.<user>why?"; err != nil || text.String() != want {
			t.Errorf("%s: %q, %v; want %q", name, text.String(), err, want)
		}
	}
}

// prompted is a prompt as one text, pictures named.
func prompted(parts []part) string {
	var text strings.Builder
	for _, p := range parts {
		if p.image >= 0 {
			fmt.Fprintf(&text, "[picture %d]", p.image)
		}
		text.WriteString(p.text)
	}
	return text.String()
}

// SmolVLM's template takes a message's content as a list of parts: given a text, it prints nothing of it.
func TestTemplateThatWantsAListOfParts(t *testing.T) {
	tmpl, err := newChatTemplate(`{% for m in messages %}{{ m.role | capitalize }}: {% for line in m.content %}`+
		`{% if line.type == 'text' %}{{ line.text }}{% elif line.type == 'image' %}<image>{% endif %}{% endfor %}<end>`+"\n"+
		`{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}`, "", "")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tmpl.parts([]protocol.Message{
		{Role: "system", Text: "Be terse."},
		{Role: "user", Text: "which?", Images: 2},
	}, false)
	if got, want := prompted(parts), "System: Be terse.<end>\nUser: [picture 0][picture 1]which?<end>\nAssistant:"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestTemplateThatLeavesTheQuestionOutIsAnError(t *testing.T) {
	if _, err := newChatTemplate("{% for m in messages %}{{ m.role }}{% endfor %}", "", ""); err == nil {
		t.Error("it was taken")
	}
}

// An answer that failed leaves two questions in a row, which Gemma's template refuses.
func TestQuestionsInARowWhereRolesMustAlternate(t *testing.T) {
	tmpl, err := newChatTemplate(`{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}`+
		`{{ raise_exception('roles must alternate') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}`, "", "")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tmpl.parts([]protocol.Message{{Role: "user", Text: "one", Images: 1}, {Role: "user", Text: "two", Images: 1}}, false)
	if got, want := prompted(parts), "<user>[picture 0]one\n\n[picture 1]two"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestTemplateForAVocabulary(t *testing.T) {
	messages := []protocol.Message{
		{Role: "system", Text: "Be terse."}, {Role: "user", Text: "hi"}, {Role: "assistant", Text: "yes"}, {Role: "user", Text: "why"},
	}
	for control, want := range map[string]string{
		"<|im_start|>": "<|im_start|>system\nBe terse.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n" +
			"<|im_start|>user\nwhy<|im_end|>\n<|im_start|>assistant\n",
		"<start_of_turn>": "<s><start_of_turn>user\nBe terse.\n\nhi<end_of_turn>\n<start_of_turn>model\nyes<end_of_turn>\n" +
			"<start_of_turn>user\nwhy<end_of_turn>\n<start_of_turn>model\n",
		"<|start_header_id|>": "<s><|start_header_id|>system<|end_header_id|>\n\nBe terse.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>" +
			"<|start_header_id|>assistant<|end_header_id|>\n\nyes<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nwhy<|eot_id|>" +
			"<|start_header_id|>assistant<|end_header_id|>\n\n",
		"<|end|>": "<|system|>\nBe terse.<|end|>\n<|user|>\nhi<|end|>\n<|assistant|>\nyes<|end|>\n<|user|>\nwhy<|end|>\n<|assistant|>\n",
		"[INST]":  "<s>[INST] Be terse.\n\nhi [/INST] yes</s>[INST] why [/INST]",
		"none":    "<s>USER: Be terse.\n\nhi ASSISTANT: yes</s>USER: why ASSISTANT:",
	} {
		source, stop := templateFor(func(c string) bool { return c == control }, false, "model-1B-it")
		if seen, _ := templateFor(func(c string) bool { return c == control }, true, "model-1B"); seen != source || stop != "" {
			t.Errorf("%s: another template for a model with eyes, or it stops at %q", control, stop)
		}
		tmpl, err := newChatTemplate(source, "<s>", "</s>")
		if err != nil {
			t.Fatal(err)
		}
		parts, err := tmpl.parts(messages, false)
		if got := prompted(parts); err != nil || got != want {
			t.Errorf("%s:\n%q, %v; want\n%q", control, got, err, want)
		}
	}
}

// A model that was never taught to talk has the control tokens of its sister in its vocabulary, and does not know them.
func TestTemplateForAModelThatOnlyGoesOn(t *testing.T) {
	source, stop := templateFor(func(string) bool { return true }, false, "gemma-3-270m-q4_k_m", "Gemma 3 270m")
	tmpl, err := newChatTemplate(source, "<bos>", "<eos>")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tmpl.parts([]protocol.Message{{Role: "user", Text: "hi"}, {Role: "assistant", Text: " yes"}, {Role: "user", Text: "why"}}, false)
	if got, want := prompted(parts), "<bos>Question: hi\n\nAnswer: yes\n\nQuestion: why\n\nAnswer:"; err != nil || got != want || stop == "" {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for _, name := range []string{"gemma-3-270m-it-Q8_0", "Qwen2.5 0.5B Instruct", "TinyLlama_Chat", "llava-v1.5"} {
		if _, stop := templateFor(func(string) bool { return true }, false, name); stop != "" {
			t.Errorf("%s counts as one that only goes on", name)
		}
	}
}

func TestStopperEndsAnAnswer(t *testing.T) {
	for _, c := range []struct {
		say, want string
		end       bool
	}{
		{" Paris.\n\nQuestion: and", " Paris.", true},
		{"\n\n\nQuestion: and", "", true},
		{"one\n\ntwo\nQuest", "one\n\ntwo\nQuest", false},
		{"Question: is not at the beginning of a line\n", "Question: is not at the beginning of a line\n", false},
		{"a\nQuestions: b", "a\nQuestions: b", false},
	} {
		for step := 1; step <= len(c.say); step++ {
			s := stopper{at: plainStop}
			got, ended := "", false
			for i := 0; i < len(c.say) && !ended; i += step {
				shown, end := s.add(c.say[i:min(i+step, len(c.say))])
				got, ended = got+shown, end
			}
			if got += s.held; got != c.want || ended != c.end {
				t.Errorf("%q in steps of %d: %q, %v; want %q, %v", c.say, step, got, ended, c.want, c.end)
			}
		}
	}
	var never stopper
	if shown, end := never.add("a\nQuestion:"); shown != "a\nQuestion:" || end {
		t.Errorf("the zero stopper: %q, %v", shown, end)
	}
}
