package ui

import "fyne.io/fyne/v2"

// ShowImage shows a picture as large as the window allows.
func (w *Window) ShowImage(s Sheet) {
	if s.Image == nil {
		return
	}
	showSheet(w.win.Canvas(), s.Title, newWhole(s.Image), func(room fyne.Size) fyne.Size { return imageRoom(s.Image, room) })
}
