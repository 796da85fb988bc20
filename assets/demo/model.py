"""The demo model: Qwen3-VL's arithmetic for batches of equally sized pictures, in few operations.

Parameter names are those of transformers' Qwen3VLForConditionalGeneration (reference() loads them there, and
check.py compares the two), except that the two halves of the patch convolution are kept as one matrix:
a still picture shows both halves the same pixels. transformers' own forward handles one picture
at a time, which on a CPU costs several times more.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from config import COLOURS, PATCH, SHAPES, TEXT, VISION

BINS = 41          # soft bins of one coordinate in a dense label
TAP = 3            # language layer after which the thing that a question means must be known
DIGIT_PLACES = 4   # digits of a number, left to right
# dense label of one picture token: object centre, colour, shape, x1 y1 x2 y2, then for its 4 patches a digit and its place
OBJECT_LABELS = 1 + len(COLOURS) + len(SHAPES) + 4 * BINS
LABELS = OBJECT_LABELS + 4 * (10 + DIGIT_PLACES)


def rope(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return x * cos + torch.cat((-b, a), -1) * sin


def attend(q, k, v, mask=None):
    """Plain attention. On a CPU two matrix products in bfloat16 beat torch's fused kernel by more than twice."""
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, is_causal=mask is not None)
    scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
    if mask is not None:
        scores = scores + mask
    return torch.matmul(scores.softmax(-1), v)


