"""Draws pictures ahead of training into shards of equally sized pictures, so that drawing costs once.

    python pool.py --out DIR --shards 1000 [--first 0]
"""

from __future__ import annotations

import argparse
import os
import pickle

import numpy as np

import generate

SHARD = 64
PLAIN = 1500  # shards from this one on hold more numbers, which need more examples than anything else


def make_shard(path: str, number: int, fonts: list[str]) -> None:
    rng = np.random.default_rng([2026, number])
    grid = generate.random_grid(rng)
    scenes, pictures, masks = [], [], []
    for _ in range(SHARD):
        scene = generate.layout(rng, grid, kind=rng.choice(["shapes", "number", "both"], p=[0.43, 0.45, 0.12]) if number >= PLAIN else None)
        pictures.append(generate.seen(rng, scene, fonts))
        masks.append(generate.patch_labels(scene))
        scenes.append(scene)
    with open(path + ".tmp", "wb") as f:
        pickle.dump((np.stack(pictures), np.stack(masks), scenes), f, protocol=5)
    os.replace(path + ".tmp", path)  # a reader sees whole shards only


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--first", type=int, default=0)
    ap.add_argument("--shards", type=int, default=1000)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    fonts = generate.find_fonts(generate.TRAIN_FAMILIES)
    for n in range(a.first, a.first + a.shards):
        path = os.path.join(a.out, f"{n:06d}.pkl")
        if not os.path.exists(path):
            make_shard(path, n, fonts)


if __name__ == "__main__":
    main()
