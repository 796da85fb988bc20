"""Trains the demo model in three steps; each can be stopped and resumed.

    python train.py vision --pool DIR --work DIR --minutes 30      pictures -> dense labels, no language
    python train.py text --work DIR --minutes 30                   questions over the true labels, no pictures
    python train.py joint --pool DIR --work DIR --minutes 60       both together
    python train.py joint ... --from-gguf assets/demo              go on from the shipped files
    torchrun --nproc-per-node 2 train.py joint ...                 two processes with shared gradients
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import generate
import model as M
import questions
from data import Pool
from optim import Optimiser
from tokens import IMAGE, Coder


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def save(path: str, opt: Optimiser, frozen: dict, step: int, spent: float) -> None:
    torch.save(dict(weights={**frozen, **opt.weights()}, optimiser=opt.state(), step=step, spent=spent), path + ".tmp")
    if os.path.exists(path):
        os.replace(path, path + ".before")  # a step that goes wrong must not take the only copy with it
    os.replace(path + ".tmp", path)


class Clock:
    """Learning rate by time spent, so that a busy machine still ends with a full decay."""

    def __init__(self, lr: float, minutes: float, warm: int, decay: float, spent: float):
        self.lr, self.total, self.warm, self.decay = lr, minutes * 60, warm, decay
        self.start = time.time() - spent

    def spent(self) -> float:
        return time.time() - self.start

    def rate(self, step: int) -> float:
        left = max(0.0, 1 - self.spent() / self.total)
        return self.lr * min(1.0, (step + 1) / self.warm) * min(1.0, max(0.02, left / self.decay))

    def done(self) -> bool:
        return self.spent() >= self.total


class Log:
    def __init__(self, path: str):
        self.path, self.sums, self.n, self.at = path, {}, 0, time.time()

    def add(self, values: dict[str, float]) -> None:
        self.n += 1
        for k, v in values.items():
            if v == v:
                s = self.sums.setdefault(k, [0.0, 0])
                s[0] += v
                s[1] += 1

    def flush(self, step: int) -> None:
        now = time.time()
        line = " ".join(f"{k}={s / c:.3f}" for k, (s, c) in self.sums.items())
        text = f"{time.strftime('%H:%M:%S')} step {step} {(now - self.at) / max(1, self.n):.2f}s {line}"
        with open(self.path, "a") as f:
            f.write(text + "\n")
        self.sums, self.n, self.at = {}, 0, now


def compiled(model: M.Demo) -> None:
    """Fuses the element-wise work of the blocks; one compilation serves every grid and length."""
    for cls, blocks in ((M.VisionBlock, model.visual.blocks), (M.TextBlock, model.language_model.layers)):
        f = torch.compile(cls.forward, dynamic=True)
        for b in blocks:
            b.forward = f.__get__(b)


def load_weights(model: torch.nn.Module, weights: dict, prefix: str = "") -> None:
    own = model.state_dict()
    for name, value in weights.items():
        if name.startswith(prefix) and name in own and own[name].shape == value.shape:
            own[name].copy_(value)


def to_device(target: dict) -> dict:
    return {k: v.to(device()) for k, v in target.items()}


def vision(a) -> None:
    torch.manual_seed(1)
    net = M.Demo(32)
    net.language_model.requires_grad_(False)
    net.visual.deepstack_merger_list.requires_grad_(False)
    net.heads.oracle.requires_grad_(False)
    net.heads.meant.requires_grad_(False)
    path = os.path.join(a.work, "vision.pt")
    state = torch.load(path, map_location="cpu") if os.path.exists(path) else None
    if state:
        load_weights(net, state["weights"])
    opt = Optimiser(net.to(device()).named_parameters(), a.lr)
    net.bfloat16()
    if state and not a.fresh:
        opt.load_state(state["optimiser"])
    compiled(net)
    step = state["step"] if state else 0
    clock = Clock(a.lr, a.minutes, 100, 0.3, state["spent"] if state and not a.fresh else 0.0)
    log = Log(os.path.join(a.work, "vision.log"))
    oracle_path, oracle = os.path.join(a.work, "oracle.pt"), None
    for pictures, masks, scenes in Pool(a.pool, 100 + step).batches(a.batch):
        if oracle is None and step % 50 == 0 and os.path.exists(oracle_path):
            oracle = torch.load(oracle_path, map_location=device())
        target = to_device(M.dense_targets(scenes, masks))
        patches = M.to_patches(torch.from_numpy(pictures).to(device()))
        tokens, _, hidden = net.visual(patches, *scenes[0].grid)
        loss, stats = M.dense_loss(net.heads, tokens, hidden, target)
        if oracle is not None:
            want = target["cell"] @ oracle["weight"].t() + oracle["bias"]
            told = target["cell"].sum(-1) > 0  # cells that hold something; most hold nothing
            off, size = (tokens.float() - want).pow(2).mean(-1), want[told].var()
            miss = (off[told].mean() + off[~told].mean()) / size
            stats["miss"] = float(miss.detach())
            loss = loss + 2 * miss
        loss.backward()
        stats["loss"], stats["norm"] = float(loss.detach()), opt.step(clock.rate(step))
        step += 1
        log.add(stats)
        if step % 25 == 0:
            log.flush(step)
        if step % 100 == 0 or clock.done():
            save(path, opt, {}, step, clock.spent())
        if clock.done():
            return


class Collated:
    """Conversations as one padded batch; src says which flat picture token stands at each picture place."""

    def __init__(self, coder: Coder, talks, offsets):
        """talks: (turns, picture numbers); offsets: for each picture, its grid and where its tokens start in the flat list."""
        rows = [coder.sequence(turns, [offsets[p][0] for p in pictures]) for turns, pictures in talks]
        n = (max(len(r[0]) for r in rows) + 15) // 16 * 16
        b = len(rows)
        self.ids = torch.zeros(b, n, dtype=torch.long)
        self.positions = torch.zeros(3, b, n, dtype=torch.long)
        learn = torch.zeros(b, n, dtype=torch.bool)
        batch_at, place_at, src = [], [], []
        meant_at, meant = [], []  # places where one thing is asked or spoken about, and that thing
        self.turn_of, self.kinds = [], []  # for each learned token, its turn's number; for each turn, its kind
        for i, ((ids, wanted, pos), (turns, pictures)) in enumerate(zip(rows, talks)):
            self.ids[i, :len(ids)] = torch.tensor(ids)
            self.positions[:, i, :len(ids)] = torch.tensor(pos).t()
            learn[i, :len(ids)] = torch.tensor(wanted)
            at = [k for k, t in enumerate(ids) if t == IMAGE]
            batch_at += [i] * len(at)
            place_at += at
            for p in pictures:
                (r, c), start = offsets[p]
                src += range(start, start + r * c)
            starts = [k for k in range(1, len(ids)) if wanted[k] and not wanted[k - 1]]
            for t, k in zip(turns, starts):
                if t.thing is not None and t.kind != "nothing":
                    said = min(len(coder.ids(t.a)), 28)  # from the end of the question on, while it is spoken about
                    meant_at += [(i, p) for p in range(k - 1, k + said)]
                    meant += [M.thing_label(t.thing)] * (said + 1)
                self.turn_of += [len(self.kinds)] * (len(coder.ids(t.a)) + 1)
                self.kinds.append(t.kind)
        self.where = torch.tensor(batch_at, dtype=torch.long), torch.tensor(place_at, dtype=torch.long)
        self.src = torch.tensor(src, dtype=torch.long)
        self.meant_at = tuple(torch.tensor(meant_at, dtype=torch.long).view(-1, 2).t())
        self.meant = torch.stack(meant) if meant else torch.zeros(0, M.OBJECT_LABELS)
        self.ask = learn[:, 1:].nonzero(as_tuple=True)  # the place before each learned token
        self.want = self.ids[:, 1:][self.ask]

    def to(self, dev):
        self.ids, self.positions, self.src, self.want = (t.to(dev) for t in (self.ids, self.positions, self.src, self.want))
        self.meant, self.meant_at = self.meant.to(dev), tuple(t.to(dev) for t in self.meant_at)
        self.where, self.ask = tuple(t.to(dev) for t in self.where), tuple(t.to(dev) for t in self.ask)
        return self


def answer_loss(net: M.Demo, batch: Collated, tokens, deep=()):
    """Cross-entropy of the answers, and how often a whole answer is right (each token given the true ones before)."""
    lm = net.language_model
    x = lm.embed_tokens(batch.ids)
    if len(batch.src):
        x = x.index_put(batch.where, tokens[batch.src].to(x.dtype))
    hidden = lm(x, batch.positions, [d[batch.src] for d in deep], batch.where)
    logits = lm.logits(hidden[batch.ask]).float()
    each = F.cross_entropy(logits, batch.want, reduction="none")
    turn = torch.tensor(batch.turn_of, device=each.device)
    weight = torch.bincount(turn).float()[turn].pow(-0.7)  # else the long boxes drown the one word that matters
    loss = (each * weight).sum() / weight.sum()
    right = (logits.argmax(-1) == batch.want).cpu().numpy()
    turns = np.ones(len(batch.kinds), bool)
    np.logical_and.at(turns, np.array(batch.turn_of), right)
    stats: dict[str, list] = {}
    for kind, ok in zip(batch.kinds, turns):
        stats.setdefault(kind, []).append(ok)
    stats = {k: float(np.mean(v)) for k, v in stats.items()}
    stats["loss"] = float(loss.detach())
    if len(batch.meant):
        extra, right = M.meant_loss(net.heads, lm.tapped[batch.meant_at], batch.meant)
        loss = loss + 0.2 * extra
        stats["meant"] = float(right)
    return loss, stats


def text(a) -> None:
    """Language over true labels: a linear map of each picture token's dense label stands in for the eyes."""
    torch.manual_seed(2)
    coder = Coder()
    net = M.Demo(coder.vocab)
    net.visual.requires_grad_(False)
    net.heads.cover.requires_grad_(False)
    net.heads.cell.requires_grad_(False)
    path, fixed = os.path.join(a.work, "text.pt"), os.path.join(a.work, "oracle.pt")
    state = torch.load(path, map_location="cpu") if os.path.exists(path) else None
    if state:
        load_weights(net, state["weights"])
    if os.path.exists(fixed):
        net.heads.oracle.load_state_dict(torch.load(fixed))
        net.heads.oracle.requires_grad_(False)
    opt = Optimiser(net.to(device()).named_parameters(), a.lr, boost=a.boost)
    net.bfloat16()
    if state and not a.fresh:
        opt.load_state(state["optimiser"])
    compiled(net)
    step = state["step"] if state else 0
    clock = Clock(a.lr, a.minutes, 100, 0.3, state["spent"] if state and not a.fresh else 0.0)
    log = Log(os.path.join(a.work, "text.log"))
    rng = np.random.default_rng([5, step])
    while not clock.done():
        scenes, talks = [], []
        for _ in range(a.batch):
            simple = step < a.simple
            n = 1 if simple else int(rng.choice([0, 1, 2], p=[0.04, 0.82, 0.14]))
            own = [generate.layout(rng) for _ in range(n)]
            talks.append((questions.conversation(rng, own, 4 if n == 2 else int(rng.integers(6, 9)), simple=simple), list(range(len(scenes), len(scenes) + n))))
            scenes += own
        labels, offsets, at = [], [], 0
        for s in scenes:
            labels.append(M.dense_targets([s], None)["cell"][0])
            offsets.append((s.grid, at))
            at += len(labels[-1])
        labels = torch.cat(labels).to(device())
        tokens = net.heads.oracle(labels.bfloat16())
        tokens = tokens + 0.1 * torch.randn_like(tokens) * tokens.detach().float().std().to(tokens.dtype)
        loss, stats = answer_loss(net, Collated(coder, talks, offsets).to(device()), tokens)
        loss.backward()
        stats["norm"] = opt.step(clock.rate(step))
        step += 1
        log.add(stats)
        if step % 25 == 0:
            log.flush(step)
        if step % 100 == 0 or clock.done():
            save(path, opt, {}, step, clock.spent())


