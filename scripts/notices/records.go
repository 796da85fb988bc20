package main

import (
	"fmt"
	"regexp"
	"strings"
)

// known is what is on record about a Go module, beyond what its files say.
type known struct {
	licence, reason string
	leaveOut        []string // files that are about something that is not in our programs, or that have a record of their own
}

var modules = map[string]known{
	"fyne.io/fyne/v2":                 {leaveOut: []string{"theme/font/*"}}, // its fonts are parts of their own
	"github.com/go-gl/glfw/v3.3/glfw": {leaveOut: []string{"glfw/LICENSE.md"}},
	"github.com/go-text/render": {
		licence: "Unlicense OR BSD-3-Clause", reason: "its LICENSE gives the choice",
	},
	"github.com/go-text/typesetting": {
		licence: "(Unlicense OR BSD-3-Clause) AND MIT", reason: "its LICENSE gives the choice; harfbuzz, a port of HarfBuzz, is under the MIT licence",
	},
	"github.com/jezek/xgb": {leaveOut: []string{"xgbgen/*"}}, // a program that wrote the source
	"github.com/jupiterrider/ffi": {
		licence: "MIT", reason: "CC0-1.0 in its COPYRIGHT.txt is about a picture of an example", leaveOut: []string{"assets/*/*"},
	},
	"modernc.org/libc": {
		licence: "BSD-3-Clause AND MIT", reason: "LICENSE-3RD-PARTY.md lists Go's library (BSD-3-Clause) and musl, go-netdb and nixpkgs (MIT)",
	},
	"modernc.org/memory": {leaveOut: []string{"LICENSE-LOGO"}},
	// SQLite is a part of its own; sqlite-vec is a package that we do not import. LICENSE-3RD-PARTY.md lists the modules
	// that are parts here too, and those of its tests.
	"modernc.org/sqlite": {leaveOut: []string{"LICENSE-SQLITE", "LICENSE-SQLITE_VEC", "LICENSE-3RD-PARTY.md"}},
}

// What comes from elsewhere lies in these files.
var (
	llamaFiles = map[string][]string{
		"linux":   {"lib/libllama.so*", "lib/libmtmd.so*", "lib/libggml.so*", "lib/libggml-base.so*", "lib/libggml-cpu-*.so"},
		"windows": {"lib/llama.dll", "lib/mtmd.dll", "lib/ggml.dll", "lib/ggml-base.dll", "lib/ggml-cpu-*.dll"},
	}
	mtmdFiles = map[string][]string{"linux": {"lib/libmtmd.so*"}, "windows": {"lib/mtmd.dll"}}
)

// records are all parts that are no Go modules.
func (p *pack) records(h house) []part {
	list := []part{{
		name: p.name, version: p.version, purl: "pkg:generic/galago", licence: "MIT",
		is: append(p.programs(), "LICENSE", "README.txt", "menu-entry", "desktop/*", "demo/*"),
		note: "Both programs, and the built-in model in demo/: the Galago authors made it, trained it from random weights " +
			"on pictures and questions that their own program drew, and give it under the program's licence.",
		sources: []source{{place: "repo", path: "LICENSE"}},
	}}
	list = append(list, p.inGo(h)...)
	list = append(list, heif()...)
	list = append(list, p.fonts()...)
	list = append(list, p.llamaParts(h)...)
	if p.system == "windows" {
		return append(list, p.mingw(h)...)
	}
	return append(list, p.zig(h)...)
}

// fault keeps what a record lacks.
func (p *pack) fault(err error) {
	if err != nil {
		p.faults = append(p.faults, err)
	}
}

// debian is the version of a Debian package.
func (p *pack) debian(h house, name string) string {
	version, err := h.debian(name)
	p.fault(err)
	return version
}

// versionIn is what a pattern's groups find in a file, joined by dots. A Go module that is not in the programs has none.
func (p *pack) versionIn(h house, s source, pattern string) string {
	if strings.HasPrefix(s.path, ":") {
		return ""
	}
	body, err := h.read(s)
	if err != nil {
		p.fault(err)
		return ""
	}
	m := regexp.MustCompile(pattern).FindStringSubmatch(body)
	if m == nil {
		p.fault(fmt.Errorf("%s no longer holds a version like %s", s, pattern))
		return ""
	}
	return strings.Join(m[1:], ".")
}

