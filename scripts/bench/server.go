//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is llama-server, driven as its own web page drives it: one request with the whole conversation, pictures as data
// addresses, the answer as a stream of events.
type server struct {
	options
	address string
	cmd     *exec.Cmd
	over    chan struct{}
}

func (s *server) launch(m model) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	s.address = "http://" + listener.Addr().String()
	log, err := os.OpenFile(filepath.Join(s.scratch, "llama-server.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(s.peers, "llama-server"), append(peerFlags(m, s.threads),
		"--host", "127.0.0.1", "--port", strconv.Itoa(port), "-np", "1", "--offline")...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	over := make(chan struct{})
	s.over = over
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(over) }(s.cmd)
	return nil
}

// peerFlags are those that llama.cpp's programs have in common. All else is their default: a prompt cache of 8 GiB, flash attention
// chosen by llama.cpp, f16 for the KV cache, the model mapped.
func peerFlags(m model, threads int) []string {
	return []string{
		"-m", m.path, "--mmproj", m.mmproj, "-c", strconv.Itoa(m.context), "-t", strconv.Itoa(threads),
		"--image-min-tokens", strconv.Itoa(m.minTokens), "--image-max-tokens", strconv.Itoa(m.maxTokens),
	}
}

func (s *server) ready(ctx context.Context) error {
	for {
		if r, err := http.Get(s.address + "/health"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.over:
			return fmt.Errorf("llama-server ended, see %s", filepath.Join(s.scratch, "llama-server.log"))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *server) process() int { return s.cmd.Process.Pid }

func (s *server) quit() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.over
	s.cmd = nil
}

// body is the request that a question makes.
func body(q question) ([]byte, error) {
	type part map[string]any
	var messages []part
	for _, t := range q.turns {
		var content any = t.text
		if t.picture != nil {
			content = []part{
				{"type": "image_url", "image_url": part{"url": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(t.picture)}},
				{"type": "text", "text": t.text},
			}
		}
		messages = append(messages, part{"role": t.role, "content": content})
	}
	return json.Marshal(part{
		"messages": messages, "stream": true, "cache_prompt": true, "temperature": 0, "max_tokens": q.tokens, "timings_per_token": true,
	})
}

// event is what is wanted of one piece of the stream.
type event struct {
	Choices []struct{ Delta struct{ Content string } }
	Timings *struct {
		Cached    int `json:"cache_n"`
		Prompt    int `json:"prompt_n"`
		Predicted int `json:"predicted_n"`
	}
	Error *struct{ Message string }
}

func (s *server) ask(ctx context.Context, q question) (answer, error) {
	begin := time.Now()
	var a answer
	if err := s.ready(ctx); err != nil {
		return a, err
	}
	data, err := body(q)
	if err != nil {
		return a, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address+"/v1/chat/completions", bytes.NewReader(data))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return a, unlessEnded(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(response.Body)
		return a, fmt.Errorf("llama-server answered %s: %s", response.Status, words)
	}
	err = s.read(response.Body, q, &a, begin)
	if a.end = time.Since(begin); a.first == 0 {
		a.first = a.end
	}
	return a, unlessEnded(ctx, err)
}

func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// read takes the stream's events.
func (s *server) read(from io.Reader, q question, a *answer, begin time.Time) error {
	var text strings.Builder
	defer func() { a.text = text.String() }()
	lines, pieces := bufio.NewScanner(from), 0
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		a.received += int64(len(lines.Bytes())) + 1
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("llama-server's stream: %w", err)
		}
		if e.Error != nil {
			return fmt.Errorf("llama-server: %s", e.Error.Message)
		}
		if t := e.Timings; t != nil {
			a.tokens, a.prompt, a.reused = t.Predicted, t.Prompt+t.Cached, t.Cached
		}
		if len(e.Choices) == 0 || e.Choices[0].Delta.Content == "" {
			continue
		}
		if pieces++; pieces == 1 {
			a.first = time.Since(begin)
		}
		text.WriteString(e.Choices[0].Delta.Content)
		if q.piece != nil {
			q.piece(pieces)
		}
	}
	return lines.Err()
}
