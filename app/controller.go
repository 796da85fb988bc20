// Package app is Galago without widgets: it turns what a person wants into requests to the engine, and what the engine
// says into what the window shows.
package app

import (
	"context"
	"fmt"
	"image"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"galago/app/chat"
	"galago/app/chat/store"
	"galago/assets"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/vision"
	"galago/ui"
)

// Controller owns the conversations in memory, the composer's pictures and the settings. All of it belongs to Fyne's
// main goroutine; what comes from elsewhere gets there through do.
type Controller struct {
	do           func(func()) // runs on the main goroutine, later
	view         ui.View
	client       inference.Client
	copy         func(string)         // to the clipboard
	browse       func(*url.URL) error // nil: there is no browser
	settingsPath string               // empty: settings are not kept
	demo         assets.Demo
	demoErr      error
	samples      []assets.Sample
	now          func() time.Time
	later        func(time.Duration, func()) // runs on the main goroutine after a while

	settings Settings
	preferences
	*talk              // the open conversation; never nil
	background []*talk // those of which something runs, waits or is to be written down
	nextID     uint64

	openStore  func() (*store.Store, error) // nil: nothing is kept
	states     string                       // folder of what the engine puts aside; empty: it does not
	journal    *journal                     // nil: nothing is kept
	store      *store.Store                 // for reading, from other goroutines; nil until it is open
	storeBegan bool                         // what is done once, when it is open, was done
	trouble    error                        // why something is not kept; nil when all is
	touched    bool                         // the person has begun something

	listing      listing // of all conversations
	looked       looked
	opening      int                // counts what was to be opened, so that a late one is known as one
	query        string             // what is searched for
	stopSearch   context.CancelFunc // of the search for it; nil when none runs
	drafts       map[int64]draft    // of conversations that are not in memory; of a new one at 0
	album        recent[[32]byte, *vision.Picture]
	gallery      recent[*chat.Turn, *display] // turns of the open conversation whose thumbnails are there
	sideThumbs   recent[store.Hash, image.Image]
	galleryLoads loader[*chat.Turn]
	sideLoads    loader[int64]

	desk        desk // what the desktop is asked for
	attachments []*attachment
	text        string // what the composer holds
	sending     string // question that waits for its pictures to be read; empty for none
	edited      bool   // the composer holds something else than it by now
	typed       bool   // the composer holds text

	manifest  assets.Demo // of the model that is open; zero without one
	facts     facts       // of the files that were chosen last
	opened    files       // being open, being opened, or failed to; the zero value is the built-in model
	choosing  int         // counts what was chosen, so that a late look into files is known as one
	restoring bool        // the first load is of the model of last time, and may fall back to the built-in one
	notice    *ui.Banner  // what came of the last choice of a model, until a question is asked
	banner    *ui.Banner  // as the window has it

	models

	status inference.Status
	sight  sight // how the model looks at pictures, also while it is unloaded
	look   look  // beside status and settings, what the gauge is made of
	peak   uint64
	gauge  ui.Gauge        // as the window has it
	memory []ui.MemoryItem // as the window has it
}

// Params are what a Controller is built from.
type Params struct {
	Do           func(func())
	Client       inference.Client
	Copy         func(string)
	SettingsPath string
	DataFolder   string // where what a person made is kept
	States       string // folder of what the engine puts aside of conversations; empty: it does not
	// OpenStore opens the folder of conversations. It is called from another goroutine, and again after it failed; Close
	// closes what it opened. Nil: nothing is kept.
	OpenStore func() (*store.Store, error)
	// OpenLibrary opens what is known of models. It is called from another goroutine. Nil: there is none.
	OpenLibrary func() Library
	// Browse opens an address in the browser or the mail program. Nil: there is none.
	Browse func(*url.URL) error
}

