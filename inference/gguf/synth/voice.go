package synth

import "fmt"

// voice is how a family writes text: its tokenizer, the control tokens that llama.cpp looks for, and its chat template.
// Only as many words as it needs: the 256 bytes, some letters, the control tokens.
type voice struct {
	sentencePiece bool   // else GPT-2's byte pairs
	pre           string // how text is cut before byte pairs are joined
	spaced        bool   // SentencePiece: a space before the first word
	bos, eos      string // among control
	end           string // of a turn; empty: eos
	addBOS        bool
	control       []string
	template      string // as published, less what has to do with tools; empty: the file brings none
}

var (
	gemmaVoice = voice{
		sentencePiece: true, bos: "<bos>", eos: "<eos>", end: "<end_of_turn>", addBOS: true,
		control: []string{"<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"},
		// It has no role for the system: what it says goes before the first question. Roles must alternate.
		template: `{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set first = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set first = "" -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}{%- set role = "model" -%}{%- else -%}{%- set role = message['role'] -%}{%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\n' }}
{%- endif -%}`,
	}
	smolVoice = voice{
		pre: "smollm", bos: "<|im_start|>", eos: "<end_of_utterance>",
		control: append([]string{
			"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<end_of_utterance>", "<fake_token_around_image>", "<global-img>", "<image>",
		}, grid("<row_%d_col_%d>", 6)...),
		// It wants the content of a message as a list of parts, and takes nothing from a plain text.
		template: `<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}` +
			`{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}` +
			`{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}` +
			`{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>` + "\n" +
			`{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}`,
	}
	internVoice = voice{
		pre: "qwen2", bos: "<|endoftext|>", eos: "<|im_end|>",
		control:  []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"},
		template: chatML,
	}
	pixtralVoice = voice{
		pre: "tekken", bos: "<s>", eos: "</s>", addBOS: true,
		control: []string{"<s>", "</s>", "[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"},
		template: `{{- bos_token }}{%- for message in messages %}` +
			`{%- if message.role == 'user' %}{{- '[INST]' }}{%- if message.content is string %}{{- message.content }}{%- else %}` +
			`{%- for block in message.content %}{%- if block.type == 'text' %}{{- block.text }}{%- else %}{{- '[IMG]' }}{%- endif %}{%- endfor %}` +
			`{%- endif %}{{- '[/INST]' }}` +
			`{%- elif message.role == 'system' %}{{- '[SYSTEM_PROMPT]' + message.content + '[/SYSTEM_PROMPT]' }}` +
			`{%- elif message.role == 'assistant' %}{{- message.content + eos_token }}` +
			`{%- else %}{{- raise_exception('Only user, system and assistant roles are supported!') }}{%- endif %}{%- endfor %}`,
	}
	lfmVoice = voice{
		pre: "lfm2", bos: "<|startoftext|>", eos: "<|im_end|>", addBOS: true,
		control: append([]string{
			"<|pad|>", "<|startoftext|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>",
			"<|image_start|>", "<|image_end|>", "<|img_thumbnail|>",
		}, grid("<|img_row_%d_col_%d|>", 10)...),
		template: "{{- bos_token -}}{% for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}{% endfor %}" +
			"{% if add_generation_prompt %}{{- '<|im_start|>assistant\n' -}}{% endif %}",
	}
	// LLaVA's files are older than templates in files.
	llavaVoice = voice{sentencePiece: true, spaced: true, bos: "<s>", eos: "</s>", addBOS: true, control: []string{"<s>", "</s>"}}
)

const chatML = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

// grid names the places of n by n tiles.
func grid(format string, n int) []string {
	var names []string
	for row := range n {
		for column := range n {
			names = append(names, fmt.Sprintf(format, row+1, column+1))
		}
	}
	return names
}

// The kinds of tokens, as in llama.h.
const (
	tokenNormal  = 1
	tokenUnknown = 2
	tokenControl = 3
	tokenByte    = 6
)

// write writes the vocabulary and says how large it is.
func (v voice) write(f *file) (size int64) {
	var (
		tokens []string
		kinds  []int32
		scores []float32
		at     = map[string]uint32{}
	)
	put := func(s string, kind int32) {
		at[s] = uint32(len(tokens))
		tokens, kinds, scores = append(tokens, s), append(kinds, kind), append(scores, -float32(len(scores)))
	}
	if v.sentencePiece {
		put("<unk>", tokenUnknown)
		for _, s := range v.control {
			put(s, tokenControl)
		}
		for b := range 256 {
			put(fmt.Sprintf("<0x%02X>", b), tokenByte)
		}
		put("▁", tokenNormal)
		for c := '!'; c <= '~'; c++ {
			put(string(c), tokenNormal)
		}
		put("▁t", tokenNormal)
		put("th", tokenNormal)
		put("he", tokenNormal)
		put("▁th", tokenNormal)
		put("▁the", tokenNormal)
		f.set("tokenizer.ggml.model", "llama")
		f.set("tokenizer.ggml.pre", "default")
		f.set("tokenizer.ggml.add_space_prefix", v.spaced)
		f.set("tokenizer.ggml.scores", scores)
	} else {
		for b := range 256 {
			put(string(byteRune(b)), tokenNormal)
		}
		put("th", tokenNormal)
		put("ĊĊ", tokenNormal)
		for _, s := range v.control {
			put(s, tokenControl)
		}
		f.set("tokenizer.ggml.model", "gpt2")
		f.set("tokenizer.ggml.pre", v.pre)
		f.set("tokenizer.ggml.merges", []string{"t h", "Ċ Ċ"})
	}
	f.set("tokenizer.ggml.tokens", tokens)
	f.set("tokenizer.ggml.token_type", kinds)
	f.set("tokenizer.ggml.bos_token_id", at[v.bos])
	f.set("tokenizer.ggml.eos_token_id", at[v.eos])
	if v.end != "" {
		f.set("tokenizer.ggml.eot_token_id", at[v.end])
	}
	f.set("tokenizer.ggml.add_bos_token", v.addBOS)
	if v.template != "" {
		f.set("tokenizer.chat_template", v.template)
	}
	return int64(len(tokens))
}
