"""Draws the pictures of the demo model's world: flat shapes and printed numbers, with exact labels.

A scene is laid out first (what stands where, in fractions of the picture), then drawn. Questions need only
the layout, so the language half can be trained without drawing anything.
"""

from __future__ import annotations

import colorsys
import glob
import io
import math
import os
import re
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from config import CELL, COLOURS, MAX_ASPECT, PATCH, SHAPES, smart_resize

# Hue in degrees, saturation, value: ranges far enough apart that a person names them alike.
HSV = {
    "red": ((-6, 6), (0.75, 1.0), (0.70, 1.0)), "orange": ((24, 34), (0.85, 1.0), (0.92, 1.0)),
    "yellow": ((49, 58), (0.65, 1.0), (0.92, 1.0)), "green": ((98, 148), (0.5, 1.0), (0.42, 0.88)),
    "blue": ((208, 238), (0.6, 1.0), (0.55, 1.0)), "purple": ((268, 289), (0.5, 0.9), (0.45, 0.82)),
    "pink": ((322, 346), (0.28, 0.58), (0.94, 1.0)), "brown": ((18, 30), (0.55, 0.85), (0.33, 0.55)),
    "black": ((0, 360), (0.0, 0.3), (0.0, 0.12)), "white": ((0, 360), (0.0, 0.03), (0.96, 1.0)),
}

TRAIN_FAMILIES = ["DejaVuSans", "DejaVuSerif", "C059", "NimbusMonoPS", "NimbusRoman", "NimbusSans", "URWBookman", "URWGothic",
                  "LiberationMono", "LiberationSans", "LiberationSansNarrow", "LiberationSerif", "FreeMono", "FreeSans", "FreeSerif",
                  "Roboto", "OpenSans", "Lato", "Inconsolata", "FiraCode", "JetBrainsMono", "Carlito", "Caladea",
                  "Cantarell", "LinLibertine", "LinBiolinum", "ComicNeue", "CourierPrime", "CourierPrimeBold", "Quicksand", "Play", "Vollkorn", "Cabin"]
HELD_OUT_FAMILIES = ["DejaVuSansMono", "P052", "NimbusSansNarrow", "NotoMono", "NotoSansMono"]
FONT_FOLDERS = ["truetype/dejavu", "opentype/urw-base35", "truetype/noto", "*/*", "*/*/*", "*/*/*/*"]  # the first three keep the held-out set's order


def find_fonts(families: list[str]) -> list[str]:
    """Font files of these families, as far as they are installed. README.md names the Debian packages."""
    found = []
    for folder in FONT_FOLDERS:
        for path in sorted(glob.glob(os.path.join("/usr/share/fonts", folder, "*.[ot]tf"))):
            family = re.split("[-_.]", os.path.basename(path))[0].replace(" ", "").replace("Condensed", "")
            if family in families and path not in found:
                found.append(path)
    return found


@dataclass
class Thing:
    """A shape; box is x1, y1, x2, y2 in fractions of the picture."""
    shape: int
    colour: int
    box: tuple[float, float, float, float]
    angle: float = 0.0
    side: tuple[float, float] = (0.0, 0.0)  # half extents before turning, in units of the layout

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def area(self) -> float:
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

    @property
    def colour_name(self) -> str:
        return COLOURS[self.colour]

    @property
    def shape_name(self) -> str:
        return SHAPES[self.shape]

    @property
    def name(self) -> str:
        return f"{self.colour_name} {self.shape_name}"


@dataclass
class Scene:
    width: int       # of the picture file
    height: int
    grid: tuple[int, int]  # rows, columns of picture tokens
    things: list[Thing] = field(default_factory=list)
    number: str = ""
    number_box: tuple[float, float, float, float] | None = None
    digits: list[tuple[int, float, float]] = field(default_factory=list)  # digit, x, y of its centre


