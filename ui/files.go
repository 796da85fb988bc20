package ui

import (
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"

	"galago/assets/words"
)

// pictureEndings are what the file dialog offers; the content decides later what a file is.
var pictureEndings = []string{
	".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif",
}

// choosePictures opens the desktop's dialog, or the window's own.
func (w *Window) choosePictures() {
	if w.act.ChoosePictures != nil {
		w.act.ChoosePictures(w.handle(), w.ownPictures)
	} else {
		w.ownPictures()
	}
}

// ChooseModel asks for a model, as the header's menu does.
func (w *Window) ChooseModel() { w.openModel() }

// openModel asks for the model, then for the file with its eyes.
func (w *Window) openModel() {
	endings := []string{".gguf", ".GGUF"}
	w.openFile(words.T("Open a model (GGUF)"), endings, func(model string) {
		ask := dialog.NewConfirm(words.T("Does the model see pictures?"),
			words.T("A model that sees pictures has a second file, often named mmproj-….gguf.\nWithout it the model can only chat."),
			func(yes bool) {
				if !yes {
					w.act.OpenModel(model, "")
					return
				}
				w.openFile(words.T("Open its mmproj file (GGUF)"), endings, func(mmproj string) { w.act.OpenModel(model, mmproj) })
			}, w.win)
		ask.SetConfirmText(words.T("Choose the mmproj file"))
		ask.SetDismissText(words.T("It only chats"))
		ask.Show()
	})
}

// openFile shows the file dialog and gives the chosen path, or nothing when it is closed.
func (w *Window) openFile(title string, endings []string, chosen func(path string)) {
	d := dialog.NewFileOpen(func(f fyne.URIReadCloser, err error) {
		if err != nil {
			w.Notify(words.T("The file could not be opened: %s", err))
			return
		}
		if f == nil {
			return
		}
		if folder, err := storage.Parent(f.URI()); err == nil {
			w.folder = folder
		}
		path := filepath.FromSlash(f.URI().Path())
		_ = f.Close() // only its path is wanted
		chosen(path)
	}, w.win)
	d.SetTitleText(title)
	if w.folder != nil {
		if list, err := storage.ListerForURI(w.folder); err == nil {
			d.SetLocation(list)
		}
	}
	d.SetFilter(storage.NewExtensionFileFilter(endings))
	size := w.win.Canvas().Size()
	d.Resize(fyne.NewSize(min(size.Width-40, 860), min(size.Height-40, 600)))
	d.Show()
}

// ChooseFile asks for a file that exists.
func (w *Window) ChooseFile(title string, endings []string, chosen func(path string)) {
	w.openFile(title, endings, chosen)
}

// SaveFile asks where to write a file.
func (w *Window) SaveFile(title, name string, chosen func(path string)) {
	d := dialog.NewFileSave(func(f fyne.URIWriteCloser, err error) {
		if err != nil {
			w.Notify(words.T("The file could not be written: %s", err))
			return
		}
		if f == nil {
			return
		}
		path := filepath.FromSlash(f.URI().Path())
		_ = f.Close() // only its path is wanted
		chosen(path)
	}, w.win)
	d.SetTitleText(title)
	d.SetFileName(name)
	d.Show()
}

// ChooseFolder asks for a folder.
func (w *Window) ChooseFolder(title string, chosen func(path string)) {
	d := dialog.NewFolderOpen(func(f fyne.ListableURI, err error) {
		if err != nil {
			w.Notify(words.T("The folder could not be opened: %s", err))
			return
		}
		if f != nil {
			chosen(filepath.FromSlash(f.Path()))
		}
	}, w.win)
	d.SetTitleText(title)
	d.Show()
}
