package soak

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"galago/app"
	"galago/app/chat/store"
	"galago/inference"
	"galago/inference/demoeval"
	"galago/inference/disk"
	"galago/inference/vision"
	"galago/ui"
)

const (
	// patience is the longest wait for anything: far above what it takes on a slow machine that does other work too.
	patience = time.Minute
	// settled is how long nothing happens before an engine puts aside what it has; the worker's own time is 2 s.
	settled = 2500 * time.Millisecond

	// What the engine may put aside. It is little, so that the limits are reached and things have to go.
	statesMemory = 8 << 20
	statesDisk   = 24 << 20

	// mostConversations is how many are kept; more of them are deleted.
	mostConversations = 25
	mostTurns         = 8
)

// marker is the name of a variable in the environment of every process that the campaign starts.
const marker = "GALAGO_SOAK_RUN"

type options struct {
	seed    uint64
	time    time.Duration // of use
	fresh   time.Duration // at most, for asking everything again of an engine that is fresh
	cycles  int           // rough times, with calm ones after them
	check   time.Duration // between two looks at memory
	engine  string        // program
	args    []string      // its arguments; nil: worker
	env     []string      // of the engine in use; the fresh one has none
	each    func(*soak)   // after each step; nil: nothing
	bounds  bounds
	out     string // folder of the report
	keepLog bool   // every request in out as well
}

// bounds are those of memory, see Bound.
type bounds struct {
	steady                   float64 // MiB an hour
	windowCreep, engineCreep float64 // MiB
}

// soak is a campaign. It belongs to the test's goroutine, which stands for Fyne's main one.
type soak struct {
	t      *testing.T
	o      options
	dir    string // of everything
	set    string // folder of items
	items  []demoeval.Item
	bad    []string // files that are no pictures
	loop   *loop
	ledger *ledger
	steps  *json.Encoder // log

	*program
	about  map[int64]int // which item a conversation is about
	number int           // of the step
	did    map[string]int
	rough  bool // processes may end

	began   time.Time
	life    int          // counts the engines
	pid     int          // of the engine at the last look
	engines map[int]bool // all that were seen
	cycle   int          // of rough and calm times
	calm    time.Time    // since when nothing is ended on purpose, and all caches are full; zero in rough times
	looks   []look
	cache   int64 // most bytes seen on disk
}

// look is what was measured at one time, with nothing under way.
type look struct {
	At             float64 // seconds
	Step           int
	Cycle          int
	Calm           float64 // seconds of calm time so far; negative in rough times
	Life           int     // of the engine
	Window, Engine Usage
	Heap           float64 // MiB of this process's own, after a collection
	Goroutines     int
}

// loop is what waits for the main goroutine.
type loop struct {
	mu    sync.Mutex // owns tasks
	tasks []func()
	wake  chan struct{}
}

func (l *loop) do(f func()) {
	l.mu.Lock()
	l.tasks = append(l.tasks, f)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *loop) run() {
	for {
		l.mu.Lock()
		tasks := l.tasks
		l.tasks = nil
		l.mu.Unlock()
		if len(tasks) == 0 {
			return
		}
		for _, f := range tasks {
			f()
		}
	}
}

// within runs the main goroutine until something is so, or the time is over.
func (l *loop) within(limit time.Duration, so func() bool) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	for l.run(); !so(); l.run() {
		select {
		case <-l.wake:
		case <-late.C:
			l.run()
			return so()
		}
	}
	return true
}

// program is one run of the application: what it puts together, less the window.
type program struct {
	*view
	service *inference.Service
	control *app.Controller
	act     ui.Actions
	status  inference.Status // as the service last told
	shut    func()           // lets nothing through to the main goroutine any more
}

func newSoak(t *testing.T, o options) *soak {
	t.Helper()
	dir := t.TempDir()
	s := &soak{
		t: t, o: o, dir: dir, loop: &loop{wake: make(chan struct{}, 1)}, did: map[string]int{}, about: map[int64]int{},
		engines: map[int]bool{}, set: filepath.Join("..", "..", "assets", "demo", "testdata"),
	}
	for name, value := range map[string]string{
		marker: dir, "TMPDIR": s.path("tmp"), "DBUS_SESSION_BUS_ADDRESS": "unix:path=" + s.path("no-bus"),
	} {
		t.Setenv(name, value)
	}
	for _, folder := range []string{"tmp", "config", "data", "states", "drops"} {
		s.must(os.MkdirAll(s.path(folder), 0o700))
	}
	s.must(os.WriteFile(s.settings(), []byte(`{"temperature": 0, "welcomed": true}`), 0o600))
	var err error
	s.items, err = demoeval.Load(s.set)
	s.must(err)
	s.must(os.MkdirAll(o.out, 0o755))
	s.steps = json.NewEncoder(s.create(filepath.Join(o.out, "steps.jsonl")))
	s.ledger = &ledger{
		wake: func() { s.loop.do(func() {}) }, step: func() int { return s.number }, out: json.NewEncoder(s.create(s.requests())),
		ends: map[string]int{}, ended: map[string]int{},
	}
	s.makeBadFiles()
	return s
}

