"""The tokenizer (byte-level BPE on our own corpus) and the exact token sequence of a conversation."""

from __future__ import annotations

import os
import sys

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from config import SPECIALS

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, "tokenizer.json")
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
EOT, START, END, VSTART, VEND, IMAGE = range(6)


def train(vocab: int = 1664, conversations: int = 12000) -> Tokenizer:
    import generate
    import questions

    rng = np.random.default_rng(3)
    corpus = []
    for i in range(conversations):
        scenes = [generate.layout(rng) for _ in range(int(rng.choice([0, 1, 2], p=[0.25, 0.6, 0.15])))]
        for t in questions.conversation(rng, scenes, 5):
            corpus += [t.q, t.a]
    for noun in questions.OFF + questions.OFF_NOUNS + questions.OFF_VERBS:
        corpus += [noun] * 5
    words = "user assistant system I you your me my we they he she it is are was the this that and or not no yes of in on at to with for from as by but".split()
    corpus += [" " + w for w in words] * 20 + ["user\n", "assistant\n", "system\n"] * 50
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=vocab, special_tokens=SPECIALS, min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tok


class Coder:
    def __init__(self, path: str = PATH):
        self.tok = Tokenizer.from_file(path)
        self.vocab = (self.tok.get_vocab_size() + 31) // 32 * 32
        self.cache: dict[str, list[int]] = {}
        self.user = [START, *self.ids("user"), *self.ids("\n")]
        self.assistant = [END, *self.ids("\n"), START, *self.ids("assistant"), *self.ids("\n")]
        self.newline = self.ids("\n")

    def ids(self, text: str) -> list[int]:
        found = self.cache.get(text)
        if found is None:
            found = self.tok.encode(text).ids
            if len(self.cache) < 200000:
                self.cache[text] = found
        return found

    def sequence(self, turns, grids: list[tuple[int, int]]):
        """ids, whether each is learned, and 3 x length positions; grids of the pictures in the order they are shown."""
        ids, learn, pos, at, shown = [], [], [], 0, 0

        def add(tokens, wanted=False):
            nonlocal at
            ids.extend(tokens)
            learn.extend([wanted] * len(tokens))
            pos.extend((p, p, p) for p in range(at, at + len(tokens)))
            at += len(tokens)

        for i, t in enumerate(turns):
            add((self.newline if i else []) + self.user)
            for _ in range(t.shown):
                rows, cols = grids[shown]
                shown += 1
                add([VSTART])
                ids.extend([IMAGE] * (rows * cols))
                learn.extend([False] * (rows * cols))
                pos.extend((at, at + r, at + c) for r in range(rows) for c in range(cols))
                at += max(rows, cols)
                add([VEND])
            add(self.ids(t.q))
            add(self.assistant)
            add(self.ids(t.a) + [END], True)
        return ids, learn, pos


if __name__ == "__main__":
    train().save(sys.argv[1] if len(sys.argv) > 1 else PATH)