// in is a file of a Go module, or lines of it.
func (p *pack) in(module, file, from, to string) source {
	return source{place: "mod", path: p.modules[module] + ":" + file, from: from, to: to}
}

// inGo are parts inside of Go modules that others made.
func (p *pack) inGo(h house) []part {
	const (
		fyne = "fyne.io/fyne/v2"
		glfw = "github.com/go-gl/glfw/v3.3/glfw"
		nvml = "github.com/NVIDIA/go-nvml"
		ffi  = "github.com/jupiterrider/ffi"
	)
	list := []part{
		{
			name: "Noto Sans (in Fyne)", purl: "pkg:generic/noto-sans", version: "2.000", with: fyne,
			home: "https://fonts.google.com/noto", sources: []source{p.in(fyne, "theme/font/LICENSE.txt", "", "")},
		},
		{
			name: "Inter (in Fyne)", purl: "pkg:generic/inter", version: "3.019", with: fyne,
			home: "https://rsms.me/inter/", sources: []source{p.in(fyne, "theme/font/LICENSE_Inter.txt", "", "")},
		},
		{
			name: "DejaVu Sans Mono for Powerline (in Fyne)", purl: "pkg:generic/dejavu-sans-mono-powerline", version: "2.37", with: fyne,
			licence: "Bitstream-Vera", reason: "the text is Bitstream's, with that of the Arev fonts, which says the same",
			home: "https://dejavu-fonts.github.io", sources: []source{p.in(fyne, "theme/font/LICENSE_DejaVu-Powerline.txt", "", "")},
		},
		{
			name: "EmojiOne Color (in Fyne)", purl: "pkg:generic/emojione-color", version: "1.000", with: fyne,
			licence: "CC-BY-4.0", reason: "the font's own licence entry says so",
			note:    "The emoji are EmojiOne's (http://emojione.com), made into a font by Adobe Systems Incorporated, copyright 2016. They are unchanged.",
			sources: []source{kept("CC-BY-4.0.txt")},
		},
		{
			name: "Material Design icons (in Fyne)", purl: "pkg:generic/material-design-icons", with: fyne,
			licence: "Apache-2.0", home: "https://fonts.google.com/icons",
			note:    "Made by Google. Fyne bundles a selection of them, and colours them as its theme says.",
			sources: []source{kept("Apache-2.0.txt")},
		},
		{
			name: "GLFW", purl: "pkg:generic/glfw", version: p.versionIn(h, p.in(glfw, "glfw/include/GLFW/glfw3.h", "", ""), `(?s)VERSION_MAJOR\s+(\d+).*?VERSION_MINOR\s+(\d+).*?VERSION_REVISION\s+(\d+)`), with: glfw,
			home: "https://www.glfw.org", sources: []source{p.in(glfw, "glfw/LICENSE.md", "", "")},
		},
		{
			name: "SDL_GameControllerDB (in GLFW)", purl: "pkg:generic/sdl_gamecontrollerdb", with: glfw,
			sources: []source{p.in(glfw, "glfw/src/mappings.h", "Simple DirectMedia Layer", "may not be removed or altered from any source distribution")},
		},
		{
			name: "nvml.h", purl: "pkg:generic/nvml.h", version: p.versionIn(h, p.in(nvml, "pkg/nvml/nvml.h", "", ""), `NVML VERSION: ([\d.]+)`), with: nvml,
			licence: "LicenseRef-NVML-header", reason: "NVIDIA's own terms: free to use in any software that passes on this notice",
			note:    "Constants and layouts of NVIDIA's header. The library itself is the driver's and is not in the package.",
			sources: []source{p.in(nvml, "pkg/nvml/nvml.h", "NOTICE TO USER", "the above Disclaimer and U.S. Government End Users Notice")},
		},
		{
			name: "Pygments (in chroma)", purl: "pkg:pypi/pygments", with: "github.com/alecthomas/chroma/v2",
			note: "Chroma's lexers and styles were translated from those of Pygments.", home: "https://pygments.org",
			sources: []source{kept("Pygments.txt")},
		},
		{
			name: "Unicode data", purl: "pkg:generic/unicode-data", home: "https://www.unicode.org",
			licence: "Unicode-3.0", reason: "the text is Unicode's own, newer than what the library of licences knows",
			note:   "Tables made from it are in Go's library, golang.org/x/text, go-text/typesetting and llama.cpp.",
			within: append(p.programs(), "lib/libllama.so*", "lib/llama.dll"), sources: []source{kept("Unicode-3.0.txt")},
		},
		{
			name: "SQLite", purl: "pkg:generic/sqlite", version: p.versionIn(h, p.in("modernc.org/sqlite", "lib/sqlite.go", "", ""), `const SQLITE_VERSION = "([\d.]+)"`), with: "modernc.org/sqlite",
			licence: "blessing", reason: "public domain, with the authors' blessing", home: "https://sqlite.org",
			sources: []source{p.in("modernc.org/sqlite", "LICENSE-SQLITE", "", "")},
		},
	}
	if p.system == "windows" {
		list = append(list, part{
			name: "libffi (in jupiterrider/ffi)", purl: "pkg:generic/libffi", version: p.versionIn(h, p.in(ffi, "CHANGELOG.md", "", ""), `Embedded libffi binaries have been updated to ([\d.]+\d)`), with: ffi,
			home: "https://sourceware.org/libffi/", sources: []source{p.in(ffi, "assets/libffi/LICENSE", "", "")},
		})
	}
	return list
}