func (s *soak) path(name string) string { return filepath.Join(s.dir, name) }
func (s *soak) settings() string        { return s.path("config/settings.json") }

func (s *soak) requests() string {
	if s.o.keepLog {
		return filepath.Join(s.o.out, "requests.jsonl")
	}
	return s.path("requests.jsonl")
}

func (s *soak) create(path string) *os.File {
	s.t.Helper()
	f, err := os.Create(path)
	s.must(err)
	s.t.Cleanup(func() { f.Close() })
	return f
}

func (s *soak) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// open starts the application on the data that are there, and waits until it can be used.
func (s *soak) open() {
	s.t.Helper()
	var mu sync.Mutex
	closed := false
	do := func(f func()) {
		mu.Lock()
		defer mu.Unlock()
		if !closed {
			s.loop.do(f)
		}
	}
	p := &program{view: &view{}, shut: func() {
		mu.Lock()
		defer mu.Unlock()
		closed = true
	}}
	p.service = inference.New(inference.Options{
		Engine: s.o.engine, Args: s.o.args, Env: s.o.env, CalibrationFile: s.path("calibration.json"),
		States: s.path("states"), StatesMemory: statesMemory, StatesDisk: statesDisk,
	})
	p.control = app.NewController(app.Params{
		Do: do, Client: client{p.service, s.ledger}, Copy: func(string) {}, SettingsPath: s.settings(), DataFolder: s.path("data"),
		States: s.path("states"), OpenStore: func() (*store.Store, error) { return store.Open(s.path("data/conversations")) },
	})
	p.act = p.control.Actions()
	s.program = p
	p.service.Watch(func(st inference.Status) { do(func() { s.heard(p, st) }) })
	p.control.Start(p.view)
	s.until("the model is loaded", s.ready)
}

// heard takes the service's news.
func (s *soak) heard(p *program, st inference.Status) {
	p.status = st
	if st.PID != 0 {
		s.engines[st.PID] = true
	}
}

func (s *soak) ready() bool { return s.status.State == inference.StateReady && s.status.PID != 0 }

// close ends the application as the end of the window does.
func (s *soak) close() {
	s.loop.run()
	s.shut()
	s.control.Close()
	s.service.Close()
	s.loop.run()
	if n := s.ledger.open(); n != 0 {
		s.ledger.find("%d requests never ended", n)
	}
	for pid := range s.engines {
		if Alive(pid) {
			s.ledger.find("engine %d outlives the application", pid)
		}
	}
	clear(s.engines)
}

// until runs the main goroutine until something is so. That it never comes ends the campaign.
func (s *soak) until(what string, so func() bool) {
	s.t.Helper()
	if s.loop.within(patience, so) {
		return
	}
	var last any = "none"
	if len(s.turns) > 0 {
		last = s.last()
	}
	s.ledger.find("it never came: %s", what)
	pprof.Lookup("goroutine").WriteTo(s.t.Output(), 1)
	s.t.Fatalf("seed %d, step %d: it never came: %s; engine %+v, requests open %d, phase %s, busy %t, queue %d, last turn %+v, note %q", s.o.seed, s.number, what,
		s.status.State, s.ledger.open(), s.ledger.now(), s.busy, len(s.queue), last, s.note)
}

// pause is a person who does something else.
func (s *soak) pause(d time.Duration) { s.loop.within(d, func() bool { return false }) }

// idle waits until nothing is asked and the engine is at rest.
func (s *soak) idle() {
	s.t.Helper()
	s.until("all questions have ended", func() bool {
		if s.status.State == inference.StateFailed && s.model.Loading < 0 { // what waits does so until the person does something
			s.did["reload"]++
			s.status.State = inference.StateLoading
			s.act.Reload()
		}
		return s.ledger.open() == 0 && s.quiet()
	})
	s.until("the engine rests", func() bool {
		return s.status.State == inference.StateReady || s.status.State == inference.StateUnloaded || s.status.State == inference.StateFailed
	})
}

// campaign uses the application for the time that is given.
func (s *soak) campaign() {
	s.open()
	s.close() // what is made once, by any first use, is no growth
	files, goroutines := s.own()
	s.began = time.Now()
	s.open()
	cycle := s.o.time / time.Duration(s.o.cycles)
	next := s.began.Add(s.o.check)
	for s.number = 1; time.Since(s.began) < s.o.time && !s.t.Failed(); s.number++ {
		at := time.Since(s.began)
		s.enterTime(int(at/cycle), at%cycle < time.Duration(roughShare*float64(cycle)))
		s.step()
		if s.o.each != nil {
			s.o.each(s)
		}
		if time.Now().After(next) {
			s.look()
			next = time.Now().Add(s.o.check)
		}
	}
	s.rough = false
	s.usable()
	s.close()
	s.afterwards(files, goroutines)
}

