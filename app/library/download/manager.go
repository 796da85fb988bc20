package download

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// newsTime is the shortest time between two calls of a watcher.
const newsTime = 250 * time.Millisecond

// Manager works on jobs, one after the other, in a goroutine of its own. Its methods return at once.
type Manager struct {
	client *client
	free   func(string) (uint64, error)
	folder string
	log    *slog.Logger
	wake   chan struct{} // something is in commands
	ended  chan error    // of the run
	closed chan struct{} // the goroutine has ended

	mu       sync.Mutex // for what follows, and for what jobs tell
	commands []func()   // for the manager's goroutine
	closing  bool
	watchers map[int]func([]State)
	watches  int
	jobs     []*job // in the order in which they were started
	changed  bool   // since watchers were told
	unsaved  bool   // since jobs were remembered

	running *run // only the manager's goroutine uses it, and cancelRun
	stop    context.CancelFunc
}

// record is what is remembered of a job.
type record struct {
	Job
	HubOnly    []string         `json:"hub_only,omitempty"`
	Unverified []string         `json:"unverified,omitempty"`
	SetAside   []string         `json:"set_aside,omitempty"`
	Whole      map[string]stamp `json:"whole,omitempty"`
}

// job is a job as it stands.
type job struct {
	record
	gone  bool // cancelled
	phase Phase
	err   error
	again time.Time
	got   []int64 // of each file
	sizes []int64 // of each file; 0: not known
	meter meter
	speed float64
}

func newJob(r record) *job {
	j := &job{record: r}
	j.define(r.Job)
	return j
}

// define sets what the job is.
func (j *job) define(d Job) {
	d.Files = slices.Clone(d.Files)
	got := make([]int64, len(d.Files))
	if len(got) == len(j.got) {
		copy(got, j.got)
	}
	j.Job, j.got, j.sizes = d, got, make([]int64, len(d.Files))
	for i, f := range d.Files {
		j.sizes[i] = f.Bytes
	}
	if j.Whole == nil {
		j.Whole = map[string]stamp{}
	}
}

// state is the job for watchers.
func (j *job) state() State {
	s := State{
		Job: j.Job, Phase: j.phase, Err: j.err, Again: j.again,
		HubOnly: slices.Clone(j.HubOnly), Unverified: slices.Clone(j.Unverified), SetAside: slices.Clone(j.SetAside),
	}
	s.Files = slices.Clone(j.Files)
	for i, n := range j.sizes {
		s.Got += j.got[i]
		s.Total += n
	}
	if slices.Contains(j.sizes, 0) {
		s.Total = 0
	}
	if s.Phase == Fetching {
		s.Speed = j.speed
	}
	if s.Speed > 0 && s.Total > s.Got {
		s.Left = time.Duration(float64(s.Total-s.Got) / s.Speed * float64(time.Second))
	}
	return s
}

func newManager(o Options) *Manager {
	m := &Manager{
		client: newClient(o.Client), free: o.Free, folder: o.Folder, log: o.Log,
		wake: make(chan struct{}, 1), ended: make(chan error), closed: make(chan struct{}),
		watchers: map[int]func([]State){},
	}
	if m.free == nil {
		m.free = free
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	go m.loop()
	return m
}

// do has the manager's goroutine do something.
func (m *Manager) do(command func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closing {
		m.commands = append(m.commands, command)
		m.poke()
	}
}

func (m *Manager) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *Manager) close() {
	m.mu.Lock()
	m.closing = true
	m.poke()
	m.mu.Unlock()
	<-m.closed
}

func (m *Manager) watch(call func([]State)) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := m.watches
	m.watches++
	m.watchers[id] = call
	m.changed = true
	m.poke()
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, id)
	}
}

// loop is the manager's goroutine: it does commands, lets jobs run, remembers them and calls watchers.
func (m *Manager) loop() {
	defer close(m.closed)
	m.load()
	var (
		due  <-chan time.Time // of news; nil: there are none
		last time.Time
	)
	for {
		m.command()
		m.save()
		if m.isClosing() {
			m.end()
			return
		}
		m.next()
		if due == nil && m.hasNews() {
			due = time.After(newsTime - time.Since(last))
		}
		select {
		case <-m.wake:
		case err := <-m.ended:
			m.over(err)
		case <-due:
			m.news()
			due, last = nil, time.Now()
		}
	}
}

// hasNews says whether something changed, or may change without anybody saying so.
func (m *Manager) hasNews() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.watchers) > 0 && (m.changed || m.running != nil)
}

func (m *Manager) isClosing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closing && len(m.commands) == 0
}

// command does what was asked for.
func (m *Manager) command() {
	m.mu.Lock()
	commands := m.commands
	m.commands = nil
	m.mu.Unlock()
	for _, c := range commands {
		c()
	}
}

// end stops what runs and waits for it.
func (m *Manager) end() {
	if m.running != nil {
		m.halt()
		m.over(<-m.ended)
	}
	m.save()
	m.client.close()
}

// find is for the manager's goroutine, which alone changes the list.
func (m *Manager) find(id string) *job {
	i := slices.IndexFunc(m.jobs, func(j *job) bool { return j.ID == id })
	if i < 0 {
		return nil
	}
	return m.jobs[i]
}