// heif are the decoders in inference/vision/heif. They run in wazero, which nothing else uses.
func heif() []part {
	const wazero = "github.com/tetratelabs/wazero"
	const replace = "It is a WebAssembly module of its own, hevc.wasm.gz, which the programs hold unchanged. Its source is at %s, " +
		"and github.com/gen2brain/heic (v0.4.5, folder lib) has the script that built it. To use another version: build the module with that " +
		"script, put it in place of inference/vision/heif/hevc.wasm.gz in Galago's source, and build Galago again."
	lgpl := []source{kept("LGPL-3.0.txt"), kept("GPL-3.0.txt")}
	return []part{
		{
			name: "libheif", version: "1.18.2", purl: "pkg:github/strukturag/libheif", with: wazero,
			licence: "LGPL-3.0-or-later", reason: "the LGPL is the GPL with more permissions: both texts belong to it",
			note: fmt.Sprintf(replace, "github.com/strukturag/libheif"), sources: lgpl,
		},
		{
			name: "libde265", version: "1.0.15", purl: "pkg:github/strukturag/libde265", with: wazero,
			licence: "LGPL-3.0-or-later", reason: "the LGPL is the GPL with more permissions: both texts belong to it",
			note: fmt.Sprintf(replace, "github.com/strukturag/libde265"), sources: lgpl,
		},
		{
			name: "libavif", version: "1.1.1", purl: "pkg:github/aomediacodec/libavif", with: wazero,
			licence: "BSD-2-Clause", sources: []source{kept("libavif.txt")},
		},
		{
			name: "libaom", version: "3.10.0", purl: "pkg:generic/libaom", with: wazero, home: "https://aomedia.googlesource.com/aom/",
			licence: "BSD-2-Clause AND LicenseRef-AOM-Patent-1.0", reason: "a grant of patents belongs to it",
			sources: []source{kept("libaom.txt"), kept("libaom-PATENTS.txt")},
		},
		{
			name: "libyuv", purl: "pkg:generic/libyuv", with: wazero, home: "https://chromium.googlesource.com/libyuv/libyuv/",
			licence: "BSD-3-Clause AND LicenseRef-LibYuv-Patents", reason: "a grant of patents belongs to it", sources: []source{kept("libyuv.txt")},
		},
		{
			name: "gen2brain/heic (the HEIC decoder's build)", version: "v0.4.5", purl: "pkg:golang/github.com/gen2brain/heic", with: wazero,
			home: "https://github.com/gen2brain/heic", sources: []source{kept("gen2brain.txt")},
		},
		{
			name: "gen2brain/avif (the AVIF decoder's build)", version: "v0.4.4", purl: "pkg:golang/github.com/gen2brain/avif", with: wazero,
			home: "https://github.com/gen2brain/avif", sources: []source{kept("gen2brain.txt")},
		},
		{
			name: "wasi-libc", purl: "pkg:github/webassembly/wasi-libc", with: wazero,
			licence: "MIT AND BSD-2-Clause AND CC0-1.0", reason: "it may be used under the MIT licence; dlmalloc in it is CC0, cloudlibc BSD-2-Clause",
			sources: []source{kept("wasi-libc.txt"), kept("musl.txt")},
		},
		{
			name: "libc++ and compiler-rt (in the decoders)", purl: "pkg:generic/llvm-runtimes-wasm", with: wazero, home: "https://libcxx.llvm.org",
			licence: "Apache-2.0 WITH LLVM-exception", reason: "the file also has the older licences, which are not needed", sources: []source{kept("LLVM.txt")},
		},
	}
}

