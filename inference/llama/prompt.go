package llama

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"

	"galago/inference/protocol"
)

// part is a piece of the prompt: text, or picture number image of the request.
type part struct {
	text  string
	typed bool // by a person or the model: control tokens in it are text like any other
	image int  // -1: text
}

// chatTemplate turns messages into the parts of a prompt, by the Jinja template of the model's file.
//
// yzma's pkg/template renders with the same engine, but supplies neither bos_token nor eos_token, which
// many templates print.
type chatTemplate struct {
	compiled *jinja.Template
	bos, eos string
}

// chatML is the most common template, for files that bring none.
const chatML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
	"{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

func newChatTemplate(source, bos, eos string) (*chatTemplate, error) {
	if source == "" {
		source = chatML
	}
	compiled, err := jinja.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("the model's chat template: %w", err)
	}
	return &chatTemplate{compiled: compiled, bos: bos, eos: eos}, nil
}

// parts renders the conversation and opens the assistant's turn. The template never sees what was typed, only
// placeholders that cannot occur in it; so whatever a person types, it cannot become a control token, nor a picture.
func (t *chatTemplate) parts(messages []protocol.Message) ([]part, error) {
	var nonce [8]byte
	rand.Read(nonce[:]) // never fails
	id := hex.EncodeToString(nonce[:])
	image := 0
	list := make([]any, len(messages))
	for i, m := range messages {
		var content strings.Builder
		for range m.Images {
			fmt.Fprintf(&content, "[%s-image-%d]", id, image)
			image++
		}
		if m.Text != "" {
			fmt.Fprintf(&content, "[%s-text-%d]", id, i)
		}
		list[i] = map[string]any{"role": m.Role, "content": content.String()}
	}
	rendered, err := t.compiled.Render(map[string]any{
		"messages":              list,
		"add_generation_prompt": true,
		"enable_thinking":       false,
		"bos_token":             t.bos,
		"eos_token":             t.eos,
	})
	if err != nil {
		return nil, fmt.Errorf("the model's chat template: %w", err)
	}
	return split(rendered, id, messages), nil
}

// split cuts the rendered template at its placeholders.
func split(rendered, id string, messages []protocol.Message) []part {
	var parts []part
	control := func(s string) {
		if s != "" {
			parts = append(parts, part{text: s, image: -1})
		}
	}
	at := 0
	for _, m := range regexp.MustCompile(`\[`+id+`-(text|image)-(\d+)\]`).FindAllStringSubmatchIndex(rendered, -1) {
		control(rendered[at:m[0]])
		at = m[1]
		n, _ := strconv.Atoi(rendered[m[4]:m[5]])
		if rendered[m[2]:m[3]] == "image" {
			parts = append(parts, part{image: n})
		} else {
			parts = append(parts, part{text: messages[n].Text, typed: true, image: -1})
		}
	}
	control(rendered[at:])
	return parts
}
