// Package download fetches files over HTTPS so that they can be trusted: what has come is kept over interruptions and
// ends of the program, checked against a digest, and appears under its name only when it is whole and right.
package download

import (
	"net/http"
	"time"
)

// File is a file to fetch.
type File struct {
	URL    string // https, or http on loopback
	Path   string // where it goes, absolute
	Bytes  int64  // that it must have; 0: not known
	SHA256 string // hexadecimal, that it must have; empty: the server's own counts (x-linked-etag), and is told as such
}

// Job is several files that belong together.
type Job struct {
	ID    string // the caller's; a job of the same ID is the same
	Name  string // for people
	Files []File
	Spare uint64 // bytes that must stay free on the disk beside it
}

// Phase is how far a Job is.
type Phase int

// The phases.
const (
	Waiting  Phase = iota // for another job
	Fetching              //
	Checking              // what was there already is read again for its digest
	Retrying              // waits before it tries again; Err says why
	Paused                // by Pause, or by the end of the program
	Failed                // Err says why; Resume tries again
	Done
)

// State is a Job as it stands.
type State struct {
	Job
	Phase    Phase
	Got      int64         // bytes of all files
	Total    int64         // bytes of all files; 0: not known yet
	Speed    float64       // bytes a second, over the last seconds
	Left     time.Duration // until it is done at that speed; 0: not known
	Err      error         // a sentence for people
	HubOnly  []string      // paths whose digest came from the server alone
	SetAside []string      // files whose digest was wrong, as they are called now
}

// Options of a Manager. Zero values are the defaults.
type Options struct {
	Client *http.Client                        // nil: one that honours the proxy variables
	Folder string                              // where unfinished jobs are remembered; empty: nowhere
	Free   func(folder string) (uint64, error) // bytes free on a folder's disk; nil: asks the system
}

// Manager works on jobs, one after the other, in a goroutine of its own. Its methods return at once.
type Manager struct{}

// New begins with the jobs that an earlier program left unfinished, paused.
func New(o Options) *Manager { return &Manager{} }

// Watch registers a function that is called with all jobs now and after changes, at most a few times a second, from
// the manager's goroutine. Calling the result ends it.
func (m *Manager) Watch(watch func([]State)) (stop func()) { return func() {} }

// Start adds a job, or goes on with one that was paused or failed.
func (m *Manager) Start(j Job) {}

// Pause stops a job and keeps what has come.
func (m *Manager) Pause(id string) {}

// Cancel stops a job, forgets it, and deletes what has come of files that are not whole.
func (m *Manager) Cancel(id string) {}

// Close pauses what runs and returns when everything is on the disk.
func (m *Manager) Close() {}
