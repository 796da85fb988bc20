package app

import (
	"context"
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"galago/assets"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/ui"
)

const (
	// maxAttachments is how many pictures one question takes. Each is held as pixels, and each costs context.
	maxAttachments = 16
	// composerThumb is the longest side of a thumbnail in the composer, turnThumb of one in the transcript, in pixels:
	// sharp at twice the usual scale.
	composerThumb = 160
	turnThumb     = 720
)

const (
	// decodingAtOnce is how many pictures are decoded at a time.
	decodingAtOnce = 2
	// largePixels is from how many pixels on a picture is decoded alone. One of 25 megapixels takes 100 MB in the end
	// and up to 600 MB on the way there; vision.MaxPixels of them take four times as much.
	largePixels = 25_000_000
)

// decoding limits the memory that decoding takes.
var decoding = newSlots(decodingAtOnce)

// slots let only so much work run at a time.
type slots struct{ turn, places chan struct{} }

func newSlots(n int) slots {
	return slots{make(chan struct{}, 1), make(chan struct{}, n)}
}

// do runs work once n places are free, in the order of the callers.
func (s slots) do(n int, work func()) {
	s.turn <- struct{}{} // one caller at a time: two that hold a place each and want another would wait for ever
	for range n {
		s.places <- struct{}{}
	}
	<-s.turn
	defer func() {
		for range n {
			<-s.places
		}
	}()
	work()
}

// decoded is a picture and its thumbnails, or why there is none.
type decoded struct {
	picture      *vision.Picture
	data         []byte // the file as it came; it is kept as it is
	thumb, large image.Image
	err          error
}

// decode waits for its turn with a picture whose bytes have been read: a large one until no other is being decoded.
func decode(free slots, name string, data []byte) (d decoded) {
	h, err := vision.ReadHeader(name, data)
	if err != nil {
		return decoded{err: err}
	}
	places := 1
	if h.Width*h.Height > largePixels {
		places = decodingAtOnce
	}
	free.do(places, func() {
		p, err := vision.Decode(name, data)
		if err != nil {
			d.err = err
			return
		}
		d = decodedOf(p, data)
	})
	return d
}

// attachment is a picture in the composer.
type attachment struct {
	id      uint64
	name    string
	sample  bool // put there by Sample, so the next sample takes its place
	detail  inference.Detail
	picture *vision.Picture // nil while it is read, or when it cannot be
	data    []byte          // of a file that shows just this picture, to be stored; nil as long as picture
	thumb   image.Image     // for the composer
	large   image.Image     // for the transcript
	err     error

	whole  *decoded        // what it is a region of; nil: it is all of the file
	region image.Rectangle // of whole, in the file's pixels
	cut    int             // counts the regions, so that one that comes late is known as such
}

// decoded is what was read.
func (a *attachment) decoded() decoded {
	return decoded{picture: a.picture, data: a.data, thumb: a.thumb, large: a.large, err: a.err}
}

// take shows what was read, or why nothing was.
func (a *attachment) take(d decoded) {
	a.picture, a.data, a.large, a.err = d.picture, d.data, d.large, d.err
	if d.thumb != nil {
		a.thumb = d.thumb
	}
}

// Attach adds files to the composer. They are read at once: what happens to a file later does not matter. Models among
// them are opened instead.
func (c *Controller) Attach(paths []string) {
	paths, addresses := splitAddresses(paths)
	if len(addresses) > 0 {
		c.view.Notify(words.T("Galago takes files only and fetches nothing from the internet. Save the picture first, then drop the file."))
	}
	paths, models := splitModels(paths)
	if len(models) > 0 {
		c.ImportModel(models)
	}
	if room := maxAttachments - len(c.attachments); len(paths) > room {
		left := words.T("%d were left out", len(paths)-room)
		if len(paths)-room == 1 {
			left = words.T("one was left out")
		}
		c.view.Notify(words.T("A question takes %d pictures at most; %s.", maxAttachments, left))
		paths = paths[:room]
	}
	for _, path := range paths {
		c.attach(filepath.Base(path), func() ([]byte, error) { return vision.ReadFile(path) })
	}
	c.showAttachments()
}

// splitAddresses parts what a browser gives when a picture of a page is dragged from what lies on this machine.
func splitAddresses(paths []string) (files, addresses []string) {
	for _, path := range paths {
		scheme, _, _ := strings.Cut(strings.TrimLeft(path, "/\\"), ":")
		switch strings.ToLower(scheme) {
		case "http", "https", "ftp", "data", "blob":
			if !filepath.IsAbs(path) || strings.Contains(path, "://") {
				addresses = append(addresses, path)
				continue
			}
		}
		files = append(files, path)
	}
	return files, addresses
}

