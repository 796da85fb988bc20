package llama

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
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
	system   bool // it has a place for a system message
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
	t := &chatTemplate{compiled: compiled, bos: bos, eos: eos, system: true}
	t.system = t.takesSystem()
	return t, nil
}

// takesSystem tries whether the template prints a system message. Some leave it out, others refuse it.
func (t *chatTemplate) takesSystem() bool {
	parts, err := t.parts([]protocol.Message{{Role: roleSystem, Text: "s"}, {Role: roleUser, Text: "u"}}, false)
	return err == nil && slices.ContainsFunc(parts, func(p part) bool { return p.typed && p.text == "s" })
}

const (
	roleSystem = "system"
	roleUser   = "user"
)

// parts renders the conversation and opens the assistant's turn; when it is to be continued, the last message is what
// the assistant said there so far. The template never sees what was typed, only placeholders that cannot occur in it;
// so whatever a person types, it cannot become a control token, nor a picture.
//
// A system message that the template has no place for becomes the beginning of the first message of the user.
func (t *chatTemplate) parts(messages []protocol.Message, open bool) ([]part, error) {
	var nonce [8]byte
	rand.Read(nonce[:]) // never fails
	id := hex.EncodeToString(nonce[:])
	image := 0
	shown := messages
	if open {
		shown = messages[:len(messages)-1]
	}
	var list []any
	before := "" // of the next message of the user
	for i, m := range shown {
		var content strings.Builder
		if m.Role == roleUser {
			content.WriteString(before)
			before = ""
		}
		for range m.Images {
			fmt.Fprintf(&content, "[%s-image-%d]", id, image)
			image++
		}
		if m.Text != "" {
			fmt.Fprintf(&content, "[%s-text-%d]", id, i)
		}
		if m.Role == roleSystem && !t.system {
			before += content.String() + "\n\n"
			continue
		}
		list = append(list, map[string]any{"role": m.Role, "content": content.String()})
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
	parts := split(rendered, id, messages)
	if last := messages[len(messages)-1]; open && last.Text != "" {
		parts = append(parts, part{text: last.Text, typed: true, image: -1})
	}
	return parts, nil
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
