package protocol

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A frame on the wire, big endian:
//
//	0  4 bytes  the letters GLG1
//	4  1 byte   kind
//	5  4 bytes  length of the JSON message
//	9  4 bytes  length of the blob
//	13          the message, then the blob
//
// The letters let a reader tell a stray printf on the pipe from a frame at once.
const (
	magic      = "GLG1"
	headerSize = 13

	// MaxMessage is the longest JSON message in bytes: far above any conversation, far below harm.
	MaxMessage = 16 << 20
	// MaxBlob is the longest blob in bytes: 16 pictures of 4096 tokens of 32x32 pixels fit in three bytes a pixel.
	MaxBlob = 256 << 20
)

// ErrGarbage is wrapped by every error that says that the other side does not speak frames.
var ErrGarbage = errors.New("not a frame of this protocol")

// Frame is one message with its blob.
type Frame struct {
	Kind    Kind
	Message []byte // JSON
	Blob    []byte // only Ask and Count have one
}

// Decode fills v from the frame's message.
func (f Frame) Decode(v any) error {
	if err := json.Unmarshal(f.Message, v); err != nil {
		return fmt.Errorf("%w: message of kind %d: %v", ErrGarbage, f.Kind, err)
	}
	return nil
}

// Read takes one frame from r. It returns io.EOF at the end of r between frames, io.ErrUnexpectedEOF inside one,
// and an error wrapping ErrGarbage for anything that is no frame or too long.
func Read(r io.Reader) (Frame, error) {
	var head [headerSize]byte
	// The letters alone first: garbage may be shorter than a header, and nothing comes after it.
	if _, err := io.ReadFull(r, head[:len(magic)]); err != nil {
		return Frame{}, err
	}
	if string(head[:len(magic)]) != magic {
		return Frame{}, fmt.Errorf("%w: it starts with %q", ErrGarbage, head[:len(magic)])
	}
	if _, err := io.ReadFull(r, head[len(magic):]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	kind := Kind(head[4])
	nMessage, nBlob := binary.BigEndian.Uint32(head[5:]), binary.BigEndian.Uint32(head[9:])
	if kind == 0 || nMessage > MaxMessage || nBlob > MaxBlob {
		return Frame{}, fmt.Errorf("%w: kind %d with a message of %d and a blob of %d bytes", ErrGarbage, kind, nMessage, nBlob)
	}
	message, err := readN(r, int(nMessage))
	if err != nil {
		return Frame{}, err
	}
	blob, err := readN(r, int(nBlob))
	if err != nil {
		return Frame{}, err
	}
	return Frame{Kind: kind, Message: message, Blob: blob}, nil
}

// readN reads n bytes. Memory grows with what arrives, not with what was announced.
func readN(r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	buf := make([]byte, 0, min(n, step))
	for len(buf) < n {
		at := len(buf)
		buf = append(buf, make([]byte, min(n-at, max(step, at)))...)
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buf, nil
}

// Writer writes frames. It may be used by several goroutines; a frame is never torn.
type Writer struct {
	mu sync.Mutex // owns w
	w  io.Writer
}

// NewWriter returns a Writer to w. It does not buffer.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write sends one frame: message as JSON, then the parts of the blob.
func (w *Writer) Write(kind Kind, message any, blob ...[]byte) error {
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("message of kind %d: %w", kind, err)
	}
	nBlob := 0
	for _, b := range blob {
		nBlob += len(b)
	}
	if len(body) > MaxMessage || nBlob > MaxBlob {
		return fmt.Errorf("a message of %d bytes with a blob of %d bytes is too long to send", len(body), nBlob)
	}
	head := make([]byte, headerSize, headerSize+len(body))
	copy(head, magic)
	head[4] = byte(kind)
	binary.BigEndian.PutUint32(head[5:], uint32(len(body)))
	binary.BigEndian.PutUint32(head[9:], uint32(nBlob))
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.w.Write(append(head, body...)); err != nil {
		return err
	}
	for _, b := range blob {
		if _, err := w.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