// fonts are those in assets/fonts.
func (p *pack) fonts() []part {
	window := p.programs()[:1]
	font := func(file string) []source { return []source{{place: "repo", path: "assets/fonts/" + file}} }
	return []part{
		{
			name: "DejaVu Sans", version: "2.37", purl: "pkg:generic/dejavu-sans", within: window, home: "https://dejavu-fonts.github.io",
			licence: "Bitstream-Vera", reason: "the text is Bitstream's, with that of the Arev fonts, which says the same", sources: font("LICENSE-DejaVu.txt"),
		},
		{
			name: "Droid Sans Fallback", purl: "pkg:generic/droid-sans-fallback", within: window, home: "https://android.googlesource.com",
			sources: font("LICENSE-DroidSansFallback.txt"),
		},
		{
			name: "Noto Sans Devanagari and Thai", purl: "pkg:generic/noto-sans-devanagari-thai", within: window, home: "https://fonts.google.com/noto",
			sources: font("LICENSE-Noto.txt"),
		},
	}
}

// llamaParts are llama.cpp and what it took from others.
func (p *pack) llamaParts(h house) []part {
	vendor := func(file, from, to string) []source {
		return []source{{place: "llama", path: "vendor/" + file, from: from, to: to}}
	}
	everywhere, mtmd := llamaFiles[p.system], mtmdFiles[p.system]
	return []part{
		{
			name: "llama.cpp and ggml", version: strings.TrimPrefix(h.pins["LLAMA_TAG"], "v"), is: everywhere,
			purl: "pkg:github/ggml-org/llama.cpp?vcs_url=" + "git%2Bhttps://github.com/ggml-org/llama.cpp%40" + h.pins["LLAMA_COMMIT"],
			home: "https://github.com/ggml-org/llama.cpp", licence: "MIT",
			note:    "YaRN in it: MIT, copyright (c) 2023 Jeffrey Quesnelle and Bowen Peng.",
			sources: []source{{place: "llama", path: "LICENSE"}},
		},
		{
			name: "llamafile's tinyBLAS (in ggml)", purl: "pkg:github/mozilla-ai/llamafile",
			within:  []string{"lib/libggml-cpu-*.so", "lib/ggml-cpu-*.dll"},
			sources: []source{{place: "llama", path: "ggml/src/ggml-cpu/llamafile/sgemm.cpp", from: "Copyright 2024 Mozilla Foundation", to: "// SOFTWARE."}},
		},
		{
			name: "stb_image", version: p.versionIn(h, source{place: "llama", path: "vendor/stb/stb_image.h"}, `stb_image - v([\d.]+)`), purl: "pkg:github/nothings/stb", within: mtmd,
			licence: "MIT OR Unlicense", reason: "the file gives the choice",
			sources: vendor("stb/stb_image.h", "This software is available under 2 licenses", "WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE"),
		},
		{
			name: "miniaudio", version: p.versionIn(h, source{place: "llama", path: "vendor/miniaudio/miniaudio.h"}, `miniaudio - v([\d.]+)`), purl: "pkg:github/mackron/miniaudio", within: mtmd,
			licence: "Unlicense OR MIT-0", reason: "the file gives the choice",
			sources: vendor("miniaudio/miniaudio.h", "This software is available as a choice of the following licenses", "*/"),
		},
		{
			name: "subprocess.h", purl: "pkg:github/sheredom/subprocess.h", within: mtmd,
			sources: vendor("sheredom/subprocess.h", "This is free and unencumbered software", "unlicense.org"),
		},
		{
			name: "xxHash", purl: "pkg:github/cyan4973/xxhash", within: mtmd, sources: vendor("hash/xxhash/LICENSE", "", ""),
		},
		{
			name: "rotate-bits.h", purl: "pkg:github/jb55/rotate-bits.h", within: mtmd, sources: vendor("hash/rotate-bits/LICENSE.md", "", ""),
		},
		{
			name: "SHA-256 by Igor Pavlov", purl: "pkg:generic/sha256-pavlov", within: mtmd,
			licence: "LicenseRef-public-domain", reason: "given to the public", sources: vendor("hash/sha256/sha256.c", "SHA-256 Hash", "public domain code"),
		},
		{
			name: "SHA-1 by Steve Reid", purl: "pkg:generic/sha1-reid", within: mtmd,
			licence: "LicenseRef-public-domain", reason: "given to the public", sources: vendor("hash/sha1/sha1.c", "SHA-1 in C", "Public Domain"),
		},
	}
}

