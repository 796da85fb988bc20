"""Draws a held-out set: other seeds, other fonts and other shades than training, in files as people have them.

    python evalset.py --out DIR [--pictures 2200] [--seed 77] [--longest 1024]
    python evalset.py --out testdata --pictures 60 --seed 78 --longest 300 --rounds 2      the small set of make test

Writes pictures and items.jsonl, one conversation a line; inference/demoeval reads and judges it.
"""

from __future__ import annotations

import argparse
import json
import os

import numpy as np

import generate
import questions
from generate import Scene

FIRST = ["colour", "shape", "yesno", "count", "where", "box", "compare", "describe"]
MARGIN = 0.04  # no place is asked for that lies this close to the border between two answers


def turn_json(t: questions.Turn) -> dict:
    return {"q": t.q, "kind": t.kind, "expect": t.expect}


def save(rng, scene: Scene, folder: str, name: str, fonts: list[str]) -> str:
    """Draws the scene at its own file size, as PNG or JPEG."""
    over = 3 if scene.width < 300 else 2
    im = generate.draw(rng, scene, (scene.width, scene.height), fonts, held_out=True, over=over)
    if rng.random() < 0.5:
        im.save(os.path.join(folder, name + ".png"), optimize=True)
        return name + ".png"
    im.save(os.path.join(folder, name + ".jpg"), quality=int(rng.integers(60, 96)))
    return name + ".jpg"


def first_kind(rng, scene: Scene, turn: int) -> str:
    if scene.number and (not scene.things or rng.random() < 0.6):
        return str(rng.choice(["number"] * 4 + ["yesno", "box", "describe"]))
    return FIRST[turn % len(FIRST)]


def ask(rng, asker: questions.Asker, scene: Scene, turn: int):
    for attempt in range(30):
        kind = first_kind(rng, scene, turn if attempt < 6 else int(rng.integers(len(FIRST))))
        t = asker.ask(kind)
        if t and t.expect:
            return t
    return None


def one_picture(rng, scene: Scene, n: int) -> list[questions.Turn]:
    asker = questions.Asker(rng, scene, MARGIN)
    turns = [t for t in [ask(rng, asker, scene, n)] if t]
    if turns and rng.random() < 0.6:
        for _ in range(2 if rng.random() < 0.3 else 1):
            t = asker.follow(turns[-1])
            if not t:
                break
            turns.append(t)
    if rng.random() < 0.8:
        t = ask(rng, asker, scene, n // len(FIRST) + n + 3)
        if t:
            turns.append(t)
    return turns


def random_size(rng, longest: int) -> tuple[int, int]:
    w, h = generate.random_size(rng)
    scale = min(1.0, longest / max(w, h))
    return max(64, round(w * scale)), max(64, round(h * scale))


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--pictures", type=int, default=2200)
    ap.add_argument("--seed", type=int, default=77)
    ap.add_argument("--longest", type=int, default=1024)
    ap.add_argument("--rounds", type=int, default=1, help="how often each picture is asked about, in one conversation")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    fonts = generate.find_fonts(generate.HELD_OUT_FAMILIES)
    drawn, n = 0, 0
    with open(os.path.join(a.out, "items.jsonl"), "w") as out:
        while drawn < a.pictures:
            rng = np.random.default_rng([a.seed, n])
            n += 1
            if n % 40 == 0:  # a word without any picture
                t = questions.off_subject(rng)
                out.write(json.dumps({"images": [], "turns": [turn_json(t)]}) + "\n")
                continue
            count = 2 if n % 9 == 0 else 1
            scenes = [generate.layout(rng, size=random_size(rng, a.longest)) for _ in range(count)]
            names = [save(rng, s, a.out, f"{drawn + i:04d}", fonts) for i, s in enumerate(scenes)]
            if count == 2:
                turns = [t for t in (questions.two_pictures(rng, *scenes, MARGIN) for _ in range(6)) if t and t.expect][:2]
            else:
                turns = [t for r in range(a.rounds) for t in one_picture(rng, scenes[0], n + 3 * r)]
            if not turns:
                continue
            drawn += count
            out.write(json.dumps({"images": names, "turns": [turn_json(t) for t in turns]}) + "\n")


if __name__ == "__main__":
    main()