// splitModels parts files that are called models from the others.
func splitModels(paths []string) (others, models []string) {
	for _, path := range paths {
		if strings.EqualFold(filepath.Ext(path), ".gguf") {
			models = append(models, path)
		} else {
			others = append(others, path)
		}
	}
	return others, models
}

// AttachImage adds a pasted picture.
func (c *Controller) AttachImage(name string, data []byte) {
	if len(c.attachments) >= maxAttachments {
		c.view.Notify(words.T("A question takes %d pictures at most.", maxAttachments))
		return
	}
	c.attach(name, func() ([]byte, error) { return data, nil })
	c.showAttachments()
}

// attach reads and decodes one picture off the main goroutine. Reading takes no slot: a network that
// hangs keeps nobody else waiting.
func (c *Controller) attach(name string, read func() ([]byte, error)) *attachment {
	a := &attachment{id: c.id(), name: name, detail: inference.Detail(c.settings.Detail)}
	c.attachments = append(c.attachments, a)
	go func() {
		var d decoded
		data, err := read()
		if d.err = err; err == nil {
			d = decode(decoding, name, data)
		}
		c.do(func() {
			a.take(d)
			c.attachmentRead()
		})
	}()
	return a
}

// attachmentRead shows what was read, and sends the question that waited for it.
func (c *Controller) attachmentRead() {
	c.showAttachments()
	if c.sending != "" && !c.attachmentsReading() {
		c.Send(c.sending)
	}
}

// Detach removes a picture from the composer.
func (c *Controller) Detach(id uint64) {
	for i, a := range c.attachments {
		if a.id == id {
			c.attachments = append(c.attachments[:i:i], c.attachments[i+1:]...)
			c.attachmentRead()
			return
		}
	}
}

// Detail sets how closely the model looks at a picture of the composer.
func (c *Controller) Detail(id uint64, detail string) {
	for _, a := range c.attachments {
		if a.id == id {
			a.detail = inference.Detail(detail)
		}
	}
	c.showAttachments()
}

func (c *Controller) attachmentsReading() bool {
	for _, a := range c.attachments {
		if a.picture == nil && a.err == nil {
			return true
		}
	}
	return false
}

func (c *Controller) attachmentProblem() bool {
	for _, a := range c.attachments {
		if c.problemOf(a) != nil {
			return true
		}
	}
	return false
}

// reasons are why a file is refused, short enough to stand beside a thumbnail; the whole sentence is in the tooltip.
func reasons() map[vision.Kind]string {
	return map[vision.Kind]string{
		vision.KindMissing:     words.T("No longer there"),
		vision.KindFolder:      words.T("A folder"),
		vision.KindUnreadable:  words.T("May not be read"),
		vision.KindEmpty:       words.T("An empty file"),
		vision.KindTooBig:      words.T("The file is too big"),
		vision.KindNotPicture:  words.T("Not a picture"),
		vision.KindTooLarge:    words.T("Too many pixels"),
		vision.KindDamaged:     words.T("Damaged"),
		vision.KindUnsupported: words.T("An unusual format"),
	}
}

// problemOf is why a picture cannot be asked about, or nil.
func (c *Controller) problemOf(a *attachment) *ui.Problem {
	if a.err != nil {
		p := problem(a.err)
		var refused *vision.Error
		if errors.As(a.err, &refused) && reasons()[refused.Kind] != "" {
			p.Title = reasons()[refused.Kind]
		}
		return p
	}
	loaded := c.status.State == inference.StateReady || c.status.State == inference.StateBusy
	if loaded && !c.status.Loaded.Vision.Enabled {
		return problem(&inference.Error{Code: protocol.CodeNoVision, Op: "attach a picture"})
	}
	return nil
}

func (c *Controller) showAttachments() {
	list := make([]ui.Attachment, 0, len(c.attachments))
	for _, a := range c.attachments {
		v := ui.Attachment{ID: a.id, Name: a.name, Thumb: a.thumb, Problem: c.problemOf(a)}
		if a.picture != nil {
			v.Info, v.Cost = c.info(a), c.cost(a)
			v.Detail, v.Details = string(a.detail), c.details(a.picture)
			if !slices.Contains(v.Details, v.Detail) {
				v.Detail = string(inference.DetailAuto) // with this model it is the same
			}
		}
		list = append(list, v)
	}
	c.view.SetAttachments(list)
	c.showPending()
	c.lookAhead()
}

// lookAhead has the composer's pictures encoded while the person types, unless the settings say otherwise.
func (c *Controller) lookAhead() {
	var pictures []inference.Image
	for _, a := range c.attachments {
		if a.picture != nil && !c.settings.LookOnSend {
			pictures = append(pictures, inference.Image{Picture: a.picture, Detail: a.detail})
		}
	}
	if slices.Equal(pictures, c.looked.pictures) {
		return
	}
	if c.looked.stop != nil {
		c.looked.stop()
	}
	c.looked = looked{pictures: pictures}
	if len(pictures) > 0 {
		ctx, stop := context.WithCancel(context.Background())
		c.looked.stop = stop
		c.client.Look(ctx, pictures)
	}
}

