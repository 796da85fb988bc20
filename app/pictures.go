package app

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"galago/app/chat"
	"galago/app/chat/store"
	"galago/app/clipboard"
	"galago/app/portal"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/disk"
	"galago/inference/vision"
	"galago/ui"
)

// deskPatience is how long the desktop is waited for; what it offers then is not offered.
const deskPatience = 3 * time.Second

// desk is what the desktop is asked for. The functions may wait for other programs and are called off the main
// goroutine; the rest belongs to that.
type desk struct {
	paste  func(context.Context) ([]byte, error)
	copy   func(png []byte) error
	find   func(context.Context) portal.Offers
	choose func(context.Context, portal.Ask) ([]string, error)
	shoot  func(ctx context.Context, window string) (path string, err error)

	offers portal.Offers
	asking bool          // a dialog of the desktop is open
	folder string        // of the pictures that were chosen last; empty: none yet
	looked *atomic.Int64 // counts previews: read from other goroutines, so that only the last one asked for is made
}

func newDesk() desk {
	return desk{
		paste: clipboard.Image, copy: clipboard.SetImage,
		find: portal.Find, choose: portal.ChooseFiles, shoot: portal.Screenshot,
		looked: new(atomic.Int64),
	}
}

// shot is a picture with its file, as it is shown large: of the composer or of a turn.
type shot struct {
	picture *vision.Picture
	detail  inference.Detail
	file    func(then func([]byte, error)) // gets the file's bytes; then hears on the main goroutine
}

// OpenImage shows a turn's picture at its own size.
func (c *Controller) OpenImage(id uint64, index int) {
	t := c.conv.Turn(id)
	if t == nil || index < 0 || index >= len(t.Images) {
		return
	}
	img := t.Images[index]
	c.picture(img, func(p *vision.Picture, err error) { // it may be in the store alone
		if err != nil {
			c.view.Notify(sentence(err))
			return
		}
		s := shot{p, inference.Detail(img.Detail), func(then func([]byte, error)) { c.original(img, then) }}
		sheet := c.sheet(s, fmt.Sprintf("%s · %d × %d", p.Name, p.Width, p.Height))
		sheet.Crop = func(box image.Rectangle) { c.cropAsNew(s, box) }
		c.view.ShowImage(sheet)
	})
}

// original gets the file of a turn's picture: from memory, from the store, or made of its pixels.
func (c *Controller) original(p chat.Image, then func([]byte, error)) {
	switch {
	case p.Data != nil:
		then(p.Data, nil)
	case p.Stored():
		if !c.read(func(s *store.Store) func() {
			data, err := s.Picture(p.Hash)
			return func() { then(data, err) }
		}) {
			then(nil, errNoStore)
		}
	default:
		c.away(p.PNG, then)
	}
}

// away does work off the main goroutine, and then, on it, what follows.
func (c *Controller) away(work func() ([]byte, error), then func([]byte, error)) {
	go func() {
		data, err := work()
		c.do(func() { then(data, err) })
	}()
}

// sheet is a picture shown large with what can be done with it.
func (c *Controller) sheet(s shot, title string) ui.Sheet {
	return ui.Sheet{
		Title: title, Image: s.picture.RGBA,
		Save: func() { c.savePicture(s) }, Copy: func() { c.copyPicture(s) }, Seen: func() { c.showSeen(s) },
		Measure: func(box image.Rectangle) string { return c.measure(s, box) },
	}
}

// measure is what a region of a picture will be to the model.
func (c *Controller) measure(s shot, box image.Rectangle) string {
	r := regionOf(s.picture, box)
	text := fmt.Sprintf("%d × %d", r.Dx(), r.Dy())
	if grid := c.grid(s.detail); grid.Factor > 0 && !r.Empty() {
		text += " · " + words.T("%s tokens", thousands(grid.Tokens(r.Dx(), r.Dy())))
	}
	return text
}

func (c *Controller) grid(d inference.Detail) vision.Grid {
	return inference.DetailGrid(c.seeing().Loaded.Vision, c.status.Model, d)
}

// regionOf is a region in the file's pixels, of a box in those that are kept of it.
func regionOf(p *vision.Picture, box image.Rectangle) image.Rectangle {
	kept := p.RGBA.Rect
	box = box.Intersect(kept)
	x := func(v int) int { return (v*p.Width + kept.Dx()/2) / kept.Dx() }
	y := func(v int) int { return (v*p.Height + kept.Dy()/2) / kept.Dy() }
	return image.Rect(x(box.Min.X), y(box.Min.Y), x(box.Max.X), y(box.Max.Y))
}

// boxOf is the way back.
func boxOf(p *vision.Picture, region image.Rectangle) image.Rectangle {
	kept := p.RGBA.Rect
	x := func(v int) int { return (v*kept.Dx() + p.Width/2) / p.Width }
	y := func(v int) int { return (v*kept.Dy() + p.Height/2) / p.Height }
	return image.Rect(x(region.Min.X), y(region.Min.Y), x(region.Max.X), y(region.Max.Y)).Intersect(kept)
}

