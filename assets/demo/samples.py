"""Draws the three sample pictures of the first-start screen: within what the demo model knows, and pleasant to look at.

    python samples.py --out ../samples
"""

from __future__ import annotations

import argparse
import json
import math
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from generate import outline

W, H, OVER = 480, 320, 4
FONT = "/usr/share/fonts/opentype/urw-base35/URWGothic-Demi.otf"


def canvas(first, second) -> Image.Image:
    """A soft diagonal gradient."""
    yy, xx = np.mgrid[0:H * OVER, 0:W * OVER]
    t = (xx / (W * OVER) * 0.6 + yy / (H * OVER) * 0.4)[..., None]
    a = np.asarray(first) + t * (np.asarray(second) - np.asarray(first))
    return Image.fromarray(a.round().astype(np.uint8))


def put(im: Image.Image, shape: str, ink, x: float, y: float, w: float, h: float, angle: float = 0.0) -> None:
    """A shape around (x, y) with a faint shadow."""
    pts = outline(shape, 240)
    pts = (pts - (pts.min(0) + pts.max(0)) / 2) / (pts.max(0) - pts.min(0)) * [w, h]
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    pts = (pts @ np.array([[c, s], [-s, c]]) + [x, y]) * OVER
    shade = Image.new("L", im.size)
    ImageDraw.Draw(shade).polygon([(px + 2 * OVER, py + 4 * OVER) for px, py in pts], fill=46)
    im.paste((20, 24, 50), (0, 0), shade.filter(ImageFilter.GaussianBlur(4 * OVER)))
    ImageDraw.Draw(im).polygon([tuple(p) for p in pts], fill=ink)


def shapes() -> Image.Image:
    im = canvas((250, 246, 238), (228, 236, 244))
    put(im, "circle", (226, 38, 42), 98, 104, 118, 118)
    put(im, "star", (250, 205, 30), 242, 92, 112, 108, 8)
    put(im, "square", (44, 104, 222), 384, 112, 108, 108, -6)
    put(im, "triangle", (38, 158, 84), 168, 236, 124, 108)
    put(im, "heart", (130, 62, 178), 318, 240, 98, 92)
    return im


def numbers() -> Image.Image:
    im = canvas((22, 62, 92), (34, 92, 108))
    font = ImageFont.truetype(FONT, 150 * OVER)
    text = "42"
    l, t, r, b = font.getbbox(text)
    at = (W * OVER - (r - l)) / 2 - l, (H * OVER - (b - t)) / 2 - t
    shade = Image.new("L", im.size)
    ImageDraw.Draw(shade).text((at[0] + 2 * OVER, at[1] + 5 * OVER), text, font=font, fill=70)
    im.paste((6, 20, 36), (0, 0), shade.filter(ImageFilter.GaussianBlur(5 * OVER)))
    ImageDraw.Draw(im).text(at, text, font=font, fill=(255, 240, 214))
    return im


def scene() -> Image.Image:
    im = canvas((24, 28, 66), (62, 54, 112))
    put(im, "circle", (252, 214, 52), 376, 88, 96, 96)
    put(im, "star", (252, 252, 255), 106, 72, 62, 60, 10)
    put(im, "star", (252, 252, 255), 232, 104, 48, 46, -8)
    put(im, "triangle", (46, 170, 96), 104, 226, 118, 132)
    put(im, "rectangle", (240, 126, 20), 306, 244, 168, 82)
    return im


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    for name, draw in (("shapes", shapes), ("numbers", numbers), ("scene", scene)):
        draw().reduce(OVER).save(os.path.join(a.out, name + ".png"), optimize=True)
    first = [{"file": "shapes.png", "title": "Shapes", "question": "What colour is the triangle?"},
             {"file": "numbers.png", "title": "A number", "question": "Which number is written here?"},
             {"file": "scene.png", "title": "A little scene", "question": "How many stars are there?"}]
    with open(os.path.join(a.out, "samples.json"), "w") as f:
        json.dump(first, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    main()