// looked is what the engine was told to encode ahead.
type looked struct {
	pictures []inference.Image
	stop     func()
}

// showPending tells the gauge what the composer's question will add. A model that loads is on its way into the gauge
// anyway.
func (c *Controller) showPending() {
	if c.status.State == inference.StateLoading || len(c.attachments) == 0 && !c.typed {
		c.setPending(0)
		return
	}
	c.setPending(c.estimate(c.attachments).Extra)
}

// sight is how a model looks at pictures.
type sight struct {
	model  inference.Model
	vision protocol.Vision
}

// seeing is the status with the sight that the model had when it was last loaded.
func (c *Controller) seeing() inference.Status {
	s := c.status
	if s.State != inference.StateReady && s.State != inference.StateBusy && s.Model == c.sight.model {
		s.Loaded.Vision = c.sight.vision
	}
	return s
}

// info is a picture's size and, where the model's grid is known, the size that the model sees and its cost.
func (c *Controller) info(a *attachment) string {
	p := a.picture
	s := fmt.Sprintf("%d × %d", p.Width, p.Height)
	if a.whole != nil {
		s = words.T("region %d × %d of %d × %d", p.Width, p.Height, a.whole.picture.Width, a.whole.picture.Height)
	}
	grid := c.grid(a.detail)
	if grid.Factor > 0 {
		w, h := grid.Size(p.Width, p.Height)
		s += fmt.Sprintf(" → %d × %d · ", w, h) + words.T("%s tokens", thousands(grid.Tokens(p.Width, p.Height)))
	}
	if p.Note != "" {
		s += " · " + p.Note
	}
	return s
}

// cost is what a picture will take in memory that is not held yet, beside what any question would, and how long it
// will take, as far as that is known.
func (c *Controller) cost(a *attachment) string {
	e, without := c.estimate([]*attachment{a}), c.estimate(nil)
	var parts []string
	if e.Extra > without.Extra {
		parts = append(parts, "+"+bytesText(e.Extra-without.Extra))
	}
	if own := e.Time - without.Time; own >= 50*time.Millisecond {
		parts = append(parts, words.T("about %s", seconds(float64(own.Milliseconds()))))
	}
	return strings.Join(parts, " · ")
}

// estimate is what a question about these pictures will take, whatever it is, with all that has to be read again for it.
func (c *Controller) estimate(list []*attachment) inference.Estimate {
	m := inference.Message{Role: "user"}
	for _, a := range list {
		if a.picture != nil {
			m.Images = append(m.Images, inference.Image{Picture: a.picture, Detail: a.detail})
		}
	}
	return c.seeing().Estimate(inference.Request{Messages: append(c.readAgain(), m)}, plan.Device{})
}

// details are those among which there is a choice for a picture: a small picture looks the same at all of them.
func (c *Controller) details(p *vision.Picture) []string {
	tokens := func(d inference.Detail) int {
		return inference.DetailGrid(c.seeing().Loaded.Vision, c.status.Model, d).Tokens(p.Width, p.Height)
	}
	list := []string{string(inference.DetailAuto)}
	if tokens(inference.DetailLow) < tokens(inference.DetailAuto) {
		list = append([]string{string(inference.DetailLow)}, list...)
	}
	if tokens(inference.DetailHigh) > tokens(inference.DetailAuto) {
		list = append(list, string(inference.DetailHigh))
	}
	return list
}

// Sample puts a sample picture and its question into the composer, in the place of another sample. A question that the
// person has written stays.
func (c *Controller) Sample(index int) {
	if index < 0 || index >= len(c.samples) {
		return
	}
	c.attachments = slices.DeleteFunc(c.attachments, func(a *attachment) bool { return a.sample })
	s := c.samples[index]
	if len(c.attachments) < maxAttachments {
		c.attach(s.File, func() ([]byte, error) { return s.Data, nil }).sample = true
	}
	c.sending = "" // it was about what stood in the composer before
	c.showAttachments()
	c.showBusy()
	if strings.TrimSpace(c.text) == "" || slices.ContainsFunc(c.samples, func(s assets.Sample) bool { return s.Question == c.text }) {
		c.view.SetComposerText(s.Question)
	}
}

func (c *Controller) sampleCards() []ui.Sample {
	var cards []ui.Sample
	for _, s := range c.samples {
		p, err := vision.Decode(s.File, s.Data)
		if err != nil {
			continue // a sample that cannot be decoded is a fault of the build; the test of assets finds it
		}
		// The question stays as it is: the built-in model knows English only.
		cards = append(cards, ui.Sample{Image: p.RGBA, Caption: words.Data(s.Caption), Question: s.Question})
	}
	return cards
}
