// Package portal asks the desktop for its own dialogs: to choose files, with previews of them, and to take a picture of
// a part of the screen. On Linux that is xdg-desktop-portal, over D-Bus; elsewhere there is none.
//
// It speaks D-Bus itself rather than through github.com/rymdport/portal, which listens for the answer only after it has
// asked, cannot be given up, and turns every + in a file's name into a space.
package portal

import "errors"

// Errors that a caller may want to tell apart.
var (
	ErrNone      = errors.New("portal: this desktop has none")
	ErrCancelled = errors.New("portal: the person closed the dialog")
)

// Offers are what the desktop has.
type Offers struct{ Files, Screenshots bool }

// Ask is what the dialog for files is to look like.
type Ask struct {
	Parent string   // the window that it belongs to, such as "x11:2400007"; may be empty
	Title  string   // in the person's language
	Accept string   // the button's label
	Folder string   // to begin in; empty: the one of last time
	Kind   string   // what the types are called, such as "Pictures"
	Types  []string // MIME types that are shown
	All    string   // what showing all files is called
}
