"""Checks that model.py computes what transformers' Qwen3VLForConditionalGeneration computes with the shipped weights.

    python check.py [FOLDER]
"""

from __future__ import annotations

import os
import sys

import numpy as np
import torch
from transformers import Qwen3VLForConditionalGeneration

import config
import export
import generate
import model as M
from questions import Turn
from tokens import IMAGE, Coder
from train import load_weights


def reference(weights: dict[str, torch.Tensor], vocab: int):
    """transformers' model with these weights; the patch filter is split over the two frames it expects."""
    net = Qwen3VLForConditionalGeneration(config.hf_config(vocab, config.SPECIALS.index("<|im_end|>"))).eval()
    named = {"model." + k: v for k, v in weights.items() if k.startswith(("visual.", "language_model."))}
    half = named.pop("model.visual.patch_embed.weight").view(-1, 3, 1, config.PATCH, config.PATCH) / 2
    named["model.visual.patch_embed.proj.weight"] = torch.cat([half, half], 2)
    named["model.visual.patch_embed.proj.bias"] = named.pop("model.visual.patch_embed.bias")
    problems = net.load_state_dict(named, strict=False)
    assert not problems.unexpected_keys and set(problems.missing_keys) <= {"lm_head.weight"}, problems
    return net


@torch.no_grad()
def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    coder, weights = Coder(), export.read(folder)
    net = M.Demo(coder.vocab)
    load_weights(net, weights)
    hf = reference(weights, coder.vocab)
    rng, fonts, worst = np.random.default_rng(4), generate.find_fonts(generate.TRAIN_FAMILIES), 0.0
    for _ in range(8):
        scene = generate.layout(rng)
        pixels = torch.from_numpy(generate.seen(rng, scene, fonts).copy())[None]
        rows, cols = scene.grid
        ids, _, pos = coder.sequence([Turn("What do you see?", "", "", shown=1)], [scene.grid])
        ids, pos = torch.tensor(ids[:-1])[None], torch.tensor(pos[:-1]).t()[:, None]
        at = (ids[0] == IMAGE).nonzero()[:, 0]
        where = torch.zeros_like(at), at
        patches = M.to_patches(pixels)
        tokens, deep, _ = net.visual(patches, rows, cols)
        x = net.language_model.embed_tokens(ids).index_put(where, tokens[0])
        ours = net.language_model.logits(net.language_model(x, pos, [d[0] for d in deep], where))[0, -1]
        twice = patches[0].view(-1, 3, 1, 256).expand(-1, 3, 2, 256).reshape(-1, 3 * 2 * 256)
        theirs = hf(input_ids=ids, pixel_values=twice, image_grid_thw=torch.tensor([[1, rows * 2, cols * 2]]), mm_token_type_ids=(ids == IMAGE).int()).logits[0, -1]
        worst = max(worst, float((ours - theirs).abs().max()))
    print(f"largest difference of a logit from transformers: {worst:.2e}")
    assert worst < 1e-3, "model.py and transformers disagree"


if __name__ == "__main__":
    main()
