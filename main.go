// Galago is a window to ask questions about pictures on your own graphics card.
package main

import (
	"flag"
	"fmt"

	"galago/app"
)

// version is set when a release is built.
var version = "development"

func main() {
	showVersion := flag.Bool("version", false, "print the version and leave")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "galago [FILE]...\n\nOpens Galago's window, with the pictures given attached to the first question.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *showVersion {
		fmt.Println("galago", version)
		return
	}
	app.Run(version, flag.Args())
}
