package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bom is sbom.cdx.json. The package depends on its files, and each file on the parts that are in it. The serial number is
// made from the content, so that equal packages have equal ones.
func (p *pack) bom(report []byte) ([]byte, error) {
	when, err := p.time()
	if err != nil {
		return nil, err
	}
	root := cdx.Component{
		BOMRef: "package", Type: cdx.ComponentTypeApplication, Name: fmt.Sprintf("%s for %s", p.name, p.system), Version: p.version,
		PackageURL: "pkg:generic/galago@" + p.version + "?arch=amd64&os=" + p.system, Licenses: licences("MIT"),
	}
	components, depends := p.components(report)
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: when, Component: &root}
	bom.Components = &components
	bom.Dependencies = &depends
	first, err := encode(bom)
	if err != nil {
		return nil, err
	}
	bom.SerialNumber = serial(first)
	return encode(bom)
}

// time is SOURCE_DATE_EPOCH as the SBOM writes it, or nothing.
func (p *pack) time() (string, error) {
	if p.epoch == "" {
		return "", nil
	}
	seconds, err := strconv.ParseInt(p.epoch, 10, 64)
	if err != nil {
		return "", fmt.Errorf("SOURCE_DATE_EPOCH is %q, not a number of seconds", p.epoch)
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339), nil
}

// components are the files, then the parts; depends says what is in what.
func (p *pack) components(report []byte) (list []cdx.Component, depends []cdx.Dependency) {
	files := append([]file{}, p.files...)
	files = append(files, file{name: reportName, sha256: fmt.Sprintf("%x", sha256.Sum256(report))})
	var top []string
	for _, f := range files {
		if f.sha256 == "" {
			continue // another name of a file that is listed
		}
		ref := "file:" + f.name
		top = append(top, ref)
		list = append(list, cdx.Component{
			BOMRef: ref, Type: cdx.ComponentTypeFile, Name: f.name, Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: f.sha256}},
		})
		depends = append(depends, dependency(ref, f.parts))
	}
	for _, part := range p.parts {
		if part.always {
			top = append(top, part.ref())
		}
		list = append(list, component(part))
	}
	return list, append([]cdx.Dependency{dependency("package", top)}, depends...)
}

func dependency(ref string, on []string) cdx.Dependency {
	if len(on) == 0 {
		return cdx.Dependency{Ref: ref}
	}
	return cdx.Dependency{Ref: ref, Dependencies: &on}
}

func component(p part) cdx.Component {
	c := cdx.Component{
		BOMRef: p.ref(), Type: cdx.ComponentTypeLibrary, Name: p.name, Version: p.version, Description: p.note,
		PackageURL: p.ref(), Licenses: licences(p.licence),
	}
	if p.home != "" {
		c.ExternalReferences = &[]cdx.ExternalReference{{Type: cdx.ERTypeWebsite, URL: p.home}}
	}
	return c
}

// licences is an expression; a single licence is one too.
func licences(expression string) *cdx.Licenses {
	return &cdx.Licenses{{Expression: expression}}
}

func encode(bom *cdx.BOM) ([]byte, error) {
	var b bytes.Buffer
	err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_5)
	return b.Bytes(), err
}

// serial is a UUID of version 8, whose bits are the writer's to choose, from a digest.
func serial(content []byte) string {
	d := sha256.Sum256(content)
	d[6] = d[6]&0x0f | 0x80
	d[8] = d[8]&0x3f | 0x80
	s := fmt.Sprintf("%x", d[:16])
	return "urn:uuid:" + strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}