// zig is what its compiler and linker put into the programs for Linux, and the library that travels along.
func (p *pack) zig(h house) []part {
	made := append(p.programs(), llamaFiles["linux"]...)
	zig := h.pins["ZIG_VERSION"]
	return []part{
		{
			name: "libffi", version: p.debian(h, "libffi8"), purl: "pkg:deb/debian/libffi8?arch=amd64", is: []string{"lib/libffi.so.8"}, home: "https://sourceware.org/libffi/",
			licence: "MIT", reason: "Debian's copyright file has the list of its authors before the MIT licence",
			sources: []source{kept("libffi.txt")},
		},
		{
			name: "libc++, libc++abi and libunwind (of zig)", purl: "pkg:generic/zig-llvm-runtimes", version: zig, within: llamaFiles["linux"], home: "https://libcxx.llvm.org",
			licence: "Apache-2.0 WITH LLVM-exception", reason: "the file also has the older licences, which are not needed", sources: []source{kept("LLVM.txt")},
		},
		{
			name: "zig's compiler-rt", purl: "pkg:generic/zig", version: zig, within: made, home: "https://ziglang.org",
			sources: []source{{place: "zig", path: "LICENSE"}},
		},
		{
			name: "glibc's start-up code", purl: "pkg:generic/glibc", version: h.pins["RELEASE_GLIBC"], within: made, home: "https://www.gnu.org/software/libc/",
			licence: "LGPL-2.1-or-later WITH GCC-exception-2.0-note", reason: "the notice gives the exception; the C library itself is the system's",
			sources: []source{
				{place: "zig", path: "lib/libc/glibc/csu/abi-note.S", from: "Special .init", to: "www.gnu.org/licenses"},
				kept("LGPL-2.1.txt"),
			},
		},
	}
}

// mingw is what its compiler and linker put into the programs for Windows, and the libraries that travel along.
func (p *pack) mingw(h house) []part {
	crt := p.debian(h, "mingw-w64-x86-64-dev")
	compiled := append([]string{"galago.exe", "lib/lib*.dll"}, llamaFiles["windows"]...)
	return []part{
		{
			name: "GCC's libgcc and libstdc++", version: p.debian(h, "gcc-mingw-w64-x86-64-posix-runtime"), purl: "pkg:deb/debian/gcc-mingw-w64-x86-64-posix-runtime",
			is: []string{"lib/libgcc_s_seh-1.dll", "lib/libstdc++-6.dll"}, within: append([]string{"galago.exe"}, llamaFiles["windows"]...),
			home:    "https://gcc.gnu.org",
			licence: "GPL-3.0-or-later WITH GCC-exception-3.1", reason: "libgcc and libstdc++ carry the runtime library exception",
			sources: []source{kept("GCC-exception-3.1.txt"), kept("GPL-3.0.txt")},
		},
		{
			name: "mingw-w64's runtime", version: crt, purl: "pkg:deb/debian/mingw-w64-x86-64-dev", within: compiled, home: "https://www.mingw-w64.org",
			licence: "ZPL-2.1 AND LicenseRef-mingw-w64-runtime", reason: "its parts have several permissive notices", sources: []source{kept("mingw-w64-runtime.txt")},
		},
		{
			name: "winpthreads", version: crt, purl: "pkg:generic/winpthreads", is: []string{"lib/libwinpthread-1.dll"}, within: []string{"galago.exe"}, home: "https://www.mingw-w64.org",
			licence: "MIT AND LicenseRef-BSD-3-Clause-Lockless", reason: "two headers are under the second", sources: []source{kept("winpthreads.txt")},
		},
		{
			name: "NSIS (in the setup and the uninstaller only)", version: p.debian(h, "nsis-common"), purl: "pkg:deb/debian/nsis-common", always: true, home: "https://nsis.sourceforge.io",
			licence: "Zlib AND bzip2-1.0.6 AND LicenseRef-NSIS-LZMA-CPL AND MIT", reason: "the installer's own code, its three compressions and one file of a plug-in",
			sources: []source{kept("NSIS.txt")},
		},
	}
}