def outline(shape: str, n: int = 48) -> np.ndarray:
    """Corner points of a shape around (0, 0), inside -1..1."""
    if shape == "circle":
        a = np.linspace(0, 2 * math.pi, n, endpoint=False)
        return np.stack([np.cos(a), np.sin(a)], 1)
    if shape in ("square", "rectangle"):
        return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    if shape == "triangle":
        return np.array([[0, -1], [1, 0.8], [-1, 0.8]], float)
    if shape == "hexagon":
        a = np.arange(6) * math.pi / 3
        return np.stack([np.cos(a), np.sin(a)], 1)
    if shape == "star":
        a = np.arange(10) * math.pi / 5 - math.pi / 2
        r = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
        return np.stack([r * np.cos(a), r * np.sin(a)], 1)
    a = np.linspace(0, 2 * math.pi, n, endpoint=False)  # heart
    x = np.sin(a) ** 3
    y = -(13 * np.cos(a) - 5 * np.cos(2 * a) - 2 * np.cos(3 * a) - np.cos(4 * a)) / 16.5
    return np.stack([x, y + 0.1], 1)


def turn_range(shape: str) -> float:
    return {"circle": 0, "square": 14, "rectangle": 12, "triangle": 25, "star": 36, "hexagon": 30, "heart": 20}[shape]


def thing_points(t: Thing, w: float, h: float) -> np.ndarray:
    """Corner points in a w x h picture."""
    pts = outline(SHAPES[t.shape]) * np.array(t.side)
    a = math.radians(t.angle)
    pts = pts @ np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    (x1, y1), (x2, y2) = pts.min(0), pts.max(0)
    unit = (pts - [x1, y1]) / [x2 - x1, y2 - y1]
    bx1, by1, bx2, by2 = t.box
    return unit * [(bx2 - bx1) * w, (by2 - by1) * h] + [bx1 * w, by1 * h]


_sizes: dict[tuple[int, int], list[tuple[int, int]]] = {}


def random_size(rng: np.random.Generator) -> tuple[int, int]:
    """File sizes from 64 to 1024 pixels a side, up to 3:1, most of them near 4:3."""
    aspect = math.exp(np.clip(rng.normal(0, 0.33), -1, 1) * math.log(MAX_ASPECT))
    if rng.random() < 0.12:
        aspect = math.exp(rng.uniform(-1, 1) * math.log(MAX_ASPECT))
    if rng.random() < 0.25:
        aspect = 1.0
    longest = math.exp(rng.uniform(math.log(110), math.log(1024)))
    if rng.random() < 0.08:
        longest = rng.uniform(64, 130)
    w, h = (longest, longest / aspect) if aspect >= 1 else (longest * aspect, longest)
    return max(24, round(w)), max(24, round(h))


