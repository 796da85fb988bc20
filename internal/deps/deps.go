// Package deps keeps go.mod whole until the packages that use these modules are written.
package deps

import (
	_ "fyne.io/fyne/v2"
	_ "fyne.io/fyne/v2/app"
	_ "fyne.io/fyne/v2/test"
	_ "fyne.io/fyne/v2/theme"
	_ "fyne.io/fyne/v2/widget"
	_ "github.com/NVIDIA/go-nvml/pkg/nvml"
	_ "github.com/adrg/xdg"
	_ "github.com/ardanlabs/jinja"
	_ "github.com/hybridgroup/yzma/pkg/llama"
	_ "github.com/hybridgroup/yzma/pkg/loader"
	_ "github.com/hybridgroup/yzma/pkg/message"
	_ "github.com/hybridgroup/yzma/pkg/mtmd"
	_ "github.com/hybridgroup/yzma/pkg/template"
	_ "github.com/jezek/xgb"
	_ "github.com/jezek/xgb/xproto"
	_ "github.com/jupiterrider/ffi"
	_ "github.com/yuin/goldmark"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/draw"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
	_ "golang.org/x/sys/unix"
)
