package llama

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
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
	text   string
	typed  bool // by a person or the model: control tokens in it are text like any other
	answer bool // by the model
	image  int  // -1: text
}

// chatTemplate turns messages into the parts of a prompt, by the Jinja template of the model's file.
//
// yzma's pkg/template renders with the same engine, but supplies neither bos_token nor eos_token, which
// many templates print.
type chatTemplate struct {
	compiled *jinja.Template
	bos, eos string
	system   bool   // it has a place for a system message
	stop     string // ends an answer; empty: the model's own tokens alone do
	lists    bool   // it wants a message's content as a list of parts
}

func newChatTemplate(source, bos, eos string) (*chatTemplate, error) {
	if source == "" {
		source = chatML
	}
	compiled, err := jinja.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("the model's chat template: %w", err)
	}
	t := &chatTemplate{compiled: compiled, bos: bos, eos: eos, system: true}
	question := protocol.Message{Role: roleUser, Text: "u"}
	if !t.prints("u", question) {
		// SmolVLM's walks through the content as a list of parts, and prints nothing of a text.
		if t.lists = true; !t.prints("u", question) {
			return nil, errors.New("the model's chat template leaves out what the user says")
		}
	}
	// Some leave a system message out, others refuse it.
	t.system = t.prints("s", protocol.Message{Role: roleSystem, Text: "s"}, question)
	return t, nil
}

// prints tries whether the template prints a message's text.
func (t *chatTemplate) prints(text string, messages ...protocol.Message) bool {
	parts, err := t.parts(messages, false)
	return err == nil && slices.ContainsFunc(parts, func(p part) bool { return p.typed && p.text == text })
}

const (
	roleSystem    = "system"
	roleUser      = "user"
	roleAssistant = "assistant"
)

// parts renders the conversation and opens the assistant's turn; when it is to be continued, the last message is what
// the assistant said there so far. The template never sees what was typed, only placeholders that cannot occur in it;
// so whatever a person types, it cannot become a control token, nor a picture.
//
// A system message that the template has no place for becomes the beginning of the first message of the user. Messages of
// one role that follow one another, because an answer between them was never given, become one where a template demands that
// roles alternate.
func (t *chatTemplate) parts(messages []protocol.Message, open bool) ([]part, error) {
	var nonce [8]byte
	rand.Read(nonce[:]) // never fails
	id := hex.EncodeToString(nonce[:])
	shown := messages
	if open {
		shown = messages[:len(messages)-1]
	}
	turns := t.turns(shown, id)
	rendered, err := t.render(turns)
	if err != nil {
		if joined := join(turns); len(joined) < len(turns) {
			rendered, err = t.render(joined)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the model's chat template: %w", err)
	}
	parts := split(rendered, id, messages)
	if last := messages[len(messages)-1]; open && last.Text != "" {
		parts = append(parts, part{text: last.Text, typed: true, answer: true, image: -1})
	}
	return parts, nil
}

// turn is a message as the template sees it.
type turn struct{ role, content string }

// turns puts placeholders in the place of texts and pictures.
func (t *chatTemplate) turns(messages []protocol.Message, id string) []turn {
	var turns []turn
	image := 0
	before := "" // of the next message of the user
	for i, m := range messages {
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
		turns = append(turns, turn{m.Role, content.String()})
	}
	return turns
}

// join makes one of turns of the same role that follow one another.
func join(turns []turn) []turn {
	var joined []turn
	for _, t := range turns {
		if n := len(joined); n > 0 && joined[n-1].role == t.role {
			joined[n-1].content += "\n\n" + t.content
			continue
		}
		joined = append(joined, t)
	}
	return joined
}

func (t *chatTemplate) render(turns []turn) (string, error) {
	var list []any
	for _, turn := range turns {
		var content any = turn.content
		if t.lists {
			content = []any{map[string]any{"type": "text", "text": turn.content}}
		}
		list = append(list, map[string]any{"role": turn.role, "content": content})
	}
	return t.compiled.Render(map[string]any{
		"messages":              list,
		"add_generation_prompt": true,
		"enable_thinking":       false,
		"bos_token":             t.bos,
		"eos_token":             t.eos,
	})
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
			parts = append(parts, part{text: messages[n].Text, typed: true, answer: messages[n].Role == roleAssistant, image: -1})
		}
	}
	control(rendered[at:])
	return parts
}
