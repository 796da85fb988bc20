package llama

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

	// vicunaTemplate names the speakers in words. LLaVA's language models were trained so.
	vicunaTemplate = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}USER: {{ m.content }} ASSISTANT:" +
		"{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)

// templateFor chooses by the control tokens that a vocabulary has.
func templateFor(has func(control string) bool) string {
	for _, c := range []struct{ control, template string }{
		{"<|im_start|>", chatML},
		{"<start_of_turn>", gemmaTemplate},
		{"<|start_header_id|>", llama3Template},
		{"<|end|>", phiTemplate},
		{"[INST]", mistralTemplate},
	} {
		if has(c.control) {
			return c.template
		}
	}
	return vicunaTemplate
}
