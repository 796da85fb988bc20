package app

import (
	"errors"
	"fmt"
	"image"
	"slices"

	"galago/app/chat"
	"galago/app/chat/store"
	"galago/assets/words"
	"galago/inference/vision"
	"galago/ui"
)

// How much memory pictures may take that are in the store too, in bytes: those the model reads, and the thumbnails of
// the open conversation.
const (
	albumRoom   = 512 << 20
	galleryRoom = 192 << 20
)

// sideThumb is the longest side of a thumbnail in the sidebar, in pixels, and sideThumbs how many are kept.
const (
	sideThumb  = 96
	sideThumbs = 500
)

// recent keeps values as long as they have room together; those used last stay. Something larger than the room stays
// until the next one comes.
type recent[K comparable, V any] struct {
	room    int
	size    func(V) int
	dropped func(K) // may be nil

	keys   []K // the one used last at the end
	values map[K]sized[V]
	held   int
}

// sized is a value with the room that it took when it was put there.
type sized[V any] struct {
	value V
	size  int
}

func (r *recent[K, V]) get(k K) (v V, ok bool) {
	s, ok := r.values[k]
	if ok {
		i := slices.Index(r.keys, k)
		r.keys = append(slices.Delete(r.keys, i, i+1), k)
	}
	return s.value, ok
}

func (r *recent[K, V]) put(k K, v V) {
	r.remove(k)
	if r.values == nil {
		r.values = map[K]sized[V]{}
	}
	s := sized[V]{v, r.size(v)}
	r.keys, r.values[k] = append(r.keys, k), s
	r.held += s.size
	for r.held > r.room && len(r.keys) > 1 {
		oldest := r.keys[0]
		r.remove(oldest)
		if r.dropped != nil {
			r.dropped(oldest)
		}
	}
}

func (r *recent[K, V]) remove(k K) {
	if s, ok := r.values[k]; ok {
		r.held -= s.size
		delete(r.values, k)
		r.keys = slices.DeleteFunc(r.keys, func(other K) bool { return other == k })
	}
}

func (r *recent[K, V]) clear() { r.keys, r.values, r.held = nil, nil, 0 }

// loader does what is wanted, a few things at a time and the newest wish first. Of very many wishes the oldest are
// forgotten: what they are of has been scrolled past.
type loader[K comparable] struct {
	load func(k K, done func()) // done is called on the main goroutine

	wishes  []K
	running []K
}

const (
	loadsAtOnce = 2
	mostWishes  = 100
)

func (l *loader[K]) want(k K) {
	if slices.Contains(l.running, k) {
		return
	}
	l.wishes = slices.DeleteFunc(l.wishes, func(other K) bool { return other == k })
	l.wishes = append(l.wishes, k)
	if n := len(l.wishes) - mostWishes; n > 0 {
		l.wishes = slices.Delete(l.wishes, 0, n)
	}
	l.next()
}

func (l *loader[K]) next() {
	for len(l.running) < loadsAtOnce && len(l.wishes) > 0 {
		last := len(l.wishes) - 1
		k := l.wishes[last]
		l.wishes = l.wishes[:last]
		l.running = append(l.running, k)
		l.load(k, func() {
			l.running = slices.DeleteFunc(l.running, func(other K) bool { return other == k })
			l.next()
		})
	}
}

// shelve lets go of the pixels of a picture that is in the store. Those that are used soon again are in the album.
func (c *Controller) shelve(p *chat.Image) {
	if p.Held() && p.Stored() {
		c.album.put(p.Hash, p.Picture)
		p.Release()
	}
}

func pictureSize(p *vision.Picture) int { return len(p.RGBA.Pix) }

// fetch gets the pixels of pictures: those that are not in memory come from the store. then hears on the main goroutine,
// at once where nothing is missing; what cannot be had is in its second argument.
func (c *Controller) fetch(pictures []chat.Image, then func(full map[[32]byte]*vision.Picture, missing []error)) {
	full := map[[32]byte]*vision.Picture{}
	var wanted []chat.Image
	for _, p := range pictures {
		if p.Held() || full[p.Hash] != nil {
			continue
		}
		if held, ok := c.album.get(p.Hash); ok {
			full[p.Hash] = held
		} else if !slices.ContainsFunc(wanted, func(w chat.Image) bool { return w.Hash == p.Hash }) {
			wanted = append(wanted, p)
		}
	}
	if len(wanted) == 0 {
		then(full, nil)
		return
	}
	if !c.read(func(s *store.Store) func() {
		var missing []error
		for _, p := range wanted {
			d := restore(s, p)
			if d.err != nil {
				missing = append(missing, fmt.Errorf("%s: %w", p.Name, d.err))
				continue
			}
			full[p.Hash] = d.picture
		}
		return func() {
			for _, p := range wanted {
				if full[p.Hash] != nil {
					c.album.put(p.Hash, full[p.Hash])
				}
			}
			then(full, missing)
		}
	}) {
		then(full, []error{errNoStore})
	}
}