// showSeen shows the pixels that the model gets of a picture.
func (c *Controller) showSeen(s shot) {
	grid := c.grid(s.detail)
	go func() {
		seen := vision.Prepare(s.picture, grid)
		c.do(func() {
			title := words.T("What the model sees: %d × %d", seen.Width, seen.Height)
			if seen.Tokens > 0 {
				title = words.T("What the model sees: %d × %d · %s tokens", seen.Width, seen.Height, thousands(seen.Tokens))
			}
			c.view.ShowImage(ui.Sheet{Title: title, Image: seen.Image()})
		})
	}()
}

// savePicture writes a picture's file where the person wants it.
func (c *Controller) savePicture(s shot) {
	s.file(func(data []byte, err error) {
		if err != nil {
			c.view.Notify(sentence(err))
			return
		}
		c.view.SaveFile(words.T("Save the picture"), fileName(s.picture.Name, data), func(path string) {
			c.away(func() ([]byte, error) { return nil, disk.Write(path, 0o644, data) }, func(_ []byte, err error) {
				if err != nil {
					c.view.Notify(words.T("The picture could not be saved: %s.", err))
					return
				}
				c.view.Notify(words.T("Saved as %s.", filepath.Base(path)))
			})
		})
	})
}

// endings are those of the formats.
var endings = map[string][]string{
	"jpeg": {".jpg", ".jpeg"}, "png": {".png"}, "gif": {".gif"}, "bmp": {".bmp"}, "tiff": {".tif", ".tiff"}, "webp": {".webp"},
	"heic": {".heic", ".heif"}, "avif": {".avif"},
}

// fileName is a name with the ending that belongs to the file.
func fileName(name string, data []byte) string {
	allowed := endings[vision.Sniff(data[:min(len(data), 512)])]
	ending := filepath.Ext(name)
	if len(allowed) == 0 || slices.Contains(allowed, strings.ToLower(ending)) {
		return name
	}
	return strings.TrimSuffix(name, ending) + allowed[0]
}

// copyPicture puts a picture into the clipboard.
func (c *Controller) copyPicture(s shot) {
	c.away(func() ([]byte, error) {
		png, err := s.picture.PNG()
		if err != nil {
			return nil, err
		}
		return nil, c.desk.copy(png)
	}, func(_ []byte, err error) {
		if err != nil {
			c.view.Notify(words.T("The picture could not be copied: %s.", err))
			return
		}
		c.view.Notify(words.T("Picture copied."))
	})
}

// OpenAttachment shows a picture of the composer large, to choose a region of it.
func (c *Controller) OpenAttachment(id uint64) {
	a := c.attachment(id)
	if a == nil || a.picture == nil && (a.whole == nil || a.err == nil) {
		return
	}
	whole := a.decoded()
	if a.whole != nil {
		whole = *a.whole
	}
	p := whole.picture
	s := shot{p, a.detail, func(then func([]byte, error)) { then(whole.data, nil) }}
	sheet := c.sheet(s, fmt.Sprintf("%s · %d × %d", p.Name, p.Width, p.Height))
	sheet.Crop = func(box image.Rectangle) { c.crop(a, whole, regionOf(p, box)) }
	if a.whole != nil {
		sheet.Region = boxOf(p, a.region)
		sheet.Whole = func() { c.uncrop(a) }
	}
	if a.whole != nil && a.picture != nil {
		shown := shot{a.picture, a.detail, func(then func([]byte, error)) { then(a.data, nil) }}
		sheet.Seen = func() { c.showSeen(shown) }
	}
	c.view.ShowImage(sheet)
}

func (c *Controller) attachment(id uint64) *attachment {
	for _, a := range c.attachments {
		if a.id == id {
			return a
		}
	}
	return nil
}

// crop makes a region the picture that is asked about. The region is cut off the main goroutine: it may have to be
// decoded again for its full resolution.
func (c *Controller) crop(a *attachment, whole decoded, region image.Rectangle) {
	a.whole, a.region, a.picture, a.data, a.err = &whole, region, nil, nil, nil
	a.cut++
	cut := a.cut
	c.showAttachments()
	go func() {
		var d decoded
		places := 1
		if !whole.picture.Whole() && whole.picture.Width*whole.picture.Height > largePixels {
			places = decodingAtOnce
		}
		decoding.do(places, func() {
			p, file, err := whole.picture.Crop(whole.data, region)
			if d.err = err; err == nil {
				d = decodedOf(p, file)
			}
		})
		c.do(func() {
			if a.cut == cut {
				a.take(d)
				c.attachmentRead()
			}
		})
	}()
}