class VisionBlock(nn.Module):
    def __init__(self, c: int, ff: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(c, eps=1e-6), nn.LayerNorm(c, eps=1e-6)
        self.attn = nn.ModuleDict(dict(qkv=nn.Linear(c, 3 * c), proj=nn.Linear(c, c)))
        self.mlp = nn.ModuleDict(dict(linear_fc1=nn.Linear(c, ff), linear_fc2=nn.Linear(ff, c)))

    def forward(self, x, cos, sin):
        b, n, c = x.shape
        q, k, v = self.attn["qkv"](self.norm1(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = attend(rope(q, cos, sin), rope(k, cos, sin), v)
        x = x + self.attn["proj"](y.transpose(1, 2).reshape(b, n, c))
        h = F.gelu(self.mlp["linear_fc1"](self.norm2(x)), approximate="tanh")
        return x + self.mlp["linear_fc2"](h)


class Merger(nn.Module):
    def __init__(self, c: int, out: int, after: bool):
        super().__init__()
        self.after = after
        self.norm = nn.LayerNorm(4 * c if after else c, eps=1e-6)
        self.linear_fc1, self.linear_fc2 = nn.Linear(4 * c, 4 * c), nn.Linear(4 * c, out)

    def forward(self, x):
        b, n, c = x.shape
        x = self.norm(x.reshape(b, n // 4, 4 * c)) if self.after else self.norm(x).reshape(b, n // 4, 4 * c)
        return self.linear_fc2(F.gelu(self.linear_fc1(x)))


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        v = VISION
        c = v["hidden"]
        self.patch_embed = nn.Linear(3 * PATCH * PATCH, c)
        self.pos_embed = nn.Embedding(v["pos_side"] ** 2, c)
        self.blocks = nn.ModuleList(VisionBlock(c, v["ff"], v["heads"]) for _ in range(v["depth"]))
        self.merger = Merger(c, TEXT["hidden"], False)
        self.deepstack_merger_list = nn.ModuleList(Merger(c, TEXT["hidden"], True) for _ in v["deepstack"])
        self._rope = {}

    def positions(self, rows: int, cols: int):
        """Rotary angles of the patches, in merged order; rows and cols count picture tokens."""
        key = (rows, cols, self.pos_embed.weight.device)
        if key not in self._rope:
            d = VISION["hidden"] // VISION["heads"]
            inv = 1.0 / 10000 ** (torch.arange(0, d // 2, 2).float() / (d // 2))
            y, x = torch.meshgrid(torch.arange(2 * rows), torch.arange(2 * cols), indexing="ij")
            f = torch.cat([merged(y[..., None])[..., 0][:, None] * inv, merged(x[..., None])[..., 0][:, None] * inv], -1)
            f = torch.cat([f, f], -1).to(key[2])
            self._rope[key] = f.cos(), f.sin()
        return self._rope[key]

    def forward(self, patches: torch.Tensor, rows: int, cols: int):
        """patches: batch x 4*rows*cols x 768, in merged order, -1..1. Returns tokens, deepstack tokens, last hidden."""
        dtype = self.pos_embed.weight.dtype
        side, c = VISION["pos_side"], VISION["hidden"]
        table = self.pos_embed.weight.float().view(1, side, side, c).permute(0, 3, 1, 2)
        pos = F.interpolate(table, (2 * rows, 2 * cols), mode="bilinear", align_corners=True)
        x = self.patch_embed(patches.to(dtype)) + merged(pos[0].permute(1, 2, 0)).to(dtype)
        cos, sin = (t.to(dtype) for t in self.positions(rows, cols))
        deep = []
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin)
            if i in VISION["deepstack"]:
                deep.append(self.deepstack_merger_list[len(deep)](x))
        return self.merger(x), deep, x


def merged(grid: torch.Tensor) -> torch.Tensor:
    """rows x cols x c -> rows*cols x c with the four patches of one picture token next to each other."""
    h, w, c = grid.shape
    return grid.view(h // 2, 2, w // 2, 2, c).permute(0, 2, 1, 3, 4).reshape(h * w, c)


def to_patches(pictures: torch.Tensor) -> torch.Tensor:
    """batch x height x width x 3 of bytes -> batch x patches x 768 (channel, y, x), in merged order, -1..1."""
    b, h, w, _ = pictures.shape
    p = PATCH
    x = pictures.view(b, h // (2 * p), 2, p, w // (2 * p), 2, p, 3)
    x = x.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(b, -1, 3 * p * p)
    return x.float() / 127.5 - 1


class TextBlock(nn.Module):
    def __init__(self):
        super().__init__()
        t = TEXT
        c, d = t["hidden"], t["heads"] * t["head_dim"]
        lin = lambda i, o: nn.Linear(i, o, bias=False)
        norm = lambda n: nn.RMSNorm(n, eps=t["eps"])
        self.input_layernorm, self.post_attention_layernorm = norm(c), norm(c)
        self.self_attn = nn.ModuleDict(dict(q_proj=lin(c, d), k_proj=lin(c, d), v_proj=lin(c, d), o_proj=lin(d, c),
                                            q_norm=norm(t["head_dim"]), k_norm=norm(t["head_dim"])))
        self.mlp = nn.ModuleDict(dict(gate_proj=lin(c, t["ff"]), up_proj=lin(c, t["ff"]), down_proj=lin(t["ff"], c)))

    def forward(self, x, cos, sin, mask):
        b, n, _ = x.shape
        a = self.self_attn
        h = self.input_layernorm(x)
        q = a["q_norm"](a["q_proj"](h).view(b, n, TEXT["heads"], -1)).transpose(1, 2)
        k = a["k_norm"](a["k_proj"](h).view(b, n, TEXT["heads"], -1)).transpose(1, 2)
        v = a["v_proj"](h).view(b, n, TEXT["heads"], -1).transpose(1, 2)
        y = attend(rope(q, cos, sin), rope(k, cos, sin), v, mask)
        x = x + a["o_proj"](y.transpose(1, 2).reshape(b, n, -1))
        h = self.post_attention_layernorm(x)
        m = self.mlp
        return x + m["down_proj"](F.silu(m["gate_proj"](h)) * m["up_proj"](h))


def text_angles(positions: torch.Tensor):
    """positions: 3 x batch x length (time, row, column) -> interleaved M-RoPE cos and sin, batch x 1 x length x head."""
    d = TEXT["head_dim"]
    inv = 1.0 / TEXT["theta"] ** (torch.arange(0, d, 2, device=positions.device).float() / d)
    f = positions[..., None].float() * inv
    mix = f[0].clone()
    for axis in (1, 2):
        mix[..., axis:TEXT["sections"][axis] * 3:3] = f[axis, ..., axis:TEXT["sections"][axis] * 3:3]
    mix = torch.cat([mix, mix], -1)[:, None]
    return mix.cos(), mix.sin()


class Text(nn.Module):
    def __init__(self, vocab: int):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, TEXT["hidden"])
        self.layers = nn.ModuleList(TextBlock() for _ in range(TEXT["depth"]))
        self.norm = nn.RMSNorm(TEXT["hidden"], eps=TEXT["eps"])

    def forward(self, x, positions, deep=(), where=None):
        """x: embeddings with picture tokens in place. deep: what deepstack adds at where (batch, index) per early layer."""
        cos, sin = (t.to(x.dtype) for t in text_angles(positions))
        n = x.shape[1]
        mask = torch.full((n, n), float("-inf"), dtype=x.dtype, device=x.device).triu(1)
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, mask)
            if i < len(deep):
                x = x.index_put((where[0], where[1]), deep[i], accumulate=True)
            if i == TAP:
                self.tapped = x
        return self.norm(x)

    def logits(self, hidden):
        return hidden @ self.embed_tokens.weight.t()


class Heads(nn.Module):
    """Dense labels: used in training only."""
    def __init__(self):
        super().__init__()
        c = VISION["hidden"]
        self.cover = nn.Linear(c, 1 + len(COLOURS) + 1 + len(SHAPES))  # per patch: colour and shape that cover it
        self.cell = nn.Linear(TEXT["hidden"], LABELS)                  # per picture token
        self.oracle = nn.Linear(LABELS, TEXT["hidden"])                # true labels -> what the picture token should be
        self.meant = nn.Linear(TEXT["hidden"], OBJECT_LABELS)          # end of a question -> the thing that it means


class Demo(nn.Module):
    def __init__(self, vocab: int):
        super().__init__()
        self.visual, self.language_model, self.heads = Vision(), Text(vocab), Heads()
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, std=min(0.05, (2 / (m.in_features + m.out_features)) ** 0.5))
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Embedding):
                nn.init.normal_(m.weight, std=0.02)
        self.visual.pos_embed.weight.data.copy_(waves(VISION["pos_side"], VISION["hidden"]))
        for merger in self.visual.deepstack_merger_list:
            nn.init.zeros_(merger.linear_fc2.weight)


def waves(side: int, c: int) -> torch.Tensor:
    """Smooth two-dimensional positions to start from: with noise instead, boxes were not learned in 500 steps."""
    n = c // 4
    f = torch.pi * 0.5 * (2 * side) ** (torch.arange(n) / (n - 1))  # from a quarter wave over the picture upwards
    at = torch.linspace(0, 1, side)[:, None] * f
    one = torch.cat([at.sin(), at.cos()], 1)
    return 0.4 * torch.cat([one[:, None].expand(-1, side, -1), one[None].expand(side, -1, -1)], -1).reshape(side * side, c)


def dense_targets(scenes, masks) -> dict[str, torch.Tensor]:
    """True labels of a batch of scenes that share one grid; masks: batch x patch rows x patch columns."""
    rows, cols = scenes[0].grid
    b, n = len(scenes), rows * cols
    cell = torch.zeros(b, n, LABELS)
    cover = torch.zeros(b, 4 * n, 2, dtype=torch.long)
    if masks is not None:
        lut = torch.zeros(b, 32, 2, dtype=torch.long)
        for i, s in enumerate(scenes):
            for j, t in enumerate(s.things):
                lut[i, j + 1, 0], lut[i, j + 1, 1] = t.colour + 1, t.shape + 1
        m = torch.as_tensor(masks).long().view(b, rows, 2, cols, 2).permute(0, 1, 3, 2, 4).reshape(b, -1)
        cover = lut.gather(1, m[..., None].expand(-1, -1, 2))
    for i, s in enumerate(scenes):
        for t in s.things:
            x, y = t.centre
            k = min(rows - 1, int(y * rows)) * cols + min(cols - 1, int(x * cols))
            cell[i, k, :OBJECT_LABELS] = thing_label(t)
        for place, (digit, x, y) in enumerate(s.digits):
            r, c = min(2 * rows - 1, int(y * 2 * rows)), min(2 * cols - 1, int(x * 2 * cols))
            k, sub = (r // 2) * cols + c // 2, (r % 2) * 2 + c % 2
            base = OBJECT_LABELS + sub * (10 + DIGIT_PLACES)
            cell[i, k, base + digit] = 1
            cell[i, k, base + 10 + place] = 1
    return dict(cell=cell, cover=cover)


def thing_label(t) -> torch.Tensor:
    """The dense label of one thing: present, colour, shape, box in soft bins."""
    v = torch.zeros(OBJECT_LABELS)
    v[0] = v[1 + t.colour] = v[1 + len(COLOURS) + t.shape] = 1
    base = 1 + len(COLOURS) + len(SHAPES)
    for axis, value in enumerate(t.box):
        p = min(max(value, 0.0), 1.0) * (BINS - 1)
        low = min(int(p), BINS - 2)
        v[base + axis * BINS + low], v[base + axis * BINS + low + 1] = 1 - (p - low), p - low
    return v


def meant_loss(heads: "Heads", hidden, want):
    """How well the end of each question tells which thing it means. Returns the loss and the share of right colours and shapes."""
    logits, nc, ns = heads.meant(hidden).float(), len(COLOURS), len(SHAPES)
    col, shp = (slice(1, 1 + nc), slice(1 + nc, 1 + nc + ns))
    loss = F.cross_entropy(logits[:, col], want[:, col]) + F.cross_entropy(logits[:, shp], want[:, shp])
    loss = loss + F.cross_entropy(logits[:, 1 + nc + ns:].reshape(-1, BINS), want[:, 1 + nc + ns:].reshape(-1, BINS))
    right = (logits[:, col].argmax(-1) == want[:, col].argmax(-1)) & (logits[:, shp].argmax(-1) == want[:, shp].argmax(-1))
    return loss, right.float().mean()


def dense_loss(heads: Heads, tokens, hidden, target) -> tuple[torch.Tensor, dict[str, float]]:
    """Loss of the dense labels from picture tokens and the last patch states, and a few figures to watch."""
    cell = target["cell"]
    logits = heads.cell(tokens).float()
    nc, ns = len(COLOURS), len(SHAPES)
    cover = heads.cover(hidden).float()
    loss = F.cross_entropy(cover[..., :nc + 1].flatten(0, 1), target["cover"][..., 0].flatten())
    loss = loss + F.cross_entropy(cover[..., nc + 1:].flatten(0, 1), target["cover"][..., 1].flatten())
    there = cell[..., 0]
    loss = loss + 4 * F.binary_cross_entropy_with_logits(logits[..., 0], there, pos_weight=torch.tensor(3.0, device=there.device))
    own = there > 0
    stats = {}
    if own.any():
        lo, tr = logits[own], cell[own]
        col, shp = lo[:, 1:1 + nc], lo[:, 1 + nc:1 + nc + ns]
        loss = loss + F.cross_entropy(col, tr[:, 1:1 + nc].argmax(-1)) + F.cross_entropy(shp, tr[:, 1 + nc:1 + nc + ns].argmax(-1))
        box_lo = lo[:, 1 + nc + ns:OBJECT_LABELS].view(-1, 4, BINS)
        box_tr = tr[:, 1 + nc + ns:OBJECT_LABELS].view(-1, 4, BINS)
        loss = loss + F.cross_entropy(box_lo.flatten(0, 1), box_tr.flatten(0, 1))
        bins = torch.arange(BINS, device=lo.device) / (BINS - 1)
        stats["colour"] = (col.argmax(-1) == tr[:, 1:1 + nc].argmax(-1)).float().mean()
        stats["shape"] = (shp.argmax(-1) == tr[:, 1 + nc:1 + nc + ns].argmax(-1)).float().mean()
        stats["edge"] = ((box_lo.softmax(-1) * bins).sum(-1) - (box_tr * bins).sum(-1)).abs().mean()
    hit = (logits[..., 0] > 0) & own
    stats["recall"] = hit.sum() / own.sum().clamp(min=1)
    stats["precision"] = hit.sum() / (logits[..., 0] > 0).sum().clamp(min=1)
    dl = logits[..., OBJECT_LABELS:].reshape(-1, 10 + DIGIT_PLACES)
    dt = cell[..., OBJECT_LABELS:].reshape(-1, 10 + DIGIT_PLACES)
    loss = loss + 8 * F.binary_cross_entropy_with_logits(dl, dt, pos_weight=torch.tensor(4.0, device=dl.device))
    has = dt[:, :10].sum(-1) > 0
    if has.any():
        loss = loss + 1.5 * F.cross_entropy(dl[has, :10], dt[has, :10].argmax(-1)) + F.cross_entropy(dl[has, 10:], dt[has, 10:].argmax(-1))
        stats["digit"] = (dl[has, :10].argmax(-1) == dt[has, :10].argmax(-1)).float().mean()
        stats["place"] = (dl[has, 10:].argmax(-1) == dt[has, 10:].argmax(-1)).float().mean()
    return loss, {k: float(v.detach()) for k, v in stats.items()}
