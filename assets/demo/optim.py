"""Muon for the matrices inside the blocks, AdamW for the rest, on float32 masters of bfloat16 weights."""

from __future__ import annotations

import torch


class Optimiser:
    def __init__(self, named, lr: float, decay: float = 0.01, boost: float = 1.0):
        self.boost = boost  # how much faster the matrices inside the blocks learn than the rest
        self.stop = False
        self.named = [(n, p) for n, p in named if p.requires_grad]
        self.params = [p for _, p in self.named]
        self.master = [p.detach().float().clone().requires_grad_(True) for p in self.params]
        inner = lambda n, p: p.dim() == 2 and (".blocks." in n or ".layers." in n or "merger" in n)
        mats = [m for (n, p), m in zip(self.named, self.master) if inner(n, p)]
        rest = [m for (n, p), m in zip(self.named, self.master) if not inner(n, p)]
        self.parts = []
        if mats:
            self.parts.append(torch.optim.Muon(mats, lr=lr, weight_decay=decay, momentum=0.95, ns_steps=5, adjust_lr_fn="match_rms_adamw"))
        self.parts.append(torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0))

    def step(self, lr: float, clip: float = 1.0) -> float:
        for p, m in zip(self.params, self.master):
            m.grad = torch.zeros_like(m) if p.grad is None else p.grad.float()
            p.grad = None
        if torch.distributed.is_initialized():
            self.share()
        norm = torch.nn.utils.clip_grad_norm_(self.master, clip)
        for part in self.parts:
            for g in part.param_groups:
                g["lr"] = lr * (self.boost if isinstance(part, torch.optim.Muon) else 1.0)
            part.step()
        with torch.no_grad():
            for p, m in zip(self.params, self.master):
                p.copy_(m)
        return float(norm)

    def share(self) -> None:
        """Averages gradients over the processes; the last number tells whether any of them wants to stop."""
        flat = torch.cat([m.grad.flatten() for m in self.master] + [torch.tensor([float(self.stop)], device=self.master[0].device)])
        torch.distributed.all_reduce(flat)
        self.stop = bool(flat[-1] > 0)
        at = 0
        for m in self.master:
            m.grad.copy_(flat[at:at + m.numel()].view_as(m) / torch.distributed.get_world_size())
            at += m.numel()

    def weights(self) -> dict[str, torch.Tensor]:
        return {n: m.detach() for (n, _), m in zip(self.named, self.master)}

    def state(self):
        return [p.state_dict() for p in self.parts]

    def load_state(self, state):
        for p, s in zip(self.parts, state):
            p.load_state_dict(s)