// NewController finds the built-in model. Start comes next, when there is a window.
func NewController(p Params) *Controller {
	c := &Controller{
		do: p.Do, client: p.Client, copy: p.Copy, browse: p.Browse, settingsPath: p.SettingsPath, preferences: preferences{dataFolder: p.DataFolder}, states: p.States, openStore: p.OpenStore,
		talk: newTalk(), drafts: map[int64]draft{}, now: time.Now,
		settings: defaultSettings(), samples: assets.Samples(), desk: newDesk(),
		album:      recent[[32]byte, *vision.Picture]{room: albumRoom, size: pictureSize},
		sideThumbs: recent[store.Hash, image.Image]{room: sideThumbs, size: func(image.Image) int { return 1 }},
	}
	c.models = newModels(p)
	c.later = func(d time.Duration, f func()) { time.AfterFunc(d, func() { c.do(f) }) }
	c.gallery = recent[*chat.Turn, *display]{room: galleryRoom, size: displaySize, dropped: c.galleryDropped}
	c.listing.pictures = map[int64]store.Hash{}
	c.galleryLoads.load, c.sideLoads.load = c.loadGallery, c.loadSideThumb
	c.demo, c.demoErr = assets.DemoModel()
	return c
}

// Actions are the callbacks of the window.
func (c *Controller) Actions() ui.Actions {
	return ui.Actions{
		Send:       c.Send,
		Edited:     c.Edited,
		Cancel:     c.Cancel,
		Attach:     c.Attach,
		Detach:     c.Detach,
		Unqueue:    c.Unqueue,
		Retry:      c.Retry,
		Copy:       c.Copy,
		NewChat:    c.NewChat,
		Memory:     c.FreeMemory,
		Detail:     c.Detail,
		GPU:        c.ChooseGPU,
		Reload:     c.Reload,
		OpenModel:  c.OpenModel,
		UseBuiltIn: c.UseBuiltIn,
		Sample:     c.Sample,
		Settings:   c.ChangeSettings,

		OpenLink:     c.linkOpener(),
		CheckMirror:  mirrorFault,
		OpenData:     c.OpenData,
		UsePreset:    c.UsePreset,
		SavePreset:   c.SavePreset,
		RenamePreset: c.RenamePreset,
		DeletePreset: c.DeletePreset,

		OpenImage: c.OpenImage,

		CopyMarkdown: c.CopyMarkdown,
		CopyText:     c.CopyText,
		Continue:     c.Continue,
		PickAnswer:   c.PickAnswer,
		DeleteFrom:   c.DeleteFrom,
		Branch:       c.Branch,
		Seen:         c.Seen,

		OpenConversation:      c.OpenConversation,
		RenameConversation:    c.RenameConversation,
		DuplicateConversation: c.DuplicateConversation,
		DeleteConversation:    c.DeleteConversation,
		ExportConversation:    c.ExportConversation,
		ImportConversation:    c.ImportConversation,
		Search:                c.Search,
		Thumbs:                c.Thumbs,
		Sidebar:               c.Sidebar,

		ChoosePictures: c.ChoosePictures,
		HasScreenshot:  c.HasScreenshot,
		Screenshot:     c.Screenshot,
		Folder:         c.Folder,
		Preview:        c.Preview,
		Paste:          c.Paste,
		OpenAttachment: c.OpenAttachment,
		MoveAttachment: c.MoveAttachment,

		ModelActions: c.modelActions(),
	}
}

// Start shows the window's first state and opens the model of last time, or the built-in one.
func (c *Controller) Start(view ui.View) {
	c.view = view
	c.readSettings()
	c.view.SetSamples(c.sampleCards())
	c.view.SetTurns(nil)
	c.view.ShowSidebar(!c.settings.HideSidebar)
	c.startJournal()
	c.startLibrary()
	c.findDesk()
	status := &latest[inference.Status]{do: c.do, handle: c.showStatus}
	c.client.Watch(status.put)
	c.client.Configure(c.settings.policy())
	c.openLast()
}

// sentence starts an error with a capital letter and ends it with a full stop.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	first, size := utf8.DecodeRuneInString(s)
	if word, _, _ := strings.Cut(s, " "); !strings.Contains(strings.TrimRight(word, ".,:"), ".") { // a host's or a file's name is as it is
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	switch last, _ := utf8.DecodeLastRuneInString(s); {
	case strings.ContainsRune(".。！？!?", last):
		return s
	case unicode.Is(unicode.Han, first) || unicode.Is(unicode.Han, last):
		return s + "。"
	}
	return s + "."
}

