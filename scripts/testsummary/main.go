// Testsummary reads the output of go test -json, prints what failed, what was skipped and how long each package took,
// and ends in a line that counts. It exits with 1 when anything failed or nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// event is one line of go test -json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// key is a test, or with an empty name a package.
type key struct{ pkg, test string }

func main() {
	output := map[key]*strings.Builder{}
	var passed, failed, skipped, broken int
	var failures, skips, times []string
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text())
			continue
		}
		k := key{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
			continue
		case "output":
			if output[k] == nil {
				output[k] = &strings.Builder{}
			}
			output[k].WriteString(e.Output)
			continue
		case "pass", "fail", "skip":
		default:
			continue
		}
		if e.Test == "" {
			if e.Action != "skip" {
				times = append(times, fmt.Sprintf("%8.1f s  %-4s  %s", e.Elapsed, e.Action, e.Package))
			}
			if e.Action == "fail" {
				broken++
				failures = append(failures, text(output[k], e.Package))
			}
			continue
		}
		switch e.Action {
		case "pass":
			passed++
		case "fail":
			failed++
			failures = append(failures, text(output[k], e.Package+" "+e.Test))
		case "skip":
			skipped++
			skips = append(skips, strings.TrimSpace(text(output[k], e.Package+" "+e.Test)))
		}
		delete(output, k)
	}
	slices.Sort(times)
	fmt.Println(strings.Join(times, "\n"))
	for _, s := range skips {
		fmt.Println("\nskipped:", s)
	}
	for _, f := range failures {
		fmt.Printf("\n%s\n", f)
	}
	if broken > 0 && failed == 0 {
		failed = broken // a package that does not build, or a crash outside any test
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

func text(b *strings.Builder, name string) string {
	if b == nil {
		return name
	}
	return name + "\n" + b.String()
}
