// Package download fetches files over HTTPS so that they can be trusted: what has come is kept over interruptions and
// ends of the program, checked against a digest, and appears under its name only when it is whole and right.
//
// # What it guarantees
//
// A file is written beside its name as NAME.part, with NAME.part.json that says where it comes from. It gets its name by
// a rename, after its length and its SHA-256 were right and it was on the disk. So a file under its final name is whole,
// whenever the program or the machine's power ended. The digest is the caller's; where the caller has none, the hub's own
// (x-linked-etag), and the path is listed in State.HubOnly; where the server names none either, only the length can be
// checked, and the path is listed in State.Unverified.
//
// What has come stays over lost connections, Pause, Close and kill -9 (all but the last 2 seconds or 1 MiB), and is read again for
// its digest before more is added to it. Only Cancel deletes it. It is started over when the server has another file
// than before, by the hub's digest or by a strong ETag; when it only ignores ranges, what is there is skipped.
//
// A file whose digest is wrong is renamed to NAME.wrong-digest, or NAME.wrong-digest.2 and so on, listed in
// State.SetAside, and never used again: the next Start begins it from zero. It is not asked for again unasked. A file that
// stood under the final name with another content keeps existing in the same way.
//
// A connection is given up when it brings less than 4 KiB in 30 seconds, and tried again after 1, 2, 4 ... 60 seconds (each
// up to a half less, by chance; or as long as the server asks for, up to 10 minutes). Ten tries in a row that bring nothing new, or
// 200 that bring less than 1 MiB each, end in Failed. There is no limit on the time that a file takes.
//
// Addresses are HTTPS, or HTTP on this machine. Redirects to other hosts are followed, at most 8, never to plain HTTP nor
// from another machine to this one, and without cookies, credentials or Referer: each hop is a request of its own.
package download

import (
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// File is a file to fetch.
type File struct {
	URL    string `json:"url"`              // https, or http on loopback
	Path   string `json:"path"`             // where it goes, absolute
	Bytes  int64  `json:"bytes,omitempty"`  // that it must have; 0: not known
	SHA256 string `json:"sha256,omitempty"` // hexadecimal, that it must have; empty: the server's own counts (x-linked-etag), and is told as such
}

// Job is several files that belong together.
type Job struct {
	ID    string `json:"id"`   // the caller's; a job of the same ID is the same
	Name  string `json:"name"` // for people
	Files []File `json:"files"`
	Spare uint64 `json:"spare,omitempty"` // bytes that must stay free on the disk beside it

	// Folder is where all files must lie, in folders that do not lead out of it; absolute. Empty: each file may lie
	// anywhere.
	Folder string `json:"folder,omitempty"`
}

// Phase is how far a Job is.
type Phase int

// The phases.
const (
	Waiting  Phase = iota // for another job
	Fetching              //
	Checking              // what was there already is read again for its digest; Got counts what has been read
	Retrying              // waits before it tries again; Err says why, Again when
	Paused                // by Pause, or by the end of the program
	Failed                // Err says why; Resume tries again
	Done
)

// State is a Job as it stands.
type State struct {
	Job
	Phase      Phase
	Got        int64         // bytes of all files
	Total      int64         // bytes of all files; 0: not known yet
	Speed      float64       // bytes a second, over the last seconds
	Left       time.Duration // until it is done at that speed; 0: not known
	Err        error         // a sentence for people, an *Error
	Again      time.Time     // in Retrying: when it tries again
	HubOnly    []string      // paths whose digest came from the server alone
	Unverified []string      // paths for which nobody named a digest: only their length was checked
	SetAside   []string      // files whose digest was wrong, or that were in the way, as they are called now
}

// Options of a Manager. Zero values are the defaults.
type Options struct {
	Client *http.Client                        // nil: one that honours the proxy variables. Its cookies, time limit and rule for redirects are not used
	Folder string                              // where unfinished jobs are remembered; empty: nowhere
	Free   func(folder string) (uint64, error) // bytes free on a folder's disk; nil: asks the system
	Log    *slog.Logger                        // nil: nowhere
}

// New begins with the jobs that an earlier program left unfinished, paused. It returns at once; they are read in the
// manager's goroutine.
func New(o Options) *Manager { return newManager(o) }

// Watch registers a function that is called with all jobs now and after changes, at most four times a second, from
// the manager's goroutine. It must return soon and must not call Close. Calling the result ends it.
func (m *Manager) Watch(watch func([]State)) (stop func()) { return m.watch(watch) }

// Start adds a job, or goes on with one that was paused or failed, with the addresses, sizes and digests of j. One that runs or waits stays
// as it is.
func (m *Manager) Start(j Job) {
	j.Files = slices.Clone(j.Files)
	m.do(func() { m.start(j) })
}

// Resume goes on with a job that was paused or failed, as it was started.
func (m *Manager) Resume(id string) {
	m.do(func() {
		if j := m.find(id); j != nil {
			m.start(j.Job)
		}
	})
}

// Pause stops a job and keeps what has come.
func (m *Manager) Pause(id string) { m.do(func() { m.pause(id) }) }

// Cancel stops a job, forgets it, and deletes what has come of files that are not whole. Of a job that is done it
// deletes nothing.
func (m *Manager) Cancel(id string) { m.do(func() { m.cancel(id) }) }

// Discard deletes what a job has set aside. What cannot be deleted stays in State.SetAside.
func (m *Manager) Discard(id string) { m.do(func() { m.discard(id) }) }

// Close pauses what runs and returns when everything is on the disk. Nothing is called afterwards.
func (m *Manager) Close() { m.close() }