def talk_over(rng, scenes, first: int, second: int) -> list:
    """Conversations over pictures 0..first-1 of one grid and first..first+second-1 of another; some take two pictures, of
    both grids or of one: told apart by their grids alone, two of the same size would be taken for one another."""
    talks, used = [], set()
    for i in range(min(first, second) // 2):
        two = [i, first + i if rng.random() < 0.5 else first - 1 - i]
        used.update(two)
        if rng.random() < 0.5:
            two.reverse()
        talks.append((questions.conversation(rng, [scenes[p] for p in two], 4), two))
    for i in range(first + second):
        if i not in used:
            talks.append((questions.conversation(rng, [scenes[i]], int(rng.integers(6, 9))), [i]))
    if rng.random() < 0.5:
        talks.append((questions.conversation(rng, [], 5), []))
    return talks


def joint(a) -> None:
    """Pictures to answers, with the dense labels kept as a smaller part of the loss."""
    torch.manual_seed(3)
    coder = Coder()
    net = M.Demo(coder.vocab)
    path = os.path.join(a.work, "joint.pt")
    state = torch.load(path, map_location="cpu") if os.path.exists(path) else None
    if state:
        load_weights(net, state["weights"])
    elif a.from_gguf:
        import export
        load_weights(net, export.read(a.from_gguf))
        kept = os.path.join(a.from_gguf, "heads.npz")
        if os.path.exists(kept):
            load_weights(net, {k: torch.from_numpy(v).float() for k, v in np.load(kept).items()})
    else:
        load_weights(net, torch.load(os.path.join(a.work, "text.pt"), map_location="cpu")["weights"])
        seen = torch.load(os.path.join(a.work, "vision.pt"), map_location="cpu")["weights"]
        load_weights(net, {k: v for k, v in seen.items() if k.startswith(("visual.", "heads.cover", "heads.cell"))})
    net.heads.oracle.requires_grad_(False)
    opt = Optimiser(net.to(device()).named_parameters(), a.lr)
    net.bfloat16()
    if state and not a.fresh:
        opt.load_state(state["optimiser"])
    compiled(net)
    step = state["step"] if state else 0
    clock = Clock(a.lr, a.minutes, 60, 0.7, state["spent"] if state and not a.fresh else 0.0)
    log = Log(os.path.join(a.work, "joint.log"))
    rank = int(os.environ.get("RANK", 0))
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        torch.distributed.init_process_group("gloo")
    rng = np.random.default_rng([9, step, rank])
    ones, twos = Pool(a.pool, [1, step, rank]).batches(a.batch * 3 // 4), Pool(a.pool, [2, step, rank]).batches(a.batch // 4)
    while not opt.stop:
        tokens, deep, offsets, scenes, dense, stats = [], [], [], [], 0.0, {}
        for pictures, masks, some in (next(ones), next(twos)):
            target = to_device(M.dense_targets(some, masks))
            patches = M.to_patches(torch.from_numpy(pictures).to(device()))
            t, d, hidden = net.visual(patches, *some[0].grid)
            one, figures = M.dense_loss(net.heads, t, hidden, target)
            dense = dense + one * len(some) / a.batch
            stats = stats or {"v_" + k: v for k, v in figures.items() if k in ("shape", "digit", "edge", "recall")}
            base, per = sum(x.shape[0] for x in tokens), t.shape[1]
            offsets += [(s.grid, base + i * per) for i, s in enumerate(some)]
            tokens.append(t.flatten(0, 1))
            deep.append([x.flatten(0, 1) for x in d])
            scenes += some
        n = len(scenes) - len(some)
        batch = Collated(coder, talk_over(rng, scenes, n, len(some)), offsets).to(device())
        deep = [torch.cat(parts) for parts in zip(*deep)]
        loss, by_kind = answer_loss(net, batch, torch.cat(tokens), deep)
        stats |= by_kind
        stats["dense"] = float(dense.detach())
        (loss + a.dense * dense).backward()
        opt.stop = clock.done()
        stats["norm"] = opt.step(clock.rate(step))
        step += 1
        if rank:
            continue
        log.add(stats)
        if step % 25 == 0:
            log.flush(step)
        if step % 50 == 0 or opt.stop:
            save(path, opt, {k: v.float() for k, v in net.state_dict().items() if k.startswith("heads.oracle")}, step, clock.spent())


def oracle(a) -> None:
    """Fixes the map from true labels to picture tokens that the language has learned to read; vision then aims at it."""
    weights = torch.load(os.path.join(a.work, "text.pt"), map_location="cpu")["weights"]
    torch.save({k: weights["heads.oracle." + k] for k in ("weight", "bias")}, os.path.join(a.work, "oracle.pt"))


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("stage", choices=["vision", "text", "oracle", "joint"])
    ap.add_argument("--pool")
    ap.add_argument("--work", required=True)
    ap.add_argument("--minutes", type=float, default=30)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--simple", type=int, default=500, help="text steps that only look things up (colour, shape, place, number)")
    ap.add_argument("--boost", type=float, default=2.0, help="learning rate of the text matrices relative to --lr")
    ap.add_argument("--dense", type=float, default=0.1, help="weight of the dense labels in the joint step")
    ap.add_argument("--fresh", action="store_true", help="keep the weights, start the optimiser and the clock anew")
    ap.add_argument("--from-gguf", help="folder with shipped files to go on from (joint)")
    a = ap.parse_args()
    os.makedirs(a.work, exist_ok=True)
    torch.set_num_threads(a.threads)
    globals()[a.stage](a)


if __name__ == "__main__":
    main()
