package vram

import "galago/assets/words"

// OpenNVML is not written for Windows yet.
func OpenNVML() (Source, error) {
	return nil, absent(words.T("GPU readings on Windows come in a later version of Galago. Answers work without them."))
}