// own is how many files and goroutines this process has, when those of a program that was closed are gone: what is the
// same for half a second.
func (s *soak) own() (files, goroutines int) {
	for same, n := 0, 0; same < 5 && n < 50; n++ {
		s.pause(100 * time.Millisecond)
		u, err := UsageOf(os.Getpid())
		s.must(err)
		if now := runtime.NumGoroutine(); u.Files != files || now != goroutines {
			files, goroutines, same = u.Files, now, 0
			continue
		}
		same++
	}
	return files, goroutines
}

// roughShare is the share of a cycle in which processes are ended.
const roughShare = 0.3

// enterTime begins a rough time, or a calm one.
func (s *soak) enterTime(cycle int, rough bool) {
	switch {
	case rough:
		s.calm = time.Time{}
	case s.calm.IsZero():
		s.warm()
		s.calm = time.Now()
	}
	s.cycle, s.rough = cycle, rough
}

// warm asks about every picture once, so that caches of pictures have found their size before anything is compared.
func (s *soak) warm() {
	for _, item := range s.items {
		s.ask(item, item.Turns[0].Question)
		if len(s.conversations) > mostConversations {
			s.remove(s.conversations[len(s.conversations)-1].ID)
		}
	}
	s.did["ask about every picture"]++
}

// act in one step, drawn by its number, so that what was drawn before does not matter.
func (s *soak) step() {
	r := rand.New(rand.NewPCG(s.o.seed, uint64(s.number)))
	a := s.draw(r)
	s.did[a.name]++
	s.steps.Encode(map[string]any{
		"step": s.number, "at": time.Since(s.began).Seconds(), "what": a.name, "rough": s.rough, "open": s.view.open,
		"conversations": len(s.conversations), "turns": len(s.turns), "engine": s.status.PID,
	})
	if a.rough {
		s.ledger.allow(true)
	}
	a.do(s, r)
	s.idle()
	if a.rough {
		s.ledger.allow(false)
	}
	s.cleanComposer()
	s.pause(time.Duration(r.Int64N(int64(60 * time.Millisecond))))
}