func (m *Manager) start(d Job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.find(d.ID)
	switch {
	case j == nil:
		j = newJob(record{Job: d})
	case j.phase <= Retrying:
		return
	default:
		m.jobs = slices.DeleteFunc(m.jobs, func(other *job) bool { return other == j })
		j.define(d)
	}
	j.phase, j.err = Waiting, nil
	m.jobs = append(m.jobs, j) // behind those that wait already
	m.changed, m.unsaved = true, true
}

// set changes a job's phase.
func (m *Manager) set(j *job, p Phase, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j.phase, j.err, j.again = p, err, time.Time{}
	m.changed = true
}

// halt stops the run: from now on it tells nothing, and ends soon.
func (m *Manager) halt() {
	m.mu.Lock()
	m.running.stopped = true
	m.mu.Unlock()
	m.stop()
}

func (m *Manager) pause(id string) {
	j := m.find(id)
	if j == nil {
		return
	}
	m.mu.Lock()
	active := j.phase <= Retrying
	m.mu.Unlock()
	if !active {
		return
	}
	if m.running != nil && m.running.j == j {
		m.halt()
	}
	m.set(j, Paused, nil)
}

func (m *Manager) cancel(id string) {
	j := m.find(id)
	if j == nil {
		return
	}
	m.mu.Lock()
	m.jobs = slices.DeleteFunc(m.jobs, func(other *job) bool { return other == j })
	m.changed, m.unsaved = true, true
	done := j.phase == Done
	j.gone = true
	m.mu.Unlock()
	switch {
	case m.running != nil && m.running.j == j:
		m.halt() // over deletes what came
	case !done:
		m.remove(j)
	}
}

// remove deletes what came of a job's files. What cannot be deleted stays: nobody asks for it any more.
func (m *Manager) remove(j *job) {
	if j.Job.check() != nil {
		return
	}
	for _, f := range j.Files {
		if m.wanted(f.Path) {
			continue
		}
		if p, err := open(&j.Job, f); err == nil {
			_ = p.remove()
			p.close()
		}
	}
}

func (m *Manager) discard(id string) {
	j := m.find(id)
	if j == nil {
		return
	}
	m.mu.Lock()
	paths, files := slices.Clone(j.SetAside), slices.Clone(j.Files)
	m.mu.Unlock()
	gone := map[string]bool{}
	for _, path := range paths {
		if !slices.ContainsFunc(files, func(f File) bool {
			return strings.HasPrefix(path, f.Path+wrongEnd) || strings.HasPrefix(path, f.Path+oldEnd)
		}) {
			continue // the list was changed by hand
		}
		if err := os.Remove(path); err == nil || errors.Is(err, fs.ErrNotExist) {
			gone[path] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	j.SetAside = slices.DeleteFunc(j.SetAside, func(path string) bool { return gone[path] })
	m.changed, m.unsaved = true, true
}

// wanted says whether another job has a file of that path.
func (m *Manager) wanted(path string) bool {
	return slices.ContainsFunc(m.jobs, func(j *job) bool {
		return slices.ContainsFunc(j.Files, func(f File) bool { return f.Path == path })
	})
}

// next lets the next job run, if none does.
func (m *Manager) next() {
	if m.running != nil {
		return
	}
	i := slices.IndexFunc(m.jobs, func(j *job) bool { return j.phase == Waiting })
	if i < 0 {
		return
	}
	j := m.jobs[i]
	j.meter.reset()
	ctx, stop := context.WithCancel(context.Background())
	r := &run{m: m, j: j, job: j.Job}
	m.running, m.stop = r, stop
	m.set(j, Fetching, nil)
	go func() { m.ended <- r.all(ctx) }()
}

// over takes the end of the run.
func (m *Manager) over(err error) {
	r := m.running
	m.stop()
	m.running = nil
	m.mu.Lock()
	stopped := r.stopped
	r.stopped = true
	m.mu.Unlock()
	switch j := r.j; {
	case j.gone:
		if err != nil { // or it was whole before the word reached it
			m.remove(j)
		}
	case err == nil && !(stopped && j.phase == Waiting): // unless it was paused and started again meanwhile
		m.set(j, Done, nil)
		m.mu.Lock()
		m.unsaved = true
		m.mu.Unlock()
	case !stopped:
		m.set(j, Failed, err)
	}
}

// news calls watchers, if something changed.
func (m *Manager) news() {
	m.mu.Lock()
	if m.running != nil && !m.running.stopped {
		m.measure(m.running.j)
	}
	if !m.changed {
		m.mu.Unlock()
		return
	}
	m.changed = false
	ids := slices.Sorted(maps.Keys(m.watchers))
	m.mu.Unlock()
	for _, id := range ids {
		m.mu.Lock()
		call := m.watchers[id] // one may have ended another
		states := make([]State, 0, len(m.jobs))
		for _, j := range m.jobs {
			states = append(states, j.state())
		}
		m.mu.Unlock()
		if call != nil {
			call(states)
		}
	}
}

// measure takes a job's speed. The caller holds the mutex.
func (m *Manager) measure(j *job) {
	if j.phase != Fetching {
		j.meter.reset()
		j.speed = 0
		return
	}
	var got int64
	for _, n := range j.got {
		got += n
	}
	if speed := j.meter.add(time.Now(), got); speed != j.speed {
		j.speed, m.changed = speed, true
	}
}