// uncrop goes back to all of the picture.
func (c *Controller) uncrop(a *attachment) {
	if a.whole == nil {
		return
	}
	a.cut++
	whole := *a.whole
	a.whole, a.region = nil, image.Rectangle{}
	a.take(whole)
	c.attachmentRead()
}

// cropAsNew puts a region of a turn's picture into the composer.
func (c *Controller) cropAsNew(s shot, box image.Rectangle) {
	if len(c.attachments) >= maxAttachments {
		c.view.Notify(words.T("A question takes %d pictures at most.", maxAttachments))
		return
	}
	a := &attachment{id: c.id(), name: s.picture.Name, detail: s.detail, thumb: s.picture.Thumbnail(composerThumb, composerThumb)}
	c.attachments = append(c.attachments, a)
	c.showAttachments()
	s.file(func(data []byte, err error) {
		if err != nil {
			a.err = err
			c.attachmentRead()
			return
		}
		c.crop(a, decoded{picture: s.picture, data: data, thumb: a.thumb, large: a.thumb}, regionOf(s.picture, box))
	})
}

// MoveAttachment puts a picture of the composer at another place among them, counted from 0.
func (c *Controller) MoveAttachment(id uint64, to int) {
	from := slices.IndexFunc(c.attachments, func(a *attachment) bool { return a.id == id })
	if from < 0 {
		return
	}
	a := c.attachments[from]
	rest := slices.Delete(slices.Clone(c.attachments), from, from+1)
	c.attachments = slices.Insert(rest, min(max(to, 0), len(rest)), a)
	c.showAttachments()
}

// Paste takes a picture from the clipboard, or calls text where there is none.
func (c *Controller) Paste(text func()) {
	c.away(func() ([]byte, error) { return c.desk.paste(context.Background()) }, func(data []byte, _ error) {
		if len(data) == 0 { // nothing, or no clipboard, or nobody answers: the toolkit knows what to do with text
			text()
			return
		}
		c.AttachImage(fileName(words.T("Pasted picture"), data), data)
	})
}

// findDesk looks for what the desktop offers, while the window is there already.
func (c *Controller) findDesk() {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), deskPatience)
		defer cancel()
		offers := c.desk.find(ctx)
		c.do(func() { c.desk.offers = offers })
	}()
}

// HasScreenshot reports whether the desktop takes pictures of the screen.
func (c *Controller) HasScreenshot() bool { return c.desk.offers.Screenshots }

// Screenshot has the desktop take a picture of a part of the screen, and attaches it.
func (c *Controller) Screenshot() {
	if !c.desk.offers.Screenshots || c.desk.asking {
		return
	}
	c.desk.asking = true
	var path string
	c.away(func() (data []byte, err error) {
		if path, err = c.desk.shoot(context.Background(), ""); err != nil {
			return nil, err
		}
		if data, err = vision.ReadFile(path); err == nil && temporary(path) {
			_ = os.Remove(path) // else it lies there for nobody
		}
		return data, err
	}, func(data []byte, err error) {
		c.desk.asking = false
		switch {
		case errors.Is(err, portal.ErrCancelled):
		case err != nil:
			c.view.Notify(words.T("The screenshot could not be taken: %s.", err))
		default:
			c.AttachImage(filepath.Base(path), data)
		}
	})
}

// temporary reports whether a file lies where programs put what they need for a moment, and not among the person's.
func temporary(path string) bool {
	for _, dir := range []string{os.TempDir(), os.Getenv("XDG_RUNTIME_DIR")} {
		if rel, err := filepath.Rel(dir, path); dir != "" && err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// pictureTypes are what the desktop's dialog shows at first.
var pictureTypes = []string{
	"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/heic", "image/heif", "image/avif",
}

// ChoosePictures lets the person choose pictures in the desktop's dialog, which has previews. Where it has none, or that
// fails, own is called.
func (c *Controller) ChoosePictures(window string, own func()) {
	if !c.desk.offers.Files || c.desk.asking { // a desktop whose dialog never answers must not keep pictures out
		own()
		return
	}
	c.desk.asking = true
	ask := portal.Ask{
		Parent: window, Title: words.T("Add pictures"), Accept: words.T("Add"), Folder: c.desk.folder,
		Kind: words.T("Pictures"), Types: pictureTypes, All: words.T("All files"),
	}
	go func() {
		paths, err := c.desk.choose(context.Background(), ask)
		c.do(func() {
			c.desk.asking = false
			switch {
			case errors.Is(err, portal.ErrCancelled):
			case err != nil:
				c.desk.offers.Files = false
				own()
			case len(paths) > 0:
				c.desk.folder = filepath.Dir(paths[0])
				c.Attach(paths)
			}
		})
	}()
}

// decodedOf is a picture with its file and thumbnails.
func decodedOf(p *vision.Picture, file []byte) decoded {
	return decoded{
		picture: p, data: file,
		thumb: p.Thumbnail(composerThumb, composerThumb), large: p.Thumbnail(turnThumb, turnThumb),
	}
}
