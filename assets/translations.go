package assets

import "embed"

// Translations are JSON files named after languages (BCP 47): English text to what it is in that language. A test compares them
// with what the program says.
//
//go:embed translations/*.json
var Translations embed.FS
