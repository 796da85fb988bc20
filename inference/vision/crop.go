package vision

import (
	"bytes"
	"image"
	"image/png"

	"golang.org/x/image/draw"

	"galago/assets/words"
)

// Whole reports whether all pixels of the file were kept.
func (p *Picture) Whole() bool { return p.RGBA.Rect.Dx() == p.Width && p.RGBA.Rect.Dy() == p.Height }

// Crop is a region of the picture as a picture of its own, at the file's full resolution, and a PNG file of it. The
// region counts pixels of the upright file; what of it lies outside is left out. data is the file, which is decoded
// again when not all of its pixels were kept. Errors are of type *Error.
func (p *Picture) Crop(data []byte, region image.Rectangle) (*Picture, []byte, error) {
	region = region.Intersect(image.Rect(0, 0, p.Width, p.Height))
	if region.Empty() {
		return nil, nil, newError(KindEmpty, p.Name, words.T("has nothing in that region. Choose another one."))
	}
	from := p.RGBA
	if !p.Whole() {
		h, err := ReadHeader(p.Name, data)
		if err != nil {
			return nil, nil, err
		}
		if from, err = decodeUpright(h, p.Name, data); err != nil {
			return nil, nil, err
		}
	}
	cut := image.NewRGBA(image.Rectangle{Max: region.Size()})
	draw.Draw(cut, cut.Rect, from, region.Min, draw.Src)
	file, err := p.pngOf(cut)
	if err != nil {
		return nil, nil, err
	}
	return &Picture{Name: p.Name, Format: "png", Width: region.Dx(), Height: region.Dy(), RGBA: keep(cut)}, file, nil
}

// PNG is a file of the pixels that were kept.
func (p *Picture) PNG() ([]byte, error) { return p.pngOf(p.RGBA) }

func (p *Picture) pngOf(img *image.RGBA) ([]byte, error) {
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := e.Encode(&b, img); err != nil {
		return nil, decodeError(p.Name, "png", err)
	}
	return b.Bytes(), nil
}

// Image is what the model sees as an image.
func (p Prepared) Image() *image.RGBA { return unpackRGB(p.RGB, p.Width, p.Height) }
