"""Sizes of the built-in demo model, the words it knows and the picture token range.

Everything that training, export and evaluation must agree on stands here once.
"""

from __future__ import annotations

import math

# Vocabulary of the picture world. The order is the class index of the dense labels.
COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white"]
SHAPES = ["circle", "square", "triangle", "star", "rectangle", "hexagon", "heart"]

# One picture token covers 32 x 32 pixels (patches of 16, merged 2 x 2).
PATCH = 16
CELL = 32
IMAGE_MIN_TOKENS = 48
IMAGE_MAX_TOKENS = 80
MAX_ASPECT = 3.0

CONTEXT = 2048
NAME = "Galago Demo"

SPECIALS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>",
    "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
]

VISION = dict(hidden=192, heads=3, depth=6, ff=512, pos_side=16, deepstack=[2, 4])
TEXT = dict(hidden=192, heads=4, head_dim=64, depth=6, ff=512, theta=1000000.0, sections=[12, 10, 10], eps=1e-6)

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\\n' -}}"
    "{%- if message.content is string -%}{{- message.content -}}"
    "{%- else -%}{%- for part in message.content -%}"
    "{%- if part.type == 'image' or part.type == 'image_url' or 'image' in part -%}"
    "{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}"
    "{%- elif 'text' in part -%}{{- part.text -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{- '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


def _round(x: float) -> int:
    """Half away from zero, as C++ rounds (Python rounds half to even)."""
    return int(math.floor(x + 0.5))


def smart_resize(width: int, height: int, low: int = IMAGE_MIN_TOKENS, high: int = IMAGE_MAX_TOKENS) -> tuple[int, int]:
    """The size in pixels at which llama.cpp shows a width x height picture to a Qwen3-VL model."""
    f, lo, hi = CELL, low * CELL * CELL, high * CELL * CELL
    w, h = max(f, _round(width / f) * f), max(f, _round(height / f) * f)
    if w * h > hi:
        b = math.sqrt(width * height / hi)
        return max(f, math.floor(width / b / f) * f), max(f, math.floor(height / b / f) * f)
    if w * h < lo:
        b = math.sqrt(lo / (width * height))
        return math.ceil(width * b / f) * f, math.ceil(height * b / f) * f
    return w, h


def hf_config(vocab_size: int, eos: int):
    """The same sizes as a transformers configuration (for checking against the reference)."""
    from transformers import Qwen3VLConfig

    t, v = TEXT, VISION
    return Qwen3VLConfig(
        text_config=dict(
            vocab_size=vocab_size, hidden_size=t["hidden"], intermediate_size=t["ff"], num_hidden_layers=t["depth"],
            num_attention_heads=t["heads"], num_key_value_heads=t["heads"], head_dim=t["head_dim"],
            max_position_embeddings=CONTEXT, rms_norm_eps=t["eps"], tie_word_embeddings=True,
            rope_parameters=dict(rope_type="default", rope_theta=t["theta"], mrope_section=t["sections"], mrope_interleaved=True),
            eos_token_id=eos, bos_token_id=None, pad_token_id=0,
        ),
        vision_config=dict(
            depth=v["depth"], hidden_size=v["hidden"], intermediate_size=v["ff"], num_heads=v["heads"],
            patch_size=PATCH, temporal_patch_size=2, spatial_merge_size=2, out_hidden_size=t["hidden"],
            num_position_embeddings=v["pos_side"] ** 2, deepstack_visual_indexes=v["deepstack"],
        ),
        image_token_id=5, video_token_id=6, vision_start_token_id=3, vision_end_token_id=4, tie_word_embeddings=True,
    )
