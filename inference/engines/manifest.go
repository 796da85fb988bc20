package engines

import (
	"encoding/json"
	"sync"

	"galago/assets"
)

// Archive is a file to download, pinned.
type Archive struct {
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Bytes  int64    `json:"bytes"` // 0: not known
	SHA256 string   `json:"sha256"`
	Files  []string `json:"files"` // what is taken of it, by file name
}

// Build is an engine that can be installed.
type Build struct {
	ID        string    `json:"id"`             // such as "cuda13-linux-amd64"
	CUDA      string    `json:"cuda"`           // such as "13.1"
	Bytes     int64     `json:"unpacked_bytes"` // at most
	Archives  []Archive `json:"archives"`
	System    string    `json:"system"`     // such as "linux/amd64"
	GLibC     string    `json:"glibc"`      // the oldest C library that it runs with; empty: any
	Native    []string  `json:"native"`     // compute capabilities with machine code, such as "8.6"
	PTX       []string  `json:"ptx"`        // compute capabilities with code that a driver of the same CUDA or a newer one translates
	Driver    string    `json:"driver"`     // the oldest driver for Native
	DriverPTX string    `json:"driver_ptx"` // the oldest driver for PTX; empty: not known
}

// builds is engines.json.
type builds struct {
	Llama  string  `json:"llama"`  // version of llama.cpp of all of them
	Builds []Build `json:"builds"` // the better ones first
}

// manifest is what travels with the program. A test reads it, so that it can be read.
var manifest = sync.OnceValue(func() builds {
	var m builds
	if err := json.Unmarshal(assets.Engines, &m); err != nil {
		panic("engines.json: " + err.Error())
	}
	return m
})