def sizes_by_grid() -> dict[tuple[int, int], list[tuple[int, int]]]:
    if not _sizes:
        rng = np.random.default_rng(7)
        for _ in range(20000):
            w, h = random_size(rng)
            rw, rh = smart_resize(w, h)
            _sizes.setdefault((rh // CELL, rw // CELL), []).append((w, h))
    return _sizes


def random_grid(rng: np.random.Generator) -> tuple[int, int]:
    """A picture token grid (rows, columns) as often as real sizes lead to it."""
    by = sizes_by_grid()
    keys = list(by)
    p = np.array([len(by[k]) for k in keys], float)
    return keys[rng.choice(len(keys), p=p / p.sum())]


def layout(rng: np.random.Generator, grid: tuple[int, int] | None = None, size: tuple[int, int] | None = None,
           most: int = 6, kind: str | None = None) -> Scene:
    """Lays out one scene. grid asks for a size that leads to that token grid; most caps the number of shapes."""
    if size is None:
        if grid is None:
            size = random_size(rng)
        else:
            pool = sizes_by_grid()[grid]
            size = pool[rng.integers(len(pool))]
    w, h = size
    rw, rh = smart_resize(w, h)
    scene = Scene(w, h, (rh // CELL, rw // CELL))
    if kind is None:
        kind = rng.choice(["shapes", "number", "both", "empty"], p=[0.70, 0.19, 0.10, 0.01])
    if kind in ("number", "both"):
        place_number(rng, scene, small=kind == "both")
    if kind in ("shapes", "both"):
        n = int(rng.choice(np.arange(1, 7), p=[0.16, 0.17, 0.18, 0.18, 0.17, 0.14]))
        place_things(rng, scene, min(n, most if kind == "shapes" else 3))
    return scene


def place_number(rng, scene: Scene, small: bool) -> None:
    """Chooses digits and a rough place; drawing fills in the exact box."""
    n = int(rng.choice([1, 2, 3, 4], p=[0.2, 0.3, 0.28, 0.22]))
    first = str(rng.integers(1, 10)) if n > 1 or rng.random() < 0.9 else "0"
    scene.number = first + "".join(str(d) for d in rng.integers(0, 10, n - 1))
    rows, cols = scene.grid
    w, h = cols * CELL, rows * CELL
    least = max(26.0, 15.0 * w / scene.width)  # digits stay readable in the file and in what the model sees
    advance = 0.62  # of the height, about what a digit takes
    most = min(h * (0.42 if small else 0.85), w * 0.92 / (advance * n), 150)
    least = min(max(least, 17 / advance), most)
    height = math.exp(rng.uniform(math.log(least), math.log(most)))
    bw, bh = advance * n * height, height
    x = rng.uniform(0.02 * w, max(0.021 * w, 0.98 * w - bw))
    y = rng.uniform(0.02 * h, max(0.021 * h, 0.98 * h - bh))
    scene.number_box = (x / w, y / h, min(1.0, (x + bw) / w), min(1.0, (y + bh) / h))
    for i, d in enumerate(scene.number):  # replaced by measured places when drawn
        scene.digits.append((int(d), (x + bw * (i + 0.5) / n) / w, (y + bh / 2) / h))


def place_things(rng, scene: Scene, n: int) -> None:
    rows, cols = scene.grid
    w, h = cols * CELL, rows * CELL
    short = min(w, h)
    scale = w / scene.width
    least = max(34.0, 13.0 * scale)  # at least 13 pixels in the file
    most = short * (0.8 if n == 1 else 0.62 if n == 2 else 0.5 if n < 5 else 0.4)
    least = min(least, most * 0.8)
    taken = []
    if scene.number_box:
        b = scene.number_box
        taken.append((b[0] * w, b[1] * h, b[2] * w, b[3] * h))
    palette = rng.choice(len(COLOURS), size=int(rng.integers(2, 7)), replace=False)
    kinds = rng.choice(len(SHAPES), size=int(rng.integers(2, 8)), replace=False)
    cells = set()
    for _ in range(n):
        for attempt in range(40):
            shape = int(rng.choice(kinds))
            name = SHAPES[shape]
            size = math.exp(rng.uniform(math.log(least), math.log(most)))
            if attempt > 15:
                size = least + (size - least) * 0.4
            side = (1.0, 1.0)
            if name == "rectangle":
                ratio = rng.uniform(1.65, 2.6)
                size = max(size, min(least * 1.3, most))
                side = (1.0, 1 / ratio) if rng.random() < 0.6 else (1 / ratio, 1.0)
            elif name == "triangle":
                side = (rng.uniform(0.8, 1.0), 1.0)
            angle = rng.uniform(-1, 1) * turn_range(name) if rng.random() < 0.5 else 0.0
            t = Thing(shape, int(rng.choice(palette)), (0, 0, 1, 1), angle, side)
            pts = outline(name) * side
            a = math.radians(angle)
            pts = pts @ np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
            bw, bh = (pts.max(0) - pts.min(0)) * size / 2
            if bw > 0.94 * w or bh > 0.94 * h:
                continue
            x, y = rng.uniform(0.015 * w, 0.985 * w - bw), rng.uniform(0.015 * h, 0.985 * h - bh)
            gap = 4
            if any(x < o[2] + gap and x + bw > o[0] - gap and y < o[3] + gap and y + bh > o[1] - gap for o in taken):
                continue
            cell = (int((x + bw / 2) // CELL), int((y + bh / 2) // CELL))
            if cell in cells:
                continue
            cells.add(cell)
            taken.append((x, y, x + bw, y + bh))
            t.box = (x / w, y / h, (x + bw) / w, (y + bh) / h)
            scene.things.append(t)
            break
    # Reading order of the model's own tokens: row of the centre's cell, then column.
    scene.things.sort(key=lambda t: (int(t.centre[1] * rows), int(t.centre[0] * cols)))


def held_out_shade(rgb: tuple[int, int, int]) -> bool:
    """Splits the colour cube into small blocks, one in five of which training never uses."""
    return (rgb[0] // 8 * 7 + rgb[1] // 8 * 13 + rgb[2] // 8 * 29) % 5 == 0


def shade(rng, colour: int, held_out: bool) -> tuple[int, int, int]:
    (h0, h1), (s0, s1), (v0, v1) = HSV[COLOURS[colour]]
    for _ in range(60):
        rgb = colorsys.hsv_to_rgb((rng.uniform(h0, h1) % 360) / 360, rng.uniform(s0, s1), rng.uniform(v0, v1))
        rgb = tuple(int(round(c * 255)) for c in rgb)
        if held_out_shade(rgb) == held_out:
            return rgb
    return rgb


def background_colour(rng) -> np.ndarray:
    r = rng.random()
    if r < 0.25:
        v = rng.uniform(0.82, 1.0)
        c = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.18), v)
    elif r < 0.5:
        v = rng.uniform(0.05, 0.95)
        c = (v, v, v)
    elif r < 0.75:
        c = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.5), rng.uniform(0.15, 0.5))
    else:
        c = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.45), rng.uniform(0.6, 1.0))
    return np.array(c) * 255


def distance(a, b) -> float:
    """Perceived difference of two colours (weighted, roughly 0 to 760)."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    m = (a[0] + b[0]) / 2
    d = (a - b) ** 2
    return math.sqrt((2 + m / 256) * d[0] + 4 * d[1] + (2 + (255 - m) / 256) * d[2])


def draw(rng: np.random.Generator, scene: Scene, size: tuple[int, int], fonts: list[str], held_out: bool = False,
         over: int = 2) -> Image.Image:
    """Draws the scene at size (width, height) and sets the measured box and digits of its number."""
    w, h = size
    inks = [shade(rng, t.colour, held_out) for t in scene.things]
    number_ink = None
    if scene.number:
        number_ink = shade(rng, int(rng.integers(len(COLOURS))), held_out)
        if rng.random() < 0.5:
            v = int(rng.integers(0, 60)) if rng.random() < 0.7 else int(rng.integers(205, 256))
            number_ink = (v, v, v)
    all_inks = inks + ([number_ink] if number_ink else [])
    for _ in range(30):
        first = background_colour(rng)
        second = first
        if rng.random() < 0.45:
            second = np.clip(first + rng.normal(0, 35, 3), 0, 255)
        if all(min(distance(i, first), distance(i, second), distance(i, (first + second) / 2)) > 140 for i in all_inks):
            break
    else:  # grey or white or black is always far from something: take the best of a few
        options = [np.full(3, v) for v in (255.0, 225.0, 128.0, 60.0, 15.0)]
        first = second = max(options, key=lambda o: min([distance(i, o) for i in all_inks] or [0]))
    W, H = w * over, h * over
    if second is first:
        im = Image.new("RGB", (W, H), tuple(int(c) for c in first))
    else:
        a = rng.uniform(0, 2 * math.pi)
        yy, xx = np.mgrid[0:9, 0:9] / 8.0
        g = (math.cos(a) * (xx - 0.5) + math.sin(a) * (yy - 0.5)) / (abs(math.cos(a)) + abs(math.sin(a))) + 0.5
        small = first + g[..., None] * (second - first)
        im = Image.fromarray(small.astype(np.uint8)).resize((W, H), Image.BILINEAR)
    d = ImageDraw.Draw(im)
    for t, ink in zip(scene.things, inks):
        d.polygon([tuple(p) for p in thing_points(t, W, H)], fill=ink)
    if scene.number:
        draw_number(rng, im, scene, fonts, number_ink)
    im = im.reduce(over) if over > 1 else im
    if rng.random() < 0.4:
        grain = rng.normal(0, rng.uniform(2, 11), (h, w, 3 if rng.random() < 0.5 else 1)).astype(np.float32)
        im = Image.fromarray(np.clip(np.asarray(im) + grain, 0, 255).astype(np.uint8))
    return im


def draw_number(rng, im: Image.Image, scene: Scene, fonts: list[str], ink) -> None:
    W, H = im.size
    x1, y1, x2, y2 = scene.number_box
    bw, bh = (x2 - x1) * W, (y2 - y1) * H
    path = fonts[rng.integers(len(fonts))]
    font = ImageFont.truetype(path, 64)
    l, t, r, b = font.getbbox(scene.number)
    size = max(8, int(64 * min(bw / (r - l), bh / (b - t))))
    font = ImageFont.truetype(path, size)
    l, t, r, b = font.getbbox(scene.number)
    tw, th = r - l, b - t
    ox, oy = x1 * W + (bw - tw) / 2, y1 * H + (bh - th) / 2
    mask = Image.new("L", im.size)
    ImageDraw.Draw(mask).text((ox - l, oy - t), scene.number, font=font, fill=255)
    angle = rng.uniform(-6, 6) if rng.random() < 0.3 and tw < 0.85 * W and th < 0.7 * H else 0.0
    cx, cy = ox + tw / 2, oy + th / 2
    if angle:
        mask = mask.rotate(angle, Image.BILINEAR, center=(cx, cy))
    im.paste(Image.new("RGB", im.size, ink), (0, 0), mask)
    box = mask.getbbox() or (ox, oy, ox + tw, oy + th)
    scene.number_box = (box[0] / W, box[1] / H, box[2] / W, box[3] / H)
    scene.digits = []
    ca, sa = math.cos(math.radians(-angle)), math.sin(math.radians(-angle))
    for i, digit in enumerate(scene.number):
        left, right = font.getlength(scene.number[:i]), font.getlength(scene.number[:i + 1])
        dx, dy = ox - l + (left + right) / 2 - cx, 0.0
        scene.digits.append((int(digit), (cx + ca * dx - sa * dy) / W, (cy + sa * dx + ca * dy) / H))


FILTERS = [Image.BICUBIC, Image.BICUBIC, Image.LANCZOS, Image.BILINEAR, Image.HAMMING]


def as_jpeg(rng, im: Image.Image) -> Image.Image:
    data = io.BytesIO()
    im.save(data, "JPEG", quality=int(rng.integers(45, 96)), subsampling=int(rng.choice([0, 2])))
    return Image.open(data).convert("RGB")


def seen(rng, scene: Scene, fonts: list[str], held_out: bool = False) -> np.ndarray:
    """The scene as the model sees it: at the token grid's size, after a file's own size and compression."""
    rows, cols = scene.grid
    target = (cols * CELL, rows * CELL)
    true_size = scene.width < target[0] or rng.random() < 0.12
    if true_size and scene.width * scene.height < 500 * 500:
        im = draw(rng, scene, (scene.width, scene.height), fonts, held_out, over=3 if scene.width < 300 else 2)
        if rng.random() < 0.3:
            im = as_jpeg(rng, im)
        im = im.resize(target, FILTERS[rng.integers(len(FILTERS))])
    else:
        im = draw(rng, scene, target, fonts, held_out)
        if rng.random() < 0.1:
            im = im.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
        if rng.random() < 0.2:
            im = as_jpeg(rng, im)
    return np.asarray(im, dtype=np.uint8)


def patch_labels(scene: Scene) -> np.ndarray:
    """For every 16 x 16 patch: 0, or 1 + the index of the shape that covers its centre."""
    rows, cols = scene.grid
    h, w = rows * 2, cols * 2
    im = Image.new("L", (w * 4, h * 4))
    d = ImageDraw.Draw(im)
    for i, t in enumerate(scene.things):
        d.polygon([tuple(p) for p in thing_points(t, w * 4, h * 4)], fill=i + 1)
    return np.asarray(im)[2::4, 2::4].copy()