// id numbers turns and attachments.
func (c *Controller) id() uint64 {
	c.nextID++
	return c.nextID
}

// Send asks a question about the composer's pictures. While one of them is still being read the question waits for it.
func (c *Controller) Send(text string) {
	text = strings.TrimSpace(text)
	if text != c.sending {
		c.edited = false
	}
	c.sending = ""
	switch {
	case text == "":
		c.view.Notify(words.T("Type a question first."))
	case c.opened == files{} && c.demoErr != nil:
		c.view.Notify(words.T("No model is open. Open one first."))
	case c.attachmentProblem():
		c.view.Notify(words.T("Remove the picture that cannot be used, then send again."))
	case c.attachmentsReading():
		c.sending = text
		c.view.Notify(words.T("The question goes out as soon as the picture is read."))
	default:
		c.ask(text)
	}
	c.showBusy()
}

// Edited hears what the composer holds. What is typed while a question waits for its pictures outlasts it.
func (c *Controller) Edited(text string) {
	c.text = text
	text = strings.TrimSpace(text)
	if c.sending != "" {
		c.edited = text != c.sending
	}
	if typed := text != ""; typed != c.typed {
		c.typed = typed
		c.showPending()
	}
}

// ask makes a turn of the question and the composer's pictures, and empties the composer.
func (c *Controller) ask(text string) {
	var pictures []chat.Image
	var thumbs []image.Image
	for _, a := range c.attachments {
		pictures = append(pictures, chat.Image{Picture: a.picture, Detail: string(a.detail), Data: a.data})
		thumbs = append(thumbs, a.large)
	}
	c.attachments, c.notice = nil, nil // who asks has read the notice
	c.looked = looked{}                // the question is about what is being encoded: that goes on
	c.showBanner()
	if !c.edited {
		c.compose("")
	}
	c.edited = false
	c.showAttachments()
	c.askIn(c.talk, text, pictures, thumbs)
}

// askIn puts a question at the end of a conversation.
func (c *Controller) askIn(k *talk, text string, pictures []chat.Image, thumbs []image.Image) {
	c.touched = true
	c.opening++ // a conversation that comes from the disk only now would hide the question
	t := &chat.Turn{ID: c.id(), Question: text, Images: pictures}
	k.add(t, thumbs)
	c.keepQuestion(k, t)
	c.showTurn(k, t)
	c.enqueue(k, question{turn: t})
}

// Cancel stops the running answer; what it wrote is kept. A question that waits for its pictures stays in the composer.
func (c *Controller) Cancel() {
	c.sending = ""
	if c.active != nil {
		c.active.cancel()
	}
	c.showBusy()
}

// Unqueue takes a waiting question back: it leaves the conversation, unless it was asked before.
func (c *Controller) Unqueue(id uint64) {
	for i, q := range c.waiting {
		if q.turn.ID != id {
			continue
		}
		c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
		if q.again || q.on {
			c.showTurn(c.talk, q.turn)
		} else {
			c.remove(q.turn)
		}
		c.showQueue()
		return
	}
}

// remove takes a question that was never asked out of the open conversation.
func (c *Controller) remove(t *chat.Turn) {
	c.conv.Remove(t)
	delete(c.shown, t)
	f := c.folio
	c.keepChange(c.talk, func(s *store.Store) error { return s.RemoveTurn(f.turns[t.ID]) })
	c.view.SetTurns(c.renderAll())
}

// Retry asks a turn once more, in the place where it stands: the model reads what was said before it, not after.
func (c *Controller) Retry(id uint64) {
	if t := c.conv.Turn(id); t != nil {
		c.retry(question{turn: t, again: true})
	}
}

func (c *Controller) retry(q question) {
	k := c.talk
	if !q.turn.State.Over() || k.queued(q.turn) {
		return
	}
	c.enqueue(k, q)
	c.showTurn(k, q.turn)
}

// NewChat begins a conversation. What the old one still asks for goes on; where nothing is kept it is cancelled, since
// nobody could come back to it.
func (c *Controller) NewChat() {
	if len(c.conv.Turns) == 0 {
		c.dropDraft()
	}
	c.opening++
	c.enter(newTalk())
}

// bytesText is a size as people read it.
func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