// look measures, with nothing under way, after a question that is always the same: so that memory which an engine takes
// with the next question is there.
func (s *soak) look() {
	s.probe()
	if s.status.PID != s.pid {
		if n := len(s.looks); n > 0 && s.looks[n-1].Calm >= 0 && !s.rough {
			s.did["(engines replaced in calm times)"]++
		}
		s.pid = s.status.PID
		s.life++
	}
	runtime.GC()
	debug.FreeOSMemory()
	l := look{At: time.Since(s.began).Seconds(), Step: s.number, Cycle: s.cycle, Calm: -1, Life: s.life, Goroutines: runtime.NumGoroutine()}
	if !s.calm.IsZero() {
		l.Calm = time.Since(s.calm).Seconds()
	}
	var err error
	l.Window, err = UsageOf(os.Getpid())
	s.must(err)
	if l.Engine, err = UsageOf(s.pid); err != nil {
		s.ledger.find("the engine's memory cannot be read: %v", err)
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.Heap = float64(m.HeapAlloc) / (1 << 20)
	s.looks = append(s.looks, l)
	if list := Children(os.Getpid()); len(list) != 1 || list[0] != s.pid {
		s.ledger.find("the processes %v were started and are there; the engine is %d", list, s.pid)
	}
	s.checkCache()
}

// probe asks about a picture that was never there, so that the vision tower has to work, in a conversation that is
// deleted afterwards.
func (s *soak) probe() {
	s.act.NewChat()
	s.cleanComposer()
	path := s.path("drops/probe.png")
	s.must(os.WriteFile(path, probePicture(len(s.looks)), 0o600))
	s.act.Attach([]string{path})
	s.until("the picture is read", func() bool { return len(s.attachments) == 1 && !s.reading() })
	s.act.Send(probeQuestion)
	s.idle()
	s.until("the conversation has its place", func() bool { return s.view.open != 0 })
	if s.last().State != ui.TurnDone {
		s.ledger.find("a question ended as %+v", s.last())
	}
	s.remove(s.view.open)
	s.until("the engine is ready", s.ready)
}

const probeQuestion = "What is in the picture?"

// probePicture is a small red square, each a little different.
func probePicture(n int) []byte {
	const side = 32
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(img, img.Rect.Inset(8), image.NewUniform(color.NRGBA{220, 30, 30, 255}), image.Point{}, draw.Src)
	img.Set(n%side, 0, color.NRGBA{uint8(n / side), 250, 250, 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // it is written to memory
	}
	return b.Bytes()
}

// remove deletes a conversation.
func (s *soak) remove(id int64) {
	s.act.DeleteConversation(id)
	s.until("the conversation is deleted", func() bool {
		return !slices.ContainsFunc(s.conversations, func(c ui.Conversation) bool { return c.ID == id }) && s.view.open != id
	})
	delete(s.about, id)
}

// checkCache sees that what is put aside on disk stays within its limit.
func (s *soak) checkCache() {
	var total int64
	filepath.WalkDir(s.path("states"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	s.cache = max(s.cache, total)
	if total > statesDisk {
		s.ledger.find("what is put aside takes %d bytes of disk, %d are allowed", total, statesDisk)
	}
}

// usable asks once more at the end.
func (s *soak) usable() {
	item := s.items[0]
	turn := s.ask(item, item.Turns[0].Question)
	if t := s.turn(turn); t.State != ui.TurnDone || t.Answer == "" {
		s.ledger.find("at the end a question ended as %+v", t)
	}
}

// afterwards looks for what is left when the application has ended.
func (s *soak) afterwards(files, goroutines int) {
	f, g := s.own()
	if f > files+1 {
		s.ledger.find("%d files were open before, %d are afterwards: %q", files, f, openFiles())
	}
	if g > goroutines+1 {
		s.ledger.find("%d goroutines were there before, %d are afterwards", goroutines, g)
		pprof.Lookup("goroutine").WriteTo(s.t.Output(), 1)
	}
	for _, pid := range Marked(marker + "=" + s.dir) {
		if pid != os.Getpid() {
			s.ledger.find("process %d is left", pid)
		}
	}
	for _, pid := range Children(os.Getpid()) {
		s.ledger.find("process %d is left, a child", pid)
	}
	if left, _ := os.ReadDir(s.path("tmp")); len(left) > 0 {
		s.ledger.find("temporary files are left: %v", left)
	}
	filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && half(d.Name()) {
			s.ledger.find("half a file is left: %s", strings.TrimPrefix(path, s.dir))
		}
		return nil
	})
}

// half reports whether a name is that of a file that was being written.
func half(name string) bool {
	return strings.HasPrefix(name, ".galago-") || strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".new")
}

func openFiles() (list []string) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil {
			list = append(list, to)
		}
	}
	return list
}

// makeBadFiles makes what people drop by mistake.
func (s *soak) makeBadFiles() {
	picture, err := os.ReadFile(filepath.Join(s.set, "0000.jpg"))
	s.must(err)
	for name, data := range map[string][]byte{
		"truncated.jpg": picture[:len(picture)/3], "text.png": []byte("This is no picture."), "empty.png": nil, "header.jpg": picture[:40],
		"bomb.png": slices.Concat([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x06\x00\x00\x00"), make([]byte, 200)),
	} {
		path := s.path("drops/" + name)
		s.must(disk.Write(path, 0o600, data))
		s.bad = append(s.bad, path)
	}
	folder := s.path("drops/folder.png")
	s.must(os.Mkdir(folder, 0o700))
	s.bad = append(s.bad, folder, s.path("drops/missing.png"))
	slices.Sort(s.bad)
}

// pictures are all that are asked about, by their content.
func (s *soak) pictures() (list map[string]*vision.Picture, items map[string]demoeval.Item) {
	list, items = map[string]*vision.Picture{}, map[string]demoeval.Item{}
	for _, item := range s.items {
		var key string
		for _, name := range item.Images {
			p, err := vision.Open(filepath.Join(s.set, name))
			s.must(err)
			h := hashOf(p)
			list[h] = p
			key += h
		}
		items[key] = item
	}
	for _, sample := range assetsSamples() {
		p, err := vision.Decode(sample.File, sample.Data)
		s.must(err)
		list[hashOf(p)] = p
	}
	for n := range s.looks {
		p, err := vision.Decode("probe.png", probePicture(n))
		s.must(err)
		list[hashOf(p)] = p
	}
	return list, items
}

// entries reads what was written of all requests.
func (s *soak) entries() (list []entry) {
	f, err := os.Open(s.requests())
	s.must(err)
	defer f.Close()
	in := json.NewDecoder(bufio.NewReader(f))
	for in.More() {
		var e entry
		s.must(in.Decode(&e))
		list = append(list, e)
	}
	return list
}

// kill sends a signal to the engine.
func (s *soak) kill(signal syscall.Signal) {
	if pid := s.status.PID; pid != 0 && slices.Contains(Children(os.Getpid()), pid) {
		s.ledger.allow(true)
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.ledger.find("engine %d cannot be ended: %v", pid, err)
		}
	}
}

func counts(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}
