// Resources makes what Windows shows of a program without starting it, and asks of it before: icon, version, manifest.
// It is run in the repository's root by scripts/build-programs.sh:
//
//	resources FOLDER
//
// and writes galago.ico and welcome.bmp into the folder, for the installer, and the objects that "go build" for Windows links by
// itself, beside each program's source. Git ignores them. Name and version are FyneApp.toml's, the copyright LICENSE's.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/png"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/tc-hib/winres"
	"github.com/tc-hib/winres/version"
	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"

	"galago/inference/disk"
)

// object is named so that only builds for Windows take it.
const object = "resources_windows_amd64.syso"

//go:embed app.manifest
var manifest []byte

// iconSizes in pixels: those of title bars, the task bar, the start menu and folders, at 100, 125, 150 and 200 percent.
var iconSizes = []int{256, 128, 96, 64, 48, 40, 32, 24, 20, 16}

// program is what differs between the two.
type program struct {
	folder      string // of its source
	file        string
	description string // the task manager's name for it
	icon        string // the resource's name
}

var programs = []program{
	// GLFW looks for this name, and gives the window that icon before Fyne has one.
	{folder: ".", file: "galago.exe", description: "Galago", icon: "GLFW_ICON"},
	{folder: "inference/galago-engine", file: "galago-engine.exe", description: "Galago's engine", icon: "APP"},
}

// product is what both share.
type product struct {
	name, version, company, copyright string

	numbers [4]uint16 // the version, as Windows compares it: the fourth is the build
	picture image.Image
	icon    *winres.Icon
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "resources:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: resources FOLDER")
	}
	p, err := readProduct()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	var ico bytes.Buffer
	if err := p.icon.SaveICO(&ico); err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(args[0], "galago.ico"), 0o644, ico.Bytes()); err != nil {
		return err
	}
	var welcome bytes.Buffer
	if err := bmp.Encode(&welcome, p.welcome()); err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(args[0], "welcome.bmp"), 0o644, welcome.Bytes()); err != nil {
		return err
	}
	for _, prog := range programs {
		data, err := p.objectFor(prog)
		if err != nil {
			return fmt.Errorf("%s: %w", prog.file, err)
		}
		if err := disk.Write(filepath.Join(prog.folder, object), 0o644, data); err != nil {
			return err
		}
	}
	return nil
}

func readProduct() (p product, err error) {
	app, err := os.ReadFile("FyneApp.toml")
	if err != nil {
		return p, err
	}
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return p, err
	}
	var icon, build string
	for _, field := range []struct {
		to       *string
		from     []byte
		file, re string
	}{
		{&p.name, app, "FyneApp.toml", `(?m)^ *Name *= *"(.+)"`},
		{&p.version, app, "FyneApp.toml", `(?m)^ *Version *= *"(.+)"`},
		{&icon, app, "FyneApp.toml", `(?m)^ *Icon *= *"(.+)"`},
		{&build, app, "FyneApp.toml", `(?m)^ *Build *= *(\d+)`},
		{&p.copyright, licence, "LICENSE", `(?m)^(Copyright .+)$`},
		{&p.company, licence, "LICENSE", `(?m)^Copyright \(c\) [\d-]+ (.+)$`},
	} {
		found := regexp.MustCompile(field.re).FindSubmatch(field.from)
		if found == nil {
			return p, fmt.Errorf("%s has no line like %s", field.file, field.re)
		}
		*field.to = strings.TrimSpace(string(found[1]))
	}
	if p.numbers, err = numbers(p.version, build); err != nil {
		return p, err
	}
	if p.picture, err = readPicture(icon); err != nil {
		return p, err
	}
	p.icon, err = winres.NewIconFromResizedImage(p.picture, iconSizes)
	return p, err
}

// numbers takes a version apart: "1.2.3-rc1" of build 4 is 1, 2, 3, 4. Each is 65535 at most, or it is an error.
func numbers(version, build string) (n [4]uint16, err error) {
	release, _, _ := strings.Cut(version, "-")
	parts := strings.Split(release, ".")
	if len(parts) != 3 {
		return n, fmt.Errorf("the version %q is not like 1.2.3", version)
	}
	for i, part := range append(parts, build) {
		v, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return n, fmt.Errorf("the version %q, build %q: %w", version, build, err)
		}
		n[i] = uint16(v)
	}
	return n, nil
}

func readPicture(file string) (image.Image, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return img, nil
}

// welcome is the picture at the left of the installer's first and last page, at twice the 164 by 314 pixels that it takes
// where texts are not enlarged.
func (p product) welcome() image.Image {
	const width, height, side, top = 328, 628, 240, 64
	page := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(page, page.Bounds(), image.NewUniform(color.RGBA{0x1F, 0x23, 0x2A, 0xFF}), image.Point{}, draw.Src) // the icon's ground
	at := image.Rect((width-side)/2, top, (width+side)/2, top+side)
	draw.CatmullRom.Scale(page, at, p.picture, p.picture.Bounds(), draw.Over, nil)
	return page
}

// objectFor is a program's resources as the linker takes them.
func (p product) objectFor(prog program) ([]byte, error) {
	info := version.Info{FileVersion: p.numbers, ProductVersion: p.numbers}
	for key, value := range map[string]string{
		version.ProductName: p.name, version.ProductVersion: p.version, version.FileVersion: p.version,
		version.CompanyName: p.company, version.LegalCopyright: p.copyright, version.FileDescription: prog.description,
		version.InternalName: strings.TrimSuffix(prog.file, ".exe"), version.OriginalFilename: prog.file,
	} {
		if err := info.Set(version.LangDefault, key, value); err != nil {
			return nil, err
		}
	}
	var set winres.ResourceSet
	if err := set.SetIcon(winres.Name(prog.icon), p.icon); err != nil {
		return nil, err
	}
	set.SetVersionInfo(info)
	if err := set.Set(winres.RT_MANIFEST, winres.ID(1), winres.LCIDDefault, manifest); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := set.WriteObject(&out, winres.ArchAMD64); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
