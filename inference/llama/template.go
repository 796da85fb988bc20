package llama

import (
	"regexp"
	"strings"
)

// Chat templates for files that bring none.
const (
	// chatML is the most common one.
	chatML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
		"{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

	// Gemma has no role for the system.
	gemmaTemplate = "{{ bos_token }}{% for m in messages %}{% if m.role != 'system' %}<start_of_turn>" +
		"{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content }}<end_of_turn>\n{% endif %}{% endfor %}" +
		"{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"

	llama3Template = "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}" +
		"{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"

	phiTemplate = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}" +
		"{% if add_generation_prompt %}<|assistant|>\n{% endif %}"

	mistralTemplate = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]" +
		"{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"

	// plainTemplate is for models that were never taught to talk: they go on with the text that they are given, and this
	// text makes an answer the likeliest. An answer begins with its space, as the model writes it.
	plainTemplate = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}Question: {{ m.content }}\n\nAnswer:" +
		"{% elif m.role == 'assistant' %}{{ m.content }}\n\n{% endif %}{% endfor %}"
	plainStop = "\nQuestion:" // they would ask the next question as well

	// vicunaTemplate names the speakers in words. LLaVA's language models were trained so.
	vicunaTemplate = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}USER: {{ m.content }} ASSISTANT:" +
		"{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)

// talks finds in a model's names that it was taught to talk.
var talks = regexp.MustCompile(`(?i)(^|[^a-z])(it|instruct|chat|assistant|thinking|reasoning|llava|vicuna|sft|dpo|rlhf)([^a-z]|$)`)

// templateFor chooses a template for a file that brings none: by the control tokens that its vocabulary has, as
// vocabularies go with templates. A model that goes by names that say nothing of talking has the tokens and does not know
// what they are for; unless it has eyes, which are always taught by talking.
func templateFor(has func(control string) bool, eyes bool, names ...string) (source, stop string) {
	if !eyes && !talks.MatchString(strings.Join(names, " ")) {
		return plainTemplate, plainStop
	}
	for _, c := range []struct{ control, template string }{
		{"<|im_start|>", chatML},
		{"<start_of_turn>", gemmaTemplate},
		{"<|start_header_id|>", llama3Template},
		{"<|end|>", phiTemplate},
		{"[INST]", mistralTemplate},
	} {
		if has(c.control) {
			return c.template, ""
		}
	}
	return vicunaTemplate, ""
}

// stopper ends an answer where a text begins that belongs to the next turn. The zero stopper stops nowhere.
type stopper struct {
	at   string // begins with a line feed
	held string // what may be the beginning of it, line feeds before it included
}

// add takes what was said and returns what can be shown, and whether the answer is at its end.
func (s *stopper) add(text string) (shown string, end bool) {
	if s.at == "" {
		return text, false
	}
	s.held += text
	if before, _, found := strings.Cut(s.held, s.at); found {
		s.held = ""
		return strings.TrimRight(before, "\n"), true
	}
	keep := len(s.held)
	for n := min(len(s.at)-1, len(s.held)); n > 0; n-- {
		if strings.HasSuffix(s.held, s.at[:n]) {
			keep = len(s.held) - n
			break
		}
	}
	shown = strings.TrimRight(s.held[:keep], "\n")
	s.held = s.held[len(shown):]
	return shown, false
}
