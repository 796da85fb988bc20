// Command notices says what is inside a package, and under which licences:
//
//	go run ./scripts/notices linux|windows STAGE
//
// STAGE is the folder that is about to be packed. It gets THIRD_PARTY_LICENSES.txt, for people, and sbom.cdx.json
// (CycloneDX 1.5), for machines. The Go modules are read from the programs themselves, llama.cpp's vendored parts from
// what its build compiled; the rest is in records.go. It fails when
//   - a file of STAGE belongs to nothing that has a record,
//   - a licence's text is missing, or is not the licence that the record claims,
//   - a licence is not one of those that allowed.go knows to be fit for passing on a package.
//
// With SOURCE_DATE_EPOCH (seconds) as the time and equal files it writes equal bytes.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./scripts/notices linux|windows STAGE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "galago-%s: what is inside could not be told:\n%v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func run(system, stage string) error {
	about, err := readApp("FyneApp.toml")
	if err != nil {
		return err
	}
	h, err := thisHouse(system)
	if err != nil {
		return err
	}
	p := pack{system: system, stage: stage, name: about.name, version: about.version, epoch: os.Getenv("SOURCE_DATE_EPOCH")}
	if err := p.fill(h); err != nil {
		return err
	}
	text := p.report()
	if err := os.WriteFile(filepath.Join(stage, reportName), text, 0o644); err != nil {
		return err
	}
	bom, err := p.bom(text)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, bomName), bom, 0o644); err != nil {
		return err
	}
	fmt.Printf("galago-%s: %d files, %d components, %d texts of licences (%d KB)\n",
		system, len(p.files), len(p.parts), len(p.texts), len(text)/1000)
	return nil
}