// errNoStore: pictures are wanted of a store that is not open. It cannot be, since they come from there.
var errNoStore = words.Error(func() string { return words.T("the conversations are not open") })

// picture gets the pixels of a picture of a turn. then hears on the main goroutine.
func (c *Controller) picture(p chat.Image, then func(*vision.Picture, error)) {
	if p.Held() {
		then(p.Picture, nil)
		return
	}
	c.fetch([]chat.Image{p}, func(full map[[32]byte]*vision.Picture, missing []error) {
		then(full[p.Hash], errors.Join(missing...))
	})
}

// restore decodes a picture of the store, with its thumbnails.
func restore(s *store.Store, p chat.Image) decoded {
	data, err := s.Picture(p.Hash)
	if err != nil {
		return decoded{err: err}
	}
	return decode(decoding, p.Name, data)
}

// Seen hears which turns have come into sight: their thumbnails are fetched. Those of turns not seen for long are
// dropped.
func (c *Controller) Seen(turns []uint64) {
	for _, id := range turns {
		t := c.conv.Turn(id)
		if t == nil || len(t.Images) == 0 {
			continue
		}
		if _, there := c.gallery.get(t); !there {
			c.galleryLoads.want(t)
		}
	}
}

// loadGallery fetches the thumbnails of a turn's pictures.
func (c *Controller) loadGallery(t *chat.Turn, done func()) {
	k := c.talk
	d := k.shown[t]
	if d == nil || !slices.ContainsFunc(d.images, isPlaceholder) {
		done()
		return
	}
	pictures := slices.Clone(t.Images)
	if !c.read(func(s *store.Store) func() {
		thumbs := make([]image.Image, len(pictures))
		for i, p := range pictures {
			thumbs[i] = placeholder(p)
			if r := restore(s, p); r.err == nil {
				thumbs[i] = r.large
			}
		}
		return func() {
			done()
			if k == c.talk && k.shown[t] != nil {
				d.images = thumbs
				c.galleryAdd(k, t)
				c.showTurn(k, t)
			}
		}
	}) {
		done()
	}
}

func isPlaceholder(img image.Image) bool {
	_, is := img.(ui.Placeholder)
	return is
}

// galleryAdd counts a turn's thumbnails, which are there.
func (c *Controller) galleryAdd(k *talk, t *chat.Turn) {
	if d := k.shown[t]; k == c.talk && d != nil && len(d.images) > 0 {
		c.gallery.put(t, d)
	}
}

func displaySize(d *display) int {
	n := 0
	for _, img := range d.images {
		if !isPlaceholder(img) {
			b := img.Bounds()
			n += 4 * b.Dx() * b.Dy()
		}
	}
	return n
}

// galleryDropped puts placeholders into the place of a turn's thumbnails.
func (c *Controller) galleryDropped(t *chat.Turn) {
	if d := c.shown[t]; d != nil && allStored(t) {
		d.images = placeholders(t.Images)
		c.showTurn(c.talk, t)
	}
}

func allStored(t *chat.Turn) bool {
	return !slices.ContainsFunc(t.Images, func(p chat.Image) bool { return !p.Stored() })
}

// closeGallery lets go of the thumbnails of a conversation that is no longer open.
func (c *Controller) closeGallery(k *talk) {
	for t, d := range k.shown {
		if allStored(t) {
			d.images = placeholders(t.Images)
		}
	}
	c.gallery.clear()
	c.galleryLoads.wishes = nil
}

// Thumbs hears which conversations of the sidebar have come into sight.
func (c *Controller) Thumbs(conversations []int64) {
	for _, id := range slices.Backward(conversations) { // the loader begins with what was wanted last
		picture, ok := c.listing.pictures[id]
		if !ok {
			continue
		}
		if img, ok := c.sideThumbs.get(picture); ok {
			c.view.SetThumb(id, img)
		} else {
			c.sideLoads.want(id)
		}
	}
}

func (c *Controller) loadSideThumb(id int64, done func()) {
	hash := c.listing.pictures[id]
	if img, ok := c.sideThumbs.get(hash); ok { // of another conversation with the same picture
		done()
		c.view.SetThumb(id, img)
		return
	}
	if !c.read(func(s *store.Store) func() {
		r := restore(s, chat.Image{Picture: &vision.Picture{}, Hash: hash})
		var img image.Image
		if r.err == nil {
			img = r.picture.Thumbnail(sideThumb, sideThumb)
		}
		return func() {
			done()
			if img != nil {
				c.sideThumbs.put(hash, img)
				c.view.SetThumb(id, img)
			}
		}
	}) {
		done()
	}
}
