"""Batches of drawn pictures with their scenes, turned and mirrored where that keeps the answers true."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np


class Pool:
    """Reads random shards of a pool folder; shards that appear later are picked up."""

    def __init__(self, folder: str, seed):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.names: list[str] = []
        self.drawn = 0

    def shard(self):
        if self.drawn % 50 == 0 or not self.names:
            self.names = sorted(n for n in os.listdir(self.folder) if n.endswith(".pkl"))
        self.drawn += 1
        with open(os.path.join(self.folder, self.names[self.rng.integers(len(self.names))]), "rb") as f:
            return pickle.load(f)

    def batches(self, size: int):
        """Yields pictures (size x h x w x 3 bytes), masks and scenes; all of one token grid."""
        while True:
            pictures, masks, scenes = self.shard()
            order = self.rng.permutation(len(scenes))
            for i in range(0, len(order) - size + 1, size):
                pick = order[i:i + size]
                out = [mirrored(self.rng, pictures[j], masks[j], scenes[j]) for j in pick]
                yield np.stack([o[0] for o in out]), np.stack([o[1] for o in out]), [o[2] for o in out]


def mirrored(rng, picture, mask, scene):
    if scene.number:
        return picture, mask, scene
    across, down = rng.random(2) < 0.5
    if not (across or down):
        return picture, mask, scene
    scene = copy.deepcopy(scene)
    order = np.arange(len(scene.things) + 1)
    for t in scene.things:
        x1, y1, x2, y2 = t.box
        if across:
            x1, x2 = 1 - x2, 1 - x1
        if down:
            y1, y2 = 1 - y2, 1 - y1
        t.box = (x1, y1, x2, y2)
    rows, cols = scene.grid
    reading = sorted(range(len(scene.things)),
                     key=lambda i: (int(scene.things[i].centre[1] * rows), int(scene.things[i].centre[0] * cols)))
    for new, old in enumerate(reading):
        order[old + 1] = new + 1
    scene.things = [scene.things[i] for i in reading]
    if across:
        picture, mask = picture[:, ::-1], mask[:, ::-1]
    if down:
        picture, mask = picture[::-1], mask[::-1]
    return picture, order[mask].astype(np.uint8), scene
